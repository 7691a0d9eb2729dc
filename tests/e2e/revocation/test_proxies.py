#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A renamed list behind the other proxies: Envoy over gRPC, nginx and Caddy over HTTP. One agent stands behind all three."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import os  # noqa: E402

os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Skip, Tests, free_port, main, make_pki, start_origin, wait_for  # noqa: E402
import envoy  # noqa: E402
import revocable  # noqa: E402
import webs  # noqa: E402
from trials import Trial, host, report  # noqa: E402

TRIALS = 6
NAMES = ("envoy", "nginx", "caddy")
# The shipped file of Envoy lets no session be resumed; the nginx of Debian 12 speaks TLS 1.3 only when told to.
ABLE = {"envoy": {"resumes": False}, "nginx": {"tls": "1.2"}, "caddy": {}}

tests = Tests()
pki, origin = make_pki(), start_origin()
ports = {name: free_port() for name in NAMES}
cas = {}
for proxy in NAMES:
    cas[proxy] = revocable.Ca(FOLDER / proxy, f"CA {proxy}")
    cas[proxy].pems = cas[proxy].issue_many([f"c{i}" for i in range(TRIALS)])
    cas[proxy].publish(FOLDER / f"{proxy}.crl")
agent = Agent(FOLDER / "agent", {
    "threads": 2,
    "listen": {"spop": [], "grpc": [f"127.0.0.1:{ports['envoy']}"],
               "http": [{1: f"127.0.0.1:{ports[name]}", "dialect": name} for name in ("nginx", "caddy")]},
    "authorities": {name: {"certificates": ca.cert, "revocation": {"crl": [FOLDER / f"{name}.crl"]}} for name, ca in cas.items()},
    "hosts": {host(name): {"authorities": [name]} for name in NAMES}})
agent.start()


def run(name, front):
    ca, trials = cas[name], []
    with front.start():
        for number in range(TRIALS):
            if number == 0:
                wait_for("an answer", lambda: passes(name, front, ca), 20)
            trial = Trial(front, ca, number, **ABLE[name])
            ca.revoke(f"c{number}")
            trial.measure(ca.publish(FOLDER / f"{name}.crl"))
            trials.append(trial)
    report(f"file renamed, {name}", trials)


def passes(name, front, ca):
    try:
        Trial(front, ca, 0, **ABLE[name]).kept.close()
    except (AssertionError, OSError):
        return False
    return True


@tests
def behind_envoy():
    try:
        program = envoy.get()
    except (envoy.Unavailable, OSError) as why:
        raise Skip(why) from None
    run("envoy", envoy.Envoy(program, "grpc.yaml", FOLDER / "envoy-front", pki.path("server").parent, ports["envoy"], origin.port))


@tests
def behind_nginx():
    run("nginx", webs.Nginx(FOLDER / "nginx-front", pki, ports["nginx"], origin.port))


@tests
def behind_caddy():
    run("caddy", webs.Caddy(FOLDER / "caddy-front", pki, ports["caddy"], origin.port))


if __name__ == "__main__":
    try:
        code = main(tests)
    finally:
        agent.stop()
    sys.exit(code)
