#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mtlsguard eval: verdicts, the JSON object, exit codes."""
import base64
import json
import time

from cmdlib import certificates, config, contains, equal, folder, main, mtlsguard, subject, write

KEYS = {"verdict", "status", "reason", "stage", "decided_by", "id", "generation", "cf", "tls", "error", "request_headers", "response",
        "response_headers"}
PROPERTIES = ["certPresented", "certVerified", "certRevoked", "certIssuerDN", "certSubjectDN", "certIssuerDNRFC2253",
              "certSubjectDNRFC2253", "certIssuerDNLegacy", "certSubjectDNLegacy", "certSerial", "certIssuerSerial", "certSKI",
              "certIssuerSKI", "certFingerprintSHA1", "certFingerprintSHA256", "certNotBefore", "certNotAfter", "certRFC9440",
              "certRFC9440TooLarge", "certChainRFC9440", "certChainRFC9440TooLarge"]
URL = "https://api.example.com/orders?id=1"
WORKER = """
local M = {}
function M.fetch(request, env, ctx)
  local path = URL.new(request.url).pathname
  if path == "/w/stop" then
    return Response.new("no\\n", { status = 418, headers = { ["x-why"] = "tea" } })
  elseif path == "/w/away" then
    return Response.redirect("https://login.example.com/")
  elseif path == "/w/bytes" then
    return Response.new("\\xff\\xfe", { status = 200 })
  elseif path == "/w/large" then
    return Response.new(("x"):rep(20000))
  elseif path == "/w/fault" then
    error("broken on purpose")
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  local response = fetch(to_origin)
  response.headers:set("x-checked-by", "mtlsguard")
  response.headers:delete("server")
  return response
end
return M
"""


def main_config():
    here = folder("eval")
    write(here / "api.lua", WORKER)
    return config("eval", deny=f', revocation = {{ deny = {{ "{certificates().serial("denied")}" }} }}',
                  hosts="""
    ["api.example.com"] = { authorities = { "partners" } },
    ["www.example.com"] = { authorities = { "partners" }, require = "none" },
    ["new.example.com"] = { authorities = { "partners" }, enforce = "observe" },
    ["*.iot.example.com"] = { authorities = { "partners" } }""",
                  more='headers = { managed_transform = true, client_cert = true },\n'
                       'workers = { { name = "api", script = "api.lua", routes = { "api.example.com/w/*" } } },')


CONFIG = main_config()


def decide(*args, url=URL, path=CONFIG):
    code, out, err = mtlsguard("eval", "-c", path, "--url", url, "--json", *args)
    assert code in (0, 10), (code, out, err)
    found = json.loads(out)
    equal(code, 0 if found["verdict"] == "allow" else 10)
    return found


def with_cert(name, *args, **kwargs):
    return decide("--cert", certificates().path(name), *args, **kwargs)


def values(pairs, name):
    return [value for key, value in pairs if key == name]


def test_missing():
    """no certificate: certificate_required, 403"""
    found = decide()
    equal((found["verdict"], found["status"], found["reason"], found["stage"]), ("deny", 403, "certificate_required", "requirement"))
    equal(found["cf"]["tlsClientAuth"]["certVerified"], "NONE")
    equal(found["decided_by"]["kind"], "host")
    equal(found["decided_by"]["name"], "api.example.com")
    assert found["decided_by"]["line"] > 0
    assert found["error"]
    for name in ("spiffe_id", "spki_sha256", "key_type", "key_bits", "not_before", "not_after", "authority"):
        equal((name, found["tls"][name]), (name, None))  # as a worker reads nil


