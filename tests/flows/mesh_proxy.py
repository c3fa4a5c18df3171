"""POST /api/proxy over a connection to an agent of the mesh: the call becomes a dispatch."""
import json
import uuid

import mesh_rows
from flow import Flow


class MeshProxy(Flow):
    settings = {"mesh.dispatch_timeout": "1s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.caller, cls.target = cls.api.register("caller"), cls.api.register("behind a firewall")
        cls.own = cls.api.with_credential(cls.caller["token"])
        link = cls.api.connect(cls.caller, cls.target, allow_paths=True)
        cls.connection, cls.path = link, "/api/proxy/" + link["id"]
        cls.agent = mesh_rows.Agent(cls.daemon, cls.target, "proxied", cls.answer)
        cls.addClassCleanup(cls.agent.close)

    @staticmethod
    def answer(payload):
        if payload["skill_id"] == "fail":
            return ("NO_SUCH_PLACE", "it is not on the map")
        if payload["skill_id"] == "silent":
            return None
        return {"skill": payload["skill_id"], "args": payload["args"]}

    def said(self, reply):
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.header("Content-Type"), "application/json")
        self.assertEqual(reply.header("Proxy-Status"), "rosterd; received-status=200")
        return reply.json

    def test_a_body_that_names_a_skill_says_it_all(self):
        body = {"skill_id": "navigate", "args": {"to": "home", "ä": [1, 2.5, None]}}
        got = self.said(self.own.post(self.path, body))
        self.assertEqual(got, {"skill": "navigate", "args": body["args"]})
        self.assertEqual(self.agent.seen[-1]["session_context"]["session_id"], None)

    def test_any_other_body_is_the_argument_of_the_named_skill(self):
        for body, args in (
            ({"to": "home"}, {"to": "home"}),
            ([1, 2], {"body": [1, 2]}),
            ("text", {"body": "text"}),
            (None, {}),
        ):
            with self.subTest(body=body):
                got = self.said(self.own.post(self.path, body))
                self.assertEqual(got, {"skill": "call", "args": args})
                headers = {"X-Roster-Skill": "drive"}
                got = self.said(self.own.post(self.path, body, headers=headers))
                self.assertEqual(got["skill"], "drive")
                got = self.said(self.own.post(self.path + "/fly.low", body))
                self.assertEqual(got["skill"], "fly.low")

    def test_what_is_no_dispatch_is_refused(self):
        for path, raw, code in (
            ("", b'{"skill_id": 5}', "INVALID_DISPATCH"),
            ("", b'{"skill_id": ""}', "INVALID_DISPATCH"),
            ("", b'{"skill_id": "a", "args": [1]}', "INVALID_DISPATCH"),
            ("", b'{"skill_id": "a", "skill_id": "b"}', "VALIDATION_ERROR"),
            ("/no%20skill", b"{}", "INVALID_DISPATCH"),
            ("/a/b", b"{}", "INVALID_DISPATCH"),
        ):
            with self.subTest(raw=raw, path=path):
                before = len(self.agent.seen)
                self.refused(self.own.post(self.path + path, raw=raw), 400, code)
                self.assertEqual(len(self.agent.seen), before)

    def test_a_body_beyond_the_bound_is_refused(self):
        reply = self.own.post(self.path, raw=b'"' + b"x" * 1048576 + b'"')
        self.refused(reply, 413, "PAYLOAD_TOO_LARGE")

    def test_the_agents_own_failure_is_told(self):
        for path in (self.path, self.path + "/fail"):
            reply = self.own.post(path, {"skill_id": "fail"})
            self.refused(reply, 502, "HANDLER_ERROR")
            self.assertEqual(reply.json["agent_code"], "NO_SUCH_PLACE")
            self.assertEqual(reply.json["agent_message"], "it is not on the map")

    def test_an_agent_that_does_not_answer_times_out(self):
        reply = self.own.post(self.path, {"skill_id": "silent"})
        self.refused(reply, 504, "http_response_timeout")

    def test_each_call_leaves_its_record(self):
        self.said(self.own.post(self.path, {"skill_id": "recorded"}))
        call = self.calls(self.connection)[0]
        self.assertEqual((call["status"], call["outcome"]), (200, "ok"))
        self.assertGreater(call["response_bytes"], 10)

    def test_without_a_socket_the_target_is_offline_and_the_fallback_answers(self):
        away, spare = self.api.register("away"), self.api.register("spare")
        path = "/api/proxy/" + self.api.connect(self.caller, away)["id"]
        agent = mesh_rows.Agent(self.daemon, away, "away-" + uuid.uuid4().hex[:6], self.answer)
        other = mesh_rows.Agent(self.daemon, spare, "spare-" + uuid.uuid4().hex[:6], self.answer)
        self.addCleanup(other.close)
        self.said(self.own.post(path, {}))
        agent.socket.send_close()
        self.wait_status(away, "offline", 5)
        self.assertEqual(self.state(away)["reason"], "disconnected")
        self.refused(self.own.post(path, {}), 503, "destination_unavailable")
        reply = self.api.patch("/api/agents/" + away["id"], {"fallback_agent_id": spare["id"]})
        self.assertEqual(reply.status, 200, reply)
        reply = self.own.post(path, {})
        self.said(reply)
        self.assertEqual(reply.header("x-tragentics-fallback"), spare["id"])

    def test_a_proof_that_cannot_be_made_sends_nothing(self):
        target = self.api.register("sealed wrongly")
        path = "/api/proxy/" + self.api.connect(self.caller, target, allow_paths=True)["id"]
        agent = mesh_rows.Agent(self.daemon, target, "wrong", self.answer)
        self.addCleanup(agent.close)
        self.daemon.psql(
            "UPDATE instances SET scheme = 1, auth_secret_sealed = '\\x00'"
            " WHERE instance_id = '%s'" % agent.name
        )
        for one in (path, path + "/skill"):
            self.refused(self.own.post(one, {}), 500, "DISPATCH_AUTH_UNAVAILABLE")
        self.assertEqual(agent.seen, [])

    def test_a_large_answer_comes_whole(self):
        body = {"skill_id": "large", "args": {"text": "y" * 500000}}
        got = self.said(self.own.post(self.path, raw=json.dumps(body).encode()))
        self.assertEqual(got["args"], body["args"])
