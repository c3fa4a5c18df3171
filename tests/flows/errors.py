"""Every operation answers every general failure the document declares for it: wrong credentials,
bad input, limits, a database that is away, broken or busy, a service that stops."""
import json
import signal
import threading
import time
import uuid

import client
from client import Client, Document
from flow import Flow, Locked, Stopped, Together
from matrix import Matrix, word
from rosterd import organization, wait_for


# A bad body, where an unknown member is not one.
BAD = {
    "heartbeat": {"status": "busy"},
    "registerIdentity": {"email": "x"},
    "createOrganization": {"slug": "-"},
    "addMember": {"role": "king"},
    "issueToken": {"grant_type": 5},
    "getToken": {"client_id": 5},
    "listInstances": {"page": 0},
    "getInstanceStats": {"agent_type": 5},
    "introspectToken": {"token": 5},
    "revokeToken": {"token": 5},
}


class Input(Matrix):
    settings = {"proxy.max_body": "1MiB"}

    def test_credentials(self):
        self.each("UNAUTHORIZED", lambda api, m, t, b: api.with_credential(None).call(m, t, b))
        other = (
            lambda api: self.daemon.key if api.credential.startswith("tk_") else self.agent["token"]
        )
        self.each(
            "WRONG_CREDENTIAL", lambda api, m, t, b: api.with_credential(other(api)).call(m, t, b)
        )

    def test_scopes(self):
        key = self.key("openid")
        self.each("INSUFFICIENT_SCOPE", lambda api, m, t, b: api.with_credential(key).call(m, t, b))

    def test_suspended_organizations(self):
        words = ("key", "create", "--org", "suspended", "--scope")
        organization(self.daemon, "suspended")
        scopes = [w for o in self.operations() for w in o[0].get("x-scopes", ())]
        key = self.daemon.run(*words, ",".join(sorted(set(scopes)))).strip()
        self.daemon.psql("UPDATE organizations SET state = 1 WHERE slug = 'suspended'")
        for row, method, target, body, _ in self.declaring("FORBIDDEN"):
            if "x-scopes" in row:
                reply = self.api.with_credential(key).call(method, target, body)
                want = word(target, "FORBIDDEN")
                self.assertEqual(reply.code, want, (method, target, reply))

    def test_lives_of_agents(self):
        for code, change in (
            ("AGENT_REVOKED", "2"),
            ("AGENT_ARCHIVED", "1"),
            ("AGENT_DISABLED", "3"),
        ):
            agent = self.api.register()
            self.daemon.psql("UPDATE agents SET life = %s WHERE id = '%s'" % (change, agent["id"]))
            self.each(
                code,
                lambda api, m, t, b: api.with_credential(agent["token"]).call(
                    m, t.replace(self.agent["id"], agent["id"]), b
                ),
            )

    def test_framing(self):
        self.each(
            "MALFORMED_REQUEST",
            lambda api, m, t, b: self.by_hand(
                api.credential, m, t, ["Content-Length: 2", "Content-Length: 3"], b"{} "
            ),
        )

    def test_targets(self):
        self.each(
            "URI_TOO_LONG",
            lambda api, m, t, b: self.by_hand(
                api.credential, m, t + "?q=" + "a" * 12000, ["Content-Length: 0"]
            ),
        )

    def test_bodies(self):
        raw = lambda data, kind="application/json": lambda api, m, t, b: api.call(
            m, t, raw=data, headers={"Content-Type": kind}
        )
        # A call goes on as it comes, unless it becomes a dispatch.
        in_mesh = lambda t: t.replace(self.connection["id"], self.mesh_connection["id"])
        self.each("MALFORMED_JSON", lambda api, m, t, b: raw(b"{")(api, m, in_mesh(t), b))
        self.each("UNSUPPORTED_MEDIA_TYPE", raw(b"<a/>", "text/xml"))
        too_large = lambda api, m, t, b: self.by_hand(
            api.credential, m, t, ["Content-Type: application/json", "Content-Length: 9000000000"]
        )
        self.each("PAYLOAD_TOO_LARGE", too_large)
        chunk = ["Content-Type: application/json", "Transfer-Encoding: chunked"]
        for row, method, target, _, credential in self.declaring("PAYLOAD_TOO_LARGE"):
            with self.subTest(operation=row["operationId"]):
                body = b"100000\r\n" + b" " * 0x100000 + b"\r\n1\r\n \r\n0\r\n\r\n"
                try:
                    reply = self.by_hand(credential, method, target, chunk, body)
                except (OSError, client.Truncated):
                    continue  # closed while the rest was on its way: refused all the same
                self.assertGreaterEqual(reply.status, 400)

    def test_validation(self):
        def bad(api, method, target, body):
            if "/proxy/" in target:
                return api.call(method, target, body, headers={"X-Tragentics-Protocol": "smoke"})
            if target.startswith("/agents/connect"):
                return api.call(method, "/agents/connect?instance_id=" + "x" * 200)
            if target.endswith("/send"):  # all else is said by JSON-RPC
                return api.call(method, target + "?no_such=1", body)
            if method in ("POST", "PATCH") and body is not None:
                name = self.api.document.operation(method, target)["operationId"]
                return api.call(method, target, BAD.get(name, {"no such member": 1}))
            # RFC 6749, 3.1: here unknown parameters are passed over.
            wrong = "response_type=a&response_type=b" if "authorize" in target else "no_such=1"
            return api.call(method, target + "?" + wrong)

        self.each("VALIDATION_ERROR", bad)

    def test_ids(self):
        for code in ("AGENT_NOT_FOUND", "CONNECTION_NOT_FOUND", "ORG_NOT_FOUND"):
            for row, method, target, body, credential in self.declaring(code):
                other = "/".join(
                    str(uuid.uuid4()) if w in self.paths.values() else w for w in target.split("/")
                )
                if other == target:
                    continue
                reply = self.api.with_credential(credential).call(method, other, body)
                allowed = (code, "TOKEN_MISMATCH", "ORG_NOT_FOUND")
                self.assertIn(reply.code, allowed, (method, other))

    def test_states_and_preconditions(self):
        self.each(
            "PRECONDITION_FAILED",
            lambda api, m, t, b: api.call(m, t, b, headers={"If-Match": '"999999"'}),
        )
        revoked = self.api.register()
        self.api.post("/api/agents/%s/revoke" % revoked["id"])

        def on_revoked(api, method, target, body):
            if body and "source_agent_id" in body:
                return api.call(method, target, {**body, "target_agent_id": revoked["id"]})
            return api.call(method, target.replace(self.agent["id"], revoked["id"]), body)

        for row, method, target, body, credential in self.declaring("AGENT_STATE"):
            if target.endswith("/revoke"):
                self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % revoked["id"])
            reply = on_revoked(self.api, method, target, body)
            self.assertEqual(reply.code, "AGENT_STATE", (method, target, reply))
            self.daemon.psql("UPDATE agents SET life = 2 WHERE id = '%s'" % revoked["id"])

    def repeated(self, target, body):
        """A body that works, another one, and the table that it goes to."""
        if target.endswith("/members"):
            body = {"agentId": self.api.register()["id"], "role": "member"}
            return body, {**body, "role": "admin"}, "organization_members"
        if "group_name" in body:
            return body, {**body, "group_name": "other"}, "connections"
        table = "organizations" if target.endswith("/organizations") else "agents"
        return body, {**body, "name": "other"}, table

    tables = (
        "agents",
        "connections",
        "credentials",
        "organizations",
        "organization_members",
        "sessions",
    )

    def test_repeats(self):
        for row, method, target, body, credential in self.declaring("IDEMPOTENCY_MISMATCH"):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            api = self.api.with_credential(credential)
            if "agentId" in body:
                body["agentId"] = self.api.register()["id"]
            first = api.call(method, target, body, headers=headers)
            self.assertLess(first.status, 300, first)
            if "role" in body:
                other = {**body, "role": "admin"}
            elif body:
                names = ("name", "group_name", "owner", "user_id")
                known = [name for name in names if name in body]
                other = {**body, known[0]: "other"}
            else:
                other = {"expiresAt": "2099-01-01T00:00:00Z"}
            reply = api.call(method, target, other, headers=headers)
            self.assertEqual(reply.code, "IDEMPOTENCY_MISMATCH")
        for row, method, target, body, credential in self.declaring("IDEMPOTENCY_RUNNING"):
            api = self.api.with_credential(credential)
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            if "agentId" in body:
                body["agentId"] = self.api.register()["id"]
            with Locked(self.daemon, ", ".join(self.tables), "SHARE ROW EXCLUSIVE"):
                first = Together(
                    lambda: Client(self.daemon, credential).call(
                        method, target, body, headers=headers
                    )
                )
                time.sleep(0.7)
                reply = api.call(method, target, body, headers=headers)
                self.assertEqual(reply.code, "IDEMPOTENCY_RUNNING", reply)
            self.assertLess(first.wait()[0].status, 300)