def test_bad_certificates():
    """foreign, expired, not yet valid, self-signed, wrong purpose: certificate_invalid, each with its words"""
    for name, words in (("foreign", "FAILED:unable to get local issuer certificate"), ("expired", "FAILED:certificate has expired"),
                        ("early", "FAILED:certificate is not yet valid"), ("selfsigned", "FAILED:self signed certificate"),
                        ("serveronly", "FAILED:unsupported certificate purpose")):
        found = with_cert(name)
        equal((name, found["verdict"], found["status"], found["reason"]), (name, "deny", 403, "certificate_invalid"))
        equal(found["cf"]["tlsClientAuth"]["certVerified"], words)
        equal(found["cf"]["tlsClientAuth"]["certPresented"], "1")
        assert found["tls"]["verify_error"] > 0


def test_text_is_whole():
    """the text for people has what request.tls has in tables too"""
    code, out, _ = mtlsguard("eval", "-c", CONFIG, "--url", URL, "--cert", certificates().path("alice"))
    equal(code, 0)
    contains(out, "request.tls.san\n", "spiffe://example.com/alice", "request.tls.revocation\n  status ", " good\n")


def test_deny_listed():
    """a certificate on its authority's deny list: certificate_revoked, decided by the authority"""
    found = with_cert("denied")
    equal((found["verdict"], found["reason"]), ("deny", "certificate_revoked"))
    equal(found["cf"]["tlsClientAuth"]["certVerified"], "SUCCESS")
    equal(found["cf"]["tlsClientAuth"]["certRevoked"], "1")
    equal(found["decided_by"]["kind"], "authority")
    equal(found["decided_by"]["name"], "partners")
    equal(found["tls"]["revocation"]["status"], "revoked")
    equal(found["tls"]["revocation"]["source"], "deny")


def test_good():
    """a good certificate is allowed, with every property and the origin's headers"""
    found = with_cert("alice")
    equal(set(found), KEYS)
    equal((found["verdict"], found["status"], found["reason"], found["response"], found["error"]), ("allow", 200, "allowed", None, None))
    equal(list(found["cf"]["tlsClientAuth"]), PROPERTIES)
    for name, value in found["cf"]["tlsClientAuth"].items():
        equal(type(value), bool if name.endswith("TooLarge") else str)
    equal(found["cf"]["tlsClientAuth"]["certSubjectDN"], subject("alice"))
    equal(found["cf"]["tlsVersion"], "TLSv1.3")
    equal(found["tls"]["san"]["email"], ["alice@example.com"])
    equal(found["tls"]["spiffe_id"], "spiffe://example.com/alice")
    equal((found["tls"]["authority"], found["tls"]["reason"], found["tls"]["eku"]), ("partners", "allowed", ["clientAuth"]))
    equal(found["response_headers"], {"remove": [], "set": []})


def test_origin_headers():
    """the origin's headers: ours are removed, then set, client-cert among them"""
    found = with_cert("alice", "--header", "Cf_Cert_Verified: true", "--header", "X-Other: 1")
    remove, pairs = found["request_headers"]["remove"], found["request_headers"]["set"]
    for name in ("cf-cert-verified", "cf-cert-subject-dn", "client-cert", "client-cert-chain", "cf-client-cert-sha256",
                 "cf-access-jwt-assertion", "cf_cert_verified"):
        assert name in remove, (name, remove)
    assert "x-other" not in remove
    equal(len(remove), len(set(remove)))
    equal(values(pairs, "cf-cert-verified"), ["true"])
    equal(values(pairs, "cf-cert-subject-dn"), [subject("alice")])
    equal(values(pairs, "client-cert"), [found["cf"]["tlsClientAuth"]["certRFC9440"]])
    equal(values(pairs, "client-cert-chain"), [found["cf"]["tlsClientAuth"]["certChainRFC9440"]])
    equal(base64.b64decode(values(pairs, "client-cert")[0].strip(":")), certificates().der("alice"))


def test_unverified_passes():
    """require = "none": allowed without a verified certificate, and no Client-Cert then"""
    found = with_cert("foreign", url="https://www.example.com/")
    equal((found["verdict"], found["cf"]["tlsClientAuth"]["certVerified"][:6]), ("allow", "FAILED"))
    equal(values(found["request_headers"]["set"], "client-cert"), [])
    equal(values(found["request_headers"]["set"], "cf-cert-verified"), ["false"])


