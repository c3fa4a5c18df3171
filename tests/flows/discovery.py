"""What clients find before they ask for a token: the key set, the discovery documents, and the
verbs that replace a signing key."""
import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest
import urllib.request

from client import Stream
from flow import Flow, Locked
from rosterd import BINARY, Daemon, wait_for

SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
RESOURCE = "/.well-known/oauth-protected-resource"
KEYS = "/.well-known/jwks.json"


def thumbprint(jwk):
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}[jwk["kty"]]
    text = json.dumps({m: jwk[m] for m in members}, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Discovery(Flow):
    def document(self, target, headers=None):
        reply = self.api.with_credential(None).call("GET", target, headers=headers or {})
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.header("Cache-Control"), "public, max-age=600")
        return reply.json

    def ask_as(self, host, target):
        stream = Stream(self.daemon.address)
        self.addCleanup(stream.close)
        head = "GET %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Host: %s\r\n\r\n"
        stream.send((head % (target, host, host)).encode())
        stream.answer()
        self.assertEqual(stream.status, 200)
        return json.loads(stream.body())

    def keys(self):
        return {key["kid"]: key for key in self.document(KEYS)["keys"]}

    def test_the_key_set_has_public_members_only_and_kids_are_thumbprints(self):
        keys = self.keys()
        self.assertGreaterEqual(len(keys), 1)
        for kid, key in keys.items():
            public = {"RSA": {"n", "e"}, "EC": {"crv", "x", "y"}}[key["kty"]]
            self.assertEqual(set(key), public | {"kty", "kid", "alg", "use"})
            self.assertEqual((thumbprint(key), key["use"]), (kid, "sig"))
            self.assertIn(key["alg"], ("RS256", "ES256"))

    def test_addresses_are_those_of_the_listener_whatever_the_host_header_says(self):
        for target in (SERVER, OPENID, RESOURCE):
            for host in ("evil.example", "evil.example:80", "evil.example:443"):
                document = self.ask_as(host, target)
                self.assertNotIn("evil", json.dumps(document))
                issuer = document.get("issuer") or document["resource"]
                self.assertEqual(issuer, self.daemon.url)

    def test_server_metadata_names_the_endpoints_that_are_there(self):
        for target in (SERVER, OPENID):
            document = self.document(target)
            at = {n: v[len(self.daemon.url) :] for n, v in document.items() if "_endpoint" in n
                  and isinstance(v, str)}
            self.assertEqual(at["token_endpoint"], "/api/v1/token")
            self.assertEqual(at["introspection_endpoint"], "/api/v1/token/introspect")
            self.assertEqual(at["revocation_endpoint"], "/api/v1/token/revoke")
            self.assertEqual(at["authorization_endpoint"], "/api/v1/authorize")
            self.assertEqual(document["jwks_uri"], self.daemon.url + KEYS)
            self.assertEqual(document["grant_types_supported"], ["client_credentials"])
            self.assertEqual(
                document["token_endpoint_auth_methods_supported"],
                ["client_secret_basic", "client_secret_post"],
            )
            self.assertIn("agents:read", document["scopes_supported"])
        self.assertIn("code", self.document(SERVER)["response_types_supported"])
        self.assertIn("S256", self.document(SERVER)["code_challenge_methods_supported"])
        openid = self.document(OPENID)
        self.assertEqual(openid["subject_types_supported"], ["public"])
        self.assertEqual(openid["userinfo_endpoint"], self.daemon.url + "/agent-info")
        self.assertIn("RS256", openid["id_token_signing_alg_values_supported"])

    def test_a_protected_resource_is_described_at_its_own_path(self):
        for path in ("", "/mcp", "/api/v1/agents", "/a%22b"):
            document = self.document(RESOURCE + path)
            self.assertEqual(document["resource"], self.daemon.url + path)
            self.assertEqual(document["authorization_servers"], [self.daemon.url])
            self.assertEqual(document["bearer_methods_supported"], ["header"])

    def test_the_authorization_endpoint_refuses_in_the_words_of_oauth(self):
        for query in ("", "?response_type=code&client_id=x&state=y", "?response_type=token"):
            reply = self.api.with_credential(None).get("/api/v1/authorize" + query)
            self.assertEqual((reply.status, reply.code), (400, "unsupported_response_type"), reply)
            self.assertEqual(reply.json["error"], "unsupported_response_type")

    def test_unknown_parameters_are_refused(self):
        for target in (KEYS, SERVER, OPENID, RESOURCE, RESOURCE + "/mcp"):
            reply = self.api.with_credential(None).get(target + "?x=1")
            self.assertEqual((reply.status, reply.code), (400, "invalid_request"), reply)
        reply = self.api.get("/api/v1/authorize?response_type=a&response_type=b")
        self.assertEqual((reply.status, reply.code), (400, "invalid_request"), reply)

    def test_without_its_table_the_key_set_is_an_error_of_ours(self):
        self.keys()
        self.daemon.psql("ALTER TABLE signing_keys RENAME TO signing_keys_away")
        try:
            reply = wait_for(
                lambda: next(
                    (r for r in [self.api.get(KEYS)] if r.status != 200), None
                ),
                20,
                "the table to be missed",
                0.5,
            )
            self.assertEqual((reply.status, reply.code), (500, "server_error"), reply)
        finally:
            self.daemon.psql("ALTER TABLE signing_keys_away RENAME TO signing_keys")
        wait_for(lambda: self.api.get(KEYS).status == 200, 10, "the key set is back")


