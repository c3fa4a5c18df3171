"""The lane of agents that have dialled in: what idle ones cost, how fast a dispatch is meanwhile,
and how long it takes until all that were cut off are back."""
import json
import os
import random
import subprocess
import sys
import time

import machine
from fleet import NAME, TYPE, TYPES
from lanes import LANES, QUICK
from peers import HERE, Api, Registry, Wrong, paced, part

SOCKETS = 10000
PERIOD = 30  # seconds between two heartbeats of one agent
CALLERS = 4
PAUSE = 0.02  # of a caller between two dispatches

INSTANCES = """
WITH org AS (SELECT id FROM organizations WHERE id = '%(org)s'),
types AS (INSERT INTO agents (id, permanent_id, org_id, name, mesh_type, token_hash, token_hint)
 SELECT gen_random_uuid(), 'agt-' || lpad(to_hex(n), 8, '0'), org.id, 'bench-type-' || n,
 'bench-type-' || n, sha256(('t' || n)::bytea), '0000'
 FROM org, generate_series(0, %(types)d - 1) n RETURNING id, org_id, mesh_type),
there AS (INSERT INTO presence (agent_id) SELECT id FROM types),
made AS (INSERT INTO instances (id, org_id, agent_id, instance_id, mode)
 SELECT gen_random_uuid(), t.org_id, t.id, 'bench-' || n, 0
 FROM generate_series(0, %(count)d - 1) n
 JOIN types t ON t.mesh_type = 'bench-type-' || (n %% %(types)d)
 RETURNING id, org_id, agent_id, mode)
INSERT INTO instance_states (instance, org_id, agent_id, mode) SELECT * FROM made
"""


class Agents:
    """The process of the agents."""

    def __init__(self, registry, count):
        host, port = registry.daemon.address
        command = [sys.executable, "-B", os.path.join(HERE, "fleet.py")]
        command += [host, str(port), registry.daemon.key, str(count), str(PERIOD)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.count = count

    def state(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def wait_ready(self, seconds):
        """Until all are there; how long that took."""
        began = time.monotonic()
        while self.state()["ready"] < self.count:
            if time.monotonic() - began > seconds:
                raise Wrong("only %r of %d agents are back" % (self.state(), self.count))
            time.sleep(0.05)
        return time.monotonic() - began

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def dispatches(registry, count, seconds):
    """Latencies in ms, sorted, of dispatches to agents at random, by a few callers."""

    def ask(api):
        n = random.randrange(count)
        body = {"instance_id": NAME % n, "skill_id": "echo", "args": {"n": n}}
        if api.call("POST", "/agents/dispatch", body)["result"] != {"n": n}:
            raise Wrong("another agent's answer")

    return paced(registry, registry.daemon.key, CALLERS, PAUSE, seconds, ask)


def idle_cpu(registry, seconds):
    """CPU of the daemon and of PostgreSQL, in milliseconds per second."""
    database = machine.tree(registry.postmaster())
    before = machine.cpu_us([registry.pid]), machine.cpu_us(database)
    time.sleep(seconds)
    after = machine.cpu_us([registry.pid]), machine.cpu_us(database)
    return [(b - a) / 1000 / seconds for a, b in zip(before, after)]


def cut_all(registry, agents):
    """The kernel ends every connection to the daemon; seconds until all agents are back."""
    port = registry.daemon.address[1]
    opened = registry.counter("rosterd_sockets_opened_total")
    began = time.monotonic()
    subprocess.run(
        ["ss", "-K", "state", "established", "sport", "=", ":%d" % port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    # Ours is cut as well.
    registry.api = Api(registry.daemon.address, registry.daemon.key)
    while opened() < agents.count:
        if time.monotonic() - began > 120:
            raise Wrong("after the cut only %d have dialled again" % opened())
        time.sleep(0.1)
    agents.wait_ready(120)
    return time.monotonic() - began


def close_all(registry, agents):
    """All agents close at once; seconds until the last of them is back."""
    opened = registry.counter("rosterd_sockets_opened_total")
    began = time.monotonic()
    agents.process.stdin.write("close\n")
    agents.process.stdin.flush()
    while opened() < agents.count:
        if time.monotonic() - began > 120:
            raise Wrong("after closing only %d have dialled again" % opened())
        time.sleep(0.1)
    agents.wait_ready(120)
    return time.monotonic() - began


def stop(registry):
    """The daemon is told to stop with all sockets open; seconds until it has ended."""
    began = time.monotonic()
    registry.daemon.stop()
    return time.monotonic() - began


def sockets(runs, folder, keep):
    count = 500 if runs.quick else SOCKETS
    seconds = 2 if runs.quick else 60
    registry = keep(Registry(health__enabled="no"))
    org = registry.organization
    registry.sql(INSTANCES % {"org": org, "types": TYPES, "count": count})
    registry.sql("VACUUM ANALYZE")
    before = machine.memory(registry.pid)
    agents = keep(Agents(registry, count))
    arrival = agents.wait_ready(120)
    grown = machine.memory(registry.pid) - before
    beats = agents.state()["beats"]
    ours, database = idle_cpu(registry, seconds)
    beats = agents.state()["beats"] - beats
    took = dispatches(registry, count, seconds / 2)
    back = cut_all(registry, agents)
    again = close_all(registry, agents)
    online = registry.number("SELECT count(*) FROM instance_states WHERE owner IS NOT NULL")
    if online != count:
        raise Wrong("%d of %d instances are connected in the database" % (online, count))
    facts = [
        ("agents connected, of %d types such as %s" % (TYPES, TYPE % 0), count, ""),
        ("until the first time all were there", round(arrival, 1), "s"),
        ("resident memory per socket", round(grown / count / 1024, 1), "KiB"),
        ("heartbeats while they idle", round(beats / seconds, 1), "/s"),
        ("CPU of the daemon meanwhile", round(ours, 1), "ms/s"),
        ("CPU of PostgreSQL meanwhile", round(database, 1), "ms/s"),
        ("dispatches by %d callers" % CALLERS, len(took), ""),
        ("a dispatch and its answer, p50", round(part(took, 0.5), 2), "ms"),
        ("a dispatch and its answer, p99", round(part(took, 0.99), 2), "ms"),
        ("all cut by the kernel, until all are back", round(back, 1), "s"),
        ("all closed by the agents at once, until all are back", round(again, 1), "s"),
        ("SIGTERM with all of them connected, until the end", round(stop(registry), 1), "s"),
    ]
    return [
        {
            "name": "sockets",
            "title": "agents by WebSocket, a heartbeat each %d s" % PERIOD,
            "peer": None,
            "contenders": [],
            "facts": facts,
        }
    ]


LANES["sockets"] = sockets
QUICK.append("sockets")
