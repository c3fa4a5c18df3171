"""DID documents: of the service, and of agents that their owners have made public."""
import json
import urllib.parse
import uuid

from flow import Flow
from rosterd import wait_for

HERE = "/.well-known/did.json"
CONTEXT = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"]


def address_of(did):
    """Where a resolver of did:web looks for the document."""
    parts = [urllib.parse.unquote(p) for p in did.split(":")[2:]]
    path = "/".join(parts[1:]) or ".well-known"
    return parts[0], "/%s/did.json" % path


class Dids(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nobody = cls.api.with_credential(None)
        cls.addClassCleanup(cls.nobody.close)
        cls.did = "did:web:%s%%3A%d" % cls.daemon.address

    def agent(self, public=True):
        body = {
            "email": uuid.uuid4().hex + "@did.example",
            "agentType": "router",
            "version": "1.4.0",
            "capabilities": ["did:read"],
            "owner": "did team",
            "deploymentEnv": "staging",
        }
        made = self.api.post("/api/v1/agents", body).json
        if public:
            self.publish(made["agentId"], True)
        return made

    def publish(self, agent, public):
        self.daemon.psql("UPDATE agents SET is_public = %s WHERE id = '%s'" % (public, agent))

    def document(self, target):
        reply = self.nobody.get(target)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def holds_the_key_set(self, document):
        keys = {k["kid"]: k for k in self.nobody.get("/.well-known/jwks.json").json["keys"]}
        methods = document["verificationMethod"]
        self.assertEqual({m["publicKeyJwk"]["kid"]: m["publicKeyJwk"] for m in methods}, keys)
        for method in methods:
            self.assertRegex(method["id"], r"^%s#key-\d+$" % document["id"].replace(".", r"\."))
            self.assertEqual((method["type"], method["controller"]), ("JsonWebKey2020", self.did))
        ids = [m["id"] for m in methods]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual((document["authentication"], document["assertionMethod"]), (ids, ids))

    def test_the_service_has_a_document_with_the_keys_that_sign_its_tokens(self):
        reply = self.nobody.get(HERE)
        self.assertEqual(reply.header("Cache-Control"), "public, max-age=600")
        document = reply.json
        self.assertEqual(
            (document["@context"], document["id"], document["controller"]),
            (CONTEXT, self.did, self.did),
        )
        self.assertEqual([s["serviceEndpoint"] for s in document["service"]], [self.daemon.url])
        self.holds_the_key_set(document)

    def test_a_public_agent_has_a_document_where_its_did_says(self):
        agent = self.agent()["agentId"]
        document = self.document("/agents/%s/did" % agent)
        did = "%s:agents:%s" % (self.did, agent)
        self.assertEqual((document["id"], document["controller"]), (did, self.did))
        self.holds_the_key_set(document)
        host, path = address_of(did)
        self.assertEqual("http://" + host, self.daemon.url)
        self.assertEqual(self.document(path), document)
        self.assertEqual(address_of(self.did), (host, HERE))
        detail = self.document("/api/v1/marketplace/agents/" + agent)
        self.assertEqual((detail["did"], detail["didDocument"]), (did, document))
        for service in document["service"]:
            self.assertTrue(service["id"].startswith(did + "#"), service)
            self.assertTrue(service["serviceEndpoint"].startswith(self.daemon.url), service)

    def test_a_card_says_who_the_agent_is(self):
        agent = self.agent()
        card = self.document("/agents/%s/did/card" % agent["agentId"])
        same = "agentType capabilities owner version deploymentEnv".split()
        self.assertEqual(
            card,
            {
                **{name: agent[name] for name in same},
                "did": "%s:agents:%s" % (self.did, agent["agentId"]),
                "name": agent["email"],
                "identityProvider": self.daemon.url,
                "issuedAt": agent["createdAt"],
            },
        )

    def test_the_listed_did_leads_to_the_document(self):
        agent = self.agent()["agentId"]
        card = self.document("/api/v1/marketplace/agents")["data"][0]
        self.assertEqual(card["agentId"], agent)
        self.assertEqual(self.document(address_of(card["did"])[1])["id"], card["did"])

    def test_only_agents_that_anyone_may_see_have_documents(self):
        agent = self.agent(public=False)["agentId"]
        paths = ["/agents/%s/did%s" % (agent, end) for end in ("", ".json", "/card")]

        def hidden():
            for path in paths:
                self.refused(self.nobody.get(path), 404, "AGENT_NOT_FOUND")
                self.assertEqual(self.nobody.get(path).json["details"], {"agentId": agent})

        hidden()
        self.publish(agent, True)
        self.assertEqual([self.nobody.get(path).status for path in paths], [200] * 3)
        reply = self.api.call("PATCH", "/api/v1/agents/" + agent, {"status": "suspended"})
        self.assertEqual(reply.status, 200, reply)
        hidden()
        for bad in ("x", "agt-00000000", agent + "0"):
            for end in ("", ".json", "/card"):
                reply = self.nobody.get("/agents/%s/did%s" % (bad, end))
                self.refused(reply, 400, "VALIDATION_ERROR")
                self.assertEqual(reply.json["details"]["field"], "agentId")

    def test_a_wrong_method_is_refused_in_the_words_of_its_dialect(self):
        for path in (HERE, "/agents/x/did", "/agents/x/did/card"):
            reply = self.nobody.call("POST", path, {})
            self.refused(reply, 405, "METHOD_NOT_ALLOWED")
            self.assertEqual(set(reply.json), {"code", "message", "request_id"}, path)


class Numbers(Flow):
    settings = {"oauth.publish": "1h"}

    def numbers(self):
        methods = self.api.get(HERE).json["verificationMethod"]
        return {m["publicKeyJwk"]["kid"]: m["id"].split("#")[1] for m in methods}

    def test_a_key_keeps_its_number_when_others_come_and_go(self):
        first = self.numbers()
        self.assertEqual(list(first.values()), ["key-1"])
        fresh = self.daemon.run("signing-key", "rotate").strip()
        wait_for(lambda: fresh in self.numbers(), 10, "the new key is published", 0.2)
        self.assertEqual(self.numbers(), {**first, fresh: "key-2"})
        self.daemon.psql("UPDATE signing_keys SET retires_at = now() WHERE number = 1")
        self.daemon.psql("UPDATE signing_keys SET signs_at = now() WHERE number = 2")
        wait_for(lambda: self.numbers() == {fresh: "key-2"}, 15, "the old key is retired", 0.2)
        self.assertNotIn('"d"', json.dumps(self.api.get(HERE).json))
