"""Nobody reaches what is another organization's: a matrix of every operation that needs a
credential, every kind of credential and every kind of id. What a cell must answer follows from
rules; an operation that is added is held to them without a word here."""
import json
import re
import uuid

from client import is_ours
from matrix import BODIES, Matrix, word
from rosterd import organization, wait_for

NOT_NOW = ("AGENT_STATE", "NO_AVAILABLE_INSTANCE")
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
TENANT_TABLES = (
    ("organizations", "id = '{org}'"),
    ("organization_members", "org_id = '{org}'"),
    ("api_keys", "org_id = '{org}'"),
    ("agents", "org_id = '{org}'"),
    ("org_credentials", "org_id = '{org}'"),
    ("allowed_types", "org_id = '{org}'"),
    ("instances", "org_id = '{org}'"),
    ("instance_states", "org_id = '{org}'"),
    ("connections", "org_id = '{org}'"),
    ("calls", "org_id = '{org}'"),
    ("credentials", "agent_id IN (SELECT id FROM agents WHERE org_id = '{org}')"),
    ("token_counts", "agent_id IN (SELECT id FROM agents WHERE org_id = '{org}')"),
    ("audit_events", "org_id = '{org}'"),
    ("revoked_tokens", "true"),
    ("sessions", "org_id = '{org}'"),
    ("session_agents", "session_id IN (SELECT id FROM sessions WHERE org_id = '{org}')"),
    ("messages", "org_id = '{org}'"),
)


