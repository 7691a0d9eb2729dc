# SPDX-License-Identifier: Apache-2.0
"""What the stands of Envoy and of the proxies that ask by HTTP have in common, and the tests that every one of them has to pass."""
from setting import Client, ask, equal, wait_for


class Front:
    """self has pki, agent, and front: a proxy on front.port."""

    def ask(self, name=None, **kwargs):
        return ask(self.front.port, self.pki.both(name) if name else None, **kwargs)

    def denied(self, name, reason, status=403, **kwargs):
        answer = self.ask(name, **kwargs)
        equal((answer.status, answer.reason), (status, reason), f"{name} {kwargs}")
        return answer

    def wait(self):
        wait_for("an answer", lambda: self.ask("alice").status == 200, 20)

    def stop(self):
        self.front.stop()
        self.agent.stop()


def common(tests, stand, gone):
    """gone: the status of what a client gets without an agent."""

    @tests
    def every_bad_one_is_refused_with_its_reason():
        answer = stand.denied(None, "certificate_required")
        equal(answer.header("content-type"), "application/problem+json")
        for name in ("foreign", "expired", "early", "selfsigned", "serveronly"):
            stand.denied(name, "certificate_invalid")
        stand.denied("denied", "certificate_revoked")
        stand.denied("alice", "host_unknown", host="other.example.com")

    @tests
    def connections_stay_and_bodies_pass():
        with Client(stand.front.port, certificate=stand.pki.both("alice")) as client:
            for _ in range(20):
                answer = client.request("/up", "POST", body=b"x" * 100000)
                equal((answer.status, answer.json["body"], answer.json["method"]), (200, 100000, "POST"))
        with Client(stand.front.port) as client:
            equal(client.request("/up", "PUT", body=b"x" * 1000).status, 403)

    @tests
    def no_agent_is_no_access():
        equal(stand.agent.stop(), 0)
        for name in ("alice", None):
            equal(stand.ask(name).status, gone)
        stand.agent.start()
        stand.wait()
