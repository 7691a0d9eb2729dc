#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile peers on the gRPC port of a running agent: each gets a clear answer, and a good one beside them notices nothing."""
import pathlib
import sys
import time

from cmdlib import Agent, config, equal, main

import h2
from h2 import CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, Peer, field, frame, message

# RFC 9113, 7
PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 1, 2, 3, 9, 11
MESSAGE_MAX = 65536

agent = Agent(config("hostile", listen='spop = {}, grpc = { "127.0.0.1:0" }, admin = { "127.0.0.1:0" }, control = { "unix:control.sock" }',
                     more=f"limits = {{ message = {MESSAGE_MAX} }},"))
port = agent.port("grpc")
good = Peer(port)


def attributes(*more, host=b"api.example.com", http=b""):
    """A CheckRequest of a client without a certificate, with further fields of its attributes."""
    request = field(2, b"GET") + field(4, b"/") + field(5, host) + field(6, b"https") + http
    return field(1, field(4, field(2, request)) + b"".join(more))


def denied(answer, reason):
    """An in-band denial: a gRPC success whose message has a status other than 0, and names the reason."""
    equal((answer.reset, answer.headers.get(":status"), answer.headers.get("grpc-status")), (None, "200", "0"))
    assert answer.data[5:7] == b"\x0a\x02" and answer.data[7] == 8 and answer.data[8] in (7, 16), answer.data[:40]
    assert reason.encode() in answer.data, (reason, answer.data)


def others_are_served():
    """On the connection that was there all the time, and on a new one."""
    denied(good.ask(attributes()), "certificate_required")
    fresh = Peer(port)
    denied(fresh.ask(attributes()), "certificate_required")
    fresh.close()


def metric(name):
    return next(float(line.split()[1]) for line in agent.get("/metrics")[1].splitlines() if line.startswith(f"mtlsguard_grpc_{name} "))


def memory_mb():
    text = pathlib.Path(f"/proc/{agent.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:")) / 1024


def ends(peer, *codes):
    """The connection ends soon, with one of those codes."""
    begin = time.monotonic()
    code = peer.wait_end()
    assert code in codes, f"GOAWAY {code}, expected one of {codes}"
    assert time.monotonic() - begin < 8, "it took too long"
    peer.close()
    others_are_served()


def test_what_is_no_http2():
    """another protocol: the connection is closed"""
    before = metric("bad_peers_total")
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00" + b"\0" * 512, b"\0" * 64):
        peer = Peer(port, introduce=False)
        peer.send(data)
        peer.wait_end()
    peer.wait_close()
    equal(metric("bad_peers_total"), before + 3)
    others_are_served()


def test_nesting_bombs():
    """metadata that is nested ten thousand times, and headers in headers: read without recursion"""
    for depth in (100, 10000):
        bomb = b""
        for _ in range(depth):
            bomb = field(6, field(1, bomb)) if len(bomb) < MESSAGE_MAX - 4096 else bomb
        denied(good.ask(attributes(field(11, bomb), field(13, bomb))) if depth == 100 else good.ask(attributes(field(11, bomb))),
               "certificate_required")
    groups = b"\x0b" * 20000
    denied(good.ask(field(1, groups)), "bad_request")
    others_are_served()


def test_bad_text():
    """bytes that are no UTF-8, in every string that is read"""
    for bad in (field(4, b"/\xff"), field(3, field(1, b"x-\xc3") + field(2, b"1")), field(3, field(1, b"x") + field(2, b"\xed\xa0\x80"))):
        denied(good.ask(field(1, field(4, field(2, field(5, b"api.example.com") + bad)))), "bad_request")
    denied(good.ask(attributes(field(12, field(1, b"\xc0\xaf")))), "bad_request")
    denied(good.ask(attributes(field(1, field(5, b"\x80")))), "bad_request")


def test_what_stands_twice():
    """singular fields and keys of maps that come twice: two readers could pick different ones"""
    twice = attributes(field(12, field(1, b"a.example.com")), field(12, field(1, b"b.example.com")))
    denied(good.ask(twice), "bad_request")
    denied(good.ask(attributes(http=field(5, b"www.example.com"))), "bad_request")
    pair = field(3, field(1, b"x-a") + field(2, b"1"))
    denied(good.ask(attributes(http=pair + pair)), "bad_request")
    denied(good.ask(attributes() + attributes()), "bad_request")


def test_messages_that_are_none():
    """cut short, followed by more, compressed, none at all"""
    body = message(attributes())
    for wrong, status in ((body[:-1], "13"), (body + b"x", "13"), (b"", "13"), (b"\0\xff\xff\xff\xff", "13"), (message(b"x", flag=1), "12")):
        answer = good.wait(good.call(wrong))
        equal((answer.headers.get(":status"), answer.headers.get("grpc-status"), answer.data), ("200", status, b""))
    denied(good.ask(b""), "bad_request")
    denied(good.ask(b"\xff" * 64), "bad_request")


