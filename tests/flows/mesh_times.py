"""What takes its time at sockets: pings, a hello that does not come, and a daemon that stops. It
counts seconds: nothing runs beside it."""
import os
import signal
import socket
import time

import websocket
from client import Client
from flow import Together
from mesh import Mesh, Refused
from rosterd import PATIENCE, wait_for


class Silence(Mesh):
    settings = {"mesh.ping": "1s", "mesh.pong": "1s"}

    def test_a_silent_agent_is_pinged_and_stays_when_it_answers(self):
        agent = self.agent()
        agent.connect()
        begin, pings = time.monotonic(), 0
        while pings < 2:
            got = agent.socket.recv_frame()
            self.assertEqual(got.opcode, websocket.PING)
            agent.socket.send_frame(0x80 | websocket.PONG, got.payload)
            pings += 1
        took = time.monotonic() - begin
        self.assertTrue(1.5 <= took <= 4 * PATIENCE, took)
        agent.serve()
        self.dispatched(agent)

    def test_a_frozen_agent_is_noticed(self):
        agent = self.agent()
        agent.connect()
        call = Together(lambda: self.dispatch(agent, "silent"))
        agent.next()
        begin = time.monotonic()
        self.refused(call.wait()[0], 502, "AGENT_DISCONNECTED")
        self.assertLess(time.monotonic() - begin, 2.5 * PATIENCE)
        self.wait_row(agent, connection="offline", owner=None)
        # Nothing was said to somebody who does not hear.
        agent.socket.sock.close()

    def test_heartbeats_are_signs_of_life(self):
        agent = self.agent()
        agent.connect()
        late, last = 0, time.monotonic()
        for _ in range(8):
            agent.beat()
            time.sleep(0.4)
            late, last = max(late, time.monotonic() - last), time.monotonic()
        # A machine that held up the beats themselves earned its ping.
        self.assertTrue(agent.socket.is_quiet(0.1) or late > 0.9, "no ping was needed")
        self.assertEqual(self.row(agent)["connection"], "online")

    def test_without_hello_it_ends(self):
        agent = self.agent()
        sock = agent.dial()
        begin = time.monotonic()
        with self.assertRaises(websocket.Closed) as ended:
            sock.recv(30)
        self.assertEqual((ended.exception.code, ended.exception.reason), (4408, "hello_timeout"))
        self.assertTrue(9 < time.monotonic() - begin < 12 * PATIENCE)
        self.assertEqual(self.row(agent)["connection"], "unknown")


class Stops(Mesh):
    settings = {"server.drain_timeout": "10s", "mesh.dispatch_timeout": "60s"}

    def setUp(self):
        if self.daemon.process is None:
            self.daemon.start()
            type(self).api = Client(self.daemon)

    def term(self):
        os.kill(self.daemon.process.pid, signal.SIGTERM)

    def test_open_dispatches_end_and_then_all_are_told_to_come_back(self):
        idle, busy = self.agent(), self.ready()
        idle.connect()
        call = Together(lambda: self.dispatch(busy, "slow", {"seconds": 2}))
        wait_for(lambda: busy.got, 5, "it is there")
        kept = Client(self.daemon)
        kept.exchange("GET", "/healthz", b"", {})
        self.term()
        with self.assertRaises(websocket.Closed) as ended:
            idle.socket.recv()
        self.assertEqual((ended.exception.code, ended.exception.reason), (1012, "restart"))
        self.assertIsNone(busy.ended)
        self.refused(self.dispatch(busy, api=kept), 503, "DRAINING")
        self.assertEqual(call.wait()[0].json["result"], "late")
        self.assertEqual(busy.wait_ended().code, 1012)
        self.daemon.stop()
        self.setUp()
        row = self.row(busy)
        self.assertEqual((row["succeeded"], row["failed"], row["owner"]), (1, 0, None))

    def test_a_handshake_while_it_stops_is_told(self):
        agent, busy = self.agent(), self.ready()
        call = Together(lambda: self.dispatch(busy, "slow", {"seconds": PATIENCE}))
        wait_for(lambda: busy.got, 5, "it is there")
        # A connection that was there already: new ones are not taken.
        sock = socket.create_connection(self.daemon.address, 10)
        self.addCleanup(sock.close)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(65536)
        self.term()
        time.sleep(0.3)
        made, websocket.socket.create_connection = (
            websocket.socket.create_connection,
            lambda *_: sock,
        )
        try:
            with self.assertRaises(Refused) as refused:
                agent.dial()
        finally:
            websocket.socket.create_connection = made
        self.assertEqual((refused.exception.status, refused.exception.code), (503, "DRAINING"))
        self.assertEqual(call.wait()[0].status, 200)
        self.daemon.stop()

    def test_at_the_end_of_patience_open_dispatches_are_cut(self):
        self.daemon.settings["server.drain_timeout"] = "1s"
        self.addCleanup(self.daemon.settings.update, self.settings)
        self.daemon.stop()
        self.setUp()
        busy = self.ready()
        call = Together(lambda: self.dispatch(busy, "silent"))
        wait_for(lambda: busy.got, 5, "it is there")
        begin = time.monotonic()
        self.term()
        self.refused(call.wait()[0], 503, "DRAINING")
        self.assertEqual(busy.wait_ended().code, 1012)
        self.daemon.stop()
        self.assertLess(time.monotonic() - begin, 8 * PATIENCE)

    def test_presence_is_not_changed_by_a_restart(self):
        agent = self.ready()
        there = {"id": self.id_of(agent)[1], "name": "it"}
        self.wait_status(there, "online", 5)
        self.daemon.stop()
        self.assertEqual(agent.wait_ended().code, 1012)
        self.setUp()
        self.assertEqual(self.state(there)["status"], "online")
        agent.daemon = self.daemon
        agent.connect()
        agent.serve()
        self.dispatched(agent)
        self.wait_row(agent, connection="online", failed=0)
