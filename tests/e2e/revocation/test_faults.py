#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source with every fault: when nothing was known yet, when something was, and when that has ended. What comes out is the fault
matrix in the README ("How to revoke"), which has to be the same. UPDATE=1 puts it there.
"""
import collections
import re
import shutil
import sys
import time

from rig import FOLDER, Clock, Setting, came_out, in_readme, settings_of
import revocable  # the path to it comes from rig
from faulty import Faulty, responder
from process import free_port, wait_for
from tap import Tests, main

tests = Tests()
HOUR = 3600  # that long lists and answers are good; then the agent's clock is set past that
WORDS = ("deny", "allow")

Row = collections.namedtuple("Row", "kind fault text")
ROWS = [
    Row("url", "dead", "refuses connections"),
    Row("url", "mute", "never answers"),
    Row("url", "slow", "ten bytes a second"),
    Row("url", "reset", "resets the connection"),
    Row("url", "missing", "answers 404"),
    Row("url", "loop", "redirects in a loop"),
    Row("url", "lie", "ends before its Content-Length"),
    Row("url", "half", "sends half a list"),
    Row("url", "page", "sends a web page"),
    Row("url", "bomb", "gzip, 200 MB unpacked"),
    Row("url", "large", "500 MB"),
    Row("url", "endless", "never ends"),
    Row("url", "forged", "a list of another CA with that name"),
    Row("url", "older", "the list before the last one"),
    Row("file", "missing", "is not there"),
    Row("file", "half", "is half written"),
    Row("file", "forged", "a list of another CA with that name"),
    Row("file", "older", "the list before the last one"),
    Row("deny file", "missing", "is not there"),
    Row("deny file", "half", "has a line that is no entry"),
    Row("OCSP", "dead", "refuses connections"),
    Row("OCSP", "mute", "never answers"),
    Row("OCSP", "slow", "ten bytes a second"),
    Row("OCSP", "reset", "resets the connection"),
    Row("OCSP", "missing", "answers 404"),
    Row("OCSP", "lie", "ends before its Content-Length"),
    Row("OCSP", "page", "sends a web page"),
    Row("OCSP", "endless", "never ends"),
    Row("OCSP", "later", "says tryLater"),
    Row("OCSP", "unknown", "does not know the certificate"),
    Row("OCSP", "older", "an answer from before the last one"),
    Row("OCSP", "forged", "a responder of another CA signs"),
]
SOURCES = {"url": "list, URL", "file": "list, file", "deny file": "deny file", "OCSP": "OCSP"}
TRY_LATER = bytes.fromhex("30030a0103")


class Case:
    """One row while it runs: its sources, its certificates, what was answered."""

    def __init__(self, number, row):
        self.name, self.row = f"row{number}", row
        self.server = self.path = None
        self.good = self.bad = self.stranger = None  # stranger: one that the source was never asked about
        self.got = {}

    def sources(self):
        """The source that works at first, and the one that never did, as `revocation` takes them."""
        row = self.row
        if row.kind == "url":
            never = f"http://127.0.0.1:{free_port()}/" if row.fault == "dead" else self.server.url("never/list")
            return {"crl": [self.server.url("had/list")]}, {"crl": [never]}
        if row.kind == "OCSP":
            return {"ocsp": True}, {"ocsp": True}
        key, mark = ("deny", "file:") if row.kind == "deny file" else ("crl", "")
        return {key: [f"{mark}{self.path}"]}, {key: [f"{mark}{self.path.with_suffix('.never')}"]}


class Matrix:
    def __init__(self):
        self.folder = FOLDER / "matrix"
        self.ca = revocable.Ca(self.folder / "ca")
        self.stranger = revocable.Ca(self.folder / "other")
        self.good, self.bad = self.ca.issue("good"), self.ca.issue("bad")
        self.cases = [Case(number, row) for number, row in enumerate(ROWS)]
        self.serve_responders()
        for case in self.cases:
            self.prepare(case)
        self.lists = self.make_lists()
        for case in self.cases:
            self.write_files(case)

    def serve_responders(self):
        (self.folder / "empty.txt").write_text("")
        real = revocable.Responder(self.ca, minutes=60)
        forged = revocable.Responder(self.ca, minutes=300, signer=self.stranger)
        before = revocable.Responder(self.ca, index=self.folder / "before.txt", minutes=300, clock=-120)
        unknown = revocable.Responder(self.ca, index=self.folder / "empty.txt", minutes=300)
        self.responders = {"real": real, "forged": forged, "unknown": unknown, "older": before}
        self.answers = {name: responder(each.port) for name, each in self.responders.items()}
        self.answers["later"] = lambda body: TRY_LATER

    def prepare(self, case):
        row, case.good, case.bad, case.stranger = case.row, self.good, self.bad, self.good
        case.path = self.folder / f"{case.name}.txt"
        if row.kind == "url":
            case.server = Faulty(row.fault, lambda body: self.lists["new"], lambda body: self.lists[row.fault])
        elif row.kind == "OCSP":
            case.server = Faulty(row.fault, self.answers["real"], self.answers.get(row.fault))
            never = f"http://127.0.0.1:{free_port()}/" if row.fault == "dead" else case.server.url("never/")
            case.good, case.bad = (self.ca.issue(f"{case.name}-{what}", ocsp=case.server.url("had/")) for what in ("good", "bad"))
            case.stranger = self.ca.issue(f"{case.name}-never", ocsp=never)
            if row.fault == "older":
                shutil.copy(self.ca.folder / "index.txt", self.folder / "before.txt")
            self.ca.revoke(f"{case.name}-bad")

    def make_lists(self):
        """The good ones are refreshed a second after they came: most of their life is over."""
        lists = {}
        for name, ca, revokes in (("older", self.ca, False), ("new", self.ca, True), ("forged", self.stranger, False)):
            if revokes:
                self.ca.revoke("bad")
            ca.publish(self.folder / name, seconds=HOUR, age=30 * HOUR + (name == "older"), der=True)
            lists[name] = (self.folder / name).read_bytes()
        return lists

    def broken(self, case):
        """What a file holds that has the fault; None: there is none."""
        if case.row.fault == "missing":
            return None
        if case.row.kind == "deny file":
            return b"no entry at all\n"
        return self.lists[case.row.fault] if case.row.fault in self.lists else self.lists["new"][:200]

    @staticmethod
    def put(path, content):
        if content is None:
            path.unlink(missing_ok=True)
            return
        draft = path.with_suffix(".draft")
        draft.write_bytes(content)
        draft.rename(path)

    def write_files(self, case):
        if case.row.kind not in ("file", "deny file"):
            return
        works = self.ca.serial("bad").encode() + b"\n" if case.row.kind == "deny file" else self.lists["new"]
        self.put(case.path, works)
        self.put(case.path.with_suffix(".never"), self.broken(case))

    def settings(self):
        authorities = {}
        for case in self.cases:
            for phase, source in zip(("had", "never"), case.sources()):
                for word in WORDS:
                    authorities[f"{case.name}-{phase}-{word}"] = (self.ca, {**source, "when_unknown": word})
        return settings_of(authorities)

    def fail(self, case):
        if case.server:
            case.server.fail()
        else:
            self.put(case.path, self.broken(case))

    def stop(self):
        for case in self.cases:
            if case.server:
                case.server.stop()
        for each in self.responders.values():
            each.stop()


def ask(matrix, this, phase, name="had"):
    for case in matrix.cases:
        good = case.stranger if name == "never" else case.good
        case.got[phase] = this.both(f"{case.name}-{name}", good)
        if name == "had":
            case.got[f"{phase}, revoked"] = this.both(f"{case.name}-{name}", case.bad)


def wait_loaded(matrix, this):
    names = [f"{case.name}-had-{word}" for case in matrix.cases if case.row.kind != "OCSP" for word in WORDS]
    left = []

    def all_loaded():
        good = [authority for (authority, _), row in this.lists().items() if row["last_good"]]
        left[:] = [name for name in names if name not in good]
        return not left

    try:
        wait_for("what works", all_loaded, 30)
    except TimeoutError as why:
        raise AssertionError(f"{why}: {left}\n{this.agent.output()[-6000:]}") from None


def wait_answered(matrix, this):
    """The first answer of a responder may be too late for whoever asks first on a busy machine."""
    for case in matrix.cases:
        for cert, want in ((case.good, ("allowed", "allowed")), (case.bad, ("certificate_revoked", "certificate_revoked"))):
            wait_for(f"{case.row}: {want}", lambda: this.both(f"{case.name}-had", cert) == want, 20)


def wait_failed(matrix, this):
    """Until every list and deny file has been tried since it has its fault, in both authorities."""
    cases = [case for case in matrix.cases if case.row.kind != "OCSP"]
    left = []

    def all_failed():
        lists = this.lists()
        failed = [authority for (authority, _), row in lists.items() if row["error"]]
        left[:] = [case.row for case in cases if any(f"{case.name}-had-{word}" not in failed for word in WORDS)]
        return not left

    try:
        wait_for("faults to be seen", all_failed, 60)
    except TimeoutError as why:
        raise AssertionError(f"{why}: {left}\n{this.agent.output()[-6000:]}") from None


def without_numbers(text):
    """What differs from run to run, and at which step curl noticed."""
    text = re.sub(r"127\.0\.0\.1 port \d+", "HOST", text)
    text = re.sub(r"\w+ timed out after .*", "timed out", text)
    text = re.sub(r"\w+ failure: Connection reset", "Connection reset", text)
    text = re.sub(r"after \d+ ms", "after N ms", text)
    return re.sub(r"\d+ bytes remaining", "N bytes remaining", text)


SHARED = "too many bytes of lists are held at the same time"


def said_of(case, this, lists):
    """What is told of its fault."""
    if case.row.kind == "OCSP":
        return re.findall(rf"OCSP responder {re.escape(case.server.url(''))}\S*: (.*)", this.agent.output())
    for phase in "had", "never":
        errors = [row["error"] for (authority, _), row in lists.items()
                  if authority.startswith(f"{case.name}-{phase}-") and row["error"]]
        # Lists that never end also use up what all of them share: at least one of them comes to its own end.
        if not errors or any(error != SHARED for error in errors):
            return [error for error in errors if error != SHARED]
    return []


def note_errors(matrix, this):
    # A responder that does not know a certificate has answered: that is nothing for the log.
    cases = [case for case in matrix.cases if (case.row.kind, case.row.fault) != ("OCSP", "unknown")]
    wait_for("all to be told", lambda: all(said_of(case, this, this.lists()) for case in cases), 30)
    lists = this.lists()
    for case in matrix.cases:
        case.error = without_numbers((said_of(case, this, lists) or [""])[0])


def expected(row):
    """(nothing known yet, before nextUpdate, after it) for when_unknown "deny" and a certificate that is good."""
    ended = {"deny file": "allowed"}.get(row.kind, "revocation_stale")
    never = "revocation_unknown"
    if row.fault == "older":
        never = "allowed"
    return never, "allowed", ended


def table(matrix):
    def cell(pair):
        return " / ".join(reason if reason == "allowed" else f"`{reason}`" for reason in dict.fromkeys(pair))

    lines = ["| source | what it does | nothing known yet | `nextUpdate` to come | `nextUpdate` over | revoked | what is logged |",
             "|---|---|---|---|---|---|---|"]
    for case in matrix.cases:
        got, row = case.got, case.row
        never = "–" if row.fault == "older" else cell(got["never"])
        over = "–" if row.kind == "deny file" else cell(got["over"])
        lines.append(f"| {SOURCES[row.kind]} | {row.text} | {never} | {cell(got['kept'])} | {over} | {cell(got['over, revoked'])} "
                     f"| {case.error or '–'} |")
    return "\n".join(lines) + "\n"


def run(matrix):
    clock = Clock(FOLDER / "matrix.now")
    with Setting("matrix/agent", matrix.settings(), env=clock.env, until="/healthz") as this:
        wait_loaded(matrix, this)
        wait_answered(matrix, this)
        ask(matrix, this, "works")
        for case in matrix.cases:
            matrix.fail(case)
        wait_failed(matrix, this)
        ask(matrix, this, "kept")
        ask(matrix, this, "never", "never")
        clock.set(2 * HOUR)
        time.sleep(0.05)
        ask(matrix, this, "over")
        note_errors(matrix, this)
        # What came of asking again counts, too.
        ask(matrix, this, "over")


@tests
def nothing_is_allowed_that_was_denied_and_the_reason_says_why():
    matrix = Matrix()
    try:
        for each in matrix.responders.values():
            each.start()
        run(matrix)
    finally:
        matrix.stop()
    wrong = []
    for case in matrix.cases:
        never, kept, over = expected(case.row)
        want = {"works": ("allowed", "allowed"), "never": (never, "allowed"), "kept": (kept, "allowed"), "over": (over, "allowed")}
        for phase in ("works", "kept", "over"):
            want[f"{phase}, revoked"] = ("certificate_revoked", "certificate_revoked")
        wrong += [f"{case.row.kind} {case.row.fault}, {phase}: {case.got[phase]}, not {want[phase]}"
                  for phase in want if case.got[phase] != want[phase]]
    assert not wrong, "\n".join(wrong)
    came_out("faults of sources", table(matrix))


@tests
def the_readme_has_what_came_out():
    in_readme("faults of sources")


if __name__ == "__main__":
    sys.exit(main(tests))
