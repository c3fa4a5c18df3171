"""Heartbeats and GET /api/agents/me: bodies, credentials, and the words a client goes by."""
import uuid

from client import Client, now_ms
from flow import Flow, Together


class Heartbeats(Flow):
    def setUp(self):
        self.agent = self.api.register()
        self.own = self.api.with_credential(self.agent["token"])
        self.target = "/api/agents/%s/heartbeat" % self.agent["id"]

    def transitions(self):
        target = "/api/status-transitions?agent_id=" + self.agent["id"]
        return self.api.get(target).json["data"]

    def test_online_an_empty_object_and_no_body_all_mean_online(self):
        for more in (
            {"body": {"status": "online"}},
            {"body": {}},
            {},
            {"raw": b"not json"},
            {"raw": b'{"status"'},
            {"body": {"status": "online", "load": 0.5}},
        ):
            with self.subTest(more=more):
                agent = self.api.register()
                reply = self.api.with_credential(agent["token"]).post(
                    "/api/agents/%s/heartbeat" % agent["id"], **more
                )
                self.assertEqual(reply.status, 200, reply)
                self.assertEqual(reply.json["heartbeat"], "accepted")
                self.assertEqual(reply.json["agent"]["id"], agent["id"])
                self.assertEqual(reply.json["agent"]["status"], "online")
                self.assertRegex(reply.json["agent"]["last_heartbeat"], r"\.\d{3}Z$")
                self.assertEqual(self.state(agent)["status"], "online")

    def test_another_status_is_refused_and_changes_nothing(self):
        for body in ({"status": "busy"}, {"status": 1}, {"status": "ONLINE"}, {"status": ""}):
            with self.subTest(body=body):
                self.refused(self.own.post(self.target, body), 400, "VALIDATION_ERROR", "status")
        self.assertEqual(self.state(self.agent)["status"], "offline")

    def test_the_permanent_id_stands_for_the_agent_too(self):
        reply = self.own.post("/api/agents/%s/heartbeat" % self.agent["permanent_id"])
        self.assertIn(reply.status, (200, 404))

    def test_offline_is_seen_at_once_and_a_second_one_adds_no_transition(self):
        self.assertEqual(self.own.post(self.target).status, 200)
        before = now_ms()
        reply = self.own.post(self.target, {"status": "offline"})
        self.assertEqual(reply.json["agent"]["status"], "offline")
        self.assertEqual(self.own.get("/api/agents/me").json["status"], "offline")
        self.assertEqual(self.state(self.agent)["reason"], "told_offline")
        self.assertLess(now_ms() - before, 3000)
        self.assertEqual(len(self.transitions()), 2)
        self.own.post(self.target, {"status": "offline"})
        self.assertEqual(len(self.transitions()), 2)
        self.own.post(self.target)
        self.own.post(self.target)
        newest = self.transitions()
        self.assertEqual(len(newest), 3)
        self.assertEqual((newest[0]["old_status"], newest[0]["new_status"]), ("offline", "online"))

    def test_the_agent_knows_itself(self):
        self.own.post(self.target)
        me = self.own.get("/api/agents/me").json
        self.assertEqual(
            {
                "id",
                "name",
                "slug",
                "status",
                "is_public",
                "is_revoked",
                "is_archived",
                "last_heartbeat",
                "created_at",
            }
            - set(me),
            set(),
        )
        self.assertEqual((me["id"], me["status"]), (self.agent["id"], "online"))

    def test_another_agents_token_is_a_mismatch(self):
        other = self.api.register()
        self.refused(
            self.api.with_credential(other["token"]).post(self.target), 403, "TOKEN_MISMATCH"
        )
        self.assertEqual(self.state(self.agent)["status"], "offline")

    def test_no_credential_or_one_of_another_kind_is_refused_with_a_hint(self):
        reply = self.api.with_credential(None).post(self.target)
        self.refused(reply, 401, "UNAUTHORIZED")
        self.assertIn("Bearer", reply.header("WWW-Authenticate") or "")
        said = self.refused(self.api.post(self.target), 401, "WRONG_CREDENTIAL")
        self.assertIn("tk_", said["error"])
        said = self.refused(self.api.get("/api/agents/me"), 401, "WRONG_CREDENTIAL")
        self.assertIn("tk_", said["error"])
        for bad in (
            "tk_" + "0" * 64,
            "tk_" + self.agent["token"][3:].upper(),
            self.agent["token"][:-1],
            self.agent["token"] + "0",
        ):
            with self.subTest(bad=bad):
                self.assertEqual(self.api.with_credential(bad).post(self.target).status, 401)

    def test_an_unknown_agent_is_not_found_or_a_mismatch(self):
        reply = self.own.post("/api/agents/%s/heartbeat" % uuid.uuid4())
        self.assertIn(
            (reply.status, reply.code), ((404, "AGENT_NOT_FOUND"), (403, "TOKEN_MISMATCH"))
        )
        self.assertEqual(self.own.post("/api/agents/nonsense/heartbeat").status, 404)

    def test_the_words_of_a_refusal_are_the_documented_ones(self):
        for action, word, status in (("revoke", "revoked", 401), ("archive", "archived", 401)):
            agent = self.api.register()
            self.api.beat(agent)
            self.api.post("/api/agents/%s/%s" % (agent["id"], action))
            reply = self.api.with_credential(agent["token"]).post(
                "/api/agents/%s/heartbeat" % agent["id"]
            )
            self.assertEqual(reply.status, status)
            self.assertIn(word, reply.json["error"].lower())
        self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % self.agent["id"])
        said = self.refused(self.own.post(self.target), 403, "AGENT_DISABLED")
        self.assertIn("auto-disabled", said["error"].lower())

    def test_an_agent_that_is_closed_behind_our_back_becomes_unavailable(self):
        self.own.post(self.target)
        self.daemon.psql("DELETE FROM presence WHERE agent_id = '%s'" % self.agent["id"])
        self.refused(self.own.post(self.target), 409, "AGENT_UNAVAILABLE")

    def test_many_agents_beat_at_once_and_each_is_answered(self):
        agents = [self.api.register() for _ in range(20)]

        def beat(agent):
            api = Client(self.daemon, agent["token"])
            for n in range(20):
                status = "online" if n % 3 else "offline"
                reply = api.post("/api/agents/%s/heartbeat" % agent["id"], {"status": status})
                self.assertEqual((reply.status, reply.json["agent"]["status"]), (200, status))
                self.assertEqual(reply.json["agent"]["id"], agent["id"])

        Together(*[lambda a=a: beat(a) for a in agents]).wait()
        for agent in agents:
            self.assertEqual(self.state(agent)["status"], "online")
