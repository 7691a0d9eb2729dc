#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Caddy with the shipped docker/caddy/Caddyfile: who passes, what the origin sees, what a client can't forge."""
import sys

from stand import Stand, common, equal
from webs import Caddy
from tap import Tests, main

tests = Tests()
stand = Stand("caddy", Caddy, 502)
common(tests, stand)


@tests
def a_host_other_than_the_tls_name_is_misdirected():
    equal(stand.ask("alice", sni="www.example.com").status, 421)


@tests
def an_upgrade_is_passed_on():
    headers = [("Connection", "keep-alive, Upgrade, Cf-Cert-Verified"), ("Upgrade", "websocket")]
    answer = stand.ask("alice", headers=headers)
    equal(answer.status, 200, answer)
    equal(answer.origin("upgrade"), ["websocket"])
    equal(answer.origin("cf-cert-verified"), ["true"])


if __name__ == "__main__":
    code = main(tests)
    stand.stop()
    sys.exit(code)
