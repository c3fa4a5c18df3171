"""Credentials of organizations, and the access tokens that /auth/get_token gives for them."""
import json
import re
import time
import uuid

from client import Client
from flow import Flow
from rosterd import organization, wait_for
from tokens import is_signed, parts

BAD = "sk_live_" + "0" * 64


class Tokens(Flow):
    def setUp(self):
        self.nobody = Client(self.daemon, None)
        self.credential = self.make()

    def make(self, *words):
        return json.loads(
            self.daemon.run("credential", "create", "--org", "system", "--json", *words)
        )

    def ask(self, **members):
        body = {
            "client_id": self.credential["client_id"],
            "client_secret": self.credential["client_secret"],
            **members,
        }
        kept = {name: value for name, value in body.items() if value is not None}
        return self.nobody.post("/auth/get_token", kept)

    def token(self, **members):
        reply = self.ask(**members)
        self.assertEqual(reply.status, 200, reply)
        return reply.json["token"]

    def uses(self, token):
        return self.api.with_credential(token).get("/api/v1/agents").status

    def events(self, action):
        rows = self.daemon.psql(
            "SELECT failed, coalesce(agent_id::text, ''), metadata FROM audit_events"
            " WHERE action = %d ORDER BY seq" % action
        )
        return [(failed == "t", whom, json.loads(text)) for failed, whom, text in rows]

    # ---- the answer ----

    def test_a_token_has_the_documented_claims_and_is_signed_by_a_published_key(self):
        before = int(time.time())
        reply = self.ask(agent_type="navigator")
        self.assertEqual(set(reply.json), {"token"}, reply)
        self.assertEqual(reply.header("Cache-Control"), "no-store")
        head, claims, _ = parts(reply.json["token"])
        keys = self.nobody.get("/.well-known/jwks.json").json["keys"]
        self.assertTrue(
            is_signed(reply.json["token"], next(k for k in keys if k["kid"] == head["kid"]))
        )
        self.assertEqual(head["alg"], "RS256")
        self.assertEqual(claims["tenant_id"], self.daemon.ready["organization_id"])
        self.assertEqual(claims["organization_id"], claims["tenant_id"])
        self.assertEqual(claims["agent_type"], "navigator")
        self.assertEqual(claims["sub"], self.credential["client_id"])
        self.assertEqual(claims["credential_id"], self.credential["client_id"])
        self.assertEqual(claims["scopes"], ["read", "admin", "full"])
        self.assertNotIn("admin:orgs", claims["scope"].split())
        self.assertEqual(claims["exp"] - claims["iat"], 86400)
        self.assertTrue(before <= claims["iat"] <= time.time())

    def test_defaults_and_bounds_of_the_body(self):
        self.assertEqual(parts(self.token())[1]["agent_type"], "credential")
        for seconds in (1, 60, 86400):
            claims = parts(self.token(expires_in=seconds))[1]
            self.assertEqual(claims["exp"] - claims["iat"], seconds)
        for bad, field in (
            ({"client_id": None}, "client_id"),
            ({"client_secret": None}, "client_secret"),
            ({"client_id": 5}, "client_id"),
            ({"client_secret": "x" * 513}, "client_secret"),
            ({"expires_in": 0}, "expires_in"),
            ({"expires_in": 86401}, "expires_in"),
            ({"expires_in": "60"}, "expires_in"),
            ({"expires_in": 1.5}, "expires_in"),
            ({"agent_type": ""}, "agent_type"),
            ({"agent_type": "a" * 129}, "agent_type"),
            ({"agent_type": None, "expires_in": -1}, "expires_in"),
        ):
            reply = self.ask(**bad)
            self.assertEqual((reply.status, reply.code), (400, "INVALID_REQUEST"), reply)
            self.assertEqual(reply.json["details"]["field"], field, reply)
            self.assertFalse(reply.json["ok"])
        self.assertEqual(self.ask(unknown=True).status, 200)

    def test_the_scopes_of_the_credential_are_those_of_its_tokens(self):
        for words, want, status in (
            ("read", ["read"], 403),
            ("admin", ["read", "admin"], 201),
            ("agents:read", [], 403),
        ):
            self.credential = self.make("--scope", words)
            token = self.token()
            self.assertEqual(parts(token)[1]["scopes"], want)
            self.assertEqual(self.uses(token), 200)
            made = self.api.with_credential(token).post("/api/agents", {"name": "x"})
            self.assertEqual(made.status, status, made)

    def test_a_token_is_one_for_every_dialect(self):
        api = self.api.with_credential(self.token())
        self.assertEqual(api.get("/api/agents").status, 200)
        self.assertEqual(api.get("/api/v1/agents").status, 200)
        facts = api.post("/api/v1/token/introspect", {"token": self.token()}).json
        self.assertTrue(facts["active"], facts)
        self.assertEqual(facts["sub"], self.credential["client_id"])
        self.refused(api.get("/agent-info"), 403, "insufficient_scope")

    def test_the_client_secret_of_an_agent_works_as_well(self):
        agent = self.api.register("client")
        made = self.api.post("/api/v1/agents/%s/credentials" % agent["id"], {}).json
        pair = {"client_id": agent["id"], "client_secret": made["clientSecret"]}
        claims = parts(self.token(**pair))[1]
        self.assertEqual((claims["sub"], claims["credential_id"]), (agent["id"], agent["id"]))
        self.assertNotIn("token_use", claims)
        self.assertEqual(self.uses(self.token(**pair)), 200)
        self.daemon.psql("UPDATE organizations SET max_tokens_per_month = 2")
        self.refused(self.ask(**pair), 403, "FREE_TIER_LIMIT_EXCEEDED")
        self.daemon.psql("UPDATE organizations SET max_tokens_per_month = 10000")
        self.api.post("/api/agents/%s/archive" % agent["id"], {})
        self.refused(self.ask(**pair), 403, "FORBIDDEN")

    # ---- what is refused ----

    def test_a_wrong_pair_is_refused_and_noted(self):
        other = self.make()
        for pair in (
            {"client_secret": BAD},
            {"client_secret": other["client_secret"]},
            {"client_id": str(uuid.uuid4())},
            {"client_id": "cred_abc123"},
        ):
            reply = self.ask(**pair)
            self.refused(reply, 401, "UNAUTHORIZED")
            self.assertNotIn(self.credential["client_secret"], reply.body.decode())
        events = self.events(11)
        wrong = [(True, self.credential["client_id"], {"reason": "bad_secret"})]
        self.assertEqual([e for e in events if e[1] == wrong[0][1]], wrong)

    def test_a_suspended_organization_gets_no_token_and_its_tokens_are_refused(self):
        organization(self.daemon, "resting")
        self.credential = json.loads(
            self.daemon.run("credential", "create", "--org", "resting", "--json")
        )
        token = self.token()
        self.assertEqual(self.uses(token), 200)
        operator = self.api.with_credential(
            self.daemon.run("key", "create", "--org", "system", "--scope", "admin:orgs").strip()
        )
        where = "/api/v1/organizations/" + self.credential["organization_id"]
        reply = operator.patch(where, {"status": "suspended"})
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(self.uses(token), 403)
        self.refused(self.ask(), 403, "FORBIDDEN")

    def test_a_revoked_credential_gets_no_token_and_its_tokens_end(self):
        token = self.token()
        self.assertEqual(self.uses(token), 200)
        self.daemon.run("credential", "revoke", self.credential["client_id"])
        wait_for(lambda: self.uses(token) == 401, 10, "the token is refused")
        self.refused(self.ask(), 401, "UNAUTHORIZED")
        facts = self.api.post("/api/v1/token/introspect", {"token": token}).json
        self.assertEqual(facts, {"active": False})
        other = self.make()
        self.credential = other
        self.assertEqual(self.uses(self.token()), 200)

    def test_a_token_ends_by_itself(self):
        token = self.token(expires_in=2)
        self.assertEqual(self.uses(token), 200)
        wait_for(lambda: self.uses(token) == 401, 10, "the token has expired")

    # ---- the command line ----

    def test_the_verbs_and_what_they_leave_behind(self):
        made = self.make("--name", "for the fleet")
        self.assertRegex(made["client_secret"], "^sk_live_[0-9a-f]{64}$")
        self.assertEqual(made["hint"], made["client_secret"][-4:])
        plain = self.daemon.run("credential", "create", "--org", "system").split()
        self.assertEqual(len(plain), 2)
        self.assertTrue(re.fullmatch("[0-9a-f-]{36}", plain[0]))
        listed = self.daemon.run("credential", "list", "--org", "system", "--json")
        self.assertNotIn("sk_live_", listed)
        row = next(c for c in json.loads(listed) if c["client_id"] == made["client_id"])
        self.assertEqual((row["name"], row["revoked_at"]), ("for the fleet", None))
        self.assertIn(made["client_id"], self.daemon.run("credential", "list"))
        self.daemon.run("credential", "revoke", made["client_id"])
        self.daemon.run("credential", "revoke", made["client_id"], status=5)
        self.daemon.run("credential", "revoke", "nonsense", status=2)
        self.daemon.run("credential", "revoke", status=2)
        self.daemon.run("credential", "create", status=2)
        self.daemon.run("credential", "create", "--org", "nobody", status=5)
        self.daemon.run("credential", "create", "--org", "system", "--scope", "king", status=2)
        for action in (8, 10):
            whom = made["client_id"]
            self.assertIn((False, whom, {"credentialId": whom}), self.events(action))

    def test_no_secret_is_kept_or_logged(self):
        token = self.token()
        self.ask(client_secret=BAD)
        for secret in (self.credential["client_secret"], token, token.split(".")[2]):
            self.assertNotIn(secret, self.daemon.log_text())
            self.assertNotIn(secret.encode(), self.daemon.dump())


class Limited(Flow):
    settings = {"limits.enabled": "yes", "limits.client": "3"}

    def test_each_client_has_a_limit_of_its_own(self):
        nobody = Client(self.daemon, None)
        for name in (str(uuid.uuid4()), "nonsense"):
            body = {"client_id": name, "client_secret": BAD}
            replies = [nobody.post("/auth/get_token", body) for _ in range(5)]
            self.assertEqual([r.status for r in replies[3:]], [429, 429])
            self.assertEqual(replies[4].code, "RATE_LIMITED")
