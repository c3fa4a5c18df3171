-- Shared by the scripts: counts wrong answers when asked to, prints a run's outcome as one line.
--   BENCH_CHECK    look at every answer (costs the load generator time; for warm-ups)
--   BENCH_STATUS   the status that every answer must have

local threads = {}

wrong, wrong_text = 0, ""

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

if os.getenv("BENCH_CHECK") then
    local expected = tonumber(os.getenv("BENCH_STATUS") or "200")

    function response(status, headers, body)
        if status ~= expected then
            wrong = wrong + 1
            wrong_text = status .. " " .. string.sub(body or "", 1, 200)
        end
    end
end

local function quoted(text)
    return '"' .. string.gsub(text, '[%c"\\]', function(c)
        return string.format("\\u%04x", string.byte(c))
    end) .. '"'
end

function done(summary, latency, requests)
    local bad, text = 0, ""
    for _, thread in ipairs(threads) do
        bad = bad + (thread:get("wrong") or 0)
        if thread:get("wrong_text") ~= "" then
            text = thread:get("wrong_text")
        end
    end
    local e = summary.errors
    print(string.format(
        'RESULT {"requests": %d, "us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, '
            .. '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d, '
            .. '"wrong": %d, "wrong_text": %s}',
        summary.requests, summary.duration, summary.bytes, latency:percentile(50),
        latency:percentile(99), latency.max, e.connect, e.read, e.write, e.status, e.timeout, bad,
        quoted(text)))
end
