"""The token endpoint: what a client gets, what it is refused, and what becomes of a token."""
import base64
import hashlib
import json
import time
import urllib.parse
import uuid

from client import Client
from flow import Flow, Together

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NOBODY = "00000000-0000-4000-8000-0000000000ff"
BASE = "agents:read agents:write tokens:read audit:read webhooks:read webhooks:write"


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token):
    head, body, signature = token.split(".")
    return json.loads(unbase64(head)), json.loads(unbase64(body)), unbase64(signature)


def is_signed(token, key):
    """RS256 by hand (RFC 8017, section 8.2.2)."""
    signed, _, signature = token.rpartition(".")
    n, e = (int.from_bytes(unbase64(key[name]), "big") for name in "ne")
    size = (n.bit_length() + 7) // 8
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = prefix + hashlib.sha256(signed.encode()).digest()
    want = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    return pow(int.from_bytes(unbase64(signature), "big"), e, n).to_bytes(size, "big") == want


def basic(client, secret):
    quote = lambda text: urllib.parse.quote(text, safe="")
    pair = "%s:%s" % (quote(client), quote(secret))
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


class Asking(Flow):
    """A client of its own for each test, and requests that are good but for what is said."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nobody = cls.api.with_credential(None)
        cls.other_org = str(uuid.uuid4())
        cls.daemon.psql(
            "INSERT INTO organizations (id, slug, name) VALUES ('%s', 'other', 'Other')"
            % cls.other_org
        )
        cls.stranger = cls.api.with_credential(cls.key("other", "full"))

    @classmethod
    def key(cls, org, scope):
        return cls.daemon.run("key", "create", "--org", org, "--scope", scope).strip()

    def setUp(self):
        self.client, self.secret = self.make_client(self.api)

    def make_client(self, api, **members):
        reply = api.post(
            "/api/v1/agents",
            {
                "email": uuid.uuid4().hex + "@tokens.example",
                "agentType": "router",
                "version": "1.2.3",
                "capabilities": ["tokens:ask", "agents:*"],
                "owner": 'team "α"',
                "deploymentEnv": "staging",
                **members,
            },
        )
        self.assertEqual(reply.status, 201, reply)
        agent = reply.json["agentId"]
        made = api.post("/api/v1/agents/%s/credentials" % agent, {})
        self.assertEqual(made.status, 201, made)
        self.credential = made.json["credentialId"]
        return agent, made.json["clientSecret"]

    def form(self, path, values, headers=None):
        raw = values if isinstance(values, bytes) else urllib.parse.urlencode(values).encode()
        return self.nobody.call("POST", path, raw=raw, headers={**FORM, **(headers or {})})

    def ask(self, headers=None, **values):
        """A request that is good but for what is said; None leaves a parameter out."""
        good = {
            "grant_type": "client_credentials",
            "client_id": self.client,
            "client_secret": self.secret,
            **values,
        }
        kept = {name: value for name, value in good.items() if value is not None}
        return self.form("/api/v1/token", kept, headers)

    def token(self, **values):
        reply = self.ask(**values)
        self.assertEqual(reply.status, 200, reply)
        return reply.json["access_token"]

    def fails(self, reply, number, error):
        self.assertEqual((reply.status, reply.json["error"]), (number, error), reply)
        self.assertTrue(reply.json["error_description"])
        self.assertEqual(reply.header("Cache-Control"), "no-store")
        self.assertEqual(reply.header("Pragma"), "no-cache")
        return reply

    def events(self, action):
        return self.daemon.psql(
            "SELECT failed, org_id, coalesce(agent_id::text, ''), metadata FROM audit_events"
            " WHERE action = %d ORDER BY seq" % action
        )

    def uses(self, token):
        return self.api.with_credential(token).get("/api/v1/agents").status


class Tokens(Asking):
    # What is given.

    def test_a_client_gets_a_token_by_basic_and_by_the_body(self):
        for reply in (
            self.ask(),
            self.ask(basic(self.client, self.secret), client_id=None, client_secret=None),
            self.ask(basic(self.client, self.secret), client_secret=None),
            self.nobody.post(
                "/api/v1/token",
                {
                    "grant_type": "client_credentials",
                    "client_id": self.client,
                    "client_secret": self.secret,
                    "unknown_parameter": 1,
                },
            ),
        ):
            self.assertEqual(reply.status, 200, reply)
            self.assertEqual(
                sorted(reply.json), ["access_token", "expires_in", "scope", "token_type"]
            )
            self.assertEqual((reply.json["token_type"], reply.json["expires_in"]), ("Bearer", 3600))
            self.assertEqual(reply.json["scope"], BASE)
            self.assertEqual(reply.header("Cache-Control"), "no-store")
            self.assertEqual(reply.header("Pragma"), "no-cache")
            self.assertEqual(self.uses(reply.json["access_token"]), 200)

    def test_the_token_is_signed_by_a_published_key_and_says_what_it_must(self):
        issuer = self.api.get("/.well-known/openid-configuration").json["issuer"]
        keys = self.api.get("/.well-known/jwks.json").json["keys"]
        before = int(time.time())
        token = self.token(scope="audit:read agents:read")
        head, claims, _ = parts(token)
        keys = self.api.get("/.well-known/jwks.json").json["keys"]
        self.assertEqual(sorted(head), ["alg", "kid", "typ"])
        self.assertEqual((head["alg"], head["typ"]), ("RS256", "at+jwt"))
        self.assertTrue(is_signed(token, next(k for k in keys if k["kid"] == head["kid"])))
        self.assertEqual(
            {k: v for k, v in claims.items() if k not in ("iat", "exp", "jti")},
            {
                "iss": issuer,
                "aud": issuer,
                "sub": self.client,
                "client_id": self.client,
                "scope": "agents:read audit:read",
                "organization_id": self.daemon.ready["organization_id"],
            },
        )
        self.assertEqual(claims["exp"] - claims["iat"], 3600)
        self.assertTrue(before <= claims["iat"] <= time.time())
        self.assertEqual(str(uuid.UUID(claims["jti"])), claims["jti"])
        event = self.events(5)[-1]
        self.assertEqual(event[:3], ["f", self.daemon.ready["organization_id"], self.client])
        self.assertEqual(json.loads(event[3])["jti"], claims["jti"])

    def test_openid_gives_an_id_token_with_the_nonce(self):
        reply = self.ask(scope="openid", nonce='n"1')
        _, claims, _ = parts(reply.json["access_token"])
        head, who, _ = parts(reply.json["id_token"])
        keys = self.api.get("/.well-known/jwks.json").json["keys"]
        self.assertTrue(is_signed(reply.json["id_token"], keys[0]))
        self.assertEqual((head["alg"], head["typ"]), ("RS256", "JWT"))
        self.assertEqual((reply.json["scope"], claims["scope"]), ("openid", "openid"))
        self.assertEqual(
            {k: v for k, v in who.items() if k not in ("iat", "exp")},
            {
                "iss": claims["iss"],
                "sub": self.client,
                "aud": self.client,
                "nonce": 'n"1',
                "agent_id": self.client,
                "agent_type": "router",
                "organization_id": claims["organization_id"],
                "capabilities": ["tokens:ask", "agents:*"],
                "deployment_env": "staging",
                "owner": 'team "α"',
            },
        )
        self.assertNotIn("nonce", parts(self.ask(scope="openid").json["id_token"])[1])
        self.assertEqual(self.uses(reply.json["id_token"]), 401)

    def test_an_audience_may_be_an_address_of_this_service(self):
        issuer = self.api.get("/.well-known/openid-configuration").json["issuer"]
        for resource in (issuer, issuer + "/mcp"):
            token = self.token(resource=resource)
            self.assertEqual(parts(token)[1]["aud"], resource)
            self.assertEqual(self.uses(token), 200)
        for resource in ("https://elsewhere.example/", issuer + "0/", issuer + ".example", "x"):
            self.fails(self.ask(resource=resource), 400, "invalid_target")

    # What is refused.

    def test_parameters_are_checked_first(self):
        wrong = {"client_secret": "sk_live_" + "0" * 64}
        for change in (
            {"grant_type": None},
            {"grant_type": ""},
            {"client_id": None},
            {"client_secret": None},
            {"client_secret": ""},
            {"scope": "x" * 1001},
            {"nonce": "x" * 256},
            {"nonce": "a\x01b"},
            {"client_secret": "x" * 600},
        ):
            self.fails(self.ask(**{**wrong, **change}), 400, "invalid_request")
        for grant in ("authorization_code", "password", "refresh_token", "Client_Credentials"):
            self.fails(self.ask(grant_type=grant, **wrong), 400, "unsupported_grant_type")
        for scope in (
            "agents",
            "agents:read  audit:read",
            " agents:read",
            "full",
            "AGENTS:READ",
            "agents:read,audit:read",
            "agents:read x",
        ):
            self.fails(self.ask(scope=scope, **wrong), 400, "invalid_scope")

    def test_a_form_that_can_be_read_in_two_ways_is_refused(self):
        good = urllib.parse.urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self.client,
                "client_secret": self.secret,
            }
        ).encode()
        for bad in (
            good + b"&grant_type=client_credentials",
            good + b"&scope=agents:read&scope=audit:read",
            good + b"&resource=%s&resource=%s" % (b"a", b"a"),
            good + b"&nonce=a%00b",
            good + b"&nonce=%zz",
            good + b"&nonce=%ff",
            good + b"".join(b"&p%d=1" % n for n in range(40)),
            b"",
        ):
            self.fails(self.form("/api/v1/token", bad), 400, "invalid_request")
        for kind in ("text/plain", "multipart/form-data; boundary=x"):
            reply = self.form("/api/v1/token", good, {"Content-Type": kind})
            self.fails(reply, 400, "invalid_request")
        for raw in (b"{", b"[]", b'{"grant_type":"client_credentials","grant_type":"x"}'):
            reply = self.form("/api/v1/token", raw, {"Content-Type": "application/json"})
            self.fails(reply, 400, "invalid_request")
        reply = self.nobody.get("/api/v1/token")
        self.assertEqual((reply.status, reply.header("Allow")), (405, "POST"))
        reply = self.form("/api/v1/token?scope=agents:read", good)
        self.fails(reply, 400, "invalid_request")

    def test_a_client_authenticates_in_one_way(self):
        header = basic(self.client, self.secret)
        self.fails(self.ask(header), 400, "invalid_request")
        self.fails(self.ask(header, client_id=NOBODY, client_secret=None), 400, "invalid_request")
        for value in (
            "Basic",
            "Basic ",
            "Basic !!!!",
            "Basic eA==",
            "Basic eDp5=",
            "Basic JTAwOng=",
        ):
            reply = self.ask({"Authorization": value}, client_id=None, client_secret=None)
            self.assertIn(reply.status, (400, 401), value)

    def test_a_client_that_does_not_prove_itself_gets_nothing_and_no_hint(self):
        wrong = "sk_live_" + "0" * 64
        said = set()
        for client, secret in (
            (NOBODY, self.secret),
            ("not-a-uuid", self.secret),
            (self.client, wrong),
            (self.client, "x"),
            (self.make_client(self.stranger)[0], self.secret),
        ):
            reply = self.ask(client_id=client, client_secret=secret)
            self.fails(reply, 401, "invalid_client")
            self.assertEqual(reply.header("WWW-Authenticate"), "Bearer")
            said.add(reply.json["error_description"])
            reply = self.ask(basic(client, secret), client_id=None, client_secret=None)
            self.fails(reply, 401, "invalid_client")
            self.assertEqual(reply.header("WWW-Authenticate"), 'Basic realm="rosterd"')
            said.add(reply.json["error_description"])
        self.assertEqual(len(said), 1)

    def test_a_secret_that_was_rotated_revoked_or_has_expired_is_refused(self):
        path = "/api/v1/agents/%s/credentials/%s" % (self.client, self.credential)
        old = self.secret
        self.secret = self.api.post(path + "/rotate").json["clientSecret"]
        self.fails(self.ask(client_secret=old), 401, "invalid_client")
        self.token()
        move = "UPDATE credentials SET expires_at = now() %s interval '1 hour' WHERE id = '%s'"
        self.daemon.psql(move % ("-", self.credential))
        self.fails(self.ask(), 401, "invalid_client")
        self.daemon.psql(move % ("+", self.credential))
        self.token()
        self.assertEqual(self.api.delete(path).status, 204)
        self.fails(self.ask(), 401, "invalid_client")

    def test_agents_and_organizations_out_of_service_get_no_token(self):
        token = self.token()
        for life in (1, 3, 2):
            self.daemon.psql("UPDATE agents SET life = %d WHERE id = '%s'" % (life, self.client))
            self.fails(self.ask(), 403, "unauthorized_client")
            # Who has no secret is not told either.
            self.fails(self.ask(client_secret="x"), 401, "invalid_client")
        reply = self.introspect(token)
        self.assertEqual(reply.json, {"active": False})
        self.client, self.secret = self.make_client(self.stranger)
        state = "UPDATE organizations SET state = %d WHERE slug = 'other'"
        self.daemon.psql(state % 1)
        try:
            self.fails(self.ask(), 403, "unauthorized_client")
        finally:
            self.daemon.psql(state % 0)
        self.token()

    def test_only_admins_of_their_organization_may_ask_for_admin_orgs(self):
        self.fails(self.ask(scope="admin:orgs"), 400, "invalid_scope")
        join = (
            "INSERT INTO organization_members (org_id, agent_id, role)"
            " VALUES ('%s', '%s', %d) ON CONFLICT (org_id, agent_id) DO UPDATE SET role = %d"
        )
        org = self.daemon.ready["organization_id"]
        self.daemon.psql(join % (self.other_org, self.client, 1, 1))
        self.daemon.psql(join % (org, self.client, 0, 0))
        self.fails(self.ask(scope="agents:read admin:orgs"), 400, "invalid_scope")
        self.daemon.psql(join % (org, self.client, 1, 1))
        self.assertEqual(self.ask(scope="admin:orgs").json["scope"], "admin:orgs")
        self.assertEqual(self.ask().json["scope"], BASE)

    def test_the_months_cap_holds_when_all_ask_at_once(self):
        self.client, self.secret = self.make_client(self.stranger)
        self.daemon.psql("UPDATE organizations SET max_tokens_per_month = 5 WHERE slug = 'other'")
        try:
            form = urllib.parse.urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": self.client,
                    "client_secret": self.secret,
                }
            ).encode()
            one = lambda: Client(self.daemon, None).call(
                "POST", "/api/v1/token", raw=form, headers=FORM
            )
            statuses = [reply.status for reply in Together(*[one] * 16).wait()]
            self.assertEqual(sorted(statuses), [200] * 5 + [403] * 11)
            reply = self.fails(self.ask(), 403, "FREE_TIER_LIMIT_EXCEEDED")
            self.assertEqual(reply.json["code"], "FREE_TIER_LIMIT_EXCEEDED")
            self.assertEqual(reply.json["details"], {"limit": 5, "current": 5})
            self.assertTrue(reply.json["message"])
            counted = "SELECT issued FROM token_counts WHERE agent_id = '%s'" % self.client
            self.assertEqual(self.daemon.psql(counted), [["5"]])
            # A new month begins at nought.
            self.daemon.psql(
                "UPDATE token_counts SET month = month - interval '1 month' WHERE agent_id = '%s'"
                % self.client
            )
            self.token()
        finally:
            self.daemon.psql(
                "UPDATE organizations SET max_tokens_per_month = 10000 WHERE slug = 'other'"
            )

    def test_failures_are_in_the_audit_log_but_do_not_fill_it(self):
        for _ in range(4):
            self.ask(client_secret="wrong")
            self.ask(client_id=str(uuid.uuid4()))
        rows = self.events(11)
        mine = [row for row in rows if row[2] == self.client]
        self.assertEqual(len(mine), 1)
        self.assertEqual(mine[0][:2], ["t", self.daemon.ready["organization_id"]])
        self.assertEqual(json.loads(mine[0][3]), {"reason": "bad_secret"})
        unknown = [row for row in rows if row[2] == ""]
        self.assertTrue(unknown)
        self.assertLessEqual(len(unknown), 2)  # one address; a minute may end meanwhile
        self.assertEqual(json.loads(unknown[0][3]), {"reason": "unknown_client"})
        self.assertNotIn("wrong", json.dumps(rows))

    # Introspection.

    def introspect(self, token, headers=None, api=None, **more):
        raw = urllib.parse.urlencode({"token": token, **more}).encode()
        return (api or self.api).call(
            "POST", "/api/v1/token/introspect", raw=raw, headers={**FORM, **(headers or {})}
        )

    def test_a_token_in_force_is_told_about_to_whoever_may_ask(self):
        token = self.token(scope="agents:read tokens:read")
        _, claims, _ = parts(token)
        want = {"active": True, "token_type": "Bearer", **claims}
        own = basic(self.client, self.secret)
        by_body = {"client_id": self.client, "client_secret": self.secret}
        for reply in (
            self.introspect(token),
            self.introspect(token, token_type_hint="access_token"),
            self.introspect(token, own, self.nobody),
            self.introspect(token, api=self.nobody, **by_body),
            self.introspect(token, api=self.api.with_credential(token)),
            self.api.post("/api/v1/token/introspect", {"token": token}),
            self.introspect(
                token, api=self.api.with_credential(self.key("other", "full,admin:orgs"))
            ),
        ):
            self.assertEqual((reply.status, reply.json), (200, want), reply)
            self.assertEqual(reply.header("Cache-Control"), "no-store")
        self.assertEqual(json.loads(self.events(7)[-1][3])["jti"], claims["jti"])

    def test_anything_else_is_not_active_and_nothing_more(self):
        token = self.token()
        head, body, signature = token.split(".")
        for other in (
            "x",
            "a.b.c",
            "sk_live_" + "0" * 64,
            self.daemon.key,
            ".".join((head, body, signature[::-1])),
            ".".join((head, body, "")),
            self.ask(scope="openid").json["id_token"],
        ):
            self.assertEqual(self.introspect(other).body, b'{"active":false}', other)
        self.assertEqual(self.introspect(token, api=self.stranger).body, b'{"active":false}')
        theirs = self.make_client(self.stranger)
        reply = self.introspect(token, basic(*theirs), self.nobody)
        self.assertEqual(reply.body, b'{"active":false}')

    def test_asking_needs_a_proof_and_the_scope(self):
        token = self.token()
        narrow = self.api.with_credential(self.token(scope="agents:read"))
        self.fails(self.introspect(token, api=narrow), 403, "insufficient_scope")
        keyless = self.api.with_credential(self.key("system", "openid"))
        self.fails(self.introspect(token, api=keyless), 403, "insufficient_scope")
        self.fails(self.introspect(token, api=self.nobody), 401, "invalid_token")
        wrong = self.introspect(token, basic(self.client, "x"), self.nobody)
        self.fails(wrong, 401, "invalid_client")
        self.assertEqual(wrong.header("WWW-Authenticate"), 'Basic realm="rosterd"')
        for path in ("introspect", "revoke"):
            reply = self.api.call("POST", "/api/v1/token/" + path, raw=b"x=1", headers=FORM)
            self.fails(reply, 400, "invalid_request")
            both = {"token": token, "client_secret": self.secret}
            reply = self.form("/api/v1/token/" + path, both, basic(self.client, self.secret))
            self.assertIn(reply.status, (400, 401))
            wrong = basic(self.client, "x")
            reply = self.form("/api/v1/token/" + path, {"token": token}, wrong)
            self.fails(reply, 401, "invalid_client")
            self.daemon.psql("UPDATE agents SET life = 1 WHERE id = '%s'" % self.client)
            reply = self.form(
                "/api/v1/token/" + path, {"token": token}, basic(self.client, self.secret)
            )
            self.fails(reply, 403, "unauthorized_client")
            self.daemon.psql("UPDATE agents SET life = 0 WHERE id = '%s'" % self.client)

    # Revocation.

    def revoke(self, token, headers=None, api=None, **more):
        raw = urllib.parse.urlencode({"token": token, **more}).encode()
        return (api or self.api).call(
            "POST", "/api/v1/token/revoke", raw=raw, headers={**FORM, **(headers or {})}
        )

    def is_revoked(self, token):
        rows = self.daemon.psql(
            "SELECT extract(epoch FROM expires_at)::bigint FROM revoked_tokens WHERE jti = '%s'"
            % parts(token)[1]["jti"]
        )
        if rows:
            self.assertEqual(int(rows[0][0]), parts(token)[1]["exp"])
        return bool(rows)

    def test_a_revoked_token_is_refused_at_once(self):
        own = lambda: (basic(self.client, self.secret), self.nobody)
        for headers, api in (own(), (None, self.api)):
            token = self.token()
            self.assertEqual(self.uses(token), 200)
            reply = self.revoke(token, headers, api)
            self.assertEqual((reply.status, reply.body), (200, b""), reply)
            self.assertEqual(self.uses(token), 401)
            self.assertTrue(self.is_revoked(token))
            self.assertEqual(self.introspect(token).body, b'{"active":false}')
            self.assertEqual(self.revoke(token, headers, api).status, 200)
            events = [json.loads(e[3])["jti"] for e in self.events(6)]
            self.assertEqual(events.count(parts(token)[1]["jti"]), 1)
        token = self.token(scope="agents:read")
        self.assertEqual(self.revoke(token, api=self.api.with_credential(token)).status, 200)
        self.assertEqual(self.uses(token), 401)

    def test_what_is_no_token_of_ones_own_stays_as_it_is(self):
        token = self.token()
        for unknown in ("x", "a.b.c", token[:-4] + "AAAA"):
            self.assertEqual(self.revoke(unknown).status, 200)
        self.assertEqual(self.revoke(token, api=self.stranger).status, 200)
        self.assertFalse(self.is_revoked(token))
        mine = self.client, self.secret
        self.client, self.secret = self.make_client(self.api)
        narrow = self.api.with_credential(self.token(scope="agents:read"))
        self.fails(self.revoke(token, api=narrow), 403, "insufficient_scope")
        keyless = self.api.with_credential(self.key("system", "openid"))
        self.fails(self.revoke(token, api=keyless), 403, "insufficient_scope")
        self.fails(self.revoke("x", api=keyless), 403, "insufficient_scope")
        self.fails(self.revoke(token, api=self.nobody), 401, "invalid_token")
        self.assertFalse(self.is_revoked(token))
        self.assertEqual(self.uses(token), 200)
        self.client, self.secret = mine
        self.assertEqual(self.revoke(token, api=self.api.with_credential(token)).status, 200)

    # Who calls.

    def test_an_agent_may_ask_who_it_is(self):
        reply = self.api.with_credential(self.token(scope="audit:read")).get("/agent-info")
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual((reply.json["sub"], reply.json["agent_id"]), (self.client, self.client))
        self.assertEqual(reply.json["capabilities"], ["tokens:ask", "agents:*"])
        self.assertEqual(reply.json["agent_type"], "router")
        self.assertEqual(reply.json["deployment_env"], "staging")
        self.assertEqual(reply.json["owner"], 'team "α"')
        self.assertEqual(reply.json["organization_id"], self.daemon.ready["organization_id"])
        self.assertEqual(self.api.get("/agent-info").status, 403)
        self.assertEqual(self.nobody.get("/agent-info").status, 401)

    def test_no_secret_and_no_token_is_kept_or_logged(self):
        token = self.ask(scope="openid agents:read").json["access_token"]
        self.introspect(token, basic(self.client, self.secret), self.nobody)
        self.revoke(token)
        self.ask(client_secret="sk_live_" + "ab" * 32)
        dump, log = self.daemon.dump().decode(), self.daemon.log_text()
        for text in (self.secret, token, token.split(".")[2], "sk_live_" + "ab" * 32):
            self.assertNotIn(text, dump)
            self.assertNotIn(text, log)


class Limits(Asking):
    settings = {
        "limits.enabled": "yes",
        "limits.client": "3",
        "limits.bad_token": "5",
        "server.trusted_proxies": "127.0.0.0/8",
    }

    def left(self, **values):
        reply = self.ask(**values)
        self.assertEqual(reply.header("X-RateLimit-Limit"), "3", reply)
        if reply.status == 429:
            self.fails(reply, 429, reply.json["error"])
            self.assertTrue(1 <= int(reply.header("Retry-After")) <= 60)
        return reply.status, reply.header("X-RateLimit-Remaining")

    def test_requests_are_counted_by_client_and_else_by_address(self):
        self.assertEqual(self.left(), (200, "2"))
        self.assertEqual(self.left(scope="nonsense"), (400, "1"))
        self.assertEqual(self.left(client_secret=None), (400, "0"))
        self.assertEqual(self.left(), (429, "0"))
        reply = self.ask(basic(self.client, self.secret), client_id=None, client_secret=None)
        self.assertEqual(reply.status, 429)
        self.client, self.secret = self.make_client(self.api)
        self.assertEqual(self.left(), (200, "2"))
        for n in range(3):
            self.assertEqual(self.left(client_id="no id %d" % n)[0], 401)
        self.assertEqual(self.left(client_id="no id")[0], 429)
        self.assertEqual(self.left(client_id=None)[0], 429)

    def test_a_stranger_elsewhere_cannot_use_up_what_a_client_may_ask(self):
        client, secret = self.make_client(self.api)
        elsewhere = {"X-Forwarded-For": "198.51.100.7"}
        form = {"grant_type": "client_credentials", "client_id": client}
        wrong = {**form, "client_secret": "sk_live_" + "0" * 64}
        statuses = [self.form("/api/v1/token", wrong, elsewhere).status for _ in range(5)]
        self.assertEqual(statuses, [401, 401, 401, 429, 429])
        good = {**form, "client_secret": secret}
        self.assertEqual(self.form("/api/v1/token", good, elsewhere).status, 429)
        # The client itself has all that is documented, from all its addresses together.
        for n, status in enumerate((200, 200, 200, 429)):
            reply = self.form("/api/v1/token", good, {"X-Forwarded-For": "203.0.113.%d" % n})
            self.assertEqual(reply.status, status, reply)
            self.assertEqual(reply.header("X-RateLimit-Remaining"), str(max(0, 2 - n)))

    def test_wrong_secrets_are_counted_by_address_whatever_the_client(self):
        statuses = [self.left(client_id=str(uuid.uuid4()))[0] for _ in range(9)]
        self.assertIn(401, statuses)
        self.assertEqual(statuses[-1], 429)
