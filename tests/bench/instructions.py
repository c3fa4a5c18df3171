"""Instructions a heartbeat and a proxied call take, counted by callgrind. Unlike times they hardly
depend on the machine and what else it does: what a change costs shows within a few per cent."""

import collections
import contextlib
import glob
import os
import re
import shutil
import socket
import subprocess

import rosterd
from lanes import LANES, Caller
from peers import Bed, Wrong

# What one takes, as docs/performance.md has it; more than MARGIN above it is a regression.
WRITTEN_DOWN, MARGIN = {"heartbeat": 47000, "proxy": 50100}, 0.05
CALLS, QUICK_CALLS = 2000, 300
WARM = 320
LINKS = 16  # connections; a request on each, then their answers
FUNCTIONS = 10
WRAPS = 0.5  # a function with this share of everything is only the way to the others
# Valgrind counts each byte of a "rep stosb", which costs next to nothing.
TUNABLES = "export GLIBC_TUNABLES=%s" % ":".join(
    "glibc.cpu.x86_rep_%s_threshold=1000000000" % name for name in ("stosb", "movsb")
)
BODY = '{"task":"summarize","text":"%s"}' % ("x" * 169)


class Lockstep:
    """A few connections that send together and wait for all the answers, so that the daemon sees
    the same batches in every run."""

    def __init__(self, address, requests):
        self.requests, self.links = requests, [socket.create_connection(address) for _ in requests]

    def turn(self):
        for link, request in zip(self.links, self.requests):
            link.sendall(request)
        for link in self.links:
            self.read(link)

    @staticmethod
    def read(link):
        text = b""
        while b"\r\n\r\n" not in text:
            text += Lockstep.some(link)
        head, _, body = text.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Wrong("an answer is not 200: %r" % text[:300])
        size = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head).group(1))
        while len(body) < size:
            body += Lockstep.some(link)

    @staticmethod
    def some(link):
        more = link.recv(65536)
        if not more:
            raise Wrong("the daemon closed a connection")
        return more

    def run(self, n):
        for _ in range(0, n, len(self.links)):
            self.turn()

    def close(self):
        for link in self.links:
            link.close()


def post(target, token, body):
    return (
        "POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (target, token, len(body), body)
    ).encode()


# ---- callgrind ----


class Profile:
    """The dump of one run: instructions by function."""

    NAME = re.compile(r"(c?(?:fn|ob))=\((\d+)\)(?: (.*))?$")

    def __init__(self, path):
        self.own, self.with_called = collections.Counter(), collections.Counter()
        with open(path, encoding="utf-8", errors="replace") as f:
            self.read(f)
        self.total = sum(self.own.values())

    @staticmethod
    def plain(name, where):
        """Functions of libraries without symbols are told by the library."""
        name = re.split(r"'|\.constprop|\.isra", name)[0]
        return "%#x of %s" % (int(name, 16), where) if name.startswith("0x") else name

    def read(self, lines):
        names, objects, at = {}, {}, {}
        inside, callee, called = None, None, False
        for line in lines:
            word = self.NAME.match(line.rstrip("\n"))
            if word is not None:
                kind, number, name = word.groups()
                if kind in ("ob", "cob"):
                    if name:
                        objects[number] = os.path.basename(name)
                    at[kind] = objects[number]
                    continue
                if name:
                    where = at.get("cob" if kind == "cfn" else "ob", "")
                    names[number] = self.plain(name, where)
                if kind == "fn":
                    inside = names[number]
                else:
                    callee = names[number]
                    at["cob"] = at.get("ob", "")
            elif line.startswith("calls="):
                called = True
            elif line[:1] in "0123456789+-*":
                cost = int(line.split()[-1])
                # A jump back to the first instruction of a function looks like a call of itself.
                if not called or callee != inside:
                    self.with_called[inside] += cost
                if not called:
                    self.own[inside] += cost
                called = False

    def most(self, counter, calls):
        """The most expensive functions, without those that only lead to the others."""
        names = [name for name, cost in counter.most_common() if cost < WRAPS * self.total]
        return [(name, counter[name] / calls) for name in names[:FUNCTIONS]]


