"""Dispatches to hosted instances: an A2A call to their URL, and what may become of it."""
import json
import socket
import time
import uuid

from client import Client
from flow import Together
from mesh import Agent, Mesh
from rosterd import PATIENCE, wait_for
from upstream import JSON, Upstream


class Hosts(Upstream):
    """A2A agents, one below each path: /a/KIND/send answers as KIND says."""

    def dispatch(self, connection, request):
        if request.target.endswith("/.well-known/agent-card.json"):
            connection.answer(200, b'{"name": "hosted"}', JSON)
            return True
        return super().dispatch(connection, request)

    def do_a(self, c, rq, words):
        body = self.body_of(c, rq)
        self.asked.append((rq, body))
        answer = getattr(self, "as_" + words[0])(c, json.loads(body))
        if answer is not None:
            c.answer(200, json.dumps(answer).encode(), JSON)
        return answer is not None

    def __init__(self):
        self.asked = []
        super().__init__()

    @staticmethod
    def body_of(c, rq):
        return b"".join(c.exactly(int(rq.header("Content-Length"))))

    @staticmethod
    def rpc(order, result):
        return {"jsonrpc": "2.0", "id": order["id"], "result": result}

    @staticmethod
    def data(result):
        return [{"kind": "text", "text": "x"}, {"kind": "data", "data": {"result": result}}]

    def as_message(self, c, order):
        said = order["params"]["message"]["parts"][0]["data"]
        parts = self.data({"echo": said["args"], "skill": said["skill_id"]})
        return self.rpc(order, {"kind": "message", "role": "agent", "parts": parts})

    def as_task(self, c, order):
        task = {"kind": "task", "id": "t", "status": {"state": "completed"}}
        return self.rpc(order, {**task, "artifacts": [{"parts": self.data([1, None])}]})

    def as_plain(self, c, order):
        return self.rpc(order, {"kind": "message", "parts": [{"kind": "text", "text": "hi"}]})

    def as_failed(self, c, order):
        return self.rpc(order, {"kind": "task", "id": "t", "status": {"state": "failed"}})

    def as_error(self, c, order):
        return {"jsonrpc": "2.0", "id": order["id"], "error": {"code": -32001, "message": "no"}}

    def as_500(self, c, order):
        c.answer(500, b"oops")

    def as_good500(self, c, order):
        c.answer(500, json.dumps(self.rpc(order, {"parts": self.data(1)})).encode())

    def as_rubbish(self, c, order):
        c.answer(200, b"\xff{not json")

    def as_array(self, c, order):
        return [1]

    def as_empty(self, c, order):
        c.answer(204)

    def as_huge(self, c, order):
        c.answer(200, b" " * (5 << 20))

    def as_close(self, c, order):
        c.socket.shutdown(socket.SHUT_RDWR)

    def as_short(self, c, order):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        c.socket.shutdown(socket.SHUT_RDWR)

    def as_garbage(self, c, order):
        c.send(b"SSH-2.0-nothing to see here\r\n\r\n")

    def as_hugehead(self, c, order):
        c.send(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400000 + b"\r\n\r\n")

    def as_hang(self, c, order):
        c.wait_closed(60)

    def as_redirect(self, c, order):
        c.answer(302, b"", [("Location", self.url("/a/message/send"))])


