"""What operators expect: health, readiness, metrics, the document, the reference page, verbs."""
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from client import Document
from flow import Flow
from rosterd import BINARY, Daemon


class System(Flow):
    def test_health_and_readiness_answer_without_a_credential(self):
        for target in ("/healthz", "/readyz"):
            reply = self.api.with_credential(None).get(target)
            self.assertEqual(reply.status, 200, reply)

    def test_metrics_are_well_formed(self):
        self.api.register()
        reply = self.api.with_credential(None).get("/metrics")
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.header("Content-Type").startswith("text/plain"))
        text = reply.body.decode()
        names = set(re.findall(r"^(\w+)", re.sub(r"^#.*$", "", text, flags=re.M), re.M))
        self.assertGreater(len(names), 10)
        for line in text.splitlines():
            self.assertRegex(
                line, r"^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [-+0-9.eE]+(Inf|NaN)?)$"
            )
        promtool = shutil.which("promtool")
        if promtool:
            got = subprocess.run(
                [promtool, "check", "metrics"], input=reply.body, capture_output=True
            )
            self.assertEqual((got.returncode, got.stderr + got.stdout), (0, b""))

    def test_metrics_count_what_happens(self):
        def requests():
            text = self.api.get("/metrics").body.decode()
            return sum(
                float(v) for v in re.findall(r"^\w*requests?_total\S* ([0-9.e+]+)$", text, re.M)
            )

        before = requests()
        for _ in range(10):
            self.api.get("/healthz")
        self.assertGreaterEqual(requests(), before + 10)

    def test_the_document_is_valid_openapi(self):
        reply = self.api.with_credential(None).get("/openapi.json")
        document = reply.json
        self.assertTrue(document["openapi"].startswith("3.1"))
        operations = Document(document).operations
        names = [row["operationId"] for _, _, row, _ in operations]
        self.assertEqual(len(names), len(set(names)))
        for method, _, row, path in operations:
            self.assertTrue(row["summary"], path)
            self.assertEqual(
                any(s.startswith("2") or s in ("101", "default") for s in row["responses"]),
                row["operationId"] != "authorize",  # which refuses whatever is asked
                path,
            )
            declared = {
                p["name"]
                for p in map(Document(document).follow, row.get("parameters", []))
                if p["in"] == "path"
            }
            self.assertEqual(declared, set(re.findall(r"\{(\w+)", path)), path)
        try:
            from openapi_spec_validator import validate
        except ImportError:
            return
        validate(document)

    def test_the_document_is_what_the_verb_prints(self):
        printed = json.loads(
            subprocess.run([BINARY, "openapi"], capture_output=True, check=True).stdout
        )
        served = self.api.get("/openapi.json").json
        for document in (printed, served):
            document.pop("servers", None)
        self.assertEqual(printed, served)

    def test_every_documented_route_is_there(self):
        paths = {(m, re.sub(r"\{\w+\*?\}", "{}", p)) for m, _, _, p in self.api.document.operations}
        for route in """POST /api/agents|GET /api/agents|GET /api/agents/{}|PATCH /api/agents/{}
            |DELETE /api/agents/{}|POST /api/agents/{}/rotate-token|POST /api/agents/{}/revoke
            |POST /api/agents/{}/archive|POST /api/agents/{}/restore|POST /api/agents/{}/heartbeat
            |GET /api/agents/me|POST /api/connections|GET /api/connections|GET /api/connections/{}
            |DELETE /api/connections/{}|GET /api/calls|GET /api/status-transitions
            |POST /api/proxy/{}|POST /api/proxy/{}/{}
            |GET /healthz|GET /readyz|GET /metrics""".split(
            "|"
        ):
            self.assertIn(tuple(route.split()), paths)

    def test_the_reference_page_has_no_script(self):
        reply = self.api.with_credential(None).get("/docs")
        self.assertEqual(reply.status, 200)
        self.assertTrue(reply.header("Content-Type").startswith("text/html"))
        page = reply.body.decode().lower()
        self.assertNotIn("<script", page)
        self.assertNotRegex(page, r"\son\w+=")
        self.assertNotRegex(page, r"""(?:src|href)=["']?https?:""")
        self.assertIn("/api/agents", page)

    def test_an_unknown_path_is_not_found_in_the_words_of_its_dialect(self):
        for target in (
            "/api/nothing",
            "/api/agents/x/y/z",
            "/nothing",
            "/api",
            "/api/agents/",
        ):
            with self.subTest(target=target):
                reply = self.api.get(target)
                self.assertEqual(reply.status, 404, reply)
                if target.startswith("/api/n"):
                    self.assertEqual(reply.code, "NOT_FOUND")
                    self.assertTrue(reply.json["error"])

    def test_a_wrong_method_says_which_are_allowed(self):
        for method, target, allowed in (
            ("PUT", "/api/agents", "GET, HEAD, POST"),
            ("DELETE", "/api/agents", "GET, HEAD, POST"),
            ("POST", "/api/calls", "GET, HEAD"),
            ("POST", "/healthz", "GET, HEAD"),
        ):
            with self.subTest(method=method, target=target):
                reply = self.api.call(method, target)
                self.refused(reply, 405, "METHOD_NOT_ALLOWED")
                have = {m.strip() for m in reply.header("Allow").split(",")} - {"OPTIONS"}
                self.assertEqual(have, set(allowed.split(", ")))

    def test_request_ids_are_never_the_same(self):
        ids = {self.api.get("/healthz").header("Request-Id") for _ in range(50)}
        self.assertEqual(len(ids), 50)

    def test_the_data_directory_is_closed_to_others(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.daemon.data).st_mode) & 0o007, 0)
        for folder, _, names in os.walk(self.daemon.data):
            for name in names:
                mode = os.stat(os.path.join(folder, name)).st_mode
                if stat.S_ISREG(mode):
                    self.assertEqual(stat.S_IMODE(mode) & 0o007, 0, name)
        self.assertEqual(stat.S_IMODE(os.stat(self.daemon.ready_file).st_mode) & 0o077, 0)

    def test_the_ready_file_is_as_documented(self):
        self.assertTrue(
            {"url", "api_key", "organization_id", "database", "pid"} <= set(self.daemon.ready)
        )
        self.assertRegex(self.daemon.key, "^rk_[0-9a-f]{64}$")


