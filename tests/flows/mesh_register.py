"""Registering instances of the mesh: what is taken, what is refused, what is kept."""
import json
import time
import uuid

from client import Client
from flow import Flow, Together
from rosterd import organization
from upstream import Upstream

SEED = b"""
{
  "agent_type": "navigator",
  "instance_id": "navigator-prod-01",
  "deployment_mode": "connected",
  "dispatch_auth": {
    "type": "svantic_jwt"
  },
  "agent_card": {
    "example_key": "example_value"
  },
  "tools": [
    {
      "example_key": "example_value"
    }
  ],
  "mcp_servers": {
    "sample_key": {
      "command": "string",
      "args": [
        "string"
      ]
    }
  }
}
"""


class Mesh(Flow):
    """Requests that are good but for what is said."""

    def body(self, **members):
        good = {"agent_type": "navigator", "instance_id": "i-" + uuid.uuid4().hex, **members}
        return {name: value for name, value in good.items() if value is not ...}

    def register(self, api=None, **members):
        return (api or self.api).post("/agents/register", self.body(**members))

    def made(self, api=None, **members):
        reply = self.register(api, **members)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def bad(self, reply, field):
        self.assertEqual((reply.status, reply.code), (400, "INVALID_REQUEST"), reply)
        self.assertIs(reply.json["ok"], False)
        self.assertIsInstance(reply.json["error"], str)
        self.assertEqual(reply.json.get("details", {}).get("field"), field, reply)

    def sql(self, text):
        return self.daemon.psql(text)

    def row(self, instance, columns):
        return self.sql("SELECT %s FROM instances WHERE instance_id = '%s'" % (columns, instance))[
            0
        ]

    def count(self, table="instances"):
        return int(self.sql("SELECT count(*) FROM " + table)[0][0])

    def agent(self, kind):
        rows = self.sql("SELECT id FROM agents WHERE mesh_type = '%s' AND life <> 2" % kind)
        self.assertEqual(len(rows), 1)
        return rows[0][0]

    def events(self, word):
        reply = self.api.get("/api/v1/audit?limit=200&action=" + word)
        self.assertEqual(reply.status, 200, reply)
        return [event["metadata"] for event in reply.json["data"]]

    def policy(self, mode, org="system"):
        self.daemon.run("org", "policy", org, mode)


