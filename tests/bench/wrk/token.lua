-- Client credentials again and again; BENCH_TOKEN is what HTTP Basic carries.
dofile(os.getenv("BENCH_LUA") .. "/result.lua")

wrk.method = "POST"
wrk.path = "/api/v1/token"
wrk.headers["Authorization"] = "Basic " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "grant_type=client_credentials&scope=agents:read"
