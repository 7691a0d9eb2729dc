#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Good and bad clients ask through every front while somebody takes an agent away. Exit 0 when nobody passed who may not, and each good
client that was turned away came within moments of the agent's end.

usage: two_agents.py PKI-FOLDER ADDRESS:PORT...      a front whose address is "envoy" is Envoy's; WATCH_SECONDS=20
"""
import collections
import os
import sys
import threading
import time

import scenario

# None: no certificate
GOOD, BAD = ["alice", "bob"], [None, "foreign", "expired", "denied"]
PAUSE = 0.2
# Two health checks half a second apart, each of which may take as long again, and a request that waited for the agent.
WINDOW = 3.0

Sample = collections.namedtuple("Sample", "front who at status")


class Watch:
    def __init__(self, pki, fronts, seconds):
        self.samples, self.ends = [], time.monotonic() + seconds
        self.threads = [threading.Thread(target=self.work, args=(pki, front, who)) for front in fronts for who in GOOD + BAD]
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()

    def work(self, pki, front, who):
        tls = scenario.context(pki, who)
        while time.monotonic() < self.ends:
            at = time.monotonic()
            try:
                status = scenario.ask(front, tls, "api.example.com").status
            except OSError:
                status = 0
            self.samples.append(Sample(front[0], who, at, status))
            time.sleep(PAUSE)

    def faults(self, front):
        """What may not be, as text."""
        mine = [sample for sample in self.samples if sample.front == front]
        failed = [sample for sample in mine if sample.status == 503]
        first = min((sample.at for sample in failed), default=0.0)
        for sample in mine:
            right = 200 if sample.who in GOOD else 403
            if sample.status != right and not (sample.status == 503 and sample.at - first <= WINDOW):
                yield f"{front}: {sample.who} got {sample.status}"
        if not any(sample.status == 200 for sample in mine):
            yield f"{front}: nobody passed"

    def table(self, front):
        counts = collections.Counter((sample.who in GOOD, sample.status) for sample in self.samples if sample.front == front)
        return ", ".join(f"{'good' if good else 'bad'} {status} x {count}" for (good, status), count in sorted(counts.items()))


def play(pki, front):
    """The scenario through one front; how many went wrong."""
    results = list(scenario.requests(front, pki, front[0] == "envoy"))
    for what, good in results:
        if not good:
            print(f" FAIL {front[0]}: {what}", flush=True)
    print(f"{front[0]}: {sum(good for _, good in results)} of {len(results)} as they must be", flush=True)
    return sum(not good for _, good in results)


def main():
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    pki = sys.argv[1]
    fronts = [(address, int(port)) for address, _, port in (text.rpartition(":") for text in sys.argv[2:])]
    wrong = sum(play(pki, front) for front in fronts)
    print("asking", flush=True)
    watch = Watch(pki, fronts, float(os.environ.get("WATCH_SECONDS", 20)))
    for name, _ in fronts:
        print(f"{name}: {watch.table(name)}", flush=True)
        for fault in watch.faults(name):
            print(f" FAIL {fault}", flush=True)
            wrong += 1
    wrong += sum(play(pki, front) for front in fronts)
    print(f"# {wrong} not as they must be", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
