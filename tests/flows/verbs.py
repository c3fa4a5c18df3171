"""The command line: what each verb prints and where, what it refuses, and what it leaves behind."""
import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

from client import Client
from rosterd import BINARY, PATIENCE, SOURCE, Daemon, environment


def rosterd(*words, env=None, stdout=subprocess.PIPE):
    return subprocess.run(
        [BINARY, *words],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60 * PATIENCE,
        env={**environment({}), **(env or {})},
    )


def read(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
        return f.read()


def running_with(text):
    """The processes whose command line names a directory of ours."""
    found = []
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(name, "rb") as f:
                if text.encode() in f.read():
                    found.append(name)
        except OSError:
            pass
    return found


class Case(unittest.TestCase):
    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="ro-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)  # run by root, the daemon drops to another user
        return folder.name

    def refusal(self, got, status, *parts, hint):
        """Nothing on standard output; a sentence with these parts and a hint, besides the log."""
        said = [line for line in got.stderr.splitlines() if not line.startswith("{")]
        sentences = [line for line in said if line.startswith("rosterd: ")]
        self.assertEqual((got.returncode, got.stdout), (status, ""), got.stderr)
        self.assertEqual(len(sentences), 1, got.stderr)
        for part in parts:
            self.assertIn(part, sentences[0])
        hints = [line for line in said if line.startswith("hint: ")]
        self.assertEqual(len(hints), 1 if hint else 0, got.stderr)
        if hint:
            self.assertIn(hint, hints[0])


class Help(Case):
    def verbs(self):
        return re.findall(r"^  (\w\S*(?: \w+)?)  +\S", rosterd("help").stdout, re.M)

    def test_every_verb_has_its_help(self):
        self.assertEqual(rosterd("help").stdout, rosterd("--help").stdout)
        verbs = self.verbs()
        wanted = "serve|dev|migrate up|migrate status|key create|org create|org list"
        wanted += "|check-config|openapi|help"
        self.assertLessEqual(set(wanted.split("|")), set(verbs))
        for verb in verbs:
            with self.subTest(verb=verb):
                got = rosterd("help", *verb.split())
                self.assertEqual((got.returncode, got.stderr), (0, ""))
                self.assertTrue(got.stdout.startswith("Usage: rosterd " + verb))
                self.assertEqual(rosterd(*verb.split(), "--help").stdout, got.stdout)
                for option, value in re.findall(r"^  (--\S+)( [A-Z]\S*)?  ", got.stdout, re.M):
                    given = option + "=x" if value else option
                    again = rosterd(*verb.split(), given, "--help")
                    self.assertEqual(again.returncode, 2 if given == "--help" else 0, again.stderr)

    def test_half_a_verb_shows_its_group(self):
        got = rosterd("help", "migrate")
        self.assertEqual(got.returncode, 0)
        self.assertEqual(len(re.findall("^Usage: ", got.stdout, re.M)), 2)

    def test_the_version(self):
        got = rosterd("--version")
        self.assertEqual((got.returncode, got.stderr), (0, ""))
        version = re.search(r"VERSION (\d+\.\d+\.\d+)", read("CMakeLists.txt")).group(1)
        self.assertEqual(got.stdout, "rosterd %s\n" % version)

    def test_without_a_verb_the_help_is_an_error(self):
        got = rosterd()
        self.assertEqual((got.returncode, got.stdout), (2, ""))
        self.assertEqual(got.stderr, rosterd("help").stdout)

    def test_what_is_not_understood_is_refused(self):
        for words, part, hint in (
            ("nonsense", '"nonsense"', "rosterd help"),
            ("sevre", 'did you mean "serve"?', "rosterd help"),
            ("migrat up", 'did you mean "migrate up"?', "rosterd help"),
            ("migrate", "second word", "rosterd help migrate"),
            ("migrate sideways", '"migrate sideways"', "rosterd help migrate"),
            ("help nonsense", '"nonsense"', "rosterd help"),
            ("help serve more", '"more"', "rosterd help"),
            ("--nonsense", '"--nonsense"', "rosterd help"),
            ("serve --nonsense", '"--nonsense"', "rosterd help serve"),
            ("serve -xy", '"-x"', "rosterd help serve"),
            ("serve --config=a -xy", '"-x"', "rosterd help serve"),
            ("serve --config", "--config needs a value", "rosterd help serve"),
            ("serve --config a --config b", "--config is given twice", "rosterd help serve"),
            ("serve more", '"more"', "rosterd help serve"),
            ("check-config --no-secrets=1", '"--no-secrets=1"', "rosterd help check-config"),
            ("key create --json --nonsense", '"--nonsense"', "rosterd help key create"),
            ("key create --org system", "--scope is missing", "rosterd key create"),
            ("migrate up --data a --config b", "not both", None),
        ):
            with self.subTest(words=words):
                self.refusal(rosterd(*words.split()), 2, part, hint=hint)

    def test_output_that_cannot_be_written_is_a_failure(self):
        for verb in ("help", "openapi", "config manual"):
            with self.subTest(verb=verb), open("/dev/full", "wb") as full:
                got = rosterd(*verb.split(), stdout=full)
                self.assertEqual(got.returncode, 1)
                self.assertIn("could not be written", got.stderr)


class Printed(Case):
    def test_the_files_of_the_repository_are_what_is_printed(self):
        for words, name in (
            ("openapi", "docs/openapi/rosterd.json"),
            ("openapi --errors", "docs/errors.md"),
            ("config example", "conf/rosterd.conf.example"),
            ("config manual", "docs/configuration.md"),
        ):
            with self.subTest(words=words):
                got = rosterd(*words.split())
                self.assertEqual((got.returncode, got.stderr), (0, ""))
                self.assertTrue(got.stdout == read(name), name + " is not what is printed")

    def test_a_good_configuration_has_no_faults(self):
        example = os.path.join(SOURCE, "conf/rosterd.conf.example")
        got = rosterd("check-config", "--no-secrets", "--config", example)
        self.assertEqual((got.returncode, got.stdout, got.stderr), (0, "", "No faults.\n"))

    def test_every_fault_of_a_configuration_is_listed(self):
        folder = self.folder()
        name = os.path.join(folder, "rosterd.conf")
        with open(name, "w", encoding="utf-8") as f:
            f.write("[server]\nlisten = 1\nloops = 2\nloops = 3\n[presence]\nwindw = 3m\n")
        os.mkdir(name + ".d")
        with open(name + ".d/10-more.conf", "w", encoding="utf-8") as f:
            f.write("# a drop-in\n[limits]\nenabled = perhaps\n")
        env = {"ROSTERD_LIMITS_OWNER": "0"}
        got = rosterd("check-config", "--no-secrets", "--config", name, env=env)
        self.assertEqual((got.returncode, got.stdout), (3, ""))
        said = got.stderr.splitlines()
        for where, what in (
            (name + ":2: ", "server.listen"),
            (name + ":4: ", "loops"),
            (name + ":6: ", 'did you mean "presence.window"'),
            (name + ".d/10-more.conf:3: ", "limits.enabled"),
            ("environment ROSTERD_LIMITS_OWNER: ", "limits.owner"),
        ):
            self.assertTrue(
                any(s.startswith(where) and what in s for s in said), (where, what, got.stderr)
            )
        self.assertEqual(said[-1], "5 faults in 2 files. Nothing was changed.")
        self.assertEqual(len(said), 6)


class Refusals(Case):
    """What keeps "rosterd dev" from running: said in a sentence, and nothing keeps running."""

    def dev(self, data, *more, env=None):
        process = subprocess.Popen(
            [BINARY, "dev", "--no-sample", "--listen", "127.0.0.1:0", "--data", data, *more],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment({}), **(env or {})},
        )
        try:
            out, err = process.communicate(timeout=60 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.communicate()
            self.fail("it runs instead of refusing")
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def refused(self, folder, got, status, *parts, hint):
        self.refusal(got, status, *parts, hint=hint)
        self.assertEqual(running_with(folder), [])

    def test_without_postgresql(self):
        folder = self.folder()
        data = os.path.join(folder, "data")
        got = self.dev(data, env={"ROSTERD_TEST_POSTGRES": folder + "/none"})
        self.refused(folder, got, 1, "no PostgreSQL server found", hint="apt install postgresql")
        self.assertFalse(os.path.exists(data + "/pg"))

    def test_with_a_database_of_a_version_that_is_not_there(self):
        folder = self.folder()
        data = os.path.join(folder, "data")
        self.dev(data, env={"ROSTERD_TEST_POSTGRES": folder + "/none"})
        os.mkdir(data + "/pg")
        with open(data + "/pg/PG_VERSION", "w", encoding="utf-8") as f:
            f.write("99\n")
        os.chmod(data + "/pg", 0o755)
        os.chmod(data + "/pg/PG_VERSION", 0o644)
        self.refused(folder, self.dev(data), 1, "PostgreSQL 99", hint="postgresql-99")

    def test_directories_that_cannot_be_used(self):
        folder = self.folder()
        for name in ("file", "full/other"):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write("mine\n")
        for data, part in (
            (folder + "/file", "is not a directory"),
            (folder + "/full", "holds other files"),
            (folder + "/no/such", "No such file"),
            (folder + "/file/below", "Not a directory"),
        ):
            with self.subTest(data=data):
                self.refused(folder, self.dev(data), 1, data, part, hint="--data DIR")
        self.assertEqual(sorted(os.listdir(folder)), ["file", "full"])
        self.assertEqual(os.listdir(folder + "/full"), ["other"])

    @unittest.skipUnless(os.geteuid() == 0, "only root gives up rights")
    def test_a_directory_that_the_lesser_user_cannot_reach(self):
        folder = self.folder()
        os.mkdir(folder + "/closed", 0o700)
        got = self.dev(folder + "/closed/data")
        self.refused(folder, got, 1, "cannot be reached", hint="--data DIR")
        self.assertEqual(os.listdir(folder + "/closed"), [])

    def test_settings_that_are_wrong_leave_nothing_behind(self):
        folder = self.folder()
        for more, env, part in (
            (("--listen", "nowhere"), {}, "given twice"),
            ((), {"ROSTERD_PRESENCE_WINDOW": "soon"}, "ROSTERD_PRESENCE_WINDOW"),
        ):
            got = self.dev(folder + "/data", *more, env=env)
            self.assertIn(got.returncode, (2, 3))
            self.assertIn(part, got.stderr)
        got = rosterd("dev", "--listen", "nowhere", "--data", folder + "/data")
        self.assertEqual((got.returncode, got.stdout), (3, ""))
        self.assertIn('command line: server.listen = "nowhere"', got.stderr)
        self.assertIn("1 fault. Nothing was changed.", got.stderr)
        self.assertEqual(os.listdir(folder), [])

    def test_a_ready_file_that_cannot_be_written(self):
        folder = self.folder()
        got = self.dev(folder + "/data", "--ready-file", folder + "/no/ready.json")
        said = [line for line in got.stderr.splitlines() if line.startswith("rosterd: ")]
        self.assertEqual((got.returncode, got.stdout), (1, ""))
        self.assertEqual(len(said), 1, got.stderr)
        self.assertIn("no/ready.json", said[0])
        self.assertEqual(running_with(folder), [])


class Instance(Case):
    """The managing verbs on a "rosterd dev" that runs."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.stop()
        got = rosterd("migrate", "status", "--data", cls.daemon.data)
        assert (got.returncode, got.stdout) == (7, ""), got
        assert "is this rosterd dev running?" in got.stderr, got

    def test_migrations(self):
        listed = json.loads(self.daemon.run("migrate", "status", "--json"))
        self.assertEqual({row["state"] for row in listed}, {"applied"})
        table = self.daemon.run("migrate", "status").splitlines()
        self.assertRegex(table[0], r"^VERSION +NAME +STATE +APPLIED +TOOK$")
        self.assertEqual(len(table), 1 + len(listed))
        self.assertRegex(self.daemon.run("migrate", "up"), r"^schema \d+, 0 migrations applied\n$")
        done = json.loads(self.daemon.run("migrate", "up", "--json"))
        self.assertEqual(done, {"applied": 0, "version": listed[-1]["version"]})

    def test_a_key_that_works_at_once(self):
        words = ("key", "create", "--org", "system", "--scope", "agents:read,agents:write")
        got = rosterd(*words, "--data", self.daemon.data)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertRegex(got.stdout, r"^rk_[0-9a-f]{64}\n$")
        self.assertNotIn("rk_", got.stderr)
        made = json.loads(self.daemon.run(*words, "--name", "écrit", "--json"))
        self.assertEqual(made["name"], "écrit")
        self.assertEqual(made["organization_id"], self.daemon.ready["organization_id"])
        for key in (got.stdout.strip(), made["key"]):
            api = Client(self.daemon, key)
            self.addCleanup(api.close)
            self.assertTrue(api.register()["id"])

    def test_keys_that_cannot_be_made(self):
        words = ("key", "create", "--data", self.daemon.data)
        got = rosterd(*words, "--org", "nobody", "--scope", "read")
        self.refusal(got, 5, "no such organization", hint="--org system")
        got = rosterd(*words, "--org", "system", "--scope", "agents:rule")
        self.refusal(got, 2, "agents:rule", hint="agents:read")

    def test_organizations(self):
        made = self.daemon.run("org", "create", "--name", "Büro & Co.")
        self.assertRegex(made, r"^[0-9a-f-]{36}\n$")
        words = ("org", "create", "--name", "Acme", "--slug", "acme-labs", "--plan", "pro")
        acme = json.loads(self.daemon.run(*words, "--max-agents", "7", "--json"))
        self.assertEqual(
            [acme[k] for k in ("name", "slug", "plan", "status", "max_agents")],
            ["Acme", "acme-labs", "pro", "active", 7],
        )
        listed = json.loads(self.daemon.run("org", "list", "--json"))
        self.assertEqual([o["slug"] for o in listed], ["acme-labs", "b-ro-co", "system"])
        self.assertEqual(listed[0], acme)
        self.assertEqual(listed[1]["id"], made.strip())
        table = self.daemon.run("org", "list").splitlines()
        self.assertRegex(table[0], r"^ID +SLUG +PLAN +STATUS +NAME$")
        self.assertRegex(table[1], "^%s +acme-labs +pro +active +Acme$" % acme["id"])
        self.assertEqual(len(table), 1 + len(listed))
        key = self.daemon.run("key", "create", "--org", "b-ro-co", "--scope", "full").strip()
        api = Client(self.daemon, key)
        self.addCleanup(api.close)
        self.assertTrue(api.register()["id"])

    def test_organizations_that_cannot_be_made(self):
        words = ("org", "create", "--data", self.daemon.data)
        before = self.daemon.run("org", "list", "--json")
        for more, part, hint in (
            ((), "--name is missing", "rosterd org create"),
            (("--name", "x"), "--name: must be 2 to 100", "rosterd help org create"),
            (("--name", "名前"), "--slug: the name makes none", "rosterd help org create"),
            (("--name", "Acme", "--slug", "A"), "--slug: must be", "rosterd help org create"),
            (("--name", "Acme", "--slug", "-a"), "--slug: must be", "rosterd help org create"),
            (("--name", "Acme", "--slug", "system"), "is taken by another", '"system"'),
            (("--name", "System"), "is taken by another", '--slug other than "system"'),
            (("--name", "Acme", "--plan", "gold"), "--plan: must be one of free", "rosterd help"),
            (("--name", "Acme", "--max-agents", "0"), "--max-agents: must be", "rosterd help"),
        ):
            with self.subTest(more=more):
                self.refusal(rosterd(*words, *more), 2, part, hint=hint)
        self.assertEqual(self.daemon.run("org", "list", "--json"), before)

    def test_a_directory_that_is_none_of_ours(self):
        folder = self.folder()
        got = rosterd("migrate", "status", "--data", folder)
        self.refusal(got, 5, folder, hint="rosterd dev --data DIR")

    def test_a_port_that_is_taken(self):
        folder = self.folder()
        data = os.path.join(folder, "data")
        address = "%s:%d" % self.daemon.address
        got = rosterd("dev", "--no-sample", "--listen", address, "--data", data)
        self.refusal(got, 1, address, "in use", hint="--listen HOST:PORT")
        self.assertEqual(running_with(folder), [])

    def test_a_directory_that_is_in_use(self):
        got = rosterd("dev", "--no-sample", "--data", self.daemon.data)
        self.refusal(got, 1, self.daemon.data, "another rosterd dev", hint="--data DIR")

    def test_the_gauge_of_the_last_reload(self):
        api = Client(self.daemon)
        self.addCleanup(api.close)
        text = api.get("/metrics").body.decode()
        self.assertIn("\nrosterd_config_last_reload_successful 1\n", text)
