"""What is no well-formed request is refused once and the connection closed; slow senders are cut
off by absolute deadlines."""
import time

import hostile
from client import Stream, Truncated
from flow import Flow


class Smuggling(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.api.register()

    def test_no_ambiguous_request_gets_a_second_one_through(self):
        target = ("/api/agents/%s/heartbeat" % self.agent["id"]).encode()
        cases = hostile.cases(target, b"Bearer " + self.agent["token"].encode())
        self.assertEqual(len(cases), 57)
        faults = []
        for case in cases:
            got, closed = hostile.send(self.daemon.address, case)
            fault = hostile.fault(case, got, closed)
            if fault:
                faults.append("%s: %r" % (fault, got[:200]))
        self.assertEqual(self.api.get("/healthz").status, 200)
        self.assertFalse(faults, "\n" + "\n".join(faults))

    def test_a_refusal_is_json_with_a_request_id(self):
        stream = Stream(self.daemon.address)
        stream.send(
            b"POST /api/agents HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        stream.answer()
        self.assertEqual((stream.status, stream.header("Connection")), (400, "close"))
        self.assertIsNotNone(stream.header("Request-Id"))
        self.assertIn(b'"MALFORMED_REQUEST"', stream.body())
        stream.close()

    def test_no_100_continue_comes_before_a_refusal(self):
        stream = Stream(self.daemon.address)
        stream.send(
            (
                "POST /api/agents HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
                "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                "Expect: 100-continue\r\n\r\n" % self.daemon.key
            ).encode()
        )
        got = stream.socket.recv(65536)
        self.assertTrue(got.startswith(b"HTTP/1.1 413"), got[:100])
        stream.close()

    def test_the_host_header_never_makes_a_link(self):
        for forged in ("evil.example.org", "evil.example.org:80@x"):
            stream = Stream(self.daemon.address)
            stream.send(
                (
                    "POST /api/agents HTTP/1.1\r\nHost: %s\r\nContent-Length: 13\r\n"
                    "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                    "X-Forwarded-Host: evil.example.org\r\nConnection: close\r\n\r\n"
                    '{"name": "x"}' % (forged, self.daemon.key)
                ).encode()
            )
            stream.answer()
            self.assertNotIn("evil", str(stream.headers) + stream.body().decode())
            stream.close()


class Slow(Flow):
    settings = {
        "server.header_timeout": "2s",
        "server.body_timeout": "2s",
        "server.idle_timeout": "3s",
    }

    def test_a_dripped_header_is_cut_off_at_its_deadline(self):
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 100
        took, _ = hostile.drip(self.daemon.address, head, 0.3, 10)
        self.assertLess(took, 5)

    def test_a_dripped_body_is_cut_off_at_its_deadline(self):
        stream = Stream(self.daemon.address)
        stream.head(
            "POST",
            "/api/agents",
            {
                "Authorization": "Bearer " + self.daemon.key,
                "Content-Type": "application/json",
                "Content-Length": "100",
            },
        )
        start = time.monotonic()
        try:
            for _ in range(30):
                stream.send(b" ")
                time.sleep(0.3)
        except OSError:
            pass
        try:
            self.assertIn(stream.answer().status, (400, 408))
        except Truncated:
            pass
        self.assertLess(time.monotonic() - start, 10)

    def test_an_idle_connection_is_closed(self):
        stream = Stream(self.daemon.address)
        stream.head("GET", "/healthz", {}).answer().body()
        start = time.monotonic()
        with self.assertRaises(Truncated):
            stream.more()
        self.assertTrue(1 < time.monotonic() - start < 8)

    def test_slow_senders_do_not_hold_up_the_others(self):
        idle = [Stream(self.daemon.address) for _ in range(200)]
        for stream in idle:
            stream.send(b"POST /api/agents HTTP/1.1\r\nHost:")
        start = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.api.get("/healthz").status, 200)
        self.assertLess(time.monotonic() - start, 3)
        for stream in idle:
            stream.close()

    def test_clients_that_reset_leave_nothing_behind(self):
        before = self.daemon.descriptors()
        for n in range(100):
            stream = Stream(self.daemon.address)
            stream.send(
                b"POST /api/agents HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"[: 20 + n]
            )
            stream.reset()
        self.assertEqual(self.api.get("/healthz").status, 200)
        time.sleep(1)
        self.assertLess(self.daemon.descriptors(), before + 10)
