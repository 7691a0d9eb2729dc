#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every verdict that a certificate, a host or a path can lead to, through HAProxy."""
import re

from setting import FOLDER, OWNED_LINE, PROGRAM, Agent, Haproxy, Tests, ask, curl, equal, full_fronts, main, make_pki, settings, start_origin

tests = Tests()
pki = make_pki()
origin = start_origin()
agent = Agent(FOLDER / "agent", settings(pki, decisions={"log": str(FOLDER / "decisions.log"), "level": "all"})).start()
fronts = [Haproxy(PROGRAM, FOLDER / name, name, pki, f"127.0.0.1:{agent.port}", origin.port, edits=[OWNED_LINE]).start()
          for name in full_fronts()]
API, WWW, NEW_HOST, IOT = "api.example.com", "www.example.com", "new.example.com", "a.b.iot.example.com"


def decide(host, who, status, reason=None, path="/", **kwargs):
    for front in fronts:
        before = origin.requests
        got = ask(front.port, pki.both(who) if who else None, path, host=host, **kwargs)
        what = f"{front.path.name}: {who} at {host}{path}"
        equal((got.status, got.reason if status != 200 else None), (status, reason), f"{what} ({got!r})")
        equal(origin.requests - before, 1 if status == 200 else 0, f"{what}: requests at the origin")


@tests
def good_certificates_pass():
    for who in ("alice", "bob"):
        decide(API, who, 200)
    decide(IOT, "rsa", 200)
    decide(IOT, "alice", 200)


@tests
def good_certificates_pass_with_tls_1_2():
    decide(API, "alice", 200, tls="1.2")
    decide(IOT, "rsa", 200, tls="1.2")


@tests
def without_a_certificate():
    decide(API, None, 403, "certificate_required")


@tests
def certificates_that_do_not_verify():
    for who in ("expired", "early", "foreign", "selfsigned", "serveronly"):
        decide(API, who, 403, "certificate_invalid")
        decide(API, who, 403, "certificate_invalid", tls="1.2")


@tests
def a_certificate_of_another_hosts_authority():
    decide(API, "rsa", 403, "certificate_invalid")


@tests
def a_certificate_on_the_deny_list():
    decide(API, "denied", 403, "certificate_revoked")
    decide(IOT, "denied", 403, "certificate_revoked")


@tests
def hosts_that_require_nothing():
    for who in (None, "alice", "expired", "foreign", "denied"):
        decide(WWW, who, 200)


@tests
def hosts_that_only_observe():
    for who in (None, "alice", "expired", "denied"):
        decide(NEW_HOST, who, 200)
    log = (FOLDER / "decisions.log").read_text()
    for reason in ("certificate_required", "certificate_invalid", "certificate_revoked"):
        if not re.search(rf'"observed":\s*"{reason}"', log):
            raise AssertionError(f"no observed {reason} in the log: {log[-500:]}")


@tests
def hosts_that_nobody_configured():
    for host in ("other.example.net", "example.com", "iot.example.com", "api.example.com.evil.example"):
        decide(host, "alice", 403, "host_unknown", sni="localhost")


@tests
def the_host_is_made_canonical():
    for host in ("API.example.com", "api.example.com.", "api.Example.Com:443", "api.example.com:8443"):
        decide(host, "alice", 200, sni=API)


@tests
def a_connection_made_for_another_host():
    decide(API, None, 421, "misdirected_request", sni=WWW)
    decide(API, "foreign", 421, "misdirected_request", sni=WWW)
    decide(API, "alice", 200, sni=WWW)
    decide(API, None, 403, "certificate_required", sni="API.example.com")


@tests
def paths_that_mean_two_things():
    for path in ("/a%2fb", "/a%2Fb", "/a%5cb", "/%00", "/../x", "/a/../../x", "/%2e%2e/x"):
        decide(API, "alice", 400, "bad_request", path=path)
        decide(API, None, 400, "bad_request", path=path)
    for path in ("/a/../b", "//a", "/%61", "/a%20b", "/?a=%2f"):
        decide(API, "alice", 200, path=path)


