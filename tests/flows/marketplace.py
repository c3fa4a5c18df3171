"""The public catalogue: who is in it, how it is searched and paged, and what keeps it in bounds."""
import time
import uuid

from flow import Flow
from rosterd import organization

ROOT = "/api/v1/marketplace/agents"


class Market(Flow):
    """self.nobody asks without a credential."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nobody = cls.api.with_credential(None)
        cls.addClassCleanup(cls.nobody.close)

    def publish(self, agent):
        self.daemon.psql("UPDATE agents SET is_public = true WHERE id = '%s'" % agent)
        return agent

    def identity(self, **members):
        body = {
            "email": uuid.uuid4().hex + "@market.example",
            "agentType": "screener",
            "version": "1.4.0",
            "capabilities": ["resume:read", "email:send"],
            "owner": "talent team",
            "deploymentEnv": "staging",
            **members,
        }
        reply = self.api.post("/api/v1/agents", body)
        self.assertEqual(reply.status, 201, reply)
        return reply.json

    def ids(self, query=""):
        reply = self.nobody.get(ROOT + query)
        self.assertEqual(reply.status, 200, reply)
        return [card["agentId"] for card in reply.json["data"]]

    def invalid(self, reply, field):
        self.refused(reply, 400, "VALIDATION_ERROR")
        self.assertEqual(reply.json["details"]["field"], field, reply)


class Cards(Market):
    def test_a_public_agent_is_shown_as_a_card(self):
        made = self.identity()
        path = "%s/%s" % (ROOT, made["agentId"])
        self.refused(self.nobody.get(path), 404, "AGENT_NOT_FOUND")
        self.assertNotIn(made["agentId"], self.ids())
        self.publish(made["agentId"])
        card = self.nobody.get(path).json
        did, document = card.pop("did"), card.pop("didDocument")
        self.assertEqual(document["id"], did)
        if did is not None:
            host = "%s%%3A%d" % self.daemon.address
            self.assertEqual(did, "did:web:%s:agents:%s" % (host, made["agentId"]))
        wanted = {
            name: made[name]
            for name in "agentId agentType version capabilities owner deploymentEnv".split()
        }
        self.assertEqual(card, {**wanted, "publishedAt": made["createdAt"]})
        listed = self.nobody.get(ROOT).json["data"][0]
        self.assertEqual({**listed, "did": None}, {**card, "did": None})
        self.assertNotIn("@market.example", self.nobody.get(ROOT).body.decode())

    def test_agents_of_the_portal_have_standard_values(self):
        agent = self.api.register("Private name", is_public=True)
        card = self.nobody.get("%s/%s" % (ROOT, agent["id"])).json
        for name, value in (
            ("agentType", "custom"),
            ("version", "0.0.0"),
            ("capabilities", []),
            ("owner", ""),
            ("deploymentEnv", "production"),
        ):
            self.assertEqual(card[name], value, name)
        self.assertNotIn("Private name", str(card))

    def test_who_is_not_shown(self):
        key = organization(self.daemon, "market-other")
        other = self.api.with_credential(key)
        self.addCleanup(other.close)
        agents = {
            "private": self.api.register(),
            "archived": self.api.register(is_public=True),
            "revoked": self.api.register(is_public=True),
            "disabled": self.api.register(is_public=True),
            "elsewhere": other.register(is_public=True),
        }
        shown = lambda name: (
            agents[name]["id"] in self.ids("?limit=100"),
            self.nobody.get("%s/%s" % (ROOT, agents[name]["id"])).status,
        )
        for name in agents:
            wanted = (False, 404) if name == "private" else (True, 200)
            self.assertEqual(shown(name), wanted, name)
        self.api.post("/api/agents/%s/archive" % agents["archived"]["id"])
        self.api.post("/api/agents/%s/revoke" % agents["revoked"]["id"])
        self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % agents["disabled"]["id"])
        self.daemon.psql("UPDATE organizations SET state = 1 WHERE slug = 'market-other'")
        for name in agents:
            self.assertEqual(shown(name), (False, 404), name)
        self.daemon.psql("UPDATE organizations SET state = 0 WHERE slug = 'market-other'")
        self.assertEqual(shown("elsewhere"), (True, 200))

    def test_ids(self):
        unknown = str(uuid.uuid4())
        reply = self.nobody.get("%s/%s" % (ROOT, unknown))
        self.refused(reply, 404, "AGENT_NOT_FOUND")
        self.assertEqual(reply.json["details"], {"agentId": unknown})
        for bad in ("x", "agt-00000000", unknown + "0"):
            self.invalid(self.nobody.get("%s/%s" % (ROOT, bad)), "agentId")


class Lists(Market):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = []
        flow = cls()
        for number in range(5):
            made = flow.identity(owner="Team 100%_" if number == 3 else "team \\ x")
            cls.made.append(flow.publish(made["agentId"]))
        made = flow.identity(agentType="router", capabilities=["zeta-9:*"], owner="Öle & Co")
        cls.router = flow.publish(made["agentId"])

    def test_pages(self):
        newest = [self.router] + self.made[::-1]
        seen = []
        for page in (1, 2, 3):
            got = self.nobody.get("%s?limit=2&page=%d" % (ROOT, page)).json
            self.assertEqual((got["total"], got["page"], got["limit"]), (6, page, 2))
            seen += [card["agentId"] for card in got["data"]]
        self.assertEqual(seen, newest)
        for beyond in (4, 1000000):
            got = self.nobody.get("%s?limit=2&page=%d" % (ROOT, beyond)).json
            self.assertEqual((got["data"], got["total"]), ([], 6))
        whole = self.nobody.get(ROOT).json
        self.assertEqual((whole["page"], whole["limit"], len(whole["data"])), (1, 20, 6))
        for query, field in (
            ("page=0", "page"),
            ("page=1000001", "page"),
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("search=ab", "search"),
            ("search=%25%25%25", "search"),
            ("search=___", "search"),
            ("search=a-b-c", "search"),
            ("search=%C3%96l", "search"),
            ("search=" + "x" * 101, "search"),
            ("search=", "search"),
            ("owner=x", "owner"),
        ):
            with self.subTest(query=query):
                self.invalid(self.nobody.get("%s?%s" % (ROOT, query)), field)

    def test_searches(self):
        for word, wanted in (
            ("router", [self.router]),
            ("ROUT", [self.router]),
            ("zeta-9", [self.router]),
            ("%C3%96le%20%26", [self.router]),
            ("resume:read", self.made[::-1]),
            ("screener", self.made[::-1]),
            ("100%25_", [self.made[3]]),
            ("tea%25", []),
            ("tea_", []),
            ("team%20%5C%20x", [i for i in self.made[::-1] if i != self.made[3]]),
            ("'%20OR%20111", []),
            ("nothing", []),
            ("market.example", []),  # addresses are not public
        ):
            with self.subTest(word=word):
                got = self.nobody.get("%s?limit=100&search=%s" % (ROOT, word)).json
                self.assertEqual([card["agentId"] for card in got["data"]], wanted)
                self.assertEqual(got["total"], len(wanted))
        page = self.nobody.get(ROOT + "?search=screener&limit=2&page=2").json
        self.assertEqual([c["agentId"] for c in page["data"]], self.made[::-1][2:4])
        self.assertEqual(page["total"], 5)


class Many(Market):
    def test_a_list_of_very_many_ends_and_is_quick(self):
        self.daemon.psql(
            "INSERT INTO agents (id, permanent_id, org_id, name, token_hash, token_hint,"
            " is_public, owner, scopes, created_at)"
            " SELECT gen_random_uuid(), 'agt-' || lpad(to_hex(i), 8, '0'), '%s', 'many',"
            " decode(lpad(to_hex(i), 64, '0'), 'hex'), 'hint', i %% 10 <> 0, 'team ' || i,"
            " '{many:read}', now() - i * interval '1 second' FROM generate_series(1, 30000) i"
            % self.daemon.ready["organization_id"]
        )
        self.daemon.psql("ANALYZE agents")
        first = self.nobody.get(ROOT + "?limit=100").json
        self.assertEqual((first["total"], len(first["data"])), (10000, 100))
        last = self.nobody.get(ROOT + "?limit=100&page=100").json
        self.assertEqual((last["total"], len(last["data"])), (10000, 100))
        self.assertEqual(self.nobody.get(ROOT + "?limit=100&page=101").json["data"], [])
        rare = self.nobody.get(ROOT + "?search=team%2029999").json
        self.assertEqual([c["owner"] for c in rare["data"]], ["team 29999"])
        frequent = self.nobody.get(ROOT + "?search=many&limit=3").json
        # All have both words, nobody in this order.
        self.assertEqual(self.nobody.get(ROOT + "?search=read%20team").json["total"], 0)
        self.assertEqual(frequent["total"], 1000)
        self.assertEqual([c["owner"] for c in frequent["data"]], ["team 1", "team 2", "team 3"])
        plan = self.daemon.psql(
            "EXPLAIN SELECT id FROM (SELECT a.id, a.created_at FROM agents a"
            " WHERE a.is_public AND a.life = 0"
            " AND a.org_id NOT IN (SELECT id FROM organizations WHERE state <> 0)"
            " ORDER BY a.created_at DESC, a.id DESC LIMIT 10000) a"
            " ORDER BY a.created_at DESC, a.id DESC LIMIT 20"
        )
        self.assertIn("Index Only Scan using agents_public_page", str(plan))
        plan = self.daemon.psql(
            "EXPLAIN SELECT id FROM agents WHERE is_public AND life = 0"
            " AND market_words(agent_type, owner, scopes) ILIKE '%team 29999%'"
        )
        self.assertIn("agents_public_words", str(plan))


class Limited(Market):
    settings = {"limits.enabled": "yes", "limits.public": "7"}

    def test_an_address_is_limited_whatever_it_asks_of_what_is_public(self):
        start = time.monotonic()
        targets = [ROOT, "%s/%s" % (ROOT, uuid.uuid4()), "/health/detailed"]
        statuses = [self.nobody.get(targets[n % 3]).status for n in range(12)]
        if time.monotonic() - start < 50:
            self.assertEqual(statuses, [200, 404, 200] * 2 + [200] + [429] * 5)
        reply = self.nobody.get(ROOT)
        self.refused(reply, 429, "RATE_LIMIT_EXCEEDED")
        self.assertTrue(1 <= int(reply.header("Retry-After")) <= 60)
        self.refused(self.nobody.get("/health/detailed"), 429, "RATE_LIMITED")
        self.assertEqual(self.nobody.get("/health").status, 200)
        self.assertEqual(self.api.get("/api/agents").status, 200)
