-- The audit log is written by a role that can do nothing else, is never changed, and is chained.

-- Roles are those of the whole cluster: another database may have made them, or be doing so now.
DO $$
DECLARE
    wanted text := 'roster_audit_writer, roster_audit_keeper';
    role text;
BEGIN
    FOREACH role IN ARRAY string_to_array(wanted, ', ') LOOP
        BEGIN
            IF to_regrole(role) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE =
                    'as superuser run: ALTER ROLE ' || quote_ident(current_user)
                    || ' CREATEROLE; or see decision 8 in docs/decisions';
        END;
        FOR try IN 1..3 LOOP
            BEGIN
                IF NOT pg_has_role(current_user, role, 'USAGE') THEN
                    EXECUTE format('GRANT %I TO %I', role, current_user);
                END IF;
                EXIT;
            EXCEPTION
                WHEN duplicate_object OR unique_violation OR internal_error THEN
                    NULL;
                WHEN insufficient_privilege OR invalid_grant_operation THEN
                    EXIT WHEN pg_has_role(current_user, role, 'MEMBER');
                    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE =
                        'as superuser run: GRANT ' || wanted || ' TO ' || quote_ident(current_user);
            END;
        END LOOP;
    END LOOP;
END
$$;

-- Nothing looks events up by seq: it is an order.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_seq_key;

CREATE TABLE audit_pending (
    org_id   uuid   NOT NULL,
    seq      bigint NOT NULL,
    event_id uuid   NOT NULL,
    CONSTRAINT audit_pending_pkey PRIMARY KEY (org_id, seq)
);
COMMENT ON TABLE audit_pending IS 'Events that are not chained yet: those of the last second.';

CREATE TABLE audit_chain (
    org_id   uuid   NOT NULL,
    position bigint NOT NULL,
    event_id uuid   NOT NULL,
    hash     bytea  NOT NULL,
    whole    bytea  NOT NULL,
    CONSTRAINT audit_chain_pkey      PRIMARY KEY (org_id, position),
    CONSTRAINT audit_chain_event_key UNIQUE (event_id)
);
COMMENT ON TABLE  audit_chain          IS 'The order of the events of each organization, and what ties each to those before it.';
COMMENT ON COLUMN audit_chain.position IS 'From 1, without gaps.';
COMMENT ON COLUMN audit_chain.hash     IS 'SHA-256 of what /api/v1 documents, the previous hash included.';
COMMENT ON COLUMN audit_chain.whole    IS 'SHA-256 of the previous whole, the hash, and the columns that the hash leaves out.';

CREATE TABLE audit_heads (
    org_id          uuid   NOT NULL,
    position        bigint NOT NULL,
    hash            bytea  NOT NULL,
    whole           bytea  NOT NULL,
    anchor_position bigint NOT NULL,
    anchor_hash     bytea  NOT NULL,
    anchor_whole    bytea  NOT NULL,
    mac             bytea  NOT NULL,
    CONSTRAINT audit_heads_pkey PRIMARY KEY (org_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE  audit_heads                 IS 'Where the chain of each organization ends and begins.';
COMMENT ON COLUMN audit_heads.position        IS 'Of the last chained event; 0: none.';
COMMENT ON COLUMN audit_heads.hash            IS 'Its hash.';
COMMENT ON COLUMN audit_heads.whole           IS 'Its whole.';
COMMENT ON COLUMN audit_heads.anchor_position IS 'Of the last event that was purged; 0: none.';
COMMENT ON COLUMN audit_heads.anchor_hash     IS 'Its hash.';
COMMENT ON COLUMN audit_heads.anchor_whole    IS 'Its whole.';
COMMENT ON COLUMN audit_heads.mac             IS 'HMAC of this row under a key of the master key: who lacks that cannot move the head.';

-- What is written fires this with the rights of the table's owner: writers need none on the queue.
CREATE FUNCTION audit_queue() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
BEGIN
    INSERT INTO audit_pending (org_id, seq, event_id) VALUES (NEW.org_id, NEW.seq, NEW.id);
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'roster_audit_keeper' THEN
        RETURN NULL; -- inside audit_purge
    END IF;
    RAISE EXCEPTION '% refused: the audit log (%) is only ever added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- The one way in. The id comes back, so that a statement can depend on it.
CREATE FUNCTION audit_append(id uuid, org_id uuid, agent_id uuid, action smallint, failed boolean,
                             ip text, user_agent text, metadata json) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
BEGIN
    INSERT INTO audit_events (id, at, org_id, agent_id, action, failed, ip, user_agent, metadata)
        VALUES ($1, date_trunc('milliseconds', clock_timestamp()), $2, $3, $4, $5, $6, $7, $8);
    RETURN $1;
END
$$;

-- The one way out: a prefix of the chain with its events. The caller moves the anchor.
CREATE FUNCTION audit_purge(org uuid, last bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    AS $$
DECLARE
    events uuid[];
    n      bigint;
BEGIN
    WITH links AS (DELETE FROM audit_chain c WHERE c.org_id = $1 AND c.position <= $2
                   RETURNING c.event_id)
    SELECT array_agg(l.event_id) INTO events FROM links l;
    DELETE FROM audit_events e WHERE e.id = ANY (events);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;

DO $$
DECLARE
    home    text := quote_ident(current_schema());
    routine text;
BEGIN
    FOREACH routine IN ARRAY ARRAY['audit_queue()', 'audit_refuse()', 'audit_purge(uuid, bigint)',
        'audit_append(uuid, uuid, uuid, smallint, boolean, text, text, json)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %s, pg_temp', routine, home);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine);
    END LOOP;
    REVOKE ALL ON audit_events, audit_chain, audit_heads, audit_pending FROM PUBLIC;
    GRANT INSERT ON audit_events TO roster_audit_writer;
    GRANT SELECT, DELETE ON audit_events, audit_chain TO roster_audit_keeper;
    -- A function can be given only to who may create in its schema.
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO roster_audit_writer, roster_audit_keeper',
                   home);
    ALTER FUNCTION audit_append(uuid, uuid, uuid, smallint, boolean, text, text, json)
        OWNER TO roster_audit_writer;
    ALTER FUNCTION audit_purge(uuid, bigint) OWNER TO roster_audit_keeper;
    EXECUTE format('REVOKE CREATE ON SCHEMA %s FROM roster_audit_writer, roster_audit_keeper',
                   home);
    EXECUTE format('GRANT EXECUTE ON FUNCTION audit_purge(uuid, bigint), audit_append(uuid, uuid,'
                   ' uuid, smallint, boolean, text, text, json) TO %I', current_user);
END
$$;

CREATE TRIGGER audit_events_queue AFTER INSERT ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_queue();
CREATE TRIGGER audit_events_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_chain_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

INSERT INTO audit_pending (org_id, seq, event_id) SELECT org_id, seq, id FROM audit_events;
