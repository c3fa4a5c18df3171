"""Access tokens as a proof of who calls: beside API keys on every row with a scope, until they
expire, are revoked, or their agent is not active any more."""
import base64
import json
import uuid

from client import Client
from flow import Flow
from rosterd import wait_for


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Access(Flow):
    def bootstrap(self, *more):
        return self.daemon.run("token", "bootstrap", *more).strip()

    def identity(self, api=None, **members):
        body = {
            "email": uuid.uuid4().hex + "@access.example",
            "agentType": "custom",
            "version": "1.0.0",
            "capabilities": ["a:b"],
            "owner": "access",
            "deploymentEnv": "staging",
            **members,
        }
        reply = (api or self.api).post("/api/v1/agents", body)
        self.assertEqual(reply.status, 201, reply)
        return reply.json

    def token(self, agent, scope=None, api=None):
        path = "/api/v1/agents/%s/credentials" % agent["agentId"]
        secret = (api or self.api).post(path, {}).json["clientSecret"]
        reply = self.api.with_credential(None).post(
            "/api/v1/token",
            raw=(
                "grant_type=client_credentials&client_id=%s&client_secret=%s%s"
                % (agent["agentId"], secret, "&scope=" + scope if scope else "")
            ).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        self.assertEqual(reply.status, 200, reply)
        return reply.json["access_token"]

    def refused(self, token, path="/api/v1/agents"):
        for target in (path, "/api/agents"):
            reply = self.api.with_credential(token).get(target)
            self.assertEqual((reply.status, reply.code), (401, "UNAUTHORIZED"), reply)

    def test_a_refusal_says_what_was_wrong_and_where_tokens_come_from(self):
        agent = self.identity()
        at = 'resource_metadata="%s/.well-known/oauth-protected-resource"' % self.daemon.url
        narrow = self.token(agent, "agents:read")
        wrong = 'Bearer error="invalid_token", ' + at
        lacks = 'Bearer error="insufficient_scope", scope="agents:write", ' + at
        for path in ("/api/v1/agents", "/api/agents"):
            for credential, status, challenge in (
                (None, 401, "Bearer " + at),
                (narrow[:-8] + "AAAAAAAA", 401, wrong),
                ("rk_" + "0" * 64, 401, wrong),
                ("nonsense", 401, wrong),
            ):
                reply = self.api.with_credential(credential).get(path)
                self.assertEqual(
                    (reply.status, reply.header("WWW-Authenticate")), (status, challenge)
                )
            reply = self.api.with_credential(narrow).post(path, {})
            self.assertEqual((reply.status, reply.header("WWW-Authenticate")), (403, lacks))
            reply = self.api.with_credential(narrow).get(path)
            self.assertEqual((reply.status, reply.header("WWW-Authenticate")), (200, None))

    def test_the_operators_first_token_reaches_every_organization(self):
        token = self.bootstrap()
        api = self.api.with_credential(token)
        claims = claims_of(token)
        self.assertEqual(claims["sub"], claims["client_id"])
        self.assertEqual(claims["exp"] - claims["iat"], 3600)
        self.assertIn("admin:orgs", claims["scope"].split())
        slug = "o" + uuid.uuid4().hex[:10]
        org = api.post("/api/v1/organizations", {"name": "Acme", "slug": slug}).json
        agent = self.identity(api, organization_id=org["organizationId"])
        theirs = api.with_credential(self.token(agent, api=api))
        self.assertEqual(theirs.get("/api/v1/agents").json["total"], 1)
        self.assertEqual(theirs.get("/api/v1/organizations").status, 403)

    def test_the_first_token_is_of_the_organization_and_scope_that_were_asked_for(self):
        claims = claims_of(self.bootstrap("--org", "system", "--scope", "agents:read"))
        self.assertEqual(claims["scope"], "agents:read")
        self.assertEqual(claims["organization_id"], "00000000-0000-4000-8000-000000000001")
        self.daemon.run("token", "bootstrap", "--org", "nowhere", status=5)
        self.daemon.run("token", "bootstrap", "--scope", "everything", status=2)

    def test_a_token_does_what_its_scopes_say(self):
        agent = self.identity()
        api = self.api.with_credential(self.token(agent, "agents:read"))
        self.assertEqual(api.get("/api/v1/agents/" + agent["agentId"]).json, agent)
        self.assertEqual(api.get("/api/agents/" + agent["agentId"]).status, 200)
        reply = api.patch("/api/v1/agents/" + agent["agentId"], {"owner": "me"})
        self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)
        self.assertEqual(reply.json["details"], {"scope": "agents:write"})

    def test_a_revoked_token_is_refused_at_once(self):
        agent = self.identity()
        token = self.token(agent)
        api = self.api.with_credential(token)
        self.assertEqual(api.get("/api/v1/agents").status, 200)
        reply = api.post(
            "/api/v1/token/revoke",
            raw=("token=" + token).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        self.assertEqual(reply.status, 200, reply)
        self.refused(token)

    def test_a_token_ends_with_the_life_of_its_agent(self):
        agent = self.identity()
        token = self.token(agent)
        path = "/api/v1/agents/" + agent["agentId"]
        api = self.api.with_credential(token)
        for _ in range(2):
            self.assertEqual(api.get("/api/v1/agents").status, 200)
            self.api.patch(path, {"status": "suspended"})
            self.refused(token)
            self.api.patch(path, {"status": "active"})
        self.assertEqual(api.get("/api/v1/agents").status, 200)
        self.api.delete(path)
        self.refused(token)

    def test_a_token_stands_and_falls_with_its_organization(self):
        operator = self.api.with_credential(self.bootstrap())
        slug = "o" + uuid.uuid4().hex[:10]
        org = operator.post("/api/v1/organizations", {"name": "Acme", "slug": slug}).json
        path = "/api/v1/organizations/" + org["organizationId"]
        agent = self.identity(operator, organization_id=org["organizationId"])
        token = self.token(agent, api=operator)
        first = self.bootstrap("--org", slug)
        ask = lambda: operator.post("/api/v1/token/introspect", {"token": token}).json
        for _ in range(2):
            for one in (token, first):
                self.assertEqual(self.api.with_credential(one).get("/api/v1/agents").status, 200)
            self.assertTrue(ask()["active"])
            self.assertEqual(operator.patch(path, {"status": "suspended"}).status, 200)
            for target in ("/api/v1/agents", "/api/agents") * 2:
                for one in (token, first):
                    reply = self.api.with_credential(one).get(target)
                    self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)
            self.assertEqual(ask(), {"active": False})
            self.assertEqual(operator.patch(path, {"status": "active"}).status, 200)
        operator.delete("/api/v1/agents/" + agent["agentId"])
        self.assertEqual(operator.delete(path).status, 204)
        self.refused(first)
        self.refused(token)

    def test_a_changed_token_is_refused(self):
        token = self.token(self.identity())
        head, body, signature = token.split(".")
        for other in (
            "%s.%s.%s" % (head, body, signature[:-4] + "AAAA"),
            "%s.%s." % (head, body) + signature[::-1],
            "%s.%s.%s" % (head, body[:-2] + "AA", signature),
            "%s.%s.%s" % (body, head, signature),
            "e30.e30.e30",
        ):
            self.refused(other)

    def test_other_kinds_of_secrets_are_told_apart(self):
        agent = self.api.register()
        reply = self.api.with_credential(agent["token"]).get("/api/agents")
        self.assertEqual((reply.status, reply.code), (401, "WRONG_CREDENTIAL"), reply)
        reply = self.api.with_credential(agent["token"]).get("/api/v1/agents")
        self.assertEqual((reply.status, reply.code), (401, "UNAUTHORIZED"), reply)
        token = self.token(self.identity())
        reply = self.api.with_credential(token).get("/api/agents/me")
        self.assertEqual((reply.status, reply.code), (401, "WRONG_CREDENTIAL"), reply)

    def test_a_restart_changes_nothing_about_tokens(self):
        token = self.token(self.identity())
        address = self.daemon.address
        self.daemon.stop()
        self.daemon.listen = "%s:%d" % address
        self.daemon.start()
        type(self).api = Client(self.daemon)
        wait_for(lambda: self.api.get("/readyz").status == 200, 10, "ready")
        self.assertEqual(self.api.with_credential(token).get("/api/v1/agents").status, 200)
