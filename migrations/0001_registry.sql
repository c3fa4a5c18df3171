-- The registry: organizations, API keys, agents, presence, connections, calls.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Milliseconds since 1970 UTC, rounded down: how every time leaves the database.
CREATE FUNCTION ms(at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN floor(extract(epoch FROM at) * 1000)::bigint;

-- Microseconds since 1970 UTC, as PostgreSQL keeps them: for cursors, which may not round.
CREATE FUNCTION us(at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;

CREATE FUNCTION from_us(us bigint) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN timestamptz 'epoch' + us * interval '1 microsecond';

-- now(), moved by the setting roster.clock_skew: presence rules are tested without waiting.
CREATE FUNCTION roster_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN now() + coalesce(nullif(current_setting('roster.clock_skew', true), ''), '0')::interval;

CREATE TABLE organizations (
    id         uuid        NOT NULL,
    slug       text        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organizations_pkey     PRIMARY KEY (id),
    CONSTRAINT organizations_slug_key UNIQUE (slug)
);
COMMENT ON TABLE  organizations      IS 'Tenants; every other row belongs to one.';
COMMENT ON COLUMN organizations.slug IS 'Short name for the command line and for addresses.';

INSERT INTO organizations (id, slug, name)
    VALUES ('00000000-0000-4000-8000-000000000001', 'system', 'System');

CREATE TABLE master_keys (
    key_id      bytea       NOT NULL,
    check_value bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT master_keys_pkey PRIMARY KEY (key_id)
);
COMMENT ON TABLE  master_keys             IS 'Master keys that have sealed something here; never the keys themselves.';
COMMENT ON COLUMN master_keys.key_id      IS 'First 4 bytes of the SHA-256 of the key.';
COMMENT ON COLUMN master_keys.check_value IS 'A known text sealed under the key: tells a wrong key file at start.';

CREATE TABLE api_keys (
    id         uuid        NOT NULL,
    org_id     uuid        NOT NULL,
    name       text        NOT NULL,
    hash       bytea       NOT NULL,
    hint       text        NOT NULL,
    scopes     integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey     PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash),
    CONSTRAINT api_keys_org_fkey FOREIGN KEY (org_id) REFERENCES organizations
);
COMMENT ON TABLE  api_keys        IS 'Keys of people''s scripts (rk_…).';
COMMENT ON COLUMN api_keys.hash   IS 'SHA-256 of the key; the key itself is shown once and not kept.';
COMMENT ON COLUMN api_keys.hint   IS 'The last four characters, for people.';
COMMENT ON COLUMN api_keys.scopes IS 'Bits of enum scope (model/scope.h).';
COMMENT ON COLUMN api_keys.revoked_at IS 'Refused from then on; null: in force.';

CREATE TABLE agents (
    id                     uuid        NOT NULL,
    permanent_id           text        NOT NULL,
    org_id                 uuid        NOT NULL,
    name                   text        NOT NULL,
    token_hash             bytea       NOT NULL,
    token_hint             text        NOT NULL,
    token_issued_at        timestamptz NOT NULL DEFAULT now(),
    endpoint_url_sealed    bytea,
    webhook_url_sealed     bytea,
    endpoint_key_sealed    bytea,
    endpoint_key_header    text        NOT NULL DEFAULT 'Authorization',
    endpoint_key_scheme    text        NOT NULL DEFAULT 'Bearer',
    version_header         text,
    version_value          text,
    version                text,
    license                text,
    programming_language   text,
    languages              text[]      NOT NULL DEFAULT '{}',
    framework              text,
    task_categories        text[]      NOT NULL DEFAULT '{}',
    input_formats          text[]      NOT NULL DEFAULT '{}',
    output_formats         text[]      NOT NULL DEFAULT '{}',
    models                 text[]      NOT NULL DEFAULT '{}',
    requests_per_minute    bigint      NOT NULL DEFAULT 0,
    metadata               json,
    fallback_agent_id      uuid,
    is_public              boolean     NOT NULL DEFAULT false,
    life                   smallint    NOT NULL DEFAULT 0,
    probe_slot             smallint    NOT NULL DEFAULT floor(random() * 60),
    row_version            bigint      NOT NULL DEFAULT 1,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT agents_pkey             PRIMARY KEY (id),
    CONSTRAINT agents_permanent_id_key UNIQUE (permanent_id),
    CONSTRAINT agents_token_hash_key   UNIQUE (token_hash),
    CONSTRAINT agents_org_fkey         FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT agents_fallback_fkey    FOREIGN KEY (fallback_agent_id) REFERENCES agents
                                       ON DELETE SET NULL,
    CONSTRAINT agents_fallback_ok      CHECK (fallback_agent_id <> id),
    CONSTRAINT agents_life_ok          CHECK (life BETWEEN 0 AND 3),
    CONSTRAINT agents_probe_slot_ok    CHECK (probe_slot BETWEEN 0 AND 59)
);
CREATE INDEX agents_org_page ON agents (org_id, created_at DESC, id DESC);
CREATE INDEX agents_name_trgm ON agents USING gin (name gin_trgm_ops);
CREATE INDEX agents_fallback ON agents (fallback_agent_id) WHERE fallback_agent_id IS NOT NULL;
CREATE INDEX agents_probe ON agents (probe_slot, id)
    WHERE endpoint_url_sealed IS NOT NULL AND life = 0;
COMMENT ON TABLE  agents                     IS 'One row per agent identity.';
COMMENT ON COLUMN agents.permanent_id        IS 'agt- and 8 hex digits; never changes, never reused.';
COMMENT ON COLUMN agents.token_hash          IS 'SHA-256 of the agent token tk_…; the token is shown once.';
COMMENT ON COLUMN agents.token_hint          IS 'The last four characters of the token, for people.';
COMMENT ON COLUMN agents.endpoint_url_sealed IS 'AES-256-GCM envelope, bound to organization, agent and column.';
COMMENT ON COLUMN agents.webhook_url_sealed  IS 'As endpoint_url_sealed.';
COMMENT ON COLUMN agents.endpoint_key_sealed IS 'As endpoint_url_sealed: the key that calls to the endpoint carry.';
COMMENT ON COLUMN agents.endpoint_key_scheme IS 'Word before the key; empty: the bare key.';
COMMENT ON COLUMN agents.endpoint_key_header IS 'Header that carries the key to the endpoint.';
COMMENT ON COLUMN agents.version_header      IS 'Header sent to the endpoint with version_value, if any.';
COMMENT ON COLUMN agents.version             IS 'Version of the agent''s software, as its owner says.';
COMMENT ON COLUMN agents.metadata            IS 'JSON object of the owner, kept as it came.';
COMMENT ON COLUMN agents.fallback_agent_id   IS 'Agent of the same organization that answers while this one is offline.';
COMMENT ON COLUMN agents.is_public           IS 'Whether it may be shown outside its organization.';
COMMENT ON COLUMN agents.requests_per_minute IS 'As declared by the owner, not enforced; 0: not declared.';
COMMENT ON COLUMN agents.life                IS 'enum agent_life: 0 active, 1 archived, 2 revoked, 3 disabled.';
COMMENT ON COLUMN agents.probe_slot          IS 'The second of the minute in which its endpoint is checked.';
COMMENT ON COLUMN agents.row_version         IS 'Counts changes; the ETag.';

CREATE TABLE retired_permanent_ids (
    permanent_id text        NOT NULL,
    org_id       uuid        NOT NULL,
    agent_id     uuid        NOT NULL,
    retired_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT retired_permanent_ids_pkey PRIMARY KEY (permanent_id)
);
COMMENT ON TABLE  retired_permanent_ids          IS 'Permanent ids of deleted agents: they stay in call records and are never given again.';
COMMENT ON COLUMN retired_permanent_ids.agent_id IS 'What its calls and transitions are found by.';

CREATE TABLE presence (
    agent_id       uuid        NOT NULL,
    open           boolean     NOT NULL DEFAULT true,
    state          smallint    NOT NULL DEFAULT 2,
    reason         smallint    NOT NULL DEFAULT 0,
    since          timestamptz NOT NULL DEFAULT now(),
    last_activity  timestamptz,
    last_heartbeat timestamptz,
    last_probe     timestamptz,
    CONSTRAINT presence_pkey       PRIMARY KEY (agent_id),
    CONSTRAINT presence_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents ON DELETE CASCADE,
    CONSTRAINT presence_state_ok   CHECK (state BETWEEN 0 AND 2)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE  presence               IS 'What is known of each agent''s liveness; narrow, and without an index on what changes.';
COMMENT ON COLUMN presence.open          IS 'False while the agent is not active: its heartbeats are refused.';
COMMENT ON COLUMN presence.state         IS 'enum presence_state: 0 online, 1 idle, 2 offline.';
COMMENT ON COLUMN presence.reason        IS 'enum presence_reason (model/presence.h).';
COMMENT ON COLUMN presence.since          IS 'Since when the state is what it is.';
COMMENT ON COLUMN presence.last_activity  IS 'Last heartbeat "online" or successful call to it; null: never seen.';
COMMENT ON COLUMN presence.last_heartbeat IS 'Last heartbeat of either kind.';
COMMENT ON COLUMN presence.last_probe     IS 'When its endpoint was last asked, whatever came of it.';

CREATE TABLE status_transitions (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL,
    org_id       uuid        NOT NULL,
    agent_id     uuid        NOT NULL,
    permanent_id text        NOT NULL,
    old_state    smallint    NOT NULL,
    new_state    smallint    NOT NULL,
    reason       smallint    NOT NULL,
    http_status  integer     NOT NULL DEFAULT 0,
    latency_ms   bigint      NOT NULL DEFAULT -1,
    error        text,
    CONSTRAINT status_transitions_pkey PRIMARY KEY (id)
);
CREATE INDEX status_transitions_page ON status_transitions (org_id, id DESC);
CREATE INDEX status_transitions_agent_page ON status_transitions (agent_id, id DESC);
CREATE INDEX status_transitions_at ON status_transitions USING brin (at);
COMMENT ON TABLE  status_transitions             IS 'One row per real change of presence.state.';
COMMENT ON COLUMN status_transitions.permanent_id IS 'Stays when the agent is deleted.';
COMMENT ON COLUMN status_transitions.old_state   IS 'As presence.state.';
COMMENT ON COLUMN status_transitions.new_state   IS 'As presence.state.';
COMMENT ON COLUMN status_transitions.old_state   IS 'enum presence_state, as presence.state.';
COMMENT ON COLUMN status_transitions.new_state   IS 'As old_state; always another.';
COMMENT ON COLUMN status_transitions.reason      IS 'enum presence_reason (model/presence.h).';
COMMENT ON COLUMN status_transitions.http_status IS 'What the probe or call answered; 0: none.';
COMMENT ON COLUMN status_transitions.latency_ms  IS 'How long the probe or call took; -1: none.';

CREATE TABLE networks (
    id         uuid        NOT NULL,
    org_id     uuid        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT networks_pkey     PRIMARY KEY (id),
    CONSTRAINT networks_name_key UNIQUE (org_id, name),
    CONSTRAINT networks_org_fkey FOREIGN KEY (org_id) REFERENCES organizations
);
COMMENT ON TABLE networks IS 'Containers of connections; the "Default Network" is made with the first one.';

CREATE TABLE connections (
    id              uuid        NOT NULL,
    org_id          uuid        NOT NULL,
    network_id      uuid        NOT NULL,
    source_agent_id uuid        NOT NULL,
    target_agent_id uuid        NOT NULL,
    group_name      text,
    allow_paths     boolean     NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT connections_pkey         PRIMARY KEY (id),
    CONSTRAINT connections_org_fkey     FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT connections_network_fkey FOREIGN KEY (network_id) REFERENCES networks,
    CONSTRAINT connections_source_fkey  FOREIGN KEY (source_agent_id) REFERENCES agents
                                        ON DELETE CASCADE,
    CONSTRAINT connections_target_fkey  FOREIGN KEY (target_agent_id) REFERENCES agents
                                        ON DELETE CASCADE,
    CONSTRAINT connections_ends_ok      CHECK (source_agent_id <> target_agent_id)
);
CREATE INDEX connections_org_page ON connections (org_id, created_at DESC, id DESC);
CREATE INDEX connections_source ON connections (source_agent_id);
CREATE INDEX connections_target ON connections (target_agent_id);
COMMENT ON TABLE  connections             IS 'Who may call whom: the source agent calls the target agent.';
COMMENT ON COLUMN connections.group_name  IS 'A word of the owner''s, for people.';
COMMENT ON COLUMN connections.allow_paths IS 'Whether the caller may add a path behind the connection id.';

CREATE TABLE calls (
    id               bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at               timestamptz NOT NULL,
    org_id           uuid        NOT NULL,
    trace_id         text        NOT NULL,
    request_id       text        NOT NULL,
    connection_id    uuid        NOT NULL,
    source_agent_id  uuid        NOT NULL,
    source_permanent_id text     NOT NULL,
    target_agent_id  uuid        NOT NULL,
    target_permanent_id text     NOT NULL,
    fallback_permanent_id text,
    protocol         text,
    status           integer     NOT NULL,
    outcome          text        NOT NULL,
    request_bytes    bigint      NOT NULL,
    response_bytes   bigint      NOT NULL,
    latency_us       bigint      NOT NULL,
    first_byte_us    bigint      NOT NULL,
    CONSTRAINT calls_pkey PRIMARY KEY (id)
);
CREATE INDEX calls_page ON calls (org_id, id DESC);
CREATE INDEX calls_at ON calls USING brin (at);
COMMENT ON TABLE  calls               IS 'One metadata row per proxied call; bodies are never kept.';
COMMENT ON COLUMN calls.at            IS 'When the call came in.';
COMMENT ON COLUMN calls.trace_id      IS 'Trace id of the caller''s traceparent, or one of ours.';
COMMENT ON COLUMN calls.target_permanent_id IS 'Whom the connection leads to; stays when the agent is deleted.';
COMMENT ON COLUMN calls.fallback_permanent_id IS 'Who answered instead, if anyone.';
COMMENT ON COLUMN calls.protocol      IS 'The protocol that the caller named, if any.';
COMMENT ON COLUMN calls.status        IS 'HTTP status that the caller got.';
COMMENT ON COLUMN calls.latency_us    IS 'From the call coming in until the answer was complete.';
COMMENT ON COLUMN calls.outcome       IS 'ok, received_4xx, received_5xx, client_gone, or an RFC 9209 error word.';
COMMENT ON COLUMN calls.first_byte_us IS 'Until the head of the answer; -1: none came.';

CREATE TABLE cache_hints (
    tx   xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    node bigint      NOT NULL DEFAULT 0,
    kind smallint    NOT NULL,
    id   uuid        NOT NULL
);
CREATE INDEX cache_hints_tx ON cache_hints (tx);
COMMENT ON TABLE  cache_hints      IS 'What nodes must forget; rows live for a few minutes.';
COMMENT ON COLUMN cache_hints.tx   IS 'The transaction that wrote it: a reader goes on from the oldest that was still running.';
COMMENT ON COLUMN cache_hints.at   IS 'When it was written: for cleaning up only.';
COMMENT ON COLUMN cache_hints.node IS 'The node that need not read it, because its own cache knows; 0: all read it.';
COMMENT ON COLUMN cache_hints.kind IS 'enum hint_kind: 0 agent, 1 connection, 2 API key.';
COMMENT ON COLUMN cache_hints.id   IS 'Of the agent, connection or API key.';

CREATE TABLE idempotency (
    org_id      uuid        NOT NULL,
    subject     text        NOT NULL,
    operation   text        NOT NULL,
    key_hash    bytea       NOT NULL,
    fingerprint bytea       NOT NULL,
    status      integer     NOT NULL,
    location    text,
    body        text        NOT NULL,
    full_sealed bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (org_id, subject, operation, key_hash)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
CREATE INDEX idempotency_sealed ON idempotency (created_at) WHERE full_sealed IS NOT NULL;
COMMENT ON TABLE  idempotency             IS 'Answers to creating requests, kept for a day for a repeat.';
COMMENT ON COLUMN idempotency.subject     IS 'UUID of the API key or agent that asked.';
COMMENT ON COLUMN idempotency.operation   IS 'Name of the route.';
COMMENT ON COLUMN idempotency.key_hash    IS 'SHA-256 of the Idempotency-Key.';
COMMENT ON COLUMN idempotency.fingerprint IS 'SHA-256 of the body that was sent.';
COMMENT ON COLUMN idempotency.status      IS 'HTTP status of the answer.';
COMMENT ON COLUMN idempotency.location    IS 'Location header of the answer, if any.';
COMMENT ON COLUMN idempotency.body        IS 'The answer, with null for a one-time secret.';
COMMENT ON COLUMN idempotency.full_sealed IS 'The whole answer, sealed; wiped after ten minutes.';

CREATE TABLE service_state (
    only_row   boolean     NOT NULL DEFAULT true,
    up_since   timestamptz NOT NULL DEFAULT now(),
    last_alive timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT service_state_pkey PRIMARY KEY (only_row),
    CONSTRAINT service_state_ok   CHECK (only_row)
);
COMMENT ON TABLE  service_state          IS 'Since when heartbeats could be taken without a gap: silence before that proves nothing.';
COMMENT ON COLUMN service_state.up_since   IS 'Start of the current run of minutes in which some node was alive.';
COMMENT ON COLUMN service_state.last_alive IS 'When some node last swept; a gap behind it moves up_since.';
INSERT INTO service_state DEFAULT VALUES;
