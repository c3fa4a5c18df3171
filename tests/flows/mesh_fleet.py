"""What is told of instances, how they leave, and which types are admitted."""
import json
import socket
import struct
import time
import uuid

from client import Client
from flow import Flow, Locked, Together
from mesh_register import Mesh
from rosterd import organization

STATUSES = ("online", "healthy", "degraded", "offline", "unknown")


class Fleet(Mesh):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.org = cls.daemon.ready["organization_id"]
        cls.other_key = organization(cls.daemon, "others")
        cls.other = cls.api.with_credential(cls.other_key)
        words = ("key", "create", "--org", "system", "--scope", "full,admin:orgs")
        cls.operator = cls.api.with_credential(cls.daemon.run(*words).strip())
        cls.other_org = cls.sql(cls, "SELECT id FROM organizations WHERE slug = 'others'")[0][0]

    def stats(self, api=None, **body):
        reply = (api or self.api).post("/agents/get_connection_stats", body)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def leave(self, instance, api=None, **more):
        return (api or self.api).post("/agents/deregister", {"instance_id": instance, **more})

    # ---- reads ----

    def test_an_instance_is_told_in_the_documented_shape(self):
        card = {"name": "x", "version": "3.2.1", "provider": {"organization": "O", "url": "U"}}
        made = self.made(agent_type="told", agent_card=card, max_concurrent_sessions=4)
        reply = self.api.post("/agents/get_by_id", {"instance_id": made["instance_id"]})
        agent = reply.json["agent"]
        self.assertIs(reply.json["ok"], True)
        self.assertRegex(agent.pop("registered_at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            agent,
            {
                "instance_id": made["instance_id"],
                "agent_type": "told",
                "public_url": None,
                "deployment_mode": "connected",
                "tenant_id": self.org,
                "mesh_id": "roster",
                "status": "unknown",
                "current_sessions": 0,
                "max_concurrent_sessions": 4,
                "consecutive_failures": 0,
                "last_seen": None,
                "agent_version": "3.2.1",
                "provider_organization": "O",
                "provider_url": "U",
                "agent_card": card,
                "context": None,
            },
        )
        reply = self.api.post("/agents/get_connection", {"instance_id": made["instance_id"]})
        self.assertEqual(
            reply.json,
            {
                "ok": True,
                "connection": {
                    "instance_id": made["instance_id"],
                    "agent_type": "told",
                    "tenant_id": self.org,
                    "deployment_mode": "connected",
                    "transport": "unknown",
                    "connection_status": "unknown",
                    "owner_pod": None,
                    "connected_since": None,
                    "last_dispatch_at": None,
                    "dispatches_succeeded": 0,
                    "dispatches_failed": 0,
                    "last_dispatch_error": None,
                    "status": "unknown",
                    "last_seen": None,
                    "ws_mesh_pod_id": None,
                    "ws_last_seen": None,
                },
            },
        )

    def test_a_card_of_any_shape_can_be_told(self):
        for card in ({"version": 5, "provider": "x"}, {"provider": {"url": []}}, {}):
            made = self.made(agent_card=card)
            reply = self.api.post("/agents/get_by_id", {"instance_id": made["instance_id"]})
            agent = reply.json["agent"]
            self.assertEqual(agent["agent_card"], card)
            self.assertIsNone(agent["agent_version"])
            self.assertIsNone(agent["provider_url"])

    def test_pages_and_filters_of_the_list(self):
        made = [self.made(agent_type="paged")["instance_id"] for _ in range(5)][::-1]
        self.made(self.other, agent_type="paged")
        self.sql(
            "UPDATE instance_states SET status = 2 WHERE instance ="
            " (SELECT id FROM instances WHERE instance_id = '%s')" % made[0]
        )
        seen = []
        for page in (1, 2, 3):
            got = self.api.post(
                "/agents/get", {"agent_type": "paged", "page": page, "page_size": 2}
            ).json
            self.assertEqual((got["count"], got["total_pages"], got["page"]), (5, 3, page))
            self.assertEqual((got["ok"], got["page_size"]), (True, 2))
            seen += [agent["instance_id"] for agent in got["agents"]]
        self.assertEqual(seen, made)
        got = self.api.post("/agents/get", {"agent_type": "paged", "status": "draining"}).json
        self.assertEqual([a["instance_id"] for a in got["agents"]], made[:1])
        self.assertNotIn("agent_card", got["agents"][0])
        empty = self.api.post("/agents/get", {"agent_type": "nobody"}).json
        self.assertEqual((empty["count"], empty["total_pages"], empty["agents"]), (0, 0, []))
        self.assertEqual(self.api.call("POST", "/agents/get").json["page_size"], 25)
        for bad, field in (
            ({"page": 0}, "page"),
            ({"page_size": 101}, "page_size"),
            ({"status": "gone"}, "status"),
        ):
            self.bad(self.api.post("/agents/get", bad), field)

    def test_nobody_reads_or_removes_what_is_anothers(self):
        made = self.made(agent_type="ours")["instance_id"]
        for path in ("get_by_id", "get_connection", "deregister"):
            for instance in (made, "nobody-has-this"):
                body = {"instance_id": instance, "tenant_id": self.org}
                reply = self.other.post("/agents/" + path, body)
                self.refused(reply, 404, "INSTANCE_NOT_FOUND")
        listed = self.other.post("/agents/get", {"agent_type": "ours"}).json
        self.assertEqual(listed["count"], 0)
        told = self.stats(self.other, agent_type="ours", tenant_id=self.org)
        self.assertEqual((told["stats"]["total"], told["tenant_id"]), (0, self.other_org))

    def test_an_operator_reads_across_organizations(self):
        made = self.made(self.other, agent_type="abroad")["instance_id"]
        for tenant, status in ((None, 200), (self.other_org, 200), (self.org, 404), ("x", 404)):
            body = {"instance_id": made, "tenant_id": tenant}
            reply = self.operator.post("/agents/get_connection", body)
            self.assertEqual(reply.status, status, (tenant, reply))
        self.refused(
            self.api.post("/agents/get_connection", {"instance_id": made}),
            404,
            "INSTANCE_NOT_FOUND",
        )
        told = self.stats(self.operator, agent_type="abroad")
        self.assertEqual((told["stats"]["total"], told["tenant_id"]), (1, None))
        told = self.stats(self.operator, tenant_id=self.org, agent_type="abroad")
        self.assertEqual((told["stats"]["total"], told["tenant_id"]), (0, self.org))

    def test_counts_have_every_word_and_agree_with_the_rows(self):
        made = [self.made(agent_type="counted")["instance_id"] for _ in range(4)]
        for n, kind in enumerate(((1, 1), (3, 1), (4, 0))):
            self.sql(
                "UPDATE instance_states SET connection = %d, transport = %d WHERE instance ="
                " (SELECT id FROM instances WHERE instance_id = '%s')" % (*kind, made[n])
            )
        told = self.stats(agent_type="counted")
        self.assertEqual(
            told["stats"],
            {
                "total": 4,
                "by_deployment_mode": {"hosted": 0, "connected": 4},
                "by_status": dict(zip(STATUSES, (1, 0, 1, 1, 1))),
                "by_transport": {"ws": 2, "callback": 0, "unknown": 2},
            },
        )
        self.assertEqual((told["tenant_id"], told["agent_type"]), (self.org, "counted"))
        self.assertEqual(self.leave(made[0]).status, 200)
        self.assertEqual(self.stats(agent_type="counted")["stats"]["by_status"]["online"], 0)
        self.assertNotIn("agent_type", self.stats())
        whole = int(self.sql("SELECT count(*) FROM instances")[0][0])
        self.assertEqual(self.stats(self.operator)["stats"]["total"], whole)

    # ---- signs of life ----

    def beat(self, body, api=None):
        return (api or self.api).post("/agents/heartbeat", body)

    def test_a_heartbeat_raw_or_wrapped_changes_what_it_names(self):
        made = self.made(agent_type="beating", max_concurrent_sessions=9)["instance_id"]
        read = lambda: self.api.post("/agents/get_by_id", {"instance_id": made}).json["agent"]
        self.assertEqual(self.beat({"instance_id": made}).json, {"ok": True})
        first = read()
        self.assertIsNotNone(first["last_seen"])
        self.assertEqual((first["status"], first["max_concurrent_sessions"]), ("unknown", 9))
        more = {"status": "busy", "current_sessions": 4, "max_concurrent_sessions": 5}
        frame = {"v": 1, "id": str(uuid.uuid4()), "ts": "2026-01-01T00:00:00.000Z"}
        for body in (
            {"instance_id": made, **more},
            {**frame, "payload": {"instance_id": made, "status": "draining", **more}},
            {**frame, "payload": {"instance_id": made, **more, "consecutive_failures": 3}},
        ):
            self.assertEqual(self.beat(body).json, {"ok": True})
        now = read()
        self.assertEqual((now["status"], now["current_sessions"]), ("busy", 4))
        self.assertEqual((now["max_concurrent_sessions"], now["consecutive_failures"]), (5, 0))
        for word in ("available", "busy", "draining", "offline", "unhealthy", "unknown"):
            self.beat({"instance_id": made, "status": word})
            self.assertEqual(read()["status"], word)
        self.assertEqual(
            self.api.get("/api/agents/" + self.agent("beating")).json["presence"]["status"],
            "online",
        )

    def test_a_caller_that_hangs_up_before_its_heartbeat_is_written(self):
        made = self.made()["instance_id"]
        agent = self.api.register()
        beats = (
            ("/agents/heartbeat", self.daemon.key, json.dumps({"instance_id": made})),
            ("/api/agents/%s/heartbeat" % agent["id"], agent["token"], "{}"),
        )
        with Locked(self.daemon, "presence"):
            for path, key, body in beats * 20:
                sock = socket.create_connection(self.daemon.address)
                head = "POST %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                head += "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                sock.sendall((head % (path, key, len(body), body)).encode())
                # At once, by a reset: it is noticed while a worker looks at the key.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()
            time.sleep(0.3)
        self.assertEqual(self.beat({"instance_id": made}).json, {"ok": True})
        self.api.beat(agent)

    def test_a_heartbeat_that_is_none_is_refused(self):
        made = self.made()["instance_id"]
        for body, field in (
            ({}, "instance_id"),
            ({"payload": {}}, "instance_id"),
            ({"instance_id": made, "status": "happy"}, "status"),
            ({"instance_id": made, "current_sessions": -1}, "current_sessions"),
            ({"instance_id": made, "max_concurrent_sessions": "1"}, "max_concurrent_sessions"),
            ({"instance_id": made, "consecutive_failures": 1.5}, "consecutive_failures"),
            ({"v": 2, "payload": {"instance_id": made}}, "v"),
            ({"v": 1, "payload": {"instance_id": made, "status": "x"}}, "payload.status"),
        ):
            self.bad(self.beat(body), field)
        for api, instance in ((self.api, "unheard-of"), (self.other, made)):
            self.refused(self.beat({"instance_id": instance}, api), 404, "INSTANCE_NOT_FOUND")
        self.assertEqual(self.leave(made).status, 200)
        self.refused(self.beat({"instance_id": made}), 404, "INSTANCE_NOT_FOUND")

    # ---- leaving ----

    def test_an_instance_leaves_once(self):
        made = self.made(agent_type="leaving")["instance_id"]
        self.refused(self.leave(made, agent_type="another"), 404, "INSTANCE_NOT_FOUND")
        reply = self.leave(made, agent_type="leaving")
        self.assertEqual(reply.json, {"ok": True, "instance_id": made})
        self.refused(self.leave(made, agent_type="leaving"), 404, "INSTANCE_NOT_FOUND")
        self.assertEqual(self.stats(agent_type="leaving")["stats"]["total"], 0)
        self.assertIn(
            {"instanceId": made, "agentType": "leaving"}, self.events("instance.deregistered")
        )
        # It may come back in the other mode.
        self.assertEqual(self.made(instance_id=made)["deployment_mode"], "connected")
        self.bad(self.api.post("/agents/deregister", {}), "instance_id")

    def test_an_agent_that_lost_its_last_socket_is_offline(self):
        for ban in (False, True):
            made = [self.made(agent_type="sockets")["instance_id"] for _ in range(2)]
            for instance in made:
                self.beat({"instance_id": instance})
            agent = {"id": self.agent("sockets"), "name": "sockets"}
            self.sql(
                "UPDATE instance_states SET owner = gen_random_uuid() WHERE agent_id = '%s'"
                % agent["id"]
            )
            self.assertEqual(self.state(agent)["status"], "online")
            self.assertEqual(self.leave(made[0]).status, 200)
            self.assertEqual(self.state(agent)["status"], "online")
            if ban:
                body = {"tenant_id": self.org, "agent_type": "sockets"}
                self.assertEqual(self.api.post("/agents/disallow_type", body).status, 200)
            else:
                self.assertEqual(self.leave(made[1]).status, 200)
            self.assertEqual(self.state(agent)["status"], "offline")

    # ---- types ----

    def test_a_list_of_types_admits_those_on_it(self):
        key = organization(self.daemon, "strict")
        org = self.sql("SELECT id FROM organizations WHERE slug = 'strict'")[0][0]
        api = self.api.with_credential(key)
        self.made(api, agent_type="early")
        self.policy("allow-list", "strict")
        self.made(api, agent_type="early")
        self.refused(self.register(api, agent_type="late"), 403, "AGENT_TYPE_NOT_ALLOWED")
        self.assertEqual(self.sql("SELECT 1 FROM agents WHERE mesh_type = 'late'"), [])
        for new in (True, False):
            reply = api.post("/agents/allow_type", {"tenant_id": org, "agent_type": "late"})
            self.assertEqual(reply.json, {"ok": True, "agent_type": "late", "was_new": new})
        self.made(api, agent_type="late")
        self.policy("audit", "strict")
        self.made(api, agent_type="odd")
        flagged = [
            e["metadata"] for e in api.get("/api/v1/audit?action=registration_flagged").json["data"]
        ]
        self.assertEqual([e["agentType"] for e in flagged], ["odd"])

    def test_a_type_that_is_disallowed_loses_all_its_instances(self):
        made = [self.made(agent_type="banned")["instance_id"] for _ in range(7)]
        kept = self.made(agent_type="kept")["instance_id"]
        body = {"tenant_id": self.org, "agent_type": "banned"}
        agent = self.agent("banned")
        session = str(uuid.uuid4())
        self.sql(
            "INSERT INTO sessions (id, org_id, user_id) VALUES ('%s', '%s', 'u');"
            "INSERT INTO session_agents (session_id, agent_id, instance, join_reason)"
            " SELECT '%s', agent_id, id, 0 FROM instances WHERE instance_id = '%s'"
            % (session, self.org, session, made[0])
        )
        for removed, count in ((True, 7), (False, 0)):
            reply = self.api.post("/agents/disallow_type", body)
            self.assertEqual(
                reply.json,
                {
                    "ok": True,
                    "agent_type": "banned",
                    "removed_from_policy": removed,
                    "deregistered_count": count,
                },
            )
        self.assertEqual(self.sql("SELECT 1 FROM instances WHERE agent_id = '%s'" % agent), [])
        self.assertEqual(self.sql("SELECT 1 FROM session_agents WHERE agent_id = '%s'" % agent), [])
        self.assertEqual(self.stats(agent_type="banned")["stats"]["total"], 0)
        self.assertEqual(self.api.post("/agents/get_by_id", {"instance_id": kept}).status, 200)
        self.assertIn(
            {"agentType": "banned", "deregistered": 7}, self.events("agent_type.disallowed")
        )

    def test_only_operators_speak_for_another_organization(self):
        for path in ("allow_type", "disallow_type"):
            body = {"tenant_id": self.other_org, "agent_type": "spoken"}
            self.refused(self.api.post("/agents/" + path, body), 403, "TENANT_MISMATCH")
            self.assertEqual(self.operator.post("/agents/" + path, body).status, 200)
            nobody = {**body, "tenant_id": str(uuid.uuid4())}
            self.refused(self.operator.post("/agents/" + path, nobody), 404, "ORG_NOT_FOUND")
            self.bad(self.api.post("/agents/" + path, {"agent_type": "x"}), "tenant_id")
            self.bad(self.api.post("/agents/" + path, {"tenant_id": self.org}), "agent_type")

    def test_registrations_and_a_ban_at_once_leave_nobody_uncounted(self):
        key = organization(self.daemon, "rushed")
        org = self.sql("SELECT id FROM organizations WHERE slug = 'rushed'")[0][0]
        api = self.api.with_credential(key)
        self.made(api, agent_type="rush")
        self.policy("allow-list", "rushed")
        come = lambda: Client(self.daemon, key).post(
            "/agents/register", self.body(agent_type="rush")
        )
        ban = lambda: Client(self.daemon, key).post(
            "/agents/disallow_type", {"tenant_id": org, "agent_type": "rush"}
        )
        *came, banned = Together(*[come] * 16, ban).wait()
        self.assertLessEqual({reply.status for reply in came}, {200, 403})
        good = sum(reply.status == 200 for reply in came)
        self.assertEqual(banned.json["deregistered_count"], good + 1)
        left = self.sql("SELECT count(*) FROM instances WHERE org_id = '%s'" % org)
        self.assertEqual(left, [["0"]])


class Secrets(Flow):
    """POST /internal/agents/rotate_dispatch_secret."""

    TARGET = "/internal/agents/rotate_dispatch_secret"

    def setUp(self):
        self.name = "s-" + uuid.uuid4().hex
        self.body = {"agent_type": "secret-" + uuid.uuid4().hex[:8], "instance_id": self.name}
        self.assertEqual(self.api.post("/agents/register", self.body).status, 200)

    def test_a_secret_is_made_shown_once_and_sealed(self):
        reply = self.api.post(self.TARGET, {"instance_id": self.name})
        self.assertEqual((reply.status, reply.json["instance_id"]), (200, self.name), reply)
        secret = reply.json["secret"]
        self.assertRegex(secret, "^[0-9a-f]{96}$")
        self.assertNotEqual(
            self.api.post(self.TARGET, {"instance_id": self.name}).json["secret"], secret
        )
        for table in ("instances", "audit_events"):
            rows = self.daemon.psql("SELECT t::text FROM %s t" % table)
            self.assertNotIn(secret, str(rows))
            self.assertNotIn(secret.encode().hex(), str(rows))
        self.assertNotIn(secret, self.daemon.log_text())

    def test_one_of_the_operators_own_is_kept_by_the_next_registration(self):
        own = "an operator's secret of sufficient length"
        reply = self.api.post(self.TARGET, {"instance_id": self.name, "secret": own})
        self.assertEqual(reply.json["secret"], own)
        query = "SELECT auth_secret_sealed FROM instances WHERE instance_id = '%s'" % self.name
        sealed = self.daemon.psql(query)
        self.assertEqual(self.api.post("/agents/register", self.body).status, 200)
        self.assertEqual(self.daemon.psql(query), sealed)

    def test_what_cannot_have_one_is_refused(self):
        self.refused(
            self.api.post(self.TARGET, {"instance_id": "nobody"}), 404, "INSTANCE_NOT_FOUND"
        )
        self.refused(
            self.api.post(self.TARGET, {"instance_id": self.name, "secret": "short"}),
            400,
            "INVALID_REQUEST",
        )
        shared = {
            "agent_type": self.body["agent_type"],
            "instance_id": "h-" + uuid.uuid4().hex,
            "dispatch_auth": {"type": "shared_secret", "credentials_ref": "one"},
            "dispatch_auth_shared_secret": "one",
        }
        self.assertEqual(self.api.post("/agents/register", shared).status, 200)
        self.refused(
            self.api.post(self.TARGET, {"instance_id": shared["instance_id"]}),
            400,
            "INVALID_REQUEST",
        )
