#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways between HAProxy and the agent: TCP, a unix socket inside the chroot, an abstract one, TLS with certificates on both sides."""
import os

from setting import (FOLDER, OWNED_LINE, PROGRAM, Agent, Haproxy, Raw, Tests, ask, equal, free_port, full_fronts, main, make_pki, settings,
                     start_origin, wait_for)

tests = Tests()
pki = make_pki()
origin = start_origin()
CHECK = " check inter 500ms fall 2 rise 1"


def works(name, listener, server, answers=True):
    """An agent that listens so, a front that connects so."""
    agent = Agent(FOLDER / name / "agent", settings(pki, listen={"spop": [listener]}))
    front = Haproxy(PROGRAM, FOLDER / name, full_fronts()[-1], pki, server, origin.port, edits=[OWNED_LINE])
    with agent.start(), front.start():
        if not answers:
            equal(ask(front.port, pki.both("alice")).reason, "policy_unavailable")
            return front
        wait_for("an answer", lambda: ask(front.port, pki.both("alice")).status == 200, 5)
        for _ in range(5):
            equal(ask(front.port, pki.both("alice")).status, 200)
            equal(ask(front.port, None).reason, "certificate_required")
        status, out, err = agent.command("check", "--haproxy", front.path)
        equal(status, 0, out + err)
        return front


@tests
def tcp():
    port = free_port()
    works("tcp", f"127.0.0.1:{port}", f"127.0.0.1:{port}")


@tests
def a_unix_socket_inside_the_chroot():
    folder = FOLDER / "unix"
    root = os.geteuid() == 0
    inside = folder / "chroot" if root else folder
    inside.mkdir(parents=True)
    seen = "/agent.sock" if root else f"{folder}/agent.sock"
    group = ', group = "haproxy"' if root else ""
    works("unix", Raw(f'{{ "unix:{inside}/agent.sock", mode = "0660"{group} }}'), f"unix@{seen}")


@tests
def an_abstract_socket():
    name = f"mtlsguard-e2e-{os.getpid()}"
    works("abstract", f"unix:@{name}", f"abns@{name}")


def tls(port, **more):
    fields = {"certificate": pki.path("server"), "key": pki.key("server"), **more}
    return Raw(f'{{ "127.0.0.1:{port}", tls = {{ ' + ", ".join(f'{key} = "{value}"' for key, value in fields.items()) + " } }")


@tests
def tls_with_a_client_certificate():
    port = free_port()
    works("tls", tls(port, client_authorities=pki.path("partners")),
          f"127.0.0.1:{port} ssl verify required ca-file {pki.path('partners')} crt {pki.both('bob')}")


@tests
def tls_without_the_client_certificate_that_is_asked_for():
    port = free_port()
    works("tls-none", tls(port, client_authorities=pki.path("partners")),
          f"127.0.0.1:{port} ssl verify required ca-file {pki.path('partners')}", answers=False)
    port = free_port()
    works("tls-foreign", tls(port, client_authorities=pki.path("partners")),
          f"127.0.0.1:{port} ssl verify required ca-file {pki.path('partners')} crt {pki.both('foreign')}", answers=False)


@tests
def tls_to_an_agent_that_haproxy_does_not_know():
    port = free_port()
    works("tls-unknown", tls(port), f"127.0.0.1:{port} ssl verify required ca-file {pki.path('stranger')}", answers=False)


if __name__ == "__main__":
    raise SystemExit(main(tests))
