"""/sessions and /messages: opening, joining, listing, ending; what became of messages."""
import uuid

import mesh_rows
from flow import Flow
from rosterd import organization, wait_for


class Sessions(Flow):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.api.register("mesh agent")
        cls.type = "t-" + uuid.uuid4().hex
        cls.instance = mesh_rows.instance(cls.daemon, cls.agent, cls.type)
        cls.stranger = cls.api.with_credential(organization(cls.daemon, "strangers"))

    def ok(self, path, **body):
        reply = self.api.post(path, body)
        self.assertEqual((reply.status, reply.json.get("ok")), (200, True), reply)
        return reply.json

    def open(self, **body):
        return self.ok("/sessions/init", **(body or {"session_id": str(uuid.uuid4())}))

    def wrong(self, http, code, path, **body):
        reply = self.api.post(path, body)
        self.assertEqual((reply.status, reply.code), (http, code), reply)
        self.assertEqual((reply.json["ok"], type(reply.json["error"])), (False, str))
        return reply.json

    def named(self, field, path, **body):
        error = self.wrong(400, "INVALID_REQUEST", path, **body)
        self.assertEqual(error["details"]["field"], field)

    def state_is(self, change):
        self.daemon.psql(
            "UPDATE instance_states s SET %s FROM instances i WHERE i.id = s.instance"
            " AND i.instance_id = '%s'" % (change, self.instance)
        )

    # ---- opening ----

    def test_the_reference_form_begins_with_an_instance(self):
        got = self.open(instance_id=self.instance)
        self.assertEqual((got["instance_id"], got["agent_type"]), (self.instance, self.type))
        self.assertEqual(got["status"], "active")
        uuid.UUID(got["session_id"])
        found = self.ok("/sessions/get_by_id", session_id=got["session_id"], include=["agents"])
        self.assertEqual(found["agents"], got["agents"])
        self.assertEqual(found["agents"][0]["join_reason"], "self_join")
        self.assertEqual(found["session"]["tenant_id"], self.daemon.ready["organization_id"])

    def test_the_guides_form_begins_with_an_id_of_ones_own(self):
        key = str(uuid.uuid4())
        got = self.open(session_id=key, user_id="ann")
        self.assertEqual((got["session_id"], got["status"], got["agents"]), (key, "opening", []))
        self.assertNotIn("instance_id", got)
        self.assertEqual(self.open(session_id=key)["session_id"], key)
        self.assertEqual(
            self.ok("/sessions/get_by_id", session_id=key)["session"]["user_id"], "ann"
        )
        self.ok("/sessions/close", session_id=key)
        self.wrong(409, "SESSION_CLOSED", "/sessions/init", session_id=key)

    def test_bad_input_is_named(self):
        self.named("instance_id", "/sessions/init")
        both = {"instance_id": self.instance, "session_id": str(uuid.uuid4())}
        self.named("instance_id", "/sessions/init", **both)
        self.named("session_id", "/sessions/init", session_id="mine")
        self.named("user_id", "/sessions/init", session_id=str(uuid.uuid4()), user_id="")
        self.named("page", "/sessions/get", page=0)
        self.named("page_size", "/sessions/get", page_size=101)
        self.named("status", "/sessions/get", status="gone")
        self.named("include[0]", "/sessions/get_by_id", session_id="x", include=["all"])
        self.named("agent_type", "/sessions/invite", session_id="x")
        self.wrong(404, "INSTANCE_NOT_FOUND", "/sessions/init", instance_id="nobody")

    def test_a_full_instance_takes_no_more(self):
        self.state_is("max_sessions = 1, sessions = 1")
        try:
            self.wrong(503, "NO_AVAILABLE_INSTANCE", "/sessions/init", instance_id=self.instance)
            session = self.open()["session_id"]
            invite = {"session_id": session, "agent_type": self.type}
            self.wrong(503, "NO_AVAILABLE_INSTANCE", "/sessions/invite", **invite)
        finally:
            self.state_is("max_sessions = 0, sessions = 0")
        self.assertEqual(self.ok("/sessions/invite", **invite)["agent"]["agent_type"], self.type)

    # ---- joining ----

    def test_an_invitation_tells_who_has_joined(self):
        session = self.open()["session_id"]
        invite = {"session_id": session, "agent_type": self.type}
        joined = self.ok("/sessions/invite", **invite)["agent"]
        self.assertEqual(
            (joined["instance_id"], joined["join_reason"]), (self.instance, "invitation")
        )
        self.assertEqual(self.ok("/sessions/invite", **invite)["agent"], joined)
        permanent = {**invite, "agent_type": self.agent["permanent_id"]}
        self.assertEqual(self.ok("/sessions/invite", **permanent)["agent"]["agent_type"], self.type)
        named = {**invite, "instance_id": "nobody"}
        self.wrong(404, "INSTANCE_NOT_FOUND", "/sessions/invite", **named)
        self.wrong(404, "AGENT_NOT_FOUND", "/sessions/invite", session_id=session, agent_type="x")
        missing = {**invite, "session_id": str(uuid.uuid4())}
        self.wrong(404, "SESSION_NOT_FOUND", "/sessions/invite", **missing)
        self.ok("/sessions/close", session_id=session)
        self.wrong(409, "SESSION_CLOSED", "/sessions/invite", **invite)
        found = self.ok("/sessions/get_by_id", session_id=session, include=["agents", "history"])
        self.assertEqual((found["agents"], found["turns"]), ([], []))

    # ---- reading and ending ----

    def test_pages_are_numbered(self):
        for _ in range(3):
            self.open()
        first = self.ok("/sessions/get", page_size=2, status="opening")
        self.assertEqual((first["page"], first["page_size"], len(first["sessions"])), (1, 2, 2))
        self.assertGreaterEqual(first["count"], 3)
        self.assertEqual(first["total_pages"], (first["count"] + 1) // 2)
        second = self.ok("/sessions/get", page=2, page_size=2, status="opening")
        self.assertFalse(
            {s["session_id"] for s in first["sessions"]}
            & {s["session_id"] for s in second["sessions"]}
        )
        self.assertEqual(self.api.call("POST", "/sessions/get").json["page_size"], 25)

    def test_a_session_ends_once(self):
        session = self.open(instance_id=self.instance)["session_id"]
        closed = self.ok("/sessions/close", session_id=session)
        self.assertEqual((closed["session_id"], closed["status"]), (session, "completed"))
        self.wrong(409, "SESSION_CLOSED", "/sessions/close", session_id=session)
        for path in ("/sessions/close", "/sessions/get_by_id"):
            self.wrong(404, "SESSION_NOT_FOUND", path, session_id=str(uuid.uuid4()))
        self.assertIsNotNone(
            self.ok("/sessions/get_by_id", session_id=session)["session"]["ended_at"]
        )

    def test_a_strangers_session_is_nobodys(self):
        session = self.open(instance_id=self.instance)["session_id"]
        for path in ("/sessions/close", "/sessions/get_by_id"):
            reply = self.stranger.post(path, {"session_id": session})
            self.assertEqual((reply.status, reply.code), (404, "SESSION_NOT_FOUND"), reply)
        reply = self.stranger.post("/sessions/init", {"session_id": session})
        self.assertEqual((reply.status, reply.code), (400, "INVALID_REQUEST"), reply)
        self.assertEqual(self.stranger.post("/sessions/get", {}).json["count"], 0)

    # ---- messages ----

    def test_messages_are_read_by_state_and_by_session(self):
        session = self.open()["session_id"]
        waits = mesh_rows.message(self.daemon, self.agent, session, 2)
        works = mesh_rows.message(self.daemon, self.agent, session)
        found = self.ok("/messages/get", session_id=session)
        self.assertEqual({m["message_id"] for m in found["messages"]}, {waits, works})
        found = self.ok("/messages/get", session_id=session, state="working")
        self.assertEqual([m["message_id"] for m in found["messages"]], [works])
        found = self.ok("/messages/pending", session_id=session)
        self.assertEqual([m["state"] for m in found["messages"]], ["input-required"])
        self.assertGreaterEqual(self.api.call("POST", "/messages/pending").json["count"], 1)
        whole = self.ok("/messages/get_by_id", message_id=works)["message"]
        self.assertEqual((whole["request"], whole["result"]), ({"messageId": "m"}, None))
        self.assertEqual((whole["agent_type"], whole["session_id"]), (self.type, session))
        turns = self.ok("/sessions/get_by_id", session_id=session, include=["history"])["turns"]
        self.assertEqual(len(turns), 2)
        self.named("state", "/messages/get", state="lost")
        self.named("session_id", "/messages/get", session_id="x")

    def test_a_message_is_canceled_once(self):
        works = mesh_rows.message(self.daemon, self.agent)
        self.assertEqual(self.ok("/messages/cancel", message_id=works)["message_id"], works)
        self.wrong(409, "MESSAGE_ENDED", "/messages/cancel", message_id=works)
        self.assertEqual(
            self.ok("/messages/get_by_id", message_id=works)["message"]["state"], "canceled"
        )
        for path in ("/messages/cancel", "/messages/get_by_id"):
            self.wrong(404, "MESSAGE_NOT_FOUND", path, message_id=str(uuid.uuid4()))
            reply = self.stranger.post(path, {"message_id": works})
            self.assertEqual((reply.status, reply.code), (404, "MESSAGE_NOT_FOUND"), reply)

    def test_idle_sessions_end_by_themselves(self):
        session = self.open(instance_id=self.instance)["session_id"]
        self.daemon.psql(
            "UPDATE sessions SET last_activity = now() - interval '31 minutes' WHERE id = '%s'"
            % session
        )
        status = lambda: self.ok("/sessions/get_by_id", session_id=session)["session"]["status"]
        wait_for(lambda: status() == "completed", 30, "the idle session has ended")
