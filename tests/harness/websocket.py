"""A raw RFC 6455 client for tests: it can do what a good client does, and what none should."""
import base64
import hashlib
import os
import select
import socket
import struct
import time

TIMEOUT = 20 * float(os.environ.get("ROSTERD_TEST_PATIENCE", "1"))
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Closed(Exception):
    """The connection has ended; code and reason of the close frame, 1006 when none came."""

    def __init__(self, code, reason=""):
        super().__init__("%d %s" % (code, reason))
        self.code, self.reason = code, reason


class Answer:
    """What came instead of 101, or the 101."""

    def __init__(self, status, headers, body=b""):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


class Frame:
    def __init__(self, head, payload):
        self.head, self.payload = head, payload

    @property
    def opcode(self):
        return self.head & 15

    @property
    def fin(self):
        return bool(self.head & 0x80)

    @property
    def text(self):
        return self.payload.decode()

    @property
    def code(self):
        """Of a close frame."""
        return struct.unpack(">H", self.payload[:2])[0] if len(self.payload) >= 2 else 1005

    @property
    def reason(self):
        return self.payload[2:].decode()

    def __repr__(self):
        return "<%02x %r>" % (self.head, self.payload[:200])


def frame(head, payload=b"", mask=True, length=None, claims=None):
    """The bytes of a frame. length: 0, 2 or 8 bytes of extended length; claims: what it says."""
    size = len(payload) if claims is None else claims
    if length is None:
        length = 8 if size > 65535 else 2 if size > 125 else 0
    out = bytes([head, (128 if mask else 0) | {0: size, 2: 126, 8: 127}[length]])
    out += size.to_bytes(length, "big") if length else b""
    if not mask:
        return out + payload
    key = os.urandom(4)
    return out + key + bytes(c ^ key[i % 4] for i, c in enumerate(payload))


def close_payload(code, reason=""):
    return struct.pack(">H", code) + reason.encode() if code is not None else b""


class Socket:
    def __init__(self, sock, answer, left):
        self.sock, self.answer, self.left = sock, answer, left
        self.closed = None  # the Closed that ended it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    @property
    def subprotocol(self):
        return self.answer.header("Sec-WebSocket-Protocol")

    # sending

    def send_raw(self, data):
        self.sock.sendall(data)

    def send_frame(self, head, payload=b"", **how):
        self.send_raw(frame(head, payload, **how))

    def send(self, text):
        self.send_frame(0x80 | TEXT, text.encode())

    def ping(self, payload=b""):
        self.send_frame(0x80 | PING, payload)

    def send_close(self, code=1000, reason=""):
        self.send_frame(0x80 | CLOSE, close_payload(code, reason))

    # receiving

    def _waits(self, seconds):
        """Whether there is something to read, or comes in time."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(max(0, seconds) * 1000))

    def _fill(self, n, until):
        while len(self.left) < n:
            if not self._waits(until - time.monotonic()):
                raise TimeoutError("no frame came in time")
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.closed = self.closed or Closed(1006)
                raise self.closed
            self.left += data

    def recv_frame(self, timeout=None):
        """The next frame. TimeoutError, or Closed when the connection has ended without one."""
        until = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        self._fill(2, until)
        head, size, at = self.left[0], self.left[1], 2
        assert not size & 0x80, "a server masks nothing"
        assert not head & 0x70, "no extension was agreed on"
        if size >= 126:
            at = 4 if size == 126 else 10
            self._fill(at, until)
            size = int.from_bytes(self.left[2:at], "big")
        self._fill(at + size, until)
        payload, self.left = self.left[at : at + size], self.left[at + size :]
        return Frame(head, payload)

    def recv(self, timeout=None):
        """The next text. Pings are answered; a close frame is answered, and raised as Closed."""
        until = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        while True:
            got = self.recv_frame(max(0, until - time.monotonic()))
            if got.opcode == TEXT:
                assert got.fin, "the server does not fragment"
                return got.text
            if got.opcode == PING:
                self.send_frame(0x80 | PONG, got.payload)
            elif got.opcode == CLOSE:
                self.closed = Closed(got.code, got.reason)
                try:
                    self.send_frame(0x80 | CLOSE, got.payload[:2])
                except OSError:
                    pass
                raise self.closed

    def recv_close(self, timeout=None):
        """Lets everything pass until a close frame; returns it, or raises as recv_frame."""
        until = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        while True:
            got = self.recv_frame(max(0, until - time.monotonic()))
            if got.opcode == CLOSE:
                return got

    def is_quiet(self, seconds=0.2):
        """Whether nothing comes for so long."""
        return not self.left and not self._waits(seconds)

    # ending

    def close(self, code=1000, reason="", timeout=None):
        """The closing handshake; returns the server's close frame. The server hangs up first."""
        self.send_close(code, reason)
        got = self.recv_close(timeout)
        until = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        try:
            self._fill(len(self.left) + 1, until)
            raise AssertionError("bytes behind the close frame: %r" % self.left)
        except Closed:
            pass
        finally:
            self.sock.close()
        return got

    def drop(self, reset=False):
        """Without a word; reset: so that the server gets a reset."""
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def _read_answer(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            raise ConnectionError("the server hung up: %r" % data)
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
    answer = Answer(int(lines[0].split()[1]), headers)
    if answer.status != 101:
        size = int(answer.header("Content-Length") or 0)
        while len(rest) < size:
            more = sock.recv(65536)
            if not more:
                break
            rest += more
        answer.body, rest = rest[:size], b""
    return answer, rest


def connect(host, port, path, headers=(), subprotocols=(), key=None, early=b"", replace=None):
    """A Socket, or the Answer when it is not 101. headers: pairs. early: bytes right behind the
    head. replace: pairs that stand for the handshake's own, a value of None leaves one out."""
    key = key or base64.b64encode(os.urandom(16)).decode()
    own = [
        ("Host", "%s:%d" % (host, port)),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]
    if subprotocols:
        own.append(("Sec-WebSocket-Protocol", ", ".join(subprotocols)))
    changed = dict(replace or ())
    own = [(k, changed.get(k, v)) for k, v in own if changed.get(k, v) is not None]
    head = "GET %s HTTP/1.1\r\n" % path
    head += "".join("%s: %s\r\n" % pair for pair in own + list(headers)) + "\r\n"
    sock = socket.create_connection((host, port), TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.sendall(head.encode("latin-1") + early)
        answer, rest = _read_answer(sock)
        if answer.status == 101 and key == changed.get("Sec-WebSocket-Key", key):
            sign = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
            assert answer.header("Sec-WebSocket-Accept") == sign, answer.headers
            assert answer.header("Upgrade").lower() == "websocket"
            assert "upgrade" in answer.header("Connection").lower()
            assert answer.header("Sec-WebSocket-Extensions") is None
    except BaseException:
        sock.close()
        raise
    if answer.status != 101:
        sock.close()
        return answer
    return Socket(sock, answer, rest)
