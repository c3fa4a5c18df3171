-- The same POST of 200 bytes again and again; BENCH_TOKEN is the caller's credential, BENCH_DELAY how
-- many milliseconds a connection waits after each answer (none: 0).
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local head, tail = '{"task":"summarize","text":"', '"}'

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/json"
wrk.body = head .. string.rep("x", 200 - #head - #tail) .. tail

local pause = tonumber(os.getenv("BENCH_DELAY") or "0")
if pause > 0 then
    function delay()
        return pause
    end
end
