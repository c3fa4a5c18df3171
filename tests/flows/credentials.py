"""Client secrets of agents: made, listed, replaced, revoked, with every refusal."""
import datetime
import hashlib
import re
import uuid

from client import Client
from flow import Flow, Together

NOBODY = "00000000-0000-4000-8000-0000000000ff"


def at(seconds):
    """A moment from now, as it is written on the wire."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Credentials(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.foreign = str(uuid.uuid4())
        cls.daemon.psql(
            "INSERT INTO organizations (id, slug, name) VALUES ('%s', 'other', 'Other')"
            % cls.foreign
        )
        cls.stranger = cls.api.with_credential(cls.make_key("other", "full"))
        cls.operator = cls.api.with_credential(cls.make_key("other", "full,admin:orgs"))

    @classmethod
    def make_key(cls, org, scope):
        return cls.daemon.run("key", "create", "--org", org, "--scope", scope).strip()

    def setUp(self):
        self.agent = self.api.register()
        self.path = "/api/v1/agents/%s/credentials" % self.agent["id"]

    def make(self, body=None, status=201):
        reply = self.api.post(self.path, {} if body is None else body)
        self.assertEqual(reply.status, status, reply)
        return reply.json

    def fails(self, reply, number, code, **details):
        self.assertEqual((reply.status, reply.code), (number, code), reply)
        for key, value in details.items():
            self.assertEqual(reply.json["details"].get(key), value, reply)

    def live(self, life):
        self.daemon.psql("UPDATE agents SET life = %d WHERE id = '%s'" % (life, self.agent["id"]))

    def events(self):
        return self.daemon.psql(
            "SELECT action, metadata ->> 'credentialId', failed, ip FROM audit_events"
            " WHERE agent_id = '%s' AND action BETWEEN 8 AND 10 ORDER BY seq" % self.agent["id"]
        )

    def test_a_secret_is_shown_once_and_only_its_hash_is_kept(self):
        made = self.api.post(self.path, {})
        self.assertEqual(made.status, 201)
        self.assertEqual(
            sorted(made.json),
            sorted(
                "credentialId clientId clientSecret status createdAt expiresAt revokedAt".split()
            ),
        )
        secret = made.json["clientSecret"]
        self.assertRegex(secret, r"^sk_live_[0-9a-f]{64}$")
        self.assertEqual(made.json["clientId"], self.agent["id"])
        self.assertEqual(made.json["status"], "active")
        self.assertIsNone(made.json["expiresAt"])
        self.assertIsNone(made.json["revokedAt"])
        self.assertEqual(made.header("Location"), self.path + "/" + made.json["credentialId"])
        listed = self.api.get(self.path).json
        self.assertEqual((listed["total"], listed["page"], listed["limit"]), (1, 1, 20))
        made.json.pop("clientSecret")
        shown = {k: v for k, v in made.json.items() if k != "clientSecret"}
        self.assertEqual(listed["data"], [shown])
        stored = self.daemon.psql(
            "SELECT encode(hash, 'hex'), hint FROM credentials WHERE id = '%s'"
            % made.json["credentialId"]
        )[0]
        self.assertEqual(stored, [hashlib.sha256(secret.encode()).hexdigest(), secret[-4:]])
        self.assertNotIn(secret.encode(), self.daemon.dump())
        self.assertNotIn(secret, self.daemon.log_text())

    def test_the_body_may_be_missing_empty_or_say_when_it_ends(self):
        self.assertEqual(self.api.post(self.path).status, 201)
        self.assertIsNone(self.make({"expiresAt": None})["expiresAt"])
        end = at(3600)
        self.assertEqual(self.make({"expiresAt": end})["expiresAt"], end)
        for bad in (at(-1), "2020-01-01T00:00:00Z", "tomorrow", 5, "", True):
            reply = self.api.post(self.path, {"expiresAt": bad})
            self.fails(reply, 400, "VALIDATION_ERROR", field="expiresAt")
        self.fails(self.api.post(self.path, {"expires": at(9)}), 400, "VALIDATION_ERROR")
        self.fails(self.api.post(self.path, raw=b"{"), 400, "VALIDATION_ERROR", field="body")
        self.fails(self.api.post(self.path, raw=b"[]"), 400, "VALIDATION_ERROR", field="body")
        self.assertEqual(self.api.get(self.path).json["total"], 3)

    def test_rotating_keeps_the_id_and_changes_the_secret(self):
        made = self.make({"expiresAt": at(3600)})
        path = "%s/%s/rotate" % (self.path, made["credentialId"])
        fresh = self.api.post(path)
        self.assertEqual(fresh.status, 200, fresh)
        self.assertEqual(fresh.json["credentialId"], made["credentialId"])
        self.assertNotEqual(fresh.json["clientSecret"], made["clientSecret"])
        self.assertEqual(fresh.json["expiresAt"], made["expiresAt"])
        later = at(7200)
        self.assertEqual(self.api.post(path, {"expiresAt": later}).json["expiresAt"], later)
        self.assertIsNone(self.api.post(path, {"expiresAt": None}).json["expiresAt"])
        self.fails(
            self.api.post(path, {"expiresAt": at(-5)}), 400, "VALIDATION_ERROR", field="expiresAt"
        )
        old = hashlib.sha256(made["clientSecret"].encode()).hexdigest()
        self.assertEqual(
            self.daemon.psql("SELECT count(*) FROM credentials WHERE hash = '\\x%s'" % old), [["0"]]
        )
        self.daemon.psql(
            "UPDATE credentials SET expires_at = now() - interval '1 hour' WHERE id = '%s'"
            % made["credentialId"]
        )
        self.assertIsNone(self.api.post(path, {}).json["expiresAt"])

    def test_revoking_is_for_good_and_the_row_stays(self):
        made = self.make()
        one = "%s/%s" % (self.path, made["credentialId"])
        gone = self.api.delete(one)
        self.assertEqual((gone.status, gone.body), (204, b""))
        row = self.api.get(self.path).json["data"][0]
        self.assertEqual((row["credentialId"], row["status"]), (made["credentialId"], "revoked"))
        self.assertIsNotNone(row["revokedAt"])
        for reply in (self.api.delete(one), self.api.post(one + "/rotate", {})):
            self.fails(reply, 409, "CREDENTIAL_ALREADY_REVOKED", credentialId=made["credentialId"])

    def test_each_change_is_in_the_audit_log_and_nothing_else(self):
        made = self.make()
        one = "%s/%s" % (self.path, made["credentialId"])
        self.assertEqual(self.api.post(one + "/rotate").status, 200)
        self.assertEqual(self.api.delete(one).status, 204)
        self.assertEqual(self.api.delete(one).status, 409)
        self.assertEqual(
            self.events(),
            [[n, made["credentialId"], "f", "127.0.0.1"] for n in ("8", "9", "10")],
        )

    def test_lists_are_filtered_and_paged_newest_first(self):
        made = [self.make()["credentialId"] for _ in range(5)]
        for one in made[1:3]:
            self.api.delete(self.path + "/" + one)
        read = lambda query: self.api.get(self.path + query).json
        ids = lambda page: [row["credentialId"] for row in page["data"]]
        self.assertEqual(ids(read("")), made[::-1])
        self.assertEqual(ids(read("?status=revoked")), made[1:3][::-1])
        self.assertEqual(read("?status=active")["total"], 3)
        page = read("?limit=2&page=2")
        self.assertEqual(
            (ids(page), page["total"], page["page"], page["limit"]), (made[::-1][2:4], 5, 2, 2)
        )
        self.assertEqual(ids(read("?page=9")), [])
        for query, field in (
            ("?limit=0", "limit"),
            ("?limit=101", "limit"),
            ("?page=0", "page"),
            ("?page=x", "page"),
            ("?status=expired", "status"),
            ("?colour=red", "colour"),
        ):
            self.fails(self.api.get(self.path + query), 400, "VALIDATION_ERROR", field=field)

    def test_ten_may_be_in_force_also_when_all_ask_at_once(self):
        ask = lambda: Client(self.daemon).post(self.path, {}).status
        statuses = Together(*[ask for _ in range(24)]).wait()
        self.assertEqual(sorted(statuses), [201] * 10 + [409] * 14)
        self.fails(self.api.post(self.path, {}), 409, "CREDENTIAL_LIMIT_REACHED", limit=10)
        one, other = [row["credentialId"] for row in self.api.get(self.path).json["data"][:2]]
        self.assertEqual(self.api.post("%s/%s/rotate" % (self.path, one)).status, 200)
        self.daemon.psql(
            "UPDATE credentials SET expires_at = now() - interval '1 hour' WHERE id = '%s'" % one
        )
        self.make()
        reply = self.api.post("%s/%s/rotate" % (self.path, one))
        self.fails(reply, 409, "CREDENTIAL_LIMIT_REACHED", limit=10)
        self.assertEqual(self.api.delete(self.path + "/" + other).status, 204)
        self.make()

    def test_an_agent_that_is_not_active_gets_no_secret(self):
        made = self.make()
        one = "%s/%s" % (self.path, made["credentialId"])
        for life, word in ((1, "suspended"), (3, "suspended"), (2, "decommissioned")):
            self.live(life)
            for path in (self.path, one + "/rotate"):
                self.fails(self.api.post(path, {}), 403, "AGENT_NOT_ACTIVE", status=word)
        self.assertEqual(self.api.get(self.path).json["total"], 1)
        self.assertEqual(self.api.delete(one).status, 204)

    def routes(self, agent, credential):
        path = "/api/v1/agents/%s/credentials" % agent
        return (
            ("POST", path),
            ("GET", path),
            ("POST", "%s/%s/rotate" % (path, credential)),
            ("DELETE", "%s/%s" % (path, credential)),
        )

    def test_ids_that_are_unknown_foreign_or_no_ids(self):
        made = self.make()
        mine = made["credentialId"]
        for method, path in self.routes(NOBODY, mine):
            self.fails(self.api.call(method, path), 404, "AGENT_NOT_FOUND", agentId=NOBODY)
        for method, path in self.routes("agt-1", mine):
            self.fails(self.api.call(method, path), 400, "VALIDATION_ERROR", field="agentId")
        other = self.api.register()["id"]
        for agent, wrong in ((self.agent["id"], NOBODY), (other, mine)):
            for method, path in self.routes(agent, wrong)[2:]:
                self.fails(
                    self.api.call(method, path), 404, "CREDENTIAL_NOT_FOUND", credentialId=wrong
                )
        for method, path in self.routes(self.agent["id"], "x")[2:]:
            self.fails(self.api.call(method, path), 400, "VALIDATION_ERROR", field="credentialId")
        for method, path in self.routes(self.agent["id"], mine):
            self.fails(self.stranger.call(method, path), 403, "FORBIDDEN")
        for method, path in self.routes(self.agent["id"], mine):
            self.assertLess(self.operator.call(method, path).status, 300)

    def test_credentials_and_scopes_that_are_needed(self):
        reader = self.api.with_credential(self.make_key("system", "read"))
        agent = self.api.with_credential(self.agent["token"])
        for method, path in self.routes(self.agent["id"], NOBODY):
            self.fails(self.api.with_credential(None).call(method, path), 401, "UNAUTHORIZED")
            self.fails(agent.call(method, path), 401, "UNAUTHORIZED")
            self.fails(reader.call(method, path), 403, "FORBIDDEN")

    def test_a_repeat_with_the_same_key_gets_the_same_secret(self):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        first = self.api.post(self.path, {}, headers=headers)
        again = self.api.post(self.path, {}, headers=headers)
        self.assertEqual(again.header("Idempotent-Replayed"), "true")
        self.assertEqual(again.json, first.json)
        self.assertEqual(self.api.get(self.path).json["total"], 1)
        reply = self.api.post(self.path, {"expiresAt": at(99)}, headers=headers)
        self.fails(reply, 422, "IDEMPOTENCY_MISMATCH")
        # The key of one agent says nothing about another's.
        other = self.api.register()
        reply = self.api.post("/api/v1/agents/%s/credentials" % other["id"], {}, headers=headers)
        self.assertEqual(reply.json["clientId"], other["id"])
        self.daemon.psql("UPDATE idempotency SET created_at = now() - interval '11 minutes'")
        late = self.api.post(self.path, {}, headers=headers)
        self.assertIsNone(late.json["clientSecret"])
        self.assertIn("rotate", late.json["notice"])


class Limits(Flow):
    settings = {"limits.enabled": "yes", "limits.owner": "3"}
    fresh = True

    def test_answers_tell_how_far_the_limit_is_used_up(self):
        path = "/api/v1/agents/%s/credentials" % NOBODY
        left = []
        for _ in range(4):
            reply = self.api.get(path)
            self.assertEqual(reply.header("X-RateLimit-Limit"), "3")
            left.append(reply.header("X-RateLimit-Remaining"))
            self.assertTrue(re.match(r"\d{10}$", reply.header("X-RateLimit-Reset")))
        self.assertEqual(left, ["2", "1", "0", "0"])
        self.assertEqual((reply.status, reply.code), (429, "RATE_LIMIT_EXCEEDED"))
        self.assertTrue(1 <= int(reply.header("Retry-After")) <= 60)
