-- Identity: what /api/v1 knows of agents and organizations, client secrets, signing keys, tokens.

ALTER TABLE organizations
    ADD COLUMN plan_tier            smallint    NOT NULL DEFAULT 0,
    ADD COLUMN max_agents           bigint      NOT NULL DEFAULT 100,
    ADD COLUMN max_tokens_per_month bigint      NOT NULL DEFAULT 10000,
    ADD COLUMN state                smallint    NOT NULL DEFAULT 0,
    ADD COLUMN updated_at           timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT organizations_plan_ok  CHECK (plan_tier BETWEEN 0 AND 2),
    ADD CONSTRAINT organizations_caps_ok  CHECK (max_agents > 0 AND max_tokens_per_month > 0),
    ADD CONSTRAINT organizations_state_ok CHECK (state BETWEEN 0 AND 2);
COMMENT ON COLUMN organizations.plan_tier            IS 'enum plan_tier: 0 free, 1 pro, 2 enterprise.';
COMMENT ON COLUMN organizations.max_agents           IS 'How many agents that are not decommissioned /api/v1 lets it have.';
COMMENT ON COLUMN organizations.max_tokens_per_month IS 'How many access tokens each of its agents gets in a calendar month (UTC).';
COMMENT ON COLUMN organizations.state                IS 'enum org_state: 0 active, 1 suspended, 2 deleted.';

ALTER TABLE agents
    ADD COLUMN email          text,
    ADD COLUMN agent_type     smallint,
    ADD COLUMN scopes         text[] NOT NULL DEFAULT '{}',
    ADD COLUMN owner          text,
    ADD COLUMN deployment_env smallint,
    ADD CONSTRAINT agents_type_ok CHECK (agent_type BETWEEN 0 AND 7),
    ADD CONSTRAINT agents_env_ok  CHECK (deployment_env BETWEEN 0 AND 2);
CREATE UNIQUE INDEX agents_email_key ON agents (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX agents_living ON agents (org_id) WHERE life <> 2;
CREATE INDEX agents_public_page ON agents (created_at DESC, id DESC) WHERE is_public AND life = 0;
-- What the public catalogue is searched by. The words are those of enum agent_type, in its order.
CREATE FUNCTION market_words(agent_type smallint, owner text, scopes text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY['screener', 'classifier', 'orchestrator', 'extractor', 'summarizer', 'router',
        'monitor', 'custom'])[coalesce(agent_type, 7) + 1]
        || E'\n' || coalesce(owner, '') || E'\n' || array_to_string(scopes, E'\n');
CREATE INDEX agents_public_words ON agents
    USING gin (market_words(agent_type, owner, scopes) gin_trgm_ops) WHERE is_public AND life = 0;
COMMENT ON COLUMN agents.email          IS 'Unique in any case, never changed; null: registered by another dialect.';
COMMENT ON COLUMN agents.agent_type     IS 'enum agent_type (model/identity.h); null: not declared.';
COMMENT ON COLUMN agents.scopes         IS 'Capabilities as resource:action, declared and not enforced.';
COMMENT ON COLUMN agents.owner          IS 'The team that owns it, in its own words.';
COMMENT ON COLUMN agents.deployment_env IS 'enum deployment_env (model/identity.h); null: not declared.';

-- A deleted organization gets no more agents and API keys, whoever was already on the way: KEY SHARE
-- is what the foreign key takes too, and waits for whoever locked the organization to delete it.
CREATE FUNCTION organization_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM organizations WHERE id = NEW.org_id AND state <> 2 FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = 'the organization is gone',
            CONSTRAINT = TG_TABLE_NAME || '_org_fkey';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agents_org_is_there BEFORE INSERT ON agents
    FOR EACH ROW EXECUTE FUNCTION organization_is_there();
CREATE TRIGGER api_keys_org_is_there BEFORE INSERT ON api_keys
    FOR EACH ROW EXECUTE FUNCTION organization_is_there();
CREATE INDEX organizations_page ON organizations (created_at DESC, id DESC);
CREATE INDEX api_keys_org ON api_keys (org_id) WHERE revoked_at IS NULL;

CREATE TABLE organization_members (
    org_id    uuid        NOT NULL,
    agent_id  uuid        NOT NULL,
    role      smallint    NOT NULL DEFAULT 0,
    joined_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT organization_members_pkey       PRIMARY KEY (org_id, agent_id),
    CONSTRAINT organization_members_org_fkey   FOREIGN KEY (org_id) REFERENCES organizations,
    CONSTRAINT organization_members_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents
                                               ON DELETE CASCADE,
    CONSTRAINT organization_members_role_ok    CHECK (role BETWEEN 0 AND 1)
);
CREATE INDEX organization_members_agent ON organization_members (agent_id);
COMMENT ON TABLE  organization_members      IS 'Agents with a role in an organization.';
COMMENT ON COLUMN organization_members.role IS 'enum member_role: 0 member, 1 admin: may ask for admin:orgs.';

CREATE TABLE credentials (
    id         uuid        NOT NULL,
    agent_id   uuid        NOT NULL,
    hash       bytea       NOT NULL,
    hint       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT credentials_pkey       PRIMARY KEY (id),
    CONSTRAINT credentials_hash_key   UNIQUE (hash),
    CONSTRAINT credentials_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents ON DELETE CASCADE
);
CREATE INDEX credentials_agent ON credentials (agent_id, created_at DESC, id DESC);
COMMENT ON TABLE  credentials            IS 'Client secrets (sk_live_…) of agents, for POST /api/v1/token.';
COMMENT ON COLUMN credentials.hash       IS 'SHA-256 of the secret, which is shown once and not kept.';
COMMENT ON COLUMN credentials.hint       IS 'The last four characters, for people.';
COMMENT ON COLUMN credentials.expires_at IS 'Refused from then on; null: never.';
COMMENT ON COLUMN credentials.revoked_at IS 'Refused from then on; null: in force.';

CREATE TABLE signing_keys (
    kid            text        NOT NULL,
    alg            smallint    NOT NULL,
    public_jwk     json        NOT NULL,
    private_sealed bytea       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    signs_at       timestamptz NOT NULL,
    retires_at     timestamptz,
    CONSTRAINT signing_keys_pkey   PRIMARY KEY (kid),
    CONSTRAINT signing_keys_alg_ok CHECK (alg BETWEEN 0 AND 1)
);
COMMENT ON TABLE  signing_keys                IS 'Keys that sign access tokens: published, then signing, then retired.';
COMMENT ON COLUMN signing_keys.kid            IS 'RFC 7638 thumbprint of the public key.';
COMMENT ON COLUMN signing_keys.alg            IS 'enum jwt_alg: 0 RS256, 1 ES256; a key serves one algorithm.';
COMMENT ON COLUMN signing_keys.public_jwk     IS 'As published; no private members.';
COMMENT ON COLUMN signing_keys.private_sealed IS 'The private JWK, sealed under the master key.';
COMMENT ON COLUMN signing_keys.signs_at       IS 'From then on the youngest such key signs: one cache life after it was published.';
COMMENT ON COLUMN signing_keys.retires_at     IS 'From then on it is neither published nor believed; null: not replaced yet.';

CREATE TABLE revoked_tokens (
    jti        uuid        NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT revoked_tokens_pkey PRIMARY KEY (jti)
);
CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);
COMMENT ON TABLE  revoked_tokens            IS 'Access tokens that were revoked before they expired.';
COMMENT ON COLUMN revoked_tokens.expires_at IS 'When the token ends anyway; the row goes then.';