class Register(Mesh):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.org = cls.daemon.ready["organization_id"]
        cls.other_key = organization(cls.daemon, "others")
        cls.other = cls.api.with_credential(cls.other_key)

    def test_the_example_of_the_documentation_works_as_it_stands(self):
        for again in (False, True):
            reply = self.api.call("POST", "/agents/register", raw=SEED)
            self.assertEqual(reply.status, 200, reply)
            ws = "ws" + self.daemon.ready["url"][4:]
            self.assertEqual(
                reply.json,
                {
                    "ok": True,
                    "tenant_id": self.org,
                    "instance_id": "navigator-prod-01",
                    "deployment_mode": "connected",
                    "connect_url": ws + "/agents/connect?instance_id=navigator-prod-01",
                    "svantic_jwks_url": self.daemon.ready["url"] + "/.well-known/jwks.json",
                    "dispatch_auth": {
                        "type": "svantic_jwt",
                        "scheme": "svantic_jwt",
                        "required": True,
                    },
                },
            )
            self.assertEqual(
                self.sql("SELECT count(*) FROM instances WHERE instance_id = 'navigator-prod-01'"),
                [["1"]],
            )
        events = [e for e in self.events("instance.registered")]
        mine = [e["again"] for e in events if e["instanceId"] == "navigator-prod-01"]
        self.assertEqual(mine, [True, False])

    def test_a_token_of_the_mesh_registers_and_says_whose_it_is(self):
        made = json.loads(self.daemon.run("credential", "create", "--org", "others", "--json"))
        pair = {name: made[name] for name in ("client_id", "client_secret")}
        token = Client(self.daemon, None).post("/auth/get_token", pair).json["token"]
        registered = self.made(self.api.with_credential(token), agent_type="theirs")
        self.assertEqual(registered["tenant_id"], made["organization_id"])
        self.refused(self.register(self.api.with_credential(None)), 401, "UNAUTHORIZED")
        read = self.daemon.run("key", "create", "--org", "others", "--scope", "read").strip()
        self.refused(self.register(self.api.with_credential(read)), 403, "FORBIDDEN")

    def test_every_fault_names_its_field_and_stores_nothing(self):
        before = self.count(), self.count("agents"), self.count("allowed_types")
        secret = {"dispatch_auth": {"type": "shared_secret"}, "dispatch_auth_shared_secret": "s"}
        for members, field in (
            ({"agent_type": ...}, "agent_type"),
            ({"agent_type": ""}, "agent_type"),
            ({"agent_type": "a b"}, "agent_type"),
            ({"agent_type": "a" * 129}, "agent_type"),
            ({"agent_type": 5}, "agent_type"),
            ({"agent_type": "agt-00000000"}, "agent_type"),
            ({"agent_type": str(uuid.uuid4())}, "agent_type"),
            ({"instance_id": ...}, "instance_id"),
            ({"instance_id": "a/b"}, "instance_id"),
            ({"instance_id": "a" * 129}, "instance_id"),
            ({"url": "http://127.0.0.1/", "deployment_mode": "connected"}, "url"),
            ({"deployment_mode": "hosted"}, "url"),
            ({"deployment_mode": "hosted", "url": None}, "url"),
            ({"deployment_mode": "cloud"}, "deployment_mode"),
            ({"url": "ftp://a.example/"}, "url"),
            ({"url": "http://10.0.0.1/"}, "url"),
            ({"url": "https://a.example/?q=1"}, "url"),
            ({"url": "https://a.example/#f"}, "url"),
            ({"url": "https://u:p@a.example/"}, "url"),
            ({"url": "https://a.example/", "public_url": "https://b.example/"}, "public_url"),
            ({"dispatch_auth": "svantic_jwt"}, "dispatch_auth"),
            ({"dispatch_auth": {"type": "none"}}, "dispatch_auth.type"),
            (
                {"dispatch_auth": {"type": "svantic_jwt", "scheme": "shared_secret"}},
                "dispatch_auth.scheme",
            ),
            ({"dispatch_auth": {"required": "yes"}}, "dispatch_auth.required"),
            ({"dispatch_auth": {"type": "shared_secret"}}, "dispatch_auth_shared_secret"),
            ({"dispatch_auth": {"scheme": "shared_secret"}}, "dispatch_auth_shared_secret"),
            ({"dispatch_auth_shared_secret": "s"}, "dispatch_auth_shared_secret"),
            ({**secret, "dispatch_auth_shared_secret": ""}, "dispatch_auth_shared_secret"),
            ({**secret, "dispatch_auth_shared_secret": "s" * 4097}, "dispatch_auth_shared_secret"),
            ({"agent_card": []}, "agent_card"),
            ({"tools": {}}, "tools"),
            ({"tools": ["x"]}, "tools"),
            ({"mcp_servers": []}, "mcp_servers"),
            ({"mcp_servers": {"x": "y"}}, "mcp_servers"),
            ({"mcp_servers": {"x": {"command": 1}}}, "mcp_servers"),
            ({"mcp_servers": {"x": {"command": "c", "args": [1]}}}, "mcp_servers"),
            ({"max_concurrent_sessions": -1}, "max_concurrent_sessions"),
            ({"max_concurrent_sessions": 1.5}, "max_concurrent_sessions"),
        ):
            with self.subTest(members=members):
                self.bad(self.register(**members), field)
        self.assertEqual((self.count(), self.count("agents"), self.count("allowed_types")), before)

    def test_longest_and_shortest_values_are_taken(self):
        for length in (1, 4096):
            made = self.made(
                dispatch_auth={"scheme": "shared_secret", "credentials_ref": "r"},
                dispatch_auth_shared_secret="s" * length,
                agent_type="T" * 128,
                instance_id=uuid.uuid4().hex * 4,
            )
            self.assertIsNone(made["svantic_jwks_url"])
            self.assertEqual(
                made["dispatch_auth"],
                {
                    "type": "shared_secret",
                    "scheme": "shared_secret",
                    "required": True,
                    "credentials_ref": "r",
                },
            )
        made = self.made(url=None, public_url=None, agent_card=None, tools=None, mcp_servers=None)
        self.assertEqual(made["deployment_mode"], "connected")
        self.made(unknown_to_us=1, dispatch_auth={"required": False, "more": 1})
        odd = self.made(instance_id="a:b.c_d-" + uuid.uuid4().hex)
        self.assertIn("?instance_id=a%3Ab.c_d-", odd["connect_url"])

    def test_what_is_kept_is_what_came(self):
        card = '{ "name" : "A\\u00e9", "n": 1.50, "deep":{"x":[1, 2e3]} }'
        tools = '[ {"name":"t",  "v": 10000000000000000000.0} ]'
        servers = '{"s" : {"command":"c", "args":[ ], "env":{"A":"b"}}}'
        instance = "raw-" + uuid.uuid4().hex
        raw = '{"tools":%s,"agent_type":"raw","agent_card":%s,"mcp_servers":%s,"instance_id":"%s"}'
        reply = self.api.call(
            "POST", "/agents/register", raw=(raw % (tools, card, servers, instance)).encode()
        )
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(self.row(instance, "card, tools"), [card, tools])
        kept = self.sql("SELECT mcp_servers FROM agents WHERE mesh_type = 'raw'")
        self.assertEqual(kept, [[servers]])
        read = self.api.post("/agents/get_by_id", {"instance_id": instance}).json["agent"]
        self.assertEqual(read["agent_card"], json.loads(card))

    def test_a_body_of_256_kib_is_taken_and_a_larger_one_is_not(self):
        self.made(agent_card={"name": "x" * 260000})
        self.refused(self.register(agent_card={"name": "x" * 270000}), 413, "PAYLOAD_TOO_LARGE")

    # ---- types ----

    def test_a_new_type_is_an_agent_of_every_dialect(self):
        self.made(agent_type="team:fresh")
        agent = self.agent("team:fresh")
        seen = self.api.get("/api/agents/" + agent).json
        self.assertEqual(seen["name"], "team:fresh")
        listed = self.api.get("/api/v1/agents/" + agent).json
        self.assertEqual((listed["agentId"], listed["status"]), (agent, "active"))
        self.assertIn({"origin": "mesh"}, self.events("agent.created"))
        self.made(agent_type="team:fresh")
        self.assertEqual(self.agent("team:fresh"), agent)
        self.made(self.other, agent_type="team:fresh2")

    def test_an_agent_of_another_dialect_has_instances_too(self):
        agent = self.api.register("of the portal")
        for ref in (agent["id"], agent["permanent_id"]):
            made = self.made(agent_type=ref)
            read = self.api.post("/agents/get_by_id", {"instance_id": made["instance_id"]}).json
            self.assertEqual(read["agent"]["agent_type"], agent["permanent_id"])
        self.bad(self.register(self.other, agent_type=agent["id"]), "agent_type")
        self.api.post("/api/agents/%s/archive" % agent["id"], {})
        self.refused(self.register(agent_type=agent["id"]), 403, "AGENT_NOT_ACTIVE")

    def test_a_type_that_was_decommissioned_is_made_anew(self):
        made = self.made(agent_type="phoenix")
        first = self.agent("phoenix")
        self.assertEqual(self.api.delete("/api/v1/agents/" + first).status, 204)
        again = self.register(agent_type="phoenix", instance_id=made["instance_id"])
        self.assertEqual(again.status, 200, again)
        self.assertNotEqual(self.agent("phoenix"), first)
        self.assertEqual(self.row(made["instance_id"], "agent_id"), [self.agent("phoenix")])

    def test_a_suspended_type_takes_no_instances(self):
        self.made(agent_type="resting")
        agent = self.agent("resting")
        self.api.patch("/api/v1/agents/" + agent, {"status": "suspended"})
        self.refused(self.register(agent_type="resting"), 403, "AGENT_NOT_ACTIVE")

    def test_the_cap_of_the_organization_holds(self):
        key = organization(self.daemon, "small")
        api = self.api.with_credential(key)
        self.made(api, agent_type="one")
        self.sql("UPDATE organizations SET max_agents = 1 WHERE slug = 'small'")
        reply = self.register(api, agent_type="two")
        self.refused(reply, 403, "FREE_TIER_LIMIT_EXCEEDED")
        self.assertEqual(reply.json["details"], {"limit": 1, "current": 1})
        self.made(api, agent_type="one")

    # ---- again ----

    def test_registering_again_replaces_what_was_said_and_leaves_the_state(self):
        first = self.made(
            agent_card={"a": 1}, tools=[{"t": 1}], max_concurrent_sessions=3, agent_type="again"
        )
        instance = first["instance_id"]
        self.sql(
            "UPDATE instance_states SET status = 1, connection = 1, transport = 1, sessions = 2,"
            " owner = gen_random_uuid(), fence = 7 WHERE instance ="
            " (SELECT id FROM instances WHERE instance_id = '%s')" % instance
        )
        state = "SELECT s.* FROM instance_states s JOIN instances i ON i.id = s.instance WHERE"
        state += " i.instance_id = '%s'" % instance
        before = self.sql(state)
        self.made(instance_id=instance, agent_type="again", agent_card={"b": 2})
        self.assertEqual(self.row(instance, "card, coalesce(tools::text, '-')"), ['{"b": 2}', "-"])
        self.assertEqual(self.sql(state), before)
        self.made(instance_id=instance, agent_type="again", max_concurrent_sessions=5)
        read = self.api.post("/agents/get_by_id", {"instance_id": instance}).json["agent"]
        self.assertEqual((read["max_concurrent_sessions"], read["current_sessions"]), (5, 2))
        self.assertEqual(read["status"], "busy")

    def test_an_instance_stays_in_its_organization_its_mode_and_its_type(self):
        instance = self.made()["instance_id"]
        before = self.row(instance, "*")
        reply = self.register(self.other, instance_id=instance)
        self.refused(reply, 403, "TENANT_MISMATCH")
        reply = self.register(instance_id=instance, url="http://127.0.0.1:9/")
        self.refused(reply, 409, "DEPLOYMENT_MODE_MISMATCH")
        self.bad(self.register(instance_id=instance, agent_type="elsewhere"), "agent_type")
        self.assertEqual(self.row(instance, "*"), before)
        self.assertEqual(self.sql("SELECT 1 FROM agents WHERE mesh_type = 'elsewhere'"), [])

    def test_a_new_secret_needs_a_new_name(self):
        def say(instance, secret, ref=...):
            auth = {"type": "shared_secret", "credentials_ref": ref}
            auth = {k: v for k, v in auth.items() if v is not ...}
            return self.register(
                instance_id=instance, dispatch_auth=auth, dispatch_auth_shared_secret=secret
            )

        for name in ("v1", ...):
            instance = "s-" + uuid.uuid4().hex
            self.assertEqual(say(instance, "one", name).status, 200)
            sealed = self.row(instance, "auth_secret_sealed")
            self.assertEqual(say(instance, "one", name).status, 200)
            self.assertEqual(self.row(instance, "auth_secret_sealed"), sealed)
            self.refused(say(instance, "two", name), 409, "CREDENTIALS_REF_REUSED")
            self.assertEqual(self.row(instance, "auth_secret_sealed"), sealed)
            self.assertEqual(say(instance, "two", "v2").status, 200)
            self.assertNotEqual(self.row(instance, "auth_secret_sealed"), sealed)
            self.made(instance_id=instance)
            self.assertEqual(self.row(instance, "auth_secret_sealed IS NULL"), ["t"])

    def test_no_secret_is_told_or_logged(self):
        mark = "CANARY-" + uuid.uuid4().hex
        instance = "c-" + uuid.uuid4().hex
        answers = []
        for ref, secret in (("a", mark), ("a", mark + "2"), ("b", mark + "3")):
            answers.append(
                self.register(
                    instance_id=instance,
                    dispatch_auth={"type": "shared_secret", "credentials_ref": ref},
                    dispatch_auth_shared_secret=secret,
                )
            )
        answers.append(self.register(dispatch_auth_shared_secret=mark))
        self.assertEqual([r.status for r in answers], [200, 409, 200, 400])
        for path in ("get_by_id", "get_connection"):
            answers.append(self.api.post("/agents/" + path, {"instance_id": instance}))
        answers.append(self.api.post("/agents/get", {}))
        answers.append(self.api.get("/api/v1/audit?limit=200"))
        for reply in answers:
            self.assertNotIn(mark, reply.body.decode() + str(reply.headers))
        self.assertNotIn(mark, self.daemon.log_text())
        self.assertNotIn(mark.encode(), self.daemon.dump())

    # ---- many at once ----

    def test_one_instance_registered_by_many_at_once_is_one_row(self):
        instance = "many-" + uuid.uuid4().hex
        one = lambda: Client(self.daemon).post(
            "/agents/register", self.body(agent_type="many", instance_id=instance)
        )
        replies = Together(*[one] * 32).wait()
        self.assertEqual({r.status for r in replies}, {200}, replies)
        self.assertEqual(
            self.sql("SELECT count(*) FROM instances WHERE instance_id = '%s'" % instance), [["1"]]
        )
        self.agent("many")

    def test_one_new_type_registered_by_many_at_once_is_one_agent(self):
        one = lambda: Client(self.daemon).post(
            "/agents/register", self.body(agent_type="crowd", mcp_servers={"x": {"command": "y"}})
        )
        replies = Together(*[one] * 32).wait()
        self.assertEqual({r.status for r in replies}, {200}, replies)
        agent = self.agent("crowd")
        self.assertEqual(
            self.sql("SELECT count(*) FROM instances WHERE agent_id = '%s'" % agent), [["32"]]
        )
        stats = self.api.post("/agents/get_connection_stats", {"agent_type": "crowd"}).json
        self.assertEqual(stats["stats"]["total"], 32)


