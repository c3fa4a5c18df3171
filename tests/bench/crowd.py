"""The lane of everybody at once: calls that hang, connections that idle and readers that are slow,
and what the others notice of them."""

import os
import time

import machine
from lanes import LANES, Caller, Contender, compare, hanging_calls, write_agents
from peers import Bed, Wrong, paced, part, wrk
from sockets import idle_cpu

from crowds import Held, SlowReaders  # of the harness: peers knows the way

HANGING, IDLE, SLOW = 3000, 10000, 100
HUGE = 16 << 20  # more than the kernel takes in for a reader that does not read
OTHERS, PACE = 4, 0.01
WORKING = 16  # connections of the measured runs
SETTINGS = {
    "server__idle_timeout": "1h",
    "proxy__connections": "8192",
    "proxy__per_origin": "8192",
}


class Crowd:
    """Those that take a place and want nothing, and what each of them costs."""

    def __init__(self, caller, keep, quick):
        self.caller, self.facts = caller, []
        share = 10 if quick else 1
        head = "Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}" % caller.agent["token"]
        huge = "POST %s HTTP/1.1\r\nHost: bench\r\n" % caller.target("/huge.json") + head
        huge = huge.encode()
        look = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
        address = caller.registry.daemon.address
        self.hung = keep(
            self.made("hanging call", HANGING // share, lambda n: hanging_calls(caller, n))
        )
        self.idle = keep(
            self.made("idle connection", IDLE // share, lambda n: Held(address, n, look, True))
        )
        self.slow = keep(
            self.made("slow reader", SLOW // share, lambda n: SlowReaders(address, n, huge))
        )
        self.since = dict(self.slow.sips)

    def made(self, what, count, make):
        before = machine.memory(self.caller.pid)
        thing = make(count)
        time.sleep(0.5)
        grown = (machine.memory(self.caller.pid) - before) / count / 1024
        self.facts.append(("resident memory per %s, of %d" % (what, count), round(grown, 1), "KiB"))
        return thing

    def check(self):
        self.hung.check()
        self.idle.check()
        self.slow.check(self.since)

    def leave(self):
        for kind in (self.hung, self.idle, self.slow):
            kind.close()


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def settled(registry):
    """CPU of the daemon, in ms a second, when the kernel has what slow readers are sent first."""
    used = None
    for _ in range(20):
        before, (used, _) = used, idle_cpu(registry, 1)
        if before is not None and max(before, used) < 20:
            break
    return used


def released(pid, before):
    """Seconds until the daemon has closed what the crowd has left."""
    began = time.monotonic()
    while descriptors(pid) > before:
        if time.monotonic() - began > 60:
            raise Wrong("%d descriptors, %d before" % (descriptors(pid), before))
        time.sleep(0.05)
    return time.monotonic() - began


class Others:
    """Those that must not notice: a calling agent, and agents that beat."""

    def __init__(self, caller, folder):
        self.registry, self.token = caller.registry, caller.agent["token"]
        self.target = caller.target()
        self.beat = "/api/agents/%s/heartbeat" % caller.agent["id"]
        self.agents = write_agents(self.registry, folder)
        self.calls = caller.contender(self.target, WORKING, "proxied calls")
        self.beats = Contender("heartbeats", self.send_beats, [caller.pid], caller.pid)

    def send_beats(self, seconds, check):
        return wrk(
            "heartbeat.lua", self.registry.url, seconds, WORKING, check, agents=self.agents
        )

    def compare(self, name, title, runs):
        """As fast as it goes, and then at a walk, where each wait is seen."""
        for contender in (self.calls, self.beats):
            contender.samples = []
        table = compare(name, title, [self.calls, self.beats], None, runs)
        table["facts"] = []
        for what, path in (("proxied call", self.target), ("heartbeat", self.beat)):
            ask = lambda api, path=path: api.call("POST", path, {})
            took = paced(self.registry, self.token, OTHERS, PACE, 2 * runs.seconds, ask)
            said = "%.1f / %.1f / %.1f" % (part(took, 0.5), part(took, 0.99), took[-1])
            table["facts"].append(("%s at a walk, p50 / p99 / most" % what, said, "ms"))
        return table


def crowd(runs, folder, keep):
    with open(os.path.join(folder, "huge.json"), "wb") as f:
        f.truncate(HUGE)
    caller = keep(Caller(keep(Bed(folder, peers=())), **SETTINGS))
    others = Others(caller, folder)
    free = others.compare("crowd-before", "before", runs)
    before = descriptors(caller.pid)
    there = Crowd(caller, keep, runs.quick)
    title = "while %d calls to one host hang, %d connections idle, %d read slowly" % (
        len(there.hung.sockets),
        len(there.idle.sockets),
        len(there.slow.sips),
    )
    alone = settled(caller.registry)
    busy = others.compare("crowd", title, runs)
    there.check()
    for was, now in zip(free["contenders"], busy["contenders"]):
        for what, key in (("CPU", "cpu_us"), ("CPU of the daemon", "own_cpu_us")):
            grown = now[key] / max(was[key], 0.01)
            said = "%s: %s, of that before" % (now["name"], what)
            busy["facts"].append((said, round(grown, 2), ""))
    there.leave()
    busy["facts"].append(("CPU of the daemon for the crowd alone", round(alone, 1), "ms/s"))
    busy["facts"] += there.facts
    # Connections to the target may be kept for a while.
    took = released(caller.pid, before + WORKING)
    busy["facts"].append(("all leave at once, until all is closed", round(took, 1), "s"))
    return [free, busy]


LANES["crowd"] = crowd
