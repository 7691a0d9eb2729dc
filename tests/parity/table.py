# SPDX-License-Identifier: Apache-2.0
"""The scenarios that every front has to decide alike: certificate x host x path x method x headers x what the worker does."""
import dataclasses

CERTIFICATES = [None, "alice", "bob", "rsa", "denied", "expired", "early", "foreign", "selfsigned", "serveronly"]
HOSTS = ["api.example.com", "a.iot.example.com", "www.example.com", "new.example.com", "raw.example.com", "other.example.com",
         "worker.example.com"]
PATHS = ["/a?b=c", "/a?", "/%61", "/a%20b", "/a/./b", "/a/../b", "/a//b", "/a%2fb", "/a%5cb", "/a%2Fb?x=%2f", "/%2e%2e/a", "/a%00b", "/a;b=c",
         "/~a/%7Eb", "/%C3%A4", "/a+b", "/?%2f"]
METHODS = ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]
ACCEPTS = ["text/html", "text/plain", "application/json", "application/problem+json;q=0.1, text/html;q=0.9", "*/*", "image/png"]
# What a client may try to send under the names that are ours.
FORGERIES = [("CF-Cert-Verified", "true"), ("cf-cert-subject-dn", "CN=root"), ("Client-Cert", ":AAAA:"), ("CLIENT-CERT-CHAIN", ":AAAA:"),
             ("Cf-Client-Cert-Der-Base64", "AAAA"), ("Cf-Client-Cert-Sha256", "00"), ("X-Client-Name", "root"), ("X-Client-List", "root"),
             ("X-Mtls-Id", "1"), ("X-Mtls-Status", "200")]
# Words for the worker of worker.py's host, by the header x-do.
ALLOWS = ["name", "list", "delete", "replace", "append", "url", "method", "nothing", "vary", "long"]
RESPONDS = ["200", "204", "301", "302", "401", "403", "404", "418", "429", "451", "500", "503", "empty", "binary"]
FAULTS = ["fault", "loop", "memory", "status", "name-bad", "value-bad", "host", "nil", "unknown"]


@dataclasses.dataclass(frozen=True)
class Scenario:
    certificate: str = None
    host: str = "api.example.com"
    path: str = "/"
    method: str = "GET"
    headers: tuple = ()
    sni: str = None

    @property
    def name(self):
        parts = [self.certificate or "none", self.method, self.host + self.path]
        parts += [f"{key}: {value}" for key, value in self.headers]
        return " ".join(parts) + (f" sni={self.sni}" if self.sni else "")


def scenarios():
    for host in HOSTS:
        for certificate in CERTIFICATES:
            yield Scenario(certificate, host)
    for path in PATHS:
        for host in ("api.example.com", "raw.example.com", "worker.example.com"):
            yield Scenario("alice", host, path, headers=(("x-do", "url"),) if host.startswith("worker") else ())
    for method in METHODS:
        for certificate, host in (("bob", "worker.example.com"), (None, "api.example.com")):
            yield Scenario(certificate, host, method=method, headers=(("x-do", "method"),))
    for accept in ACCEPTS:
        for certificate in (None, "denied"):
            yield Scenario(certificate, headers=(("Accept", accept),))
    for forgery in FORGERIES:
        for certificate in (None, "foreign", "alice"):
            yield Scenario(certificate, "www.example.com", headers=(forgery,))
    for word in ALLOWS + RESPONDS + FAULTS:
        for certificate in ("alice", None):
            yield Scenario(certificate, "worker.example.com", headers=(("x-do", word), ("x-secret", "1"), ("x-kept", "1")))
    for certificate in ("alice", None):
        yield Scenario(certificate, "www.example.com", headers=(("Early-Data", "1"),))
    for sni in ("www.example.com", "other.example.com"):
        for certificate in ("alice", "foreign", None):
            yield Scenario(certificate, "api.example.com", sni=sni)
    for host in ("API.example.com", "api.example.com:8443", "api.example.com."):
        yield Scenario("alice", host, sni="api.example.com")