CREATE TABLE token_counts (
    agent_id uuid   NOT NULL,
    month    date   NOT NULL,
    issued   bigint NOT NULL,
    CONSTRAINT token_counts_pkey       PRIMARY KEY (agent_id, month),
    CONSTRAINT token_counts_agent_fkey FOREIGN KEY (agent_id) REFERENCES agents ON DELETE CASCADE
) WITH (fillfactor = 50);
COMMENT ON TABLE  token_counts       IS 'Access tokens issued to each agent in each calendar month.';
COMMENT ON COLUMN token_counts.month IS 'Its first day, UTC.';

CREATE TABLE audit_events (
    seq        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id         uuid        NOT NULL,
    at         timestamptz NOT NULL,
    org_id     uuid        NOT NULL,
    agent_id   uuid,
    action     smallint    NOT NULL,
    failed     boolean     NOT NULL,
    ip         text        NOT NULL,
    user_agent text        NOT NULL,
    metadata   json        NOT NULL,
    CONSTRAINT audit_events_pkey   PRIMARY KEY (id),
    CONSTRAINT audit_events_seq_key UNIQUE (seq)
);
CREATE INDEX audit_events_page ON audit_events (org_id, at DESC, id DESC);
CREATE INDEX audit_events_agent_page ON audit_events (agent_id, at DESC, id DESC);
COMMENT ON TABLE  audit_events            IS 'Who did what; written in the transaction of the change.';
COMMENT ON COLUMN audit_events.seq        IS 'Order of writing; gaps are rolled back changes.';
COMMENT ON COLUMN audit_events.at         IS 'Whole milliseconds.';
COMMENT ON COLUMN audit_events.agent_id   IS 'Whom it is about; null: nobody in particular.';
COMMENT ON COLUMN audit_events.action     IS 'enum audit_action (model/audit.h).';
COMMENT ON COLUMN audit_events.ip         IS 'Address of the client, or empty.';
COMMENT ON COLUMN audit_events.user_agent IS 'User-Agent of the client, cut to 200 characters, or empty.';
COMMENT ON COLUMN audit_events.metadata   IS 'JSON object; never holds a secret.';

COMMENT ON COLUMN cache_hints.kind IS 'enum hint_kind: 0 agent, 1 connection, 2 API key, 3 access token, 4 organization.';
COMMENT ON COLUMN cache_hints.id   IS 'Of the agent, connection, API key or organization; the jti of the token.';
