"""The lanes: what is measured, beside whom, and what must be true afterwards."""

import contextlib
import os
import statistics
import tempfile
import time

import machine
from peers import HERE, Api, Bed, Etcd, Node, Registry, Serve, Wrong, pgbench, wrk

from crowds import Held  # of the harness: peers knows the way

AGENTS = 1000
BEATERS = 256
CALLERS = 64
LARGE_CALLERS = 16
REGISTRARS = 16
HANGING = 3000


class Runs:
    """How long, how often; who takes part."""

    def __init__(self, quick=False, node=False, etcd=False):
        self.quick, self.node, self.etcd = quick, node, etcd
        self.rounds, self.seconds = (1, 1) if quick else (5, 5)

    def words(self):
        return "%d run%s of %d s" % (self.rounds, "" if self.rounds == 1 else "s", self.seconds)


class Contender:
    """One row of a comparison: run(seconds, check) gives requests, seconds, p50_us, p99_us."""

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
        self.samples.append(
            {
                "requests": n,
                "rate": n / got["seconds"],
                "cpu_us": used.cpu_us / n,
                "own_cpu_us": used.own_us / n if self.own else None,
                "p50_ms": got["p50_us"] / 1e3,
                "p99_ms": got["p99_us"] / 1e3,
                "idle": used.idle,
                "rss": used.rss if self.resident else None,
            }
        )

    def requests(self):
        return sum(sample["requests"] for sample in self.samples)

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
    return {
        "name": name,
        "title": title,
        "peer": peer,
        "contenders": [contender.summary() for contender in contenders],
    }


# ---- heartbeats ----


def write_agents(registry, folder):
    path = folder + "/agents"
    with open(path, "w", encoding="utf-8") as f:
        for i in range(AGENTS):
            agent = registry.api.register("agent %d" % i)
            f.write("%s %s\n" % (agent["id"], agent["token"]))
    return path


def make_peer_table(registry):
    with open(os.path.join(HERE, "peers", "tables.sql"), encoding="utf-8") as f:
        registry.sql(f.read())
    registry.sql("INSERT INTO bench_beats (n) SELECT generate_series(1, %d)" % AGENTS)
    registry.sql("VACUUM ANALYZE bench_beats")


def heartbeat(runs, folder, keep):
    registry = keep(Registry())
    agents = write_agents(registry, folder)
    make_peer_table(registry)

    def beat(url):
        return lambda s, check: wrk("heartbeat.lua", url, s, BEATERS, check, agents=agents)

    def update(s, check):
        return pgbench(registry, "heartbeat.sql", s, 8, folder, agents=AGENTS)

    ours = Contender("rosterd", beat(registry.url), [registry.pid], registry.pid)
    peer = Contender("pgbench, 8 clients", update, [registry.postmaster()], resident=False)
    contenders = [ours, peer]
    if runs.node:
        node = keep(Node(registry, folder))
        url = "http://127.0.0.1:%d" % node.port
        contenders.append(
            Contender("Node, Express + pg", beat(url), [node.pid, registry.postmaster()])
        )
    if runs.etcd:
        etcd = keep(Etcd(folder, AGENTS))
        contenders.append(
            Contender(
                "etcd, leases kept alive",
                lambda s, check: wrk("etcd.lua", etcd.url, s, BEATERS, check, leases=AGENTS),
                [etcd.pid],
            )
        )
    accepted = registry.counter("rosterd_heartbeats_accepted_total")
    batches = registry.counter("rosterd_beat_batches_total")
    table = compare(
        "heartbeat",
        "heartbeats of %d agents over %d connections, each answered after its commit"
        % (AGENTS, BEATERS),
        contenders,
        peer.name,
        runs,
    )
    check_beats(registry, ours, accepted())
    table["facts"] = [("heartbeats in one commit", round(accepted() / max(1, batches()), 1), "")]
    return [table]


def check_beats(registry, ours, accepted):
    failed = registry.api.metric("rosterd_heartbeats_failed_total")
    if failed or accepted < ours.requests():
        raise Wrong(
            "%d heartbeats answered, %d accepted, %d failed" % (ours.requests(), accepted, failed)
        )
    online = registry.number(
        "SELECT count(*) FROM presence WHERE state = 0 AND"
        " last_heartbeat > now() - interval '10 minutes'"
    )
    if online != AGENTS:
        raise Wrong("%d of %d agents are online after their heartbeats" % (online, AGENTS))


# ---- proxy ----


