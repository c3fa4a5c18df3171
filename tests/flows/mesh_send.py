"""/send and agent cards: A2A of both versions in front of dispatches, with records and streams."""
import json
import uuid

import mesh
from client import Stream
from flow import Flow
from rosterd import organization

CARD = {
    "name": "Navigator",
    "description": "Finds the way.",
    "version": "2.0.0",
    "skills": [
        {"id": "route", "name": "Route", "description": "From a to b.", "tags": ["maps"],
         "examples": ["to Rome"], "parameters": {"type": "object"}},
        {"name": "no id"},
    ],
}  # fmt: skip


class Cards(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = "navigator-" + uuid.uuid4().hex
        cls.agent = cls.api.register("nav", is_public=True)
        name = mesh.instance(cls.daemon, cls.agent, cls.type)
        cls.daemon.psql(
            "UPDATE instances SET card = '%s' WHERE instance_id = '%s'" % (json.dumps(CARD), name)
        )
        cls.hidden = "hidden-" + uuid.uuid4().hex
        mesh.instance(cls.daemon, cls.api.register("hidden"), cls.hidden)
        cls.anyone = cls.api.with_credential(None)

    def test_the_aggregate_card_has_the_skills_of_public_types_only(self):
        reply = self.anyone.get("/.well-known/agent-card.json")
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.header("Cache-Control"), "public, max-age=60")
        card = reply.json
        self.assertEqual(card["protocolVersion"], "0.2.3")
        self.assertEqual(card["preferredTransport"], "JSONRPC")
        self.assertTrue(card["url"].endswith("/send"), card["url"])
        self.assertEqual(
            [i["protocolVersion"] for i in card["supportedInterfaces"]], ["1.0", "0.3"]
        )
        self.assertEqual(card["instances"][self.type], 1)
        self.assertNotIn(self.hidden, json.dumps(card))
        skill = next(s for s in card["skills"] if s["id"].startswith(self.type))
        self.assertEqual(skill["id"], self.type + ":route")
        self.assertEqual(skill["tags"], ["maps", "remote:" + self.type, "instances:1"])
        self.assertEqual(skill["parameters"], {"type": "object"})

    def test_a_card_that_is_known_is_not_sent_again(self):
        for path in ("/.well-known", "/agents/%s/.well-known" % self.type):
            path += "/agent-card.json"
            seen = self.anyone.get(path).header("ETag")
            reply = self.anyone.get(path, headers={"If-None-Match": seen})
            self.assertEqual((reply.status, reply.body), (304, b""))

    def test_a_public_type_has_a_card_of_its_own(self):
        card = self.anyone.get("/agents/%s/.well-known/agent-card.json" % self.type).json
        self.assertEqual((card["name"], card["version"]), ("Navigator", "2.0.0"))
        self.assertEqual([s["id"] for s in card["skills"]], ["route"])
        self.assertTrue(card["url"].endswith("/agents/%s/send" % self.type))
        for other in (self.hidden, "nobody"):
            reply = self.anyone.get("/agents/%s/.well-known/agent-card.json" % other)
            self.assertEqual((reply.status, reply.code), (404, "AGENT_NOT_FOUND"), reply)


