"""The server as systemd runs it: start, readiness, watchdog, reload, stop, and what it refuses."""
import json
import os
import re
import secrets
import signal
import stat
import time
import unittest

from client import Client
from notify import NotifySocket
from postgres import Postgres, Server
from rosterd import PATIENCE, wait_for

PASSWORD = "never-to-be-printed"
GAUGE = "rosterd_config_last_reload_successful"


def setUpModule():
    global POSTGRES
    POSTGRES = Postgres()
    unittest.addModuleCleanup(POSTGRES.remove)
    POSTGRES.start()


class Case(unittest.TestCase):
    def server(self, migrated=True, **variables):
        server = Server(POSTGRES.database() + " password=" + PASSWORD, variables)
        self.addCleanup(self.end, server)
        return server.migrate() if migrated else server

    def end(self, server):
        """Whatever the test was about: the server stops well, and has kept its secrets."""
        try:
            server.stop()
            self.keeps_secrets(server, server.log_text())
        except BaseException:
            print("--- the log of rosterd\n" + server.log_text()[-6000:], flush=True)
            raise
        finally:
            server.remove()

    def keeps_secrets(self, server, text):
        self.assertNotIn(PASSWORD, text)
        self.assertNotRegex(text, r"\b[0-9a-f]{64}\b")

    def notified(self, server, abstract=False):
        name = "notify-" + secrets.token_hex(8)
        name = "@rosterd-" + name if abstract else server.path(name)
        heard = NotifySocket(name)
        self.addCleanup(heard.close)
        server.variables["NOTIFY_SOCKET"] = name
        return heard

    def started(self, server, **options):
        """Started under a notify socket, and ready."""
        heard = self.notified(server, **options)
        server.launch()
        heard.wait("READY")
        return heard

    def client(self, server, credential="key"):
        api = Client(server, credential)
        self.addCleanup(api.close)
        return api

    def gauge(self, api, name=GAUGE):
        text = api.get("/metrics").body.decode()
        return float(re.search(r"^%s (\S+)$" % name, text, re.M).group(1))

    def events(self, server, name):
        lines = [json.loads(line) for line in server.log_text().splitlines()]
        return [line for line in lines if line["event"] == name]

    def refusal(self, server, status, *parts, hint=None):
        """A start that is refused: one sentence with these parts, maybe a hint, nothing more."""
        got = server.verb("serve", status=status)
        said = [line for line in got.stderr.splitlines() if not line.startswith("{")]
        self.assertEqual(got.stdout, "")
        for part in parts:
            self.assertIn(part, said[0])
        if hint is None:
            self.assertNotIn("hint:", got.stderr)
        else:
            self.assertEqual(len(said), 2, got.stderr)
            self.assertRegex(said[1], "^hint: .*" + hint)
        self.keeps_secrets(server, got.stderr)
        return said