class Limited(Matrix):
    settings = {
        "limits.enabled": "yes",
        "limits.owner": "12",
        "limits.runtime": "1",
        "limits.heartbeat": "2",
        "limits.self": "1",
        "limits.client": "4",
        "limits.verify": "2",
        "limits.mesh": "2",
        "limits.public": "2",
    }

    def test_limits(self):
        def until(api, method, target, body):
            for _ in range(16):
                reply = api.call(method, target, body)
                if reply.status == 429:
                    break
            return reply

        # Reads first: what ends or changes the agent comes when the keys are used up already.
        for api in (self.api, self.api.with_credential(self.operator)):
            self.assertEqual(until(api, "GET", "/api/agents", None).code, "RATE_LIMITED")
        self.each("RATE_LIMITED", until)


class Broken(Matrix):
    fresh = True  # no keys are in memory yet
    settings = {"cache.stale": "2s"}
    tables = (
        "agents",
        "connections",
        "presence",
        "calls",
        "status_transitions",
        "organizations",
        "org_credentials",
        "instances",
        "instance_states",
        "instance_counts",
        "allowed_types",
        "revoked_tokens",
        "audit_events",
        "signing_keys",
        "service_state",
        "sessions",
        "messages",
    )

    def test_tables_that_are_gone(self):
        for table in self.tables:
            self.daemon.psql("ALTER TABLE %s RENAME TO %s_away" % (table, table))
        time.sleep(0.5)
        try:
            self.each("INTERNAL_ERROR", lambda api, m, t, b: api.call(m, t, b))
        finally:
            for table in self.tables:
                self.daemon.psql("ALTER TABLE %s_away RENAME TO %s" % (table, table))
        wait_for(lambda: self.api.get("/api/agents").status == 200, 5, "well again")


