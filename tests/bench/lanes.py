"""The lanes: what is measured, beside whom, and what must be true afterwards."""
import os
import statistics
import tempfile
import time

import machine
from peers import HERE, Api, Bed, Held, Node, Registry, Serve, Wrong, pgbench, wrk

AGENTS = 1000
BEATERS = 256
CALLERS = 64
LARGE_CALLERS = 16
REGISTRARS = 16
HANGING = 1000


class Runs:
    """How long, how often; who takes part."""

    def __init__(self, quick=False, node=False):
        self.quick, self.node = quick, node
        self.rounds, self.seconds = (1, 1) if quick else (5, 5)

    def words(self):
        return "%d run%s of %d s" % (self.rounds, "" if self.rounds == 1 else "s", self.seconds)


class Contender:
    """One column of a comparison: run(seconds, check) gives requests, seconds, p50_us, p99_us."""

    def __init__(self, name, run, roots, own=None, resident=True):
        self.name, self.run, self.roots, self.own = name, run, roots, own
        self.resident, self.samples = resident, []

    def warm(self):
        """A run in which every answer is looked at; it is not counted."""
        self.run(1, True)

    def measure(self, seconds):
        with machine.Usage(self.roots, self.own) as used:
            got = self.run(seconds, False)
        n = got["requests"]
        self.samples.append({
            "rate": n / got["seconds"], "cpu_us": used.cpu_us / n,
            "own_cpu_us": used.own_us / n if self.own else None,
            "p50_ms": got["p50_us"] / 1e3, "p99_ms": got["p99_us"] / 1e3, "idle": used.idle,
            "rss": used.rss if self.resident else None})

    def summary(self):
        """Medians; of the rate the extremes too."""
        out = {"name": self.name, "runs": self.samples}
        for key in self.samples[0]:
            values = [s[key] for s in self.samples if s[key] is not None]
            out[key] = statistics.median(values) if values else None
        rates = [s["rate"] for s in self.samples]
        out["rate_min"], out["rate_max"] = min(rates), max(rates)
        return out


def compare(name, title, contenders, peer, runs):
    """A B A B …: what disturbs the machine for a while disturbs all of them."""
    for contender in contenders:
        contender.warm()
    for _ in range(runs.rounds):
        for contender in contenders:
            contender.measure(runs.seconds)
    return {"name": name, "title": title, "peer": peer,
            "contenders": [contender.summary() for contender in contenders]}


# ---- heartbeats ----

def write_agents(registry, folder):
    path = folder + "/agents"
    with open(path, "w", encoding="utf-8") as f:
        for i in range(AGENTS):
            agent = registry.api.register("agent %d" % i)
            f.write("%s %s\n" % (agent["id"], agent["token"]))
    return path


def heartbeat(runs, folder):
    registry, node = Registry(), None
    try:
        agents = write_agents(registry, folder)
        registry.sql(open_tables())
        registry.sql("INSERT INTO bench_beats (n) SELECT generate_series(1, %d)" % AGENTS)
        registry.sql("VACUUM ANALYZE bench_beats")
        ours = Contender("rosterd", lambda s, check: wrk(
            "heartbeat.lua", registry.url, s, BEATERS, check, agents=agents), [registry.pid],
            registry.pid)
        peer = Contender("pgbench, 8 clients", lambda s, check: pgbench(
            registry, "heartbeat.sql", s, 8, folder, agents=AGENTS), [registry.postmaster()],
            resident=False)
        contenders = [ours, peer]
        if runs.node:
            node = Node(registry, folder)
            contenders.append(Contender("Node, Express + pg", lambda s, check: wrk(
                "heartbeat.lua", "http://127.0.0.1:%d" % node.port, s, BEATERS, check,
                agents=agents), [node.pid, registry.postmaster()]))
        before = registry.api.metric("rosterd_heartbeats_accepted_total")
        batches = registry.api.metric("rosterd_beat_batches_total")
        table = compare("heartbeat", "heartbeats of %d agents over %d connections, each answered "
                        "after its commit" % (AGENTS, BEATERS), contenders, peer.name, runs)
        check_beats(registry, ours, before)
        table["facts"] = [("heartbeats in one commit", round(
            (registry.api.metric("rosterd_heartbeats_accepted_total") - before) /
            max(1, registry.api.metric("rosterd_beat_batches_total") - batches), 1), "")]
        return [table]
    finally:
        if node is not None:
            node.close()
        registry.close()


def open_tables():
    with open(os.path.join(HERE, "peers", "tables.sql"), encoding="utf-8") as f:
        return f.read()


