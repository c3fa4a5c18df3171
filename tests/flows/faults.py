"""PostgreSQL stopped or killed under load: 503 with Retry-After only, recovery without a restart,
and nobody's presence changes."""
import http.client
import os
import signal
import threading
import time

from client import Client
from flow import Flow, Locked, Together
from rosterd import PATIENCE, alive, resume, wait_for
from upstream import Upstream


class Load:
    """Registrations, reads, heartbeats and calls from several threads; every status is kept."""

    def __init__(self, flow, upstream):
        self.seen, self.slow, self.faults = {}, [], []
        self.stop = threading.Event()
        flow.caller = flow.api.register("caller")
        flow.target = flow.api.register("target", endpoint_url=upstream.url())
        flow.api.beat(flow.target)
        flow.api.beat(flow.caller)
        path = "/api/proxy/" + flow.api.connect(flow.caller, flow.target)["id"]
        heartbeat = "/api/agents/%s/heartbeat" % flow.caller["id"]
        token, key = flow.caller["token"], flow.daemon.key
        plans = [
            (key, "POST", "/api/agents", {"name": "load"}),
            (key, "GET", "/api/agents?limit=5", None),
            (key, "GET", "/api/agents/" + flow.target["id"], None),
            (token, "POST", heartbeat, {}),
            (token, "GET", "/api/agents/me", None),
            (token, "POST", path, {"x": 1}),
        ]
        self.threads = [
            threading.Thread(target=self.work, args=(flow.daemon, *plan), daemon=True)
            for plan in plans
        ]
        for thread in self.threads:
            thread.start()

    def work(self, daemon, credential, method, target, body):
        api = Client(daemon, credential)
        while not self.stop.is_set():
            start = time.monotonic()
            try:
                reply = api.call(method, target, body)
                key = (reply.status, reply.code if reply.status >= 400 else None)
            except (OSError, http.client.HTTPException) as fault:
                key = ("broken", repr(fault))
            except AssertionError as fault:
                self.faults.append(fault)
                key = ("undeclared", str(fault)[:200])
            self.seen.setdefault((method, target), []).append((time.monotonic(), key))
            self.slow.append((time.monotonic() - start, method, target))
            time.sleep(0.02)

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(30)
        return self

    def outcomes(self):
        return {key for rows in self.seen.values() for _, key in rows}

    def good_after(self, moment):
        """Whether every kind of request has succeeded since."""
        return all(
            any(at > moment and isinstance(key[0], int) and key[0] < 300 for at, key in list(rows))
            for rows in self.seen.values()
        )


class Database(Flow):
    # The outage is longer than both windows: silence that is ours must not count.
    settings = {
        "presence.window": "15s",
        "presence.offline": "18s",
        "presence.interval": "1s",
        "health.enabled": "no",
        "database.timeout": "2s",
        "server.request_timeout": "4s",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)

    def setUp(self):
        """The faults of the test before are over: every session answers again."""

        def settled():
            replies = [self.api.post("/api/agents", {"name": "settled"}).status for _ in range(30)]
            return set(replies) == {201}

        wait_for(settled, 15, "the database serves all sessions", 0.2)

    def cluster(self):
        """The postmaster and its children."""
        postmaster, found = self.daemon.postmaster(), []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name, encoding="utf-8") as f:
                        if int(f.read().rpartition(")")[2].split()[1]) == postmaster:
                            found.append(int(name))
                except (OSError, IndexError):
                    pass
        return [postmaster] + found

    def check(self, load, down, up):
        allowed = {(200, None), (201, None), (503, "DATABASE_UNAVAILABLE"), (503, "OVERLOADED")}
        self.assertFalse(load.faults, load.faults[:3])
        self.assertEqual(load.outcomes() - allowed, set())
        self.assertIn((503, "DATABASE_UNAVAILABLE"), load.outcomes())
        # Well below the outage of twenty seconds: nobody waits for its end.
        self.assertLess(max(load.slow)[0], 6 + 2 * PATIENCE, max(load.slow))

    def transitions(self):
        """Of agents that were online before the fault and beat all the time."""
        return self.daemon.psql(
            "SELECT new_state, reason FROM status_transitions WHERE agent_id IN"
            " ('%s', '%s') ORDER BY id" % (self.caller["id"], self.target["id"])
        )

    def test_a_database_that_stands_still(self):
        load = Load(self, self.upstream)
        time.sleep(2)
        before = self.transitions()
        stopped = self.cluster()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        down = time.monotonic()
        try:
            time.sleep(3)
            self.assertEqual(self.api.get("/healthz").status, 200)
            wait_for(lambda: self.api.get("/readyz").status == 503, 3, "not ready")
            time.sleep(max(0, down + 20 - time.monotonic()))
        finally:
            resume(stopped)
        up = time.monotonic()
        wait_for(lambda: load.good_after(up), 8, "every kind of request succeeds again")
        wait_for(lambda: self.api.get("/readyz").status == 200, 5, "ready again")
        load.finish()
        self.check(load, down, up)
        self.assertEqual(self.transitions(), before)
        # Another session of the pool may still wait, so what is looked at is the answer that came.
        target = "/api/agents/" + self.caller["id"]
        found = wait_for(lambda: self.api.get(target).json.get("presence"), 5, "it can be read")
        self.assertEqual(found["status"], "online")

    def test_a_database_that_is_killed(self):
        load = Load(self, self.upstream)
        time.sleep(2)
        before = self.transitions()
        for _ in range(3):
            postmaster = self.daemon.postmaster()
            down = time.monotonic()
            os.kill(postmaster, signal.SIGKILL)
            wait_for(lambda: not alive(postmaster), 10, "the postmaster is gone")
            up = time.monotonic()
            wait_for(lambda: load.good_after(up + 0.5), 30, "every kind of request succeeds again")
        load.finish()
        self.check(load, down, up)
        self.assertEqual(self.transitions(), before)

    def test_sessions_that_are_ended_by_the_operator(self):
        load = Load(self, self.upstream)
        for _ in range(5):
            time.sleep(0.5)
            self.daemon.psql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        up = time.monotonic()
        wait_for(lambda: load.good_after(up), 8, "every kind of request succeeds again")
        load.finish()
        allowed = {(200, None), (201, None), (503, "DATABASE_UNAVAILABLE"), (503, "OVERLOADED")}
        self.assertEqual(load.outcomes() - allowed, set())


class Locks(Flow):
    settings = {
        "database.timeout": "1s",
        "database.workers": "2",
        "database.queue": "4",
        "server.request_timeout": "2s",
    }

    def test_a_held_lock_makes_a_bounded_queue_and_quick_refusals(self):
        def register():
            start = time.monotonic()
            reply = Client(self.daemon).post("/api/agents", {"name": "locked"})
            return reply.status, reply.code, time.monotonic() - start

        before = self.agents_stored()
        with Locked(self.daemon, "agents"):
            results = Together(*[register] * 30).wait()
        self.assertEqual({status for status, _, _ in results}, {503})
        self.assertIn("OVERLOADED", {code for _, code, _ in results})
        self.assertLess(max(took for _, _, took in results), 6)
        wait_for(
            lambda: self.api.post("/api/agents", {"name": "free"}).status == 201, 4, "recovered"
        )
        self.assertEqual(self.agents_stored(), before + 1)
