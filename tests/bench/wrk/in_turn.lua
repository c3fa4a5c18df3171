-- For scripts whose init fills requests: all of them in turn, again and again. The threads begin apart, so
-- that what they send at once is of different agents.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

requests = {}

local at

function request()
    at = (at or math.floor(number * #requests / 2)) % #requests + 1
    return requests[at]
end