class Life(Case):
    def test_ready_is_told_only_when_it_can_serve(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                server = self.server()
                heard = self.notified(server, abstract)
                POSTGRES.stop()
                try:
                    self.before_the_database(server, heard)
                finally:
                    POSTGRES.start()
                self.with_the_database(server, heard)

    def before_the_database(self, server, heard):
        server.launch()
        heard.wait("STATUS", "waiting for the database")
        self.assertGreater(int(heard.wait("EXTEND_TIMEOUT_USEC", "3")["EXTEND_TIMEOUT_USEC"]), 0)
        api = self.client(server, None)
        self.assertEqual(api.get("/healthz").status, 200)
        reply = api.get("/readyz")
        self.assertEqual(reply.status, 503)
        self.assertEqual(self.gauge(api, "rosterd_ready"), 0)
        os.kill(server.pid, signal.SIGHUP)  # a reload must not be taken for readiness
        wait_for(lambda: self.events(server, "reloaded"), 10, "the reload")
        time.sleep(1)
        self.assertEqual(heard.count("READY"), 0)
        self.assertEqual(heard.count("RELOADING"), 0)

    def with_the_database(self, server, heard):
        self.assertEqual(heard.wait("READY")["STATUS"], "ready")
        api = self.client(server)
        self.assertEqual(api.get("/readyz").status, 200)
        self.assertTrue(api.register()["id"])
        self.assertEqual(heard.count("STOPPING"), 0)
        server.stop()
        heard.wait("STOPPING")
        self.assertEqual(heard.count("READY"), 1)
        self.assertEqual(self.events(server, "stopped")[0]["hurried"], 0)

    def test_a_schema_that_comes_after_the_server(self):
        server = self.server(migrated=False)
        heard = self.notified(server)
        POSTGRES.stop()
        try:
            server.launch()
            heard.wait("STATUS", "waiting for the database")
        finally:
            POSTGRES.start()
        api = self.client(server, None)
        time.sleep(1)
        self.assertEqual(api.get("/readyz").status, 503)
        self.assertEqual(heard.count("READY"), 0)
        server.migrate()
        heard.wait("READY")
        self.assertEqual(api.get("/readyz").status, 200)
        self.assertTrue(self.client(server).register()["id"])

    def test_a_stop_while_it_waits_for_the_database(self):
        server = self.server()
        heard = self.notified(server)
        POSTGRES.stop()
        try:
            server.launch()
            heard.wait("STATUS", "waiting for the database")
            begun = time.monotonic()
            server.stop()  # with status 0
            self.assertLess(time.monotonic() - begun, 10 * PATIENCE)
        finally:
            POSTGRES.start()
        heard.wait("STOPPING")
        self.assertEqual(heard.count("READY"), 0)

    def test_status_follows_the_database(self):
        server = self.server()
        heard = self.started(server)
        api = self.client(server, None)
        POSTGRES.stop()
        try:
            heard.wait("STATUS", "not ready: the database")
            wait_for(lambda: api.get("/readyz").status == 503, 10, "not ready")
            self.assertEqual(api.get("/healthz").status, 200)
        finally:
            POSTGRES.start()
        heard.wait("STATUS", "ready", after=heard.mark())
        self.assertEqual(api.get("/readyz").status, 200)

    def test_the_watchdog_is_fed_at_a_third_of_its_time_and_goes_on(self):
        server = self.server(WATCHDOG_USEC="900000")
        heard = self.started(server)
        begun, before = time.monotonic(), heard.count("WATCHDOG")
        wait_for(lambda: heard.count("WATCHDOG") >= before + 8, 20, "eight signs of life")
        self.assertGreater(time.monotonic() - begun, 1.5, "too many")
        times = [m["at"] for m in heard.heard if "WATCHDOG" in m]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), 0.9 * PATIENCE)

    def test_a_watchdog_of_another_process_is_not_fed(self):
        server = self.server(WATCHDOG_USEC="300000", WATCHDOG_PID="1")
        heard = self.started(server)
        time.sleep(1)
        self.assertEqual(heard.count("WATCHDOG"), 0)

    def test_credentials_of_systemd_are_enough(self):
        server = self.server()
        folder = server.path("credentials")
        os.mkdir(folder, 0o700)
        for key, name in (
            ("database.url_file", "database-url"),
            ("crypto.master_key_file", "master-key"),
        ):
            credential = os.path.join(folder, name)
            os.rename(server.settings.pop(key), credential)
            os.chmod(credential, 0o440)  # as systemd makes them: the directory guards them
        server.write()
        said = server.verb("check-config", status=3).stderr
        self.assertIn("database.url is not set", said)
        self.assertIn("crypto.master_key is not set", said)
        server.verb("check-config", "--no-secrets")
        server.variables["CREDENTIALS_DIRECTORY"] = folder
        heard = self.started(server)
        self.assertTrue(self.client(server).register()["id"])
        self.assertIn("applied", server.verb("migrate", "status").stdout)
        server.stop()
        heard.wait("STOPPING")

    def test_a_key_may_do_what_its_scope_says(self):
        server = self.server()
        self.started(server)
        api = self.client(server)
        api.connect(api.register(), api.register())
        self.assertEqual(api.get("/api/agents").status, 200)
        made = json.loads(
            server.verb(
                "key", "create", "--org", "system", "--scope", "agents:read", "--json"
            ).stdout
        )
        reader = api.with_credential(made["key"])
        self.assertEqual(reader.get("/api/agents").status, 200)
        self.assertEqual(reader.post("/api/agents", {"name": "no"}).status, 403)

    def test_the_log_is_a_json_object_per_line(self):
        server = self.server(http_proxy="http://127.0.0.1:9/")
        self.started(server)
        self.client(server).get("/api/agents")
        server.stop()
        for line in server.log_text().splitlines():
            self.assertTrue({"event", "level"} <= set(json.loads(line)), line)
        ignored = [row["variable"] for row in self.events(server, "environment_ignored")]
        self.assertIn("http_proxy", ignored)


    def test_for_the_journal_each_line_begins_with_its_priority(self):
        server = self.server().write(log__format="journal")
        self.started(server)
        self.client(server).get("/api/agents")
        server.stop()
        for line in server.log_text().splitlines():
            self.assertRegex(line, r"^<[3-7]>\S")


