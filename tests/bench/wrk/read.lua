-- The same GET with one credential after the other: BENCH_TOKENS names a file with one a line.
dofile(os.getenv("BENCH_LUA") .. "/in_turn.lua")

function init(args)
    for token in io.lines(os.getenv("BENCH_TOKENS")) do
        table.insert(requests, wrk.format("GET", wrk.path, {
            ["Host"] = wrk.headers["Host"],
            ["Authorization"] = "Bearer " .. token,
        }))
    end
end
