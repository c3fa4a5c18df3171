"""Organizations: made, listed, changed, suspended, deleted; their members; and plans."""
import threading
import time
import uuid

from client import Client
from flow import Flow, Together
from rosterd import wait_for

ROOT = "/api/v1/organizations"
SYSTEM = "00000000-0000-4000-8000-000000000001"


class Operated(Flow):
    """self.operator may do everything with organizations, and nothing else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator_key = cls.key_of("system", "admin:orgs")
        cls.operator = Client(cls.daemon, cls.operator_key)
        cls.addClassCleanup(cls.operator.close)

    @classmethod
    def key_of(cls, slug, scope="full"):
        return cls.daemon.run("key", "create", "--org", slug, "--scope", scope).strip()

    def make(self, **members):
        reply = self.operator.post(ROOT, {"name": "Acme", "slug": uuid.uuid4().hex, **members})
        self.assertEqual(reply.status, 201, reply)
        return reply.json

    def path(self, organization, more=""):
        return "%s/%s%s" % (ROOT, organization["organizationId"], more)

    def invalid(self, reply, field):
        self.refused(reply, 400, "VALIDATION_ERROR")
        self.assertEqual(reply.json["details"]["field"], field, reply)
        self.assertTrue(reply.json["details"]["reason"])

    def stored(self):
        return self.daemon.psql("SELECT * FROM organizations ORDER BY id")


class Organizations(Operated):
    def test_one_is_made_read_changed_and_deleted(self):
        reply = self.operator.post(ROOT, {"name": "Acme Labs", "slug": "acme-labs"})
        made = reply.json
        self.assertEqual(reply.status, 201, reply)
        self.assertEqual(reply.header("Location"), self.path(made))
        self.assertEqual(str(uuid.UUID(made["organizationId"])), made["organizationId"])
        self.assertEqual(
            [made[k] for k in ("name", "slug", "planTier", "status")],
            ["Acme Labs", "acme-labs", "free", "active"],
        )
        self.assertEqual((made["maxAgents"], made["maxTokensPerMonth"]), (100, 10000))
        self.assertEqual(made["createdAt"], made["updatedAt"])
        self.assertEqual(self.operator.get(self.path(made)).json, made)
        change = {"name": "Acme", "planTier": "pro", "maxAgents": 7, "maxTokensPerMonth": 9}
        time.sleep(0.002)
        changed = self.operator.patch(self.path(made), change)
        self.assertEqual(changed.status, 200, changed)
        self.assertEqual({**made, **change, "updatedAt": changed.json["updatedAt"]}, changed.json)
        self.assertGreater(changed.json["updatedAt"], made["updatedAt"])
        self.assertEqual(self.operator.get(self.path(made)).json, changed.json)
        gone = self.operator.delete(self.path(made))
        self.assertEqual((gone.status, gone.body), (204, b""))
        for reply in (
            self.operator.get(self.path(made)),
            self.operator.patch(self.path(made), {"name": "Acme"}),
            self.operator.delete(self.path(made)),
            self.operator.post(
                self.path(made, "/members"), {"agentId": str(uuid.uuid4()), "role": "admin"}
            ),
        ):
            self.refused(reply, 404, "ORG_NOT_FOUND")
        self.invalid(self.operator.post(ROOT, {"name": "Acme", "slug": "acme-labs"}), "slug")
        words = ("key", "create", "--org", "acme-labs", "--scope", "read")
        self.daemon.run(*words, status=5)

    def test_slugs(self):
        most = "s" * 50
        for good in ("ab", "a1", "00", "a-b", "a--b", "9-lives", most):
            self.assertEqual(self.make(slug=good)["slug"], good)
        before = self.stored()
        for bad in (
            "",
            "a",
            most + "s",
            "-ab",
            "ab-",
            "--",
            "Acme",
            "a_b",
            "a b",
            "a.b",
            "caf\u00e9",
            "a\nb",
            "system",  # taken by the built-in one
            "ab",  # taken just now
            7,
            None,
            ["ab"],
        ):
            with self.subTest(slug=bad):
                self.invalid(self.operator.post(ROOT, {"name": "Acme", "slug": bad}), "slug")
        self.assertEqual(self.stored(), before)

    def test_each_bad_member_is_named_and_nothing_is_stored(self):
        made = self.make()
        before = self.stored()
        bad = (
            ("name", "x"),
            ("name", "x" * 101),
            ("name", "a\tb"),
            ("name", None),
            ("planTier", "gold"),
            ("planTier", 1),
            ("maxAgents", 0),
            ("maxAgents", -1),
            ("maxAgents", 1.5),
            ("maxAgents", "9"),
            ("maxAgents", 10**12),
            ("maxTokensPerMonth", 0),
            ("maxTokensPerMonth", None),
        )
        for field, value in bad:
            with self.subTest(field=field, value=str(value)[:20]):
                body = {"name": "Acme", "slug": uuid.uuid4().hex, field: value}
                self.invalid(self.operator.post(ROOT, body), field)
                self.invalid(self.operator.patch(self.path(made), {field: value}), field)
        for missing in ("name", "slug"):
            body = {"name": "Acme", "slug": "never"}
            del body[missing]
            self.invalid(self.operator.post(ROOT, body), missing)
        # The first in the order of the table is told.
        self.invalid(self.operator.post(ROOT, {"maxAgents": 0, "slug": "-", "name": ""}), "name")
        for field, value in (
            ("slug", "other"),
            ("slug", made["slug"]),
            ("status", "deleted"),
            ("status", "gone"),
            ("organizationId", made["organizationId"]),
            ("createdAt", made["createdAt"]),
            ("colour", "red"),
        ):
            with self.subTest(change=field):
                self.invalid(self.operator.patch(self.path(made), {field: value}), field)
        self.invalid(self.operator.patch(self.path(made), {}), "body")
        self.invalid(self.operator.patch(self.path(made), []), "body")
        self.invalid(self.operator.patch(self.path(made), raw=b"{"), "body")
        self.invalid(self.operator.post(ROOT, raw=b""), "body")
        self.assertEqual(self.stored(), before)

    def test_what_a_creation_does_not_know_is_ignored(self):
        made = self.make(status="suspended", colour="red", organizationId="x")
        self.assertEqual(made["status"], "active")
        self.assertNotIn("colour", made)

    def test_ids(self):
        system = self.operator.get(ROOT + "/org_system")
        self.assertEqual((system.status, system.json["organizationId"]), (200, SYSTEM))
        self.assertEqual(self.operator.get("%s/%s" % (ROOT, SYSTEM)).json, system.json)
        self.refused(self.operator.get("%s/%s" % (ROOT, uuid.uuid4())), 404, "ORG_NOT_FOUND")
        for bad in ("system", "org_", "0", "x" * 300, SYSTEM + "0"):
            for reply in (
                self.operator.get("%s/%s" % (ROOT, bad)),
                self.operator.patch("%s/%s" % (ROOT, bad), {"name": "Acme"}),
                self.operator.delete("%s/%s" % (ROOT, bad)),
                self.operator.post(
                    "%s/%s/members" % (ROOT, bad),
                    {"agentId": str(uuid.uuid4()), "role": "admin"},
                ),
            ):
                self.invalid(reply, "orgId")

    def test_the_built_in_one_stays(self):
        for name in ("org_system", SYSTEM):
            self.refused(self.operator.delete("%s/%s" % (ROOT, name)), 403, "FORBIDDEN")
            suspend = self.operator.patch("%s/%s" % (ROOT, name), {"status": "suspended"})
            self.refused(suspend, 403, "FORBIDDEN")
        named = self.operator.patch(ROOT + "/org_system", {"name": "Ours", "status": "active"})
        self.assertEqual((named.status, named.json["name"]), (200, "Ours"))
        self.assertEqual(self.api.get("/api/agents").status, 200)

    def test_lists_are_counted_and_paged(self):
        made = [self.make()["organizationId"] for _ in range(5)]
        total = int(self.daemon.psql("SELECT count(*) FROM organizations WHERE state <> 2")[0][0])
        seen = []
        page = 0
        while len(seen) < total:
            page += 1
            got = self.operator.get("%s?limit=2&page=%d" % (ROOT, page)).json
            self.assertEqual((got["total"], got["page"], got["limit"]), (total, page, 2))
            self.assertTrue(got["data"])
            seen += [o["organizationId"] for o in got["data"]]
        self.assertEqual(seen[:5], made[::-1])
        self.assertEqual(len(set(seen)), total)
        beyond = self.operator.get("%s?limit=2&page=%d" % (ROOT, page + 1)).json
        self.assertEqual((beyond["data"], beyond["total"]), ([], total))
        whole = self.operator.get(ROOT).json
        self.assertEqual((whole["page"], whole["limit"]), (1, 20))
        self.operator.patch("%s/%s" % (ROOT, made[0]), {"status": "suspended"})
        self.operator.delete("%s/%s" % (ROOT, made[1]))
        ids = lambda status: [
            o["organizationId"]
            for o in self.operator.get("%s?limit=100&status=%s" % (ROOT, status)).json["data"]
        ]
        self.assertEqual(ids("suspended"), [made[0]])
        self.assertIn(made[1], ids("deleted"))
        self.assertNotIn(made[0], ids("active"))
        self.assertNotIn(made[1], ids("active"))
        listed = self.operator.get(ROOT + "?limit=100").json["data"]
        self.assertNotIn(made[1], [o["organizationId"] for o in listed])
        for bad, field in (
            ("page=0", "page"),
            ("page=x", "page"),
            ("page=1000001", "page"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("status=gone", "status"),
            ("status=", "status"),
            ("cursor=x", "cursor"),
        ):
            with self.subTest(query=bad):
                self.invalid(self.operator.get("%s?%s" % (ROOT, bad)), field)

    def test_a_repeat_with_the_same_key_makes_one(self):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"name": "Acme", "slug": uuid.uuid4().hex}
        first = self.operator.post(ROOT, body, headers=headers)
        again = self.operator.post(ROOT, body, headers=headers)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(first.json, again.json)
        self.assertEqual(again.header("Idempotent-Replayed"), "true")

    def test_only_operators_may(self):
        made = self.make()
        slug = made["slug"]
        before = self.stored()
        for scope in ("full", "read", "openid"):
            api = Client(self.daemon, self.key_of(slug, scope))
            self.addCleanup(api.close)
            for reply in (
                api.get(ROOT),
                api.get(self.path(made)),
                api.post(ROOT, {"name": "Acme", "slug": "mine"}),
                api.patch(self.path(made), {"maxAgents": 1000}),
                api.delete(self.path(made)),
                api.post(self.path(made, "/members"), {"agentId": str(uuid.uuid4())}),
            ):
                self.refused(reply, 403, "FORBIDDEN")
        self.assertEqual(self.stored(), before)
        # An operator of any organization reaches all.
        api = Client(self.daemon, self.key_of(slug, "admin:orgs"))
        self.addCleanup(api.close)
        self.assertEqual(api.get(ROOT + "/org_system").status, 200)


class Life(Operated):
    def test_keys_of_a_suspended_organization_are_refused_and_come_back(self):
        made = self.make()
        keys = [self.key_of(made["slug"]) for _ in range(2)]
        apis = [Client(self.daemon, key) for key in keys]
        for api in apis:
            self.addCleanup(api.close)
        self.assertEqual(apis[0].get("/api/agents").status, 200)  # the other is not cached yet
        for _ in range(3):
            suspended = self.operator.patch(self.path(made), {"status": "suspended"})
            self.assertEqual(suspended.json["status"], "suspended")
            for api in apis:
                for path in ("/api/agents", "/api/v1/tiers/status"):
                    reply = api.get(path)
                    self.refused(reply, 403, "FORBIDDEN")
                    self.assertIn("suspended", reply.body.decode())
            self.assertEqual(self.operator.get(self.path(made)).json["status"], "suspended")
            self.operator.patch(self.path(made), {"status": "active"})
            for api in apis:
                self.assertEqual(api.get("/api/agents").status, 200)
        self.operator.patch(self.path(made), {"status": "suspended"})
        self.assertEqual(self.operator.delete(self.path(made)).status, 204)
        for api in apis:
            self.refused(api.get("/api/agents"), 401, "UNAUTHORIZED")

    def test_one_with_agents_is_not_deleted(self):
        made = self.make()
        api = Client(self.daemon, self.key_of(made["slug"]))
        self.addCleanup(api.close)
        agents = [api.register() for _ in range(2)]
        refusal = self.operator.delete(self.path(made))
        self.refused(refusal, 409, "ORG_HAS_ACTIVE_AGENTS")
        self.assertEqual(refusal.json["details"], {"current": 2})
        api.post("/api/agents/%s/revoke" % agents[0]["id"])
        api.post("/api/agents/%s/archive" % agents[1]["id"])
        refusal = self.operator.delete(self.path(made))
        self.assertEqual(refusal.json["details"], {"current": 1})
        self.assertEqual(api.get("/api/agents").status, 200)
        api.delete("/api/agents/" + agents[1]["id"])
        self.assertEqual(self.operator.delete(self.path(made)).status, 204)
        self.refused(api.get("/api/agents"), 401, "UNAUTHORIZED")
        self.refused(api.post("/api/agents", {"name": "late"}), 401, "UNAUTHORIZED")
        left = self.daemon.psql(
            "SELECT count(*) FROM api_keys WHERE org_id = '%s' AND revoked_at IS NULL"
            % made["organizationId"]
        )
        self.assertEqual(left, [["0"]])

    def test_an_agent_is_never_registered_in_a_deleted_organization(self):
        lost = kept = 0
        for round_ in range(12):
            made = self.make()
            key = self.key_of(made["slug"], "agents:write")
            begin = threading.Barrier(17)

            def register():
                api = Client(self.daemon, key)
                begin.wait()
                try:
                    return api.post("/api/agents", {"name": "racer"}).status
                finally:
                    api.close()

            def delete():
                api = Client(self.daemon, self.operator_key)
                begin.wait()
                time.sleep(0.001 * (round_ % 4))
                try:
                    return api.delete(self.path(made)).status
                finally:
                    api.close()

            *registered, deleted = Together(*[register] * 16, delete).wait()
            self.assertLessEqual(set(registered), {201, 401})
            living = int(
                self.daemon.psql(
                    "SELECT count(*) FROM agents WHERE org_id = '%s' AND life <> 2"
                    % made["organizationId"]
                )[0][0]
            )
            self.assertEqual(living, registered.count(201))
            if deleted == 204:
                self.assertEqual(living, 0)
                lost += 1
            else:
                self.assertEqual(deleted, 409)
                self.assertGreater(living, 0)
                kept += 1
        self.assertEqual(lost + kept, 12)

    def test_a_registration_that_was_on_its_way_waits_and_is_refused(self):
        made = self.make()
        api = Client(self.daemon, self.key_of(made["slug"], "agents:write"))
        self.addCleanup(api.close)
        self.assertEqual(api.post("/api/agents", {"name": ""}).status, 400)  # the key is cached
        held = (
            "BEGIN; SELECT FROM organizations WHERE id = '%(id)s' FOR UPDATE;"
            " UPDATE organizations SET state = 2 WHERE id = '%(id)s'; SELECT pg_sleep(1.5); COMMIT"
        ) % {"id": made["organizationId"]}
        deletion = Together(lambda: self.daemon.psql(held))
        wait_for(
            lambda: self.daemon.psql(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            ),
            5,
            "the row is held",
        )
        self.refused(api.post("/api/agents", {"name": "late"}), 401, "UNAUTHORIZED")
        deletion.wait()
        self.daemon.run("key", "create", "--org", made["slug"], "--scope", "read", status=5)


class Members(Operated):
    def test_agents_get_a_role(self):
        made, agent = self.make(), self.api.register()
        for role, who in (("member", agent), ("admin", self.api.register())):
            reply = self.operator.post(
                self.path(made, "/members"), {"agentId": who["id"], "role": role}
            )
            self.assertEqual(reply.status, 201, reply)
            self.assertEqual(
                {**reply.json, "joinedAt": None},
                {
                    "organizationId": made["organizationId"],
                    "agentId": who["id"],
                    "role": role,
                    "joinedAt": None,
                },
            )
        for role in ("member", "admin"):
            reply = self.operator.post(
                self.path(made, "/members"), {"agentId": agent["id"], "role": role}
            )
            self.refused(reply, 409, "ALREADY_MEMBER")
        elsewhere = self.operator.post(
            ROOT + "/org_system/members", {"agentId": agent["id"], "role": "member"}
        )
        self.assertEqual(elsewhere.json["organizationId"], SYSTEM)
        self.assertEqual(self.operator.delete(self.path(made)).status, 204)
        left = self.daemon.psql(
            "SELECT count(*) FROM organization_members WHERE org_id = '%s'" % made["organizationId"]
        )
        self.assertEqual(left, [["0"]])

    def test_who_cannot_be_one(self):
        made, revoked, good = self.make(), self.api.register(), self.api.register()
        self.api.post("/api/agents/%s/revoke" % revoked["id"])
        count = lambda: self.daemon.psql("SELECT count(*) FROM organization_members")
        before = count()
        for unknown in (str(uuid.uuid4()), revoked["id"]):
            reply = self.operator.post(
                self.path(made, "/members"), {"agentId": unknown, "role": "member"}
            )
            self.refused(reply, 404, "AGENT_NOT_FOUND")
            self.assertEqual(reply.json["details"], {"agentId": unknown})
        for body, field in (
            ({}, "agentId"),
            ({"agentId": good["id"]}, "role"),
            ({"role": "admin"}, "agentId"),
            ({"agentId": good["permanent_id"], "role": "admin"}, "agentId"),
            ({"agentId": None, "role": "admin"}, "agentId"),
            ({"agentId": good["id"], "role": "owner"}, "role"),
            ({"agentId": good["id"], "role": None}, "role"),
        ):
            with self.subTest(body=body):
                self.invalid(self.operator.post(self.path(made, "/members"), body), field)
        self.assertEqual(count(), before)

    def test_a_repeat_with_the_same_key_joins_once(self):
        made, agent = self.make(), self.api.register()
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"agentId": agent["id"], "role": "admin"}
        first = self.operator.post(self.path(made, "/members"), body, headers=headers)
        again = self.operator.post(self.path(made, "/members"), body, headers=headers)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(first.json, again.json)


class Tiers(Operated):
    def test_what_an_organization_may_have_and_has(self):
        made = self.make(planTier="pro", maxAgents=7, maxTokensPerMonth=70)
        api = Client(self.daemon, self.key_of(made["slug"]))
        self.addCleanup(api.close)
        tier = {
            "tier": "pro",
            "limits": {"maxAgents": 7, "maxTokensPerMonth": 70, "rateLimitPerMinute": None},
            "usage": {"agentCount": 0, "agentsRegistered": 0, "tokensThisMonth": 0},
        }
        self.assertEqual(api.get("/api/v1/tiers/status").json, tier)
        agents = [api.register() for _ in range(3)]
        api.post("/api/agents/%s/revoke" % agents[2]["id"])
        self.daemon.psql(
            "INSERT INTO token_counts SELECT id, m, n FROM (VALUES"
            " ('%s'::uuid, 0, 5), ('%s', 0, 6), ('%s', 1, 100)) v (id, back, n),"
            " LATERAL (SELECT (date_trunc('month', now() AT TIME ZONE 'UTC')"
            " - make_interval(months => back))::date AS m) d"
            % (agents[0]["id"], agents[2]["id"], agents[1]["id"])
        )
        tier["usage"] = {"agentCount": 2, "agentsRegistered": 2, "tokensThisMonth": 11}
        self.assertEqual(api.get("/api/v1/tiers/status").json, tier)

    def test_it_takes_a_key_that_may_read_agents(self):
        self.assertEqual(self.api.get("/api/v1/tiers/status").json["tier"], "free")
        self.refused(self.operator.get("/api/v1/tiers/status"), 403, "FORBIDDEN")
        nobody = self.api.with_credential(None)
        self.refused(nobody.get("/api/v1/tiers/status"), 401, "UNAUTHORIZED")


class Limited(Operated):
    settings = {"limits.enabled": "yes", "limits.owner": "50"}

    def test_the_limit_of_requests_is_told(self):
        limits = self.api.get("/api/v1/tiers/status").json["limits"]
        self.assertEqual(limits["rateLimitPerMinute"], 50)
