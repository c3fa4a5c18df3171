-- How many agents an organization has is known without counting them: each backend keeps by how much
-- it has changed that number in rows of its own, and a chore adds these up. The sum of both tables is
-- exact in every snapshot, and whoever changes an agent writes to no row that others write to.
CREATE TABLE agent_counts (
    org_id uuid   NOT NULL,
    living bigint NOT NULL,
    CONSTRAINT agent_counts_pkey PRIMARY KEY (org_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE  agent_counts        IS 'Agents of each organization that are not revoked, without the changes in agent_deltas.';
COMMENT ON COLUMN agent_counts.living IS 'May be below zero for a moment: the rest is in agent_deltas.';

CREATE TABLE agent_deltas (
    org_id  uuid    NOT NULL,
    backend integer NOT NULL,
    living  bigint  NOT NULL,
    CONSTRAINT agent_deltas_pkey PRIMARY KEY (org_id, backend)
) WITH (fillfactor = 20);
COMMENT ON TABLE  agent_deltas         IS 'Changes of agent_counts that are not added up yet: those of the last seconds.';
COMMENT ON COLUMN agent_deltas.backend IS 'pg_backend_pid() of who made them: it has one transaction at a time.';

-- By statement, so that a change of very many agents writes one row.
CREATE FUNCTION agents_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO agent_deltas AS d (org_id, backend, living)
            SELECT n.org_id, pg_backend_pid(), count(*) FROM agents_new n WHERE n.life <> 2
            GROUP BY n.org_id
        ON CONFLICT (org_id, backend) DO UPDATE SET living = d.living + excluded.living;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO agent_deltas AS d (org_id, backend, living)
            SELECT o.org_id, pg_backend_pid(), -count(*) FROM agents_old o WHERE o.life <> 2
            GROUP BY o.org_id
        ON CONFLICT (org_id, backend) DO UPDATE SET living = d.living + excluded.living;
    ELSE
        INSERT INTO agent_deltas AS d (org_id, backend, living)
            SELECT c.org_id, pg_backend_pid(), sum(c.living) FROM (
                SELECT n.org_id, 1 AS living FROM agents_new n WHERE n.life <> 2
                UNION ALL
                SELECT o.org_id, -1 FROM agents_old o WHERE o.life <> 2) c
            GROUP BY c.org_id HAVING sum(c.living) <> 0
        ON CONFLICT (org_id, backend) DO UPDATE SET living = d.living + excluded.living;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER agents_counted_new AFTER INSERT ON agents REFERENCING NEW TABLE AS agents_new
    FOR EACH STATEMENT EXECUTE FUNCTION agents_counted();
CREATE TRIGGER agents_counted_gone AFTER DELETE ON agents REFERENCING OLD TABLE AS agents_old
    FOR EACH STATEMENT EXECUTE FUNCTION agents_counted();
CREATE TRIGGER agents_counted_changed AFTER UPDATE ON agents
    REFERENCING OLD TABLE AS agents_old NEW TABLE AS agents_new
    FOR EACH STATEMENT EXECUTE FUNCTION agents_counted();

INSERT INTO agent_counts (org_id, living)
    SELECT org_id, count(*) FROM agents WHERE life <> 2 GROUP BY org_id;

-- Those that register under a cap: together, or one at a time and after all the others. Until the
-- transaction ends; returns alone.
CREATE FUNCTION agents_enter(org uuid, alone boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    key bigint := hashtextextended(org::text, 1919905652);
BEGIN
    IF alone THEN
        PERFORM pg_advisory_xact_lock(key);
    ELSE
        PERFORM pg_advisory_xact_lock_shared(key);
    END IF;
    RETURN alone;
END $$;
