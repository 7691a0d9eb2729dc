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


def is_text(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


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
    expected.update(origin=None, type="application/json" if expected["verdict"] == "allow" else expected["type"])


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


@row(ENVOY, "Envoy takes the content-type of an empty body away", lambda s, e: e["body"] == b"" and e["verdict"] == "respond")
def _(scenario, expected):
    expected["type"] = None


@row("envoy-http", "and a refusal of HEAD comes without one", lambda s, e: s.method == "HEAD" and e["verdict"] == "deny")
def _(scenario, expected):
    expected["type"] = None


# In this form only headers that the configuration names come from the agent, and they are added to the client's.
NAMED = "nginx caddy traefik haproxy-http"


def origin_without(expected, **headers):
    """headers: what the origin gets instead; None: nothing."""
    origin = {**expected["origin"], **{name.replace("_", "-"): value for name, value in headers.items()}}
    expected["origin"] = {name: value for name, value in origin.items() if value is not None}


def word_of(scenario):
    return dict(scenario.headers).get("x-do")


@row(NAMED, "a header of the client's own can't be taken out or replaced by a worker unless the proxy's configuration names it",
     lambda s, e: e["origin"] and e["origin"] is not ANY and word_of(s) in ("delete", "replace", "append"))
def _(scenario, expected):
    origin_without(expected, x_secret="1", x_kept="1")


@row(NAMED, "a header without a value is none in an HTTP answer",
     lambda s, e: isinstance(e["origin"], dict) and "" in e["origin"].values())
def _(scenario, expected):
    origin_without(expected, **{name: None for name, value in expected["origin"].items() if value == ""})


@row(NAMED, "the response is the origin's own: nobody asks the agent's answer about it", lambda s, e: word_of(s) == "vary")
def _(scenario, expected):
    expected["response"] = {}


@row("envoy-http", "a 5xx goes as 403, so that failure_mode_allow can't make an allow of it", lambda s, e: e["code"] >= 500)
def _(scenario, expected):
    expected["code"] = 403


@row("envoy-http caddy traefik haproxy-http", "a worker's 2xx would be an allow",
     lambda s, e: e["verdict"] == "respond" and 200 <= e["code"] < 300)
def _(scenario, expected):
    expected["code"] = 403


@row("caddy", "Caddy refuses a Host other than the TLS name by itself (strict_sni_host), a trailing dot too",
     lambda s, e: s.sni and s.sni != s.host.lower().partition(":")[0])
def _(scenario, expected):
    refused_by_the_proxy(expected, 421)


@row("traefik haproxy-http", "the TLS name is not handed over, so there is no 421; the certificate decides",
     lambda s, e: e["reason"] == "misdirected_request")
def _(scenario, expected):
    expected.update(status=403, code=403, reason="certificate_invalid" if scenario.certificate else "certificate_required")


@row("nginx", "nginx refuses a way above the root and a NUL by itself", lambda s, e: s.path in ("/%2e%2e/a", "/a%00b"))
def _(scenario, expected):
    refused_by_the_proxy(expected, 400)


@row("nginx", "nginx takes no body of a refusal: @refused has its own, in one form", lambda s, e: e["verdict"] in ("deny", "respond"))
def _(scenario, expected):
    expected.update(body=ANY, type="text/html" if "location" in expected["response"] else "application/problem+json",
                    response={name: value for name, value in expected["response"].items() if name == "location"})


@row("nginx", "of statuses @refused knows those of the agent's own reasons and redirects",
     lambda s, e: e["verdict"] == "respond" and e["code"] not in (301, 302, 303, 307, 308, 400, 401, 403, 421, 425, 503))
def _(scenario, expected):
    expected["code"] = 403
