"""The audit log over HTTP: what is in it, who may read it, and that it tells of tampering."""
import hashlib
import time
import urllib.parse
import uuid

from client import Client
from flow import Flow
from rosterd import organization, wait_for

MEMBERS = (
    "action agentId eventId hash ipAddress metadata organizationId outcome timestamp userAgent"
)


def query(**params):
    return "/api/v1/audit?" + urllib.parse.urlencode(params)


def link(event, previous):
    """The documented hash."""
    parts = (
        *(event["eventId"], event["timestamp"], event["action"], event["outcome"]),
        *(event["agentId"] or "", event["organizationId"], previous),
    )
    return hashlib.sha256("".join(parts).encode()).hexdigest()


class Audit(Flow):
    def setUp(self):
        """A fresh organization, so that its log holds what the test did."""
        self.slug = "org-" + uuid.uuid4().hex[:12]
        self.own = self.api.with_credential(organization(self.daemon, self.slug))
        self.org = self.daemon.psql(
            "SELECT id FROM organizations WHERE slug = '%s'" % self.slug
        )[0][0]

    def key(self, scope):
        return self.api.with_credential(
            self.daemon.run("key", "create", "--org", self.slug, "--scope", scope).strip()
        )

    def operator(self):
        scope = "audit:read,admin:orgs"
        key = self.daemon.run("key", "create", "--org", "system", "--scope", scope)
        return self.api.with_credential(key.strip())

    def events(self, **params):
        reply = self.own.get(query(limit=200, **params))
        self.assertEqual(reply.status, 200, reply)
        return reply.json["data"]

    def invalid(self, reply, field):
        """A validation error of this dialect, which names the field in details."""
        self.assertEqual((reply.status, reply.code), (400, "VALIDATION_ERROR"), reply)
        self.assertEqual(reply.json["details"]["field"], field, reply)

    def behind_our_back(self, sql):
        tables = ("audit_events", "audit_chain")
        turn = lambda how: "".join("ALTER TABLE %s %s TRIGGER USER;" % (t, how) for t in tables)
        self.daemon.psql(turn("DISABLE") + sql + ";" + turn("ENABLE"))

    def test_each_change_in_the_portal_is_an_event(self):
        agent = self.own.register()
        path = "/api/agents/" + agent["id"]
        self.assertEqual(self.own.patch(path, {"name": "other"}).status, 200)
        for verb in ("rotate-token", "archive", "restore", "revoke"):
            self.assertEqual(self.own.post("%s/%s" % (path, verb)).status, 200, verb)
        self.assertEqual(self.own.delete(path).status, 204)
        gone = self.own.register()
        self.assertEqual(self.own.delete("/api/agents/" + gone["id"]).status, 204)
        found = self.events(agentId=agent["id"])
        self.assertEqual(
            [(e["action"], e["metadata"]) for e in found[::-1]],
            [
                ("agent.created", {"origin": "portal"}),
                ("agent.updated", {}),
                ("agent.updated", {"change": "token"}),
                ("agent.suspended", {}),
                ("agent.reactivated", {}),
                ("agent.decommissioned", {}),
                ("agent.decommissioned", {"change": "deleted"}),
            ],
        )
        for event in found:
            self.assertEqual(" ".join(sorted(event)), MEMBERS)
            self.assertEqual(event["outcome"], "success")
            self.assertEqual(event["organizationId"], self.org)
            self.assertEqual(event["agentId"], agent["id"])
            self.assertEqual(event["ipAddress"], self.daemon.address[0])
        self.assertEqual(len(self.events(agentId=gone["id"])), 2)

    def test_a_change_that_is_refused_is_no_event(self):
        agent = self.own.register()
        path = "/api/agents/" + agent["id"]
        self.own.post("/api/agents", {"name": ""})
        self.own.patch(path, {"no": 1})
        self.own.post(path + "/restore", headers={"If-Match": '"77"'})
        self.assertEqual([e["action"] for e in self.events()], ["agent.created"])

    def test_the_client_is_told_as_it_says_but_cut_and_plain(self):
        self.own.post("/api/agents", {"name": "x"}, headers={"User-Agent": "caf\xe9 " + "y" * 300})
        self.assertEqual(self.events()[0]["userAgent"], "caf? " + "y" * 195)
        self.own.post("/api/agents", {"name": "x"}, headers={"User-Agent": "probe/1"})
        self.assertEqual(self.events()[0]["userAgent"], "probe/1")

    def test_filters_and_pages(self):
        agents = [self.own.register() for _ in range(3)]
        for agent in agents:
            self.own.post("/api/agents/%s/archive" % agent["id"])
            time.sleep(0.005)
        # Chaining adds to what is told of an event; here it must stay the same from read to read.
        wait_for(lambda: all(e["hash"] for e in self.events()), 5, "chained")
        everything = self.events()
        self.assertEqual([e["action"] for e in everything[:3]], ["agent.suspended"] * 3)
        self.assertEqual([e["agentId"] for e in everything[:3]], [a["id"] for a in agents[::-1]])
        self.assertEqual(len(self.events(action="agent.created")), 3)
        self.assertEqual(len(self.events(action="token.issued")), 0)
        self.assertEqual(len(self.events(outcome="success")), 6)
        self.assertEqual(len(self.events(outcome="failure")), 0)
        both = self.events(agentId=agents[0]["id"], action="agent.suspended")
        self.assertEqual(both, everything[2:3])
        second = everything[1]["timestamp"]
        self.assertEqual(self.events(fromDate=second, toDate=second), everything[1:2])
        self.assertEqual(self.events(fromDate=second), everything[:2])
        self.assertEqual(self.events(toDate=second, action="agent.suspended"), everything[1:3])
        pages = [self.own.get(query(limit=4, page=n)).json for n in (1, 2, 3)]
        self.assertEqual(pages[0]["data"] + pages[1]["data"], everything)
        self.assertEqual(pages[2]["data"], [])
        for n, page in enumerate(pages):
            self.assertEqual((page["total"], page["page"], page["limit"]), (6, n + 1, 4))
        page = self.own.get("/api/v1/audit").json
        self.assertEqual((page["page"], page["limit"]), (1, 50))
        self.assertEqual(self.own.get(query(agentId=uuid.uuid4())).json["total"], 0)

    def test_what_a_query_may_not_say(self):
        for params, field in (
            ({"limit": "0"}, "limit"),
            ({"limit": "201"}, "limit"),
            ({"page": "0"}, "page"),
            ({"page": "x"}, "page"),
            ({"agentId": "nonsense"}, "agentId"),
            ({"action": "agent.eaten"}, "action"),
            ({"outcome": "maybe"}, "outcome"),
            ({"fromDate": "yesterday"}, "fromDate"),
            ({"organizationId": "1"}, "organizationId"),
            ({"colour": "red"}, "colour"),
            ({"fromDate": "2026-02-02T00:00:00Z", "toDate": "2026-02-01T00:00:00Z"}, "toDate"),
        ):
            with self.subTest(params=params):
                self.invalid(self.own.get(query(**params)), field)
        reply = self.own.get(
            "/api/v1/audit/verify?fromDate=2026-02-02T00:00:00Z&toDate=2026-02-01T00:00:00Z"
        )
        self.invalid(reply, "toDate")

    def test_one_event(self):
        self.own.register()
        event = self.events()[0]
        target = "/api/v1/audit/" + event["eventId"]
        wait_for(lambda: self.own.get(target).json["hash"], 5, "chained")
        self.assertEqual({**self.own.get(target).json, "hash": None}, {**event, "hash": None})
        self.invalid(self.own.get("/api/v1/audit/nonsense"), "eventId")
        reply = self.own.get("/api/v1/audit/" + str(uuid.uuid4()))
        self.refused(reply, 404, "AUDIT_EVENT_NOT_FOUND")

    def test_events_are_chained_within_a_second_by_the_documented_hash(self):
        for _ in range(4):
            self.own.register()
        wait_for(lambda: all(e["hash"] for e in self.events()), 5, "chained")
        order = dict(
            self.daemon.psql(
                "SELECT event_id, position FROM audit_chain WHERE org_id = '%s'" % self.org
            )
        )
        previous = ""
        for event in sorted(self.events(), key=lambda e: int(order[e["eventId"]])):
            previous = link(event, previous)
            self.assertEqual(event["hash"], previous)
        verdict = self.own.get("/api/v1/audit/verify").json
        self.assertEqual(
            verdict, {"verified": True, "checkedCount": 4, "brokenAtEventId": None}
        )

    def test_verifying_covers_what_was_written_just_now(self):
        for n in range(1, 4):
            self.own.register()
            self.assertEqual(self.own.get("/api/v1/audit/verify").json["checkedCount"], n)

    def test_a_range_is_repeated_in_the_verdict(self):
        self.own.register()
        at = self.events()[0]["timestamp"]
        target = "/api/v1/audit/verify?fromDate=%s&toDate=%s" % (at, at)
        self.assertEqual(
            self.own.get(target).json,
            {
                **{"verified": True, "checkedCount": 1, "brokenAtEventId": None},
                **{"fromDate": at, "toDate": at},
            },
        )
        later = "/api/v1/audit/verify?fromDate=2999-01-01T00:00:00.000Z"
        self.assertEqual(self.own.get(later).json["checkedCount"], 0)

    def test_tampering_is_told_with_the_event(self):
        for _ in range(3):
            self.own.register()
        self.assertTrue(self.own.get("/api/v1/audit/verify").json["verified"])
        event = self.daemon.psql(
            "SELECT event_id FROM audit_chain WHERE org_id = '%s' AND position = 2" % self.org
        )[0][0]
        self.behind_our_back("UPDATE audit_events SET ip = '10.0.0.1' WHERE id = '%s'" % event)
        verdict = self.own.get("/api/v1/audit/verify").json
        self.assertEqual((verdict["verified"], verdict["brokenAtEventId"]), (False, event))
        metrics = self.api.get("/metrics").body.decode()
        self.assertIn("\nrosterd_audit_chain_integrity 0", metrics)
        self.assertIn("audit_chain_broken", self.daemon.log_text())
        self.behind_our_back("DELETE FROM audit_events WHERE org_id = '%s'" % self.org)
        self.assertFalse(self.own.get("/api/v1/audit/verify").json["verified"])

    def test_old_events_are_gone_at_once(self):
        self.own.register()
        old = str(uuid.uuid4())
        self.daemon.psql(
            "INSERT INTO audit_events (id, at, org_id, action, failed, ip, user_agent, metadata)"
            " VALUES ('%s', now() - interval '91 days', '%s', 0, false, '', '', '{}')"
            % (old, self.org)
        )
        self.refused(self.own.get("/api/v1/audit/" + old), 404, "AUDIT_EVENT_NOT_FOUND")
        page = self.own.get(query(toDate="2026-01-01T00:00:00Z"))
        self.assertEqual((page.status, page.json["data"]), (200, []))
        self.assertEqual(len(self.events()), 1)

    def test_reading_needs_its_scope(self):
        for scope in ("agents:read,agents:write", "admin:orgs"):
            other = self.key(scope)
            for target in ("", "/verify", "/" + str(uuid.uuid4())):
                reply = other.get("/api/v1/audit" + target)
                self.assertEqual((reply.status, reply.code), (403, "FORBIDDEN"), reply)
        self.assertEqual(self.key("audit:read").get("/api/v1/audit").status, 200)

    def test_other_organizations_are_for_operators(self):
        self.own.register()
        event = self.events()[0]
        one, verify = "/api/v1/audit/" + event["eventId"], "/api/v1/audit/verify?organizationId="
        self.assertEqual(self.own.get(query(organizationId=self.org)).json["total"], 1)
        self.refused(self.api.get(one), 404, "AUDIT_EVENT_NOT_FOUND")
        self.assertEqual(self.api.get(query(agentId=event["agentId"])).json["total"], 0)
        for target in (query(organizationId=self.org), verify + self.org):
            self.assertEqual(self.api.get(target).code, "FORBIDDEN")
        operator = self.operator()
        self.assertEqual(operator.get(query(organizationId=self.org)).json["total"], 1)
        self.assertEqual(operator.get(verify + self.org).json["checkedCount"], 1)
        self.assertEqual(operator.get(one).json["eventId"], event["eventId"])
        self.assertEqual(operator.get(query(agentId=event["agentId"])).json["total"], 0)
        self.assertEqual(operator.get(query(organizationId=uuid.uuid4())).json["total"], 0)


