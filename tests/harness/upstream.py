"""A double of an agent's endpoint, honest or hostile: what it does is in the path it is called by,
/NAME/ARGUMENT/…; it counts connections and requests and keeps what it was sent."""
import hashlib
import json
import os
import queue
import socket
import ssl
import subprocess
import threading
import time


class Gone(Exception):
    """The other side closed the connection."""


class Request:
    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        self.body, self.size, self.sha256 = b"", 0, ""
        self.at, self.closed_at, self.taken, self.sent = time.time(), None, 0, 0

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]


class Connection:
    """One accepted connection: reads requests by hand, so that nothing is made nicer than it is."""

    def __init__(self, server, sock):
        self.server, self.socket, self.rest = server, sock, b""

    def read(self):
        try:
            piece = self.socket.recv(65536)
        except OSError as fault:
            raise Gone(str(fault)) from None
        if not piece:
            raise Gone("closed")
        self.rest += piece

    def line(self):
        while b"\r\n" not in self.rest:
            self.read()
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line.decode("latin-1")

    def head(self):
        first = self.line()
        method, target, _ = first.split(" ", 2)
        headers = []
        while True:
            line = self.line()
            if not line:
                return Request(method, target, headers)
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))

    def pieces(self, request):
        """The body, piece by piece."""
        if (request.header("Transfer-Encoding") or "").lower() == "chunked":
            while True:
                size = int(self.line().split(";")[0], 16)
                yield from self.exactly(size)
                self.line()
                if size == 0:
                    return
        else:
            yield from self.exactly(int(request.header("Content-Length") or 0))

    def exactly(self, size):
        while size > 0:
            if not self.rest:
                self.read()
            piece, self.rest = self.rest[:size], self.rest[size:]
            size -= len(piece)
            yield piece

    def body(self, request, pause=None):
        """Takes the body; the first 4 MB are kept. pause: seconds between pieces."""
        digest = hashlib.sha256()
        for piece in self.pieces(request):
            digest.update(piece)
            request.size += len(piece)
            request.taken = request.size
            if len(request.body) < 4 << 20:
                request.body += piece
            if pause:
                time.sleep(pause)
        request.sha256 = digest.hexdigest()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as fault:
            raise Gone(str(fault)) from None

    def answer(self, status, body=b"", headers=(), length=True):
        lines = ["HTTP/1.1 %d Word" % status] + ["%s: %s" % pair for pair in headers]
        if length:
            lines.append("Content-Length: %d" % len(body))
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def wait_closed(self, seconds=60):
        """Until the other side closes; what it still sends is thrown away."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self.read()
                self.rest = b""
        except Gone:
            pass


JSON = [("Content-Type", "application/json")]


class Behaviours:
    """A method each: do_NAME(connection, request, arguments). True: the connection goes on."""

    def do_echo(self, c, rq, _):
        c.body(rq)
        text = json.dumps(
            {
                "method": rq.method,
                "target": rq.target,
                "headers": rq.headers,
                "size": rq.size,
                "sha256": rq.sha256,
                "body": rq.body[:65536].decode("latin-1"),
            }
        ).encode()
        c.answer(200, text, JSON)
        return True

    def do_status(self, c, rq, words):
        c.body(rq)
        c.answer(int(words[0]), b'{"from": "target"}', JSON)
        return True

    def do_nobody(self, c, rq, words):
        c.body(rq)
        c.answer(int(words[0]), b"", [("X-Seen", "yes")], length=False)
        return True

    def do_bytes(self, c, rq, words):
        c.body(rq)
        left = int(words[0])
        c.answer(
            200,
            b"",
            [("Content-Type", "application/octet-stream"), ("Content-Length", str(left))],
            length=False,
        )
        block = bytes(range(256)) * 256
        while left > 0:
            c.send(block[:left])
            rq.sent += min(left, len(block))
            left -= len(block)
        return True

    def do_chunked(self, c, rq, words):
        c.body(rq)
        c.answer(
            200,
            b"",
            [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")],
            length=False,
        )
        for n in range(int(words[0])):
            c.send(b"9\r\npiece %03d\r\n" % (n % 1000))
        c.send(b"0\r\n\r\n")
        return True

    def do_sink(self, c, rq, words):
        """Takes the body, at a pace when asked: /sink/MILLISECONDS-BETWEEN-PIECES."""
        c.body(rq, int(words[0]) / 1000 if words else None)
        c.answer(200, json.dumps({"size": rq.size, "sha256": rq.sha256}).encode(), JSON)
        return True

    def do_sse(self, c, rq, _):
        """Sends what the test puts in upstream.events, until it puts None."""
        c.body(rq)
        c.answer(
            200,
            b"",
            [
                ("Content-Type", "text/event-stream"),
                ("Cache-Control", "no-store"),
                ("Transfer-Encoding", "chunked"),
            ],
            length=False,
        )
        while True:
            try:
                event = self.events.get(timeout=0.05)
            except queue.Empty:
                c.socket.setblocking(False)
                try:
                    if c.socket.recv(1, socket.MSG_PEEK) == b"":
                        raise Gone("closed")
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass
                except ConnectionError as fault:
                    raise Gone(str(fault)) from None
                finally:
                    c.socket.setblocking(True)
                continue
            if event is None:
                c.send(b"0\r\n\r\n")
                return True
            data = b"data: %s\n\n" % event
            c.send(b"%x\r\n%s\r\n" % (len(data), data))

    def do_drip(self, c, rq, words):
        """/drip/BYTES/MILLISECONDS."""
        c.body(rq)
        c.answer(
            200, b"", [("Content-Type", "text/plain"), ("Content-Length", words[0])], length=False
        )
        for _ in range(int(words[0])):
            c.send(b".")
            rq.sent += 1
            time.sleep(int(words[1]) / 1000)
        return True

    def do_delay(self, c, rq, words):
        """Answers after MILLISECONDS."""
        c.body(rq)
        time.sleep(int(words[0]) / 1000)
        c.answer(200, b'{"late": true}', JSON)
        return True

    def do_silent(self, c, rq, _):
        c.body(rq)
        c.wait_closed()

    def do_close(self, c, rq, _):
        c.body(rq)

    def do_reset(self, c, rq, words):
        """Half an answer of N bytes, then RST."""
        c.body(rq)
        c.answer(
            200,
            b"",
            [("Content-Type", "text/plain"), ("Content-Length", str(int(words[0]) * 2))],
            length=False,
        )
        c.send(b"r" * int(words[0]))
        time.sleep(0.3)
        c.reset()

    def do_short(self, c, rq, words):
        c.body(rq)
        c.answer(
            200,
            b"",
            [("Content-Type", "text/plain"), ("Content-Length", str(int(words[0]) + 100))],
            length=False,
        )
        c.send(b"s" * int(words[0]))

    def do_shortchunk(self, c, rq, _):
        c.body(rq)
        c.answer(
            200,
            b"",
            [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")],
            length=False,
        )
        c.send(b"5\r\nhello\r\n")

    def do_badchunk(self, c, rq, _):
        c.body(rq)
        c.answer(
            200,
            b"",
            [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")],
            length=False,
        )
        c.send(b"5\r\nhello\r\nnonsense\r\n")
        c.wait_closed(10)

    def do_hugehead(self, c, rq, _):
        c.body(rq)
        c.send(b"HTTP/1.1 200 OK\r\n")
        for n in range(200000):
            c.send(b"X-Filler-%d: %s\r\n" % (n, b"y" * 100))

    def do_halfhead(self, c, rq, _):
        c.body(rq)
        c.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/pl")

    def do_garbage(self, c, rq, _):
        c.body(rq)
        c.send(b"this is not HTTP\r\n\r\n")
        c.wait_closed(10)

    def do_twolengths(self, c, rq, _):
        c.body(rq)
        c.answer(200, b"hello", [("Content-Length", "5"), ("Content-Length", "3")], length=False)
        c.wait_closed(10)

    def do_upgrade(self, c, rq, _):
        c.body(rq)
        c.answer(101, b"", [("Upgrade", "websocket"), ("Connection", "Upgrade")], length=False)
        c.wait_closed(10)

    def do_interim(self, c, rq, _):
        c.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        c.body(rq)
        c.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        c.answer(200, b'{"interim": "passed"}', JSON)
        return True

    def do_early(self, c, rq, _):
        """Refuses before the body is taken."""
        c.answer(413, b'{"error": "too much"}', JSON + [("Connection", "close")])
        c.wait_closed(10)

    def do_redirect(self, c, rq, _):
        c.body(rq)
        c.answer(302, b"", [("Location", self.url("/echo"))])
        return True

    def do_headers(self, c, rq, _):
        """Headers that may pass, and some that may not."""
        c.body(rq)
        c.answer(
            200,
            b"{}",
            JSON
            + [
                ("Connection", "X-Hop"),
                ("X-Hop", "secret hop"),
                ("Keep-Alive", "timeout=5"),
                ("Proxy-Authenticate", "Basic"),
                ("Upgrade", "h2c"),
                ("X-Custom", "custom"),
                ("Retry-After", "7"),
                ("Cache-Control", "no-store"),
                ("ETag", '"e1"'),
            ],
        )
        return True


class Upstream(Behaviours):
    def __init__(self, certificate=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.accepted = 0
        self.requests, self.probes = [], []
        self.open = set()
        self.events = queue.Queue()
        self.context = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/echo", host="127.0.0.1"):
        return "%s://%s:%d%s" % ("https" if self.context else "http", host, self.port, path)

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        if self.context is not None:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except (OSError, ssl.SSLError):
                sock.close()
                return
        with self.lock:
            self.open.add(sock)
        connection, request = Connection(self, sock), None
        try:
            while True:
                request = None
                request = connection.head()
                if not self.dispatch(connection, request):
                    break
        except (Gone, OSError, ValueError):
            pass
        finally:
            if request is not None:
                request.closed_at = time.time()
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def dispatch(self, connection, request):
        words = request.target.split("?")[0].strip("/").split("/")
        if request.method in ("HEAD", "GET"):
            with self.lock:
                self.probes.append(request)
            status = 500 if words[0] == "sick" else 200
            connection.answer(status, b"", [("Content-Length", "0")], length=False)
            return True
        with self.lock:
            self.requests.append(request)
        behaviour = getattr(self, "do_" + words[0], None)
        if behaviour is None:
            connection.body(request)
            connection.answer(404, b"{}", JSON)
            return True
        return behaviour(connection, request, words[1:])

    def last(self):
        with self.lock:
            return self.requests[-1]

    def close(self):
        self.listener.shutdown(
            socket.SHUT_RDWR
        )  # a thread waits in accept: close alone is not seen
        self.listener.close()
        with self.lock:
            left = list(self.open)
        for sock in left:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def closed_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Authority:
    """A throw-away certificate authority in a directory: certificates that are good, or not."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = self.file("ca.pem")
        self.openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            self.file("ca.key"),
            "-out",
            self.ca,
            "-days",
            "30",
            "-subj",
            "/CN=Test authority",
        )

    def file(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.folder)

    def certificate(self, name, alt="IP:127.0.0.1,DNS:localhost", expired=False):
        """Signed by the authority; the file names of certificate and key."""
        key, request, out = (self.file(name + end) for end in (".key", ".csr", ".pem"))
        with open(self.file(name + ".ext"), "w", encoding="utf-8") as f:
            f.write("subjectAltName=%s\n" % alt)
        self.openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            request,
            "-subj",
            "/CN=" + name,
        )
        if expired:
            with open(self.file("serial.txt"), "w", encoding="utf-8"):
                pass
            with open(self.file("ca.conf"), "w", encoding="utf-8") as f:
                f.write(
                    "[ca]\ndefault_ca=d\n[d]\ndatabase=serial.txt\nserial=serial\n"
                    "new_certs_dir=.\npolicy=p\ndefault_md=sha256\n[p]\ncommonName=supplied\n"
                )
            self.openssl(
                "ca",
                "-batch",
                "-config",
                "ca.conf",
                "-create_serial",
                "-cert",
                self.ca,
                "-keyfile",
                self.file("ca.key"),
                "-startdate",
                "20200101000000Z",
                "-enddate",
                "20200102000000Z",
                "-extfile",
                self.file(name + ".ext"),
                "-in",
                request,
                "-out",
                out,
                "-notext",
            )
        else:
            self.openssl(
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                self.ca,
                "-CAkey",
                self.file("ca.key"),
                "-CAcreateserial",
                "-days",
                "30",
                "-extfile",
                self.file(name + ".ext"),
                "-out",
                out,
            )
        return out, key

    def self_signed(self, name):
        key, out = self.file(name + ".key"), self.file(name + ".pem")
        self.openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            out,
            "-days",
            "30",
            "-subj",
            "/CN=" + name,
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        )
        return out, key
