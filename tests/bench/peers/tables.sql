-- As wide as presence, for the peer that updates one row at a time.
CREATE TABLE bench_beats (
    n              bigint      NOT NULL PRIMARY KEY,
    agent_id       uuid        NOT NULL DEFAULT gen_random_uuid(),
    open           boolean     NOT NULL DEFAULT true,
    state          smallint    NOT NULL DEFAULT 0,
    reason         smallint    NOT NULL DEFAULT 1,
    since          timestamptz NOT NULL DEFAULT now(),
    last_activity  timestamptz,
    last_heartbeat timestamptz,
    last_probe     timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