class Reload(Case):
    def hang_up(self, server, heard):
        """SIGHUP; the two messages that frame the reload."""
        mark, before = heard.mark(), time.monotonic()
        os.kill(server.pid, signal.SIGHUP)
        begun = heard.wait("RELOADING", after=mark)
        ended = heard.wait("READY", after=mark)
        self.assertLess(heard.heard.index(begun), heard.heard.index(ended))
        at = int(begun["MONOTONIC_USEC"]) / 1e6
        self.assertTrue(before <= at <= time.monotonic(), (before, at))
        return ended

    def beats_until_refused(self, api, agent, most):
        beater = api.with_credential(agent["token"])
        self.addCleanup(beater.close)
        for n in range(most):
            reply = beater.post("/api/agents/%s/heartbeat" % agent["id"])
            if reply.status == 429:
                return n
            self.assertEqual(reply.status, 200, reply)
        return most

    def test_a_good_change_takes_effect(self):
        server = self.server()
        heard = self.started(server)
        api = self.client(server)
        self.assertEqual(self.gauge(api), 1)
        self.assertEqual(self.beats_until_refused(api, api.register(), 10), 10)
        server.write(limits__heartbeat="2", server__loops="3")
        self.assertEqual(self.hang_up(server, heard)["STATUS"], "ready, reloaded")
        self.assertLess(self.beats_until_refused(api, api.register(), 10), 4)
        self.assertEqual(self.gauge(api), 1)
        held = self.events(server, "reload_needs_restart")
        self.assertEqual([row["key"] for row in held], ["server.loops"])

    def test_a_broken_file_changes_nothing(self):
        server = self.server()
        server.write(limits__heartbeat="3")
        heard = self.started(server)
        api = self.client(server)
        server.write(limits__heartbeat="5000", presence__window="soon", limits__nonsense="1")
        self.assertIn("refused", self.hang_up(server, heard)["STATUS"])
        self.assertEqual(self.gauge(api), 0)
        self.assertLess(self.beats_until_refused(api, api.register(), 10), 5)
        faults = self.events(server, "config_fault")
        self.assertEqual(len(faults), 2, faults)
        for fault in faults:
            self.assertRegex(fault["where"], r"rosterd\.conf:\d+$")
        self.assertEqual(self.events(server, "reload_refused")[0]["faults"], 2)
        server.write(limits__heartbeat="5000")
        self.hang_up(server, heard)
        self.assertEqual(self.gauge(api), 1)
        self.assertEqual(self.beats_until_refused(api, api.register(), 10), 10)

    def test_a_file_that_is_gone_or_a_secret_laid_open_changes_nothing(self):
        server = self.server()
        heard = self.started(server)
        api = self.client(server)
        os.chmod(server.path("master.key"), 0o644)
        self.assertIn("refused", self.hang_up(server, heard)["STATUS"])
        self.assertEqual(self.gauge(api), 0)
        os.chmod(server.path("master.key"), 0o600)
        self.assertEqual(self.hang_up(server, heard)["STATUS"], "ready, reloaded")
        os.rename(server.config, server.config + ".away")
        self.assertIn("refused", self.hang_up(server, heard)["STATUS"])
        self.assertTrue(api.register()["id"])
        os.rename(server.config + ".away", server.config)
        server.secret("master.key", secrets.token_hex(32))
        self.hang_up(server, heard)
        held = self.events(server, "reload_needs_restart")
        self.assertEqual([row["key"] for row in held], ["crypto.master_key"])


