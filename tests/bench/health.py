"""The lane of the health check: many endpoints on addresses of 127.0.0.0/8, asked once a minute;
the same with a tenth that never answers; and how many can be asked when they are due more often.
What was asked and when is read from the log of the endpoints, not told by the daemon."""
import collections
import os
import selectors
import statistics
import time

import machine
from lanes import LANES
from peers import NGINX, Api, Registry, Server, Silence, Wrong, wrk

# Fewer are asked more often, so that the rate stays.
ENDPOINTS = int(os.environ.get("BENCH_ENDPOINTS", "100000"))
SHARED = 20000  # endpoints of the runs with kept connections …
HOSTS = 200  # … on so many addresses, each in the certificate
SLOW_TENTH, SLOW_NONE = "7$", "^/none$"
SETTLED = 2.0  # seconds after its turn from which a check counts as late


def address(host):
    """As wrk/endpoints.lua."""
    return "127.%d.%d.%d" % (1 + host // 62500, host // 250 % 250, 1 + host % 250)


class Slow(Silence):
    """Never answers, and lets go of whoever has given up."""

    def run(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self.listener, selectors.EVENT_READ)
            while not self.end:
                for key, _ in ready.select(0.1):
                    if key.fileobj is self.listener:
                        ready.register(self.listener.accept()[0], selectors.EVENT_READ)
                    elif not key.fileobj.recv(65536):
                        ready.unregister(key.fileobj)
                        key.fileobj.close()
            self.held = [key.fileobj for key in ready.get_map().values()]
            self.held.remove(self.listener)


class Endpoints:
    """nginx on all of 127.0.0.0/8; told anew how to behave by starting it again."""

    def __init__(self, folder):
        from upstream import Authority

        self.folder = folder
        self.silence = Slow()
        self.ca = Authority(folder)
        names = ",".join("IP:" + address(host) for host in range(HOSTS))
        certificate, key = self.ca.certificate("endpoints", alt=names)
        for name in os.listdir(folder):
            os.chmod(os.path.join(folder, name), 0o644)
        self.log = os.path.join(folder, "checks.log")
        self.ports = {"plain": machine.free_port(), "tls": machine.free_port()}
        self.values = {
            "workers": machine.cores(),
            "certificate": certificate,
            "key": key,
            "silent": self.silence.port,
            **self.ports,
        }
        self.server = None

    def start(self, keep="1h", slow=SLOW_NONE):
        self.stop()
        values = {**self.values, "keep": keep, "slow": slow}
        self.server = Server("endpoints", NGINX, "endpoints.conf", self.folder, values)
        self.server.wait(self.ports["plain"])

    def stop(self):
        if self.server is not None:
            self.server.close()
            self.server = None

    def asked(self, begin, end):
        """(seconds since 1970, endpoint, use of its connection) of checks that were answered."""
        with open(self.log, encoding="ascii") as log:
            for line in log:
                at, method, path, status, use = line.split()
                if method == "HEAD" and status == "200" and begin <= float(at) < end:
                    yield float(at), int(path[1:]), int(use)

    def close(self):
        self.stop()
        self.silence.close()


def make_agents(registry, endpoints, count, hosts, scheme):
    """That many agents, the only ones in service; their numbers have gaps."""
    registry.sql("UPDATE agents SET life = 3")
    have = "SELECT count(*) FROM agents WHERE life = 0"
    port = endpoints.ports["tls" if scheme == "https" else "plain"]
    first = 0
    while registry.number(have) < count:
        values = {"hosts": hosts, "scheme": scheme, "port": port, "from": first}
        wrk("endpoints.lua", registry.url, 1 if count < 10000 else 10, 16, status=201,
            token=registry.daemon.key, **values)
        first = 2 + registry.number(
            "SELECT max(substr(name, 7)::bigint) FROM agents WHERE life = 0 AND name LIKE 'check %'"
        )
    registry.sql(
        "DELETE FROM agents WHERE id IN (SELECT id FROM agents WHERE life = 0"
        " ORDER BY name DESC LIMIT greatest(0, (%s) - %d))" % (have, count)
    )
    registry.sql("VACUUM ANALYZE")


class Run:
    """The daemon started anew with an interval, watched for some time."""

    def __init__(self, registry, endpoints, interval, **settings):
        self.registry, self.endpoints, self.interval = registry, endpoints, interval
        daemon = registry.daemon
        daemon.stop()
        daemon.settings.update({key.replace("__", "."): value for key, value in settings.items()})
        daemon.settings.update({"presence.interval": "%dms" % (interval * 1000)})
        daemon.start()
        registry.pid = daemon.pid
        registry.url = daemon.url.rstrip("/")
        registry.api = Api(daemon.address, daemon.key)

    def watch(self, pause, seconds):
        """Lets it run for a while, then measures for as long."""
        time.sleep(pause)
        database = machine.tree(self.registry.postmaster())
        failed = self.registry.counter("rosterd_probes_failed_total")
        done = self.registry.counter("rosterd_probes_total")
        commits = self.registry.counter("rosterd_beat_batches_total")
        cpu = machine.cpu_us([self.registry.pid]), machine.cpu_us(database)
        begin = time.time()
        time.sleep(seconds)
        self.seconds = time.time() - begin
        self.cpu_ours = machine.cpu_us([self.registry.pid]) - cpu[0]
        self.cpu_database = machine.cpu_us(database) - cpu[1]
        self.done, self.failed, self.commits = done(), failed(), commits()
        self.resident = machine.memory(self.registry.pid)
        self.reasons = self.registry.sql(
            "SELECT error, count(*) FROM status_transitions"
            " WHERE reason = 6 AND at > to_timestamp(%f) GROUP BY 1" % begin
        )
        time.sleep(1.5)  # the log is written each second
        self.checks = list(self.endpoints.asked(begin - 2 * self.interval, begin + seconds))
        self.begin = begin
        return self

    def measured(self):
        return [check for check in self.checks if check[0] >= self.begin]

    def spread(self):
        """Checks in the seconds of the run: the least, the median, the most."""
        each = collections.Counter(int(at - self.begin) for at, _, _ in self.measured())
        counts = sorted(each[second] for second in range(int(self.seconds)))
        return counts[0], counts[len(counts) // 2], counts[-1]

    def late(self):
        """Of the answered checks: the share that came later than an interval after the one before,
        and the median of how much later or sooner they came (s)."""
        before, gaps = {}, []
        for at, endpoint, _ in self.checks:
            if at >= self.begin and endpoint in before:
                gaps.append(at - before[endpoint] - self.interval)
            before[endpoint] = at
        if not gaps:
            return 0, 0, 0
        late = sum(gap > SETTLED for gap in gaps)
        return late / len(gaps), statistics.median(abs(gap) for gap in gaps), max(gaps)

    def facts(self, name):
        checks = max(1, self.done)
        rate = self.done / self.seconds * 60
        reused = sum(use > 1 for _, _, use in self.measured())
        answered = max(1, len(self.measured()))
        return [
            (name + ": checks a minute", round(rate), ""),
            (name + ": of these in vain", round(100 * self.failed / checks, 1), "%"),
            *((name + ": newly offline: " + why, int(n), "") for why, n in self.reasons),
            (name + ": on a kept connection", round(100 * reused / answered, 1), "%"),
            (name + ": CPU of the daemon per 1,000 checks", round(self.cpu_ours / checks, 1), "ms"),
            (
                name + ": CPU of PostgreSQL per 1,000 checks",
                round(self.cpu_database / checks, 1),
                "ms",
            ),
            (name + ": checks in one commit", round(checks / max(1, self.commits), 1), ""),
            (name + ": resident memory of the daemon", round(self.resident / 1048576, 1), "MiB"),
        ]

    def minute_facts(self, name):
        late, moved, worst = self.late()
        asked = len({endpoint for _, endpoint, _ in self.measured()})
        return self.facts(name) + [
            (name + ": endpoints that answered within the interval", asked, ""),
            (name + ": answered checks in a second, least / median / most",
             "%d / %d / %d" % self.spread(), ""),
            (name + ": more than %g s late" % SETTLED, round(100 * late, 2), "%"),
            (name + ": sooner or later than its turn, median", round(1000 * moved), "ms"),
            (name + ": the latest", round(worst, 2), "s"),
        ]


def check_known(run):
    """What was asked and has answered is known to be there, and nothing else is."""
    asked = {endpoint for _, endpoint, _ in run.endpoints.asked(0, run.begin + run.seconds - 2)}
    known = run.registry.number(
        "SELECT count(*) FROM presence p JOIN agents a ON a.id = p.agent_id"
        " WHERE a.life = 0 AND p.state = 1 AND p.reason = 5"
    )
    if known < len(asked):
        raise Wrong("%d endpoints have answered, %d are known to" % (len(asked), known))


def health(runs, folder, keep):
    count, shared = (2000, 1000) if runs.quick else (ENDPOINTS, SHARED)
    interval = 4 if runs.quick else max(4, 60 * count // 100000)
    endpoints = keep(Endpoints(folder))
    endpoints.start()
    timeout = "1s" if runs.quick else "5s"
    settings = {"health__enabled": "no", "health__timeout": timeout}
    registry = keep(Registry(proxy__ca_file=endpoints.ca.ca, **settings))
    facts = []
    make_agents(registry, endpoints, count, count, "http")

    run = Run(registry, endpoints, interval, health__enabled="yes").watch(interval, interval + 1)
    facts += run.minute_facts("once a minute")
    check_known(run)

    endpoints.start(slow=SLOW_TENTH)
    run = Run(registry, endpoints, interval).watch(1.2 * interval, interval + 1)
    facts += run.minute_facts("a tenth never answers")

    endpoints.start(keep="0")
    seconds = 2 if runs.quick else 20
    run = Run(registry, endpoints, max(1, count // 20000)).watch(seconds / 2, seconds)
    facts += run.facts("as fast as it can, http, new connections")
    for scheme in ("http", "https"):
        endpoints.start()
        make_agents(registry, endpoints, shared, HOSTS, scheme)
        run = Run(registry, endpoints, 1).watch(seconds / 2, seconds)
        facts += run.facts("as fast as it can, %s, kept connections" % scheme)
    return [
        {
            "name": "health",
            "title": "%d endpoints on as many addresses; kept: %d on %d" % (count, shared, HOSTS),
            "peer": None,
            "contenders": [],
            "facts": facts,
        }
    ]


LANES["health"] = health
