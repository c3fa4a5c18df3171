-- Keeps leases of etcd alive in turn, over its HTTP gateway: BENCH_LEASES of them, numbered from 1.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local leases, at = tonumber(os.getenv("BENCH_LEASES")), 0

function init(args)
    at = math.floor(number * leases / 2)
end

function request()
    at = at % leases + 1
    return wrk.format("POST", "/v3/lease/keepalive", {
        ["Host"] = wrk.headers["Host"],
        ["Content-Type"] = "application/json",
    }, '{"ID":"' .. at .. '"}')
end
