"""/api/v1/agents: the documented registration, its rules field by field, its errors, and the same
agents seen from the other dialect."""
import os
import uuid

from client import Client
from flow import Flow, Together, same_but
from rosterd import organization

GOOD = {
    "email": "screener-001@talent.ai",
    "agentType": "screener",
    "version": "1.0.0",
    "capabilities": ["resume:read", "email:send", "candidate:score"],
    "owner": "talent-acquisition-team",
    "deploymentEnv": "production",
}
TEN = (
    "agentId email agentType version capabilities owner deploymentEnv status createdAt updatedAt"
).split()
TYPES = "screener classifier orchestrator extractor summarizer router monitor custom".split()


def email():
    return uuid.uuid4().hex + "@identities.example"


class Identities(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.org = cls.daemon.ready["organization_id"]
        cls.slug = cls.daemon.psql("SELECT slug FROM organizations WHERE id = '%s'" % cls.org)[0][0]
        cls.operator = cls.api.with_credential(
            cls.daemon.run("key", "create", "--org", cls.slug, "--scope", "full,admin:orgs").strip()
        )

    def setUp(self):
        self.daemon.psql("UPDATE organizations SET max_agents = 10000")

    def new(self, **members):
        return self.api.post("/api/v1/agents", {**GOOD, "email": email(), **members})

    def made(self, **members):
        reply = self.new(**members)
        self.assertEqual(reply.status, 201, reply)
        return reply.json

    def other_org(self, max_agents=100):
        """Another organization and a client of it."""
        org, slug = str(uuid.uuid4()), "o-" + uuid.uuid4().hex[:12]
        self.daemon.psql(
            "INSERT INTO organizations (id, slug, name, max_agents)"
            " VALUES ('%s', '%s', 'Other', %d)" % (org, slug, max_agents)
        )
        key = self.daemon.run("key", "create", "--org", slug, "--scope", "full").strip()
        return org, self.api.with_credential(key)

    def invalid(self, reply, field):
        self.assertEqual((reply.status, reply.code), (400, "VALIDATION_ERROR"), reply)
        self.assertEqual(reply.json["details"]["field"], field, reply)
        self.assertTrue(reply.json["details"]["reason"])

    # ---- registering ----

    def test_a_registration_answers_exactly_the_ten_documented_members(self):
        body = {**GOOD, "organization_id": self.org}
        reply = self.api.post("/api/v1/agents", body)
        self.assertEqual(reply.status, 201, reply)
        self.assertEqual(sorted(reply.json), sorted(TEN))
        for name, value in GOOD.items():
            self.assertEqual(reply.json[name], value)
        self.assertEqual(reply.json["status"], "active")
        self.assertEqual(reply.json["createdAt"], reply.json["updatedAt"])
        got = self.api.get(reply.header("Location"))
        self.assertEqual((got.status, got.json), (200, reply.json))

    def test_a_taken_email_is_refused_in_any_case_and_named(self):
        first = self.made(email="Taken@Identities.example")
        for again in ("Taken@Identities.example", "taken@identities.EXAMPLE"):
            reply = self.new(email=again)
            self.assertEqual((reply.status, reply.code), (409, "AGENT_ALREADY_EXISTS"), reply)
            self.assertEqual(reply.json["details"], {"email": again})
            self.assertIn("already registered", reply.json["message"])
        self.assertEqual(first["email"], "Taken@Identities.example")
        self.assertEqual(self.api.delete("/api/v1/agents/" + first["agentId"]).status, 204)
        self.assertEqual(self.new(email="Taken@Identities.example").status, 409)

    def test_each_bad_member_is_named(self):
        bad = {
            "email": ["", "x", "a@b", "a b@c.d", "a@b..c", 5, None, "a" * 250 + "@b.cd"],
            "agentType": ["", "Screener", "robot", 1, None],
            "version": ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", 1,
                        "1.0." + "1" * 64],
            "capabilities": [[], "a:b", ["Resume:Read"], ["read-resume"], ["a:"], ["a:b", "a:b:c"],
                             [1], None, ["a:" + "b" * 127], ["a:b"] * 101],
            "owner": ["", "x" * 129, 1, None],
            "deploymentEnv": ["", "prod", 1, None],
            "organization_id": ["", "x", "org_other", 1],
        }  # fmt: skip
        for field, values in bad.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    reply = self.new(**{field: value})
                    self.assertEqual((reply.status, reply.code), (400, "VALIDATION_ERROR"), reply)
                    self.assertTrue(reply.json["details"]["field"].startswith(field), reply)
            if field != "organization_id":
                with self.subTest(missing=field):
                    body = {k: v for k, v in {**GOOD, "email": email()}.items() if k != field}
                    self.invalid(self.api.post("/api/v1/agents", body), field)

    def test_each_good_member_is_kept(self):
        good = {
            "agentType": TYPES,
            "version": ["0.0.0", "2.3.1-beta", "1.0.0-beta.1", "1.2.3+build.5"],
            "capabilities": [["data:*"], ["a-b_1:c_2-d"], ["a:b"] * 100],
            "owner": ["x", "é" * 128],
            "deploymentEnv": ["development", "staging", "production"],
        }
        for field, values in good.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.assertEqual(self.made(**{field: value})[field], value)

    def test_the_first_fault_in_order_is_reported(self):
        order = "email agentType version capabilities owner deploymentEnv organization_id".split()
        for i, field in enumerate(order):
            body = {**GOOD, "email": email(), **{name: 1 for name in order[i:]}}
            self.invalid(self.api.post("/api/v1/agents", body), field)

    def test_the_seeds_words_for_bad_members(self):
        reply = self.new(email="x")
        self.assertEqual(
            (reply.json["message"], reply.json["details"]["reason"]),
            ("Request validation failed.", "Must be a valid email address."),
        )
        reply = self.new(version="1")
        self.assertEqual(
            reply.json["details"],
            {"field": "version", "reason": "Must be a valid semantic version string."},
        )

    def test_what_is_not_known_is_ignored(self):
        self.assertNotIn("color", self.made(color="red"))

    def test_a_broken_body_is_a_fault_of_the_body(self):
        self.invalid(self.api.post("/api/v1/agents", raw=b"{"), "body")
        twice = b'{"email":"a@b.c","email":"a@b.c"}'
        self.invalid(self.api.post("/api/v1/agents", raw=twice), "email")

    def test_a_repeat_with_its_key_registers_once(self):
        headers, body = {"Idempotency-Key": uuid.uuid4().hex}, {**GOOD, "email": email()}
        first = self.api.post("/api/v1/agents", body, headers=headers)
        again = self.api.post("/api/v1/agents", body, headers=headers)
        self.assertEqual((again.status, again.json), (201, first.json))
        self.assertEqual(again.header("Idempotent-Replayed"), "true")

    # ---- the cap ----

    def test_the_cap_says_limit_and_current(self):
        org, api = self.other_org(max_agents=3)
        for _ in range(3):
            self.assertEqual(api.post("/api/v1/agents", {**GOOD, "email": email()}).status, 201)
        reply = api.post("/api/v1/agents", {**GOOD, "email": email()})
        self.assertEqual((reply.status, reply.code), (403, "FREE_TIER_LIMIT_EXCEEDED"), reply)
        self.assertEqual(reply.json["details"], {"limit": 3, "current": 3})
        self.assertEqual(
            reply.json["message"], "Free tier limit of 3 registered agents has been reached."
        )
        agent = api.get("/api/v1/agents?limit=1").json["data"][0]
        self.assertEqual(api.delete("/api/v1/agents/" + agent["agentId"]).status, 204)
        self.assertEqual(api.post("/api/v1/agents", {**GOOD, "email": email()}).status, 201)

    def test_the_cap_holds_whoever_comes_at_the_same_time(self):
        """64 at once for the last place, again and again: never one too many, never one too few."""
        org, api = self.other_org(max_agents=100)
        self.daemon.psql(
            "WITH a AS (INSERT INTO agents (id, org_id, permanent_id, name, token_hash, token_hint)"
            " SELECT gen_random_uuid(), '%s', 'agt-' || to_hex(x'40000000'::int + n), 'filler',"
            " sha256(n::text::bytea), 'none' FROM generate_series(1, 99) n RETURNING id)"
            " INSERT INTO presence (agent_id) SELECT id FROM a" % org
        )
        clients = [Client(self.daemon, api.credential) for _ in range(64)]
        for _ in range(int(os.environ.get("ROSTERD_TEST_ROUNDS", "10"))):
            replies = Together(
                *[
                    lambda c=c: c.post("/api/v1/agents", {**GOOD, "email": email()})
                    for c in clients
                ]
            ).wait()
            made = [reply.json["agentId"] for reply in replies if reply.status == 201]
            refused = {reply.code for reply in replies if reply.status != 201}
            self.assertEqual((len(made), refused), (1, {"FREE_TIER_LIMIT_EXCEEDED"}))
            self.assertEqual(api.delete("/api/v1/agents/" + made[0]).status, 204)
        for client in clients:
            client.close()

    # ---- reading ----

    def test_pages_are_counted(self):
        org, api = self.other_org()
        made = [
            api.post("/api/v1/agents", {**GOOD, "email": email(), "owner": "o%d" % (i % 2)}).json
            for i in range(5)
        ]
        page = api.get("/api/v1/agents?limit=2&page=2").json
        self.assertEqual(sorted(page), ["data", "limit", "page", "total"])
        self.assertEqual((page["total"], page["page"], page["limit"]), (5, 2, 2))
        ids = [agent["agentId"] for agent in page["data"]]
        self.assertEqual(ids, [made[2]["agentId"], made[1]["agentId"]])
        self.assertEqual(api.get("/api/v1/agents?page=9").json["data"], [])
        self.assertEqual(api.get("/api/v1/agents?owner=o1").json["total"], 2)
        api.patch("/api/v1/agents/" + made[0]["agentId"], {"agentType": "router"})
        self.assertEqual(api.get("/api/v1/agents?agentType=router").json["total"], 1)
        api.delete("/api/v1/agents/" + made[0]["agentId"])
        self.assertEqual(api.get("/api/v1/agents?status=decommissioned").json["total"], 1)
        self.assertEqual(api.get("/api/v1/agents?status=active").json["total"], 4)
        for bad in ("page=0", "page=x", "limit=0", "limit=101", "status=gone", "agentType=robot"):
            self.invalid(api.get("/api/v1/agents?" + bad), bad.split("=")[0])

    def test_ids_that_are_none_unknown_or_of_others(self):
        org, api = self.other_org()
        theirs = api.post("/api/v1/agents", {**GOOD, "email": email()}).json["agentId"]
        for method, body in (("GET", None), ("PATCH", {"owner": "me"}), ("DELETE", None)):
            with self.subTest(method=method):
                self.invalid(self.api.call(method, "/api/v1/agents/x", body), "agentId")
                unknown = str(uuid.uuid4())
                reply = self.api.call(method, "/api/v1/agents/" + unknown, body)
                self.assertEqual((reply.status, reply.code), (404, "AGENT_NOT_FOUND"), reply)
                self.assertEqual(reply.json["details"], {"agentId": unknown})
                reply = self.api.call(method, "/api/v1/agents/" + theirs, body)
                self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)
        self.assertEqual(api.get("/api/v1/agents/" + theirs).json["owner"], GOOD["owner"])
        self.assertEqual(self.operator.get("/api/v1/agents/" + theirs).status, 200)

    # ---- changing ----

    def test_what_may_change_changes(self):
        agent = self.made()
        changes = {
            "agentType": "monitor",
            "version": "2.0.0",
            "capabilities": ["x:*"],
            "owner": "others",
            "deploymentEnv": "staging",
        }
        for name, value in changes.items():
            reply = self.api.patch("/api/v1/agents/" + agent["agentId"], {name: value})
            self.assertEqual((reply.status, reply.json[name]), (200, value), reply)
            self.assertGreaterEqual(reply.json["updatedAt"], agent["updatedAt"])
        now = self.api.get("/api/v1/agents/" + agent["agentId"]).json
        self.assertEqual({k: now[k] for k in changes}, changes)
        self.assertEqual(now["createdAt"], agent["createdAt"])

    def test_what_may_not_change_is_named(self):
        agent = self.made()
        path = "/api/v1/agents/" + agent["agentId"]
        for name in ("agentId", "email", "createdAt"):
            self.invalid(self.api.patch(path, {name: agent[name]}), name)
        self.invalid(self.api.patch(path, {"color": "red"}), "color")
        self.invalid(self.api.patch(path, {}), "body")
        self.invalid(self.api.patch(path, {"status": "decommissioned"}), "status")
        self.invalid(self.api.patch(path, {"owner": "ok", "version": "x"}), "version")
        self.assertEqual(self.api.get(path).json, agent)

    def test_suspended_and_back(self):
        agent = self.made()
        path = "/api/v1/agents/" + agent["agentId"]
        for status in ("suspended", "suspended", "active"):
            reply = self.api.patch(path, {"status": status, "owner": "o " + status})
            self.assertEqual((reply.status, reply.json["status"]), (200, status), reply)
            self.assertEqual(reply.json["owner"], "o " + status)
            seen = self.api.get("/api/agents/" + agent["agentId"]).json
            self.assertEqual(seen["is_archived"], status == "suspended")
        self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % agent["agentId"])
        self.assertEqual(self.api.get(path).json["status"], "suspended")
        reply = self.api.patch(path, {"status": "active"})
        self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)

    def test_decommissioned_is_for_good(self):
        for before in ("active", "suspended"):
            agent = self.made()
            path = "/api/v1/agents/" + agent["agentId"]
            if before != "active":
                self.api.patch(path, {"status": before})
            self.assertEqual(self.api.delete(path).status, 204)
            self.assertEqual(self.api.get(path).json["status"], "decommissioned")
            for reply in (self.api.delete(path), self.api.patch(path, {"status": "active"})):
                self.assertEqual(
                    (reply.status, reply.code), (409, "AGENT_ALREADY_DECOMMISSIONED"), reply
                )
                self.assertEqual(reply.json["details"], {"agentId": agent["agentId"]})

    # ---- one registry ----

    def test_the_portal_lists_the_same_agents(self):
        agent = self.made()
        seen = self.api.get("/api/agents/" + agent["agentId"]).json
        self.assertEqual((seen["id"], seen["name"]), (agent["agentId"], agent["email"]))
        token = self.api.post("/api/agents/%s/rotate-token" % agent["agentId"]).json["token"]
        self.api.beat({"id": agent["agentId"], "token": token})

    def test_the_portals_agents_have_standard_values(self):
        theirs = self.api.register("portal's")
        seen = self.api.get("/api/v1/agents/" + theirs["id"])
        self.assertEqual(sorted(seen.json), sorted(TEN))
        self.assertEqual(seen.json["email"], theirs["permanent_id"] + "@agents.invalid")
        self.assertEqual((seen.json["agentType"], seen.json["version"]), ("custom", "0.0.0"))

    def test_an_operator_registers_anywhere_and_others_at_home(self):
        org, api = self.other_org()
        body = {**GOOD, "email": email(), "organization_id": org}
        agent = self.operator.post("/api/v1/agents", body).json
        self.assertEqual(api.get("/api/v1/agents/" + agent["agentId"]).status, 200)
        home = self.made(organization_id=org)
        self.assertEqual(api.get("/api/v1/agents/" + home["agentId"]).status, 403)
        body = {**GOOD, "email": email(), "organization_id": str(uuid.uuid4())}
        self.invalid(self.operator.post("/api/v1/agents", body), "organization_id")
        body["organization_id"] = "org_system"
        self.assertEqual(self.operator.post("/api/v1/agents", body).status, 201)
        self.daemon.psql("UPDATE organizations SET state = 1 WHERE id = '%s'" % org)
        body = {**GOOD, "email": email(), "organization_id": org}
        reply = self.operator.post("/api/v1/agents", body)
        self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)