def test_refusal():
    """a refusal's answer is a problem document that holds id and reason, or text or HTML by Accept"""
    found = decide()
    body = json.loads(found["response"]["body"])
    equal((body["status"], body["reason"], body["id"]), (403, "certificate_required", found["id"]))
    equal(found["response"]["status"], 403)
    equal(values(found["response"]["headers"], "content-type"), ["application/problem+json"])
    found = decide("--header", "Accept: text/html")
    contains(found["response"]["body"].lower(), "<html", found["id"], "certificate_required")


def test_hosts():
    """unknown hosts are denied, wildcards match below, Host decides and not the URL"""
    found = with_cert("alice", url="https://other.example.com/")
    equal((found["reason"], found["status"], found["decided_by"]), ("host_unknown", 403, None))
    equal(with_cert("alice", url="https://a.b.iot.example.com/")["verdict"], "allow")
    equal(with_cert("alice", url="https://iot.example.com/")["reason"], "host_unknown")
    equal(with_cert("alice", url="https://API.Example.com:8443/")["verdict"], "allow")
    equal(with_cert("alice", "--header", "Host: api.example.com", url="https://127.0.0.1/")["verdict"], "allow")
    equal(with_cert("alice", "--header", "Host: api.example.com", "--header", "Host: www.example.com")["reason"], "bad_request")


def test_misdirected():
    """SNI of another host and nothing verified for this one: 421"""
    equal(decide("--sni", "www.example.com")["status"], 421)
    equal(decide("--sni", "api.example.com")["status"], 403)
    equal(with_cert("alice", "--sni", "www.example.com")["verdict"], "allow")


def test_observe():
    """enforce = "observe": allowed, and the real reason told"""
    found = decide(url="https://new.example.com/")
    equal((found["verdict"], found["reason"], found["observed"]), ("allow", "allowed", "certificate_required"))


def test_paths():
    """paths that cannot be decided on are 400"""
    for path in ("/a%2fb", "/%5c", "/a%00", "/../x"):
        found = with_cert("alice", url=f"https://api.example.com{path}")
        equal((path, found["status"], found["reason"]), (path, 400, "bad_request"))


def test_worker_passes():
    """a worker that goes on to the origin edits both directions"""
    found = with_cert("alice", url="https://api.example.com/w/x")
    equal((found["verdict"], found["stage"]), ("allow", "worker"))
    equal((found["decided_by"]["kind"], found["decided_by"]["name"]), ("worker", "api"))
    equal(values(found["request_headers"]["set"], "x-client-name"), [subject("alice")])
    assert "x-client-name" in found["request_headers"]["remove"]
    equal(values(found["response_headers"]["set"], "x-checked-by"), ["mtlsguard"])
    assert "server" in found["response_headers"]["remove"]


def test_worker_answers():
    """a worker's own Response, a redirect, bytes that are no UTF-8"""
    found = with_cert("alice", url="https://api.example.com/w/stop")
    equal((found["verdict"], found["reason"], found["status"]), ("respond", "worker_response", 418))
    equal(found["response"]["body"], "no\n")
    equal(values(found["response"]["headers"], "x-why"), ["tea"])
    found = with_cert("alice", url="https://api.example.com/w/away")
    equal(found["status"], 302)
    equal(values(found["response"]["headers"], "location"), ["https://login.example.com/"])
    found = with_cert("alice", url="https://api.example.com/w/bytes")
    equal(base64.b64decode(found["response"]["body_base64"]), b"\xff\xfe")
    assert "body" not in found["response"]


