"""Dispatches: to whom they go, what proof they carry, how they end, and what is counted."""
import base64
import json
import subprocess
import tempfile
import time
import uuid

from client import Client, Stream
from flow import Stopped, Together
from mesh import Mesh
from rosterd import organization, wait_for


def part(token, n):
    word = token.split(".")[n]
    return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))


class Checker:
    """What an agent does with a proof: the fixed algorithm of the key, never the header's."""

    def __init__(self, keys, instance_id, issuer="svantic-mesh"):
        self.keys, self.instance_id, self.issuer = keys, instance_id, issuer

    def check(self, token, now=None):
        """The claims; AssertionError says what is wrong."""
        head, claims = json.loads(part(token, 0)), json.loads(part(token, 1))
        key = next((k for k in self.keys["keys"] if k["kid"] == head.get("kid")), None)
        assert key is not None, "NO_KEY"
        assert head["alg"] == key["alg"] and head["typ"] == "JWT", "BAD_SIGNATURE"
        assert self.holds(token, key), "BAD_SIGNATURE"
        assert claims["iss"] == self.issuer, "ISSUER_MISMATCH"
        assert claims["aud"] == "agent:" + self.instance_id, "AUDIENCE_MISMATCH"
        assert claims["exp"] > (now or time.time()), "EXPIRED"
        assert claims["iat"] <= (now or time.time()) + 1, "NOT_YET_VALID"
        return claims

    @staticmethod
    def holds(token, key):
        with tempfile.NamedTemporaryFile("w", suffix=".jwk") as f:
            json.dump(key, f)
            f.flush()
            words = ["jose", "jws", "ver", "-i", "-", "-k", f.name, "-O", "/dev/null"]
            return (
                subprocess.run(words, input=token, text=True, capture_output=True).returncode == 0
            )


class Proof(Mesh):
    settings = {"mesh.dispatch_timeout": "20s"}

    def keys(self):
        reply = self.api.with_credential(None).get("/.well-known/jwks.json")
        self.assertEqual(reply.status, 200)
        return reply.json

    def proof_of(self, agent):
        self.dispatched(agent)
        return agent.got[-1]["svantic_auth"], agent.got[-1]["id"]

    def test_a_dispatch_carries_a_token_for_exactly_this_instance(self):
        agent, other = self.ready(), self.ready()
        proof, dispatch_id = self.proof_of(agent)
        self.assertEqual(proof["scheme"], "svantic_jwt")
        claims = Checker(self.keys(), agent.instance_id).check(proof["token"])
        org = self.daemon.ready["organization_id"]
        self.assertEqual(
            {k: claims[k] for k in claims if k not in ("iat", "exp")},
            {
                "iss": "svantic-mesh",
                "aud": "agent:" + agent.instance_id,
                "tenant_id": org,
                "agent_type": agent.agent_type,
                "instance_id": agent.instance_id,
                "dispatch_id": dispatch_id,
                "jti": dispatch_id,
            },
        )
        self.assertLessEqual(claims["exp"] - claims["iat"], 120)
        self.assertEqual(claims["exp"], proof["expires_at"])
        for checker, token, why in (
            (Checker(self.keys(), other.instance_id), proof["token"], "AUDIENCE_MISMATCH"),
            (Checker({"keys": []}, agent.instance_id), proof["token"], "NO_KEY"),
            (Checker(self.keys(), agent.instance_id), self.tampered(proof["token"]), "BAD_SIG"),
        ):
            with self.assertRaisesRegex(AssertionError, why):
                checker.check(token)
        with self.assertRaisesRegex(AssertionError, "EXPIRED"):
            Checker(self.keys(), agent.instance_id).check(proof["token"], time.time() + 121)

    @staticmethod
    def tampered(token):
        head, claims, signature = token.split(".")
        changed = json.loads(part(token, 1))
        changed["tenant_id"] = str(uuid.uuid4())
        text = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
        return ".".join((head, text, signature))

    def test_a_dispatch_token_is_no_access_token(self):
        token = self.proof_of(self.ready())[0]["token"]
        reply = self.api.with_credential(token).get("/api/v1/agents")
        self.assertEqual(reply.status, 401)

    def test_with_a_shared_secret_that_is_the_proof(self):
        secret = "s3cret-ü-" + uuid.uuid4().hex
        agent = self.ready(
            dispatch_auth={"type": "shared_secret", "credentials_ref": "one"},
            dispatch_auth_shared_secret=secret,
        )
        proof, _ = self.proof_of(agent)
        self.assertEqual((proof["scheme"], proof["token"]), ("shared_secret", secret))
        self.assertGreater(proof["expires_at"], time.time())
        self.assertNotIn(secret, self.daemon.log_text())
        self.assertNotIn(secret, self.daemon.dump().decode("utf-8", "replace"))

    def test_a_new_shared_secret_is_in_force_for_the_next_dispatch(self):
        auth = lambda ref: {"type": "shared_secret", "credentials_ref": ref}
        agent = self.ready(dispatch_auth=auth("one"), dispatch_auth_shared_secret="first")
        self.assertEqual(self.proof_of(agent)[0]["token"], "first")
        reply = self.api.post(
            "/agents/register",
            {
                "agent_type": agent.agent_type,
                "instance_id": agent.instance_id,
                "dispatch_auth": auth("two"),
                "dispatch_auth_shared_secret": "second",
            },
        )
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(self.proof_of(agent)[0]["token"], "second", "and its socket is kept")

    def test_a_secret_that_cannot_be_opened_sends_nothing(self):
        agent = self.ready(dispatch_auth={"type": "shared_secret"}, dispatch_auth_shared_secret="x")
        self.daemon.psql(
            "UPDATE instances SET auth_secret_sealed = '\\x00' WHERE instance_id = '%s'"
            % agent.instance_id
        )
        self.refused(self.dispatch(agent), 500, "DISPATCH_AUTH_UNAVAILABLE")
        self.assertEqual(agent.got, [])
        row = self.row(agent)
        self.assertEqual((row["succeeded"], row["failed"]), (0, 0))


