"""The guide that /api/v1 follows, to the letter: its request as it is printed there, sent by a
shell to the address that it names, and each answer that it shows."""
import json
import subprocess
import uuid

from client import Client
from flow import Flow
from rosterd import Daemon

REQUEST = """
curl -s -X POST http://localhost:3000/api/v1/agents \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{
    "email": "screener-001@talent.ai",
    "agentType": "screener",
    "version": "1.0.0",
    "capabilities": ["resume:read", "email:send", "candidate:score"],
    "owner": "talent-acquisition-team",
    "deploymentEnv": "production",
    "organization_id": "'$ORG_ID'"
  }' | jq .
"""


class Seed(Flow):
    @classmethod
    def setUpClass(cls):
        # A network namespace of its own: the port is free.
        cls.daemon = Daemon(cls.settings)
        cls.daemon.listen = "127.0.0.1:3000"
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.api = Client(cls.daemon)

    def setUp(self):
        words = ("org", "create", "--name", "Talent", "--slug", "t" + uuid.uuid4().hex[:12])
        self.org = self.daemon.run(*words, "--max-agents", "100").strip()
        self.token = self.daemon.run(
            "token", "bootstrap", "--org", self.org, "--scope", "agents:read,agents:write"
        ).strip()
        self.daemon.psql("UPDATE agents SET email = NULL")

    def send(self, was="", now=""):
        """The request, with one thing in it replaced; what jq would print."""
        self.assertIn(was, REQUEST)
        got = subprocess.run(
            ["sh", "-c", "jq() { cat; }\n" + REQUEST.replace(was, now) if was else
             "jq() { cat; }\n" + REQUEST],
            env={"PATH": "/usr/bin:/bin", "TOKEN": self.token, "ORG_ID": self.org},
            capture_output=True,
            text=True,
            check=True,
        )  # fmt: skip
        return json.loads(got.stdout)

    def shown(self, reply, code, message, details):
        """All that the guide shows; our request_id beside it."""
        self.assertIsNotNone(reply.pop("request_id"))
        self.assertEqual(reply, {"code": code, "message": message, "details": details})

    def test_the_example_registers_a_screener(self):
        agent = self.send()
        for member in ("agentId", "createdAt", "updatedAt"):
            self.assertTrue(agent.pop(member))
        self.assertEqual(
            agent,
            {
                "email": "screener-001@talent.ai",
                "agentType": "screener",
                "version": "1.0.0",
                "capabilities": ["resume:read", "email:send", "candidate:score"],
                "owner": "talent-acquisition-team",
                "deploymentEnv": "production",
                "status": "active",
            },
        )

    def test_an_invalid_email(self):
        self.shown(
            self.send("screener-001@talent.ai", "screener-001"),
            "VALIDATION_ERROR",
            "Request validation failed.",
            {"field": "email", "reason": "Must be a valid email address."},
        )

    def test_an_invalid_version(self):
        self.shown(
            self.send('"1.0.0"', '"1.0"'),
            "VALIDATION_ERROR",
            "Request validation failed.",
            {"field": "version", "reason": "Must be a valid semantic version string."},
        )

    def test_an_invalid_capability(self):
        for bad in ("Resume:Read", "read-resume"):
            reply = self.send("resume:read", bad)
            self.assertEqual(reply["code"], "VALIDATION_ERROR")
            self.assertEqual(reply["message"], "Request validation failed.")
            self.assertTrue(reply["details"]["field"].startswith("capabilities"), reply)

    def test_a_duplicate_email(self):
        self.send()
        self.shown(
            self.send(),
            "AGENT_ALREADY_EXISTS",
            "An agent with this email address is already registered.",
            {"email": "screener-001@talent.ai"},
        )

    def test_the_limit_of_100_agents(self):
        for n in range(100):
            self.assertIn("agentId", self.send("screener-001@", "screener-%d@" % (1000 + n)))
        self.shown(
            self.send(),
            "FREE_TIER_LIMIT_EXCEEDED",
            "Free tier limit of 100 registered agents has been reached.",
            {"limit": 100, "current": 100},
        )