class Verbs(unittest.TestCase):
    def run_verb(self, *words, env=None):
        return subprocess.run(
            [BINARY, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **(env or {})},
        )

    def dev(self, data, listen="127.0.0.1:0", env=None):
        """A "rosterd dev" that is expected to refuse; ended decently when it does not."""
        process = subprocess.Popen(
            [BINARY, "dev", "--no-sample", "--listen", listen, "--data", data],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            self.fail("it runs instead of refusing")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def test_version_and_help(self):
        self.assertRegex(self.run_verb("--version").stdout, r"\d+\.\d+")
        got = self.run_verb("help")
        self.assertEqual(got.returncode, 0)
        for verb in ("dev", "serve", "migrate", "key", "check-config", "openapi"):
            self.assertIn(verb, got.stdout)
            self.assertEqual(self.run_verb("help", verb).returncode, 0)

    def test_an_unknown_verb_is_refused_with_a_hint(self):
        got = self.run_verb("sevre")
        self.assertNotEqual(got.returncode, 0)
        self.assertEqual(got.stdout, "")
        self.assertIn("help", got.stderr)

    def test_a_port_that_is_taken_is_one_sentence(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        other = os.path.join(daemon.folder, "other")
        got = self.dev(other, listen="%s:%d" % daemon.address)
        self.assertNotEqual(got.returncode, 0)
        self.assertNotIn("Traceback", got.stderr)
        self.assertIn(str(daemon.address[1]), got.stderr)
        daemon.stop()

    def test_a_directory_that_cannot_be_used_is_one_sentence(self):
        got = self.dev("/proc/nowhere")
        self.assertNotEqual(got.returncode, 0)
        self.assertIn("/proc/nowhere", got.stderr)

    def test_a_second_run_on_the_same_directory_is_refused(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        got = self.dev(daemon.data)
        self.assertNotEqual(got.returncode, 0)
        daemon.stop()

    def test_a_bad_setting_is_refused_with_its_name(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            data = os.path.join(folder, "data")
            for name, value in (
                ("ROSTERD_PRESENCE_WINDOW", "soon"),
                ("ROSTERD_SERVER_LOOPS", "-1"),
                ("ROSTERD_LIMITS_ENABLED", "perhaps"),
            ):
                with self.subTest(name=name):
                    got = self.dev(data, env={name: value})
                    self.assertEqual(got.returncode, 3, got.stderr)
                    self.assertIn(name, got.stderr)
                    self.assertFalse(os.path.exists(os.path.join(data, "pg")))
