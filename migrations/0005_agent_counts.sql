-- How many agents an organization has is known without counting them: every change leaves a row that
-- says by how much, and a chore adds these up. The sum of both tables is exact in every snapshot, and
-- whoever registers an agent writes to no row that others write to.
CREATE TABLE agent_counts (
    org_id uuid   NOT NULL,
    living bigint NOT NULL,
    CONSTRAINT agent_counts_pkey PRIMARY KEY (org_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE  agent_counts        IS 'Agents of each organization that are not revoked, without the changes in agent_deltas.';
COMMENT ON COLUMN agent_counts.living IS 'May be below zero for a moment: the rest is in agent_deltas.';

CREATE TABLE agent_deltas (
    org_id uuid    NOT NULL,
    living integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX agent_deltas_org ON agent_deltas (org_id);
COMMENT ON TABLE agent_deltas IS 'Changes of agent_counts that are not added up yet: those of the last second.';

CREATE FUNCTION agents_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.life <> 2 THEN
        INSERT INTO agent_deltas (org_id, living) VALUES (OLD.org_id, -1);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.life <> 2 THEN
        INSERT INTO agent_deltas (org_id, living) VALUES (NEW.org_id, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER agents_counted_new AFTER INSERT ON agents
    FOR EACH ROW EXECUTE FUNCTION agents_counted();
CREATE TRIGGER agents_counted_gone AFTER DELETE ON agents
    FOR EACH ROW EXECUTE FUNCTION agents_counted();
CREATE TRIGGER agents_counted_changed AFTER UPDATE OF life, org_id ON agents FOR EACH ROW
    WHEN ((OLD.life = 2) IS DISTINCT FROM (NEW.life = 2) OR OLD.org_id IS DISTINCT FROM NEW.org_id)
    EXECUTE FUNCTION agents_counted();

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
