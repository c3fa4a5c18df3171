"""The proxy when the target is not there, not right, or hostile; and its certificates."""

import hashlib
import os
import socket
import tempfile
import threading
import time

from client import Client, Truncated
from dns import Names
from proxied import MB, Proxied
from flow import Together
from rosterd import wait_for
from upstream import Authority, Upstream, closed_port


class Faults(Proxied):
    settings = {
        **Proxied.settings,
        "proxy.connect_timeout": "1s",
        "proxy.response_timeout": "1s",
        "proxy.idle_timeout": "2s",
        "proxy.head_max": "8KiB",
        "health.enabled": "no",
    }

    def test_a_port_where_nobody_listens_refuses(self):
        self.failed(
            self.target(url="http://127.0.0.1:%d/" % closed_port()), 502, "connection_refused"
        )

    def test_a_name_nobody_knows_is_a_dns_error(self):
        self.failed(self.target(url="https://nobody.example.org/"), 502, "dns_error")

    def test_a_name_that_stands_for_a_private_address_is_prohibited(self):
        names = Names({"inside.example.org": "10.9.8.7", "meta.example.org": "169.254.169.254"})
        self.addCleanup(names.close)
        for name in names.table:
            agent = self.target(url="https://%s/" % name)
            self.failed(agent, 502, "destination_ip_prohibited")

    def test_a_name_server_that_is_silent_times_out(self):
        names = Names({"silent.example.org": None})
        self.addCleanup(names.close)
        agent = self.target(url="https://silent.example.org/")
        start = time.monotonic()
        self.failed(agent, 504, "dns_timeout")
        self.assertLess(time.monotonic() - start, 8)

    def test_a_target_that_never_accepts_times_out(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            start = time.monotonic()
            self.failed(
                self.target(url="http://127.0.0.1:%d/" % full.getsockname()[1]),
                504,
                "connection_timeout",
            )
            self.assertLess(time.monotonic() - start, 8)
            for filler in fillers:
                filler.close()

    def test_a_target_that_closes_before_it_answers_terminated(self):
        agent = self.target("/close")
        before = len(self.upstream.requests)
        self.failed(agent, 502, "connection_terminated")
        self.assertEqual(len(self.upstream.requests), before + 2)

    def test_a_silent_target_times_out(self):
        start = time.monotonic()
        self.failed(self.target("/silent"), 504, "http_response_timeout")
        self.assertLess(time.monotonic() - start, 8)
        wait_for(lambda: self.upstream.last().closed_at, 3, "the upstream connection is closed")

    def test_nonsense_is_a_protocol_error(self):
        self.failed(self.target("/garbage"), 502, "http_protocol_error")
        self.failed(self.target("/twolengths"), 502, "http_protocol_error")
        self.failed(self.target("/upgrade"), 502, "http_protocol_error")

    def test_an_endless_head_is_cut_off(self):
        self.failed(self.target("/hugehead"), 502, "http_response_header_section_size")

    def test_a_cut_answer_is_never_a_clean_end(self):
        for path in ("/reset/20000", "/short/20000", "/shortchunk", "/badchunk"):
            with self.subTest(path=path):
                agent = self.target(path)
                stream = self.stream_to(agent, body=b"{}").answer()
                self.assertEqual(stream.status, 200)
                with self.assertRaises(Truncated):
                    stream.body()
                record = self.calls(agent["connection"])[0]
                self.assertIn(
                    record["outcome"],
                    ("http_response_incomplete", "connection_terminated", "http_protocol_error"),
                )

    def test_a_head_that_breaks_off_is_incomplete(self):
        self.failed(self.target("/halfhead"), 502, "http_response_incomplete")

    def test_a_stalled_answer_is_ended(self):
        agent = self.target("/drip/3/10000")
        stream = self.stream_to(agent, body=b"{}").answer()
        start = time.monotonic()
        with self.assertRaises(Truncated):
            stream.body()
        self.assertLess(time.monotonic() - start, 6)

    def test_a_call_that_comes_round_again_is_a_loop(self):
        agent = self.api.register("loop")
        self.api.beat(agent)
        agent["connection"] = self.api.connect(self.caller, agent)
        edited = self.api.patch(
            "/api/agents/" + agent["id"],
            {
                "endpoint_url": "%s/api/proxy/%s"
                % (self.daemon.url.rstrip("/"), agent["connection"]["id"]),
                "endpoint_api_key": self.caller["token"],
            },
        )
        self.assertEqual(edited.status, 200, edited)
        self.refused(self.call_to(agent, {}), 502, "proxy_loop_detected")
        for end in ("", "/further"):
            reply = self.call_to(self.target(), {}, end=end, headers={"Roster-Hops": "99"})
            self.refused(reply, 502, "proxy_loop_detected")

    def test_after_all_this_an_honest_target_is_served_and_nothing_is_left_open(self):
        self.assertEqual(self.call_to(self.target(), {}).status, 200)
        # Every worker has its connection to the database, and every fault was met, before anything
        # is counted.
        Together(*[lambda: Client(self.daemon).get("/api/agents")] * 40).wait()
        self.many_faults()
        before = self.daemon.descriptors()
        self.many_faults()
        try:
            wait_for(lambda: self.daemon.descriptors() <= before + 12, 20, "descriptors back")
        except AssertionError:
            self.fail("%d descriptors before, now %s" % (before, self.daemon.descriptor_kinds()))

    def many_faults(self):
        for path in ("/close", "/reset/1000", "/garbage", "/short/10"):
            agent = self.target(path)
            for _ in range(10):
                stream = self.stream_to(agent, {"Connection": "close"}, b"{}")
                try:
                    stream.answer().body()
                except Truncated:
                    pass
                stream.close()


class OneAtATime(Proxied):
    settings = {
        **Proxied.settings,
        "proxy.per_origin": "1",
        "proxy.response_timeout": "3s",
        "server.loops": "1",
    }

    def test_more_calls_than_the_target_may_have_are_refused(self):
        agent = self.target("/silent")
        for end in ("", "/further"):
            one = lambda path=agent["connection"]["id"] + end: Client(
                self.daemon, self.caller["token"]
            ).post("/api/proxy/" + path, {})
            words = sorted(reply.code for reply in Together(one, one, one).wait())
            self.assertIn("connection_limit_reached", words)
            self.assertIn("http_response_timeout", words)


class Secure(Proxied):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)  # run by root, the daemon drops to another user
        cls.authority = Authority(folder.name)
        cls.settings = {"proxy.ca_file": cls.authority.ca, "health.enabled": "no"}
        super().setUpClass()

    def serve(self, certificate):
        upstream = Upstream(certificate)
        self.addCleanup(upstream.close)
        return upstream

    def test_a_good_certificate_is_served_with_the_key(self):
        upstream = self.serve(self.authority.certificate("good"))
        agent = self.target(url=upstream.url(), endpoint_api_key="CANARY-tls")
        for _ in range(3):
            self.assertEqual(self.call_to(agent, {"a": 1}).status, 200)
        self.assertEqual(upstream.last().header("Authorization"), "Bearer CANARY-tls")
        reply = self.call_to(self.target(url=upstream.url("/bytes/5000000")), {})
        self.assertEqual(len(reply.body), 5000000)
        agent = self.target(url=upstream.url("/sink"))
        body = b"\x17" * (3 * MB)
        self.assertEqual(
            self.call_to(agent, raw=body).json["sha256"], hashlib.sha256(body).hexdigest()
        )

    def test_a_bad_certificate_gets_nothing(self):
        for name, certificate in (
            ("other", self.authority.certificate("other", alt="DNS:other.example.org")),
            ("expired", self.authority.certificate("expired", expired=True)),
            ("self-signed", self.authority.self_signed("self")),
        ):
            with self.subTest(name=name):
                upstream = self.serve(certificate)
                agent = self.target(url=upstream.url(), endpoint_api_key="CANARY-tls")
                self.failed(agent, 502, "tls_certificate_error")
                self.assertEqual(upstream.requests, [])

    def test_a_target_that_speaks_no_tls_is_a_protocol_error(self):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def plain():
                for _ in range(2):
                    peer, _ = server.accept()
                    seen.append(peer.recv(65536))
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.close()

            seen = []
            threading.Thread(target=plain, daemon=True).start()
            url = "https://127.0.0.1:%d/" % server.getsockname()[1]
            agent = self.target(url=url, endpoint_api_key="CANARY-tls")
            self.failed(agent, 502, "tls_protocol_error")
            self.assertNotIn(b"CANARY", b"".join(seen))
