#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real nginx with the shipped docker/nginx/mtlsguard.conf: who passes, what the origin sees, what a client can't forge."""
import sys

from stand import Stand, common, equal
from webs import Nginx
from tap import Tests, main

NAME_LINE = "    auth_request_set $mtls_x_client_name $upstream_http_x_client_name; proxy_set_header X-Client-Name $mtls_x_client_name;\n"
ANCHOR = "    proxy_set_header X-Mtls-Id \"\";\n"

tests = Tests()
stand = Stand("nginx", Nginx, [(ANCHOR, NAME_LINE + ANCHOR)])
common(tests, stand)


@tests
def the_status_that_was_meant_comes_back():
    stand.denied("foreign", "misdirected_request", 421, sni="www.example.com")
    assert stand.ask("foreign").header("x-mtls-id")


if __name__ == "__main__":
    code = main(tests)
    stand.stop()
    sys.exit(code)
