"""/health and /health/detailed: what they say when all is well, and when the database is away."""
import time

from flow import Flow, Locked, Stopped, Together
from rosterd import PATIENCE, wait_for


class Well(Flow):
    def test_what_anyone_is_told(self):
        nobody = self.api.with_credential(None)
        self.addCleanup(nobody.close)
        health = nobody.get("/health")
        self.assertEqual((health.status, health.header("Cache-Control")), (200, "no-store"))
        self.assertEqual(health.json["status"], "ok")
        self.assertEqual(health.json["services"], {"database": "connected"})
        self.assertRegex(health.json["version"], r"^\d+\.\d+\.\d+$")
        self.assertTrue(0 <= health.json["uptime"] < 600)
        time.sleep(1.1)
        detailed = nobody.get("/health/detailed").json
        self.assertGreater(detailed["uptime"], health.json["uptime"])
        self.assertEqual(detailed["status"], "ok")
        database = detailed["services"]["database"]
        self.assertEqual(database["status"], "healthy")
        self.assertTrue(0 <= database["latencyMs"] <= 1000)


class Slow(Flow):
    settings = {"database.timeout": "30s", "server.request_timeout": "30s"}

    def test_a_slow_database_is_told_and_does_not_hold_up_the_quick_answer(self):
        with Locked(self.daemon, "service_state"):
            asked = Together(lambda: self.api.with_credential(None).get("/health/detailed"))
            time.sleep(1.5)
            begun = time.monotonic()
            self.assertEqual(self.api.get("/health").status, 200)
            self.assertLess(time.monotonic() - begun, 1 * PATIENCE)
        reply = asked.wait()[0]
        self.assertEqual((reply.status, reply.json["status"]), (200, "degraded"), reply)
        database = reply.json["services"]["database"]
        self.assertEqual(database["status"], "degraded")
        self.assertGreater(database["latencyMs"], 1000)


class Away(Flow):
    settings = {"database.timeout": "1s"}

    def test_a_database_that_is_away(self):
        with Stopped(self.daemon):
            away = lambda: self.api.get("/health").status == 503
            wait_for(away, 10, "noticed")
            for path, word in (("/health", "disconnected"), ("/health/detailed", "unreachable")):
                reply = self.refused(self.api.get(path), 503, "DATABASE_UNAVAILABLE")
                self.assertEqual((reply["status"], reply["database"]), ("degraded", word))
        for path in ("/health", "/health/detailed"):
            well = lambda: self.api.get(path).status == 200
            wait_for(well, 10, "well again")