class Limited(Flow):
    settings = {"limits.enabled": "yes"}

    def test_the_31st_verification_of_a_minute_is_refused_and_reading_goes_on(self):
        statuses = [self.api.get("/api/v1/audit/verify").status for _ in range(31)]
        self.assertEqual(statuses, [200] * 30 + [429])
        reply = self.api.get("/api/v1/audit/verify")
        self.refused(reply, 429, "RATE_LIMIT_EXCEEDED")
        self.assertEqual(self.api.get("/api/v1/audit").status, 200)


class Purged(Flow):
    settings = {"retention.audit": "1m"}

    def test_what_is_old_is_purged_and_the_rest_still_verifies(self):
        """The first round of the chore is at start, so the daemon is started again."""
        self.daemon.psql(
            "INSERT INTO audit_events (id, at, org_id, action, failed, ip, user_agent, metadata)"
            " SELECT gen_random_uuid(), now() - interval '1 hour', id, 0, false, '', '', '{}'"
            " FROM organizations WHERE id = '%s'" % self.daemon.ready["organization_id"]
        )
        self.assertEqual(self.api.get("/api/v1/audit/verify").json["checkedCount"], 1)
        self.assertEqual(self.api.get("/api/v1/audit").json["total"], 0)
        self.daemon.stop()
        self.daemon.start()
        api = Client(self.daemon)
        api.register()
        left = lambda: self.daemon.psql("SELECT count(*) FROM audit_events") == [["1"]]
        wait_for(left, 10, "the old event is purged")
        verdict = api.get("/api/v1/audit/verify").json
        self.assertEqual((verdict["verified"], verdict["checkedCount"]), (True, 1))
        api.close()
