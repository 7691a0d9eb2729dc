# SPDX-License-Identifier: Apache-2.0
"""What came out of one scenario, in one form whoever was asked.

verdict, status, reason: what the agent decided (its decision log; None: it was not asked). code: what the client got, 200 when the origin
answered. body, type: of a refusal that a worker made. origin: what the origin got under the names that matter, {name: "a, b"}.
response: headers that a worker put on the response.
"""
import base64
import json

ANY = object()
FIELDS = ("verdict", "status", "reason", "code", "body", "type", "origin", "response")
RESPONSE = ("x-checked-by", "x-why", "location")
WATCHED = ("client-cert", "client-cert-chain", "cf-client-cert-der-base64", "cf-client-cert-sha256", "x-secret", "x-kept")


def watched(name):
    return name in WATCHED or name.startswith(("cf-cert-", "x-client-", "x-mtls-"))


def joined(pairs):
    """{name: values in order, however they were spread over lines}"""
    out = {}
    for name, value in pairs:
        name = name.lower()
        if watched(name):
            out.setdefault(name, []).extend(part.strip() for part in value.split(","))
    return {name: ", ".join(values) for name, values in out.items()}


def of_response(pairs):
    return {name.lower(): value for name, value in pairs if name.lower() in RESPONSE}


def from_eval(result, sent):
    """result: what "eval --json" printed; sent: the client's own headers."""
    allowed = result["verdict"] == "allow"
    view = {"verdict": result["verdict"], "status": result["status"], "reason": result["reason"],
            "code": 200 if allowed else result["status"], "body": None, "type": None, "origin": None, "response": {}}
    if allowed:
        gone = set(result["request_headers"]["remove"])
        kept = [(name, value) for name, value in sent if name.lower() not in gone and not name.lower().startswith(("x-client-", "x-mtls-"))]
        view["origin"] = joined(kept + [tuple(pair) for pair in result["request_headers"]["set"]])
        view["response"] = of_response(map(tuple, result["response_headers"]["set"]))
    else:
        response = result["response"]
        view["response"] = of_response(map(tuple, response["headers"]))
        view["type"] = next((value for name, value in response["headers"] if name.lower() == "content-type"), None)
        if result["verdict"] == "respond":
            view["body"] = base64.b64decode(response["body_base64"]) if "body_base64" in response else response["body"].encode()
    return view


def from_answer(answer, decision):
    """answer: what the client got through a proxy; decision: the agent's line about it, or None."""
    view = {"verdict": None, "status": None, "reason": None, "code": answer.status, "body": None, "type": None, "origin": None,
            "response": of_response(answer.headers)}
    if decision:
        view.update(verdict=decision["verdict"], status=decision["status"], reason=decision["reason"])
    echo = origin_echo(answer)
    if echo is not None:
        view["origin"] = joined(map(tuple, echo["headers"]))
    else:
        view["type"] = answer.header("content-type")
        if decision and decision["verdict"] == "respond":
            view["body"] = answer.body
    return view


def origin_echo(answer):
    try:
        parsed = json.loads(answer.body)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and "headers" in parsed and "path" in parsed else None


def differences(expected, actual):
    for field in FIELDS:
        if expected[field] is not ANY and expected[field] != actual[field]:
            yield f"{field}: {actual[field]!r}, expected {expected[field]!r}"
