"""Clients that others wrote (tests/interop) against the daemon: what they discover, ask for
and verify, also while signing keys are replaced. Skipped when they are not installed."""
import json
import os
import subprocess
import unittest
import uuid

import mesh_rows
from flow import Flow
from rosterd import PATIENCE, SOURCE

FOLDER = os.path.join(SOURCE, "tests", "interop")
INSTALLED = os.path.isdir(os.path.join(FOLDER, "node_modules"))
ROTATIONS = 20


@unittest.skipUnless(INSTALLED, "they are not installed: npm ci --prefix tests/interop")
class Clients(Flow):
    # More than the seconds a node may be behind with its keys and rotation.mjs keeps the key set.
    settings = {"oauth.publish": "%ds" % (10 * PATIENCE)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.psql("UPDATE organizations SET max_tokens_per_month = 1000000")
        agent = {
            "email": uuid.uuid4().hex + "@interop.example",
            "agentType": "router",
            "version": "1.0.0",
            "capabilities": ["tokens:ask"],
            "owner": "interop",
            "deploymentEnv": "staging",
        }
        cls.client = cls.made("/api/v1/agents", agent)["agentId"]
        path = "/api/v1/agents/%s/credentials" % cls.client
        cls.secret = cls.made(path, {})["clientSecret"]

    @classmethod
    def made(cls, path, body):
        reply = cls.api.post(path, body)
        if reply.status != 201:
            raise AssertionError(reply)
        return reply.json

    def begin(self, script, seconds):
        """The running script; whatever it writes can be read."""
        process = subprocess.Popen(
            ["node", os.path.join(FOLDER, script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.daemon.folder,
            env={
                **os.environ,
                "INTEROP_URL": self.daemon.url,
                "INTEROP_CLIENT": self.client,
                "INTEROP_SECRET": self.secret,
                "INTEROP_SECONDS": str(seconds * PATIENCE),
            },
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def passes(self, process, seconds, lines=None):
        """It ends with status 0, having been told these lines; what it said last."""
        said, _ = process.communicate(lines, timeout=seconds * PATIENCE)
        self.assertEqual(process.returncode, 0, said)
        return said

    def test_jose_verifies_access_tokens_and_id_tokens_and_refuses_others(self):
        self.passes(self.begin("jose.mjs", 60), 60)

    def test_jose_verifies_every_token_while_keys_are_replaced(self):
        process = self.begin("rotation.mjs", 120)
        said = process.stdout.readline()
        if said != "ready\n":
            self.fail(said + self.passes(process, 10))
        kids = [self.daemon.run("signing-key", "rotate").strip() for _ in range(ROTATIONS)]
        said = self.passes(process, 130, "".join(kid + "\n" for kid in kids))
        print(said.strip(), flush=True)
        self.assertIn(" 0 failures", said)
        listed = json.loads(self.daemon.run("signing-key", "list", "--json"))
        states = {key["kid"]: key["state"] for key in listed}
        self.assertEqual(states[kids[-1]], "signing")

    def test_oauth4webapi_finds_the_server_and_has_tokens_issued_told_and_revoked(self):
        self.passes(self.begin("oauth4webapi.mjs", 60), 60)

    def test_openid_client_finds_the_server_and_has_tokens_issued_told_and_revoked(self):
        self.passes(self.begin("openid-client.mjs", 60), 60)


@unittest.skipUnless(INSTALLED, "they are not installed: npm ci --prefix tests/interop")
class A2a(Flow):
    def test_clients_of_a2a_0_3_and_1_0_send_stream_and_read_tasks(self):
        agent_type = "echo-" + uuid.uuid4().hex
        agent = self.api.register("echo")
        echo = mesh_rows.Agent(self.daemon, agent, agent_type, lambda payload: payload["args"])
        self.addCleanup(echo.close)
        more = {
            "INTEROP_URL": self.daemon.url,
            "INTEROP_KEY": self.daemon.key,
            "INTEROP_AGENT_TYPE": agent_type,
        }
        ended = subprocess.run(
            ["node", os.path.join(FOLDER, "a2a.mjs")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.daemon.folder,
            env={**os.environ, **more},
            timeout=60 * PATIENCE,
        )
        self.assertEqual(ended.returncode, 0, ended.stdout)
