"""Sockets end when the rights that they were opened with are lost, and only then."""
import json
import uuid

from client import Client
from mesh import Mesh
from rosterd import organization


class Rights(Mesh):
    def opened(self, key, org_api=None):
        """An instance of the organization of org_api (or ours), connected with this credential."""
        api = org_api or self.api
        name, kind = "r-" + uuid.uuid4().hex[:12], "r-" + uuid.uuid4().hex[:12]
        reply = api.post("/agents/register", {"agent_type": kind, "instance_id": name})
        self.assertEqual(reply.status, 200, reply)
        agent = type(self.agent())(self.daemon, kind, name, key)
        agent.connect()
        self.addCleanup(agent.socket.sock.close)
        return agent.serve()

    def token(self, client_id, secret):
        body = {"client_id": client_id, "client_secret": secret}
        reply = self.api.with_credential(None).post("/auth/get_token", body)
        self.assertEqual(reply.status, 200, reply)
        return reply.json["token"]

    def ended_unauthorized(self, agent):
        ended = agent.wait_ended()
        self.assertEqual((ended.code, ended.reason), (4401, "unauthorized"))

    def test_a_revoked_credential_ends_its_sockets_and_no_others(self):
        words = ("credential", "create", "--org", "system", "--json")
        made = [json.loads(self.daemon.run(*words)) for _ in range(2)]
        tokens = [self.token(one["client_id"], one["client_secret"]) for one in made]
        gone, stays = self.opened(tokens[0]), self.opened(tokens[1])
        by_key = self.opened(self.daemon.key)
        self.daemon.run("credential", "revoke", made[0]["client_id"])
        self.ended_unauthorized(gone)
        self.assertEqual(self.dispatched(stays), {"echo": {}, "by": stays.instance_id})
        self.assertEqual(self.dispatched(by_key), {"echo": {}, "by": by_key.instance_id})
        self.wait_row(gone, connection="offline", owner=None)

    def test_a_suspended_organization_loses_its_sockets(self):
        key = organization(self.daemon, "suspended-soon")
        theirs = Client(self.daemon, key)
        self.addCleanup(theirs.close)
        agent, ours = self.opened(key, theirs), self.opened(self.daemon.key)
        words = ("key", "create", "--org", "system", "--scope", "full,admin:orgs")
        operator = self.api.with_credential(self.daemon.run(*words).strip())
        org = self.daemon.psql("SELECT id FROM organizations WHERE slug = 'suspended-soon'")[0][0]
        reply = operator.patch("/api/v1/organizations/" + org, {"status": "suspended"})
        self.assertEqual(reply.status, 200, reply)
        self.ended_unauthorized(agent)
        self.assertEqual(self.dispatched(ours), {"echo": {}, "by": ours.instance_id})

    def test_an_agent_that_is_suspended_loses_what_it_opened(self):
        client = self.api.post(
            "/api/v1/agents",
            {
                "email": "%s@rights.example" % uuid.uuid4().hex,
                "agentType": "custom",
                "version": "1.0.0",
                "capabilities": ["a:b"],
                "owner": "rights",
                "deploymentEnv": "staging",
            },
        ).json["agentId"]
        secret = self.api.post("/api/v1/agents/%s/credentials" % client, {}).json["clientSecret"]
        agent = self.opened(self.token(client, secret))
        self.dispatched(agent)
        reply = self.api.patch("/api/v1/agents/" + client, {"status": "suspended"})
        self.assertEqual(reply.status, 200, reply)
        self.ended_unauthorized(agent)
