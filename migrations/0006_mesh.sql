-- The mesh dialect: agent types and their instances, the nodes that hold their sockets, credentials
-- of organizations, sessions and messages.

ALTER TABLE organizations ADD COLUMN policy_mode smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT organizations_policy_mode_ok CHECK (policy_mode BETWEEN 0 AND 2);
COMMENT ON COLUMN organizations.policy_mode IS 'enum policy_mode (model/instance.h): 0 open, 1 allow-list, 2 audit.';

ALTER TABLE agents ADD COLUMN mesh_type text, ADD COLUMN mcp_servers json;
CREATE UNIQUE INDEX agents_mesh_type ON agents (org_id, mesh_type)
    WHERE mesh_type IS NOT NULL AND life <> 2;
COMMENT ON COLUMN agents.mesh_type   IS 'The agent_type of the mesh dialect; null: never registered there.';
COMMENT ON COLUMN agents.mcp_servers IS 'Name to {command, args, …}, as registered for the type.';

CREATE TABLE allowed_types (
    org_id     uuid        NOT NULL,
    agent_type text        NOT NULL,
    allowed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT allowed_types_pkey     PRIMARY KEY (org_id, agent_type),
    CONSTRAINT allowed_types_org_fkey FOREIGN KEY (org_id) REFERENCES organizations
);
COMMENT ON TABLE allowed_types IS 'Agent types that an organization has admitted.';

CREATE TABLE org_credentials (
    id         uuid        NOT NULL,
    org_id     uuid        NOT NULL,
    name       text        NOT NULL,
    hash       bytea       NOT NULL,
    hint       text        NOT NULL,
    scopes     integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    CONSTRAINT org_credentials_pkey     PRIMARY KEY (id),
    CONSTRAINT org_credentials_hash_key UNIQUE (hash),
    CONSTRAINT org_credentials_org_fkey FOREIGN KEY (org_id) REFERENCES organizations
);
CREATE INDEX org_credentials_org ON org_credentials (org_id, created_at DESC, id DESC);
COMMENT ON TABLE  org_credentials            IS 'Client ids and secrets of organizations, for POST /auth/get_token.';
COMMENT ON COLUMN org_credentials.id         IS 'The client_id.';
COMMENT ON COLUMN org_credentials.hash       IS 'SHA-256 of the secret (sk_live_…), which is shown once and not kept.';
COMMENT ON COLUMN org_credentials.hint       IS 'The last four characters, for people.';
COMMENT ON COLUMN org_credentials.scopes     IS 'Bits of enum scope (model/scope.h).';
COMMENT ON COLUMN org_credentials.revoked_at IS 'Refused from then on; null: in force.';

CREATE TABLE nodes (
    id          uuid        NOT NULL,
    url         text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (id)
) WITH (fillfactor = 50);
COMMENT ON TABLE  nodes             IS 'Daemons on this database: who holds sockets.';
COMMENT ON COLUMN nodes.url         IS 'Where the others reach it.';
COMMENT ON COLUMN nodes.lease_until IS 'Its sockets count as lost from then on.';

CREATE SEQUENCE socket_fences;

