-- Registrations of agents with endpoints: BENCH_FROM is the number of the first, BENCH_HOSTS on how
-- many addresses of 127.0.0.0/8 they are, BENCH_SCHEME and BENCH_PORT where they listen; BENCH_TOKEN
-- is an API key.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local n = tonumber(os.getenv("BENCH_FROM"))
local hosts = tonumber(os.getenv("BENCH_HOSTS"))
local scheme, port = os.getenv("BENCH_SCHEME"), os.getenv("BENCH_PORT")
local headers = {
    ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"),
    ["Content-Type"] = "application/json",
}

function init(args)
    headers["Host"] = wrk.headers["Host"]
    n = n + number
end

function request()
    local host = n % hosts
    local body = string.format(
        '{"name":"check %08d","endpoint_url":"%s://127.%d.%d.%d:%s/%d"}',
        n, scheme, 1 + math.floor(host / 62500), math.floor(host / 250) % 250, 1 + host % 250, port, n)
    n = n + 2
    return wrk.format("POST", "/api/agents", headers, body)
end
