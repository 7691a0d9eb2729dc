# SPDX-License-Identifier: Apache-2.0
"""Clients that ask over and over in the background, while a test does something to the agent."""
import collections
import threading
import time

from client import Client

Sample = collections.namedtuple("Sample", "who status reason seconds at")


class Load:
    """who: (name, certificate or None) pairs; one thread each, on a connection that stays open."""

    def __init__(self, port, who, host="api.example.com", path="/", each=None):
        self.port, self.host, self.path, self.each = port, host, path, each
        self.samples, self.errors = [], []
        self.ends = False
        self.threads = [threading.Thread(target=self.work, args=pair, daemon=True) for pair in who]

    def work(self, name, certificate):
        client = Client(self.port, self.host, certificate)
        while not self.ends:
            started = time.monotonic()
            try:
                got = client.request(self.path)
                if self.each:
                    self.each(name, got)
                self.samples.append(Sample(name, got.status, got.reason, time.monotonic() - started, started))
            except Exception as why:
                self.errors.append(f"{name}: {why!r}")
                client.close()
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        for thread in self.threads:
            thread.join(15)

    def verdicts(self, name, since=0.0):
        """(status, reason) -> how often."""
        return collections.Counter((s.status, s.reason) for s in list(self.samples) if s.who == name and s.at >= since)

    def slow(self, seconds):
        return [s for s in self.samples if s.seconds >= seconds]