def check_beats(registry, ours, before):
    accepted = registry.api.metric("rosterd_heartbeats_accepted_total") - before
    failed = registry.api.metric("rosterd_heartbeats_failed_total")
    answered = sum(s["rate"] for s in ours.samples)  # per second: a lower bound of the whole
    online = registry.number("SELECT count(*) FROM presence WHERE state = 0 AND"
                             " last_heartbeat > now() - interval '10 minutes'")
    if failed or accepted < answered:
        raise Wrong("%d heartbeats accepted, %d failed" % (accepted, failed))
    if online != AGENTS:
        raise Wrong("%d of %d agents are online after their heartbeats" % (online, AGENTS))


# ---- proxy ----

class Caller:
    """A registry with one calling agent, connected to targets on the upstream."""

    def __init__(self, bed, **settings):
        self.bed = bed
        self.registry = Registry(proxy__ca_file=bed.ca.ca, proxy__response_timeout="1h",
                                 proxy__idle_timeout="1h", **settings)
        self.pid, self.agent = self.registry.pid, self.registry.api.register("caller")

    def target(self, path="/", tls=False):
        """The path under which the calling agent reaches an agent at this path of the upstream."""
        url = "https://localhost:%d%s" if tls else "http://127.0.0.1:%d%s"
        agent = self.registry.api.register(
            "target", endpoint_url=url % (self.bed.ports["tls" if tls else "plain"], path),
            endpoint_api_key="the-key-of-the-target")
        self.registry.api.call("POST", "/api/agents/%s/heartbeat" % agent["id"],
                               {"status": "online"}, credential=agent["token"])
        return "/api/proxy/" + self.registry.api.connect(self.agent, agent)

    def contender(self, target, connections, name="rosterd"):
        return Contender(name, lambda s, check: wrk(
            "post.lua", self.registry.url + target, s, connections, check,
            token=self.agent["token"]), [self.pid], self.pid)

    def check_records(self, least):
        """Every call that was answered has left its record."""
        for _ in range(100):
            found = self.registry.number("SELECT count(*) FROM calls WHERE outcome = 'ok'")
            if found >= least:
                return
            time.sleep(0.1)
        raise Wrong("%d call records for at least %d calls" % (found, least))

    def close(self):
        self.registry.close()


def forwarder(bed, server, path, tls, connections):
    url = "http://127.0.0.1:%d%s" % (bed.ports[server.name + ("_tls" if tls else "")], path)
    return Contender(server.name, lambda s, check: wrk("post.lua", url, s, connections, check,
                                                       token="tk_none"), [server.pid])


def forward(runs, caller, name, title, path="/", tls=False, connections=CALLERS):
    """The daemon, nginx and HAProxy in front of one path."""
    bed = caller.bed
    target = caller.target(path, tls)
    # One answer through the daemon is read before anything is measured.
    Api(caller.registry.daemon.address, caller.agent["token"]).call("POST", target, {"task": "none"})
    contenders = [caller.contender(target, connections)]
    contenders += [forwarder(bed, server, path, tls, connections)
                   for server in (bed.nginx, bed.haproxy) if server is not None]
    before = caller.registry.number("SELECT count(*) FROM calls WHERE outcome = 'ok'")
    table = compare(name, title, contenders, "nginx", runs)
    caller.check_records(before + sum(s["rate"] for s in contenders[0].samples))
    dropped = caller.registry.api.metric("rosterd_call_records_dropped_total")
    table["facts"] = [("call records dropped", int(dropped), "")]
    return table


def proxy(runs, folder):
    bed = Bed(folder)
    caller = None
    try:
        caller = Caller(bed)
        return [
            forward(runs, caller, "proxy", "POST of 200 bytes, small JSON answer, %d connections"
                    % CALLERS),
            forward(runs, caller, "proxy-tls", "the same to a TLS target, certificate checked",
                    tls=True),
            forward(runs, caller, "proxy-large", "answers of 1 MiB, %d connections"
                    % LARGE_CALLERS, path="/large.json", connections=LARGE_CALLERS),
        ]
    finally:
        if caller is not None:
            caller.close()
        bed.close()


def hanging_calls(caller, count):
    """Calls to the upstream's silent path, all under way when this returns."""
    target = caller.target("/hang")
    already = len(caller.bed.silence.held)
    request = ("POST %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
               % (target, caller.agent["token"])).encode()
    held = Held(caller.registry.daemon.address, count, request, answered=False)
    wait_silent(caller.bed, already + count)
    return held


