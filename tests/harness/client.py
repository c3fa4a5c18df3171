"""An HTTP client for tests. Every reply of the API is checked against the daemon's own OpenAPI
document, and what was met is written down for coverage.py."""
import http.client
import json
import os
import re
import select
import socket
import time
import uuid

import jsonschema

RECORDS = os.environ.get("ROSTERD_FLOW_RECORDS")
TIMEOUT = 30 * float(os.environ.get("ROSTERD_TEST_PATIENCE", "1"))
# What a request for a WebSocket has besides, when it is sent like any other.
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "svantic.v1",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Undeclared(AssertionError):
    """A reply that the OpenAPI document does not promise."""


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        try:
            return self.json.get("code")
        except (ValueError, AttributeError):
            return None

    def __repr__(self):
        return "<%d %s>" % (self.status, self.body[:300].decode("utf-8", "replace"))


class Document:
    """The OpenAPI document: operations by path, declared statuses and codes, schemas."""

    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        self.formats = jsonschema.FormatChecker(formats=["uuid"])
        self.formats.checks("date-time")(lambda at: not isinstance(at, str) or TIME.match(at))
        self.operations = []
        for path, item in document["paths"].items():
            pattern = re.sub(r"\\\{(\w+)(?:\\\*)?\\\}", self.segment(path), re.escape(path))
            for method, row in item.items():
                if method in ("get", "post", "put", "patch", "delete", "head"):
                    self.operations.append((method.upper(), re.compile(pattern + "$"), row, path))
        # A literal path comes before one with a {name}.
        self.operations.sort(key=lambda o: (o[3].count("{"), "path}" in o[3] or "*}" in o[3]))

    @staticmethod
    def segment(path):
        return (
            lambda m: ".+"
            if m.group(1) in ("path", "rest") and path.endswith(m.group(0).replace("\\", ""))
            else "[^/]+"
        )

    def operation(self, method, target):
        path = target.split("?")[0]
        wanted = "GET" if method == "HEAD" else method
        for have, pattern, row, _ in self.operations:
            if have == wanted and pattern.match(path):
                return row
        return None

    def follow(self, thing):
        while isinstance(thing, dict) and "$ref" in thing:
            thing = self.resolver.resolve(thing["$ref"])[1]
        return thing

    def response(self, row, status):
        found = row["responses"].get(str(status)) or row["responses"].get("%dXX" % (status // 100))
        return self.follow(found) if found is not None else None

    def codes(self, response):
        """The error codes that one response declares."""
        codes = set(response.get("x-codes", ()))
        for media in response.get("content", {}).values():
            self.codes_of(media.get("schema", {}), codes)
        return codes

    def codes_of(self, schema, codes):
        schema = self.follow(schema)
        code = self.follow(schema.get("properties", {}).get("code", {}))
        codes.update(code.get("enum", [code["const"]] if "const" in code else []))
        for part in schema.get("allOf", []) + schema.get("oneOf", []) + schema.get("anyOf", []):
            self.codes_of(part, codes)

    def validate(self, schema, value):
        validator = jsonschema.Draft202012Validator(
            schema, resolver=self.resolver, format_checker=self.formats
        )
        fault = jsonschema.exceptions.best_match(validator.iter_errors(value))
        if fault is not None:
            raise Undeclared(
                "%s: %s"
                % ("/".join(map(str, fault.absolute_path)) or "(whole)", fault.message[:500])
            )


class Records:
    """What was met, one JSON line each, in a file named for the flow."""

    def __init__(self):
        self.seen = set()
        self.name = None

    def begin(self, name):
        if RECORDS:
            os.makedirs(RECORDS, exist_ok=True)
            self.name = os.path.join(RECORDS, name + ".jsonl")
            open(self.name, "w", encoding="utf-8").close()

    def add(self, operation, status, code):
        row = (operation, status, code)
        if self.name and row not in self.seen:
            self.seen.add(row)
            with open(self.name, "a", encoding="utf-8") as f:
                f.write(json.dumps(row) + "\n")


RECORD = Records()


def check(document, method, target, reply):
    """Holds one reply against the document; raises Undeclared."""
    where = "%s %s -> %r" % (method, target, reply)
    if reply.header("Request-Id") is None:
        raise Undeclared("no Request-Id: " + where)
    if (
        reply.status in (429, 503)
        and not (reply.header("Retry-After") or "").isdigit()
        and is_ours(reply)
    ):
        raise Undeclared("no Retry-After: " + where)
    if reply.status == 401 and is_ours(reply):
        if not (reply.header("WWW-Authenticate") or "").startswith(("Bearer", 'Basic realm="')):
            raise Undeclared("no WWW-Authenticate: " + where)
    if reply.status == 405 and reply.header("Allow") is None and is_ours(reply):
        raise Undeclared("no Allow: " + where)
    row = document.operation(method, target)
    if row is None or target.startswith("/api/proxy/") and not is_ours(reply):
        if row is not None:
            RECORD.add(row["operationId"], "passed", None)
        return
    response = document.response(row, reply.status)
    if response is None:
        raise Undeclared("status is not declared: " + where)
    try:
        check_body(document, method, response, reply)
    except Undeclared as fault:
        raise Undeclared("%s\n%s" % (fault, where)) from None
    RECORD.add(row["operationId"], reply.status, reply.code if reply.status >= 400 else None)


def is_ours(reply):
    """Whether the daemon itself answered: its errors repeat the request id."""
    try:
        return reply.json.get("request_id") == reply.header("Request-Id")
    except (ValueError, AttributeError):
        return False


def check_body(document, method, response, reply):
    if method == "HEAD" or reply.status in (204, 304):
        if reply.body:
            raise Undeclared("a body where none may be")
        return
    content = response.get("content", {})
    kind = (reply.header("Content-Type") or "").split(";")[0].strip()
    if not content and not reply.body:
        return
    if kind not in content:
        raise Undeclared("content type %r is not declared" % kind)
    if not kind.endswith("json"):
        return
    document.validate(content[kind].get("schema", {}), reply.json)
    if reply.status < 400:
        return
    if not (reply.json.get("error") or reply.json.get("message") or "").strip():
        raise Undeclared("the error says nothing")
    if reply.json["request_id"] != reply.header("Request-Id"):
        raise Undeclared("request_id is not Request-Id")
    if reply.code not in document.codes(response):
        raise Undeclared("code %s is not declared for %d" % (reply.code, reply.status))


class Client:
    """Keeps one connection alive. A credential of None sends no Authorization."""

    documents = {}

    def __init__(self, daemon, credential="key"):
        self.address = daemon.address
        self.credential = daemon.key if credential == "key" else credential
        self.link = None
        if (daemon.url, daemon.started) not in Client.documents:
            status, _, body = self.exchange("GET", "/openapi.json", b"", {})
            if status != 200:
                raise Undeclared("GET /openapi.json answers %d" % status)
            Client.documents[daemon.url, daemon.started] = Document(json.loads(body))
        self.document = Client.documents[daemon.url, daemon.started]

    def with_credential(self, credential):
        other = object.__new__(Client)
        other.address, other.document, other.link = self.address, self.document, None
        other.credential = credential
        return other

    def close(self):
        if self.link is not None:
            self.link.close()
            self.link = None

    def exchange(self, method, target, body, headers):
        for attempt in (0, 1):
            if self.link is not None and self.link.sock is not None:
                ready = select.poll()
                ready.register(self.link.sock, select.POLLIN)
                if ready.poll(0):
                    self.close()  # closed meanwhile: idle for too long
            fresh = self.link is None
            if fresh:
                self.link = http.client.HTTPConnection(*self.address, timeout=TIMEOUT)
            try:
                self.link.putrequest(method, target, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.link.putheader(name, value)
                self.link.endheaders(body if body else None)
                got = self.link.getresponse()
                result = got.status, got.getheaders(), got.read()
                if got.will_close or got.status == 101:
                    self.close()
                return result
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
                if fresh or attempt == 1 or method not in ("GET", "HEAD"):
                    raise
        raise AssertionError("unreachable")

    def call(self, method, target, body=None, raw=None, headers=None):
        """One request; body is drawn as JSON, raw is sent as it is. The reply is checked."""
        sent = dict(headers or {})
        if target.split("?")[0] == "/agents/connect":
            sent = {**HANDSHAKE, **sent}
        if self.credential is not None and "Authorization" not in sent:
            sent["Authorization"] = "Bearer " + self.credential
        payload = b""
        if body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        elif raw is not None:
            payload = raw
            sent.setdefault("Content-Type", "application/json")
        if payload or method in ("POST", "PATCH", "PUT"):
            sent["Content-Length"] = str(len(payload))
        reply = Reply(*self.exchange(method, target, payload, sent))
        check(self.document, method, target, reply)
        return reply

    def get(self, target, **more):
        return self.call("GET", target, **more)

    def post(self, target, body=None, **more):
        return self.call("POST", target, body, **more)

    def patch(self, target, body=None, **more):
        return self.call("PATCH", target, body, **more)

    def delete(self, target, **more):
        return self.call("DELETE", target, **more)

    # What most flows begin with.

    def register(self, name=None, **members):
        reply = self.post(
            "/api/agents", {"name": name or "agent " + uuid.uuid4().hex[:8], **members}
        )
        if reply.status != 201:
            raise AssertionError("registering: %r" % reply)
        return reply.json

    def connect(self, source, target, **members):
        reply = self.post(
            "/api/connections",
            {
                "source_agent_id": source["id"],
                "target_agent_id": target["id"],
                "group_name": "tests",
                **members,
            },
        )
        if reply.status != 201:
            raise AssertionError("connecting: %r" % reply)
        return reply.json

    def beat(self, agent, body=None, status=200):
        reply = self.with_credential(agent["token"]).post(
            "/api/agents/%s/heartbeat" % agent["id"], body
        )
        if reply.status != status:
            raise AssertionError("heartbeat: %r" % reply)
        return reply


class Truncated(Exception):
    """The connection ended before the answer was complete."""


class Stream:
    """One exchange by hand: the body goes up and comes down piece by piece."""

    def __init__(self, address, timeout=TIMEOUT):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        self.status, self.headers = None, []

    def head(self, method, target, headers):
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: localhost"]
        lines += ["%s: %s" % pair for pair in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return self

    def send(self, piece):
        self.socket.sendall(piece)

    def send_chunk(self, piece):
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def more(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionError as fault:
            raise Truncated(str(fault)) from None
        if not piece:
            raise Truncated("closed")
        self.rest += piece

    def line(self):
        while b"\n" not in self.rest:
            self.more()
        line, _, self.rest = self.rest.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def answer(self):
        """Reads the head of the answer, past interim ones."""
        while True:
            self.status = int(self.line().split()[1])
            self.headers = []
            while True:
                line = self.line()
                if not line:
                    break
                name, _, value = line.partition(":")
                self.headers.append((name, value.strip()))
            if self.status >= 200:
                return self

    def header(self, name):
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def pieces(self):
        """The body as it comes; raises Truncated when it breaks off."""
        if (self.header("Transfer-Encoding") or "").lower() == "chunked":
            while True:
                size = int(self.line().split(";")[0], 16)
                yield from self.exactly(size)
                if self.line() != "":
                    raise Truncated("no line end behind a chunk")
                if size == 0:
                    return
        elif self.header("Content-Length") is not None:
            yield from self.exactly(int(self.header("Content-Length")))
        else:
            while True:
                try:
                    if not self.rest:
                        self.more()
                except Truncated as end:
                    if str(end) == "closed":
                        return
                    raise
                piece, self.rest = self.rest, b""
                yield piece

    def exactly(self, size):
        while size > 0:
            if not self.rest:
                self.more()
            piece, self.rest = self.rest[:size], self.rest[size:]
            size -= len(piece)
            yield piece

    def body(self):
        return b"".join(self.pieces())

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def now_ms():
    return int(time.time() * 1000)
