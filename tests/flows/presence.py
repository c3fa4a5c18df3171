"""Presence: silence makes idle and offline, probes find what is back, a restart changes nobody."""
import csv
import io
import time

from client import Client, now_ms
from flow import Flow
from rosterd import PATIENCE, wait_for
from upstream import Upstream, closed_port

# Long enough that a machine that stands still for a moment changes nobody.
WINDOW = 1 + PATIENCE
OFFLINE = 2 * WINDOW
FAST = {
    "presence.window": "%ds" % WINDOW,
    "presence.offline": "%ds" % OFFLINE,
    "presence.interval": "1s",
}


class Silence(Flow):
    settings = {**FAST, "health.enabled": "no"}

    def test_silence_makes_an_agent_idle_and_then_offline(self):
        agent = self.api.register()
        self.api.beat(agent)
        state = self.state(agent)
        self.assertEqual(
            (state["status"], state["reason"], state["becomes"]), ("online", "heartbeat", "idle")
        )
        self.wait_status(agent, "idle", 5)
        state = self.state(agent)
        self.assertEqual((state["reason"], state["becomes"]), ("silence", "offline"))
        self.wait_status(agent, "offline", 5)
        state = self.state(agent)
        self.assertEqual(state["reason"], "silence")
        self.assertIsNone(state["next_due"])
        rows = self.api.get("/api/status-transitions?agent_id=" + agent["id"]).json["data"]
        self.assertEqual(
            [(r["old_status"], r["new_status"]) for r in rows],
            [("idle", "offline"), ("online", "idle"), ("offline", "online")],
        )

    def test_heartbeats_keep_an_agent_online(self):
        agent = self.api.register()
        end = time.monotonic() + OFFLINE + 1
        while time.monotonic() < end:
            self.api.beat(agent)
            self.assertEqual(self.state(agent)["status"], "online")
            time.sleep(0.5)
        rows = self.api.get("/api/status-transitions?agent_id=" + agent["id"]).json["data"]
        self.assertEqual(len(rows), 1)

    def test_one_that_was_never_seen_stays_so(self):
        agent = self.api.register()
        time.sleep(WINDOW + 1)
        state = self.state(agent)
        self.assertEqual((state["status"], state["reason"]), ("offline", "never_seen"))
        rows = self.api.get("/api/status-transitions?agent_id=" + agent["id"]).json["data"]
        self.assertEqual(rows, [])

    def test_being_told_offline_stays_so(self):
        agent = self.api.register()
        self.api.beat(agent)
        self.api.beat(agent, {"status": "offline"})
        time.sleep(WINDOW + 1)
        self.assertEqual(self.state(agent)["reason"], "told_offline")


class Windows(Flow):
    """The documented windows, by moving the last activity back in the database."""

    settings = {"presence.interval": "1s", "health.enabled": "no"}

    def age(self, agent, interval):
        self.daemon.psql(
            "UPDATE presence SET last_activity = last_activity - interval '%s',"
            " since = since - interval '%s' WHERE agent_id = '%s'"
            % (interval, interval, agent["id"])
        )

    def long_up(self):
        self.daemon.psql("UPDATE service_state SET up_since = now() - interval '30 days'")

    def test_sixteen_minutes_make_idle_and_twelve_hours_offline(self):
        self.long_up()
        young, old, gone = (self.api.register() for _ in range(3))
        for agent in (young, old, gone):
            self.api.beat(agent)
        self.age(young, "14 minutes")
        self.age(old, "16 minutes")
        self.age(gone, "12 hours 1 minute")
        self.wait_status(old, "idle", 10)
        self.wait_status(gone, "offline", 10)
        self.assertEqual(self.state(young)["status"], "online")
        self.assertEqual(self.state(old)["reason"], "silence")

    def test_after_a_gap_of_ours_silence_counts_from_our_return(self):
        agent = self.api.register()
        self.api.beat(agent)
        self.api.close()
        self.daemon.stop()
        self.daemon.start()
        type(self).api = Client(self.daemon)
        self.daemon.psql("UPDATE service_state SET up_since = now() - interval '1 minute'")
        self.age(agent, "20 minutes")
        time.sleep(3)
        self.assertEqual(self.state(agent)["status"], "online")


class Restart(Flow):
    # A window that is not over before the daemon is up and was asked.
    window = 4 * PATIENCE
    settings = {
        "presence.window": "%ds" % window,
        "presence.offline": "%ds" % (window + 1),
        "presence.interval": "1s",
        "health.enabled": "no",
    }

    def test_a_restart_changes_nobody(self):
        agents = [self.api.register() for _ in range(5)]
        for agent in agents:
            self.api.beat(agent)
        before = self.daemon.psql("SELECT count(*) FROM status_transitions")
        self.daemon.kill9()
        time.sleep(self.window + 1.5)  # longer than every window
        self.daemon.start()
        type(self).api = Client(self.daemon)
        for agent in agents:
            self.assertEqual(self.state(agent)["status"], "online")
        self.assertEqual(self.daemon.psql("SELECT count(*) FROM status_transitions"), before)
        self.wait_status(agents[0], "idle", 6)


