"""SIGTERM with calls under way: they finish, new ones are told, and it exits with 0."""
import json
import os
import signal
import socket
import threading
import time

from client import Client, Stream, Truncated
from flow import Flow, Locked, Together
from rosterd import PATIENCE, Daemon, wait_for
from upstream import Upstream


class Drain(Flow):
    settings = {"server.drain_timeout": "10s"}

    def setUp(self):
        self.restart({})
        self.upstream = Upstream()
        self.addCleanup(self.upstream.close)
        self.caller = self.api.register("caller")

    def tearDown(self):
        self.api.close()
        self.daemon.stop()

    def restart(self, settings):
        self.daemon.stop()
        self.daemon.settings = {**self.settings, **settings}
        self.daemon.start()
        type(self).api = Client(self.daemon)

    def path(self, to):
        agent = self.api.register(endpoint_url=self.upstream.url(to))
        self.api.beat(agent)
        return "/api/proxy/" + self.api.connect(self.caller, agent)["id"]

    def term(self):
        os.kill(self.daemon.process.pid, signal.SIGTERM)

    def test_calls_under_way_finish(self):
        slow, drip = self.path("/delay/2000"), self.path("/drip/20/100")
        own = lambda: Client(self.daemon, self.caller["token"])
        calls = Together(*[lambda: own().post(slow, {})] * 10 + [lambda: own().post(drip, {})] * 5)
        wait_for(lambda: len(self.upstream.requests) >= 15, 10, "all calls under way")
        start = time.monotonic()
        self.term()
        for reply in calls.wait():
            self.assertEqual(reply.status, 200, reply)
        self.daemon.stop()
        self.assertLess(time.monotonic() - start, 9)

    def test_registrations_under_way_finish_or_are_told(self):
        with Locked(self.daemon, "agents", "SHARE ROW EXCLUSIVE"):
            calls = Together(
                *[lambda: Client(self.daemon).post("/api/agents", {"name": "late"})] * 3
            )
            time.sleep(0.5)
            self.term()
            time.sleep(0.3)
        for reply in calls.wait():
            self.assertIn(reply.status, (201, 503))
        self.daemon.stop()

    def test_an_endless_stream_is_cut_at_the_end_of_patience(self):
        self.restart({"server.drain_timeout": "2s"})
        stream = Stream(self.daemon.address)
        stream.head(
            "POST",
            self.path("/sse"),
            {"Authorization": "Bearer " + self.caller["token"], "Content-Length": "0"},
        )
        stream.answer()
        self.upstream.events.put(b"one")
        pieces = stream.pieces()
        next(pieces)
        start = time.monotonic()
        self.term()
        with self.assertRaises(Truncated):
            list(pieces)
        self.daemon.stop()
        self.assertLess(time.monotonic() - start, 8)

    def test_an_upload_that_never_goes_on_is_cut_at_the_end_of_patience(self):
        for send in (1000, 64 << 20):
            with self.subTest(send=send):
                self.restart({"server.drain_timeout": "1s"})
                stream = Stream(self.daemon.address, timeout=1)
                self.addCleanup(stream.close)
                stream.head(
                    "POST",
                    self.path("/sink/60000"),
                    {
                        "Authorization": "Bearer " + self.caller["token"],
                        "Content-Length": str(1 << 30),
                    },
                )
                try:
                    stream.send(b"z" * send)
                except socket.timeout:
                    pass
                start = time.monotonic()
                self.daemon.stop()
                self.assertLess(time.monotonic() - start, 8)

    def test_nothing_new_is_accepted_and_kept_connections_are_told(self):
        slow = self.path("/sse")
        kept = Client(self.daemon)
        self.assertEqual(kept.get("/healthz").status, 200)
        call = Together(lambda: Client(self.daemon, self.caller["token"]).post(slow, {}))
        wait_for(lambda: self.upstream.requests, 5, "the call is under way")
        self.term()
        wait_for(self.is_closed, 2, "new connections are refused")
        self.assertIsNone(self.daemon.process.poll(), "it has ended already")
        try:
            reply = kept.exchange("GET", "/readyz", b"", {})
            self.assertEqual(reply[0], 503)
        except OSError:
            pass
        self.upstream.events.put(None)
        self.assertEqual(call.wait()[0].status, 200)
        self.daemon.stop()

    def is_closed(self):
        try:
            Stream(self.daemon.address, timeout=2).close()
        except OSError:
            return True
        return False

    def test_readiness_drops_first_when_a_delay_is_set(self):
        self.restart({"server.drain_delay": "2s"})
        self.term()
        wait_for(lambda: self.api.get("/readyz").status == 503, 1.5, "not ready")
        self.assertEqual(Client(self.daemon).get("/healthz").status, 200)
        self.daemon.stop()

    def test_a_second_signal_cuts_the_waiting_short(self):
        slow = self.path("/delay/20000")
        threading.Thread(target=self.quietly, args=(slow,), daemon=True).start()
        wait_for(lambda: self.upstream.requests, 5, "the call is under way")
        self.term()
        time.sleep(0.5)
        start = time.monotonic()
        self.term()
        self.daemon.process.wait(10 * PATIENCE)
        self.assertLess(time.monotonic() - start, 5 * PATIENCE)
        self.daemon.process = None

    def quietly(self, path):
        try:
            Client(self.daemon, self.caller["token"]).post(path, {})
        except Exception:
            pass  # it is cut on purpose

    def test_a_stop_during_the_start_is_clean(self):
        for wait in (0.05, 0.3, 0.8, 1.5):
            daemon = Daemon()
            self.addCleanup(daemon.remove)
            daemon.launch()
            time.sleep(wait)
            if daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGTERM)
            daemon.process.wait(30 * PATIENCE)
            daemon.check_log()
            # Before there is a database there is nothing to end in order.
            places = [os.path.join(daemon.data, name) for name in ("pg", "pg.new")]
            began = any(map(os.path.exists, places))
            self.assertGreaterEqual(daemon.process.returncode, 0 if began else -signal.SIGTERM)
            daemon.process = None
            daemon.start()
            daemon.stop()

    def test_call_records_are_written_before_the_end(self):
        agent = self.api.register(endpoint_url=self.upstream.url())
        self.api.beat(agent)
        connection = self.api.connect(self.caller, agent)
        api = Client(self.daemon, self.caller["token"])
        for _ in range(50):
            self.assertEqual(api.post("/api/proxy/" + connection["id"], {}).status, 200)
        self.restart({})
        count = self.daemon.psql(
            "SELECT count(*) FROM calls WHERE connection_id = '%s'" % connection["id"]
        )
        self.assertEqual(json.loads(count[0][0]), 50)
