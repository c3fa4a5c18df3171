"""The lane of a day of heartbeats: whether the tables that they change stay as large as they were.

A day of 20,000 agents with a heartbeat each 30 s is 57.6 million beats, 667 a second. What is
compressed: the beats come one behind the other, as fast as the daemon takes them, until each agent
has had as many as fit into the time of the lane instead of 2,880 (--seconds 200: an hour). So there
are more beats between two rounds of autovacuum than on such a day, not fewer, and no pause in which
anything could be tidied up; agents come in a random order with respect to the pages."""
import random

from lanes import BEATERS, LANES, QUICK
from peers import Registry, Wrong, wrk
from sockets import INSTANCES, TYPES

COUNT, TIMES, STEPS = 20000, 18, 6
A_DAY = 24 * 60 * 60 / 30
GROWTH_MOST, IN_PAGE_LEAST = 3, 0.95

# The token of agent n is tk_ and n in 64 hex digits.
AGENTS = """
WITH made AS (INSERT INTO agents (id, permanent_id, org_id, name, token_hash, token_hint)
 SELECT gen_random_uuid(), 'agt-d' || lpad(to_hex(n), 7, '0'), '%s', 'day-' || n,
 sha256(('tk_' || lpad(to_hex(n), 64, '0'))::bytea), '0000'
 FROM generate_series(0, %d - 1) n RETURNING id)
INSERT INTO presence (agent_id) SELECT id FROM made
"""


def write_tokens(registry, folder):
    rows = registry.sql("SELECT id, substr(name, 5) FROM agents WHERE name LIKE 'day-%'")
    random.shuffle(rows)
    path = folder + "/agents"
    with open(path, "w", encoding="utf-8") as f:
        for agent, n in rows:
            f.write("%s tk_%064x\n" % (agent, int(n)))
    return path


class Table:
    def __init__(self, registry, name):
        self.registry, self.name = registry, name
        self.fresh, self.most = self.size(), 0
        self.updated, self.in_page = self.counts()

    def size(self):
        return self.registry.number("SELECT pg_total_relation_size('%s')" % self.name)

    def counts(self):
        query = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '%s'"
        return [int(n) for n in self.registry.sql(query % self.name)[0]]

    def look(self):
        self.most = max(self.most, self.size())

    def facts(self, beats, count):
        updated, in_page = self.counts()
        updated, in_page = updated - self.updated, in_page - self.in_page
        growth, share = self.most / self.fresh, in_page / max(1, updated)
        if growth > GROWTH_MOST:
            raise Wrong("%s has grown to %.1f of its size" % (self.name, growth))
        # A connection reports what it has counted within a second, or a minute when it is busy.
        if updated > 10000 and share < IN_PAGE_LEAST:
            raise Wrong("%.3f of the updates of %s stayed in their page" % (share, self.name))
        return [
            ("%s: heartbeats" % self.name, beats, ""),
            ("of a day's 2,880 for each", round(beats / count / A_DAY * 100, 1), "%"),
            ("fresh", round(self.fresh / 1024), "KiB"),
            ("at its largest", round(growth, 2), "of that"),
            ("updates that stayed in their page", round(share * 100, 2), "%"),
        ]


def run_for(table, seconds, load):
    beats = 0
    for _ in range(STEPS):
        beats += load(max(1, seconds // STEPS))["requests"]
        table.look()
    return beats


def day(runs, folder, keep):
    count = 500 if runs.quick else COUNT
    seconds = STEPS if runs.quick else TIMES * runs.seconds
    registry = keep(Registry(health__enabled="no"))
    registry.sql(AGENTS % (registry.organization, count))
    registry.sql(INSTANCES % {"org": registry.organization, "types": TYPES, "count": count})
    registry.sql("VACUUM ANALYZE")
    tokens = write_tokens(registry, folder)
    facts = []

    table = Table(registry, "presence")
    agents = run_for(
        table, seconds, lambda s: wrk("heartbeat.lua", registry.url, s, BEATERS, agents=tokens)
    )
    facts += table.facts(agents, count)
    table = Table(registry, "instance_states")
    more = {"instances": count, "key": registry.daemon.key}
    instances = run_for(
        table, seconds, lambda s: wrk("instance.lua", registry.url, s, BEATERS, **more)
    )
    facts += table.facts(instances, count)
    silent = registry.number(
        "SELECT (SELECT count(*) FROM presence WHERE last_heartbeat IS NULL)"
        " + (SELECT count(*) FROM instance_states WHERE last_seen IS NULL)"
    )
    if not runs.quick and silent:
        raise Wrong("%d agents and instances were never heard of" % silent)
    return [
        {
            "name": "day",
            "title": "as many heartbeats of %d agents, and of %d instances, as fit into %d s each"
            % (count, count, seconds),
            "peer": None,
            "contenders": [],
            "facts": facts,
        }
    ]


LANES["day"] = day
QUICK.append("day")
