"""Registering: what is accepted, what is refused and names its field, repeats, what is stored."""
import json
import re
import time
import uuid

from flow import Flow, Locked, Together, same_but
from client import Client

EVERYTHING = {
    "name": "Everything agent",
    "endpoint_url": "http://127.0.0.1:9/CANARY-url",
    "webhook_url": "http://127.0.0.1:9/CANARY-hook",
    "version": "1.2.3",
    "license": "MIT OR Apache-2.0",
    "programming_language": "C",
    "languages": ["en", "de"],
    "framework": "none",
    "capabilities": {
        "task_categories": ["translation"],
        "input_formats": ["application/json"],
        "output_formats": ["text/plain"],
        "models": ["small-1"],
        "requests_per_minute": 30,
    },
    "endpoint_api_key": "CANARY-key-0123456789",
    "endpoint_key_header": "x-api-key",
    "endpoint_key_scheme": "",
    "version_header": "x-version",
    "version_value": "2024-01-01",
    "metadata": {"team": "tests", "deep": {"list": [1, 2, {"x": None}]}},
    "is_public": False,
}

# body, field at fault
BAD = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"name": 5}, "name"),
    ({"name": True}, "name"),
    ({"name": ["x"]}, "name"),
    ({"name": "x" * 5000}, "name"),
    ({"name": "a\x01b"}, "name"),
    ({"name": "x", "nmae": "y"}, "nmae"),
    ({"name": "x", "id": str(uuid.uuid4())}, "id"),
    ({"name": "x", "token": "tk_" + "0" * 64}, "token"),
    ({"name": "x", "status": "online"}, "status"),
    ({"name": "x", "endpoint_url": "not a url"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "ftp://example.org/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "file:///etc/passwd"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://user:pw@example.org/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://169.254.169.254/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://10.0.0.1/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://[fd00::1]/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://167772161/"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://example.org/a\r\nX-Evil: 1"}, "endpoint_url"),
    ({"name": "x", "endpoint_url": "https://example.org/" + "a" * 3000}, "endpoint_url"),
    ({"name": "x", "endpoint_url": 7}, "endpoint_url"),
    ({"name": "x", "webhook_url": "gopher://example.org/"}, "webhook_url"),
    ({"name": "x", "webhook_url": "https://10.1.2.3/"}, "webhook_url"),
    ({"name": "x", "license": "Not-A-Licence"}, "license"),
    ({"name": "x", "license": "MIT OR"}, "license"),
    ({"name": "x", "license": "MIT AND (Apache-2.0"}, "license"),
    ({"name": "x", "languages": "en"}, "languages"),
    ({"name": "x", "languages": ["en", 5]}, "languages[1]"),
    ({"name": "x", "languages": ["no such tag"]}, "languages[0]"),
    ({"name": "x", "capabilities": []}, "capabilities"),
    ({"name": "x", "capabilities": {"colour": 1}}, "capabilities.colour"),
    ({"name": "x", "capabilities": {"models": ["a", 1]}}, "capabilities.models[1]"),
    (
        {"name": "x", "capabilities": {"requests_per_minute": -1}},
        "capabilities.requests_per_minute",
    ),
    (
        {"name": "x", "capabilities": {"requests_per_minute": 1.5}},
        "capabilities.requests_per_minute",
    ),
    (
        {"name": "x", "capabilities": {"requests_per_minute": "5"}},
        "capabilities.requests_per_minute",
    ),
    (
        {"name": "x", "capabilities": {"requests_per_minute": 2**62}},
        "capabilities.requests_per_minute",
    ),
    ({"name": "x", "endpoint_api_key": "a\r\nX-Injected: 1"}, "endpoint_api_key"),
    ({"name": "x", "endpoint_api_key": "\u00e9"}, "endpoint_api_key"),
    ({"name": "x", "endpoint_key_header": "Bad Header"}, "endpoint_key_header"),
    ({"name": "x", "endpoint_key_header": "Host"}, "endpoint_key_header"),
    ({"name": "x", "endpoint_key_header": "Content-Length"}, "endpoint_key_header"),
    ({"name": "x", "endpoint_key_header": "Transfer-Encoding"}, "endpoint_key_header"),
    ({"name": "x", "endpoint_key_scheme": "Be\narer"}, "endpoint_key_scheme"),
    ({"name": "x", "version_header": "a:b", "version_value": "1"}, "version_header"),
    ({"name": "x", "fallback_agent_id": "agt-xyz"}, "fallback_agent_id"),
    ({"name": "x", "fallback_agent_id": str(uuid.uuid4())}, "fallback_agent_id"),
    ({"name": "x", "fallback_agent_id": "agt-00000000"}, "fallback_agent_id"),
    ({"name": "x", "metadata": "text"}, "metadata"),
    ({"name": "x", "metadata": {"a": "y" * 60000}}, "metadata"),
    ({"name": "x", "is_public": "yes"}, "is_public"),
    ({"name": "x", "is_public": 1}, "is_public"),
]

DEEP = b'{"name": "x", "metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}"
CORPUS = [
    b"",
    b" ",
    b"null",
    b"5",
    b'"x"',
    b"[]",
    b"true",
    b"{",
    b"}",
    b"[",
    b'{"name"',
    b'{"name":',
    b'{"name": "x"',
    b'{"name": "x",}',
    b'{"name": "x"} x',
    b'{"name": "x"}{"name": "y"}',
    b"{name: 'x'}",
    b"{'name': 'x'}",
    b'{"name": "x" /* c */}',
    b'{"name": "x"} // c',
    b'\xef\xbb\xbf{"name": "x"}',
    b'{"name": "x\x00y"}',
    b'{"name": "x\\u0000y"}',
    b'{"na\\u0000me": "x"}',
    b'{"name": "\xff\xfe"}',
    b'{"name": "\xc0\xaf"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\\udc00\\ud800"}',
    b'{"name": "\xf4\x90\x80\x80"}',
    b'{"name": "a\nb"}',
    b'{"name": "a\tb"}',
    b'{"name": "\\x41"}',
    b'{"name": "x", "name": "y"}',
    b'{"name": "x", "na\\u006de": "y"}',
    b'{"name": "x", "metadata": {"a": 1, "a": 2}}',
    b'{"name": "x", "capabilities": {"models": [], "models": []}}',
    b'{"name": "x", "metadata": {"a": NaN}}',
    b'{"name": "x", "metadata": {"a": Infinity}}',
    b'{"name": "x", "metadata": {"a": 01}}',
    b'{"name": "x", "metadata": {"a": +1}}',
    b'{"name": "x", "metadata": {"a": .5}}',
    b'{"name": "x", "metadata": {"a": 1.}}',
    b'{"name": "x", "metadata": {"a": 0x10}}',
    b'{"name": "x", "metadata": {"a": 1e400}}',
    b'{"name": "x", "metadata": {"a": 9223372036854775808}}',
    b'{"name": "x", "capabilities": {"requests_per_minute": 9223372036854775807}}',
    b'{"name": "x", "capabilities": {"requests_per_minute": 4294967297000}}',
    b'{"name": "x", "capabilities": {"requests_per_minute": 1e2}}',
    DEEP,
    b"[" * 30000,
    b'{"a":' * 10000,
    b'{"name": "x", "metadata": {"a": [' + b"[]," * 20001 + b"1]}}",
    b'{"name": "x"}' + b"\x00",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"name=x",
    b"<agent/>",
]


class Registering(Flow):
    def test_a_name_is_all_it_needs(self):
        reply = self.api.post("/api/agents", {"name": "Only  A-Name"})
        self.assertEqual(reply.status, 201)
        agent = reply.json
        self.assertRegex(agent["token"], "^tk_[0-9a-f]{64}$")
        self.assertRegex(agent["permanent_id"], "^agt-[0-9a-f]{8}$")
        self.assertEqual(str(uuid.UUID(agent["id"])), agent["id"])
        self.assertEqual(agent["slug"], "only-a-name")
        self.assertEqual(agent["status"], "offline")
        self.assertEqual(agent["presence"]["reason"], "never_seen")
        self.assertIsNone(agent["last_heartbeat"])
        self.assertFalse(agent["is_public"])
        self.assertFalse(agent["endpoint_key_set"])
        self.assertRegex(agent["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertTrue(reply.header("Location").endswith("/api/agents/" + agent["id"]))

    def test_the_token_is_shown_this_once(self):
        agent = self.api.register()
        again = self.api.get("/api/agents/" + agent["id"])
        self.assertNotIn("tk_", again.body.decode())
        self.assertTrue(agent["token"].endswith(again.json["token_hint"][-4:]))
        self.assertNotIn("tk_", self.api.get("/api/agents").body.decode())

    def test_every_member_comes_back_but_the_key(self):
        fallback = self.api.register("the fallback")
        sent = {**EVERYTHING, "fallback_agent_id": fallback["permanent_id"]}
        made = self.api.register(**sent)
        for agent in (made, self.api.get("/api/agents/" + made["permanent_id"]).json):
            for member, value in sent.items():
                if member == "fallback_agent_id":
                    self.assertIn(agent[member], (fallback["id"], fallback["permanent_id"]))
                elif member == "endpoint_api_key":
                    self.assertTrue(agent["endpoint_key_set"])
                    self.assertIsNone(agent.get(member))
                else:
                    self.assertEqual(agent[member], value, member)
            self.assertNotIn("CANARY-key", json.dumps(agent))

    def test_metadata_comes_back_as_it_was_sent(self):
        numbers = b'"z": 0.1, "a": 1e2, "big": 123456789012345678'
        raw = b'{"name": "m", "metadata": {%s, "u": "\\u00e9"}}' % numbers
        made = self.api.post("/api/agents", raw=raw)
        self.assertEqual(made.status, 201, made)
        self.assertNotIn("0.1000", made.body.decode())
        self.assertEqual(made.json["metadata"]["big"], 123456789012345678)
        self.assertEqual(made.json["metadata"]["u"], "\u00e9")

    def test_names_of_all_scripts_are_names(self):
        for name in (
            "\u00fc\u00df \u2713",
            "\u65e5\u672c\u8a9e",
            "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
            "\U0001f600",
            "a'b\"c\\d",
            "e\u0301",
        ):
            self.assertEqual(self.api.register(name)["name"], name)

    def test_each_bad_member_is_named_and_nothing_is_stored(self):
        before = self.agents_stored()
        for body, field in BAD:
            with self.subTest(body=str(body)[:120]):
                said = self.refused(
                    self.api.post("/api/agents", body), 400, "VALIDATION_ERROR", field
                )
                self.assertNotIn("CANARY", json.dumps(said))
        self.assertEqual(self.agents_stored(), before)

    def test_each_bad_body_is_refused_and_nothing_is_stored(self):
        before = self.agents_stored()
        for raw in CORPUS:
            with self.subTest(raw=raw[:80]):
                reply = self.api.post("/api/agents", raw=raw)
                self.assertEqual(reply.status, 400, reply)
                self.assertIn(reply.code, ("MALFORMED_JSON", "VALIDATION_ERROR"))
        self.assertEqual(self.agents_stored(), before)

    def test_every_bound_of_the_document_is_kept(self):
        schema = self.api.document.operation("POST", "/api/agents")["requestBody"]["content"][
            "application/json"
        ]["schema"]
        bounds = 0
        for member, row in self.api.document.follow(schema)["properties"].items():
            row = self.api.document.follow(row)
            if "maxLength" in row and "string" in row["type"] and row["maxLength"] < 60000:
                bounds += 1
                body = {"name": "x", member: "a" * (row["maxLength"] + 1)}
                self.refused(self.api.post("/api/agents", body), 400, "VALIDATION_ERROR", member)
            if "maxItems" in row:
                bounds += 1
                body = {"name": "x", member: ["aa"] * (row["maxItems"] + 1)}
                self.refused(self.api.post("/api/agents", body), 400, "VALIDATION_ERROR", member)
        self.assertGreater(bounds, 6)

    def test_the_content_type_must_be_json(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            reply = self.api.post(
                "/api/agents", raw=b'{"name": "x"}', headers={"Content-Type": kind}
            )
            self.refused(reply, 415, "UNSUPPORTED_MEDIA_TYPE")
        reply = self.api.post(
            "/api/agents",
            raw=b'{"name": "x"}',
            headers={"Content-Type": "Application/JSON; charset=utf-8"},
        )
        self.assertEqual(reply.status, 201)

    def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(self):
        body = b'{"name": "x"}'
        full = body + b" " * (65536 - len(body))
        self.assertEqual(self.api.post("/api/agents", raw=full).status, 201)
        self.refused(self.api.post("/api/agents", raw=full + b" "), 413, "PAYLOAD_TOO_LARGE")

    def test_the_endpoint_of_the_error_does_not_repeat_what_was_sent(self):
        reply = self.api.post("/api/agents", {"name": "x", "endpoint_url": "http://CANARY-u@[bad"})
        self.refused(reply, 400, "VALIDATION_ERROR", "endpoint_url")
        self.assertNotIn(b"CANARY", reply.body)

    def test_secrets_are_sealed_and_tokens_hashed_in_the_database(self):
        agent = self.api.register(
            **{
                **EVERYTHING,
                "endpoint_url": "http://127.0.0.1:9/CANARY-sealed",
                "endpoint_api_key": "CANARY-sealed-key",
            }
        )
        dump = self.daemon.dump()
        self.assertIn(agent["permanent_id"].encode(), dump)
        for secret in (
            "CANARY-sealed",
            "CANARY-hook",
            agent["token"],
            agent["token"][3:],
            self.daemon.key,
            self.daemon.key[3:],
        ):
            self.assertNotIn(secret.encode(), dump)
            self.assertNotIn(secret.encode().hex().encode(), dump)


class Repeating(Flow):
    def key(self):
        return {"Idempotency-Key": uuid.uuid4().hex}

    def test_the_same_request_with_the_same_key_has_one_effect(self):
        headers, body = self.key(), {"name": "once " + uuid.uuid4().hex}
        first = self.api.post("/api/agents", body, headers=headers)
        self.assertEqual(first.status, 201)
        self.assertIsNone(first.header("Idempotent-Replayed"))
        before = self.agents_stored()
        again = self.api.post("/api/agents", body, headers=headers)
        self.assertEqual((again.status, again.header("Idempotent-Replayed")), (201, "true"))
        self.assertEqual(again.json, first.json)
        self.assertEqual(again.header("Location"), first.header("Location"))
        self.assertEqual(self.agents_stored(), before)

    def test_another_body_with_the_same_key_is_refused(self):
        headers = self.key()
        self.assertEqual(self.api.post("/api/agents", {"name": "a"}, headers=headers).status, 201)
        before = self.agents_stored()
        reply = self.api.post("/api/agents", {"name": "b"}, headers=headers)
        self.refused(reply, 422, "IDEMPOTENCY_MISMATCH")
        self.assertEqual(self.agents_stored(), before)

    def test_a_key_of_a_bad_form_is_refused(self):
        for key in ("", "x" * 256, "with blank", "tab\there"):
            with self.subTest(key=key[:20]):
                reply = self.api.post(
                    "/api/agents", {"name": "x"}, headers={"Idempotency-Key": key}
                )
                self.assertEqual(reply.status, 400, reply)

    def test_a_repeat_while_the_first_still_runs_is_refused(self):
        headers, body = self.key(), {"name": "slow"}
        with Locked(self.daemon, "agents", "SHARE ROW EXCLUSIVE"):
            first = Together(lambda: Client(self.daemon).post("/api/agents", body, headers=headers))
            time.sleep(0.7)
            reply = self.api.post("/api/agents", body, headers=headers)
            self.refused(reply, 409, "IDEMPOTENCY_RUNNING")
        self.assertEqual(first.wait()[0].status, 201)

    def test_many_at_once_make_one_agent(self):
        headers, name = self.key(), "storm " + uuid.uuid4().hex
        one = lambda: Client(self.daemon).post("/api/agents", {"name": name}, headers=headers)
        replies = Together(*[one] * 16).wait()
        ids = {r.json["id"] for r in replies if r.status == 201}
        self.assertEqual(len(ids), 1)
        self.assertTrue({r.status for r in replies} <= {201, 409})
        rows = self.daemon.psql("SELECT count(*) FROM agents WHERE name = '%s'" % name)
        self.assertEqual(rows, [["1"]])

    def test_a_late_repeat_has_no_token_any_more_and_says_how_to_get_one(self):
        headers, body = self.key(), {"name": "late"}
        first = self.api.post("/api/agents", body, headers=headers)
        self.daemon.psql("UPDATE idempotency SET created_at = created_at - interval '11 minutes'")
        again = self.api.post("/api/agents", body, headers=headers)
        self.assertEqual(again.status, 201, again)
        self.assertIsNone(again.json["token"])
        self.assertTrue(same_but(again.json, first.json, "token", "notice", "hint"))
        said = again.body.decode() + str(again.headers)
        self.assertTrue(re.search("rotate", said), said)

    def test_after_a_day_the_key_is_new_again(self):
        headers, body = self.key(), {"name": "tomorrow"}
        first = self.api.post("/api/agents", body, headers=headers).json
        self.daemon.psql("UPDATE idempotency SET created_at = created_at - interval '25 hours'")
        again = self.api.post("/api/agents", body, headers=headers)
        self.assertEqual(again.status, 201)
        self.assertNotEqual(again.json["id"], first["id"])

    def test_a_refused_request_leaves_the_key_free(self):
        headers = self.key()
        self.assertEqual(self.api.post("/api/agents", {"name": 1}, headers=headers).status, 400)
        self.assertEqual(self.api.post("/api/agents", {"name": "a"}, headers=headers).status, 201)

    def test_a_stored_answer_holds_no_token_in_clear(self):
        reply = self.api.post("/api/agents", {"name": "kept"}, headers=self.key())
        self.assertNotIn(reply.json["token"].encode(), self.daemon.dump())
