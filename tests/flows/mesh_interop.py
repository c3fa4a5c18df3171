"""Agents that others' libraries make: ws for Node, and websockets for Python. Each is skipped where
it is not installed."""
import asyncio
import json
import os
import socket
import subprocess
import threading
import unittest
import uuid

from client import Client
from flow import Together
from mesh import PROTOCOL, Agent, Mesh, frame
from rosterd import SOURCE, wait_for

try:
    import websockets
except ImportError:
    websockets = None

FOLDER = os.path.join(SOURCE, "tests", "interop")
NODE = os.path.isdir(os.path.join(FOLDER, "node_modules", "ws"))


@unittest.skipUnless(NODE, "ws is not installed: npm ci --prefix tests/interop")
class Node(Mesh):
    def begin(self, prefix=()):
        """The running agent, and the lines that it has said so far."""
        it = Agent(self.daemon, "node-" + uuid.uuid4().hex[:8], "n-" + uuid.uuid4().hex[:8])
        process = subprocess.Popen(
            [*prefix, "node", os.path.join(FOLDER, "agent.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "INTEROP_URL": self.daemon.url,
                "INTEROP_KEY": self.daemon.key,
                "INTEROP_TYPE": it.agent_type,
                "INTEROP_INSTANCE": it.instance_id,
            },
        )
        lines = []

        def read():
            for line in process.stdout:
                lines.append(line.strip())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self.addCleanup(process.stdout.close)
        self.addCleanup(reader.join, 10)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: "ready" in lines, 20, "the agent is ready: %s" % lines)
        return it, process, lines

    def called_by_an_agent_of_the_portal(self, it):
        caller, (_, target) = self.api.register("caller of " + it.instance_id), self.id_of(it)
        connection = self.api.connect(caller, {"id": target})
        reply = self.api.with_credential(caller["token"]).post(
            "/api/proxy/" + connection["id"], {"skill_id": "navigate", "args": {"to": "work"}}
        )
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.json, {"skill": "navigate", "args": {"to": "work"}})
        self.assertEqual(self.calls(connection)[0]["outcome"], "ok")

    def test_it_answers_what_it_can_verify_and_survives_a_restart(self):
        it, process, lines = self.begin()
        result = self.dispatched(it, "navigate", {"to": "home"})
        self.assertEqual(result, {"skill": "navigate", "args": {"to": "home"}})
        self.called_by_an_agent_of_the_portal(it)
        reply = self.dispatch(it, "throw")
        self.refused(reply, 502, "HANDLER_ERROR")
        self.assertEqual(reply.json["details"]["agent_message"], "as was asked")
        self.daemon.listen = "%s:%d" % self.daemon.address
        self.api.close()
        self.daemon.stop()
        wait_for(lambda: "closed 1012 restart" in lines, 10, "it was told")
        self.daemon.start()
        wait_for(lambda: lines.count("ready") == 2, 20, "it is back")
        self.dispatched(it, "again")
        process.stdin.close()
        self.assertEqual(process.wait(20), 0)
        self.wait_row(it, connection="offline")


def holder():
    """A process in a network namespace of its own, joined to ours by a veth; None: not allowed."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "600"], stderr=subprocess.DEVNULL)
    inside = ["nsenter", "-t", str(process.pid), "-n"]
    try:
        there = lambda: os.readlink("/proc/%d/ns/net" % process.pid)
        wait_for(lambda: there() != os.readlink("/proc/self/ns/net"), 5, "a namespace")
        for words in (
            "ip link add mesh0 type veth peer name mesh1",
            "ip link set mesh1 netns %d" % process.pid,
            "ip address add 10.91.0.1/30 dev mesh0",
            "ip link set mesh0 up",
        ):
            subprocess.run(words.split(), check=True, capture_output=True)
        for words in ("ip address add 10.91.0.2/30 dev mesh1", "ip link set mesh1 up"):
            subprocess.run(inside + words.split(), check=True, capture_output=True)
    except (OSError, AssertionError, subprocess.CalledProcessError):
        process.kill()
        process.wait()
        return None
    return process


class Apart(Node):
    """The agent is in a network where nothing listens and whence only the daemon is reached."""

    @classmethod
    def setUpClass(cls):
        cls.holder = holder()
        if cls.holder is None:
            raise unittest.SkipTest("network namespaces are not allowed here (unshare --net)")
        cls.addClassCleanup(cls.holder.wait)
        cls.addClassCleanup(cls.holder.kill)
        super(Node, cls).setUpClass()
        cls.daemon.stop()
        cls.api.close()
        cls.daemon.listen = "10.91.0.1:0"
        cls.daemon.start()
        cls.api = Client(cls.daemon)

    def begin(self, prefix=()):
        return super().begin(["nsenter", "-t", str(self.holder.pid), "-n"])

    def test_it_answers_what_it_can_verify_and_survives_a_restart(self):
        with self.assertRaises(OSError):
            socket.create_connection(("10.91.0.2", self.daemon.address[1]), 2)
        super().test_it_answers_what_it_can_verify_and_survives_a_restart()


@unittest.skipUnless(websockets, "websockets is not installed: apt install python3-websockets")
class Python(Mesh):
    def test_an_honest_client_of_another_make(self):
        agent = self.agent()
        url = self.daemon.url.replace("http", "ws") + agent.path
        who = {"Authorization": "Bearer " + self.daemon.key}
        ready = threading.Event()

        async def serve():
            async with websockets.connect(url, subprotocols=[PROTOCOL], extra_headers=who) as ws:
                assert ws.subprotocol == PROTOCOL
                hello = {"instance_id": agent.instance_id, "agent_type": agent.agent_type}
                await ws.send(frame("hello", hello))
                assert json.loads(await ws.recv())["type"] == "welcome"
                await (await ws.ping())
                ready.set()
                got = json.loads(await ws.recv())
                text = frame("dispatch_result", {"result": "x" * 3000}, in_reply_to=got["id"])
                await ws.send(text[i : i + 100] for i in range(0, len(text), 100))
                await ws.close(1000, "client_close")
                return ws.close_code

        there = Together(lambda: asyncio.run(serve()))
        assert ready.wait(20), there.faults
        self.assertEqual(self.dispatched(agent), "x" * 3000)
        self.assertEqual(there.wait(), [1000])
        self.wait_row(agent, connection="offline", succeeded=1)

    def test_it_is_told_why_it_must_go(self):
        agent = self.agent()
        url = self.daemon.url.replace("http", "ws") + agent.path
        who = {"Authorization": "Bearer " + self.daemon.key}

        async def offend(message):
            async with websockets.connect(url, subprotocols=[PROTOCOL], extra_headers=who) as ws:
                await ws.send(message)
                try:
                    while True:
                        await ws.recv()
                except websockets.ConnectionClosed:
                    return ws.close_code, ws.close_reason

        for message, code, reason in (
            ("x", 4400, "protocol_error"),
            (b"x", 1003, "binary_not_supported"),
            ("x" * ((1 << 20) + 1), 1009, "frame_too_large"),
        ):
            self.assertEqual(asyncio.run(offend(message)), (code, reason))
