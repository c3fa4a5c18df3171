"""A throw-away PostgreSQL on a Unix socket that a test may stop and start, and "rosterd serve"."""
import glob
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

from rosterd import BINARY, PATIENCE, Daemon, Failed, environment, wait_for
from upstream import closed_port


class Postgres:
    def __init__(self):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.home = tempfile.mkdtemp(prefix="ropg-", dir="/tmp")  # a socket's path is short
        self.server = None
        self.user = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            entry = pwd.getpwnam("postgres")
            os.chown(self.home, entry.pw_uid, entry.pw_gid)
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self.run(
            "initdb",
            *("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"),
            *("--no-sync", "--no-instructions", "-D", self.home + "/data"),
        )

    def run(self, program, *words):
        subprocess.run(
            [self.bin + "/" + program, *words],
            check=True,
            capture_output=True,
            cwd=self.home,
            timeout=120 * PATIENCE,
            **self.user,
        )

    def start(self):
        with open(self.home + "/log", "ab") as log:
            self.server = subprocess.Popen(
                [self.bin + "/postgres", "-D", self.home + "/data", "-k", self.home]
                + ["-c", "listen_addresses=", "-c", "fsync=off"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                **self.user,
            )
        asked = [self.bin + "/pg_isready", "-q", "-h", self.home, "-U", "postgres"]
        wait_for(lambda: subprocess.run(asked).returncode == 0, 30, "PostgreSQL ready")
        return self

    def stop(self):
        """At once, sessions and all."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(60 * PATIENCE)
            self.server = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def database(self):
        """A fresh database, owned by a role without other rights but the two roles of the audit
        log; its connection string."""
        name = "d" + secrets.token_hex(6)
        for sql in (
            "DO $$ BEGIN IF to_regrole('roster') IS NULL THEN CREATE ROLE roster LOGIN;"
            " CREATE ROLE roster_audit_writer; CREATE ROLE roster_audit_keeper;"
            " GRANT roster_audit_writer, roster_audit_keeper TO roster; END IF; END $$",
            "CREATE DATABASE %s OWNER roster" % name,
        ):
            self.run("psql", "-Xq", "-h", self.home, "-U", "postgres", "-d", "postgres", "-c", sql)
        return "host=%s dbname=%s user=roster" % (self.home, name)


class Server(Daemon):
    """One configuration file and the "rosterd serve" that runs by it."""

    def __init__(self, conninfo, variables=None):
        super().__init__(variables=variables)
        self.settings = {
            "server.listen": "127.0.0.1:%d" % closed_port(),
            "server.loops": "2",
            "database.url_file": self.secret("database.url", conninfo),
            "crypto.master_key_file": self.secret("master.key", secrets.token_hex(32)),
            "health.enabled": "no",
        }
        self.config = os.path.join(self.folder, "rosterd.conf")
        self.ready = {"url": "http://" + self.settings["server.listen"], "database": conninfo}
        self.write()

    def path(self, name):
        return os.path.join(self.folder, name)

    def secret(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text + "\n")
        os.chmod(self.path(name), mode)
        return self.path(name)

    def write(self, **more):
        """The file, with some keys (section__key) in place of the standing ones."""
        settings = {**self.settings, **{k.replace("__", "."): v for k, v in more.items()}}
        text, section = "", None
        for key, value in sorted(settings.items()):
            if key.split(".")[0] != section:
                section = key.split(".")[0]
                text += "[%s]\n" % section
            text += "%s = %s\n" % (key.split(".")[1], value)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        return self

    def variables_of(self):
        env = environment({})
        del env["ROSTERD_LIMITS_ENABLED"]  # the file rules here
        return {**env, **self.variables}

    def launch(self):
        self.started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.variables_of(),
            )
        self.ready["pid"] = self.process.pid
        return self

    def verb(self, *words, status=0, config=True):
        """A verb on this configuration; the process that has ended."""
        command = [BINARY, *words] + (["--config", self.config] if config else [])
        got = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
            cwd=self.folder,
            env=self.variables_of(),
        )
        if got.returncode != status:
            raise Failed(
                "%s: status %d\n%s%s" % (" ".join(command), got.returncode, got.stdout, got.stderr)
            )
        return got

    def migrate(self, scope="agents:read,agents:write"):
        """The schema, and a key to use it with."""
        self.verb("migrate", "up")
        self.ready["api_key"] = self.verb(
            "key", "create", "--org", "system", "--scope", scope
        ).stdout.strip()
        return self
