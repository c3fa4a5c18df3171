"""Every operation answers every general failure the document declares for it: wrong credentials,
bad input, limits, a database that is away, broken or busy, a service that stops."""
import json
import os
import signal
import threading
import time
import uuid

import client
from client import Client, Document, Reply, Stream
from flow import Flow, Locked, Together
from rosterd import resume, wait_for
from upstream import Upstream


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
        cls.connection = cls.api.connect(cls.agent, cls.target, allow_paths=True)
        cls.paths = {
            "proxy": cls.connection["id"],
            "agents": cls.agent["id"],
            "connections": cls.connection["id"],
        }

    def operations(self):
        """(operation, method, target, body, credential) for every row of the document."""
        for method, _, row, path in self.api.document.operations:
            words = path.split("/")
            known = self.paths.get(words[2] if len(words) > 2 else "", "x")
            target = "/".join(
                ("more" if "path" in w else known) if w.startswith("{") else w for w in words
            )
            yield row, method, target, self.body(row, method, path), self.credential(row, path)

    def body(self, row, method, path):
        if path == "/api/agents" and method == "POST":
            return {"name": "matrix"}
        if path == "/api/connections" and method == "POST":
            return {
                "source_agent_id": self.agent["id"],
                "target_agent_id": self.target["id"],
                "group_name": "g",
            }
        if method == "PATCH":
            return {"version": uuid.uuid4().hex}
        return {} if "requestBody" in row else None

    def credential(self, row, path):
        if not self.declares(row, "UNAUTHORIZED"):
            return None
        agents_own = path.startswith("/api/proxy") or path.endswith(("/heartbeat", "/me"))
        return self.agent["token"] if agents_own else self.daemon.key

    def declares(self, row, code):
        return any(
            code in self.api.document.codes(self.api.document.follow(response))
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
                self.assertEqual(reply.code, code, (method, target, reply))

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
        slug = self.daemon.psql(
            "SELECT slug FROM organizations WHERE id = '%s'" % self.daemon.ready["organization_id"]
        )[0][0]
        key = self.daemon.run("key", "create", "--org", slug, "--scope", "openid").strip()
        self.each("INSUFFICIENT_SCOPE", lambda api, m, t, b: api.with_credential(key).call(m, t, b))

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
        self.each("MALFORMED_JSON", raw(b"{"))
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
            if method in ("POST", "PATCH") and body is not None:
                if target.endswith("/heartbeat"):
                    return api.call(method, target, {"status": "busy"})
                return api.call(method, target, {"no such member": 1})
            return api.call(method, target + "?no_such_parameter=1")

        self.each("VALIDATION_ERROR", bad)

    def test_ids(self):
        for code in ("AGENT_NOT_FOUND", "CONNECTION_NOT_FOUND"):
            for row, method, target, body, credential in self.declaring(code):
                other = "/".join(
                    str(uuid.uuid4()) if w in self.paths.values() else w for w in target.split("/")
                )
                if other == target:
                    continue
                reply = self.api.with_credential(credential).call(method, other, body)
                self.assertIn(reply.code, (code, "TOKEN_MISMATCH"), (method, other))

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

    def test_repeats(self):
        for row, method, target, body, credential in self.declaring("IDEMPOTENCY_MISMATCH"):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            first = self.api.call(method, target, body, headers=headers)
            self.assertLess(first.status, 300, first)
            other = {**body, "name": "x"} if "name" in body else {**body, "group_name": "other"}
            reply = self.api.call(method, target, other, headers=headers)
            self.assertEqual(reply.code, "IDEMPOTENCY_MISMATCH")
        for row, method, target, body, credential in self.declaring("IDEMPOTENCY_RUNNING"):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            table = "agents" if "name" in body else "connections"
            with Locked(self.daemon, table, "SHARE ROW EXCLUSIVE"):
                first = Together(
                    lambda: Client(self.daemon).call(method, target, body, headers=headers)
                )
                time.sleep(0.7)
                reply = self.api.call(method, target, body, headers=headers)
                self.assertEqual(reply.code, "IDEMPOTENCY_RUNNING", reply)
            self.assertLess(first.wait()[0].status, 300)


class Late(Matrix):
    settings = {"server.body_timeout": "1s"}

    def test_a_body_that_never_comes(self):
        late = [o for o in self.operations() if self.declares(o[0], "REQUEST_TIMEOUT")]
        for row, method, target, body, credential in late:
            with self.subTest(operation=row["operationId"]):
                reply = self.by_hand(
                    credential,
                    method,
                    target,
                    ["Content-Type: application/json", "Content-Length: 10"],
                    b"{",
                )
                self.assertEqual(reply.code, "REQUEST_TIMEOUT")


class Limited(Matrix):
    settings = {
        "limits.enabled": "yes",
        "limits.owner": "4",
        "limits.runtime": "1",
        "limits.heartbeat": "2",
        "limits.self": "1",
    }

    def test_limits(self):
        def until(api, method, target, body):
            for _ in range(12):
                reply = api.call(method, target, body)
                if reply.code == "RATE_LIMITED":
                    break
            return reply

        # Reads first: what ends or changes the agent comes when the key is used up already.
        self.assertEqual(until(self.api, "GET", "/api/agents", None).code, "RATE_LIMITED")
        self.each("RATE_LIMITED", until)


class Broken(Matrix):
    settings = {"cache.stale": "2s"}
    tables = ("agents", "connections", "presence", "calls", "status_transitions")

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
        postmaster = self.daemon.postmaster()
        children = [
            int(row[0])
            for row in self.daemon.psql(
                "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        ]
        for pid in [postmaster] + children:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(3)
            self.each("DATABASE_UNAVAILABLE", lambda api, m, t, b: api.call(m, t, b))
        finally:
            resume([postmaster] + children)
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
        slow = self.api.register(endpoint_url=self.upstream.url("/delay/4000"))
        self.api.beat(slow)
        path = "/api/proxy/" + self.api.connect(self.agent, slow)["id"]
        kept = []
        for row, method, target, body, credential in self.declaring("DRAINING"):
            api = self.api.with_credential(credential)
            api.exchange("GET", "/healthz", b"", {})
            kept.append((api, row, method, target, body))
        call = Together(lambda: Client(self.daemon, self.agent["token"]).post(path, {}))
        wait_for(
            lambda: any(r.target.startswith("/delay") for r in self.upstream.requests),
            5,
            "a call under way",
        )
        self.daemon.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        for api, row, method, target, body in kept:
            with self.subTest(operation=row["operationId"]):
                self.assertEqual(api.call(method, target, body).code, "DRAINING")
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