class Cards(Upstream):
    """Serves agent cards: what the first word of the base URL says."""

    card = {"name": "navigator", "version": "2.1.0", "provider": {"organization": "Acme"}}

    def dispatch(self, connection, request):
        words = request.target.strip("/").split("/")
        if not request.target.endswith("/.well-known/agent-card.json"):
            return super().dispatch(connection, request)
        with self.lock:
            self.requests.append(request)
        behaviour = getattr(self, "do_" + words[0], None)
        return behaviour(connection, request, words[1:])

    def text(self, c, body, headers=()):
        c.answer(200, body, [("Content-Type", "application/json"), *headers])
        return True

    def do_card(self, c, rq, words):
        return self.text(c, json.dumps({**self.card, "url": self.url("/a2a")}).encode())

    def do_elsewhere(self, c, rq, words):
        return self.text(c, json.dumps({**self.card, "url": "http://127.0.0.1:9/a2a"}).encode())

    def do_nameless(self, c, rq, words):
        return self.text(c, b'{"version": "1"}')

    def do_list(self, c, rq, words):
        return self.text(c, b'[{"name": "x"}]')

    def do_broken(self, c, rq, words):
        return self.text(c, b'{"name": ')

    def do_exactly(self, c, rq, words):
        size = int(words[0])
        return self.text(c, b'{"name":"' + b"x" * (size - 11) + b'"}')

    def do_moved(self, c, rq, words):
        c.answer(302, b"", [("Location", self.url("/card/.well-known/agent-card.json"))])
        return True