class Caller:
    """A registry with one calling agent, connected to targets on the upstream."""

    def __init__(self, bed, **settings):
        self.bed = bed
        self.registry = Registry(
            proxy__ca_file=bed.ca.ca,
            proxy__response_timeout="1h",
            proxy__idle_timeout="1h",
            **settings,
        )
        self.pid, self.agent = self.registry.pid, self.registry.api.register("caller")

    def target(self, path="/", tls=False):
        """The path under which the calling agent reaches an agent at this path of the upstream."""
        api, url = self.registry.api, "https://localhost:%d%s" if tls else "http://127.0.0.1:%d%s"
        agent = api.register(
            "target",
            endpoint_url=url % (self.bed.ports["tls" if tls else "plain"], path),
            endpoint_api_key="the-key-of-the-target",
        )
        api.call(
            "POST",
            "/api/agents/%s/heartbeat" % agent["id"],
            {"status": "online"},
            credential=agent["token"],
        )
        return "/api/proxy/" + api.connect(self.agent, agent)

    def contender(self, target, connections, name="rosterd"):
        def call(s, check):
            url, token = self.registry.url + target, self.agent["token"]
            return wrk("post.lua", url, s, connections, check, token=token)

        return Contender(name, call, [self.pid], self.pid)

    def records(self):
        return self.registry.number("SELECT count(*) FROM calls WHERE outcome = 'ok'")

    def check_records(self, least):
        """Every call that was answered leaves its record, a moment later."""
        for _ in range(100):
            found = self.records()
            if found >= least:
                return
            time.sleep(0.1)
        raise Wrong("%d call records for at least %d calls" % (found, least))

    def close(self):
        self.registry.close()


def forwarder(bed, server, path, tls, connections, delay=0):
    url = "http://127.0.0.1:%d%s" % (bed.ports[server.name + ("_tls" if tls else "")], path)

    def call(s, check):
        return wrk("post.lua", url, s, connections, check, token="tk_none", delay=delay)

    return Contender(server.name, call, [server.pid])


def forward(runs, caller, name, title, path="/", tls=False, connections=CALLERS):
    """The daemon, nginx and HAProxy in front of one path."""
    bed, registry = caller.bed, caller.registry
    target = caller.target(path, tls)
    # One answer through the daemon is read before anything is measured.
    once = Api(registry.daemon.address, caller.agent["token"])
    once.call("POST", target, {"task": "none"})
    once.link.close()
    contenders = [caller.contender(target, connections)]
    contenders += [
        forwarder(bed, server, path, tls, connections)
        for server in (bed.nginx, bed.haproxy)
        if server is not None
    ]
    before = caller.records()
    table = compare(name, title, contenders, "nginx", runs)
    caller.check_records(before + contenders[0].requests())
    dropped = registry.api.metric("rosterd_call_records_dropped_total")
    table["facts"] = [("call records dropped", int(dropped), "")]
    return table


def proxy(runs, folder, keep):
    caller = keep(Caller(keep(Bed(folder))))
    title = "POST of 200 bytes, small JSON answer, %d connections" % CALLERS
    large = "answers of 1 MiB, %d connections" % LARGE_CALLERS
    return [
        forward(runs, caller, "proxy", title),
        forward(
            runs, caller, "proxy-tls", "the same to a TLS target, certificate checked", tls=True
        ),
        forward(runs, caller, "proxy-large", large, path="/large.json", connections=LARGE_CALLERS),
    ]


def wait_silent(bed, count):
    for _ in range(300):
        if len(bed.silence.held) >= count:
            return
        time.sleep(0.1)
    raise Wrong("%d of %d hanging calls arrived" % (len(bed.silence.held), count))


def hanging(bed, address, target, count, headers=""):
    """Calls to the upstream's silent path, all under way when this returns."""
    already = len(bed.silence.held)
    request = "POST %s HTTP/1.1\r\nHost: bench\r\n%sContent-Length: 2\r\n\r\n{}" % (target, headers)
    held = Held(address, count, request.encode(), answered=False)
    try:
        wait_silent(bed, already + count)
    except BaseException:
        held.close()
        raise
    return held


def hanging_calls(caller, count):
    headers = "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
    return hanging(
        caller.bed,
        caller.registry.daemon.address,
        caller.target("/hang"),
        count,
        headers % caller.agent["token"],
    )