@tests
def methods_and_bodies():
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        decide(API, "alice", 200, method=method, body=b"x" * 1000)
        decide(API, None, 403, "certificate_required", method=method, body=b"x" * 1000)
    decide(API, "alice", 200, method="OPTIONS", path="*")


@tests
def refusals_take_the_form_that_the_client_accepts():
    for front in fronts:
        plain = ask(front.port, headers=[("Accept", "text/plain")])
        html = ask(front.port, headers=[("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")])
        problem = ask(front.port)
        equal([got.header("content-type").split(";")[0] for got in (plain, html, problem)],
              ["text/plain", "text/html", "application/problem+json"], front.path.name)
        for got in (plain, html, problem):
            equal(got.status, 403)
            if b"certificate_required" not in got.body:
                raise AssertionError(got)
        equal(sorted(problem.json), ["id", "reason", "status", "title", "type"])
        if problem.json["id"].encode() not in problem.body or not re.fullmatch(r"[0-9a-f]{24}", problem.json["id"]):
            raise AssertionError(problem)


@tests
def http_2():
    for front in fronts:
        equal(curl(front.port, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", certificate=pki.path("alice"), key=pki.key("alice")),
              "2 200")
        equal(curl(front.port, "-o", "/dev/null", "-w", "%{http_version} %{http_code}"), "2 403")


@tests
def check_haproxy_finds_the_shipped_files_clean():
    for front in fronts:
        status, out, err = agent.command("check", "--haproxy", front.path)
        equal((status, [line for line in err.splitlines() if str(front.path.parent) in line]), (0, []), out + err)


@tests
def check_haproxy_finds_a_broken_one():
    path = fronts[0].path.parent / "broken.cfg"
    text = fronts[0].path.read_text()
    path.write_text(text.replace("crt-ignore-err all ", "").replace("^x[-_]client[-_]", "^x-client-"))
    status, out, err = agent.command("check", "--haproxy", path)
    equal(status, 1, out + err)
    for words in ("crt-ignore-err", "x-client-"):
        if not re.search(rf"{re.escape(str(path))}:\d+: error: .*{words}.*\({re.escape(str(path))}:\d+\)", err):
            raise AssertionError(err)


@tests
def haproxy_front_prints_lines_that_check_finds_clean():
    status, lines, err = agent.command("haproxy", "front")
    equal(status, 0, err)
    shipped = fronts[0].path.read_text()
    for line in lines.splitlines():
        if "del-header" in line and line not in shipped:
            raise AssertionError(f"not in the shipped file: {line}")
    status, args, err = agent.command("haproxy", "args")
    equal(status, 0, err)
    for word in args.splitlines()[-1].split()[1:]:
        if word not in (fronts[0].path.parent / "spoe-mtlsguard.conf").read_text():
            raise AssertionError(f"not in the shipped file: {word}")


@tests
def haproxy_takes_the_crt_list():
    folder = fronts[0].path.parent
    bundles = folder / "bundles"
    bundles.mkdir()
    status, text, err = agent.command("haproxy", "crt-list", "--certificate", folder / "server.pem", "--bundles", bundles)
    equal(status, 0, err)
    for sources, target in re.findall(r"^# cat (.*) > (.*)$", text, re.M):
        with open(target, "w", encoding="ascii") as out:
            for source in sources.split():
                with open(source, encoding="ascii") as file:
                    out.write(file.read())
    (folder / "crt-list").write_text(text)
    front = Haproxy(PROGRAM, FOLDER / "crt-list", "haproxy.cfg", pki, f"127.0.0.1:{agent.port}", origin.port,
                    edits=[OWNED_LINE, ("crt /etc/haproxy/server.pem ca-file /etc/haproxy/any-ca.pem verify optional ",
                                        f"crt-list {folder}/crt-list "), (" no-ca-names", "")])
    with front.start():
        equal(ask(front.port, pki.both("alice"), host=API).status, 200)
        equal(ask(front.port, pki.both("foreign"), host=API).reason, "certificate_invalid")
        equal(ask(front.port, None, host=API).reason, "certificate_required")
        equal(ask(front.port, pki.both("rsa"), host="x.iot.example.com").status, 200)


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in [*fronts, agent]:
            process.stop()
    raise SystemExit(result)
