"""The proxy: what the target sees, what the caller sees, who may call, and what is recorded."""

import hashlib
import json

from proxied import MB, Proxied


class Exchange(Proxied):
    def test_the_target_sees_its_own_key_and_never_the_callers_token(self):
        agent = self.target(endpoint_api_key="CANARY-own-key", online=False)
        body = bytes(range(256)) * 10
        reply = self.call_to(agent, raw=body, headers={"Content-Type": "application/x-strange"})
        self.assertEqual(reply.status, 200, reply)
        seen = self.upstream.last()
        self.assertEqual(seen.all("Authorization"), ["Bearer CANARY-own-key"])
        self.assertNotIn("tk_", str(seen.headers) + seen.target)
        self.assertEqual((seen.method, seen.body), ("POST", body))
        self.assertEqual(seen.header("Content-Type"), "application/x-strange")
        self.assertEqual(json.loads(reply.body)["sha256"], hashlib.sha256(body).hexdigest())

    def test_a_call_that_succeeds_turns_the_target_online(self):
        agent = self.target()
        self.api.beat(agent, {"status": "offline"})
        idle = self.target("/echo")
        self.daemon.psql("UPDATE presence SET state = 1 WHERE agent_id = '%s'" % idle["id"])
        self.assertEqual(self.call_to(idle, {}).status, 200)
        self.wait_status(idle, "online", 3)
        self.assertEqual(self.state(idle)["reason"], "traffic")

    def test_each_call_leaves_one_record_with_both_permanent_ids(self):
        agent = self.target()
        trace = "0af7651916cd43dd8448eb211c80319c"
        reply = self.call_to(
            agent,
            raw=b"12345",
            headers={
                "Content-Type": "text/plain",
                "traceparent": "00-%s-b7ad6b7169203331-01" % trace,
            },
        )
        record = self.calls(agent["connection"])[0]
        self.assertEqual(record["source_permanent_id"], self.caller["permanent_id"])
        self.assertEqual(record["target_permanent_id"], agent["permanent_id"])
        self.assertEqual((record["status"], record["outcome"]), (200, "ok"))
        self.assertEqual((record["request_bytes"], record["response_bytes"]), (5, len(reply.body)))
        self.assertEqual(record["trace_id"], trace)
        self.assertEqual(record["request_id"], reply.header("Request-Id"))
        self.assertGreaterEqual(record["latency_us"], record["first_byte_us"])
        self.assertEqual(len(self.calls(agent["connection"])), 1)

    def test_the_key_goes_under_the_configured_header_and_scheme(self):
        for header, scheme, sent in (
            ("x-api-key", "", "CANARY-k"),
            ("X-Api-Key", "Token", "Token CANARY-k"),
            ("Authorization", "Basic", "Basic CANARY-k"),
            ("Authorization", "", "CANARY-k"),
        ):
            with self.subTest(header=header, scheme=scheme):
                agent = self.target(
                    endpoint_api_key="CANARY-k",
                    endpoint_key_header=header,
                    endpoint_key_scheme=scheme,
                )
                self.assertEqual(self.call_to(agent, {}).status, 200)
                seen = self.upstream.last()
                self.assertEqual(seen.all(header), [sent])
                if header.lower() != "authorization":
                    self.assertEqual(seen.all("Authorization"), [])

    def test_without_a_key_no_authorization_is_sent(self):
        self.assertEqual(self.call_to(self.target(), {}).status, 200)
        self.assertEqual(self.upstream.last().all("Authorization"), [])

    def test_a_caller_cannot_smuggle_the_key_header(self):
        agent = self.target(
            endpoint_api_key="CANARY-k", endpoint_key_header="x-api-key", endpoint_key_scheme=""
        )
        self.call_to(agent, {}, headers={"X-API-Key": "mine"})
        self.assertEqual(self.upstream.last().all("x-api-key"), ["CANARY-k"])

    def test_the_version_header_is_added(self):
        agent = self.target(version_header="x-api-version", version_value="2023-06-01")
        self.call_to(agent, {})
        self.assertEqual(self.upstream.last().all("x-api-version"), ["2023-06-01"])

    def test_only_listed_headers_are_forwarded(self):
        agent = self.target(endpoint_api_key="CANARY-k")
        stream = self.stream_to(
            agent,
            {
                "Connection": "Authorization, X-Request-Id, Host, X-Mine",
                "TE": "trailers",
                "Trailer": "X-T",
                "Upgrade": "h2c",
                "HTTP2-Settings": "AAMAAABkAAQAAP__",
                "Proxy-Authorization": "Basic x",
                "Proxy-Connection": "keep-alive",
                "Keep-Alive": "timeout=9",
                "Cookie": "a=b",
                "X-Forwarded-For": "6.6.6.6",
                "X-Forwarded-Host": "evil",
                "X-Forwarded-Proto": "gopher",
                "Forwarded": "for=6.6.6.6",
                "X-Real-IP": "6.6.6.6",
                "X-Mine": "hop",
                "Accept": "text/event-stream",
                "Accept-Language": "de",
                "User-Agent": "tester/1",
                "Content-Type": "application/json",
            },
            b"{}",
        ).answer()
        self.assertEqual(stream.status, 200)
        stream.body()
        seen = self.upstream.last()
        self.assertEqual(seen.all("Authorization"), ["Bearer CANARY-k"])
        for name in (
            "TE",
            "Trailer",
            "Upgrade",
            "HTTP2-Settings",
            "Proxy-Authorization",
            "Proxy-Connection",
            "Keep-Alive",
            "Cookie",
            "X-Mine",
            "Forwarded",
        ):
            self.assertEqual(seen.all(name), [], name)
        self.assertNotIn("6.6.6.6", str(seen.headers))
        self.assertNotIn("tk_", str(seen.headers))
        self.assertEqual(seen.all("X-Forwarded-For"), ["127.0.0.1"])
        self.assertEqual(seen.all("X-Forwarded-Proto"), ["http"])
        self.assertNotIn("evil", seen.header("X-Forwarded-Host") or "")
        self.assertEqual(seen.all("Host"), ["127.0.0.1:%d" % self.upstream.port])
        self.assertEqual(seen.header("Accept"), "text/event-stream")
        self.assertEqual(seen.header("Content-Type"), "application/json")
        self.assertEqual(
            seen.header("Request-Id") or stream.header("Request-Id"), stream.header("Request-Id")
        )

    def test_the_trace_goes_on_in_a_new_span_and_a_bad_one_is_replaced(self):
        agent, trace = self.target(), "4bf92f3577b34da6a3ce929d0e0e4736"
        self.call_to(agent, {}, headers={"traceparent": "00-%s-00f067aa0ba902b7-01" % trace})
        version, seen, span, _ = self.upstream.last().header("traceparent").split("-")
        self.assertEqual((version, seen), ("00", trace))
        self.assertNotEqual(span, "00f067aa0ba902b7")
        for bad in ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", "nonsense", "00-x-y-01"):
            self.call_to(agent, {}, headers={"traceparent": bad})
            self.assertRegex(
                self.upstream.last().header("traceparent"),
                "^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$",
            )

    def test_headers_of_the_answer_pass_but_hop_by_hop_ones(self):
        reply = self.call_to(self.target("/headers"), {})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.header("Retry-After"), "7")
        self.assertTrue(reply.header("Content-Type").startswith("application/json"))
        for name in ("X-Hop", "Proxy-Authenticate", "Upgrade"):
            self.assertIsNone(reply.header(name), name)
        self.assertNotIn("X-Hop", reply.header("Connection") or "")

    def test_the_targets_own_status_is_passed_through(self):
        for status, outcome in (
            (201, "ok"),
            (400, "received_4xx"),
            (401, "received_4xx"),
            (404, "received_4xx"),
            (429, "received_4xx"),
            (500, "received_5xx"),
            (503, "received_5xx"),
        ):
            with self.subTest(status=status):
                agent = self.target("/status/%d" % status)
                reply = self.call_to(agent, {})
                self.assertEqual((reply.status, reply.json), (status, {"from": "target"}))
                self.assertEqual(self.calls(agent["connection"])[0]["outcome"], outcome)

    def test_answers_without_a_body_end_cleanly(self):
        for status in (204, 304):
            reply = self.call_to(self.target("/nobody/%d" % status), {})
            self.assertEqual((reply.status, reply.body), (status, b""))
            self.assertEqual(self.call_to(self.target(), {}).status, 200)

    def test_a_redirect_is_passed_not_followed(self):
        before = len(self.upstream.requests)
        self.assertEqual(self.call_to(self.target("/redirect"), {}).status, 302)
        self.assertEqual(len(self.upstream.requests), before + 1)

    def test_interim_answers_are_swallowed(self):
        reply = self.call_to(self.target("/interim"), {})
        self.assertEqual((reply.status, reply.json), (200, {"interim": "passed"}))

    def test_a_refusal_before_the_body_was_taken_is_passed(self):
        stream = self.stream_to(self.target("/early"), {"Content-Length": str(64 * MB)})
        try:
            for _ in range(64):
                stream.send(b"x" * MB)
        except OSError:
            pass
        self.assertEqual(stream.answer().status, 413)

    def test_chunked_answers_and_chunked_uploads_pass(self):
        reply = self.call_to(self.target("/chunked/500"), {})
        self.assertEqual(reply.body, b"".join(b"piece %03d" % n for n in range(500)))
        stream = self.stream_to(self.target("/sink"), {"Transfer-Encoding": "chunked"})
        for n in range(100):
            stream.send_chunk(b"%04d" % n)
        stream.send(b"0\r\n\r\n")
        self.assertEqual(json.loads(stream.answer().body())["size"], 400)

    def test_an_empty_body_is_an_empty_body(self):
        reply = self.call_to(self.target())
        self.assertEqual((reply.status, reply.json["size"]), (200, 0))
        self.assertEqual(self.upstream.last().header("Content-Length"), "0")