class Tenancy(Matrix):
    """The built-in organization is the victim; the stranger has everything but admin:orgs."""

    strict = False

    @classmethod
    def prepare(cls):
        super().prepare()
        api = cls.api
        cls.paths["credentials"] = api.post(
            "/api/v1/agents/%s/credentials" % cls.agent["id"], {}
        ).json["credentialId"]
        cls.org = cls.daemon.ready["organization_id"]
        # Something to be seen in every list.
        path = "/api/proxy/" + cls.connection["id"]
        assert api.with_credential(cls.agent["token"]).post(path, {}).status == 200
        wait_for(lambda: api.get("/api/calls").json["data"], 5, "a call record")
        cls.stranger_key = organization(cls.daemon, "strangers")
        stranger = api.with_credential(cls.stranger_key)
        cls.stranger = stranger.register("stranger")
        cls.stranger_token = cls.token_of(stranger, cls.stranger)
        cls.operator_token = cls.daemon.run("token", "bootstrap").strip()
        cls.keys, cls.tokens = {}, {}
        for row in (o[2] for o in api.document.operations):
            for scope in row.get("x-scopes", ()):
                if scope not in cls.keys:
                    rest = cls.scopes() - {scope}
                    cls.keys[scope] = cls.key(",".join(sorted(rest)))
                    cls.tokens[scope] = cls.token_of(api, cls.agent, rest - {"admin:orgs"})

    @classmethod
    def scopes(cls):
        return {w for o in cls.api.document.operations for w in o[2].get("x-scopes", ())}

    @classmethod
    def token_of(cls, api, agent, scopes=None):
        secret = api.post("/api/v1/agents/%s/credentials" % agent["id"], {}).json["clientSecret"]
        body = {
            "grant_type": "client_credentials",
            "client_id": agent["id"],
            "client_secret": secret,
        }
        if scopes is not None:
            body["scope"] = " ".join(sorted(scopes))
        return api.with_credential(None).post("/api/v1/token", body).json["access_token"]

    # ---- rules ----

    def guarded(self):
        """(row, method, path) of every operation that needs a credential."""
        found = [
            (row, method, path)
            for method, _, row, path in self.api.document.operations
            if self.declares(row, "UNAUTHORIZED")
        ]
        self.assertGreater(len(found), 30)
        return found

    @staticmethod
    def is_agents_own(row):
        return any("agentToken" in way for way in row.get("security", ()))

    def wrong(self, row):
        """(what, credential, code): refused before anything else is looked at."""
        yield "nothing", None, "UNAUTHORIZED"
        if self.is_agents_own(row):
            yield "our key", self.daemon.key, "WRONG_CREDENTIAL"
            yield "our access token", self.token, "WRONG_CREDENTIAL"
            yield "a foreign key", self.stranger_key, "WRONG_CREDENTIAL"
            yield "a foreign access token", self.stranger_token, "WRONG_CREDENTIAL"
            return
        yield "our agent token", self.agent["token"], "WRONG_CREDENTIAL"
        yield "a foreign agent token", self.stranger["token"], "WRONG_CREDENTIAL"
        for scope in row.get("x-scopes", ()):
            yield "a key without " + scope, self.keys[scope], "INSUFFICIENT_SCOPE"
            yield "a token without " + scope, self.tokens[scope], "INSUFFICIENT_SCOPE"
        if "admin:orgs" in row.get("x-scopes", ()):
            yield "a foreign key", self.stranger_key, "INSUFFICIENT_SCOPE"
            yield "a foreign access token", self.stranger_token, "INSUFFICIENT_SCOPE"

    def foreign(self, row):
        """(what, credential) of a stranger who may do this at home."""
        if row["operationId"].startswith("send"):
            return []  # it answers by JSON-RPC: flows/mesh_send
        if self.is_agents_own(row):
            return [("a foreign agent token", self.stranger["token"])]
        if "admin:orgs" in row.get("x-scopes", ()):
            return []
        return [
            ("a foreign key", self.stranger_key),
            ("a foreign access token", self.stranger_token),
        ]

    def targets(self, path, ids):
        """(kind, target, other): other is the same with an id of the kind that nobody has."""
        if "{agent_type}" in path:
            return
        home = self.address(path, ids)
        names = [name for name in ids if "/%s/{" % name in path]
        for name in names:
            unknown = {**ids, name: str(uuid.uuid4())}
            yield name + " as a UUID", home, self.address(path, unknown)
            malformed = {**ids, name: "no-such id".replace(" ", "%20")}
            yield name + " malformed", self.address(path, malformed), None
        if "agents" in names:
            permanent = {**ids, "agents": self.agent["permanent_id"]}
            unknown = {**ids, "agents": "agt-" + "0" * len(self.agent["permanent_id"][4:])}
            yield "a permanent id", self.address(path, permanent), self.address(path, unknown)

    def documented(self, path, reply):
        """Contract decision 5: the identity dialect says that it is another's."""
        return (
            not self.strict
            and path.startswith("/api/v1/agents/{")
            and (reply.status, reply.code) == (403, "FORBIDDEN")
            and "another organization" in reply.json.get("message", "")
        )

    def neutral(self, reply, target, body):
        """What a reply says, without what its request said already, and without its own id."""
        text = reply.body.decode()
        sent = target + json.dumps(body)
        for said in sorted(set(re.findall(r"[0-9a-f-]{36}|agt-[0-9a-f]+", sent))):
            text = text.replace(said, "ID")
        text = re.sub(r'"request_id":"[^"]*"', "", text)
        return reply.status, reply.header("Content-Type"), text

    def said_of_ours(self, reply, target, body):
        """Which of the victim's ids a reply tells that its request did not."""
        sent = target + json.dumps(body)
        text = reply.body.decode() + repr(reply.headers)
        return [one for one in self.ours if one in text and one not in sent]

    def dump(self):
        """Every row of the victim."""
        rows = {}
        for table, which in TENANT_TABLES:
            got = self.daemon.psql(
                "SELECT to_jsonb(t) FROM %s t WHERE %s ORDER BY to_jsonb(t)::text"
                % (table, which.format(org=self.org))
            )
            rows[table] = [json.loads(row[0]) for row in got]
        return rows

    def unchanged(self, before):
        now = self.dump()
        for table in before:
            self.assertEqual(before[table], now[table], "the victim's %s changed" % table)

    def setUp(self):
        self.ours = [
            value
            for row in self.daemon.psql(
                "SELECT id::text FROM agents WHERE org_id = '{0}' UNION ALL"
                " SELECT permanent_id FROM agents WHERE org_id = '{0}' UNION ALL"
                " SELECT id::text FROM connections WHERE org_id = '{0}' UNION ALL"
                " SELECT id::text FROM api_keys WHERE org_id = '{0}' UNION ALL"
                " SELECT c.id::text FROM credentials c JOIN agents a ON a.id = c.agent_id"
                " WHERE a.org_id = '{0}' UNION ALL"
                " SELECT id::text FROM audit_events WHERE org_id = '{0}' UNION ALL"
                " SELECT id::text FROM sessions WHERE org_id = '{0}' UNION ALL"
                " SELECT id::text FROM messages WHERE org_id = '{0}' UNION ALL"
                " SELECT instance_id FROM instances WHERE org_id = '{0}' UNION ALL"
                " SELECT '{0}'".format(self.org)
            )
            for value in row
        ]
        self.assertGreater(len(self.ours), 8)

    # ---- cells ----

    def test_wrong_credentials_are_refused_whatever_the_id(self):
        before = self.dump()
        for row, method, path in self.guarded():
            cells = [(kind, target) for kind, target, _ in self.targets(path, self.paths)]
            for kind, target in cells or [("no id", self.address(path, self.paths))]:
                for what, credential, code in self.wrong(row):
                    with self.subTest(operation=row["operationId"], id=kind, credential=what):
                        body = self.body(row)
                        reply = self.api.with_credential(credential).call(method, target, body)
                        self.assertEqual(reply.code, word(target, code), (method, target, reply))
                        self.assertEqual(self.said_of_ours(reply, target, body), [])
        self.unchanged(before)

    def test_a_foreign_id_answers_as_one_that_nobody_has(self):
        before = self.dump()
        for row, method, path in self.guarded():
            for kind, target, other in self.targets(path, self.paths):
                for what, credential in self.foreign(row):
                    with self.subTest(operation=row["operationId"], id=kind, credential=what):
                        self.cell(row, method, path, credential, target, other)
        self.unchanged(before)

    def cell(self, row, method, path, credential, target, other):
        api, body = self.api.with_credential(credential), self.body(row)
        reply = api.call(method, target, body)
        self.assertTrue(400 <= reply.status < 500 and is_ours(reply), (method, target, reply))
        self.assertEqual(self.said_of_ours(reply, target, body), [])
        if other is not None and not self.documented(path, reply):
            self.assertEqual(
                self.neutral(reply, target, body),
                self.neutral(api.call(method, other, body), other, body),
            )

    def test_a_foreign_id_below_an_agent_of_ones_own_answers_as_one_that_nobody_has(self):
        before = self.dump()
        at_home = {**self.paths, "agents": self.stranger["id"]}
        found = [o for o in self.guarded() if o[2].count("{") > 1 and "/agents/{" in o[2]]
        self.assertTrue(found)
        for row, method, path in found:
            target = self.address(path, at_home)
            other = self.address(path, {**at_home, "credentials": str(uuid.uuid4())})
            for what, credential in self.foreign(row):
                with self.subTest(operation=row["operationId"], credential=what):
                    self.cell(row, method, path, credential, target, other)
        self.unchanged(before)

    def test_a_stranger_at_home_sees_and_changes_nothing_of_ours(self):
        """Operations without an id in the path; ids of ours in the body count for nothing."""
        before = self.dump()
        for row, method, path in self.guarded():
            for what, credential in [] if "{" in path else self.foreign(row):
                with self.subTest(operation=row["operationId"], credential=what):
                    body = self.body(row)
                    if row["operationId"] == "registerIdentity":
                        body["organization_id"] = self.org
                    api = self.api.with_credential(credential)
                    reply = api.call(method, path, body)
                    self.assertLess(reply.status, 500, reply)
                    self.assertEqual(self.said_of_ours(reply, path, body), [])
                    other = json.dumps(body)
                    for one in self.ours:
                        other = other.replace(one, str(uuid.uuid4()))
                    if any(w in other for w in ("agent_id", "session_id", "message_id")):
                        self.assertGreaterEqual(reply.status, 400, reply)
                        other = json.loads(other)
                        again = api.call(method, path, other)
                        self.assertEqual(
                            self.neutral(reply, path, body), self.neutral(again, path, other)
                        )
        introspect = self.api.with_credential(self.stranger_key).post
        reply = introspect("/api/v1/token/introspect", {"token": self.token})
        self.assertEqual(reply.json, {"active": False})
        self.unchanged(before)
        self.assertEqual(self.api.with_credential(self.token).get("/api/agents").status, 200)

    def test_a_filter_by_a_foreign_id_answers_as_by_one_that_nobody_has(self):
        ids = {"agent": self.agent["id"], "connection": self.connection["id"], "org": self.org}
        seen = 0
        for row, method, path in self.guarded():
            for parameter in row.get("parameters", ()):
                parameter = self.api.document.follow(parameter)
                name = parameter["name"]
                one = next((ids[k] for k in ids if re.match(k + ".*_?id$", name, re.I)), None)
                if parameter["in"] != "query" or one is None:
                    continue
                for what, credential in self.foreign(row):
                    with self.subTest(operation=row["operationId"], by=name, credential=what):
                        api = self.api.with_credential(credential)
                        target, other = (
                            "%s?%s=%s" % (path, name, x) for x in (one, uuid.uuid4())
                        )
                        reply, again = api.get(target), api.get(other)
                        self.assertEqual(self.said_of_ours(reply, target, None), [])
                        self.assertEqual(
                            self.neutral(reply, target, None), self.neutral(again, other, None)
                        )
                        seen += 1
        self.assertGreater(seen, 8)

    def test_a_foreign_idempotency_key_repeats_nothing(self):
        for row, method, path in self.guarded():
            parameters = map(self.api.document.follow, row.get("parameters", ()))
            names = [parameter["name"] for parameter in parameters]
            if "Idempotency-Key" not in names or not self.foreign(row) or "{" in path:
                continue
            with self.subTest(operation=row["operationId"]):
                headers, body = {"Idempotency-Key": uuid.uuid4().hex}, self.body(row)
                ours = self.api.call(method, path, body, headers=headers)
                self.assertLess(ours.status, 300, ours)
                api = self.api.with_credential(self.stranger_key)
                theirs = api.call(method, path, body, headers=headers)
                self.assertLess(theirs.status, 500, theirs)
                self.assertIsNone(theirs.header("Idempotent-Replayed"), theirs)
                self.assertNotEqual(theirs.body, ours.body)

    def fresh(self, path):
        """Ids that a good request may use up; the agent token belongs to the agent."""
        ids, agent = dict(self.paths), self.agent
        if path.startswith(("/sessions", "/messages")):
            self.renew()
        if "/agents/{" in path:
            agent = self.api.register()
            ids["agents"] = agent["id"]
        if "/credentials/{" in path:
            made = self.api.post("/api/v1/agents/%s/credentials" % agent["id"], {})
            ids["credentials"] = made.json["credentialId"]
        if "/connections/{" in path:
            ids["connections"] = self.api.connect(self.agent, self.target)["id"]
        if "/organizations/{" in path:
            body = {"name": "fresh", "slug": uuid.uuid4().hex}
            made = self.api.with_credential(self.operator).post("/api/v1/organizations", body)
            ids["organizations"] = made.json["organizationId"]
        return ids, agent

    def right(self, row, path, agent):
        if self.is_agents_own(row):
            return [("the agent's token", agent["token"])]
        if "admin:orgs" in row.get("x-scopes", ()):
            return [("an operator's key", self.operator), ("his token", self.operator_token)]
        found = [("our key", self.daemon.key), ("our access token", self.token)]
        return found[1:] if path == "/agent-info" else found

    def test_right_credentials_do_what_they_are_for(self):
        for row, method, path in self.guarded():
            for n in range(len(self.right(row, path, self.agent))):
                ids, agent = self.fresh(path)
                what, credential = self.right(row, path, agent)[n]
                api, body = self.api.with_credential(credential), self.body(row)
                if row["operationId"] == "deregisterInstance":
                    made = self.api.post("/agents/register", BODIES["registerInstance"](self))
                    body["instance_id"] = made.json["instance_id"]
                if row["operationId"] == "addMember":
                    body["agentId"] = self.api.register()["id"]
                with self.subTest(operation=row["operationId"], credential=what):
                    for kind, target, other in self.targets(path, ids):
                        bad = [target] if other is None else [other]
                        for one in bad:
                            reply = api.call(method, one, body)
                            self.assertTrue(400 <= reply.status < 500, (method, one, reply))
                    reply = api.call(method, self.address(path, ids), body)
                    # Whose right it is may still find that it cannot be done now.
                    good = reply.status < 300 or reply.code in NOT_NOW
                    self.assertTrue(good, (method, path, reply))

    def test_a_method_in_a_header_is_no_method(self):
        before = self.dump()
        found = [o for o in self.guarded() if o[1] == "GET"]
        self.assertTrue(found)
        for row, method, path in found:
            target = self.address(path, self.paths)
            what, credential = self.right(row, path, self.agent)[0]
            api = self.api.with_credential(credential)
            plain = api.get(target)
            for name in OVERRIDES:
                for other in ("DELETE", "PATCH", "POST"):
                    reply = api.get(target, headers={name: other})
                    self.assertEqual(reply.status, plain.status, (target, name, reply))
        self.unchanged(before)


class Strict(Tenancy):
    settings = {"server.strict_isolation": "yes"}
    strict = True
