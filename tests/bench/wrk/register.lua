-- Registrations, each of a new agent; BENCH_TOKEN is an API key.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local n = 0
local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"),
    ["Content-Type"] = "application/json",
}

function init(args)
    headers["Host"] = wrk.headers["Host"]
end

function request()
    n = n + 1
    return wrk.format("POST", "/api/agents", headers, string.format(
        '{"name":"bench %d-%d","endpoint_url":"https://agent-%d.example.com/run"}', number, n, n))
end
