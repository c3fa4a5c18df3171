"""/send and agent cards: A2A of both versions in front of dispatches, with records and streams."""
import json
import threading
import uuid

import mesh_rows
from client import Stream
from flow import Flow
from rosterd import organization, wait_for

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
        name = mesh_rows.instance(cls.daemon, cls.agent, cls.type)
        cls.daemon.psql(
            "UPDATE instances SET card = '%s' WHERE instance_id = '%s'" % (json.dumps(CARD), name)
        )
        cls.hidden = "hidden-" + uuid.uuid4().hex
        mesh_rows.instance(cls.daemon, cls.api.register("hidden"), cls.hidden)
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


class Caller(Flow):
    def rpc(self, method, params, path="/send", api=None):
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        reply = (api or self.api).post(path, body)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual((reply.json["jsonrpc"], reply.json["id"]), ("2.0", 7))
        return reply.json

    def message(self, data=None, **more):
        part = {"kind": "data", "data": data} if data else {"kind": "text", "text": "hi"}
        return {"message": {"messageId": "m", "role": "user", "parts": [part], **more}}

    def begin(self, method, params):
        """A call under way, as a stream."""
        body = {"jsonrpc": "2.0", "id": "s", "method": method, "params": params}
        raw = json.dumps(body).encode()
        stream = Stream(self.daemon.address)
        self.addCleanup(stream.close)
        headers = {
            "Authorization": "Bearer " + self.daemon.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
        }
        stream.head("POST", "/send", headers).send(raw)
        return stream

    def events(self, stream):
        """What a stream tells, as it comes."""
        stream.answer()
        self.assertEqual(stream.header("Content-Type"), "text/event-stream")
        text = b""
        for piece in stream.pieces():
            text += piece
            while b"\n\n" in text:
                one, _, text = text.partition(b"\n\n")
                self.assertTrue(one.startswith(b"data: "), one)
                yield json.loads(one[6:])
        self.assertEqual(text, b"")