def test_too_large_for_haproxy():
    """an answer that HAProxy's frames don't hold is told of: SPOE denies there"""
    found = with_cert("bob", url="https://api.example.com/w/large")
    equal((found["verdict"], found["too_large"]["most"]), ("respond", 16316))
    assert 20000 < found["too_large"]["bytes"] < 21000, found["too_large"]
    _, out, _ = mtlsguard("eval", "-c", CONFIG, "--url", "https://api.example.com/w/large", "--cert", certificates().path("bob"))
    contains(out, f"the answer has {found['too_large']['bytes']} bytes, HAProxy takes 16316 with tune.bufsize 16384", "answer_too_large")
    _, out, _ = mtlsguard("eval", "-c", CONFIG, "--url", "https://api.example.com/", "--cert", certificates().path("bob"))
    assert "too large" not in out, out


def test_worker_faults():
    """a worker's fault denies with policy_error and says where"""
    found = with_cert("alice", "--trace", url="https://api.example.com/w/fault")
    equal((found["verdict"], found["reason"], found["status"]), ("deny", "policy_error", 503))
    contains(found["error"], "api.lua:14: broken on purpose")
    step = [step for step in found["trace"] if step["stage"] == "worker"][0]
    contains(step["place"], "api.lua:14")


def test_trace():
    """--trace tells the stages in order, up to the one that ended it"""
    found = with_cert("alice", "--trace")
    equal([step["stage"] for step in found["trace"]],
          ["admit", "certificate", "revocation", "requirement", "worker", "headers", "decision"])
    assert all("result" in step for step in found["trace"])
    found = decide("--trace")
    equal([step["stage"] for step in found["trace"]], ["admit", "certificate", "revocation", "requirement", "decision"])
    equal(found["trace"][3]["result"], "certificate_required")
    equal([step["stage"] for step in decide("--trace", url="https://nobody.example/")["trace"]], ["admit", "decision"])


def test_time():
    """--at moves the clock: RFC 3339 or epoch seconds"""
    later = int(time.time()) + 400 * 86400
    for at in (str(later), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(later))):
        equal(with_cert("alice", "--at", at)["cf"]["tlsClientAuth"]["certVerified"], "FAILED:certificate has expired")
    equal(with_cert("expired", "--at", str(int(time.time()) - 2 * 86400))["reason"], "certificate_invalid")  # its CA was not there yet


def test_chain():
    """an intermediate comes behind the leaf, or with --chain; without it nothing verifies"""
    here = folder("eval")
    blocks = certificates().path("alice").read_text().split("-----BEGIN")
    leaf = write(here / "leaf.pem", "-----BEGIN" + blocks[1])
    chain = write(here / "chain.pem", "-----BEGIN" + blocks[2])
    equal(decide("--cert", leaf)["reason"], "certificate_invalid")
    equal(decide("--cert", leaf, "--chain", chain)["verdict"], "allow")


def test_not_pem():
    """a certificate file that is no PEM, or is not there, is a fault: exit 1"""
    here = folder("eval")
    der = here / "alice.der"
    der.write_bytes(certificates().der("alice"))
    for path in (der, write(here / "empty.pem", ""), write(here / "cut.pem", certificates().path("alice").read_text()[:200]),
                 here / "missing.pem"):
        code, out, err = mtlsguard("eval", "-c", CONFIG, "--url", URL, "--json", "--cert", path)
        equal((code, out), (1, ""))
        contains(err, path.name)


def test_rubbish_certificate():
    """PEM around bytes that are no certificate is a bad_request, whatever the host requires"""
    rubbish = base64.b64encode(b"\x30\x03\x02\x01\x05").decode()
    path = write(folder("eval") / "rubbish.pem", f"-----BEGIN CERTIFICATE-----\n{rubbish}\n-----END CERTIFICATE-----\n")
    for url in (URL, "https://www.example.com/"):
        found = decide("--cert", path, url=url)
        equal((found["verdict"], found["status"], found["reason"]), ("deny", 400, "bad_request"))