def hang(runs, folder, keep):
    bed = keep(Bed(folder, peers=("nginx",)))
    caller = keep(Caller(bed, proxy__connections="8192", proxy__per_origin="8192"))
    free = forward(runs, caller, "hang-before", "before: as the proxy lane")
    before = machine.memory(caller.pid)
    held = [keep(hanging_calls(caller, HANGING))]
    grown = machine.memory(caller.pid) - before
    held.append(keep(hanging(bed, ("127.0.0.1", bed.ports["nginx"]), "/hang", HANGING)))
    busy = forward(
        runs,
        caller,
        "hang",
        "the proxy lane while %d other calls to the same host hang" % HANGING,
    )
    if not all(one.all_wait() for one in held):
        raise Wrong("a hanging call has ended")
    for was, now in zip(free["contenders"], busy["contenders"]):
        rate, cpu = now["rate"] / was["rate"], now["cpu_us"] / max(was["cpu_us"], 0.01)
        busy["facts"].append((now["name"] + ": rate, of that before", round(rate, 2), ""))
        busy["facts"].append((now["name"] + ": CPU per call, of that before", round(cpu, 2), ""))
    busy["facts"].append(
        ("rosterd: resident memory per hanging call", round(grown / HANGING / 1024, 1), "KiB")
    )
    return [free, busy]


# ---- registration ----


def register(runs, folder, keep):
    registry = keep(Registry(health__enabled="no"))

    def post(s, check):
        key = registry.daemon.key
        return wrk("register.lua", registry.url, s, REGISTRARS, check, token=key, status=201)

    def insert(s, check):
        org = registry.organization
        return pgbench(registry, "register.sql", s, REGISTRARS, folder, org=org)

    ours = Contender("rosterd", post, [registry.pid], registry.pid)
    peer = Contender(
        "pgbench, %d clients" % REGISTRARS, insert, [registry.postmaster()], resident=False
    )
    table = compare(
        "register",
        "registrations (POST /api/agents with an endpoint) over %d connections" % REGISTRARS,
        [ours, peer],
        peer.name,
        runs,
    )
    made = registry.number(
        "SELECT count(*) FROM agents a JOIN presence p ON p.agent_id = a.id"
        " WHERE a.name LIKE 'bench %'"
    )
    if made < ours.requests():
        raise Wrong("%d agents answered, %d are in the database" % (ours.requests(), made))
    return [table]


# ---- start and memory ----


def memory_of(pid, make):
    """How much the daemon's resident memory grows by what make() opens; closes it again."""
    before = machine.memory(pid)
    with contextlib.closing(make()):
        time.sleep(0.3)
        return machine.memory(pid) - before


def starts(serve, times):
    """Seconds until ready of each start, and the resident memory of the last."""
    took = []
    for _ in range(times):
        try:
            took.append(serve.start())
            resident = machine.memory(serve.process.pid)
        finally:
            serve.stop()
    return took, resident


def start(runs, folder, keep):
    caller = keep(Caller(keep(Bed(folder, peers=()))))
    registry = caller.registry
    took, idle = starts(Serve(registry, folder), 3 if runs.quick else 5)
    hung = memory_of(registry.pid, lambda: hanging_calls(caller, 100))
    request = b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"
    address = registry.daemon.address
    kept = memory_of(registry.pid, lambda: Held(address, 1000, request, answered=True))
    facts = [
        (
            "exec to the first 200 of /readyz, existing database, median",
            round(statistics.median(took) * 1000),
            "ms",
        ),
        ("the slowest of %d" % len(took), round(max(took) * 1000), "ms"),
        ("resident memory, idle", round(idle / 1048576, 1), "MiB"),
        ("resident memory per hanging call, of 100", round(hung / 100 / 1024, 1), "KiB"),
        ("resident memory per idle connection, of 1000", round(kept / 1000 / 1024, 1), "KiB"),
    ]
    return [
        {
            "name": "start",
            "title": "start, and memory",
            "peer": None,
            "contenders": [],
            "facts": facts,
        }
    ]


LANES = {
    "heartbeat": heartbeat,
    "proxy": proxy,
    "register": register,
    "start": start,
    "hang": hang,
}
QUICK = ["heartbeat", "proxy", "register", "start"]


def run(name, runs):
    with tempfile.TemporaryDirectory(prefix="rb-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        with contextlib.ExitStack() as stack:

            def keep(thing):
                """Closed at the end, the latest first, whatever happens."""
                stack.callback(thing.close)
                return thing

            return LANES[name](runs, folder, keep)