class Hosted(Mesh):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Cards()
        cls.addClassCleanup(cls.upstream.close)

    def refused_probe(self, reply, why):
        self.refused(reply, 502, "AGENT_CARD_PROBE_FAILED")
        self.assertEqual(reply.json["details"], {"field": "url", "why": why})
        self.assertNotIn("127.0.0.1", reply.body.decode())
        self.assertNotIn(str(self.upstream.port), reply.json["error"])

    def test_a_hosted_instance_is_asked_for_its_card(self):
        for slash in ("", "/"):
            url = self.upstream.url("/card/base" + slash)
            made = self.made(url=url, agent_type="hosted")
            self.assertEqual(made["deployment_mode"], "hosted")
            self.assertIsNone(made["connect_url"])
            asked = self.upstream.last()
            self.assertEqual(asked.target, "/card/base/.well-known/agent-card.json")
            self.assertIsNone(asked.header("Authorization"))
            read = self.api.post("/agents/get_by_id", {"instance_id": made["instance_id"]})
            agent = read.json["agent"]
            self.assertEqual(agent["public_url"], url)
            self.assertEqual(agent["agent_card"]["name"], "navigator")
            self.assertEqual(agent["agent_version"], "2.1.0")
            self.assertEqual(agent["provider_organization"], "Acme")
            sealed = self.row(
                made["instance_id"], "url_sealed IS NULL, dispatch_url_sealed IS NULL"
            )
            self.assertEqual(sealed, ["f", "f"])
            self.assertNotIn(b"/card/base", self.daemon.dump())

    def test_a_card_that_names_another_origin_is_not_followed(self):
        made = self.made(public_url=self.upstream.url("/elsewhere"), agent_card={"own": 1})
        row = self.row(made["instance_id"], "dispatch_url_sealed IS NULL, card")
        self.assertEqual(row, ["t", '{"own": 1}'])

    def test_a_card_that_is_none_is_refused_and_nothing_is_stored(self):
        before = self.count(), self.count("agents"), self.count("allowed_types")
        for path, why in (
            ("/status/404", "the status is not 200"),
            ("/status/500", "the status is not 200"),
            ("/moved", "the status is not 200"),
            ("/nameless", "the answer is no agent card"),
            ("/list", "the answer is no agent card"),
            ("/broken", "the answer is no agent card"),
            ("/exactly/262145", "the answer is too large"),
            ("/close", "there was no answer"),
            ("/garbage", "there was no answer"),
        ):
            with self.subTest(path=path):
                reply = self.register(url=self.upstream.url(path), agent_type="nowhere")
                self.refused_probe(reply, why)
        reply = self.register(url="http://127.0.0.1:1/", agent_type="nowhere")
        self.refused_probe(reply, "there was no answer")
        self.assertEqual((self.count(), self.count("agents"), self.count("allowed_types")), before)
        self.made(url=self.upstream.url("/exactly/262144"))

    def test_a_card_that_does_not_come_is_waited_for_five_seconds(self):
        began = time.monotonic()
        reply = self.register(url=self.upstream.url("/silent"))
        self.refused_probe(reply, "there was no answer in time")
        self.assertTrue(4.5 < time.monotonic() - began < 15)

    def test_what_is_refused_anyway_is_not_probed(self):
        asked = len(self.upstream.requests)
        connected = self.made()["instance_id"]
        url = self.upstream.url("/card")
        reply = self.register(instance_id=connected, url=url)
        self.refused(reply, 409, "DEPLOYMENT_MODE_MISMATCH")
        hosted = self.made(url=url)["instance_id"]
        reply = self.register(instance_id=hosted)
        self.refused(reply, 409, "DEPLOYMENT_MODE_MISMATCH")
        self.assertEqual(len(self.upstream.requests), asked + 1)
        self.assertEqual(self.made(instance_id=hosted, url=url)["deployment_mode"], "hosted")
