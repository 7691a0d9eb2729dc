#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a revoked client still passes HAProxy: on the connection that it has open, on a TLS session that it resumes, on a new one.

The clock starts when the revocation is known: the file has been renamed, the list's answer has been sent, the reload has returned. A
hundred trials of each kind on Debian's own HAProxy, a few on the other branches, where only the front differs.
"""
import concurrent.futures
import time

from setting import (BRANCH, FOLDER, PROGRAM, Agent, Haproxy, Tests, equal, fronts as shipped_fronts, main, make_pki, start_origin)
import revocable  # the path to it comes from setting
from trials import Trial, host, report

FULL = BRANCH == "2.6"
LANES, ROUNDS = (10, 10) if FULL else (3, 1)
TRIALS = 100 if FULL else 5
BATCHES, BATCH = (4, 25) if FULL else (1, 5)
ONCE = "haproxy-connection.cfg"

tests = Tests()
pki = make_pki()
origin = start_origin()


def make(name, count):
    """A CA, its list in a file, and that many certificates."""
    ca = revocable.Ca(FOLDER / name, f"CA {name}")
    ca.pems = ca.issue_many([f"c{i}" for i in range(count)])
    return ca


file_ca, once_ca, deny_ca = make("file", TRIALS), make("once", BATCHES * BATCH), make("deny", TRIALS)
lane_cas = [make(f"lane{i}", ROUNDS) for i in range(LANES)]
nginx = revocable.Nginx(FOLDER / "nginx")
FILES = {ca: FOLDER / f"{ca.folder.name}.crl" for ca in (file_ca, once_ca)}
DENY_FILE = FOLDER / "deny.txt"
DENY_FILE.write_text("# nobody yet\n")
for each, place in FILES.items():
    each.publish(place)


def publish_lane(ca):
    """Most of its life is over: the agent looks for the next one a second later, the shortest time there is."""
    ca.publish(nginx.root / f"{ca.folder.name}.crl", seconds=60, age=1000)


def settings():
    revocation = {ca.folder.name: {"crl": [path]} for ca, path in FILES.items()}
    revocation["deny"] = {"deny": [f"file:{DENY_FILE}"]}
    revocation.update({ca.folder.name: {"crl": [nginx.url(f"{ca.folder.name}.crl")]} for ca in lane_cas})
    return {"threads": 2,
            "authorities": {name: {"certificates": FOLDER / name / "ca.pem", "revocation": what} for name, what in revocation.items()},
            "hosts": {host(name): {"authorities": [name]} for name in revocation}}


for each in lane_cas:
    publish_lane(each)
nginx.start()
agent = Agent(FOLDER / "agent", settings()).start()
fronts = {name: Haproxy(PROGRAM, FOLDER / name, name, pki, f"127.0.0.1:{agent.port}", origin.port).start() for name in shipped_fronts()}
asking = [front for name, front in fronts.items() if name != ONCE]


def run_lane(ca):
    name, trials = f"{ca.folder.name}.crl", []
    for number in range(ROUNDS):
        trial = Trial(asking[number % len(asking)], ca, number)
        ca.revoke(f"c{number}")
        before = len(nginx.served(name))
        publish_lane(ca)
        end = time.monotonic() + 20
        while len(nginx.served(name)) == before:
            assert time.monotonic() < end, f"{name} is not fetched\n{agent.output()[-2000:]}"
            time.sleep(0.01)
        trial.measure(nginx.served(name)[before] - time.time() + time.monotonic())
        trials.append(trial)
    return trials


@tests
def a_url_that_is_refreshed():
    """Several lists at a time, each of a CA and a host of its own, since one is asked for at most once a second. First, because one
    that stays as it was is asked for more and more seldom."""
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        trials = [trial for lane in pool.map(run_lane, lane_cas) for trial in lane]
    report("URL refreshed", trials)


@tests
def a_renamed_file():
    trials = []
    for number in range(TRIALS):
        trial = Trial(asking[number % len(asking)], file_ca, number)
        file_ca.revoke(f"c{number}")
        trial.measure(file_ca.publish(FILES[file_ca], der=number % 2 == 1))
        trials.append(trial)
    report("file renamed", trials)


@tests
def a_deny_list_that_a_reload_brings():
    """Half of them in the configuration, half in a file that it names. Whoever asks after the reload is denied, whichever loop answers."""
    trials, deny = [], agent.settings["authorities"]["deny"]["revocation"]["deny"]
    for number in range(TRIALS):
        trial = Trial(asking[number % len(asking)], deny_ca, number)
        serial = f"{0x5000000000000001 + number:X}"
        if number % 2:
            with DENY_FILE.open("a") as file:
                file.write(serial + "\n")
        else:
            deny.append(serial)
            agent.write()
        code, out, err = agent.command("reload")
        known = time.monotonic()
        equal(code, 0, out + err)
        equal(trial.ask_all(known), True, f"{trial.name}: all denied at the first question")
        trial.kept.close()
        trials.append(trial)
    report("deny list reloaded", trials)


@tests
def a_front_that_asks_once_a_connection():
    """What its connection holds ends in time. A list revokes several; each is measured on its own."""
    every = []
    for batch in range(BATCHES):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        trials = [Trial(fronts[ONCE], once_ca, number) for number in numbers]
        for number in numbers:
            once_ca.revoke(f"c{number}")
        for trial in trials:
            equal(trial.ask_kept().status, 200, trial.name)
        known = once_ca.publish(FILES[once_ca])
        left = trials
        while left:
            left = [trial for trial in left if not trial.ask_all(known)]
        for trial in trials:
            trial.kept.close()
        every += trials
    report("file renamed, once a connection", every)


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in [*fronts.values(), agent, nginx]:
            process.stop()
    raise SystemExit(result)
