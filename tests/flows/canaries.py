"""Canary secrets go through every interface; afterwards they are in no log, page or file."""
import json
import os
import uuid

from client import Client
from flow import Flow
from rosterd import organization
from upstream import Upstream


class Secrets(Flow):
    settings = {"log.level": "debug"}

    def test_no_secret_leaves_but_towards_its_own_endpoint(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        mark = "CANARY-" + uuid.uuid4().hex
        secrets = [mark, self.daemon.key, organization(self.daemon, "second")]
        answers = []

        def ask(api, method, target, body=None, **more):
            reply = api.call(method, target, body, **more)
            answers.append((method, target, reply))
            return reply

        api = self.api
        caller = ask(api, "POST", "/api/agents", {"name": "caller"}).json
        made = {
            "name": "secretive",
            "endpoint_url": upstream.url("/echo/%s-url" % mark),
            "webhook_url": "http://127.0.0.1:9/%s-hook" % mark,
            "endpoint_api_key": mark + "-key",
            "metadata": {"note": "not a secret"},
        }
        agent = ask(api, "POST", "/api/agents", made).json
        secrets += [caller["token"], agent["token"]]
        for bad in (
            {**made, "license": "Nope"},
            {**made, "endpoint_url": "x:" + mark},
            {**made, "endpoint_api_key": mark + "\r\n"},
            {**made, "name": 5},
        ):
            ask(api, "POST", "/api/agents", bad)
        ask(api, "POST", "/api/agents", raw=b'{"endpoint_api_key": "%s' % mark.encode())
        ask(api.with_credential("tk_" + mark), "GET", "/api/agents/me")
        ask(api.with_credential("rk_" + mark), "GET", "/api/agents")
        ask(api.with_credential(mark), "GET", "/api/agents")
        ask(api.with_credential(agent["token"]), "GET", "/api/agents")
        ask(
            api.with_credential(agent["token"]),
            "POST",
            "/api/agents/%s/heartbeat" % agent["id"],
            {},
        )
        ask(api, "PATCH", "/api/agents/" + agent["id"], {"endpoint_api_key": mark + "-second"})
        rotated = ask(api, "POST", "/api/agents/%s/rotate-token" % agent["id"]).json["token"]
        secrets.append(rotated)
        connection = ask(
            api,
            "POST",
            "/api/connections",
            {"source_agent_id": caller["id"], "target_agent_id": agent["id"], "group_name": "g"},
        ).json
        own = api.with_credential(caller["token"])
        called = own.post("/api/proxy/" + connection["id"], {"x": mark + "-body"})
        self.assertEqual(called.status, 200)
        self.assertEqual(upstream.last().header("Authorization"), "Bearer %s-second" % mark)
        self.assertNotIn("tk_", json.dumps(upstream.last().headers))
        for target in (
            "/api/agents",
            "/api/agents/" + agent["id"],
            "/api/connections",
            "/api/calls",
            "/api/status-transitions",
            "/api/status-transitions.csv",
            "/metrics",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/docs",
            "/api/agents/%s?x=1" % agent["id"],
        ):
            ask(api, "GET", target)
        self.look(mark, secrets, answers)

    def look(self, mark, secrets, answers):
        self.assertGreater(len(self.daemon.log_text()), 1000)
        for secret in secrets:
            self.assertNotIn(secret, self.daemon.log_text())
            self.assertNotIn(secret.encode(), self.daemon.dump())
        once = {"POST /api/agents", "rotate-token"}
        for method, target, reply in answers:
            text = reply.body.decode() + str(reply.headers)
            self.assertNotIn(mark + "-key", text, target)
            self.assertNotIn(mark + "-second", text, target)
            if reply.status >= 400 or target.startswith(
                ("/metrics", "/docs", "/openapi", "/api/calls")
            ):
                self.assertNotIn(mark, text.replace("'%s'" % mark, ""), (method, target, reply))
            if not any(word in "%s %s" % (method, target) for word in once):
                for secret in secrets[1:]:
                    self.assertNotIn(secret, text, target)
        with open("/proc/%d/cmdline" % self.daemon.pid, "rb") as f:
            self.assertNotIn(mark.encode(), f.read())
        self.assertFalse([n for n in os.listdir(self.daemon.folder) if n.startswith("core")])

    def test_an_error_of_the_database_tells_the_client_nothing(self):
        self.daemon.psql("ALTER TABLE connections RENAME TO connections_away")
        try:
            reply = Client(self.daemon).get("/api/connections")
        finally:
            self.daemon.psql("ALTER TABLE connections_away RENAME TO connections")
        self.refused(reply, 500, "INTERNAL_ERROR")
        for word in (b"connections", b"relation", b"SELECT", b"42P01"):
            self.assertNotIn(word, reply.body)
