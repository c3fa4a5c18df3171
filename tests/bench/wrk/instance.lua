-- Heartbeats of many instances in turn: bench-0, bench-1, …; BENCH_INSTANCES of them, BENCH_KEY.
dofile(os.getenv("BENCH_LUA") .. "/in_turn.lua")

function init(args)
    for n = 0, tonumber(os.getenv("BENCH_INSTANCES")) - 1 do
        requests[n + 1] = wrk.format("POST", "/agents/heartbeat", {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
            ["Content-Type"] = "application/json",
        }, '{"instance_id":"bench-' .. n .. '","status":"available","current_sessions":1}')
    end
end