class Hosted(Mesh):
    settings = {"mesh.dispatch_timeout": "1s", "server.drain_timeout": "2s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hosts = Hosts()
        cls.addClassCleanup(cls.hosts.close)

    def hosted(self, kind, url=None, **members):
        return self.agent(url=url or self.hosts.url("/a/" + kind), **members)

    def test_it_is_called_as_a2a_says_and_answers_with_data(self):
        agent = self.hosted("message")
        session = self.session()
        result = self.dispatched(agent, "count", {"n": [1, "ü"]}, session_id=session)
        self.assertEqual(result, {"echo": {"n": [1, "ü"]}, "skill": "count"})
        rq, body = self.hosts.asked[-1]
        self.assertEqual((rq.method, rq.target), ("POST", "/a/message/send"))
        self.assertTrue(rq.header("Content-Type").startswith("application/json"))
        self.assertNotIn(self.daemon.key, repr(rq.headers))
        order = json.loads(body)
        self.assertEqual((order["jsonrpc"], order["method"]), ("2.0", "message/send"))
        message = order["params"]["message"]
        self.assertEqual((message["role"], message["contextId"]), ("user", session))
        data = message["parts"][0]["data"]
        self.assertEqual(set(data), {"skill_id", "args", "session_context", "svantic_auth"}, data)
        self.assertEqual(data["session_context"]["session_id"], session)
        row = self.wait_row(agent, succeeded=1, failed=0)
        self.assertEqual((row["connection"], row["transport"]), ("healthy", "callback"))

    def test_other_good_answers(self):
        self.assertEqual(self.dispatched(self.hosted("task")), [1, None])
        plain = self.dispatched(self.hosted("plain"))
        self.assertEqual(plain["parts"][0]["text"], "hi")

    def test_what_goes_wrong_has_a_code_and_is_counted(self):
        for kind, status, code, agent_code in (
            ("error", 502, "HANDLER_ERROR", "-32001"),
            ("failed", 502, "HANDLER_ERROR", "TASK_FAILED"),
            ("500", 502, "HANDLER_ERROR", None),
            ("good500", 502, "HANDLER_ERROR", "HTTP_ERROR"),
            ("rubbish", 502, "HANDLER_ERROR", "INVALID_ANSWER"),
            ("array", 502, "HANDLER_ERROR", "INVALID_ANSWER"),
            ("empty", 502, "HANDLER_ERROR", "INVALID_ANSWER"),
            ("redirect", 502, "HANDLER_ERROR", "INVALID_ANSWER"),
            ("huge", 502, "http_response_incomplete", None),
            ("short", 502, None, None),
            ("close", 502, "connection_terminated", None),
            ("garbage", 502, None, None),
            ("hugehead", 502, None, None),
            ("hang", 504, "DISPATCH_TIMEOUT", None),
        ):
            with self.subTest(kind=kind):
                agent = self.hosted(kind)
                begin = time.monotonic()
                reply = self.dispatch(agent)
                self.assertEqual(reply.status, status, reply)
                if code:
                    self.assertEqual(reply.code, code, reply)
                if agent_code:
                    self.assertEqual(reply.json["details"]["agent_code"], agent_code)
                self.assertLess(time.monotonic() - begin, 3 * PATIENCE)
                row = self.wait_row(agent, succeeded=0, failed=1, connection="degraded")
                self.assertEqual(row["last_dispatch_error"] is None, False)
                self.assertEqual(self.hosts.asked[-1][0].target, "/a/%s/send" % kind)

    def test_it_is_asked_once(self):
        for kind in ("close", "short", "hang", "500"):
            before = len(self.hosts.asked)
            self.dispatch(self.hosted(kind))
            time.sleep(0.3)
            self.assertEqual(len(self.hosts.asked) - before, 1, kind)

    def test_nobody_listens(self):
        agent = self.hosted("message")
        # It went away after it had registered.
        other = Hosts()
        gone = self.hosted("message", url=other.url("/a/message"))
        other.close()
        reply = self.dispatch(gone)
        self.refused(reply, 502, "connection_refused")
        self.dispatched(agent)

    def test_a_shared_secret_goes_along(self):
        agent = self.hosted(
            "message",
            dispatch_auth={"type": "shared_secret"},
            dispatch_auth_shared_secret="swordfish",
        )
        self.dispatched(agent)
        said = json.loads(self.hosts.asked[-1][1])["params"]["message"]["parts"][0]["data"]
        self.assertEqual(said["svantic_auth"]["token"], "swordfish")

    def test_a_url_that_cannot_be_opened_is_told(self):
        agent = self.hosted("message")
        self.daemon.psql(
            "UPDATE instances SET url_sealed = '\\x00' WHERE instance_id = '%s'" % agent.instance_id
        )
        self.refused(self.dispatch(agent), 502, "destination_not_found")

    def test_hosted_and_connected_instances_of_a_type_share_the_work(self):
        first = self.hosted("message")
        second = Agent(self.daemon, first.agent_type, "i-" + uuid.uuid4().hex[:12])
        self.api.post(
            "/agents/register",
            {"agent_type": first.agent_type, "instance_id": second.instance_id},
        )
        second.connect()
        second.serve()
        for _ in range(6):
            self.dispatched(first, by_type=True)
            time.sleep(0.15)
        self.assertEqual(len(second.got), 3)

    def test_a_call_under_way_is_cut_at_the_end_of_patience(self):
        agent, before = self.hosted("hang"), len(self.hosts.asked)
        call = Together(lambda: self.dispatch(agent, timeout_ms=60000))
        wait_for(lambda: len(self.hosts.asked) > before, 5, "it is asked")
        begin = time.monotonic()
        self.daemon.stop()
        self.refused(call.wait()[0], 503, "DRAINING")
        self.assertLess(time.monotonic() - begin, 8 * PATIENCE)
        self.daemon.start()
        type(self).api = Client(self.daemon)
