# SPDX-License-Identifier: Apache-2.0
"""Every way to ask, each with an agent of its own, so that an agent's decision log says what was decided about whom."""
import base64
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "env"))

import view  # noqa: E402
from agent import Agent, PROGRAM  # noqa: E402
from client import Answer, Client  # noqa: E402
from envoy import Envoy  # noqa: E402
from webs import Caddy, Nginx  # noqa: E402
from haproxy import ALL_HEADERS, OWNED_LINE, Haproxy  # noqa: E402
from process import free_port  # noqa: E402
from tap import Skip  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
SET_BY_WORKER = ("x-client-name", "x-client-list", "x-client-url", "x-client-method")


def settings(pki, **more):
    partners = {"certificates": pki.path("partners"), "intermediates": pki.path("partners-sub"),
                "revocation": {"deny": [pki.serial("denied")]}}
    out = {
        "threads": 1,
        "authorities": {"partners": partners, "devices": {"certificates": pki.path("devices")}},
        "hosts": {
            "api.example.com": {"authorities": ["partners"]},
            "*.iot.example.com": {"authorities": ["devices", "partners"]},
            "www.example.com": {"authorities": ["partners"], "require": "none"},
            "new.example.com": {"authorities": ["partners"], "enforce": "observe"},
            "raw.example.com": {"authorities": ["partners"], "paths": "raw"},
            "worker.example.com": {"authorities": ["partners"], "require": "none"},
        },
        "headers": {"managed_transform": True, "client_cert": True, "forward_certificate": True, "owned": ["x-client-"]},
        "workers": [{"name": "w", "script": HERE / "worker.lua", "routes": ["worker.example.com/*"]}],
    }
    out.update(more)
    return out


