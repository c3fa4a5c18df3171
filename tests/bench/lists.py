"""The lane of lists: pages and searches of a million agents, calls and events of the audit log;
start and memory with as many."""
import statistics
import subprocess

from lanes import LANES, Contender, compare, starts
from peers import Registry, Serve, Wrong, wrk

MANY, FEW = 1000000, 20000
READERS = 2
SMALL_ORG = "00000000-0000-4000-9000-000000000001"

# One in a thousand belongs to another organization; every other one bills; the words of few and the
# online ones are the oldest. Triggers and indexes would take most of an hour.
FILL = """
SET session_replication_role = replica;
CREATE TEMP TABLE defs AS SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename = 'agents' AND indexname NOT IN (SELECT conname FROM pg_constraint);
DO $$ DECLARE d record; BEGIN
    FOR d IN SELECT * FROM defs LOOP EXECUTE 'DROP INDEX ' || d.indexname; END LOOP;
END $$;
INSERT INTO organizations (id, slug, name) VALUES ('{small}', 'small', 'Small');
INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint, task_categories, life,
    email, agent_type, version, scopes, owner, deployment_env, is_public, created_at)
SELECT gen_random_uuid(), CASE WHEN n % 1000 = 0 THEN '{small}' ELSE '{org}' END::uuid,
    'agt-' || lpad(to_hex(n), 8, '0'),
    CASE WHEN n % 2 = 0 THEN 'billing agent ' ELSE 'support helper ' END || n
        || CASE WHEN n > {n} - 20 THEN ' quokka' ELSE '' END,
    sha256(('t' || n)::bytea), 'hint',
    CASE WHEN n > {n} - 20 THEN '{{rare}}' WHEN n % 3 = 0 THEN '{{code}}' ELSE '{{translate}}'
        END::text[],
    CASE WHEN n % 1003 = 0 THEN 1 ELSE 0 END, 'a' || n || '@bench.example', n % 8, '1.0.0',
    '{{docs:read}}', CASE WHEN n > {n} - 20 THEN 'zebra' ELSE 'team ' || n % 100 END, n % 3,
    n % 4 = 0, now() - n * interval '1 second'
FROM generate_series(1, {n}) n;
INSERT INTO presence (agent_id, state)
    SELECT id, CASE WHEN name ~ 'quokka' THEN 0 ELSE 2 END FROM agents ON CONFLICT DO NOTHING;
INSERT INTO agent_counts (org_id, living) SELECT org_id, count(*) FROM agents GROUP BY org_id
    ON CONFLICT (org_id) DO UPDATE SET living = excluded.living;
DO $$ DECLARE d record; BEGIN
    FOR d IN SELECT * FROM defs LOOP EXECUTE d.indexdef; END LOOP;
END $$;
"""

# One in ten a second; what is rare is the oldest.
FILL_LOGS = """
SET session_replication_role = replica;
INSERT INTO calls (at, org_id, trace_id, request_id, connection_id, source_agent_id,
    source_permanent_id, target_agent_id, target_permanent_id, protocol, status, outcome,
    request_bytes, response_bytes, latency_us, first_byte_us)
SELECT now() - ({n} - n) * interval '0.1 second', '{org}', 'trace-' || n, 'request-' || n,
    '{small}', '{small}', 'agt-' || lpad(to_hex(n % 1000), 8, '0'), '{small}',
    'agt-' || lpad(to_hex(n % 999), 8, '0'), 'rest', 200,
    CASE WHEN n <= 20 THEN 'connection_timeout' ELSE 'ok' END, 200, 200, 1000, 1000
FROM generate_series(1, {n}) n;
INSERT INTO audit_events (id, at, org_id, agent_id, action, failed, ip, user_agent, metadata)
SELECT gen_random_uuid(), date_trunc('milliseconds', now() - n * interval '0.1 second'), '{org}',
    '{small}', CASE WHEN n > {n} - 20 THEN 2 ELSE 5 END, n > {n} - 20, '127.0.0.1', 'bench', '{{}}'
FROM generate_series(1, {n}) n;
"""


def fill(registry, n):
    script = (FILL + FILL_LOGS).format(n=n, org=registry.organization, small=SMALL_ORG)
    command = ["psql", "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", registry.database]
    subprocess.run(command, input=script, text=True, check=True, timeout=3600)
    registry.sql("VACUUM ANALYZE agents")
    for table in ("presence", "calls", "audit_events", "organizations"):
        registry.sql("VACUUM ANALYZE " + table)
    registry.sql("CHECKPOINT")  # of what was filled in nothing is left to be written