class NoProof(Mesh):
    settings = {"mesh.dispatch_auth": "no"}

    def test_no_proof_is_sent(self):
        plain = self.ready()
        secret = self.ready(
            dispatch_auth={"type": "shared_secret"}, dispatch_auth_shared_secret="x"
        )
        for agent in (plain, secret):
            self.dispatched(agent)
            self.assertNotIn("svantic_auth", agent.got[-1])


class Ends(Mesh):
    settings = {"mesh.dispatch_timeout": "2s"}

    def test_an_error_of_the_agent_is_told_with_its_own_words(self):
        agent = self.agent()
        agent.connect()
        for code, message, want in (
            ("HANDLER_ERROR", "navigate threw", "HANDLER_ERROR"),
            ("INVALID_DISPATCH", "no skill_id", "INVALID_DISPATCH"),
            (None, None, "HANDLER_ERROR"),
            ("é" * 200, "€" * 5000, None),
            ("", "", None),
        ):
            with self.subTest(code=code):
                call = Together(lambda: self.dispatch(agent, "x"))
                got = agent.next()
                agent.refuse(got, code, message)
                reply = call.wait()[0]
                self.wait_row(agent, last_dispatch_error="HANDLER_ERROR")
                agent.beat(status="available")
                self.wait_row(agent, status="available")
                self.refused(reply, 502, "HANDLER_ERROR")
                details = reply.json["details"]
                self.assertEqual(details["dispatch_id"], got["id"])
                if want:
                    self.assertEqual(details["agent_code"], want)
                    said = message or "The agent gave no message."
                    self.assertEqual(details["agent_message"], said)
                if code and len(code) == 200:
                    self.assertRegex(details["agent_code"], "^é+$")
                    self.assertRegex(details["agent_message"], "^€+$")
        row = self.wait_row(agent, failed=5, succeeded=0)
        self.assertEqual(row["last_dispatch_error"], "HANDLER_ERROR")

    def test_without_an_answer_it_ends_in_time(self):
        agent = self.ready()
        for wish, least, most in ((300, 0.3, 3), (None, 2, 5)):
            begin = time.monotonic()
            members = {"timeout_ms": wish} if wish else {}
            self.refused(self.dispatch(agent, "silent", **members), 504, "DISPATCH_TIMEOUT")
            took = time.monotonic() - begin
            self.assertTrue(least <= took < most * 3, took)
        self.dispatched(agent)
        self.wait_row(agent, failed=2, succeeded=1)

    def test_results_may_come_in_any_order(self):
        agent = self.agent()
        agent.connect()
        apis = [Client(self.daemon) for _ in range(8)]
        calls = [
            Together(lambda n=n: self.dispatch(agent, "x", {"n": n}, api=apis[n], timeout_ms=20000))
            for n in range(8)
        ]
        got = [agent.next() for _ in range(8)]
        for one in reversed(got):
            agent.answer(one, one["payload"]["args"]["n"])
        self.assertEqual([c.wait()[0].json["result"] for c in calls], list(range(8)))
        self.assertEqual(len({one["id"] for one in got}), 8)
        for api in apis:
            api.close()

    def test_what_is_counted_is_exact(self):
        agent = self.ready()
        kinds = ["echo", "fail", "echo", "echo", "fail", "silent", "echo", "fail"] * 5
        calls = [
            lambda k=k: self.dispatch(agent, k, api=Client(self.daemon), timeout_ms=600)
            for k in kinds
        ]
        seen = [reply.status for reply in Together(*calls).wait()]
        # Three failures in a row make it unhealthy for a while: then some are not sent.
        good, bad = seen.count(200), seen.count(502) + seen.count(504)
        self.assertEqual(good + bad + seen.count(503), len(kinds))
        self.wait_row(agent, succeeded=good, failed=bad)
        self.assertEqual(len(agent.got), good + bad)

    def test_three_failures_in_a_row_take_it_out_and_a_heartbeat_brings_it_back(self):
        agent = self.ready()
        for n in range(3):
            self.refused(self.dispatch(agent, "fail"), 502, "HANDLER_ERROR")
            self.wait_row(agent, failures=n + 1)
        row = self.wait_row(agent, status="unhealthy", connection="degraded")
        self.refused(self.dispatch(agent), 503, "NO_AVAILABLE_INSTANCE")
        agent.beat()
        self.wait_row(agent, status="available", failures=0)
        self.dispatched(agent)
        row = self.wait_row(agent, connection="online", succeeded=1)
        self.assertIsNone(row["last_dispatch_error"])

    def test_what_cannot_be_asked_is_refused_and_nothing_is_sent(self):
        agent = self.ready()
        post = lambda body: self.api.post("/agents/dispatch", body)
        one = {"instance_id": agent.instance_id}
        for body in (
            {"skill_id": "x"},
            {"skill_id": "x", "agent_type": agent.agent_type, **one},
            {"skill_id": "x", "args": None, "agent_type": None, "instance_id": None},
        ):
            self.refused(post(body), 400, "INVALID_DISPATCH")
        for body in (
            one,
            {"skill_id": "", **one},
            {"skill_id": 5, **one},
            {"skill_id": "x" * 257, **one},
            {"skill_id": "x", "args": [], **one},
            {"skill_id": "x", "args": "y", **one},
            {"skill_id": "x", "session_id": "y", **one},
            {"skill_id": "x", "timeout_ms": 0, **one},
            {"skill_id": "x", "timeout_ms": 3600001, **one},
            {"skill_id": "x", "instance_id": ""},
            {"skill_id": "x", "args": {"a": "y" * (1 << 20)}, **one},
        ):
            reply = post(body)
            self.assertEqual((reply.status, reply.code), (400, "INVALID_REQUEST"), reply)
        self.refused(post({"skill_id": "x", "instance_id": "nobody"}), 404, "INSTANCE_NOT_FOUND")
        self.refused(post({"skill_id": "x", "agent_type": "nobody"}), 404, "AGENT_NOT_FOUND")
        none = str(uuid.uuid4())
        self.refused(post({"skill_id": "x", "session_id": none, **one}), 404, "SESSION_NOT_FOUND")
        other = Client(self.daemon, organization(self.daemon, "d" + uuid.uuid4().hex[:8]))
        for body in ({"skill_id": "x", **one}, {"skill_id": "x", "agent_type": agent.agent_type}):
            self.assertEqual(other.post("/agents/dispatch", body).status, 404)
        self.assertEqual(agent.got, [])

    def test_arguments_of_any_size_up_to_a_mebibyte_arrive(self):
        agent = self.ready()
        for size in (0, 100, 65000, 500000, (1 << 20) - 10):
            args = {"a": "x" * size}
            echo = self.dispatched(agent, "echo" if size < 600000 else "count", args)["echo"]
            self.assertEqual(echo, args if size < 600000 else len(args["a"]))

    def test_a_caller_that_hangs_up_changes_nothing(self):
        agent = self.ready()

        body = json.dumps(
            {"instance_id": agent.instance_id, "skill_id": "slow", "args": {"seconds": 0.5}}
        ).encode()
        for _ in range(5):
            stream = Stream(self.daemon.address)
            stream.head(
                "POST",
                "/agents/dispatch",
                {
                    "Authorization": "Bearer " + self.daemon.key,
                    "Content-Type": "application/json",
                    "Content-Length": str(len(body)),
                },
            )
            stream.send(body)
            time.sleep(0.05)
            stream.reset()
        wait_for(lambda: self.row(agent)["succeeded"] + self.row(agent)["failed"] == 5, 10, "five")
        self.dispatched(agent)

    def test_a_retired_agent_takes_nothing(self):
        agent = self.ready()
        id_ = self.id_of(agent)[1]
        self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % id_)
        self.refused(self.dispatch(agent), 503, "NO_AVAILABLE_INSTANCE")
        self.refused(self.dispatch(agent, by_type=True), 503, "NO_AVAILABLE_INSTANCE")