def wait_silent(bed, count):
    for _ in range(300):
        if len(bed.silence.held) >= count:
            return
        time.sleep(0.1)
    raise Wrong("%d of %d hanging calls arrived" % (len(bed.silence.held), count))


def hang(runs, folder):
    bed = Bed(folder, peers=("nginx",))
    caller, held = None, []
    try:
        caller = Caller(bed)
        free = forward(runs, caller, "hang-before", "before: as the proxy lane")
        before = machine.memory(caller.pid)
        held.append(hanging_calls(caller, HANGING))
        grown = machine.memory(caller.pid) - before
        request = b"POST /hang HTTP/1.1\r\nHost: bench\r\nContent-Length: 2\r\n\r\n{}"
        held.append(Held(("127.0.0.1", bed.ports["nginx"]), HANGING, request, answered=False))
        wait_silent(bed, 2 * HANGING)
        busy = forward(runs, caller, "hang", "the proxy lane while %d other calls to the same host "
                       "hang" % HANGING)
        if not all(one.all_wait() for one in held):
            raise Wrong("a hanging call has ended")
        facts = []
        for was, now in zip(free["contenders"], busy["contenders"]):
            facts.append(("%s: rate, of that without" % now["name"], round(now["rate"] / was["rate"], 2),
                          ""))
            facts.append(("%s: CPU per call, of that without" % now["name"],
                          round(now["cpu_us"] / max(was["cpu_us"], 0.01), 2), ""))
        facts.append(("rosterd: resident memory per hanging call", round(grown / HANGING / 1024, 1),
                      "KiB"))
        busy["facts"] += facts
        return [free, busy]
    finally:
        for one in held:
            one.close()
        if caller is not None:
            caller.close()
        bed.close()


# ---- registration ----

def register(runs, folder):
    registry = Registry(health__enabled="no")
    try:
        ours = Contender("rosterd", lambda s, check: wrk(
            "register.lua", registry.url, s, REGISTRARS, check, token=registry.daemon.key,
            status=201), [registry.pid], registry.pid)
        peer = Contender("pgbench, %d clients" % REGISTRARS, lambda s, check: pgbench(
            registry, "register.sql", s, REGISTRARS, folder, org=registry.organization),
            [registry.postmaster()], resident=False)
        table = compare("register", "registrations (POST /api/agents with an endpoint) over %d "
                        "connections" % REGISTRARS, [ours, peer], peer.name, runs)
        made = registry.number("SELECT count(*) FROM agents a JOIN presence p ON p.agent_id = a.id"
                               " WHERE a.name LIKE 'bench %'")
        if made < sum(s["rate"] for s in ours.samples):
            raise Wrong("%d agents are in the database" % made)
        return [table]
    finally:
        registry.close()


# ---- start and memory ----

def memory_of(pid, make):
    """How much the daemon's resident memory grows by what make() opens; closes it again."""
    before = machine.memory(pid)
    opened = make()
    time.sleep(0.3)
    grown = machine.memory(pid) - before
    opened.close()
    return grown


def start(runs, folder):
    bed = Bed(folder, peers=())
    registry = None
    try:
        caller = Caller(bed)
        registry = caller.registry
        serve, times = Serve(registry, folder), []
        for _ in range(3 if runs.quick else 5):
            times.append(serve.start())
            idle = machine.memory(serve.process.pid)
            serve.stop()
        facts = [("exec to the first 200 of /readyz, existing database, median",
                  round(statistics.median(times) * 1000), "ms"),
                 ("the slowest of %d" % len(times), round(max(times) * 1000), "ms"),
                 ("resident memory, idle", round(idle / 1048576, 1), "MiB")]
        hang_before = memory_of(registry.pid, lambda: hanging_calls(caller, 100))
        request = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
        idle_held = memory_of(registry.pid, lambda: Held(registry.daemon.address, 1000, request,
                                                         answered=True))
        facts += [("resident memory per hanging call, of 100", round(hang_before / 100 / 1024, 1),
                   "KiB"),
                  ("resident memory per idle connection, of 1000", round(idle_held / 1000 / 1024, 1),
                   "KiB")]
        return [{"name": "start", "title": "start, and memory", "peer": None, "contenders": [],
                 "facts": facts}]
    finally:
        if registry is not None:
            registry.close()
        bed.close()


LANES = {"heartbeat": heartbeat, "proxy": proxy, "register": register, "start": start, "hang": hang}
QUICK = ["heartbeat", "proxy", "register", "start"]


def run(name, runs):
    with tempfile.TemporaryDirectory(prefix="rb-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        return LANES[name](runs, folder)