class Strict(Flow):
    """With server.strict_isolation nothing tells an agent of another organization from none."""

    settings = {"server.strict_isolation": "yes"}

    def test_a_foreign_agent_answers_as_one_that_does_not_exist(self):
        theirs = self.api.with_credential(organization(self.daemon, "theirs"))
        words = ("key", "create", "--org", "system", "--scope", "full,admin:orgs")
        operator = self.api.with_credential(self.daemon.run(*words).strip())
        agent = theirs.post("/api/v1/agents", {**GOOD, "email": email()}).json["agentId"]
        secret = theirs.post("/api/v1/agents/%s/credentials" % agent, {}).json["credentialId"]
        unknown = str(uuid.uuid4())
        for method, end, body in (
            ("GET", "", None),
            ("PATCH", "", {"owner": "me"}),
            ("GET", "/credentials", None),
            ("POST", "/credentials", {}),
            ("POST", "/credentials/%s/rotate" % secret, {}),
            ("DELETE", "/credentials/" + secret, None),
            ("DELETE", "", None),
        ):
            with self.subTest(method=method, end=end):
                path = "/api/v1/agents/%s" + end
                foreign = self.api.call(method, path % agent, body)
                none = self.api.call(method, path % unknown, body)
                self.assertEqual((none.status, none.code), (404, "AGENT_NOT_FOUND"), none)
                self.assertEqual(foreign.status, none.status)
                self.assertEqual(foreign.json["details"], {"agentId": agent})
                self.assertTrue(same_but(foreign.json, none.json, "details", "request_id"), foreign)
                self.assertLess(operator.call(method, path % agent, body).status, 300)
