#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example workers of lua/workers, each inside the agent: what they let through, what they answer, what they tell the origin."""
import atexit
import json
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "env"))

from agent import Agent  # noqa: E402
from pki import Pki  # noqa: E402
from tap import Tests, equal, main  # noqa: E402

tests = Tests()
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-lua-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
WORKERS = ROOT / "lua" / "workers"
HOST = "worker.example.com"

pki = Pki(FOLDER / "pki")
pki.issue("root", "/O=Example/CN=Root", ca=True)
pki.issue("billing", "/O=Example/OU=Billing/CN=billing", issuer="root", san="URI:spiffe://example.test/billing")
pki.issue("platform", "/O=Example/OU=Platform/CN=platform", issuer="root")
pki.issue("short", "/O=Example/OU=Other/CN=short", issuer="root", days=(-0.01, 0.02))
pki.issue("selfsigned", "/O=Example/OU=Platform/CN=platform", days=(-0.01, 0.02), san="URI:spiffe://example.test/billing")


def agent_with(name, **variables):
    """An agent that is not started: eval and check read its configuration."""
    return Agent(FOLDER / name, {
        "authorities": {"root": {"certificates": pki.path("root")}},
        "hosts": {HOST: {"authorities": ["root"], "require": "none"}},
        "headers": {"owned": ["x-client-", "x-cert-", "x-device-", "x-spiffe-id"]},
        "workers": [{"name": name, "script": WORKERS / f"{name}.lua", "routes": [f"{HOST}/*"], "vars": variables}],
    })


def decide(agent, who, path="/", method="GET"):
    arguments = ["--json", "--url", f"https://{HOST}{path}", "--method", method]
    if who:
        arguments += ["--cert", pki.path(who)]
    status, out, err = agent.command("eval", *arguments)
    if status not in (0, 10):
        raise AssertionError(out + err)
    return json.loads(out)


def expect(agent, who, verdict, status, path="/", method="GET", reason=None):
    got = decide(agent, who, path, method)
    equal((got["verdict"], got["status"]), (verdict, status), f"{who} {method} {path}: {got['reason']} {got['error']}")
    if reason:
        equal(got["reason"], reason)
    return got


def sets(got, name):
    return [value for key, value in got["request_headers"]["set"] if key == name]


@tests
def each_has_a_test_here_and_no_fault():
    names = {path.stem for path in WORKERS.glob("*.lua")}
    equal(names, {"certificate_required", "forward_details", "roles_by_ou", "spiffe", "device_allow_list", "step_up"})
    for name in sorted(names):
        status, out, err = agent_with(name, LOGIN="https://login.example.com/", SHORT=3600, ADMINS="a", WRITERS="b").command("check", "--json")
        faults = [fault for fault in json.loads(out)["faults"] if fault["severity"] != "lint"]
        equal((status, faults), (0, []), name + err)


@tests
def certificate_required():
    agent = agent_with("certificate_required")
    expect(agent, "billing", "allow", 200)
    expect(agent, None, "respond", 403)
    expect(agent, "selfsigned", "respond", 403)


@tests
def forward_details():
    agent = agent_with("forward_details")
    got = expect(agent, "billing", "allow", 200)
    equal(sets(got, "x-cert-serial"), [pki.serial("billing")])
    equal(sets(got, "x-cert-verify"), ["SUCCESS"])
    equal(sets(got, "x-cert-subject-dn"), ["OU=Billing,O=Example,CN=billing"])
    equal(sets(expect(agent, None, "allow", 200), "x-cert-serial"), [])


@tests
def roles_by_ou():
    agent = agent_with("roles_by_ou", ADMINS="Platform", WRITERS="Billing")
    for who, role, can_write in (("platform", "admin", True), ("billing", "writer", True), ("short", "reader", False)):
        equal(sets(expect(agent, who, "allow", 200), "x-client-role"), [role])
        expect(agent, who, "allow" if can_write else "respond", 200 if can_write else 403, method="POST")
    # A name that nobody vouches for gives no role.
    got = decide(agent, "selfsigned", method="POST")
    equal((got["verdict"], got["status"]), ("respond", 403))


@tests
def spiffe():
    agent = agent_with("spiffe")
    equal(sets(expect(agent, "billing", "allow", 200, "/invoices/1"), "x-spiffe-id"), ["spiffe://example.test/billing"])
    expect(agent, "billing", "respond", 403, "/payroll/1")
    expect(agent, "billing", "respond", 403, "/invoices")
    expect(agent, "platform", "respond", 403, "/invoices/1")
    expect(agent, "selfsigned", "respond", 403, "/invoices/1")
    expect(agent, None, "respond", 403, "/invoices/1")


@tests
def device_allow_list():
    agent = agent_with("device_allow_list")
    for who in ("billing", "selfsigned", None):
        expect(agent, who, "respond", 403)


@tests
def step_up():
    agent = agent_with("step_up", LOGIN="https://login.example.com/step-up", SHORT=3600)
    expect(agent, "billing", "allow", 200, "/")
    expect(agent, "short", "allow", 200, "/admin/users")
    got = expect(agent, "billing", "respond", 302, "/admin/users")
    equal(dict(got["response"]["headers"])["location"], "https://login.example.com/step-up")
    expect(agent, None, "respond", 302, "/admin/users")
    expect(agent, "selfsigned", "respond", 302, "/admin/users")


if __name__ == "__main__":
    raise SystemExit(main(tests))
