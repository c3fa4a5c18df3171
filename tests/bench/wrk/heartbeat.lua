-- Heartbeats of many agents in turn: BENCH_AGENTS names a file of lines "id token".
dofile(os.getenv("BENCH_LUA") .. "/in_turn.lua")

function init(args)
    for line in io.lines(os.getenv("BENCH_AGENTS")) do
        local id, token = string.match(line, "(%S+) (%S+)")
        table.insert(requests, wrk.format("POST", "/api/agents/" .. id .. "/heartbeat", {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. token,
            ["Content-Type"] = "application/json",
        }, '{"status":"online"}'))
    end
end