class Full(Mesh):
    settings = {"mesh.dispatch_timeout": "60s", "server.connections": "4000"}

    def test_more_than_1024_open_dispatches_are_refused(self):
        agent = self.agent()
        agent.connect()

        body = json.dumps({"instance_id": agent.instance_id, "skill_id": "x"}).encode()
        head = {
            "Authorization": "Bearer " + self.daemon.key,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        streams, got = [], []
        for n in range(1024):
            stream = Stream(self.daemon.address, timeout=60)
            streams.append(stream)
            stream.head("POST", "/agents/dispatch", head)
            stream.send(body)
            if n % 64 == 63:
                while len(got) <= n:
                    got.append(agent.next())
        reply = self.dispatch(agent)
        self.refused(reply, 429, "AGENT_BUSY")
        self.assertTrue(reply.header("Retry-After").isdigit())
        agent.answer(got[0], 1)
        wait_for(lambda: self.row(agent)["succeeded"] == 1, 10, "one ended")
        call = Together(lambda: self.dispatch(agent))
        agent.answer(agent.next(), 2)
        self.assertEqual(call.wait()[0].status, 200)
        agent.socket.drop()
        for stream in streams[1:]:
            self.assertIn(stream.answer().status, (200, 502))
            stream.close()
        self.wait_row(agent, succeeded=2, failed=1023)

    def test_an_agent_that_does_not_read_is_given_no_more_and_then_cut_off(self):
        agent = self.agent()
        agent.connect()
        seen, ends = set(), time.monotonic() + 40
        while time.monotonic() < ends and 429 not in seen:
            seen.add(self.dispatch(agent, "x", {"a": "x" * 500000}, timeout_ms=300).status)
            agent.beat(status="available")
            self.wait_row(agent, status="available")
        self.assertEqual(seen, {504, 429})
        agent.serve()
        wait_for(lambda: len(agent.got) >= self.row(agent)["failed"], 20, "all sent are read")
        self.dispatched(agent)
        self.wait_row(agent, failed=len(agent.got) - 1, succeeded=1)


class Choice(Mesh):
    def test_the_least_loaded_is_chosen(self):
        first = self.ready()
        others = [self.ready(first), self.ready(first)]
        three = [first] + others
        for n, agent in enumerate(three):
            agent.beat(current_sessions=(5, 2, 9)[n])
            self.wait_row(agent, sessions=(5, 2, 9)[n])
        for _ in range(4):
            self.assertEqual(self.dispatched(first, by_type=True)["by"], others[0].instance_id)
        others[0].beat(max_concurrent_sessions=2)
        self.wait_row(others[0], max_sessions=2)
        self.assertEqual(self.dispatched(first, by_type=True)["by"], first.instance_id)
        self.refused(self.dispatch(others[0]), 503, "NO_AVAILABLE_INSTANCE")
        first.beat(status="draining")
        self.wait_row(first, status="draining")
        self.assertEqual(self.dispatched(first, by_type=True)["by"], others[1].instance_id)
        others[1].leave()
        self.wait_row(others[1], connection="offline")
        self.refused(self.dispatch(first, by_type=True), 503, "NO_AVAILABLE_INSTANCE")

    def test_equals_take_turns(self):
        first = self.ready()
        three = [first, self.ready(first), self.ready(first)]
        for _ in range(9):
            self.dispatched(first, by_type=True)
            time.sleep(0.15)
        self.assertEqual(sorted(len(a.got) for a in three), [3, 3, 3])

    def test_an_agent_is_found_by_its_ids_too(self):
        agent = self.ready()
        row = self.daemon.psql(
            "SELECT a.id, a.permanent_id FROM agents a WHERE a.id = '%s'" % self.id_of(agent)[1]
        )[0]
        for name in row[1:]:
            reply = self.api.post("/agents/dispatch", {"agent_type": name, "skill_id": "x"})
            self.assertEqual(reply.status, 200, reply)

    def test_a_session_keeps_to_its_instance(self):
        first = self.ready()
        second = self.ready(first)
        session = self.session()
        chosen = self.dispatched(first, by_type=True, session_id=session)["by"]
        for _ in range(6):
            by = self.dispatched(first, by_type=True, session_id=session)["by"]
            self.assertEqual(by, chosen)
        context = next(a for a in (first, second) if a.instance_id == chosen).got[-1]
        self.assertEqual(context["session_context"]["session_id"], session)
        self.assertEqual(
            context["session_context"]["tenant_id"], self.daemon.ready["organization_id"]
        )
        turns = self.daemon.psql("SELECT total_turns, status FROM sessions WHERE id='%s'" % session)
        self.assertEqual(turns, [["7", "1"]])
        mine = first if chosen == first.instance_id else second
        mine.beat(status="draining")
        self.wait_row(mine, status="draining")
        self.refused(
            self.dispatch(first, by_type=True, session_id=session), 503, "NO_AVAILABLE_INSTANCE"
        )
        self.daemon.psql(
            "UPDATE sessions SET status = 3, ended_at = now() WHERE id = '%s'" % session
        )
        self.refused(self.dispatch(first, by_type=True, session_id=session), 409, "SESSION_CLOSED")

    def test_a_trace_goes_on(self):
        agent = self.ready()
        trace = "0af7651916cd43dd8448eb211c80319c"
        self.api.post(
            "/agents/dispatch",
            {"instance_id": agent.instance_id, "skill_id": "x"},
            headers={"traceparent": "00-%s-b7ad6b7169203331-01" % trace},
        )
        context = agent.got[-1]["session_context"]
        self.assertRegex(
            context["propagation_headers"]["traceparent"], "^00-%s-[0-9a-f]{16}-01$" % trace
        )
        self.assertEqual(context["parent_trace_id"], trace)


class Away(Mesh):
    settings = {"database.timeout": "1s", "cache.stale": "2s"}

    def test_sockets_outlive_an_outage_of_the_database(self):
        agent = self.ready()
        self.dispatched(agent)
        with Stopped(self.daemon):
            time.sleep(2.5)
            reply = self.dispatch(agent)
            self.refused(reply, 503, "DATABASE_UNAVAILABLE")
            agent.beat(current_sessions=4)
            agent.socket.ping()
        wait_for(lambda: self.dispatch(agent).status == 200, 20, "dispatches go on")
        self.assertIsNone(agent.ended)
        row = self.wait_row(agent, failed=0, connection="online")
        self.assertEqual(row["succeeded"], len(agent.got))