class Refusals(Case):
    def test_a_port_that_is_taken(self):
        server = self.server()
        self.started(server)
        said = self.refusal(
            server, 1, server.settings["server.listen"], "in use", hint="server.listen"
        )
        self.assertTrue(said[0].startswith("rosterd: "), said)
        self.assertTrue(self.client(server).register()["id"])

    def test_a_master_key_that_is_not_the_databases(self):
        server = self.server()
        with open(server.path("master.key"), encoding="utf-8") as f:
            right = f.read().strip()
        self.started(server)
        server.stop()
        server.secret("master.key", secrets.token_hex(32))
        self.refusal(server, 1, "master key", "not in the key file", hint="key file")
        # A new key before the old one is a change of key, and welcome.
        server.secret("master.key", secrets.token_hex(32) + "\n" + right)
        self.started(server)

    def test_a_schema_that_is_not_migrated(self):
        server = self.server(migrated=False)
        self.refusal(server, 1, "schema version 0", hint="rosterd migrate up")
        server.migrate()
        self.started(server)

    def test_a_schema_of_a_newer_binary(self):
        server = self.server()
        server.psql(
            "INSERT INTO schema_migrations SELECT (jsonb_populate_record(m,"
            " '{\"version\": 9999, \"name\": \"later\"}')).* FROM schema_migrations m LIMIT 1"
        )
        self.refusal(server, 1, "schema version 9999", hint="migrate status")
        self.assertRegex(server.verb("migrate", "status").stdout, r"9999 +later +unknown")
        said = server.verb("migrate", "up", status=1)
        self.assertEqual(said.stdout, "")

    def test_a_key_file_that_others_can_read(self):
        server = self.server()
        for name in ("master.key", "database.url"):
            with self.subTest(name=name):
                os.chmod(server.path(name), 0o644)
                said = self.refusal(server, 3, name, "can be read by others", "0600")
                self.assertRegex(said[0], r"rosterd\.conf:\d+: ")
                os.chmod(server.path(name), 0o600)

    def test_key_files_that_hold_no_key(self):
        server = self.server()
        for text in ("", "abc", "z" * 64, secrets.token_hex(33)):
            with self.subTest(text=text):
                server.secret("master.key", text)
                said = self.refusal(server, 3, "crypto.master_key")
                if len(text) > 3:
                    self.assertNotIn(text, "".join(said))
        os.unlink(server.path("master.key"))
        self.refusal(server, 3, "master.key", "No such file")

    def test_a_configuration_that_is_not_there(self):
        server = self.server()
        os.unlink(server.config)
        self.refusal(server, 3, server.config)

    def test_a_network_that_is_none(self):
        server = self.server()
        server.write(outbound__allow="10.0.0.0/99")
        said = server.verb("serve", status=3).stderr
        self.assertIn("10.0.0.0/99", said)


class Managing(Case):
    def test_migrate_up_and_status(self):
        server = self.server(migrated=False)
        before = json.loads(server.verb("migrate", "status", "--json").stdout)
        self.assertEqual({row["state"] for row in before}, {"pending"})
        done = json.loads(server.verb("migrate", "up", "--json").stdout)
        self.assertEqual(done["applied"], len(before))
        again = server.verb("migrate", "up")
        self.assertIn("0 migrations applied", again.stdout)
        after = json.loads(server.verb("migrate", "status", "--json").stdout)
        self.assertEqual({row["state"] for row in after}, {"applied"})
        self.assertEqual(done["version"], after[-1]["version"])
        for row in after:
            self.assertRegex(row["applied_at"], r"Z$")
        table = server.verb("migrate", "status").stdout.splitlines()
        self.assertEqual(len(table), 1 + len(after))

    def test_a_database_that_does_not_answer(self):
        server = self.server(migrated=False)
        POSTGRES.stop()
        try:
            for words in (("migrate", "up"), ("migrate", "status", "--json")):
                said = server.verb(*words, status=7)
                self.assertEqual(said.stdout, "")
                self.assertRegex(said.stderr, r"^rosterd: .*does not answer.*\nhint: .*\n$")
                self.keeps_secrets(server, said.stderr)
        finally:
            POSTGRES.start()

    def test_only_the_key_is_on_standard_output(self):
        server = self.server()
        made = server.verb("key", "create", "--org", "system", "--scope", "agents:read")
        self.assertRegex(made.stdout, r"^rk_[0-9a-f]{64}\n$")
        self.assertNotIn(made.stdout.strip(), made.stderr)
        row = json.loads(
            server.verb(
                *("key", "create", "--org", "system", "--scope", "read"),
                *("--name", "for tests", "--json"),
            ).stdout
        )
        self.assertEqual(row["name"], "for tests")
        self.assertRegex(row["key"], r"^rk_[0-9a-f]{64}$")
        self.assertNotIn(row["key"].encode(), server.dump())

    def test_keys_that_cannot_be_made(self):
        server = self.server()
        for words, status in (
            (("--scope", "agents:read"), 2),
            (("--org", "system"), 2),
            (("--org", "system", "--scope", "agents:rule"), 2),
            (("--org", "nobody", "--scope", "read"), 5),
        ):
            with self.subTest(words=words):
                said = server.verb("key", "create", *words, status=status)
                self.assertEqual(said.stdout, "")
                self.assertTrue(said.stderr.startswith("rosterd: "), said.stderr)

    def test_the_secret_files_of_a_server_are_left_as_they_were(self):
        server = self.server()
        self.started(server)
        for name in ("master.key", "database.url"):
            self.assertEqual(stat.S_IMODE(os.stat(server.path(name)).st_mode), 0o600)
