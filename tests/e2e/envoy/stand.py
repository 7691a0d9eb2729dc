# SPDX-License-Identifier: Apache-2.0
"""An agent behind a real Envoy with a shipped file, and the tests that each form of asking about requests has to pass."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Client, Tests, ask, equal, free_port, main, make_pki, settings, start_origin, wait_for  # noqa: E402,F401
import envoy  # noqa: E402
import fronts  # noqa: E402

FORGED = [("CF-Cert-Verified", "true"), ("X-Client-Name", "root"), ("Client-Cert", ":AAAA:"), ("Client-Cert-Chain", ":AAAA:"), ("X-Mtls-Id", "1"),
          ("X-Mtls-Reason", "allowed"), ("X-Mtls-Forged", "1"), ("X-Forwarded-Client-Cert", "Hash=00;Cert=\"x\"")]
# What means nothing to the origin, but might to Envoy or to the agent.
QUESTION = [("X-SSL-Cert", "x"), ("X-Forwarded-Tls-Client-Cert", "x"), ("X-Envoy-Auth-Headers-To-Remove", "cf-cert-verified"), ("X-Tls-Version", "TLSv1.1")]


def start_envoy(name, folder, pki, agent, origin, edits=()):
    """agent: a port, or None where the edits say how it is reached."""
    return envoy.Envoy(os.environ["ENVOY"], name, folder, pki.path("server").parent, agent, origin.port, edits).start()


class Stand(fronts.Front):
    """form: "grpc" or "http", of the listener and of the shipped file."""

    def __init__(self, form, entry, worker):
        self.pki, self.origin, self.port = make_pki(), start_origin(), free_port()
        self.pki.issue("ed25519", "/O=Example/OU=admin/CN=ed", issuer="partners", algorithm="ed25519")
        (FOLDER / "worker.lua").write_text(worker)
        self.agent = Agent(FOLDER / "agent", settings(
            self.pki, listen={"spop": [], form: [{1: f"127.0.0.1:{self.port}", **entry}]},
            workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}])).start()
        health = [("port_value: 9643", f"port_value: {self.agent.admin}")] if form == "http" else []
        self.front = start_envoy(f"{form}.yaml", FOLDER / "envoy", self.pki, self.port, self.origin, health)
        self.wait()


def common(tests, stand):
    """Adds what is the same in both forms."""

    @tests
    def good_certificates_reach_the_origin():
        for name in ("alice", "bob", "ed25519"):
            answer = stand.ask(name, path="/a/b?c=d")
            equal((answer.status, answer.json["path"]), (200, "/a/b?c=d"))
            equal(answer.origin("cf-cert-verified"), ["true"])
            equal(len(answer.origin("client-cert")), 1)
            for gone in ("x-forwarded-client-cert", "x-mtls-id", "x-mtls-reason", "x-ssl-sni"):
                equal(answer.origin(gone), [], gone)
        equal(stand.ask("rsa", host="a.iot.example.com").status, 200)

    @tests
    def hosts_are_told_from_server_names():
        stand.denied("foreign", "misdirected_request", 421, sni="www.example.com")

    @tests
    def what_clients_forge_does_not_arrive():
        for name, reason in ((None, "certificate_required"), ("foreign", "certificate_invalid")):
            stand.denied(name, reason, headers=FORGED + QUESTION)
            answer = stand.ask(name, host="www.example.com", headers=FORGED + QUESTION)
            equal(answer.status, 200)
            equal(answer.origin("cf-cert-verified"), ["false"])
            for gone, _ in FORGED[1:]:
                equal(answer.origin(gone.lower()), [], gone)
        equal(stand.ask(None, host="www.example.com", headers=[("cf_cert_verified", "true")]).status, 400)
        equal(stand.ask("alice", headers=[("x_forwarded_client_cert", "x")]).status, 400)

    @tests
    def sessions_are_not_resumed():
        for tls in ("1.2", "1.3"):
            with Client(stand.front.port, certificate=stand.pki.both("alice"), tls=tls) as client:
                equal(client.request().status, 200)
                equal((client.connect(resume=True).request().status, client.resumed), (200, False), tls)

    fronts.common(tests, stand, 503)


def run(tests, stand):
    code = main(tests)
    stand.stop()
    sys.exit(code)
