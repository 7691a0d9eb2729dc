# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand: frames as a hostile peer may send them, and what comes back. Headers are decoded by libnghttp2."""
import ctypes
import socket

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CHECK = "/envoy.service.auth.v3.Authorization/Check"


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def number(value, bits):
    """An HPACK integer without its first byte's other bits."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    value -= most
    out = [most]
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def header(name, value, indexed=False):
    """A literal; indexed: it goes into the peer's table."""
    name, value = name.encode(), value if isinstance(value, bytes) else value.encode()
    return (b"\x40" if indexed else b"\0") + number(len(name), 7) + name + number(len(value), 7) + value


def request_headers(path=CHECK, method="POST", content_type="application/grpc", more=()):
    pairs = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "agent")]
    pairs += [("content-type", content_type)] if content_type else []
    return b"".join(header(name, value) for name, value in [*pairs, ("te", "trailers"), *more])


def varint(value):
    out = []
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def field(tag, payload):
    """A protobuf field with bytes."""
    return varint(tag << 3 | 2) + varint(len(payload)) + payload


def message(payload, flag=0):
    return bytes([flag]) + len(payload).to_bytes(4, "big") + payload


def head(stream, block, flags=0):
    """HEADERS, and CONTINUATION for what does not fit."""
    parts = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    last = len(parts) - 1
    return b"".join(frame(CONTINUATION if n else HEADERS, (END_HEADERS if n == last else 0) | (0 if n else flags), stream, part)
                    for n, part in enumerate(parts))


class Pair(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_uint8)), ("value", ctypes.POINTER(ctypes.c_uint8)), ("name_len", ctypes.c_size_t),
                ("value_len", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


class Inflater:
    """HPACK, read by the library."""

    def __init__(self):
        self.library = ctypes.CDLL("libnghttp2.so.14")
        self.library.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.handle = ctypes.c_void_p()
        self.library.nghttp2_hd_inflate_new(ctypes.byref(self.handle))

    def read(self, block):
        pairs, pair, flags = {}, Pair(), ctypes.c_int(0)
        while True:
            used = self.library.nghttp2_hd_inflate_hd2(self.handle, ctypes.byref(pair), ctypes.byref(flags), block,
                                                       ctypes.c_size_t(len(block)), 1)
            if used < 0:
                raise ValueError("the answer's headers do not decode")
            block = block[used:]
            if flags.value & 2:
                pairs[ctypes.string_at(pair.name, pair.name_len).decode()] = ctypes.string_at(pair.value, pair.value_len).decode()
            if flags.value & 1:
                self.library.nghttp2_hd_inflate_end_headers(self.handle)
                return pairs


class Answer:
    """What came back on one stream: headers and trailers together, data, and the code when it was reset."""

    def __init__(self):
        self.headers, self.data, self.reset, self.ended = {}, b"", None, False

    @property
    def over(self):
        return self.ended or self.reset is not None


class Peer:
    """A connection that has introduced itself, unless told not to."""

    def __init__(self, port, introduce=True, seconds=10):
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket.settimeout(seconds)
        self.inflater, self.answers, self.goaway, self.closed, self.buffer = Inflater(), {}, None, False, b""
        self.next = 1
        if introduce:
            self.send(PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW_UPDATE, 0, 0, (1 << 24).to_bytes(4, "big")))

    def send(self, data):
        """False when the peer has gone meanwhile."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def call(self, body, **headers):
        """Sends a whole call; returns its stream."""
        stream, self.next = self.next, self.next + 2
        self.send(head(stream, request_headers(**headers)) + self.pieces(stream, body))
        return stream

    @staticmethod
    def pieces(stream, body):
        parts = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
        return b"".join(frame(DATA, END_STREAM if n == len(parts) - 1 else 0, stream, part) for n, part in enumerate(parts))

    def ask(self, payload, **headers):
        return self.wait(self.call(message(payload), **headers))

    def wait(self, stream):
        """The answer on that stream, as far as it came before the connection ended."""
        while not self.closed and not self.answers.setdefault(stream, Answer()).over:
            self.step()
        return self.answers.setdefault(stream, Answer())

    def wait_end(self):
        """Until the agent says GOAWAY, whose code this is, or closes without (None)."""
        while not self.closed and self.goaway is None:
            self.step()
        return self.goaway

    def wait_close(self):
        while not self.closed:
            self.step()

    def step(self):
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                piece = b""
            if not piece:
                self.closed = True
                return
            self.buffer += piece
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
        payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
        self.take(kind, flags, stream, payload)

    def take(self, kind, flags, stream, payload):
        answer = self.answers.setdefault(stream, Answer()) if stream else None
        if kind == HEADERS:
            answer.headers.update(self.inflater.read(payload))
        elif kind == DATA:
            answer.data += payload
        elif kind == RST_STREAM:
            answer.reset = int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            answer.ended = True

    def close(self):
        self.socket.close()