CREATE TABLE instances (
    id                 uuid        NOT NULL,
    org_id             uuid        NOT NULL,
    agent_id           uuid        NOT NULL,
    instance_id        text        NOT NULL,
    mode               smallint    NOT NULL,
    url_sealed         bytea,
    dispatch_url_sealed bytea,
    scheme             smallint    NOT NULL DEFAULT 0,
    auth_required      boolean     NOT NULL DEFAULT true,
    credentials_ref    text,
    auth_secret_sealed bytea,
    card               json,
    tools              json,
    version            text,
    registered_at      timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT instances_pkey       PRIMARY KEY (id),
    CONSTRAINT instances_name_key   UNIQUE (instance_id),
    CONSTRAINT instances_org_fkey   FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT instances_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents ON DELETE CASCADE,
    CONSTRAINT instances_mode_ok    CHECK (mode BETWEEN 0 AND 1),
    CONSTRAINT instances_scheme_ok  CHECK (scheme BETWEEN 0 AND 1),
    CONSTRAINT instances_url_ok     CHECK ((mode = 1) = (url_sealed IS NOT NULL))
);
CREATE INDEX instances_agent ON instances (agent_id);
CREATE INDEX instances_carded ON instances (agent_id, registered_at DESC, id) WHERE card IS NOT NULL;
CREATE INDEX instances_org_page ON instances (org_id, registered_at DESC, id DESC);
COMMENT ON TABLE  instances                     IS 'Places where an agent runs, as they registered.';
COMMENT ON COLUMN instances.agent_id            IS 'The agent type that it is an instance of.';
COMMENT ON COLUMN instances.instance_id         IS 'Its own name, chosen by the caller; one for all organizations.';
COMMENT ON COLUMN instances.mode                IS 'enum instance_mode: 0 connected (dials in), 1 hosted (at a URL).';
COMMENT ON COLUMN instances.url_sealed          IS 'Base URL; AES-256-GCM envelope, bound to organization, instance and column.';
COMMENT ON COLUMN instances.dispatch_url_sealed IS 'Where its card says that calls go, likewise; null: URL/send.';
COMMENT ON COLUMN instances.scheme              IS 'enum dispatch_scheme: 0 svantic_jwt, 1 shared_secret.';
COMMENT ON COLUMN instances.auth_required       IS 'As declared: whether it refuses dispatches without proof.';
COMMENT ON COLUMN instances.credentials_ref     IS 'The caller''s name for the secret: changes with it.';
COMMENT ON COLUMN instances.auth_secret_sealed  IS 'Shared secret, or HS256 key of the JWT, sealed; null: none.';
COMMENT ON COLUMN instances.card                IS 'A2A agent card, the bytes that came.';
COMMENT ON COLUMN instances.tools               IS 'Tool declarations, the bytes that came.';