class Send(Caller):
    """Without an instance that answers: what is wrong, and what is recorded all the same."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = "t-" + uuid.uuid4().hex
        cls.agent = cls.api.register("mesh agent")
        cls.instance = mesh_rows.instance(cls.daemon, cls.agent, cls.type)
        cls.daemon.psql("UPDATE instance_states SET status = 2")
        cls.stranger = cls.api.with_credential(organization(cls.daemon, "strangers"))

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

    def test_a_stream_tells_the_task_and_how_it_ends(self):
        message = self.message({"agent_type": self.type})
        first, last = self.events(self.begin("message/stream", message))
        self.assertEqual(first["result"]["status"]["state"], "working")
        self.assertEqual(last["result"]["kind"], "status-update")
        self.assertEqual((last["result"]["final"], last["id"]), (True, "s"))
        self.assertEqual(last["result"]["status"]["state"], "failed")
        first, last = self.events(self.begin("SendStreamingMessage", message))
        self.assertEqual(first["result"]["task"]["status"]["state"], "TASK_STATE_WORKING")
        self.assertEqual(last["result"]["statusUpdate"]["status"]["state"], "TASK_STATE_FAILED")


class Answered(Caller):
    """With an instance that answers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = "t-" + uuid.uuid4().hex
        cls.go = threading.Event()
        agent = cls.api.register("mesh agent")
        cls.target = mesh_rows.Agent(cls.daemon, agent, cls.type, cls.answer)
        cls.addClassCleanup(cls.target.close)

    @classmethod
    def answer(cls, payload):
        args = payload["args"]
        if args.get("wait"):
            cls.go.wait(60)
        if args.get("fail"):
            return "HANDLER_ERROR", "it threw"
        return args.get("say", {"skill": payload["skill_id"], "args": args})

    def to(self, skill="echo", **args):
        return self.message({"agent_type": self.type, "skill_id": skill, "args": args})

    def record(self, task):
        return self.api.post("/messages/get_by_id", {"message_id": task}).json["message"]

    def test_an_answer_is_the_artifact_of_a_task(self):
        task = self.rpc("message/send", self.to(say="hi"))["result"]
        self.assertEqual((task["kind"], task["status"]["state"]), ("task", "completed"))
        self.assertEqual(
            task["artifacts"][0]["parts"],
            [{"kind": "text", "text": "hi"}, {"kind": "data", "data": {"result": "hi"}}],
        )
        self.assertEqual(self.rpc("tasks/get", {"id": task["id"]})["result"]["id"], task["id"])
        task = self.rpc("SendMessage", self.to(x=1))["result"]["task"]
        self.assertEqual(task["status"]["state"], "TASK_STATE_COMPLETED")
        found = self.record(task["id"])
        self.assertEqual(found["result"], {"skill": "echo", "args": {"x": 1}})
        self.assertEqual((found["instance_id"], found["state"]), (self.target.name, "completed"))

    def test_skill_and_arguments_have_defaults(self):
        path = "/agents/%s/send" % self.type
        task = self.rpc("message/send", self.message(), path=path)["result"]
        said = task["artifacts"][0]["parts"][0]["data"]["result"]
        self.assertEqual(said["skill"], "message")
        self.assertEqual(said["args"]["message"]["parts"], [{"kind": "text", "text": "hi"}])
        skill = self.message({"skill_id": self.type + ":echo", "args": {}})
        task = self.rpc("message/send", skill)["result"]
        self.assertEqual(task["artifacts"][0]["parts"][0]["data"]["result"]["skill"], "echo")

    def test_an_error_of_the_agent_is_an_error_with_its_code(self):
        error = self.rpc("message/send", self.to(fail=True))["error"]
        self.assertEqual(error["data"][0]["reason"], "HANDLER_ERROR")
        self.assertEqual(error["data"][0]["metadata"]["agent_message"], "it threw")

    def test_a_stream_tells_the_task_before_the_agent_has_answered(self):
        self.go.clear()
        events = self.events(self.begin("message/stream", self.to(wait=True)))
        first = next(events)["result"]
        self.assertEqual(first["status"]["state"], "working")
        self.assertEqual(self.record(first["id"])["state"], "working")
        self.go.set()
        kinds = [event["result"]["kind"] for event in events]
        self.assertEqual(kinds, ["artifact-update", "status-update"])
        self.assertEqual(self.record(first["id"])["state"], "completed")

    def test_what_is_answered_after_a_cancellation_is_dropped(self):
        self.go.clear()
        events = self.events(self.begin("SendStreamingMessage", self.to(wait=True)))
        task = next(events)["result"]["task"]["id"]
        canceled = self.rpc("tasks/cancel", {"id": task})["result"]
        self.assertEqual(canceled["status"]["state"], "canceled")
        self.go.set()
        (last,) = events
        status = last["result"]["statusUpdate"]["status"]
        self.assertEqual(status["state"], "TASK_STATE_CANCELED")
        self.assertIsNone(self.record(task)["result"])

    def test_a_session_stays_with_its_instance(self):
        session = self.api.post("/sessions/init", {"session_id": str(uuid.uuid4())}).json
        key = session["session_id"]
        message = self.to()
        message["message"]["contextId"] = key
        self.assertEqual(self.rpc("message/send", message)["result"]["contextId"], key)
        want = {"session_id": key, "include": ["agents", "history"]}
        found = self.api.post("/sessions/get_by_id", want).json
        self.assertEqual([a["instance_id"] for a in found["agents"]], [self.target.name])
        self.assertEqual(found["agents"][0]["join_reason"], "routed")
        self.assertEqual((found["session"]["total_turns"], len(found["turns"])), (1, 1))
        self.assertEqual(self.target.seen[-1]["session_context"]["session_id"], key)

    def test_a_caller_that_hangs_up_ends_nothing_but_his_call(self):
        self.go.clear()
        for method in ("message/send", "message/stream"):
            seen = len(self.target.seen)
            stream = self.begin(method, self.to(wait=True))
            wait_for(lambda: len(self.target.seen) > seen, 10, "the dispatch is there")
            stream.reset()
            stream.close()
            self.go.set()
            task = self.rpc("message/send", self.to(say="on"))["result"]
            self.assertEqual(task["status"]["state"], "completed")
            self.go.clear()
        self.go.set()
