"""The proxy as a pipe: event by event, large and slow bodies, callers that leave."""

import hashlib
import json
import socket
import time

from client import Client
from flow import Together
from proxied import MB, Proxied
from rosterd import wait_for
from upstream import Upstream


class Streaming(Proxied):
    def test_events_arrive_one_by_one_without_delay(self):
        stream = self.stream_to(self.target("/sse"), {"Accept": "text/event-stream"}, b"{}")
        stream.answer()
        self.assertTrue(stream.header("Content-Type").startswith("text/event-stream"))
        self.assertIsNone(stream.header("Content-Length"))
        pieces, late = stream.pieces(), []
        for n in range(50):
            time.sleep(0.02)
            sent = time.monotonic()
            self.upstream.events.put(b"event %d" % n)
            got = b""
            while not got.endswith(b"\n\n"):
                got += next(pieces)
            late.append(time.monotonic() - sent)
            self.assertEqual(got, b"data: event %d\n\n" % n)
        self.upstream.events.put(None)
        self.assertEqual(b"".join(pieces), b"")
        self.assertLess(sorted(late)[45], 0.1, late)

    def test_a_caller_that_leaves_ends_the_upstream_call(self):
        for leave in ("close", "reset"):
            with self.subTest(leave=leave):
                agent = self.target("/sse")
                stream = self.stream_to(agent, body=b"{}").answer()
                self.upstream.events.put(b"one")
                next(stream.pieces())
                left = time.time()
                getattr(stream, leave)()
                request = self.upstream.last()
                wait_for(lambda: request.closed_at, 2, "the upstream call is closed")
                self.assertLess(request.closed_at - left, 2)
                self.assertEqual(self.calls(agent["connection"])[0]["outcome"], "client_gone")

    def test_a_caller_that_leaves_in_the_middle_of_a_burst_ends_the_upstream_call(self):
        agent = self.target("/sse")
        for _ in range(5):
            stream = self.stream_to(agent, body=b"{}").answer()
            for n in range(50):
                self.upstream.events.put(b"x" * 2000)
                if n == 25:
                    stream.socket.shutdown(socket.SHUT_WR)
            request = self.upstream.last()
            wait_for(lambda: request.closed_at, 4, "the upstream call is closed")
            stream.close()
            while not self.upstream.events.empty():
                self.upstream.events.get()

    def test_a_caller_that_leaves_before_the_answer_ends_the_upstream_call(self):
        agent = self.target("/silent")
        before = len(self.upstream.requests)
        stream = self.stream_to(agent, body=b"{}")
        wait_for(lambda: len(self.upstream.requests) > before, 5, "the upstream has the call")
        request = self.upstream.last()
        stream.close()
        wait_for(lambda: request.closed_at, 2, "the upstream call is closed")
        self.assertEqual(self.calls(agent["connection"])[0]["outcome"], "client_gone")

    def test_a_slow_reader_pauses_the_upstream(self):
        agent = self.target("/bytes/%d" % (200 * MB))
        stream = self.stream_to(agent, body=b"{}").answer()
        pieces = stream.pieces()
        next(pieces)
        rss = self.daemon.rss()
        time.sleep(2)
        request = self.upstream.last()
        paused = request.sent
        time.sleep(1)
        self.assertLess(request.sent, 100 * MB)
        self.assertEqual(request.sent, paused)
        self.assertLess(self.daemon.rss() - rss, 8 * MB)
        self.assertEqual(sum(map(len, pieces)) > 150 * MB, True)

    def test_a_slow_target_pauses_the_caller(self):
        agent = self.target("/sink/1000")
        stream = self.stream_to(agent, {"Content-Length": str(100 * MB)})
        stream.socket.settimeout(2)
        sent, rss = 0, self.daemon.rss()
        try:
            while sent < 100 * MB:
                sent += stream.socket.send(b"z" * 65536)
        except socket.timeout:
            pass
        self.assertLess(sent, 50 * MB)
        self.assertLess(self.daemon.rss() - rss, 8 * MB)

    def test_a_large_body_passes_both_ways_with_flat_memory(self):
        size = 256 * MB
        agent = self.target("/sink")
        self.call_to(agent, {})
        rss, most = self.daemon.rss(), 0
        stream = self.stream_to(agent, {"Content-Length": str(size)})
        digest, block = hashlib.sha256(), bytes(range(256)) * 4096
        for _ in range(size // len(block)):
            stream.send(block)
            digest.update(block)
            most = max(most, self.daemon.rss())
        answer = json.loads(stream.answer().body())
        self.assertEqual((answer["size"], answer["sha256"]), (size, digest.hexdigest()))
        down = self.target("/bytes/%d" % size)
        got = 0
        for piece in self.stream_to(down, body=b"{}").answer().pieces():
            got += len(piece)
            if got % (16 * MB) < len(piece):
                most = max(most, self.daemon.rss())
        self.assertEqual(got, size)
        self.assertLess(most - rss, (64 if self.daemon.sanitized else 16) * MB)
        record = self.calls(down["connection"])[0]
        self.assertEqual((record["response_bytes"], record["outcome"]), (size, "ok"))

    def test_a_post_is_sent_at_most_once(self):
        """The target closes a kept connection just when it is used again: nothing is sent twice."""
        agent = self.target("/echo")
        self.assertEqual(self.call_to(agent, {}).status, 200)
        with self.upstream.lock:
            kept = list(self.upstream.open)
        closer = self.target("/close")
        for _ in range(20):
            before = len(self.upstream.requests)
            self.call_to(agent, {})
            reply = self.call_to(closer, {})
            self.assertEqual(reply.status, 502)
            self.assertEqual(len(self.upstream.requests), before + 2)
        self.assertTrue(kept)
        self.assertEqual(len(self.calls(closer["connection"], 20)), 20)

    def test_connections_to_the_target_are_kept(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        agent = self.target(url=upstream.url(), online=True)
        api = Client(self.daemon, self.caller["token"])
        for _ in range(50):
            self.assertEqual(api.post("/api/proxy/" + agent["connection"]["id"], {}).status, 200)
        self.assertLess(upstream.accepted, 10)

    def test_two_targets_of_one_host_never_share_a_keyed_connection(self):
        one = self.target("/echo/one", endpoint_api_key="CANARY-one")
        two = self.target("/echo/two", endpoint_api_key="CANARY-two")
        for _ in range(10):
            for agent, key in ((one, "CANARY-one"), (two, "CANARY-two")):
                self.call_to(agent, {})
                self.assertEqual(self.upstream.last().header("Authorization"), "Bearer " + key)

    def test_many_calls_at_once_each_get_their_own_answer(self):
        agent = self.target("/echo")

        def calls(n):
            api = Client(self.daemon, self.caller["token"])
            for k in range(20):
                body = b"%d-%d" % (n, k)
                reply = api.post("/api/proxy/" + agent["connection"]["id"], raw=body)
                self.assertEqual(reply.json["body"].encode(), body)

        Together(*[lambda n=n: calls(n) for n in range(16)]).wait()
        self.assertEqual(int(wait_for(lambda: self.recorded(agent, 320), 10, "320 records")), 320)

    def recorded(self, agent, count):
        have = self.daemon.psql(
            "SELECT count(*) FROM calls WHERE connection_id = '%s'" % agent["connection"]["id"]
        )[0][0]
        return have if int(have) >= count else None