class Send(Flow):
    """Without an instance that answers: what is wrong, and what is recorded all the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = "t-" + uuid.uuid4().hex
        cls.agent = cls.api.register("mesh agent")
        cls.instance = mesh.instance(cls.daemon, cls.agent, cls.type)
        cls.daemon.psql("UPDATE instance_states SET status = 2")
        cls.stranger = cls.api.with_credential(organization(cls.daemon, "strangers"))

    def rpc(self, method, params, path="/send", api=None, **more):
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params, **more}
        reply = (api or self.api).post(path, body)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual((reply.json["jsonrpc"], reply.json["id"]), ("2.0", 7))
        return reply.json

    def message(self, data=None, **more):
        part = {"kind": "data", "data": data} if data else {"kind": "text", "text": "hi"}
        return {"message": {"messageId": "m", "role": "user", "parts": [part], **more}}

    def failed(self, code, says, *words, **more):
        error = self.rpc(*words, **more)["error"]
        self.assertEqual(error["code"], code, error)
        self.assertIn(says, json.dumps(error))
        return error

    def test_faults_are_said_by_json_rpc(self):
        self.failed(-32601, "method", "message/gone", {})
        bare = {"message": {"messageId": "m", "role": "user"}}
        self.failed(-32602, "parts", "message/send", bare)
        self.failed(-32602, "agent_type", "message/send", self.message())
        self.failed(-32602, "AGENT_NOT_FOUND", "SendMessage", self.message({"agent_type": "x"}))
        other = self.message({"agent_type": "x"})
        self.failed(-32602, "address", "message/send", other, path="/agents/%s/send" % self.type)
        for raw in (b"", b"{", b"[]", b'{"id":{}}'):
            reply = self.api.call("POST", "/send", raw=raw)
            self.assertEqual((reply.status, reply.json["id"]), (200, None), reply)
        self.assertEqual(
            self.api.call("POST", "/send", raw=b" " * (1 << 20) + b"{}").code, "PAYLOAD_TOO_LARGE"
        )

    def test_nobody_there_is_a_failed_message(self):
        error = self.failed(
            -32603, "NO_AVAILABLE_INSTANCE", "message/send", self.message({"agent_type": self.type})
        )
        task = error["data"][0]["metadata"]["taskId"]
        self.failed(-32002, "TASK_NOT_CANCELABLE", "tasks/cancel", {"id": task})
        got = self.rpc("tasks/get", {"id": task})["result"]
        self.assertEqual((got["kind"], got["status"]["state"]), ("task", "failed"))
        got = self.rpc("GetTask", {"id": task})["result"]
        self.assertEqual(got["status"]["state"], "TASK_STATE_FAILED")
        found = self.api.post("/messages/get_by_id", {"message_id": task}).json["message"]
        self.assertEqual((found["state"], found["error"]), ("failed", "NO_AVAILABLE_INSTANCE"))
        for method in ("tasks/get", "CancelTask"):
            self.failed(-32001, "TASK_NOT_FOUND", method, {"id": task}, api=self.stranger)

    def test_a_message_belongs_to_the_session_of_its_context(self):
        session = self.api.post("/sessions/init", {"session_id": str(uuid.uuid4())}).json
        key = session["session_id"]
        for path in ("/agents/%s/send" % self.type,) * 2:
            self.failed(
                -32603, "NO_AVAILABLE", "message/send", self.message(contextId=key), path=path
            )
        found = self.api.post("/messages/get", {"session_id": key}).json
        self.assertEqual(found["count"], 2)
        self.api.post("/sessions/close", {"session_id": key})
        again = self.message({"agent_type": self.type}, contextId=key)
        self.failed(-32602, "SESSION_CLOSED", "message/send", again)

    def events(self, method):
        body = {
            "jsonrpc": "2.0",
            "id": "s",
            "method": method,
            "params": self.message({"agent_type": self.type}),
        }
        raw = json.dumps(body).encode()
        stream = Stream(self.daemon.address)
        headers = {
            "Authorization": "Bearer " + self.daemon.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
        }
        try:
            stream.head("POST", "/send", headers).send(raw)
            stream.answer()
            self.assertEqual(stream.header("Content-Type"), "text/event-stream")
            text = stream.body().decode()
        finally:
            stream.close()
        pieces = [piece for piece in text.split("\n\n") if piece]
        self.assertTrue(all(piece.startswith("data: ") for piece in pieces), text)
        return [json.loads(piece[6:]) for piece in pieces]

    def test_a_stream_tells_the_task_and_how_it_ends(self):
        first, last = self.events("message/stream")
        self.assertEqual(first["result"]["status"]["state"], "working")
        self.assertEqual(last["result"]["kind"], "status-update")
        self.assertEqual((last["result"]["final"], last["id"]), (True, "s"))
        self.assertEqual(last["result"]["status"]["state"], "failed")
        first, last = self.events("SendStreamingMessage")
        self.assertEqual(first["result"]["task"]["status"]["state"], "TASK_STATE_WORKING")
        self.assertEqual(last["result"]["statusUpdate"]["status"]["state"], "TASK_STATE_FAILED")
