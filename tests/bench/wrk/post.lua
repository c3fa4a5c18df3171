-- The same POST of 200 bytes again and again; BENCH_TOKEN is the caller's credential.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

local head, tail = '{"task":"summarize","text":"', '"}'

wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/json"
wrk.body = head .. string.rep("x", 200 - #head - #tail) .. tail
