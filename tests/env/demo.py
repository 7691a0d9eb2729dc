#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows it: a throw-away PKI, the agent, a real HAProxy with the shipped front, an origin; requests with good and bad certificates.

    demo.py         shows the table, then stays until Ctrl-C, with curl commands to try
    DEMO_ONCE=1     ends after the table, with 1 when a row is not as it should be
"""
import os
import pathlib
import shutil
import sys
import tempfile
import time

import pki as pki_maker
from agent import PROGRAM, Agent
from client import Client
from haproxy import Haproxy
from origin import Origin
from process import accepts
from proxies import version_of

PORT = 8443
WORKER = """-- Decides by the organisational unit of the certificate, and tells the origin the role.
local roles = { admin = "read-write", staff = "read-only" }

local M = {}

function M.fetch(request, env, ctx)
  local tls = request.cf.tlsClientAuth
  if tls.certVerified ~= "SUCCESS" then
    return Response.redirect(env.HELP, 303)
  end
  local role = roles[tls.certSubjectDNRFC2253:match("OU=([^,]+)")]
  if not role then
    return Response.new("no role for " .. tls.certSubjectDN .. "\\n", { status = 403, headers = { ["x-portal"] = "no role" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-role", role)
  local response = fetch(to_origin)
  response.headers:set("x-portal", role)
  return response
end

return M
"""
BOLD, RED, GREEN, PLAIN = ("\033[1m", "\033[31m", "\033[32m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else [""] * 4


def configuration(folder, pki):
    worker = folder / "portal.lua"
    worker.write_text(WORKER)
    return {
        "authorities": {
            "partners": {"certificates": pki.path("partners"), "revocation": {"deny": [pki.serial("denied")]}},
            "devices": {"certificates": pki.path("devices")},
        },
        "hosts": {
            "api.example.com": {"authorities": ["partners"]},
            "*.iot.example.com": {"authorities": ["devices"]},
            "portal.example.com": {"authorities": ["partners", "devices"], "require": "none"},
        },
        "workers": [{"name": "portal", "script": worker, "routes": ["portal.example.com/*"], "vars": {"HELP": "https://help.example.com/"}}],
        "headers": {"managed_transform": True, "client_cert": True, "owned": ["x-role"]},
        "decisions": {"log": folder / "decisions.log", "level": "all"},
    }


class Demo:
    def __init__(self, folder):
        self.folder = folder
        self.pki = pki_maker.make(folder / "pki")
        self.origin = Origin().start()
        self.agent = Agent(folder / "agent", configuration(folder, self.pki))
        program = os.environ.get("HAPROXY") or shutil.which("haproxy") or "/usr/sbin/haproxy"
        self.version = version_of(program)
        owned = "    http-request del-header ^x[-_]mtls[-_] -m reg\n"
        self.front = Haproxy(program, folder / "haproxy", "haproxy.cfg", self.pki, f"127.0.0.1:{self.agent.port}", self.origin.port,
                             edits=[(owned, owned + "    http-request del-header ^x[-_]role$ -m reg\n")],
                             port=None if accepts(PORT) else PORT)
        self.wrong = 0

    def start(self):
        self.agent.start()
        self.front.start()

    def stop(self):
        self.front.stop()
        self.agent.stop()
        self.origin.stop()

    def row(self, what, host, got, seconds, status, reason, note=""):
        """One line of the table; what is not as expected is said so and counted."""
        told = got.reason or ("worker" if status not in (200, 503) and not reason else "")
        fine = got.status == status and (reason is None or got.reason == reason)
        self.wrong += not fine
        mark = f"{GREEN}as it should{PLAIN}" if fine else f"{RED}expected {status} {reason or ''}{PLAIN}"
        print(f"  {what:<34} {host:<20} {got.status:>6}  {told:<22} {seconds * 1000:>6.1f} ms  {mark}{'  ' + note if note else ''}", flush=True)

    def ask(self, what, who, host, status, reason=None, note=lambda got: "", **kwargs):
        with Client(self.front.port, host, self.pki.both(who) if who else None) as client:
            client.connect()
            started = time.monotonic()
            got = client.request(**kwargs)
            self.row(what, host, got, time.monotonic() - started, status, reason, note(got) if got.status == status else "")
            return got

    def resumed(self, who, host, status, reason=None):
        for version in ("1.2", "1.3"):
            with Client(self.front.port, host, self.pki.both(who), tls=version) as client:
                client.request()
                client.connect(resume=True)
                started = time.monotonic()
                got = client.request()
                took = time.monotonic() - started
                self.wrong += not client.resumed
                self.row(f"{who}, resumed TLS {version} session", host, got, took, status, reason, "" if client.resumed else "not resumed")

    def show(self):
        api, portal = "api.example.com", "portal.example.com"
        print(f"\n{BOLD}  {'client certificate':<34} {'host':<20} {'status':>6}  {'reason':<22} {'took':>9}{PLAIN}")
        good = self.ask("good", "alice", api, 200, note=lambda got: f"origin sees {got.origin('cf-cert-subject-dn-rfc2253')[0]}",
                        headers=[("Cf_Cert_Verified", "forged"), ("Client-Cert", "forged")])
        self.ask("none", None, api, 403, "certificate_required")
        self.ask("of an authority nobody named", "foreign", api, 403, "certificate_invalid")
        self.ask("of another host's authority", "rsa", api, 403, "certificate_invalid")
        self.ask("good (RSA), its own host", "rsa", "s1.iot.example.com", 200)
        self.ask("expired", "expired", api, 403, "certificate_invalid")
        self.ask("not valid yet", "early", api, 403, "certificate_invalid")
        self.ask("signed by itself", "selfsigned", api, 403, "certificate_invalid")
        self.ask("serial on the deny list", "denied", api, 403, "certificate_revoked")
        self.resumed("alice", api, 200)
        self.resumed("denied", api, 403, "certificate_revoked")
        self.ask("good, host nobody configured", "alice", "other.example.com", 403, "host_unknown")

        def role(got):
            return f"worker sets x-role: {got.origin('x-role')[0]}, x-portal: {got.header('x-portal')}"
        self.ask("OU=admin, a Lua worker decides", "alice", portal, 200, note=role, headers=[("X-Role", "forged")])
        self.ask("OU=staff, a Lua worker decides", "bob", portal, 200, note=role)
        self.ask("OU=sensors, a Lua worker decides", "rsa", portal, 403, note=lambda got: got.body.decode().strip())
        self.ask("none, a Lua worker decides", None, portal, 303, note=lambda got: f"to {got.header('location')}")
        self.show_headers(good)
        self.show_absence(api)

    def show_headers(self, good):
        """What the first request brought to the origin; its own forged headers are gone."""
        print(f"\n{BOLD}  headers that the origin got with the first one (its forged Cf_Cert_Verified and Client-Cert are gone){PLAIN}")
        if good.status != 200:
            return
        ours = [(key, value) for key, value in good.json["headers"] if key.lower().startswith(("cf", "client"))]
        self.wrong += any(value == "forged" for _, value in ours) or len(ours) < 18
        for key, value in sorted(ours):
            print(f"  {key.lower():<28} {value if len(value) < 90 else value[:87] + '...'}")

    def show_absence(self, host):
        print(f"\n{BOLD}  with the agent stopped, and back again{PLAIN}")
        self.agent.stop()
        time.sleep(1.5)
        self.ask("good, no agent", "alice", host, 503, "policy_unavailable")
        self.agent.start()
        time.sleep(1.5)
        self.ask("good, agent back", "alice", host, 200)

    def invite(self):
        pki, port = self.pki, self.front.port
        base = f"curl -k --resolve '*:{port}:127.0.0.1'"
        print(f"\n{BOLD}  it runs until Ctrl-C; try{PLAIN}")
        for who, host in (("alice", "api"), ("expired", "api"), ("bob", "portal")):
            print(f"  {base} --cert {pki.path(who)} --key {pki.key(who)} https://{host}.example.com:{port}/")
        print(f"  {base} https://api.example.com:{port}/")
        print(f"  {PROGRAM} eval -c {self.agent.config} --url https://api.example.com/ --cert {pki.path('alice')} --chain {pki.path('alice')} --trace")
        print(f"  {PROGRAM} status -c {self.agent.config}")
        print(f"  {PROGRAM} check -c {self.agent.config} --haproxy {self.front.path}")
        print(f"  curl http://127.0.0.1:{self.agent.admin}/metrics")
        print(f"  tail -f {self.folder}/decisions.log", flush=True)


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-demo-"))
    folder.chmod(0o755)
    demo = Demo(folder)
    try:
        demo.start()
        print(f"HAProxy {demo.version} on port {demo.front.port}, the agent on {demo.agent.port}, the origin on {demo.origin.port}; files in {folder}")
        demo.show()
        if "DEMO_ONCE" not in os.environ:
            demo.invite()
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print()
    finally:
        demo.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if demo.wrong:
        print(f"\n{demo.wrong} not as expected", file=sys.stderr)
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
