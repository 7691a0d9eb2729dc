# SPDX-License-Identifier: Apache-2.0
"""How long a revoked client still passes a proxy."""
import statistics
import time

from client import Client
from tap import equal

LIMIT = 2.0


def host(name):
    return f"{name}.example.com"


class Trial:
    """One certificate that passes, with a connection that stays open and a session to resume. resumes: whether
    the front does that; tls: the version, when it knows one only."""

    def __init__(self, front, ca, number, resumes=True, tls=None):
        version = tls or ("1.2" if number % 2 else "1.3")
        self.name = f"{ca.folder.name} {number}, TLS {version}"
        self.kept = Client(front.port, host(ca.folder.name), ca.pems[f"c{number}"], tls=version)
        self.forms = {"kept": self.ask_kept, "resumed": self.ask_resumed, "fresh": self.ask_fresh}
        if not resumes:
            del self.forms["resumed"]
        self.took = {}
        equal(self.kept.request().status, 200, self.name)

    def ask_kept(self):
        return self.kept.request()

    def ask_resumed(self):
        with self.kept.sibling() as client:
            answer = client.connect(resume=True).request()
            equal(client.resumed, True, f"{self.name}: resumed")
            return answer

    def ask_fresh(self):
        with self.kept.sibling() as client:
            answer = client.connect().request()
            equal(client.resumed, False, f"{self.name}: a new session")
            return answer

    def ask_all(self, known):
        """Asks in each form that is not denied yet; known: when the revocation was (monotonic). True when all are."""
        for form, ask in self.forms.items():
            if form in self.took:
                continue
            asked = time.monotonic() - known
            answer = ask()
            if answer.status == 200:
                if asked > LIMIT:
                    raise AssertionError(f"{self.name}: {form} passes {asked:.3f} s after the revocation was known")
                continue
            took = time.monotonic() - known
            equal((answer.status, answer.reason), (403, "certificate_revoked"), f"{self.name}: {form}")
            self.took[form] = took
        return len(self.took) == len(self.forms)

    def measure(self, known):
        while not self.ask_all(known):
            time.sleep(0.005)
        self.kept.close()


def report(what, trials):
    for form in trials[0].forms:
        took = sorted(trial.took[form] * 1000 for trial in trials)
        print(f"# {what}, {form}: {len(took)} trials, median {statistics.median(took):.0f} ms, slowest {took[-1]:.0f} ms", flush=True)
        assert took[-1] <= LIMIT * 1000, f"{what}, {form}: {took[-1]:.0f} ms"