class Probes(Flow):
    settings = {"presence.interval": "1s", "health.timeout": "1s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)

    def test_an_endpoint_that_answers_makes_an_offline_agent_idle(self):
        agent = self.api.register(endpoint_url=self.upstream.url("/echo"))
        self.wait_status(agent, "idle", 20)
        state = self.state(agent)
        self.assertEqual(state["reason"], "probe_succeeded")
        row = self.api.get("/api/status-transitions?agent_id=" + agent["id"]).json["data"][0]
        self.assertEqual((row["new_status"], row["http_status"]), ("idle", 200))
        self.assertGreaterEqual(row["latency_ms"], 0)

    def test_a_probe_carries_no_credential(self):
        agent = self.api.register(
            endpoint_url=self.upstream.url("/probed"), endpoint_api_key="CANARY-probe"
        )
        self.wait_status(agent, "idle", 20)
        for probe in self.upstream.probes:
            self.assertNotIn("CANARY-probe", str(probe.headers))
            self.assertIsNone(probe.header("Authorization"))

    def test_an_agent_without_an_endpoint_is_never_touched(self):
        agent = self.api.register()
        time.sleep(3)
        self.assertEqual(self.state(agent)["reason"], "never_seen")

    def test_a_failing_endpoint_does_not_shout_down_a_fresh_heartbeat(self):
        agent = self.api.register(endpoint_url="http://127.0.0.1:%d/" % closed_port())
        self.api.beat(agent)
        time.sleep(3)
        self.assertEqual(self.state(agent)["status"], "online")

    def test_a_failing_endpoint_makes_a_silent_agent_offline(self):
        upstream = Upstream()
        agent = self.api.register(endpoint_url=upstream.url("/echo"))
        self.wait_status(agent, "idle", 20)
        upstream.close()
        self.wait_status(agent, "offline", 30)
        self.assertEqual(self.state(agent)["reason"], "probe_failed")
        row = self.api.get("/api/status-transitions?agent_id=" + agent["id"]).json["data"][0]
        self.assertTrue(row["error"])

    def test_a_server_error_is_not_alive(self):
        agent = self.api.register(endpoint_url=self.upstream.url("/sick"))
        wait_for(lambda: any(p.target == "/sick" for p in self.upstream.probes), 20, "a probe")
        time.sleep(1)
        self.assertEqual(self.state(agent)["status"], "offline")


class Transitions(Flow):
    def test_transitions_come_as_json_and_as_csv(self):
        agent = self.api.register('comma, "quote" =cmd()')
        started = now_ms()
        self.api.beat(agent)
        self.api.beat(agent, {"status": "offline"})
        only = "?agent_id=" + agent["id"]
        rows = self.api.get("/api/status-transitions" + only).json["data"]
        self.assertEqual([r["new_status"] for r in rows], ["offline", "online"])
        self.assertEqual(rows[0]["permanent_id"], agent["permanent_id"])
        self.assertEqual(rows[0]["reason"], "told_offline")
        for reply in (
            self.api.get("/api/status-transitions" + only, headers={"Accept": "text/csv"}),
            self.api.get("/api/status-transitions.csv" + only),
        ):
            self.assertEqual(reply.status, 200)
            self.assertTrue(reply.header("Content-Type").startswith("text/csv"), reply.headers)
            table = list(csv.DictReader(io.StringIO(reply.body.decode())))
            self.assertEqual(len(table), 2)
            self.assertEqual(table[0]["permanent_id"], agent["permanent_id"])
            self.assertEqual(table[0]["new_status"], "offline")
            self.assertFalse(any(value.startswith(("=", "+", "@")) for value in table[0].values()))
        self.assertLess(now_ms() - started, 20000)

    def test_transitions_are_filtered_and_paged(self):
        agents = [self.api.register() for _ in range(3)]
        for agent in agents:
            for status in ("online", "offline", "online"):
                self.api.beat(agent, {"status": status})
        one = "/api/status-transitions?agent_id=" + agents[0]["permanent_id"]
        self.assertEqual(len(self.api.get(one).json["data"]), 3)
        self.assertEqual(len(self.api.get(one + "&new_status=online").json["data"]), 2)
        first = self.api.get(one + "&limit=2").json
        self.assertTrue(first["has_more"])
        second = self.api.get(one + "&limit=2&cursor=" + first["next"]).json
        self.assertEqual((len(second["data"]), second["has_more"]), (1, False))
        for query, field in (
            ("new_status=busy", "new_status"),
            ("limit=0", "limit"),
            ("since=yesterday", "since"),
            ("cursor=x", "cursor"),
        ):
            self.refused(
                self.api.get("/api/status-transitions?" + query), 400, "VALIDATION_ERROR", field
            )