def test_other_types_and_methods():
    """a content type, an HTTP method and a gRPC method that are not served"""
    for kind in ("application/json", "application/grpcx", "text/plain", None):
        answer = good.wait(good.call(message(attributes()), content_type=kind))
        equal((answer.headers.get(":status"), answer.data), ("415", b""))
    for method in ("GET", "PUT"):
        equal(good.wait(good.call(b"", method=method)).headers.get(":status"), "405")
    for path in ("/envoy.service.auth.v2.Authorization/Check", "/", "/" + "x" * 4000):
        equal(good.wait(good.call(message(b""), path=path)).headers.get("grpc-status"), "12")


def test_large_messages():
    """over limits.message: a denial, since a client's headers can make them so; without end: a reset"""
    denied(good.ask(attributes(http=field(3, field(1, b"x") + field(2, b"y" * MESSAGE_MAX)))), "bad_request")
    denied(good.ask(attributes(http=b"".join(field(3, field(1, b"x-%d" % n) + field(2, b"")) for n in range(600)))), "bad_request")
    others_are_served()


def test_large_headers():
    """a header list over the bound ends its stream, by one long value as by references to a short one"""
    peer = Peer(port)
    for more in ([("x-long", "y" * 17000)], [(f"x-{n}", "y" * 200) for n in range(80)]):
        equal(peer.wait(peer.call(message(attributes()), more=more)).reset, INTERNAL_ERROR)
    # A table entry of 4 kB, and a byte for each time that it comes again.
    bomb = h2.request_headers() + h2.header("x", "y" * 4000, indexed=True) + b"\xbe" * 12000
    peer.send(h2.head(peer.next, bomb, END_STREAM))
    stream, peer.next = peer.next, peer.next + 2
    equal(peer.wait(stream).reset, INTERNAL_ERROR)
    denied(peer.ask(attributes()), "certificate_required")
    peer.close()
    others_are_served()


def test_headers_that_do_not_decode():
    """HPACK that is none ends the connection; names that HTTP/2 forbids end the call"""
    peer = Peer(port)
    peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\xff"))
    ends(peer, COMPRESSION_ERROR)
    peer = Peer(port)
    for more in ([("Upper", "1")], [("connection", "close")], [("x", b"a\nb")]):
        equal(peer.wait(peer.call(message(attributes()), more=more)).reset, PROTOCOL_ERROR)
    peer.close()


def test_continuation_flood():
    """headers that never end"""
    peer = Peer(port)
    before = metric("bad_peers_total")
    for more in (frame(CONTINUATION, 0, 1), frame(CONTINUATION, 0, 1, h2.header("x", "y" * 8000))):
        peer = Peer(port)
        peer.send(frame(HEADERS, 0, 1, h2.request_headers()) + more * 2000)
        # What it never read may make the system cut the connection before the reason is heard.
        ends(peer, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, INTERNAL_ERROR, None)
    equal(metric("bad_peers_total"), before + 2)


def test_reset_flood():
    """calls that are begun and given up, thousands of them (rapid reset)"""
    peer, headers, before = Peer(port), h2.request_headers(), memory_mb()
    body = message(attributes())
    peer.send(b"".join(frame(HEADERS, END_HEADERS, n, headers) + frame(DATA, END_STREAM, n, body) + frame(RST_STREAM, 0, n, bytes(4))
                       for n in range(1, 8000, 2)))
    ends(peer, ENHANCE_YOUR_CALM, INTERNAL_ERROR, None)
    assert memory_mb() - before < 32, f"{memory_mb() - before:.0f} MB more"


def test_frames_for_nothing():
    """SETTINGS and PING whose acknowledgements nobody reads, empty DATA, windows that overflow"""
    for flood in (frame(SETTINGS, 0, 0), frame(PING, 0, 0, bytes(8))):
        peer = Peer(port)
        peer.send(flood * 20000)
        ends(peer, ENHANCE_YOUR_CALM, INTERNAL_ERROR, None)
    peer = Peer(port)
    for _ in range(3):
        peer.send(frame(WINDOW_UPDATE, 0, 0, (0x7fffffff).to_bytes(4, "big")))
    ends(peer, FLOW_CONTROL_ERROR)
    peer = Peer(port)
    stream = peer.next
    peer.send(frame(HEADERS, END_HEADERS, stream, h2.request_headers()) + frame(DATA, 0, stream) * 5000 + h2.Peer.pieces(stream, message(attributes())))
    denied(peer.wait(stream), "certificate_required")
    peer.close()
    others_are_served()


def test_too_many_streams():
    """more calls than were announced: those over the bound are refused, the others answered"""
    peer = Peer(port)
    headers, body = h2.request_headers(), message(attributes())
    streams = range(1, 801, 2)
    peer.send(b"".join(frame(HEADERS, END_HEADERS, stream, headers) for stream in streams))
    peer.send(b"".join(frame(DATA, END_STREAM, stream, body) for stream in streams[:256]))
    for stream in streams[:256]:
        denied(peer.wait(stream), "certificate_required")
    for stream in streams[256:]:
        assert peer.wait(stream).reset in (7, PROTOCOL_ERROR), peer.wait(stream).reset
    peer.close()
    others_are_served()


def test_afterwards():
    """nothing is left behind: it drains and ends in order"""
    good.close()
    agent.wait(lambda: metric("connections") == 0)
    agent.stop()
    assert "Sanitizer" not in agent.log()


if __name__ == "__main__":
    main(dict(globals()))
