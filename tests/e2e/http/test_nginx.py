#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real nginx with the shipped docker/nginx/mtlsguard.conf: who passes, what the origin sees, what a client can't forge."""
import sys

from stand import Stand, common, equal
from webs import Nginx
from tap import Tests, main

tests = Tests()
stand = Stand("nginx", Nginx, 503)
common(tests, stand)


@tests
def the_status_that_was_meant_comes_back():
    stand.denied("foreign", "misdirected_request", 421, sni="www.example.com")
    assert stand.ask("foreign").header("x-mtls-id")
    answer = stand.ask("alice", host="worker.example.com", headers=[("x-stop", "401")])
    equal((answer.status, answer.reason), (401, "worker_response"))
    stand.denied(None, "early_data", 425, headers=[("Early-Data", "1")])


if __name__ == "__main__":
    code = main(tests)
    stand.stop()
    sys.exit(code)
