"""One good request for each operation of the OpenAPI document, for flows that go over all."""
import concurrent.futures
import re
import time
import uuid

import client
import mesh_rows
from client import Reply, Stream
from flow import Flow
from rosterd import wait_for
from upstream import Upstream


# What a dialect calls an error that others call otherwise; by the path, the first that fits wins.
IDENTITY = {
    "MALFORMED_JSON": "VALIDATION_ERROR",
    "WRONG_CREDENTIAL": "UNAUTHORIZED",
    "INSUFFICIENT_SCOPE": "FORBIDDEN",
    "RATE_LIMITED": "RATE_LIMIT_EXCEEDED",
    "INTERNAL_ERROR": "INTERNAL_SERVER_ERROR",
}
OAUTH = {
    "VALIDATION_ERROR": "invalid_request",
    "MALFORMED_JSON": "invalid_request",
    "UNSUPPORTED_MEDIA_TYPE": "invalid_request",
    "UNAUTHORIZED": "invalid_token",
    "WRONG_CREDENTIAL": "invalid_token",
    "INSUFFICIENT_SCOPE": "insufficient_scope",
    "FORBIDDEN": "insufficient_scope",
    "INTERNAL_ERROR": "server_error",
    "DATABASE_UNAVAILABLE": "temporarily_unavailable",
    "OVERLOADED": "temporarily_unavailable",
    "DRAINING": "temporarily_unavailable",
}
MESH = {
    "VALIDATION_ERROR": "INVALID_REQUEST",
    "MALFORMED_JSON": "INVALID_REQUEST",
    "WRONG_CREDENTIAL": "UNAUTHORIZED",
    "INSUFFICIENT_SCOPE": "FORBIDDEN",
}
WORDS = (
    (r"/agents/[^/]+/did", IDENTITY),
    ("/.well-known/did.json", IDENTITY),
    ("/.well-known/agent-card", MESH),
    ("/internal", MESH),
    ("/sessions", MESH),
    ("/messages", MESH),
    ("/send", MESH),
    ("/agents", MESH),
    ("/auth", MESH),
    ("/api/v1/token", OAUTH),
    ("/api/v1/authorize", OAUTH),
    ("/.well-known", OAUTH),
    ("/agent-info", OAUTH),
    ("/api/v1", IDENTITY),
    ("", {}),
)


def word(path, code):
    return next(words for prefix, words in WORDS if re.match(prefix, path)).get(code, code)


# A good body for each operation that needs one, by operationId; a call makes what must be fresh.
BODIES = {
    "registerAgent": lambda m: {"name": "matrix"},
    "createConnection": lambda m: {
        "source_agent_id": m.agent["id"],
        "target_agent_id": m.target["id"],
        "group_name": "g",
    },
    "editAgent": lambda m: {"version": uuid.uuid4().hex},
    "registerIdentity": lambda m: {
        "email": uuid.uuid4().hex + "@matrix.example",
        "agentType": "custom",
        "version": "1.0.0",
        "capabilities": ["matrix:read"],
        "owner": "matrix",
        "deploymentEnv": "staging",
    },
    "createOrganization": lambda m: {"name": "matrix", "slug": uuid.uuid4().hex},
    "editOrganization": lambda m: {"name": uuid.uuid4().hex},
    "addMember": lambda m: {"agentId": str(uuid.uuid4()), "role": "member"},
    "editIdentity": lambda m: {"version": "1.0.%d" % time.time_ns()},
    "issueToken": lambda m: {
        "grant_type": "client_credentials",
        "client_id": m.agent["id"],
        "client_secret": m.secret,
    },
    "getToken": lambda m: {"client_id": m.agent["id"], "client_secret": m.secret},
    "registerInstance": lambda m: {"agent_type": "matrix", "instance_id": uuid.uuid4().hex},
    "beatInstance": lambda m: {"instance_id": m.instance},
    "rotateDispatchSecret": lambda m: {"instance_id": m.instance},
    "listInstances": lambda m: {"agent_type": "matrix"},
    "dispatch": lambda m: {"agent_type": "matrix", "skill_id": "none"},
    "deregisterInstance": lambda m: {"instance_id": m.instance},
    "getInstance": lambda m: {"instance_id": m.instance},
    "getInstanceConnection": lambda m: {"instance_id": m.instance},
    "allowAgentType": lambda m: {"tenant_id": m.tenant, "agent_type": "matrix-2"},
    "disallowAgentType": lambda m: {"tenant_id": m.tenant, "agent_type": "matrix-3"},
    "introspectToken": lambda m: {"token": m.token},
    "revokeToken": lambda m: {"token": m.other_token},
    "openMeshSession": lambda m: {"instance_id": m.hosted, "user_id": "matrix"},
    "closeMeshSession": lambda m: {"session_id": m.session},
    "getMeshSession": lambda m: {"session_id": m.session},
    "inviteToMeshSession": lambda m: {"session_id": m.session, "agent_type": "matrix-hosted"},
    "send": lambda m: m.rpc(),
    "sendToType": lambda m: m.rpc(),
    "getMeshMessage": lambda m: {"message_id": m.message},
    "cancelMeshMessage": lambda m: {"message_id": m.message},
}


