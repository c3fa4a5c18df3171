\set n random(1, :agents)
UPDATE bench_beats SET last_activity = now(), last_heartbeat = now() WHERE n = :n;