class Offline:
    """mtlsguard eval."""

    def __init__(self, folder, pki):
        self.pki = pki
        self.agent = Agent(folder, settings(pki))

    def view(self, scenario, chain=True):
        url = f"https://{scenario.host}{scenario.path}"
        args = [PROGRAM, "eval", "-c", self.agent.config, "--json", "--url", url, "--method", scenario.method]
        args += [part for name, value in scenario.headers for part in ("--header", f"{name}: {value}")]
        args += ["--sni", scenario.sni or scenario.host]
        if scenario.certificate:
            args += ["--cert", self.certificate(scenario.certificate, chain)]
        result = subprocess.run(list(map(str, args)), capture_output=True, text=True, timeout=20, check=False)
        if result.returncode not in (0, 10):
            raise RuntimeError(f"eval ends with {result.returncode}: {result.stderr}")
        return view.from_eval(json.loads(result.stdout), scenario.headers)

    def certificate(self, name, chain):
        if chain:
            return self.pki.path(name)
        leaf = self.pki.folder / f"{name}.leaf.pem"
        if not leaf.exists():
            leaf.write_text(self.pki.path(name).read_text().partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n")
        return leaf


class Front:
    """listen: the agent's listener for it. chain: whether it hands the chain over."""

    chain = True

    def __init__(self, folder, pki, kind, entry):
        self.pki = pki
        self.listener = free_port()
        self.decisions = folder / "decisions"
        folder.mkdir(parents=True, exist_ok=True)
        listen = {"spop": [], kind: [{1: f"127.0.0.1:{self.listener}", **entry}]}
        self.agent = Agent(folder / "agent", settings(pki, listen=listen, decisions={"log": self.decisions, "level": "all"})).start()
        self.read = 0

    def decision(self):
        """The line about the one request that was just answered, or None when the agent was not asked."""
        end = time.monotonic() + 0.25
        while time.monotonic() < end:
            text = self.decisions.read_text()[self.read:] if self.decisions.exists() else ""
            if text.endswith("\n"):
                self.read += len(text)
                lines = text.splitlines()
                if len(lines) != 1:
                    raise AssertionError(f"{len(lines)} decisions for one request: {text}")
                return json.loads(lines[0])
            time.sleep(0.002)
        return None

    def view(self, scenario):
        answer = self.ask(scenario)
        return view.from_answer(answer, self.decision())

    def stop(self):
        self.agent.stop()


class Proxied(Front):
    """A real proxy with its shipped file; make(listener) starts it."""

    def __init__(self, folder, pki, kind, entry, make):
        super().__init__(folder, pki, kind, entry)
        self.front = make(self.listener, self.agent.admin).start()

    def ask(self, scenario):
        certificate = self.pki.both(scenario.certificate) if scenario.certificate else None
        with Client(self.front.port, scenario.host, certificate, sni=scenario.sni) as client:
            return client.request(scenario.path, scenario.method, scenario.headers)

    def stop(self):
        self.front.stop()
        super().stop()


class Direct(Front):
    """What a proxy that is not at hand would send, by its documentation, and what it would make of the answer."""

    def __init__(self, folder, pki, dialect, origin):
        super().__init__(folder, pki, "http", {"dialect": dialect})
        self.dialect, self.origin = dialect, origin

    def ders(self, name):
        return [ssl.PEM_cert_to_DER_cert(part + "-----END CERTIFICATE-----\n")
                for part in self.pki.path(name).read_text().split("-----END CERTIFICATE-----\n")[:-1]]

    def certificate_headers(self, scenario):
        texts = [base64.b64encode(der).decode() for der in self.ders(scenario.certificate)] if scenario.certificate else []
        if self.dialect == "traefik":
            return [("X-Forwarded-Tls-Client-Cert", ",".join(texts))] if texts else []
        out = [("Client-Cert", f":{texts[0]}:")] if texts else []
        return out + ([("Client-Cert-Chain", ", ".join(f":{text}:" for text in texts[1:]))] if texts[1:] else [])

    def ask(self, scenario):
        # These fronts delete what a client says about certificates before they ask.
        sent = [(name, value) for name, value in scenario.headers if not name.lower().startswith("client-cert")]
        question = sent + self.certificate_headers(scenario) + [
            ("X-Forwarded-Method", scenario.method), ("X-Forwarded-Uri", scenario.path), ("X-Forwarded-Host", scenario.host),
            ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Proto", "https")]
        connection = http.client.HTTPConnection("127.0.0.1", self.listener, timeout=10)
        connection.putrequest("GET", f"/auth/{self.dialect}", skip_accept_encoding=True)
        for name, value in question:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return self.to_origin(scenario, sent, answer) if answer.status == 200 else answer

    def to_origin(self, scenario, sent, answer):
        owned = lambda name: name.startswith(("cf-cert-", "client-cert", "cf-client-cert-", "x-mtls-", "x-client-"))  # noqa: E731
        headers = [(name, value) for name, value in sent if not owned(name.lower())]
        headers += [(name, value) for name, value in answer.headers if owned(name.lower()) and not name.lower().startswith("x-mtls-") and value]
        connection = http.client.HTTPConnection("127.0.0.1", self.origin, timeout=10)
        connection.putrequest(scenario.method, scenario.path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        out = Answer(response.status, response.getheaders(), response.read())
        connection.close()
        return out


def envoy_http_edits(admin):
    """The names that this table's worker sets, as a user would write them there."""
    return [("port_value: 9643", f"port_value: {admin}"), ("{ prefix: x-client- }", "{ prefix: x-client- }, { exact: x-secret }, { exact: x-kept }")]


def envoy_program():
    if "ENVOY" not in os.environ:
        raise Skip("ENVOY names no Envoy")
    return os.environ["ENVOY"]


def start(name, folder, pki, origin):
    """The front of that name, running."""
    def over(kind, entry, make, chain=True):
        front = Proxied(folder, pki, kind, entry, make)
        front.chain = chain
        return front

    if name == "haproxy":
        return over("spop", {}, lambda port, admin: Haproxy("haproxy", folder / "proxy", "haproxy.cfg", pki, f"127.0.0.1:{port}", origin, [OWNED_LINE], [ALL_HEADERS]))
    if name == "envoy-grpc":
        program = envoy_program()
        return over("grpc", {"chain": "xfcc"},
                    lambda port, admin: Envoy(program, "grpc.yaml", folder / "proxy", pki.path("server").parent, port, origin))
    if name == "envoy-http":
        program = envoy_program()
        return over("http", {"dialect": "envoy"},
                    lambda port, admin: Envoy(program, "http.yaml", folder / "proxy", pki.path("server").parent, port, origin, envoy_http_edits(admin)))
    if name == "nginx":
        return over("http", {"dialect": "nginx"}, lambda port, admin: Nginx(folder / "proxy", pki, port, origin, SET_BY_WORKER), chain=False)
    if name == "caddy":
        return over("http", {"dialect": "caddy"}, lambda port, admin: Caddy(folder / "proxy", pki, port, origin, SET_BY_WORKER), chain=False)
    return Direct(folder, pki, name.removesuffix("-http"), origin)


FRONTS = ("haproxy", "envoy-grpc", "envoy-http", "nginx", "caddy", "traefik", "haproxy-http")
