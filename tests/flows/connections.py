"""Connections: who may call whom."""
import uuid

from flow import Flow


class Connections(Flow):
    def setUp(self):
        self.source, self.target = self.api.register("source"), self.api.register("target")

    def test_a_connection_is_made_read_listed_and_severed(self):
        made = self.api.connect(self.source, self.target, group_name="group")
        self.assertEqual(str(uuid.UUID(made["id"])), made["id"])
        self.assertEqual(made["source_agent_id"], self.source["id"])
        self.assertEqual(made["target_agent_id"], self.target["id"])
        self.assertEqual(made["group_name"], "group")
        self.assertTrue(made["network_id"])
        target = "/api/connections/" + made["id"]
        self.assertEqual(self.api.get(target).json, made)
        found = self.api.get("/api/connections?agent_id=" + self.source["id"]).json["data"]
        self.assertEqual([c["id"] for c in found], [made["id"]])
        gone = self.api.delete(target)
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.refused(self.api.get(target), 404, "CONNECTION_NOT_FOUND")
        self.refused(self.api.delete(target), 404, "CONNECTION_NOT_FOUND")

    def test_agents_may_be_named_by_permanent_id(self):
        reply = self.api.post(
            "/api/connections",
            {
                "source_agent_id": self.source["permanent_id"],
                "target_agent_id": self.target["permanent_id"],
                "group_name": "g",
            },
        )
        self.assertEqual(reply.status, 201, reply)
        self.assertEqual(reply.json["target_agent_id"], self.target["id"])
        self.assertIn("/api/connections/" + reply.json["id"], reply.header("Location") or "")

    def test_each_bad_member_is_named_and_nothing_is_stored(self):
        good = {
            "source_agent_id": self.source["id"],
            "target_agent_id": self.target["id"],
            "group_name": "g",
        }
        count = lambda: self.daemon.psql("SELECT count(*) FROM connections")
        before = count()
        for change, field in (
            ({"source_agent_id": None}, "source_agent_id"),
            ({"source_agent_id": "nonsense"}, "source_agent_id"),
            ({"source_agent_id": str(uuid.uuid4())}, "source_agent_id"),
            ({"target_agent_id": "agt-00000000"}, "target_agent_id"),
            ({"target_agent_id": 5}, "target_agent_id"),
            ({"target_agent_id": self.source["id"]}, "target_agent_id"),
            ({"network_id": str(uuid.uuid4())}, "network_id"),
            ({"network_id": "nonsense"}, "network_id"),
            ({"group_name": "x" * 5000}, "group_name"),
            ({"allow_paths": "yes"}, "allow_paths"),
            ({"colour": 1}, "colour"),
        ):
            with self.subTest(change=str(change)[:100]):
                self.refused(
                    self.api.post("/api/connections", {**good, **change}),
                    400,
                    "VALIDATION_ERROR",
                    field,
                )
        for missing in ("source_agent_id", "target_agent_id"):
            body = {k: v for k, v in good.items() if k != missing}
            self.refused(self.api.post("/api/connections", body), 400, "VALIDATION_ERROR", missing)
        self.assertEqual(count(), before)

    def test_a_revoked_agent_cannot_be_connected(self):
        self.api.post("/api/agents/%s/revoke" % self.target["id"])
        reply = self.api.post(
            "/api/connections",
            {
                "source_agent_id": self.source["id"],
                "target_agent_id": self.target["id"],
                "group_name": "g",
            },
        )
        self.refused(reply, 409, "AGENT_STATE")

    def test_the_list_is_paged(self):
        made = [self.api.connect(self.source, self.api.register())["id"] for _ in range(5)]
        one = "/api/connections?limit=3&agent_id=" + self.source["id"]
        first = self.api.get(one).json
        second = self.api.get(one + "&cursor=" + first["next"]).json
        self.assertEqual([c["id"] for c in first["data"] + second["data"]], made[::-1])
        self.assertFalse(second["has_more"])

    def test_a_repeat_with_the_same_key_makes_one_connection(self):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {
            "source_agent_id": self.source["id"],
            "target_agent_id": self.target["id"],
            "group_name": "g",
        }
        first = self.api.post("/api/connections", body, headers=headers)
        again = self.api.post("/api/connections", body, headers=headers)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(first.json, again.json)
        self.assertEqual(again.header("Idempotent-Replayed"), "true")
        self.refused(
            self.api.post("/api/connections", {**body, "group_name": "h"}, headers=headers),
            422,
            "IDEMPOTENCY_MISMATCH",
        )

    def test_a_malformed_id_is_not_found(self):
        for identity in ("nonsense", "0", "agt-00000000", str(uuid.uuid4())):
            self.refused(self.api.get("/api/connections/" + identity), 404, "CONNECTION_NOT_FOUND")
