-- Heartbeats of many agents in turn: BENCH_AGENTS names a file of lines "id token".
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local requests, at = {}, 0

function init(args)
    for line in io.lines(os.getenv("BENCH_AGENTS")) do
        local id, token = string.match(line, "(%S+) (%S+)")
        table.insert(requests, wrk.format("POST", "/api/agents/" .. id .. "/heartbeat", {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. token,
            ["Content-Type"] = "application/json",
        }, '{"status":"online"}'))
    end
    -- The threads begin apart, so that their beats are of different agents.
    at = math.floor(number * #requests / 2)
end

function request()
    at = at % #requests + 1
    return requests[at]
end