def late_cursor(registry):
    """The cursor of portal lists behind which a hundred agents are left."""
    us, agent = registry.sql(
        "SELECT us(created_at), id FROM agents WHERE org_id = '%s' ORDER BY created_at, id"
        " OFFSET 100 LIMIT 1" % registry.organization
    )[0]
    return "a%016x%s" % (int(us), agent.replace("-", ""))


PAGES = [
    ("first page", "/api/agents?limit=50", 50),
    ("late page", "/api/agents?limit=50&cursor={late}", 50),
    ("archived", "/api/agents?limit=10&life=archived", 10),
    ("online, the oldest 20", "/api/agents?status=online", None),
    ("category, frequent", "/api/agents?limit=50&task_category=code", 50),
    ("category, rare", "/api/agents?limit=50&task_category=rare", 20),
    ("category, none", "/api/agents?task_category=nothing", 0),
    ("word, frequent", "/api/agents?limit=50&q=billing", 50),
    ("word, rare", "/api/agents?limit=50&q=quokka", 20),
    ("word, none", "/api/agents?q=nothing", 0),
    ("two letters, none", "/api/agents?q=zq", None),
    ("v1: first page", "/api/v1/agents?limit=50", 50),
    ("v1: owner", "/api/v1/agents?limit=50&owner=team%207", 50),
    ("v1: type", "/api/v1/agents?limit=50&agentType=router", 50),
    ("v1: decommissioned, none", "/api/v1/agents?status=decommissioned", 0),
    ("v1: page 100", "/api/v1/agents?limit=50&page=100", 50),
    ("public: first page", "/api/v1/marketplace/agents?limit=50", 50),
    ("public: page 200", "/api/v1/marketplace/agents?limit=50&page=200", None),
    ("public: word, frequent", "/api/v1/marketplace/agents?limit=50&search=screener", 50),
    ("public: word, rare", "/api/v1/marketplace/agents?limit=50&search=zebra", 5),
    ("public: word, none", "/api/v1/marketplace/agents?search=nothing", 0),
    ("calls: first page", "/api/calls?limit=50", 50),
    ("calls: of an agent", "/api/calls?limit=50&agent_id=agt-00000007", None),
    # The newest that are looked at have none of them.
    ("calls: outcome, rare", "/api/calls?limit=50&outcome=connection_timeout", 0),
    ("audit: first page", "/api/v1/audit?limit=50", 50),
    ("audit: action, frequent", "/api/v1/audit?limit=50&action=token.issued", 50),
    ("audit: action, rare", "/api/v1/audit?limit=50&action=agent.decommissioned", 20),
    ("audit: failures", "/api/v1/audit?limit=50&outcome=failure", 20),
]


def check(registry, name, target, wanted):
    """One answer is read before anything is measured. One of the rare may be the small one's."""
    got = registry.api.call("GET", target)
    if wanted is not None and not wanted - 1 <= len(got["data"]) <= wanted:
        raise Wrong("%s: %d items instead of %d" % (name, len(got["data"]), wanted))


def lists(runs, folder, keep):
    registry = keep(Registry(health__enabled="no", limits__enabled="no"))
    n = FEW if runs.quick else MANY
    fill(registry, n)
    tokens = folder + "/key"
    with open(tokens, "w", encoding="utf-8") as f:
        f.write(registry.daemon.key + "\n")
    late = late_cursor(registry)

    def reader(name, target):
        def read(s, check_all):
            url = registry.url + target
            return wrk("read.lua", url, s, READERS, check_all, tokens=tokens)

        return Contender(name, read, [registry.pid], registry.pid)

    contenders = []
    for name, target, wanted in PAGES:
        target = target.format(late=late)
        check(registry, name, target, wanted)
        contenders.append(reader(name, target))
    table = compare(
        "lists",
        "pages of %d agents over %d connections" % (n, READERS),
        contenders,
        contenders[0].name,
        runs,
    )
    took, idle = starts(Serve(registry, folder), 3 if runs.quick else 5)
    table["facts"] = [
        ("agents in the database", n, ""),
        ("exec to the first 200 of /readyz, median", round(statistics.median(took) * 1000), "ms"),
        ("the slowest of %d" % len(took), round(max(took) * 1000), "ms"),
        ("resident memory, idle", round(idle / 1048576, 1), "MiB"),
    ]
    return [table]


LANES.update({"lists": lists})
