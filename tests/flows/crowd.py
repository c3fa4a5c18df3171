"""Hanging calls, idle connections and slow readers at once: the others go on, and nothing of the
crowd stays. With thousands of them: tests/bench/crowd.py."""
import time

from client import Client
from crowds import Held, Silence, SlowReaders, allow_descriptors
from flow import Together
from proxied import MB, Proxied
from rosterd import PATIENCE, wait_for

HANGING, IDLE, SLOW = 300, 500, 20
CALLERS, TIMES = 8, 30


class Crowd(Proxied):
    settings = {
        **Proxied.settings,
        "server.idle_timeout": "10m",
        "proxy.response_timeout": "10m",
        "proxy.idle_timeout": "10m",
    }

    @classmethod
    def setUpClass(cls):
        allow_descriptors()
        super().setUpClass()

    def request(self, target):
        """A call to this target, as bytes."""
        lines = (
            "POST /api/proxy/%s HTTP/1.1" % target["connection"]["id"],
            "Host: crowd",
            "Authorization: Bearer " + self.caller["token"],
            "Content-Length: 2",
        )
        return ("\r\n".join(lines) + "\r\n\r\n{}").encode()

    def others(self):
        """Calls and heartbeats of others, all served; the longest that one of them took."""
        path = "/api/proxy/" + self.target()["connection"]["id"]
        beat = "/api/agents/%s/heartbeat" % self.caller["id"]

        def go_on(path):
            own, most = Client(self.daemon, self.caller["token"]), 0
            for n in range(TIMES):
                began = time.monotonic()
                reply = own.post(path, {"n": n})
                most = max(most, time.monotonic() - began)
                self.assertEqual(reply.status, 200, reply)
            own.close()
            return most

        ways = [lambda: go_on(path), lambda: go_on(beat)] * (CALLERS // 2)
        return max(Together(*ways).wait(120 * PATIENCE))

    def test_others_go_on_while_a_crowd_hangs_idles_and_reads_slowly(self):
        silence = Silence()
        self.addCleanup(silence.close)
        silent = self.target(url="http://127.0.0.1:%d/" % silence.port)
        huge = self.target("/bytes/%d" % (16 * MB))
        # Every worker has its connection to the database before anything is counted.
        Together(*[lambda: Client(self.daemon).get("/api/agents")] * 40).wait()
        self.others()
        address, before, rss = self.daemon.address, self.daemon.descriptors(), self.daemon.rss()
        hung = Held(address, HANGING, self.request(silent), answered=False)
        self.addCleanup(hung.close)
        wait_for(lambda: len(silence.held) >= HANGING, 30, "every call hangs")
        look = b"GET /healthz HTTP/1.1\r\nHost: crowd\r\n\r\n"
        idle = Held(address, IDLE, look, answered=True)
        self.addCleanup(idle.close)
        slow = SlowReaders(address, SLOW, self.request(huge))
        self.addCleanup(slow.close)
        since = dict(slow.sips)
        self.assertGreaterEqual(self.daemon.descriptors(), before + 2 * HANGING + IDLE + SLOW)
        self.assertLess(self.others(), 5 * PATIENCE)
        time.sleep(0.5)  # for another sip
        hung.check()
        idle.check()
        slow.check(since)
        if not self.daemon.sanitized:
            self.assertLess(self.daemon.rss() - rss, 32 * MB)
        for kind in (hung, idle, slow):
            kind.close()
        wait_for(lambda: self.daemon.descriptors() <= before + 12, 20, "descriptors back")
        self.assertLess(self.others(), 5 * PATIENCE)
        wait_for(lambda: self.recorded(silent) == HANGING, 20, "a record of each call")

    def test_calls_that_came_together_and_hang_cost_no_cpu(self):
        silence = Silence()
        self.addCleanup(silence.close)
        silent = self.target(url="http://127.0.0.1:%d/" % silence.port)
        hung = Held(self.daemon.address, HANGING, self.request(silent), answered=False)
        self.addCleanup(hung.close)
        wait_for(lambda: len(silence.held) >= HANGING, 30, "every call hangs")
        time.sleep(0.2)
        before = self.daemon.cpu()
        time.sleep(1)
        self.assertLess(self.daemon.cpu() - before, 0.25)
        hung.check()

    def recorded(self, target):
        return int(
            self.daemon.psql(
                "SELECT count(*) FROM calls WHERE outcome = 'client_gone' AND connection_id = '%s'"
                % target["connection"]["id"]
            )[0][0]
        )