class Behind(unittest.TestCase):
    """What stands in front is not there: the daemon is asked where it really listens."""

    def test_a_public_address_is_the_issuer(self):
        public = "https://roster.example:8443"
        daemon = Daemon({"server.public_url": public})
        self.addCleanup(daemon.remove)
        daemon.start()
        self.assertEqual(daemon.ready["url"], public)
        port = re.search(r'"serving".*"port":(\d+)', daemon.log_text()).group(1)
        for target in (SERVER, OPENID):
            with urllib.request.urlopen("http://127.0.0.1:%s%s" % (port, target)) as reply:
                document = json.load(reply)
            self.assertEqual(document["issuer"], public)
            self.assertEqual(document["token_endpoint"], public + "/api/v1/token")
        daemon.stop()

    def test_a_public_address_is_scheme_host_and_port_alone(self):
        for behind in ("x/", "x/y", "", "x:", "x:y", "x:99999", "u@x", "x?y", "x#y", "[::1"):
            wrong = "https://" + behind
            with self.subTest(url=wrong), tempfile.TemporaryDirectory() as folder:
                file = os.path.join(folder, "rosterd.conf")
                with open(file, "w", encoding="utf-8") as f:
                    f.write("[server]\npublic_url = %s\n" % wrong)
                got = subprocess.run(
                    [BINARY, "check-config", "--no-secrets", "--config", file],
                    capture_output=True,
                    text=True,
                )
                self.assertEqual(got.returncode, 3, got.stdout + got.stderr)
                self.assertIn("public_url", got.stdout + got.stderr)


class Slow(Flow):
    settings = {"database.timeout": "1s"}

    def test_while_the_table_is_locked_the_key_set_is_temporarily_unavailable(self):
        with Locked(self.daemon, "signing_keys"):
            reply = self.api.get(KEYS)
        self.assertEqual((reply.status, reply.code), (503, "temporarily_unavailable"), reply)


class Rotation(Flow):
    settings = {"oauth.publish": "1h"}

    def keys(self):
        # The first one asked for makes the first key, which may take long.
        set_of = lambda: self.api.get(KEYS).json.get("keys")
        return [key["kid"] for key in wait_for(set_of, 20, "the key set")]

    def listed(self):
        return json.loads(self.daemon.run("signing-key", "list", "--json"))

    def test_a_new_key_is_published_at_once_and_signs_later(self):
        old = self.keys()
        fresh = self.daemon.run("signing-key", "rotate").strip()
        self.assertNotIn(fresh, old)
        wait_for(lambda: fresh in self.keys(), 10, "the new key is published", 0.2)
        self.assertLessEqual(set(old), set(self.keys()))
        states = {key["kid"]: key["state"] for key in self.listed()}
        self.assertEqual([states[kid] for kid in old], ["signing"])
        self.assertEqual(states[fresh], "published")
        retires = {key["kid"]: key["retires_at"] for key in self.listed()}
        self.assertIsNone(retires[fresh])
        self.assertIsNotNone(retires[old[0]])
        table = self.daemon.run("signing-key", "list")
        self.assertRegex(table, fresh + r" +RS256 +published ")

    def test_the_first_key_of_an_algorithm_signs_at_once(self):
        key = json.loads(self.daemon.run("signing-key", "rotate", "--alg", "ES256", "--json"))
        self.assertEqual((key["alg"], key["state"]), ("ES256", "signing"))
        wait_for(lambda: key["kid"] in self.keys(), 10, "it is published", 0.2)

    def test_an_unknown_algorithm_is_refused(self):
        self.daemon.run("signing-key", "rotate", "--alg", "HS256", status=2)

    def test_no_private_member_leaves_by_any_door(self):
        self.keys()
        rows = self.daemon.psql("SELECT public_jwk, private_sealed FROM signing_keys")
        for public, sealed in rows:
            self.assertNotIn("d", json.loads(public))
            for text in (sealed, bytes.fromhex(sealed[2:]).decode("latin-1")):
                self.assertNotIn('"kty"', text)
        self.assertNotRegex(self.daemon.log_text(), r'"d":')