class Counted:
    """Starts daemons under callgrind. BENCH_KEEP=FOLDER keeps what it writes, for
    callgrind_annotate."""

    def __init__(self, folder):
        self.out = os.path.join(folder, "counts")
        os.mkdir(self.out)
        os.chmod(self.out, 0o1777)  # run by root, the daemon drops to another user
        self.kept = os.environ.get("BENCH_KEEP")
        self.wrapper = os.path.join(folder, "rosterd")
        binary = os.path.realpath(shutil.which(rosterd.BINARY))
        with open(self.wrapper, "w", encoding="utf-8") as f:
            f.write(
                "#!/bin/sh\n%s\nexec valgrind -q --tool=callgrind --dump-line=no"
                " --dump-before=metrics_print --vgdb=no"
                " --callgrind-out-file='%s/out' '%s' \"$@\"\n" % (TUNABLES, self.out, binary)
            )
        os.chmod(self.wrapper, 0o755)

    @contextlib.contextmanager
    def starting(self):
        native, rosterd.BINARY = rosterd.BINARY, self.wrapper
        try:
            yield
        finally:
            rosterd.BINARY = native
        self.clear()

    def clear(self):
        """Removes what was written; at first that is another user's, if the daemon dropped."""
        for path in glob.glob(self.out + "/*"):
            os.unlink(path)

    def count(self, name, registry, lockstep, calls):
        """What happens between two readings of the metrics: each begins a new dump."""
        lockstep.run(WARM)
        registry.api.call("GET", "/metrics")
        self.clear()
        lockstep.run(calls)
        registry.api.call("GET", "/metrics")
        dumps = glob.glob(self.out + "/out.*")
        if len(dumps) != 1:
            raise Wrong("%d dumps of callgrind instead of 1" % len(dumps))
        if self.kept:
            shutil.copy(dumps[0], os.path.join(self.kept, name))
        return Profile(dumps[0])


# ---- the lane ----


def faults_of(name, each):
    known = WRITTEN_DOWN[name]
    if each <= known * (1 + MARGIN):
        return []
    return ["%s: %d instructions, %d are written down" % (name, each, known)]


def table_of(name, title, profile, calls):
    each = profile.total / calls
    facts = [
        ("instructions of each", round(each), ""),
        ("of those written down", "%.3f" % (each / WRITTEN_DOWN[name]), ""),
    ]
    facts += [
        ("with what it calls: " + function, round(cost), "")
        for function, cost in profile.most(profile.with_called, calls)
    ]
    facts += [
        ("itself: " + function, round(cost), "")
        for function, cost in profile.most(profile.own, calls)
    ]
    return {
        "name": "instructions, " + name,
        "title": title,
        "peer": None,
        "contenders": [],
        "facts": facts,
        # The few of a quick run have the chores of the daemon among them.
        "faults": faults_of(name, each) if calls == CALLS else [],
    }


def beat_of(registry, n):
    agent = registry.api.register("agent %d" % n)
    target = "/api/agents/%s/heartbeat" % agent["id"]
    return post(target, agent["token"], '{"status":"online"}')


def instructions(runs, folder, keep):
    calls = QUICK_CALLS if runs.quick else CALLS
    bed = keep(Bed(folder, peers=()))
    counted = Counted(folder)
    with counted.starting():
        caller = keep(Caller(bed))
    registry, tables = caller.registry, []
    target = caller.target("/")
    lanes = {
        "heartbeat": [beat_of(registry, n) for n in range(LINKS)],
        "proxy": [post(target, caller.agent["token"], BODY)] * LINKS,
    }
    for name, requests in lanes.items():
        with contextlib.closing(Lockstep(registry.daemon.address, requests)) as lockstep:
            profile = counted.count(name, registry, lockstep, calls)
        title = "callgrind, %d requests over %d connections in step" % (calls, LINKS)
        tables.append(table_of(name, title, profile, calls))
    return tables


LANES["instructions"] = instructions
