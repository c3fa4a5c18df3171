-- Registrations by /api/v1, each of a new agent; BENCH_TOKEN is an API key.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local n = 0
local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"),
    ["Content-Type"] = "application/json",
}
local salt = os.time() .. "-" .. string.match(tostring({}), "0x(%x+)")

function init(args)
    headers["Host"] = wrk.headers["Host"]
end

function request()
    n = n + 1
    return wrk.format("POST", "/api/v1/agents", headers, string.format(
        '{"email":"bench-%s-%d-%d@bench.example","agentType":"custom","version":"1.0.0",'
            .. '"capabilities":["bench:run"],"owner":"bench","deploymentEnv":"staging"}',
        salt, number, n))
end
