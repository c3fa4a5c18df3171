"""A hostile client: raw requests that a lenient reader would take for something else, senders that
drip, half-closes and resets."""
import re
import socket
import time

TAIL = b"GET /canary HTTP/1.1\r\nHost: x\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class Case:
    """One raw request.
    statuses: what the only answer may be, when the request is refused; the connection must close.
    served: statuses of all answers when it may also be read in its one sound meaning, or None.
    silent: whether it may be dropped without an answer.
    doubled: libmicrohttpd 0.9.75 refuses it before we are asked, and then sends its head twice.
    unfinished: it is no complete head: the deadline for one will end it."""

    def __init__(self, name, data, statuses=(400,), served=None, **more):
        self.name, self.data, self.statuses, self.served = name, data, statuses, served
        self.silent = more.get("silent", False)
        self.doubled = more.get("doubled", False)
        self.unfinished = more.get("unfinished", False)
        self.half_close = more.get("half_close", False)


def cases(target, authorization):
    """The raw requests of the battery; each is followed by a request for /canary. POST target takes
    any small body and answers 200."""
    line = b"POST " + target + b" HTTP/1.1\r\n"
    host = b"Host: localhost\r\n"
    who = b"Authorization: " + authorization + b"\r\n"
    length = b"Content-Length: "
    chunked = b"Transfer-Encoding: chunked\r\n"
    chunks = b"2\r\n{}\r\n0\r\n\r\n"

    def post(extra, body=b"", first=line, hosts=host):
        return first + hosts + who + extra + b"\r\n" + body + TAIL

    def get(path, extra=b"", version=b" HTTP/1.1"):
        return b"GET " + path + version + b"\r\n" + host + who + extra + b"\r\n" + TAIL

    def size(value):
        return post(length + value + b"\r\n", b"{}   ")

    def coding(value, more=b""):
        return post(b"Transfer-Encoding: " + value + b"\r\n" + more, chunks)

    both = length + b"%d\r\n" % len(chunks) + chunked
    hidden = length + b"%d\r\n" % (len(chunks) + len(TAIL)) + chunked
    sound = ((200, 404),)
    bad_target = ((400, 404),)  # the framing is not in doubt: the next request is one
    me = b"/api/agents/me"
    return [
        Case("baseline", post(length + b"2\r\n", b"{}"), served=sound),
        Case("CL and TE", post(both, chunks)),
        Case(
            "TE and CL that covers the tail", post(chunked + hidden.replace(chunked, b""), chunks)
        ),
        Case("CL 5 and CL 0", post(length + b"5\r\n" + length + b"0\r\n", b"{}   ")),
        Case("CL 0 and CL 5", post(length + b"0\r\n" + length + b"5\r\n", b"{}   ")),
        Case("CL \"5, 5\"", size(b"5, 5"), doubled=True),
        Case("CL +5", size(b"+5"), doubled=True),
        Case("CL -1", size(b"-1"), doubled=True),
        Case("CL 2^64", size(b"18446744073709551616"), (400, 413), doubled=True),
        Case("CL 2^64-1", size(b"18446744073709551615"), (400, 413), doubled=True),
        Case("CL empty", size(b""), doubled=True),
        Case("TE gzip, chunked", coding(b"gzip, chunked"), (400, 501)),
        Case("TE xchunked and CL", coding(b"xchunked", length + b"2\r\n"), (400, 501)),
        Case("TE identity and CL", coding(b"identity", length + b"2\r\n"), (400, 501)),
        Case("TE twice", post(chunked + chunked, chunks)),
        Case(
            "blank before the colon of TE",
            post(b"Transfer-Encoding : chunked\r\n" + length + b"2\r\n", chunks),
        ),
        Case("TE with a vertical tab", coding(b"\x0bchunked"), (400, 501)),
        Case("TE with a trailing blank", coding(b"chunked "), (400, 501), sound),
        Case("TE in HTTP/1.0", post(chunked, chunks, line.replace(b"1.1", b"1.0"))),
        Case("chunk size 0x5", post(chunked, b"0x5\r\n{}   \r\n0\r\n\r\n"), silent=True),
        Case("chunk size -1", post(chunked, b"-1\r\n{}\r\n0\r\n\r\n"), silent=True),
        Case(
            "chunk size beyond 64 bits",
            post(chunked, b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
            (400, 413),
            silent=True,
        ),
        Case("chunk extension", post(chunked, b"2;a=b\r\n{}\r\n0\r\n\r\n"), (400,), sound),
        Case(
            "chunk extension with a bare LF",
            post(chunked, b"2;a\n{}\r\n0\r\n\r\n"),
            served=sound,
            silent=True,
        ),
        Case("chunk data without CRLF", post(chunked, b"2\r\n{}0\r\n\r\n"), silent=True),
        # RFC 9112, 2.2 allows it, and everybody reads it in the same way.
        Case("bare LF lines", post(length + b"2\r\n", b"{}").replace(b"\r\n", b"\n"), served=sound),
        Case("bare CR in a value", post(length + b"2\r\nX-A: a\rb\r\n", b"{}")),
        Case("folded TE", post(b"Transfer-Encoding:\r\n chunked\r\n" + length + b"2\r\n", chunks)),
        Case("first header folded", post(length + b"2\r\n", b"{}", hosts=b" folded: x\r\n" + host)),
        # The library cuts the value, and drops a line without a name, before we see them; neither
        # is about framing.
        Case("NUL in a value", post(length + b"2\r\nX-A: a\0b\r\n", b"{}"), served=sound),
        Case("NUL in a name", post(length + b"2\r\nX-\0A: ab\r\n", b"{}")),
        Case("line without colon", post(length + b"2\r\nnonsense\r\n", b"{}")),
        Case("empty name", post(length + b"2\r\n: value\r\n", b"{}"), served=sound),
        Case("no Host", post(length + b"2\r\n", b"{}", hosts=b"")),
        Case("two Hosts", post(length + b"2\r\n", b"{}", hosts=host + b"Host: other\r\n")),
        Case("absolute form against Host", get(b"http://evil" + me), served=bad_target),
        Case("HTTP/1.2", get(me, version=b" HTTP/1.2"), (400, 505)),
        Case(
            "HTTP/2 preface",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + TAIL,
            (400, 405, 505),
            silent=True,
        ),
        Case("no version", get(me, version=b""), (400, 505), silent=True),
        Case("leading blank", b" " + get(me), (400, 405), silent=True),
        Case(
            "tabs in the request line",
            get(me).replace(b" /api", b"\t/api", 1),
            (400, 405),
            silent=True,
        ),
        Case("%00 in the path", get(b"/api/agents/me%00/x"), served=bad_target),
        Case("%2f.. in the path", get(b"/api/agents/x%2f..%2fme"), served=bad_target),
        Case("byte 0xff in the path", get(b"/api/agents/\xff"), served=bad_target),
        Case("%00 in the query", get(b"/api/agents?q=%00x"), served=bad_target),
        Case("NUL in the target", get(b"/api/agents/me\0x"), silent=True),
        Case("target of 40 kB", get(b"/" + b"a" * 40000), (400, 414, 431)),
        Case("header of 40 kB", get(me, b"X-A: " + b"a" * 40000 + b"\r\n"), (400, 413, 431)),
        Case(
            "2,000 headers",
            get(me, b"".join(b"X-%d: a\r\n" % n for n in range(2000))),
            (400, 413, 431),
        ),
        Case("three pipelined", get(me) + get(me) + get(me), served=((200, 404) * 3,)),
        Case(
            "GET with a body", get(me, length + b"2\r\n").replace(TAIL, b"{}" + TAIL), served=sound
        ),
        Case(
            "Expect 100-continue",
            post(length + b"2\r\nExpect: 100-continue\r\n", b"{}"),
            served=(*sound, (100, 200, 404)),
        ),
        Case(
            "Connection: Content-Length",
            post(length + b"2\r\nConnection: Content-Length\r\n", b"{}"),
            served=sound,
        ),
        Case(
            "lower-case method",
            get(me).replace(b"GET", b"get", 1),
            (400, 405, 501),
            ((405, 404), (501, 404)),
        ),
        Case(
            "CONNECT",
            b"CONNECT other:443 HTTP/1.1\r\n" + host + b"\r\n" + TAIL,
            (400, 405, 501),
            (*bad_target, (405, 404), (404, 404)),
        ),
        Case("half-close after the request", get(me), served=sound, silent=True, half_close=True),
        Case(
            "TLS hello",
            bytes.fromhex("160301006d0100006903035b") + b"\x11" * 98,
            (400, 405),
            silent=True,
            unfinished=True,
        ),
    ]


def send(address, case, seconds=5):
    """Sends the raw bytes; what came back until the other side closed or nothing came any more, and
    whether it closed."""
    got, closed = b"", False
    with socket.create_connection(address, timeout=seconds) as s:
        try:
            s.sendall(case.data)
            if case.half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may have closed already; its answer is still to be read
        # A complete exchange on a kept connection is followed by silence: half a second is enough.
        end, s_timeout = time.monotonic() + seconds, 1.0
        while time.monotonic() < end:
            s.settimeout(s_timeout)
            try:
                piece = s.recv(65536)
            except socket.timeout:
                break
            except OSError:
                closed = True
                break
            if not piece:
                closed = True
                break
            got += piece
    return got, closed


def statuses(got):
    return tuple(int(m) for m in STATUS.findall(got))


def fault(case, got, closed):
    """What is wrong with an answer, or None."""
    seen = statuses(got)
    if case.served is not None and seen in case.served:
        return None
    if case.unfinished and not seen:
        return None
    if case.doubled and len(seen) == 2 and seen[0] == seen[1]:
        seen = seen[:1]
    if len(seen) == 1 and seen[0] in case.statuses:
        return None if closed else "%s: refused with %d, but kept open" % (case.name, seen[0])
    if not seen and case.silent and closed:
        return None
    return "%s: answers %s, closed: %s" % (case.name, list(seen) or "none", closed)


def drip(address, data, pause, most):
    """Sends one byte at a time until the other side closes or most seconds are over; the seconds it
    took and what was answered."""
    start, got = time.monotonic(), b""
    with socket.create_connection(address, timeout=5) as s:
        for n in range(len(data)):
            if time.monotonic() - start > most:
                break
            try:
                s.sendall(data[n : n + 1])
                s.settimeout(pause)
                piece = s.recv(65536)
                got += piece
                if not piece:
                    break
            except socket.timeout:
                continue
            except OSError:
                break
    return time.monotonic() - start, got
