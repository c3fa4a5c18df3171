-- The same GET with one credential after the other: BENCH_TOKENS names a file with one a line.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local requests, at = {}, 0

function init(args)
    for token in io.lines(os.getenv("BENCH_TOKENS")) do
        table.insert(requests, wrk.format("GET", wrk.path, {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. token,
        }))
    end
    at = math.floor(number * #requests / 2)
end

function request()
    at = at % #requests + 1
    return requests[at]
end
