"""The lanes of /api/v1: registrations under the cap, tokens issued, and what checking one costs."""
import base64

from lanes import LANES, QUICK, Contender, compare
from peers import Registry, Wrong, pgbench, wrk

REGISTRARS = 16
CLIENTS = 16
READERS = 32
TOKENS = 1000  # more than the cache of the second lane holds

AGENT = {
    "email": "bench-0@bench.example",
    "agentType": "custom",
    "version": "1.0.0",
    "capabilities": ["bench:run"],
    "owner": "bench",
    "deploymentEnv": "staging",
}


def no_caps(registry):
    registry.sql("UPDATE organizations SET max_agents = 1e9, max_tokens_per_month = 1e9")


def identity(runs, folder, keep):
    registry = keep(Registry(health__enabled="no"))
    no_caps(registry)

    def post(s, check):
        key = registry.daemon.key
        return wrk("identity.lua", registry.url, s, REGISTRARS, check, token=key, status=201)

    def insert(s, check):
        return pgbench(
            registry, "identity.sql", s, REGISTRARS, folder, org=registry.organization
        )

    ours = Contender("rosterd", post, [registry.pid], registry.pid)
    peer = Contender(
        "pgbench, %d clients" % REGISTRARS, insert, [registry.postmaster()], resident=False
    )
    table = compare(
        "identity",
        "registrations (POST /api/v1/agents) over %d connections, each counted against the cap of"
        " its organization and written to the audit log" % REGISTRARS,
        [ours, peer],
        peer.name,
        runs,
    )
    made = registry.number("SELECT count(*) FROM agents WHERE email LIKE 'bench-%'")
    if made < ours.requests():
        raise Wrong("%d agents answered, %d are in the database" % (ours.requests(), made))
    return [table]


def client_of(registry):
    """An agent as an OAuth client: its id and secret."""
    agent = registry.api.call("POST", "/api/v1/agents", AGENT, 201)["agentId"]
    made = registry.api.call("POST", "/api/v1/agents/%s/credentials" % agent, {}, 201)
    return agent, made["clientSecret"]


def token_of(registry, client):
    body = {
        "grant_type": "client_credentials",
        "client_id": client[0],
        "client_secret": client[1],
        "scope": "agents:read",
    }
    return registry.api.call("POST", "/api/v1/token", body)["access_token"]


def token(runs, folder, keep):
    registry = keep(Registry(health__enabled="no", cache__tokens="64"))
    no_caps(registry)
    client = client_of(registry)
    token_of(registry, client)  # the first one waits for a key to be made
    basic = base64.b64encode(":".join(client).encode()).decode()

    def ask(s, check):
        return wrk("token.lua", registry.url, s, CLIENTS, check, token=basic)

    issue = compare(
        "token",
        "access tokens issued (POST /api/v1/token, RS256) to one agent over %d connections, each"
        " counted and written to the audit log" % CLIENTS,
        [Contender("rosterd", ask, [registry.pid], registry.pid)],
        None,
        runs,
    )
    issued = registry.number("SELECT count(*) FROM audit_events WHERE action = 5")
    if issued < issue["contenders"][0]["runs"][0]["requests"]:
        raise Wrong("%d tokens are in the audit log" % issued)
    return [issue, check_lane(runs, folder, registry, client)]


def check_lane(runs, folder, registry, client):
    """The same small read by an API key, by one token, and by more tokens than are kept."""
    tokens = [token_of(registry, client) for _ in range(TOKENS)]

    def reader(name, credentials):
        path = "%s/%s" % (folder, name.split()[0])
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(one + "\n" for one in credentials)

        def read(s, check):
            url = registry.url + "/api/v1/agents/" + client[0]
            return wrk("read.lua", url, s, READERS, check, tokens=path)

        return Contender(name, read, [registry.pid], registry.pid)

    peer = reader("API key", [registry.daemon.key])
    return compare(
        "token-check",
        "GET /api/v1/agents/{agentId} over %d connections: what the credential costs" % READERS,
        [peer, reader("warm token", tokens[:1]), reader("cold tokens", tokens)],
        peer.name,
        runs,
    )


LANES.update({"identity": identity, "token": token})
QUICK.extend(("identity", "token"))