def test_connection():
    """--connection: the host of --sni, stages 1 to 4, and a host with workers refuses; nothing of a request is told"""
    def connect(sni, *args, name="alice"):
        code, out, err = mtlsguard("eval", "-c", CONFIG, "--connection", "--json", "--trace", "--cert", certificates().path(name),
                                   *(("--sni", sni) if sni else ()), *args)
        found = json.loads(out)
        equal((code, found["connection"], found["cf"]["tlsVersion"]), (0 if found["verdict"] == "allow" else 10, True, "TLSv1.3"), err)
        equal((found["request_headers"], found["response_headers"]), ({"remove": [], "set": []},) * 2)
        assert "httpProtocol" not in found["cf"]
        return found

    found = connect("A.iot.example.com")
    equal((found["verdict"], found["response"], found["trace"][-2]), ("allow", None, {"stage": "worker", "result": "no route matches"}))
    equal(connect("a.iot.example.com", name="denied")["reason"], "certificate_revoked")
    equal(connect("new.example.com", name="foreign")["observed"], "certificate_invalid")
    equal((connect(None)["reason"], connect("x.example.com")["reason"]), ("host_unknown", "host_unknown"))
    found = connect("api.example.com")
    equal((found["reason"], found["stage"], found["response"]["body"], found["response"]["headers"]), ("policy_error", "worker", "", []))
    contains(found["error"], "l4 = true")
    contains(json.dumps(found["trace"]), '"l4": false')
    equal(json.loads(mtlsguard("eval", "-c", CONFIG, "--url", URL, "--json")[1]).get("connection"), None)


def test_usage():
    """bad URLs, headers, addresses and times are wrong usage"""
    for args in (("--url", "api.example.com/"), ("--url", "ftp://x/"), ("--url", "https:///x"), ("--url", "https://u@h/"),
                 ("--url", URL, "--header", "nonsense"), ("--url", URL, "--header", "a b: c"), ("--url", URL, "--src", "localhost"),
                 ("--url", URL, "--at", "tomorrow"), ("--url", URL, "--chain", "x.pem"),
                 ("--connection", "--url", URL), ("--connection", "--method", "GET"), ("--connection", "--header", "a: b"), ()):
        code, out, err = mtlsguard("eval", "-c", CONFIG, *args)
        equal((args, code, out), (args, 2, ""))
        assert err


def test_bad_config():
    """a configuration with faults is exit 1 with file and line"""
    path = write(folder("eval-bad") / "mtlsguard.lua", "return {\n  thraeds = 3,\n}\n")
    code, out, err = mtlsguard("eval", "-c", path, "--url", URL, "--json")
    equal((code, out), (1, ""))
    contains(err, f"{path}:2: error:", "threads")


def test_human():
    """without --json it is for people, without colour when no terminal reads it"""
    code, out, _ = mtlsguard("eval", "-c", CONFIG, "--url", URL, "--cert", certificates().path("alice"), "--trace")
    equal(code, 0)
    contains(out, "allow 200 allowed", "certSubjectDN", subject("alice"), "client-cert:", "requirement")
    assert "\033" not in out


def test_generation():
    """the generation is the same every time, and another when the configuration says something else"""
    first, second = decide()["generation"], with_cert("alice")["generation"]
    equal(first, second)
    assert decide(path=config("eval-other"))["generation"] != first
    assert decide()["id"] != decide()["id"]


def test_generation_covers_modules():
    """a module that a worker requires, and one that this requires, change the generation as the configuration does"""
    here = folder("eval-modules")
    write(here / "api.lua", 'require "./lib/first"\n' + WORKER)
    (here / "lib").mkdir(exist_ok=True)
    write(here / "lib/first.lua", "return require('./lib/second')\n")
    path = config("eval-modules", hosts='["api.example.com"] = { authorities = { "partners" } }',
                  more='workers = { { name = "api", script = "api.lua", routes = { "api.example.com/w/*" } } },')
    seen = []
    for text in ("return 1\n", "return 2\n", "return 1\n"):
        write(here / "lib/second.lua", text)
        seen.append(decide(path=path)["generation"])
    equal((seen[0] == seen[2], seen[0] == seen[1]), (True, False))
    write(here / "lib/first.lua", "return require('./lib/second') \n")
    assert decide(path=path)["generation"] not in seen


main(globals())