class Matrix(Flow):
    """Knows one good request for each operation, and who may send it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)
        cls.prepare()

    @classmethod
    def prepare(cls):
        cls.agent = cls.api.register("matrix source")
        cls.target = cls.api.register("matrix target", endpoint_url=cls.upstream.url())
        cls.api.beat(cls.target)
        cls.tenant = cls.daemon.ready["organization_id"]
        cls.instance = cls.api.post("/agents/register", BODIES["registerInstance"](cls)).json[
            "instance_id"
        ]
        cls.connection = cls.api.connect(cls.agent, cls.target, allow_paths=True)
        in_mesh = cls.api.get("/api/agents?q=matrix").json["data"]
        in_mesh = next(agent for agent in in_mesh if agent["name"] == "matrix")
        cls.mesh_connection = cls.api.connect(cls.agent, in_mesh, allow_paths=True)
        cls.hosted = mesh_rows.instance(cls.daemon, cls.target, "matrix-hosted")
        cls.renew()
        cls.operator = cls.key("full,admin:orgs")
        cls.organization = (
            cls.api.with_credential(cls.operator)
            .post("/api/v1/organizations", {"name": "matrix", "slug": "matrix"})
            .json
        )
        cls.secret = cls.api.post("/api/v1/agents/%s/credentials" % cls.agent["id"], {}).json[
            "clientSecret"
        ]
        # The first token makes the first key, which may take longer than a short deadline allows.
        ask = lambda: cls.api.with_credential(None).post("/api/v1/token", BODIES["issueToken"](cls))
        cls.token, cls.other_token = (
            wait_for(lambda: ask().json.get("access_token"), 30, "a token") for _ in range(2)
        )
        cls.paths = {
            "proxy": cls.connection["id"],
            "agents": cls.agent["id"],
            "connections": cls.connection["id"],
            "organizations": cls.organization["organizationId"],
            "audit": wait_for(cls.newest_event, 10, "an event")["eventId"],
            "instance": cls.instance,
        }

    @classmethod
    def newest_event(cls):
        return next(iter(cls.api.get("/api/v1/audit?limit=1").json.get("data", ())), None)

    @staticmethod
    def rpc():
        """To an instance that does not answer."""
        part = {"data": {"agent_type": "matrix-hosted"}}
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [part]}
        params = {"message": message}
        return {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params}

    @classmethod
    def renew(cls):
        """What a good request uses up."""
        cls.session = str(uuid.uuid4())
        assert cls.api.post("/sessions/init", {"session_id": cls.session}).status == 200
        cls.message = mesh_rows.message(cls.daemon, cls.target, cls.session)

    @classmethod
    def key(cls, scope):
        """A key of the organization that the daemon's own key is of."""
        slug = cls.daemon.psql(
            "SELECT slug FROM organizations WHERE id = '%s'" % cls.daemon.ready["organization_id"]
        )[0][0]
        return cls.daemon.run("key", "create", "--org", slug, "--scope", scope).strip()

    def operations(self):
        """(operation, method, target, body, credential) for every row of the document."""
        for method, _, row, path in self.api.document.operations:
            target = self.address(path, self.paths)
            yield row, method, target, self.body(row), self.credential(row, path)

    @staticmethod
    def address(path, ids):
        """A path with the ids that belong there, each named by the segment before it."""
        words, last = path.split("/"), ""
        if path == "/agents/connect" and "instance" in ids:
            return path + "?instance_id=" + ids["instance"]
        for i, w in enumerate(words):
            if w == "{agent_type}":
                words[i] = "matrix-hosted"
            elif w.startswith("{"):
                words[i] = "more" if "path" in w else ids.get(last, "x")
            else:
                last = w
        return "/".join(words)

    def body(self, row):
        if row["operationId"] in BODIES:
            return BODIES[row["operationId"]](self)
        return {} if "requestBody" in row else None

    def credential(self, row, path):
        if not self.declares(row, "UNAUTHORIZED"):
            return None
        if "admin:orgs" in row.get("x-scopes", ()):
            return self.operator
        if path == "/agent-info":
            return self.token
        agents_own = path.startswith("/api/proxy") or (
            path.startswith("/api/") and path.endswith(("/heartbeat", "/me"))
        )
        return self.agent["token"] if agents_own else self.daemon.key

    def declares(self, row, code):
        return any(
            code in self.api.document.follow(response).get("x-errors", ())
            for response in row["responses"].values()
        )

    def declaring(self, code):
        found = [o for o in self.operations() if self.declares(o[0], code)]
        self.assertTrue(found, "no operation declares " + code)
        return found

    def each(self, code, send):
        """Sends to every operation that declares the code; all must answer with it."""
        for row, method, target, body, credential in self.declaring(code):
            with self.subTest(operation=row["operationId"], code=code):
                reply = send(self.api.with_credential(credential), method, target, body)
                self.assertEqual(reply.code, word(target, code), (method, target, reply))

    def each_at_once(self, code, send):
        """The same where each answer takes its time: all that a worker each can wait for."""

        def one(operation):
            row, method, target, body, credential = operation
            api = self.api.with_credential(credential)
            try:
                return row["operationId"], send(api, method, target, body).code, word(target, code)
            finally:
                api.close()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, self.declaring(code)))
        self.assertEqual([a for a in answers if a[1] != a[2]], [])

    def by_hand(self, credential, method, target, head, body=b""):
        """A request that http.client would not send; the reply is checked all the same."""
        stream = Stream(self.daemon.address)
        try:
            lines = ["%s %s HTTP/1.1" % (method, target), "Host: x"] + head
            if credential:
                lines.append("Authorization: Bearer " + credential)
            stream.send(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
            stream.answer()
            reply = Reply(stream.status, stream.headers, stream.body())
        finally:
            stream.close()
        client.check(self.api.document, method, target, reply)
        return reply
