"""The socket of an agent: its handshake, its frames, and how it ends."""
import json
import time
import uuid

import client
import websocket
from client import Client
from flow import Together
from mesh import Mesh, Refused, frame
from rosterd import organization, wait_for

MB = 1 << 20


class Handshake(Mesh):
    """Each check with all later faults present too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        key = organization(cls.daemon, "others")
        made = Client(cls.daemon, key)
        cls.addClassCleanup(made.close)
        cls.foreign = "foreign-" + uuid.uuid4().hex[:8]
        made.post("/agents/register", {"agent_type": "t", "instance_id": cls.foreign})
        cls.hosted_by("foreign-hosted", made)
        cls.hosted_by("hosted", cls.api)

    @classmethod
    def hosted_by(cls, name, api):
        """An instance that is hosted: nobody has to answer for that."""
        api.post("/agents/register", {"agent_type": "h", "instance_id": name})
        cls.daemon.psql(
            "WITH i AS (UPDATE instances SET mode = 1, url_sealed = '\\x00'"
            " WHERE instance_id = '%s' RETURNING id)"
            " UPDATE instance_states SET mode = 1 WHERE instance = (SELECT id FROM i)" % name
        )

    def refusal(self, status, code, path="/agents/connect", headers=(), **how):
        agent = self.agent()
        try:
            sock = agent.dial(path, list(headers), **how)
        except Refused as refused:
            self.assertEqual((refused.status, refused.code), (status, code), refused)
            self.assertIs(refused.json["ok"], False)
            self.checked(path, refused.answer)
            return refused.answer
        sock.drop()
        raise AssertionError("it is let in")

    def checked(self, path, answer):
        reply = client.Reply(answer.status, answer.headers, answer.body)
        client.check(self.api.document, "GET", path, reply)

    @property
    def ours(self):
        return [("Authorization", "Bearer " + self.daemon.key)]

    def test_checks_come_in_the_order_of_the_protocol(self):
        at, wrong = "/agents/connect?instance_id=", [("Authorization", "Bearer rk_no")]
        for change in (
            {"Upgrade": None},
            {"Upgrade": "h2c"},
            {"Connection": "keep-alive"},
            {"Sec-WebSocket-Key": None},
            {"Sec-WebSocket-Key": "c2hvcnQ="},
            {"Sec-WebSocket-Version": None},
            {"Sec-WebSocket-Version": "8"},
        ):
            with self.subTest(change=change):
                answer = self.refusal(
                    426, "BAD_UPGRADE", subprotocols=(), replace=change.items(), headers=wrong
                )
                self.assertEqual(answer.header("Sec-WebSocket-Version"), "13")
        for path in ("/agents/connect", at, "/agents/connect?instance_id"):
            self.refusal(400, "MISSING_INSTANCE_ID", path, wrong, subprotocols=())
        for offer in ((), ("svantic.v2",), ("svantic.v", "SVANTIC.V1"), ("svantic.v1.1",)):
            self.refusal(
                400, "UNSUPPORTED_SUBPROTOCOL", at + "foreign-hosted", wrong, subprotocols=offer
            )
        for who in ((), wrong, [("Authorization", "Basic eDp5")], [("Cookie", "session=1")]):
            self.refusal(401, "UNAUTHORIZED", at + "foreign-hosted", who)
        for name in ("foreign-hosted", self.foreign):
            self.refusal(403, "TENANT_MISMATCH", at + name, self.ours)
        self.refusal(404, "INSTANCE_NOT_FOUND", at + "nobody", self.ours)
        self.refusal(409, "DEPLOYMENT_MODE_MISMATCH", at + "hosted", self.ours)

    def test_a_key_without_the_scope_and_the_token_of_an_agent_are_refused(self):
        org = self.daemon.psql(
            "SELECT slug FROM organizations WHERE id = '%s'" % self.daemon.ready["organization_id"]
        )[0][0]
        key = self.daemon.run("key", "create", "--org", org, "--scope", "agents:read").strip()
        at = "/agents/connect?instance_id=hosted"
        self.refusal(403, "FORBIDDEN", at, [("Authorization", "Bearer " + key)])
        token = self.api.register()["token"]
        self.refusal(401, "UNAUTHORIZED", at, [("Authorization", "Bearer " + token)])

    def test_the_subprotocol_may_be_one_of_several(self):
        agent = self.agent()
        for offer in (("x", "svantic.v1"), ("svantic.v1", "y")):
            with agent.dial(subprotocols=offer) as sock:
                self.checked(agent.path, sock.answer)

    def test_names_are_taken_as_they_are_written(self):
        agent = self.agent(instance_id="a:b.c-d_e")
        agent.connect()
        escaped = "/agents/connect?x=1&instance_id=a%3Ab%2Ec-d_e&y"
        agent.dial(escaped).drop()
        self.refusal(404, "INSTANCE_NOT_FOUND", "/agents/connect?instance_id=A:b.c-d_e", self.ours)
        self.refusal(400, "INVALID_REQUEST", "/agents/connect?instance_id=" + "x" * 129, self.ours)

    def test_bytes_that_come_with_the_handshake_are_read(self):
        agent = self.agent()
        hello = frame("hello", {"instance_id": agent.instance_id, "agent_type": agent.agent_type})
        early = websocket.frame(0x81, hello.encode()) + websocket.frame(0x89, b"early")
        with agent.dial(early=early) as sock:
            kinds = {sock.recv_frame().opcode for _ in range(2)}
            self.assertEqual(kinds, {websocket.TEXT, websocket.PONG})


class Strict(Handshake):
    settings = {"server.strict_isolation": "yes"}

    def test_checks_come_in_the_order_of_the_protocol(self):
        at = "/agents/connect?instance_id="
        said = [
            json.loads(self.refusal(404, "INSTANCE_NOT_FOUND", at + name, self.ours).body)
            for name in (self.foreign, "foreign-hosted", "nobody")
        ]
        for one in said:
            del one["request_id"]
            self.assertEqual(one, said[0])


class Few(Handshake):
    settings = {"mesh.sockets": "1"}

    def test_checks_come_in_the_order_of_the_protocol(self):
        agent = self.agent()
        agent.connect()
        super().test_checks_come_in_the_order_of_the_protocol()
        answer = self.refusal(503, "OVERLOADED", agent.path, self.ours)
        self.assertTrue(answer.header("Retry-After").isdigit())
        agent.leave()
        wait_for(lambda: self.metric("rosterd_sockets ") == 0, 5, "none is left")
        agent.connect()
        agent.leave()

    test_a_key_without_the_scope_and_the_token_of_an_agent_are_refused = None
    test_the_subprotocol_may_be_one_of_several = None
    test_names_are_taken_as_they_are_written = None
    test_bytes_that_come_with_the_handshake_are_read = None


class Frames(Mesh):
    def ends(self, sock, code, reason, in_reply_to=None):
        """An error frame may come first, and must when the agent broke the protocol."""
        said = []
        with self.assertRaises(websocket.Closed) as ended:
            while True:
                said.append(json.loads(sock.recv()))
        self.assertEqual((ended.exception.code, ended.exception.reason), (code, reason))
        sock.sock.close()
        if code == 4400:
            self.assertEqual([s["type"] for s in said], ["error"])
            self.assertEqual(said[0]["payload"]["code"], "PROTOCOL_ERROR")
            self.assertTrue(said[0]["payload"]["message"])
            self.assertEqual(said[0].get("in_reply_to"), in_reply_to, said)
        return said

    def test_a_conversation_as_the_protocol_shows_it(self):
        agent = self.agent()
        self.assertEqual(self.row(agent)["connection"], "unknown")
        agent.connect()
        row = self.wait_row(agent, connection="online", transport="ws", status="available")
        self.assertIsNotNone(row["owner"])
        call = Together(lambda: self.dispatch(agent, "navigate", {"to": ["home", 1.5, "ü"]}))
        got = agent.next()
        self.assertEqual(got["payload"]["skill_id"], "navigate")
        self.assertEqual(got["payload"]["args"], {"to": ["home", 1.5, "ü"]})
        agent.answer(got, {"arrived": True})
        reply = call.wait()[0]
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(
            {k: reply.json[k] for k in ("ok", "dispatch_id", "instance_id", "result")},
            {
                "ok": True,
                "dispatch_id": got["id"],
                "instance_id": agent.instance_id,
                "result": {"arrived": True},
            },
        )
        agent.beat(status="available", current_sessions=0)
        agent.socket.ping(b"x")
        agent.leave()
        row = self.wait_row(agent, connection="offline", transport="unknown", owner=None)
        self.assertEqual((row["succeeded"], row["failed"]), (1, 0))

    def test_any_json_may_be_a_result(self):
        agent = self.agent()
        agent.connect()
        for result in (
            None,
            True,
            0,
            -1.5,
            1e300,
            "",
            "\U0001f600",
            [],
            {},
            [[1], {"a": None}],
        ):
            with self.subTest(result=result):
                call = Together(lambda: self.dispatch(agent))
                got = agent.next()
                agent.answer(got, result)
                self.assertEqual(call.wait()[0].json["result"], result)
        call = Together(lambda: self.dispatch(agent))
        agent.send("dispatch_result", {}, in_reply_to=agent.next()["id"])
        self.assertIsNone(call.wait()[0].json["result"])

    def test_heartbeats_say_how_the_agent_is(self):
        agent = self.agent()
        agent.connect()
        for status in ("busy", "draining", "offline", "unhealthy", "unknown", "available"):
            agent.beat(status=status)
            self.wait_row(agent, status=status)
            routable = status in ("available", "unknown")
            if not routable:
                self.refused(self.dispatch(agent), 503, "NO_AVAILABLE_INSTANCE")
        agent.beat(current_sessions=3, max_concurrent_sessions=7, consecutive_failures=2)
        self.wait_row(agent, sessions=3, max_sessions=7, reported_failures=2, status="available")
        agent.beat(instance_id=agent.instance_id, something="else")
        agent.beat(current_sessions=0)
        self.wait_row(agent, sessions=0, max_sessions=7, reported_failures=2)

    def test_many_heartbeats_at_once_end_with_the_last(self):
        agent = self.agent()
        agent.connect()
        for n in range(500):
            agent.beat(current_sessions=n, status=("busy", "available")[n % 2])
        self.wait_row(agent, sessions=499, status="available")

    def test_what_breaks_the_protocol_ends_with_4400(self):
        agent = self.agent()
        fine = {"instance_id": agent.instance_id, "agent_type": agent.agent_type}
        deep = '{"v":1,"type":"hello","id":"i","payload":' + '{"a":' * 3000 + "1" + "}" * 3001
        for what, text, id_ in (
            ("not JSON", "hello", None),
            ("half", '{"v":1', None),
            ("no object", "[1]", None),
            ("nothing", "", None),
            ("very deep", deep, None),
            ("twice", '{"v":1,"v":1,"type":"hello","id":"i","payload":{}}', None),
            ("cut letters", '{"v":1,"type":"' + "ü" * 300, None),
            ("cut letters", '{"v":1,"type": "' + "ü" * 300, None),
            ("cut letters", "ü" * 300, None),
            ("cut letters", '{"' + "€" * 300 + "}", None),
            (
                "cut letters",
                '{"v":1,"type":"hello","id":"1","payload":{"%s":1,"%s":2}}'
                % ("€" * 200, "€" * 200),
                None,
            ),
            ("v is 2", frame("hello", fine, v=2, id="1"), "1"),
            ("v is a text", frame("hello", fine, v="1", id="1"), "1"),
            ("no v", frame("hello", fine, v=None, id="1"), "1"),
            ("no type", frame(None, fine, id="1"), "1"),
            ("no id", frame("hello", fine, id=None), None),
            ("id is empty", frame("hello", fine, id=""), None),
            ("id is long", frame("hello", fine, id="x" * 129), None),
            ("no payload", frame("hello", None, id="1"), "1"),
            ("payload is a list", frame("hello", [], id="1"), "1"),
            ("not hello", frame("heartbeat", {}, id="1"), "1"),
            ("not hello", frame("surprise", {}, id="é" * 64), "é" * 64),
            ("no instance_id", frame("hello", {"agent_type": "x"}, id="1"), "1"),
            ("no agent_type", frame("hello", {"instance_id": "x"}, id="1"), "1"),
            ("wrong instance_id", frame("hello", {**fine, "instance_id": "x"}, id="1"), "1"),
            ("wrong agent_type", frame("hello", {**fine, "agent_type": "x"}, id="1"), "1"),
            ("card is a list", frame("hello", {**fine, "features": 5}, id="1"), "1"),
        ):
            with self.subTest(what=what, text=text[:80]):
                sock = agent.dial()
                sock.send(text)
                said = self.ends(sock, 4400, "protocol_error", id_)
                self.assertEqual(len(said), 1)
        self.assertEqual(self.row(agent)["connection"], "unknown")

    def test_what_breaks_it_later_ends_with_4400_too(self):
        agent = self.agent()
        fine = {"instance_id": agent.instance_id, "agent_type": agent.agent_type}
        for text in (
            frame("hello", fine, id="1"),
            frame("heartbeat", {"instance_id": "other"}, id="1"),
            frame("heartbeat", {"status": "well"}, id="1"),
            frame("heartbeat", {"current_sessions": -1}, id="1"),
            frame("dispatch_result", None, id="1"),
        ):
            with self.subTest(text=text):
                agent.connect()
                agent.socket.send(text)
                self.ends(agent.socket, 4400, "protocol_error", "1")
                self.wait_row(agent, connection="offline", owner=None)

    def test_what_is_no_text_of_fair_size_ends_as_rfc_6455_says(self):
        agent = self.agent()
        for code, reason, head, payload in (
            (1003, "binary_not_supported", 0x82, b"{}"),
            (1007, "bad_utf8", 0x81, b'{"\xff"}'),
            (1007, "bad_utf8", 0x81, b"\xed\xa0\x80"),
            (1009, "frame_too_large", 0x81, b" " * (MB + 1)),
            (1002, "protocol_error", 0x83, b""),
        ):
            with self.subTest(code=code):
                agent.connect()
                agent.socket.send_frame(head, payload)
                self.ends(agent.socket, code, reason)
        agent.connect()
        text = frame("surprise", {"pad": ""})
        agent.socket.send(text.replace('""', '"%s"' % ("x" * (MB - len(text)))))
        agent.serve()
        self.dispatched(agent)

    def test_fragments_are_put_together(self):
        agent = self.agent()
        agent.connect()
        call = Together(lambda: self.dispatch(agent))
        got = agent.next()
        text = frame("dispatch_result", {"result": "ü" * 5000}, in_reply_to=got["id"]).encode()
        at = text.index(b"u00fc") if b"u00fc" in text else text.index("ü".encode()) + 1
        agent.socket.send_frame(0x01, text[:at])
        agent.socket.ping(b"between")
        agent.socket.send_frame(0x00, text[at : at + 1])
        agent.socket.send_frame(0x80, text[at + 1 :])
        self.assertEqual(call.wait()[0].json["result"], "ü" * 5000)
        pong = agent.socket.recv_frame()
        self.assertEqual((pong.opcode, pong.payload), (websocket.PONG, b"between"))

    def test_what_answers_nothing_is_counted_and_passed_over(self):
        agent = self.agent()
        agent.connect()
        before = self.frames_ignored()
        agent.send("dispatch_result", {"result": 1}, in_reply_to=str(uuid.uuid4()))
        agent.send("dispatch_result", {"result": 1}, in_reply_to="no uuid")
        agent.send("dispatch_result", {"result": 1})
        agent.send("error", {"code": "X", "message": "y"}, in_reply_to=str(uuid.uuid4()))
        agent.send("error", {})
        agent.send("surprise", {"a": 1})
        agent.send("surprise", None)
        reply = self.dispatch(agent, timeout_ms=200)
        self.refused(reply, 504, "DISPATCH_TIMEOUT")
        late = agent.next()
        agent.answer(late, "late")
        agent.answer(late, "twice")
        agent.serve()
        self.dispatched(agent)
        self.assertEqual(self.frames_ignored() - before, 9)
        row = self.wait_row(agent, succeeded=1, failed=1)
        self.assertIsNone(row["last_dispatch_error"])

    def test_hello_may_say_more_or_less(self):
        agent = self.agent()
        for more in (
            {"agent_card": None, "agent_version": None, "sdk_version": None},
            {"features": ["resume", "drain"], "unknown": {"x": [1]}},
            {"agent_card": {"name": "n", "skills": [{"id": "s"}] * 100}},
        ):
            agent.connect(**more)
            agent.leave()

    def test_what_comes_right_behind_hello_is_read_after_the_welcome(self):
        agent = self.agent()
        with agent.dial() as sock:
            agent.hello(sock)
            sock.send(frame("heartbeat", {"current_sessions": 5}))
            self.assertEqual(json.loads(sock.recv())["type"], "welcome")
            self.wait_row(agent, sessions=5, connection="online")

    def test_an_agent_that_leaves_before_its_welcome_is_not_kept(self):
        agents = [self.agent() for _ in range(8)]
        for n, agent in enumerate(agents * 3):
            sock = agent.dial()
            agent.hello(sock)
            if n % 3 == 0:
                time.sleep(0.005)
            sock.drop(reset=n % 2 == 0)
        for agent in agents:
            wait_for(lambda: self.row(agent)["owner"] is None, 5, "nobody holds it")
        wait_for(lambda: self.metric("rosterd_sockets ") == 0, 5, "none is left")


class Places(Mesh):
    """One socket for each instance: the newest."""

    def test_a_newer_socket_takes_the_place(self):
        old = self.ready()
        call = Together(lambda: self.dispatch(old, "silent"))
        wait_for(lambda: old.got, 5, "the dispatch is there")
        socket = old.socket
        old.connect()
        old.thread.join(20)
        self.assertEqual((old.ended or socket.closed).code, 4409)
        self.assertEqual(socket.closed.reason, "superseded")
        self.refused(call.wait()[0], 502, "AGENT_DISCONNECTED")
        self.assertTrue(old.socket.is_quiet(0.3), "it is not sent again")
        old.serve()
        self.dispatched(old)
        row = self.wait_row(old, connection="online", succeeded=1, failed=1)
        self.assertIsNotNone(row["owner"])

    def test_of_many_at_once_one_remains(self):
        for _ in range(3):
            agent = self.agent()
            socks = [agent.dial() for _ in range(12)]
            Together(*[lambda s=s: agent.hello(s) for s in socks]).wait()
            left = list(socks)

            def settle():
                for sock in list(left):
                    try:
                        while True:
                            self.assertEqual(json.loads(sock.recv(0.05))["type"], "welcome")
                    except TimeoutError:
                        pass
                    except websocket.Closed as ended:
                        self.assertEqual((ended.code, ended.reason), (4409, "superseded"))
                        left.remove(sock)
                return len(left) == 1

            wait_for(settle, 10, "one is left")
            agent.socket = left[0]
            agent.serve()
            self.dispatched(agent)
            self.wait_row(agent, connection="online")
            agent.leave()

    def test_a_reset_connection_is_noticed_and_may_come_back(self):
        agent = self.agent()
        agent.connect()
        for _ in range(3):
            agent.socket.drop(reset=True)
            self.wait_row(agent, connection="offline")
            self.refused(self.dispatch(agent), 503, "NO_AVAILABLE_INSTANCE")
            agent.connect()
            call = Together(lambda: self.dispatch(agent))
            agent.answer(agent.next(), 1)
            self.assertEqual(call.wait()[0].status, 200)

    def test_presence_of_the_agent_follows(self):
        agent = self.agent()
        there = {"id": self.id_of(agent)[1], "name": "it"}
        agent.connect()
        self.wait_status(there, "online", 5)
        other = self.agent(agent)
        other.connect()
        agent.leave()
        time.sleep(0.5)
        self.assertEqual(self.state(there)["status"], "online")
        other.leave()
        self.wait_status(there, "offline", 5)

    def deregister(self, agent):
        """As another node would, without telling us but by a hint."""
        self.daemon.psql(
            "WITH gone AS (DELETE FROM instances WHERE instance_id = '%s' RETURNING id)"
            " INSERT INTO cache_hints (node, kind, id) SELECT 0, 5, id FROM gone"
            % agent.instance_id
        )
        self.daemon.psql("SELECT pg_notify('roster_hints', '')")

    def test_a_deregistered_instance_is_sent_away(self):
        agent = self.ready()
        self.deregister(agent)
        ended = agent.wait_ended()
        self.assertEqual((ended.code, ended.reason), (4404, "deregistered"))
        self.refused(self.dispatch(agent), 404, "INSTANCE_NOT_FOUND")

    def test_dispatches_of_a_deregistered_instance_may_end(self):
        agent = self.ready()
        call = Together(lambda: self.dispatch(agent, "slow", {"seconds": 1}))
        wait_for(lambda: agent.got, 5, "it is there")
        self.deregister(agent)
        self.assertEqual(call.wait()[0].json.get("result"), "late")
        self.assertEqual(agent.wait_ended().code, 4404)

    def test_without_a_hint_the_next_heartbeat_tells(self):
        agent = self.ready()
        self.daemon.psql("DELETE FROM instances WHERE instance_id = '%s'" % agent.instance_id)
        agent.beat()
        self.assertEqual(agent.wait_ended().code, 4404)
