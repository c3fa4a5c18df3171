-- Heartbeats of many instances in turn: bench-0, bench-1, …; BENCH_INSTANCES of them, BENCH_KEY.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local requests, at = {}, 0

function init(args)
    for n = 0, tonumber(os.getenv("BENCH_INSTANCES")) - 1 do
        requests[n + 1] = wrk.format("POST", "/agents/heartbeat", {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY"),
            ["Content-Type"] = "application/json",
        }, '{"instance_id":"bench-' .. n .. '","status":"available","current_sessions":1}')
    end
    at = math.floor(number * #requests / 2)
end

function request()
    at = at % #requests + 1
    return requests[at]
end