class Away(Matrix):
    settings = {"database.timeout": "1s", "cache.stale": "2s"}

    def test_a_database_that_is_away(self):
        with Stopped(self.daemon):
            time.sleep(3)
            self.each_at_once("DATABASE_UNAVAILABLE", lambda api, m, t, b: api.call(m, t, b))
        wait_for(lambda: self.api.get("/readyz").status == 200, 10, "ready again")


class Busy(Matrix):
    settings = {
        "database.workers": "1",
        "database.queue": "1",
        "database.timeout": "2m",
        "server.request_timeout": "2m",
        "cache.stale": "2s",
    }

    def test_a_queue_that_is_full(self):
        time.sleep(3)
        with Locked(self.daemon, "agents"):
            waiting = [
                threading.Thread(target=lambda: Client(self.daemon).get("/api/agents"), daemon=True)
                for _ in range(4)
            ]
            for thread in waiting:
                thread.start()
            # One is with the worker, one waits for it; the others were refused.
            full = lambda: sum(thread.is_alive() for thread in waiting) == 2
            wait_for(full, 10, "the queue is full")
            self.each("OVERLOADED", lambda api, m, t, b: api.call(m, t, b))
        for thread in waiting:
            thread.join(30)


class Stopping(Matrix):
    settings = {"server.drain_timeout": "30s"}

    def test_kept_connections_are_told_that_it_stops(self):
        slow = self.api.register(endpoint_url=self.upstream.url("/sse"))
        self.api.beat(slow)
        path = "/api/proxy/" + self.api.connect(self.agent, slow)["id"]
        kept = []
        for row, method, target, body, credential in self.declaring("DRAINING"):
            api = self.api.with_credential(credential)
            api.exchange("GET", "/healthz", b"", {})
            kept.append((api, row, method, target, body))
        call = Together(lambda: Client(self.daemon, self.agent["token"]).post(path, {}))
        wait_for(
            lambda: any(r.target.startswith("/sse") for r in self.upstream.requests),
            5,
            "a call under way",
        )
        self.daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        for api, row, method, target, body in kept:
            with self.subTest(operation=row["operationId"]):
                self.assertEqual(api.call(method, target, body).code, word(target, "DRAINING"))
        self.upstream.events.put(None)
        self.assertEqual(call.wait()[0].status, 200)


class Declared(Flow):
    def test_every_error_has_an_example_of_its_form(self):
        """The document says what an error looks like, with the codes of each status."""
        document = Document(self.api.get("/openapi.json").json)
        for method, _, row, path in document.operations:
            for status, response in row["responses"].items():
                if status.isdigit() and int(status) >= 400:
                    codes = document.codes(document.follow(response))
                    self.assertTrue(codes, "%s %s %s declares no code" % (method, path, status))
        self.assertTrue(json.dumps(document.document))
