# SPDX-License-Identifier: Apache-2.0
"""A scripted SPOP agent: answers with what a test wants, so that a front can be tested against an agent that is wrong or mute."""
import socket
import socketserver
import struct
import threading

HELLO, DISCONNECT, NOTIFY, AGENT_HELLO, AGENT_DISCONNECT, ACK = 1, 2, 3, 101, 102, 103


def varint(value):
    if value < 240:
        return bytes([value])
    out, value = [value & 0xff | 0xf0], (value - 240) >> 4
    while value >= 128:
        out.append(value & 0xff | 0x80)
        value = (value - 128) >> 7
    return bytes(out + [value])


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return varint(len(value)) + value


def typed(value):
    """bool, int, str and bytes as SPOP's BOOL, INT64, STRING and BINARY; None is NULL."""
    if value is None:
        return b"\0"
    if isinstance(value, bool):
        return b"\x11" if value else b"\x01"
    if isinstance(value, int):
        return b"\x04" + varint(value)
    return (b"\x08" if isinstance(value, str) else b"\x09") + text(value)


def header_block(pairs):
    return b"".join(text(name) + text(value) for name, value in pairs) + b"\0\0"


def name_block(names):
    return b"".join(map(text, names)) + b"\0"


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        piece = self.data[self.at:self.at + count]
        if len(piece) < count:
            raise EOFError
        self.at += count
        return piece

    def varint(self):
        byte = self.take(1)[0]
        value, shift = byte, 4
        while (shift == 4 and byte >= 240) or (shift > 4 and byte >= 128):
            byte = self.take(1)[0]
            value += byte << shift
            shift += 7
        return value

    def text(self):
        return self.take(self.varint())

    def typed(self):
        kind = self.take(1)[0]
        if kind & 15 == 0:
            return None
        if kind & 15 == 1:
            return bool(kind & 16)
        if kind & 15 in (2, 3, 4, 5):
            return self.varint()
        if kind & 15 in (6, 7):
            return self.take(4 if kind & 15 == 6 else 16)
        value = self.text()
        return value.decode(errors="replace") if kind & 15 == 8 else value


def frame(kind, stream, number, payload):
    body = struct.pack(">BI", kind, 1) + varint(stream) + varint(number) + payload
    return struct.pack(">I", len(body)) + body


class Handler(socketserver.StreamRequestHandler):
    def read_frame(self):
        head = self.rfile.read(4)
        if len(head) < 4:
            return None
        reader = Reader(self.rfile.read(struct.unpack(">I", head)[0]))
        kind, _ = struct.unpack(">BI", reader.take(5))
        return kind, reader.varint(), reader.varint(), reader

    def hello(self):
        self.wfile.write(frame(AGENT_HELLO, 0, 0, text("version") + typed("2.0") + text("max-frame-size") + b"\x03" + varint(16380) +
                               text("capabilities") + typed("pipelining")))

    def handle(self):
        try:
            self.serve()
        except (OSError, EOFError):
            pass

    def serve(self):
        while got := self.read_frame():
            kind, stream, number, reader = got
            if kind == HELLO:
                self.hello()
            elif kind == DISCONNECT:
                return
            elif kind == NOTIFY and not self.answer(stream, number, reader):
                return

    def answer(self, stream, number, reader):
        reader.text()
        arguments = {}
        for _ in range(reader.take(1)[0]):
            name = reader.text().decode()
            arguments[name] = reader.typed()
        variables = self.server.script(arguments)
        if variables is None:
            return True
        if variables == "close":
            return False
        actions = b"".join(b"\x01\x03\x02" + text(name) + typed(value) for name, value in variables.items())
        self.wfile.write(frame(ACK, stream, number, actions))
        return True


class Spop(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """script(arguments) returns the variables to set, None for no answer at all, or "close"."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, script=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port, self.script = self.server_address[1], script
        self.open = set()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def handle_error(self, request, client_address):
        """HAProxy closes connections as it likes."""

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def stop(self):
        """As if the process had ended: connections close too."""
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