class Refusals(Proxied):
    settings = {**Proxied.settings, "cache.stale": "2s"}

    def test_the_caller_must_be_the_source_of_the_connection(self):
        agent = self.target()
        other = self.api.with_credential(self.api.register()["token"])
        back = self.api.with_credential(agent["token"])
        path = "/api/proxy/" + agent["connection"]["id"]
        for api in (other, back):
            self.refused(api.post(path, {}), 403, "FORBIDDEN")
        self.refused(self.api.with_credential(None).post(path, {}), 401, "UNAUTHORIZED")
        self.refused(self.api.post(path, {}), 401, "WRONG_CREDENTIAL")
        for identity in ("nonsense", "0" * 36, self.caller["id"]):
            self.refused(
                self.as_caller.post("/api/proxy/" + identity, {}), 404, "CONNECTION_NOT_FOUND"
            )

    def test_a_severed_connection_is_not_found_at_once(self):
        agent = self.target()
        self.assertEqual(self.call_to(agent, {}).status, 200)
        self.api.delete("/api/connections/" + agent["connection"]["id"])
        self.refused(self.call_to(agent, {}), 404, "CONNECTION_NOT_FOUND")

    def test_a_changed_endpoint_and_key_count_at_once(self):
        agent = self.target(endpoint_api_key="CANARY-old")
        self.assertEqual(self.call_to(agent, {}).status, 200)
        self.api.patch(
            "/api/agents/" + agent["id"],
            {"endpoint_api_key": "CANARY-new", "endpoint_url": self.upstream.url("/echo/2")},
        )
        self.assertEqual(self.call_to(agent, {}).status, 200)
        seen = self.upstream.last()
        self.assertEqual(
            (seen.target, seen.header("Authorization")), ("/echo/2", "Bearer CANARY-new")
        )

    def test_a_revoked_or_archived_target_gets_no_call(self):
        for action in ("revoke", "archive"):
            agent = self.target()
            self.assertEqual(self.call_to(agent, {}).status, 200)
            self.api.post("/api/agents/%s/%s" % (agent["id"], action))
            before = len(self.upstream.requests)
            self.assertEqual(self.call_to(agent, {}).status, 503)
            self.assertEqual(len(self.upstream.requests), before)

    def test_a_further_path_needs_the_connections_leave(self):
        agent = self.target("/echo/base")
        closed = {"connection": self.api.connect(self.caller, agent)}
        before = len(self.upstream.requests)
        self.assertIn(self.call_to(closed, {}, end="/more").status, (403, 404))
        self.assertEqual(len(self.upstream.requests), before)
        reply = self.call_to(agent, {}, end="/more/path?q=1")
        self.assertEqual(reply.json["target"], "/echo/base/more/path?q=1")

    def test_a_further_path_cannot_leave_the_endpoints_own(self):
        agent = self.target("/echo/base")
        for end in (
            "/../x",
            "/%2e%2e/x",
            "/a/../../x",
            "/%2fx",
            "/..%2fx",
            "/a%5cb",
            "//evil",
            "/%00",
            "/./x",
        ):
            with self.subTest(end=end):
                before = len(self.upstream.requests)
                reply = self.call_to(agent, {}, end=end)
                if reply.status == 200:
                    self.assertTrue(
                        reply.json["target"].startswith("/echo/base/"), reply.json["target"]
                    )
                    self.assertNotIn("..", reply.json["target"])
                else:
                    self.assertIn(reply.status, (400, 404))
                    self.assertEqual(len(self.upstream.requests), before)

    def test_only_post_is_a_call(self):
        agent = self.target()
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            reply = self.as_caller.call(method, "/api/proxy/" + agent["connection"]["id"])
            self.refused(reply, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(reply.header("Allow"), "POST")

    def test_an_offline_target_without_fallback_is_unavailable(self):
        agent = self.target()
        self.api.beat(agent, {"status": "offline"})
        before = len(self.upstream.requests)
        reply = self.failed(agent, 503, "destination_unavailable")
        self.assertTrue(reply.header("Retry-After").isdigit())
        self.assertEqual(len(self.upstream.requests), before)

    def test_a_fallback_answers_for_an_offline_target(self):
        standin = self.api.register(
            "standin",
            endpoint_url=self.upstream.url("/echo/standin"),
            endpoint_api_key="CANARY-standin",
        )
        self.api.beat(standin)
        agent = self.target("/echo/primary", fallback_agent_id=standin["id"])
        self.assertIsNone(self.call_to(agent, {}).header("x-tragentics-fallback"))
        self.api.beat(agent, {"status": "offline"})
        reply = self.call_to(agent, {})
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.header("x-tragentics-fallback"), standin["id"])
        self.assertEqual(reply.json["target"], "/echo/standin")
        self.assertEqual(self.upstream.last().header("Authorization"), "Bearer CANARY-standin")
        record = self.calls(agent["connection"], 2)[0]
        self.assertEqual(record["target_permanent_id"], agent["permanent_id"])
        self.assertEqual(record["fallback_permanent_id"], standin["permanent_id"])
        self.api.beat(standin, {"status": "offline"})
        before = len(self.upstream.requests)
        self.failed(agent, 503, "destination_unavailable")
        self.assertEqual(len(self.upstream.requests), before)

    def test_fallbacks_are_not_chained(self):
        last = self.api.register(endpoint_url=self.upstream.url("/echo/last"))
        self.api.beat(last)
        middle = self.api.register(
            endpoint_url=self.upstream.url("/echo/middle"), fallback_agent_id=last["id"]
        )
        self.api.beat(middle, {"status": "offline"})
        agent = self.target(fallback_agent_id=middle["id"])
        self.api.beat(agent, {"status": "offline"})
        self.failed(agent, 503, "destination_unavailable")

    def test_a_target_without_an_endpoint_cannot_be_called(self):
        agent = self.api.register()
        self.api.beat(agent)
        agent["connection"] = self.api.connect(self.caller, agent, allow_paths=True)
        self.failed(agent, 502, "destination_not_found")

    def test_damaged_ciphertext_is_refused_not_sent(self):
        agent = self.target(endpoint_api_key="CANARY-bits")
        self.daemon.psql(
            "UPDATE agents SET endpoint_key_sealed = set_byte(endpoint_key_sealed, 20,"
            " get_byte(endpoint_key_sealed, 20) # 1) WHERE id = '%s'" % agent["id"]
        )
        # An edit makes every cache forget the agent, and leaves the key as it is.
        self.api.patch("/api/agents/%s" % agent["id"], {"version": "2"})
        before = len(self.upstream.requests)
        self.refused(self.call_to(agent, {}), 500, "INTERNAL_ERROR")
        self.assertEqual(len(self.upstream.requests), before)


class NoProxies(Proxied):
    variables = {
        name: "http://127.0.0.1:9/"
        for name in (
            "http_proxy",
            "https_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "all_proxy",
        )
    }

    def test_proxies_of_the_environment_are_ignored_and_that_is_said(self):
        self.assertEqual(self.call_to(self.target(), {}).status, 200)
        self.assertIn("http_proxy", self.daemon.log_text())
