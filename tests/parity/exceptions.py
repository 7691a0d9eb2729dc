# SPDX-License-Identifier: Apache-2.0
"""Where a front can't give what "mtlsguard eval" says, and what comes instead. A row that is never needed is a fault of the table."""
import dataclasses
from typing import Callable

from view import ANY


@dataclasses.dataclass
class Row:
    fronts: tuple
    why: str
    when: Callable  # (scenario, expected) -> bool
    change: Callable  # (scenario, expected) changes expected in place
    used: set = dataclasses.field(default_factory=set)


ROWS = []


def row(fronts, why, when):
    def add(change):
        ROWS.append(Row(tuple(fronts.split()), why, when, change))
        return change
    return add


def apply(front, scenario, expected):
    for each in ROWS:
        if front in each.fronts and each.when(scenario, expected):
            each.used.add(front)
            each.change(scenario, expected)
    return expected


EVERY = "haproxy envoy-grpc envoy-http nginx caddy traefik haproxy-http"


@row(EVERY, "an answer to HEAD has no body that could tell what the origin got", lambda s, e: s.method == "HEAD")
def _(scenario, expected):
    expected.update(origin=None, type=ANY)


@row("haproxy", "HAProxy's Lua ends a body at its first NUL", lambda s, e: b"\0" in (e["body"] or b""))
def _(scenario, expected):
    expected["body"] = expected["body"].partition(b"\0")[0]


ENVOY = "envoy-grpc envoy-http"


def refused_by_the_proxy(expected, code):
    expected.update(verdict=None, status=None, reason=None, code=code, body=None, type=ANY, origin=None, response={})


@row(ENVOY, "Envoy's path_with_escaped_slashes_action refuses what a host with paths = \"raw\" would take, and a NUL is never taken",
     lambda s, e: any(word in s.path.partition("?")[0].lower() for word in ("%2f", "%5c", "%00")))
def _(scenario, expected):
    refused_by_the_proxy(expected, 400)


@row(ENVOY, "Envoy's normalize_path has taken the way above the root out before it asks", lambda s, e: s.path == "/%2e%2e/a" and e["code"] == 400)
def _(scenario, expected):
    expected.update(verdict="allow", status=200, reason="allowed", code=200, type=None, origin=ANY)


@row("envoy-grpc", "a body in protobuf is UTF-8", lambda s, e: e["body"] is not None and not is_text(e["body"]))
def _(scenario, expected):
    expected.update(verdict="deny", status=503, reason="policy_error", code=503, body=None, type="application/problem+json")


@row("envoy-grpc", "Envoy takes the content-type of an empty body away", lambda s, e: e["body"] == b"" and e["verdict"] == "respond")
def _(scenario, expected):
    expected["type"] = None


def is_text(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