CREATE TABLE instance_states (
    instance             uuid     NOT NULL,
    org_id               uuid     NOT NULL,
    agent_id             uuid     NOT NULL,
    mode                 smallint NOT NULL,
    status               smallint NOT NULL DEFAULT 5,
    unwell               smallint NOT NULL DEFAULT 0,
    connection           smallint NOT NULL DEFAULT 0,
    transport            smallint NOT NULL DEFAULT 0,
    owner                uuid,
    fence                bigint   NOT NULL DEFAULT 0,
    connected_since      timestamptz,
    lost_at              timestamptz,
    sessions             bigint   NOT NULL DEFAULT 0,
    max_sessions         bigint   NOT NULL DEFAULT 0,
    reported_failures    bigint   NOT NULL DEFAULT 0,
    failures             bigint   NOT NULL DEFAULT 0,
    last_seen            timestamptz,
    last_dispatch_at     timestamptz,
    succeeded            bigint   NOT NULL DEFAULT 0,
    failed               bigint   NOT NULL DEFAULT 0,
    last_dispatch_error  text,
    CONSTRAINT instance_states_pkey          PRIMARY KEY (instance),
    CONSTRAINT instance_states_instance_fkey FOREIGN KEY (instance) REFERENCES instances
                                             ON DELETE CASCADE,
    CONSTRAINT instance_states_status_ok     CHECK (status BETWEEN 0 AND 5),
    CONSTRAINT instance_states_connection_ok CHECK (connection BETWEEN 0 AND 4),
    CONSTRAINT instance_states_transport_ok  CHECK (transport BETWEEN 0 AND 2)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
-- Of what heartbeats change nothing is in an index: they stay in their page (HOT).
CREATE INDEX instance_states_reachable ON instance_states (agent_id, instance)
    WHERE mode = 1 OR owner IS NOT NULL;
CREATE INDEX instance_states_owner ON instance_states (owner, instance) WHERE owner IS NOT NULL;
COMMENT ON TABLE  instance_states                     IS 'What is known of each instance''s liveness; changes often.';
COMMENT ON COLUMN instance_states.mode                IS 'As instances.mode, which never changes.';
COMMENT ON COLUMN instance_states.status              IS 'enum instance_status: as it reported last; 4 when we found it unhealthy.';
COMMENT ON COLUMN instance_states.unwell              IS 'enum unwell: why status is 4: 0 it said so, 1 silence, 2 failures.';
COMMENT ON COLUMN instance_states.connection          IS 'enum instance_connection (model/instance.h).';
COMMENT ON COLUMN instance_states.transport           IS 'enum instance_transport: 0 unknown, 1 ws, 2 callback.';
COMMENT ON COLUMN instance_states.owner               IS 'The node that holds its socket; null: none.';
COMMENT ON COLUMN instance_states.fence               IS 'Of its newest socket: who holds an older one has lost it.';
COMMENT ON COLUMN instance_states.lost_at             IS 'When its last socket ended.';
COMMENT ON COLUMN instance_states.sessions            IS 'As it reported last.';
COMMENT ON COLUMN instance_states.max_sessions        IS '0: no limit.';
COMMENT ON COLUMN instance_states.reported_failures   IS 'Consecutive failures as it reported last.';
COMMENT ON COLUMN instance_states.failures            IS 'Dispatches that failed since the last that did not.';
COMMENT ON COLUMN instance_states.last_seen           IS 'Last heartbeat, welcome or answer.';
COMMENT ON COLUMN instance_states.last_dispatch_error IS 'The code of the last failure; null: the last dispatch succeeded.';

-- The counts of each kind of instance, kept by deltas that a chore folds: nobody waits for a row
-- that all have to change, and reading them costs the same however many instances there are.
CREATE TABLE instance_counts (
    org_id     uuid     NOT NULL,
    agent_id   uuid     NOT NULL,
    mode       smallint NOT NULL,
    connection smallint NOT NULL,
    transport  smallint NOT NULL,
    n          bigint   NOT NULL,
    CONSTRAINT instance_counts_pkey PRIMARY KEY (org_id, agent_id, mode, connection, transport)
) WITH (fillfactor = 50);
COMMENT ON TABLE instance_counts IS 'How many instances there are of each kind, as of the last folding.';

CREATE TABLE instance_deltas (
    id         bigint   NOT NULL GENERATED ALWAYS AS IDENTITY,
    org_id     uuid     NOT NULL,
    agent_id   uuid     NOT NULL,
    mode       smallint NOT NULL,
    connection smallint NOT NULL,
    transport  smallint NOT NULL,
    n          bigint   NOT NULL,
    CONSTRAINT instance_deltas_pkey PRIMARY KEY (id)
);
CREATE INDEX instance_deltas_org ON instance_deltas (org_id);
COMMENT ON TABLE instance_deltas IS 'What has changed since: to be added to instance_counts.';

CREATE FUNCTION count_instances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO instance_deltas (org_id, agent_id, mode, connection, transport, n)
            SELECT org_id, agent_id, mode, connection, transport, count(*) FROM fresh
            GROUP BY 1, 2, 3, 4, 5;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO instance_deltas (org_id, agent_id, mode, connection, transport, n)
            SELECT org_id, agent_id, mode, connection, transport, -count(*) FROM old
            GROUP BY 1, 2, 3, 4, 5;
    ELSE
        -- What did not change cancels. No join of the two: they have no index, and the plan is that
        -- of the first statement of a session, which may have had one row.
        INSERT INTO instance_deltas (org_id, agent_id, mode, connection, transport, n)
            SELECT org_id, agent_id, mode, connection, transport, sum(d.n) FROM (
                SELECT org_id, agent_id, mode, connection, transport, 1 AS n FROM fresh
                UNION ALL
                SELECT org_id, agent_id, mode, connection, transport, -1 FROM old) d
            GROUP BY 1, 2, 3, 4, 5 HAVING sum(d.n) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER instance_states_added AFTER INSERT ON instance_states
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION count_instances();
CREATE TRIGGER instance_states_changed AFTER UPDATE ON instance_states
    REFERENCING OLD TABLE AS old NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION count_instances();
CREATE TRIGGER instance_states_gone AFTER DELETE ON instance_states
    REFERENCING OLD TABLE AS old FOR EACH STATEMENT EXECUTE FUNCTION count_instances();

CREATE TABLE sessions (
    id            uuid        NOT NULL,
    org_id        uuid        NOT NULL,
    user_id       text        NOT NULL,
    status        smallint    NOT NULL DEFAULT 0,
    total_turns   bigint      NOT NULL DEFAULT 0,
    total_tokens  bigint      NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_activity timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    CONSTRAINT sessions_pkey      PRIMARY KEY (id),
    CONSTRAINT sessions_org_fkey  FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT sessions_status_ok CHECK (status BETWEEN 0 AND 3)
);
CREATE INDEX sessions_org_page ON sessions (org_id, created_at DESC, id DESC);
CREATE INDEX sessions_open ON sessions (last_activity) WHERE ended_at IS NULL;
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON TABLE  sessions        IS 'Units of work of the mesh dialect.';
COMMENT ON COLUMN sessions.status IS 'enum session_status (model/session.h): 0 opening, 1 active, 2 paused, 3 completed.';

CREATE TABLE session_agents (
    session_id  uuid        NOT NULL,
    agent_id    uuid        NOT NULL,
    instance    uuid        NOT NULL,
    join_reason smallint    NOT NULL,
    joined_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT session_agents_pkey          PRIMARY KEY (session_id, agent_id),
    CONSTRAINT session_agents_session_fkey  FOREIGN KEY (session_id) REFERENCES sessions
                                            ON DELETE CASCADE,
    CONSTRAINT session_agents_agent_fkey    FOREIGN KEY (agent_id) REFERENCES agents
                                            ON DELETE CASCADE,
    CONSTRAINT session_agents_instance_fkey FOREIGN KEY (instance) REFERENCES instances
                                            ON DELETE CASCADE,
    CONSTRAINT session_agents_reason_ok     CHECK (join_reason BETWEEN 0 AND 3)
);
CREATE INDEX session_agents_instance ON session_agents (instance);
CREATE INDEX session_agents_agent ON session_agents (agent_id);
COMMENT ON TABLE  session_agents             IS 'Which instance of each agent type a session is bound to; rows of ended sessions go.';
COMMENT ON COLUMN session_agents.join_reason IS 'enum join_reason (model/session.h).';

CREATE TABLE messages (
    id          uuid        NOT NULL,
    org_id      uuid        NOT NULL,
    session_id  uuid,
    agent_id    uuid,
    instance_id text,
    state       smallint    NOT NULL DEFAULT 0,
    request     json        NOT NULL,
    result      json,
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT messages_pkey         PRIMARY KEY (id),
    CONSTRAINT messages_org_fkey     FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT messages_session_fkey FOREIGN KEY (session_id) REFERENCES sessions
                                     ON DELETE SET NULL,
    CONSTRAINT messages_state_ok     CHECK (state BETWEEN 0 AND 5)
);
CREATE INDEX messages_org_page ON messages (org_id, created_at DESC, id DESC);
CREATE INDEX messages_session_page ON messages (session_id, created_at DESC, id DESC)
    WHERE session_id IS NOT NULL;
CREATE INDEX messages_at ON messages USING brin (created_at);
CREATE INDEX messages_pending ON messages (org_id, created_at DESC, id DESC) WHERE state = 2;
CREATE INDEX messages_open ON messages (updated_at) WHERE state < 2;
COMMENT ON TABLE  messages             IS 'One row per message that came by /send: the durable record of a task.';
COMMENT ON COLUMN messages.agent_id    IS 'Whom it was for; stays when the agent is deleted.';
COMMENT ON COLUMN messages.instance_id IS 'Which instance had it.';
COMMENT ON COLUMN messages.state       IS 'enum message_state (model/session.h).';
COMMENT ON COLUMN messages.request     IS 'The A2A message, as it came.';
COMMENT ON COLUMN messages.result      IS 'What the agent answered.';
COMMENT ON COLUMN messages.error       IS 'The code of what went wrong; null: nothing.';
COMMENT ON COLUMN instance_counts.mode       IS 'As instances.mode.';
COMMENT ON COLUMN instance_counts.connection IS 'As instance_states.connection.';
COMMENT ON COLUMN instance_counts.transport  IS 'As instance_states.transport.';
COMMENT ON COLUMN instance_deltas.mode       IS 'As instances.mode.';
COMMENT ON COLUMN instance_deltas.connection IS 'As instance_states.connection.';
COMMENT ON COLUMN instance_deltas.transport  IS 'As instance_states.transport.';
