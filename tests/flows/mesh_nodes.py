"""Two daemons on one database: an agent's socket is on one, its caller on the other."""
import hashlib
import hmac
import http.client
import json
import os
import signal
import socket
import time

from client import Client
from flow import Together
from mesh import Mesh, Second
from rosterd import PATIENCE, wait_for


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nodes(Mesh):
    """A (self.daemon) is where callers ask; B is another that may be killed."""

    settings = {"mesh.lease": "2s", "mesh.dispatch_timeout": "10s", "presence.window": "10m"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = Second(cls.daemon, free_port()).start()
        cls.addClassCleanup(lambda: cls.other.kill9())

    @classmethod
    def tearDownClass(cls):
        cls.other.stop()
        super().tearDownClass()

    def setUp(self):
        if self.other.process is None:
            self.other.start()

    def on_other(self, agent=None):
        """An agent whose socket B holds."""
        agent = agent or self.agent()
        agent.connect(daemon=self.other)
        return agent.serve()

    def test_a_caller_reaches_an_agent_elsewhere(self):
        agent = self.on_other()
        for result in ({"a": [1, "ü"]}, {}):
            self.assertEqual(self.dispatched(agent, "echo", result)["echo"], result)
        self.assertEqual(self.dispatched(agent, by_type=True)["by"], agent.instance_id)
        reply = self.dispatch(agent, "fail")
        self.refused(reply, 502, "HANDLER_ERROR")
        self.assertEqual(reply.json["details"]["agent_message"], "it threw")
        self.refused(self.dispatch(agent, "silent", timeout_ms=300), 504, "DISPATCH_TIMEOUT")
        self.wait_row(agent, succeeded=3, failed=2)

    def test_any_json_may_be_the_result_of_one_elsewhere(self):
        agent = self.agent()
        agent.connect(daemon=self.other)
        for result in (None, False, 0, 2.5, "", "text", [], [1], {}):
            call = Together(lambda: self.dispatch(agent))
            agent.answer(agent.next(), result)
            reply = call.wait()[0]
            self.assertEqual((reply.status, reply.json.get("result")), (200, result), reply)

    def test_both_ways_at_once(self):
        there, here = self.on_other(), self.ready()
        ask = lambda daemon, agent: self.dispatch(agent, api=Client(daemon))
        calls = [lambda: ask(self.daemon, there), lambda: ask(self.other, here)] * 15
        self.assertEqual({r.status for r in Together(*calls).wait()}, {200})
        self.wait_row(there, succeeded=15, failed=0)
        self.wait_row(here, succeeded=15, failed=0)

    def test_a_token_that_ended_here_beats_nowhere_within_5_s(self):
        for action in ("rotate-token", "revoke"):
            agent = self.api.register()
            path = "/api/agents/%s" % agent["id"]
            beat = lambda: Client(self.other, agent["token"]).post(path + "/heartbeat").status
            # The other node knows the token now.
            self.assertEqual((beat(), beat()), (200, 200))
            self.assertEqual(self.api.post("%s/%s" % (path, action)).status, 200)
            wait_for(lambda: beat() == 401, 5, "%s is known there" % action)

    def test_a_newer_socket_elsewhere_takes_the_place(self):
        agent = self.ready()
        old = agent.socket
        call = Together(lambda: self.dispatch(agent, "silent"))
        wait_for(lambda: agent.got, 5, "it is there")
        thread = agent.thread
        agent.connect(daemon=self.other)
        thread.join(20)
        self.assertEqual((old.closed.code, old.closed.reason), (4409, "superseded"))
        self.refused(call.wait()[0], 502, "AGENT_DISCONNECTED")
        agent.serve()
        self.dispatched(agent)
        self.wait_row(agent, connection="online", failed=1)

    def test_a_node_that_is_killed_loses_its_sockets_in_time(self):
        agent = self.on_other()
        owner = self.wait_row(agent, connection="online")["owner"]
        call = Together(lambda: self.dispatch(agent, "silent"))
        wait_for(lambda: agent.got, 5, "it is there")
        begin = time.monotonic()
        self.other.kill9()
        self.refused(call.wait()[0], 502, "AGENT_DISCONNECTED")
        self.assertLess(time.monotonic() - begin, 3 * PATIENCE)
        reply = self.dispatch(agent)
        self.assertEqual((reply.status, reply.code), (503, "NO_AVAILABLE_INSTANCE"))
        self.wait_row(agent, owner=None, connection="offline", transport="unknown")
        self.assertLess(time.monotonic() - begin, 6 * PATIENCE)
        self.assertEqual(len(self.daemon.psql("SELECT 1 FROM nodes WHERE id = '%s'" % owner)), 1)
        agent.connect()
        agent.serve()
        self.dispatched(agent)

    def test_after_a_kill_the_agent_may_be_back_at_once(self):
        agent = self.on_other()
        self.other.kill9()
        agent.wait_ended()
        agent.connect()
        agent.serve()
        self.dispatched(agent)
        time.sleep(3)
        self.assertEqual(self.row(agent)["connection"], "online")
        self.dispatched(agent)

    def test_a_node_that_slept_gets_its_sockets_back(self):
        agent = self.on_other()
        owner = self.wait_row(agent, connection="online")["owner"]
        os.kill(self.other.process.pid, signal.SIGSTOP)
        try:
            self.wait_row(agent, owner=None, connection="offline")
            self.refused(self.dispatch(agent), 503, "NO_AVAILABLE_INSTANCE")
        finally:
            os.kill(self.other.process.pid, signal.SIGCONT)

        # What a beat brings back before the node has renewed its lease may be freed once more:
        # agents go on beating.
        def is_back():
            agent.beat()
            row = self.row(agent)
            return [row[k] for k in ("owner", "connection", "transport")] == [owner, "online", "ws"]

        wait_for(is_back, 10, "a beat brings the socket back", pause=0.5)
        wait_for(lambda: self.dispatch(agent).status == 200, 5, "it is reached again")

    def test_a_node_that_stops_frees_its_sockets_at_once(self):
        agent = self.on_other()
        self.other.stop()
        self.assertEqual(agent.wait_ended().code, 1012)
        row = self.row(agent)
        self.assertEqual((row["owner"], row["connection"]), (None, "offline"))


class Proofs(Nodes):
    """What a node shows another."""

    def ask(self, body, proof):
        link = http.client.HTTPConnection(*self.daemon.address, timeout=20)
        headers = {"Content-Type": "application/json"}
        if proof is not None:
            headers["Roster-Node"] = proof
        link.request("POST", "/internal/dispatch", body, headers)
        got = link.getresponse()
        answer = got.status, json.loads(got.read())
        link.close()
        return answer

    def seen(self, agent):
        """A request that another node sends, caught on its way: body and proof."""
        trap = socket.socket()
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        where = "http://127.0.0.1:%d" % trap.getsockname()[1]
        owner = self.row(agent)["owner"]
        said = self.daemon.psql("SELECT url FROM nodes WHERE id = '%s'" % owner)[0][0]
        change = "UPDATE nodes SET url = '%s' WHERE id = '%s'"
        self.daemon.psql(change % (where, owner))
        ask = Client(self.other)
        call = Together(lambda: self.dispatch(agent, api=ask, timeout_ms=5000))
        sock, _ = trap.accept()
        sock.settimeout(10)
        data = b""
        while b"\r\n\r\n" not in data or not data.endswith(b"}"):
            data += sock.recv(65536)
        sock.close()
        trap.close()
        self.daemon.psql(change % (said, owner))
        self.assertIn(call.wait()[0].status, (502, 503))
        head, _, body = data.partition(b"\r\n\r\n")
        line = next(x for x in head.split(b"\r\n") if x.lower().startswith(b"roster-node:"))
        return body, line.split(b":", 1)[1].strip().decode()

    def test_only_a_node_may_ask_and_only_this_one(self):
        agent, other = self.ready(), self.on_other()
        body, proof = self.seen(agent)
        at, mac = proof.split(".")
        wrong = [
            None,
            "",
            "x",
            "0." + mac,
            at,
            at + ".",
            "%d.%s" % (int(at) - 1, mac),
            "%d.%s" % (int(at) + 3600000, mac),
            at + "." + mac[:-2],
            at + "." + mac[:-1] + ("0" if mac[-1] != "0" else "1"),
            at + "." + hmac.new(b"", at.encode() + b"\n" + body, hashlib.sha256).hexdigest(),
            "Bearer " + self.daemon.key,
        ]
        for one in wrong:
            status, answer = self.ask(body, one)
            self.assertEqual((status, answer["code"]), (401, "UNAUTHORIZED"), one)
        changed = body.replace(b'"skill_id":"echo"', b'"skill_id":"evil"')
        self.assertNotEqual(changed, body)
        self.assertEqual(self.ask(changed, proof)[0], 401)
        self.assertEqual(agent.got, [])
        # For another node it is none.
        self.daemon, mine = self.other, self.daemon
        try:
            self.assertEqual(self.ask(body, proof)[0], 401)
        finally:
            del self.daemon
        self.assertIs(self.daemon, mine)
        status, answer = self.ask(body, proof)
        self.assertEqual((status, answer["code"]), (200, "ok"), answer)
        self.assertEqual(len(agent.got), 1)
        self.assertFalse(other.got)

    def test_what_is_no_order_is_refused(self):
        for body in (b"", b"{}", b"[]", b"{"):
            self.assertIn(self.ask(body, "1.00")[0], (400, 401))


for name in [n for n in dir(Nodes) if n.startswith("test_")]:
    setattr(Proofs, name, None)
