"""The daemon under test: started by "rosterd dev" in its own directory, stopped and checked."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BINARY = os.environ.get("ROSTERD", "rosterd")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REPORTS = (
    "ERROR: AddressSanitizer",
    "ERROR: LeakSanitizer",
    "runtime error:",
    "WARNING: ThreadSanitizer",
    "MemorySanitizer",
    "Assertion ",
    '"event":"requests_left"',
)
PATIENCE = float(os.environ.get("ROSTERD_TEST_PATIENCE", "1"))  # for slow builds and machines
TEMPLATE = os.environ.get("ROSTERD_FLOW_TEMPLATE")  # made by template.py


class Failed(AssertionError):
    """The daemon did not do what every run of it must."""


def wait_for(test, seconds, what, pause=0.05):
    """Calls test until it says something true; that is the result."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed("not within %s s: %s" % (seconds, what))
        time.sleep(pause)


def alive(pid):
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def resume(pids):
    """Lets stopped processes go on; one that was told to end meanwhile may be gone already."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


def environment(settings):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ROSTERD_")}
    env.update(
        LC_ALL="C.UTF-8",
        TZ="UTC",
        ASAN_OPTIONS="exitcode=99:detect_leaks=1:detect_stack_use_after_return=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
        TSAN_OPTIONS="exitcode=66:ignore_noninstrumented_modules=1",
    )
    for key, value in {"limits.enabled": "no", **settings}.items():
        env["ROSTERD_" + key.upper().replace(".", "_")] = value
    return env


class Daemon:
    """One data directory with its daemon; start, stop and start again."""

    def __init__(self, settings=None, arguments=(), variables=None):
        self.settings, self.arguments = dict(settings or {}), list(arguments)
        self.variables = dict(variables or {})
        self.folder = tempfile.mkdtemp(prefix="ro-")
        os.chmod(self.folder, 0o755)  # run by root, the daemon drops to another user
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "log")
        self.ready_file = os.path.join(self.folder, "ready.json")
        self.listen = "127.0.0.1:0"
        self.process = None
        self.ready = {}

    def prepared(self):
        """Begins with a copy of a data directory that was started once, when there is one."""
        if TEMPLATE and os.path.isdir(TEMPLATE):
            subprocess.run(["cp", "-a", TEMPLATE, self.data], check=True)
        return self

    def start(self, seconds=60):
        return self.launch().wait_ready(seconds)

    def launch(self):
        """Starts the process and returns at once."""
        if os.path.exists(self.ready_file):
            os.unlink(self.ready_file)
        command = [
            BINARY,
            "dev",
            "--listen",
            self.listen,
            "--data",
            self.data,
            "--ready-file",
            self.ready_file,
            "--no-sample",
        ] + self.arguments
        self.started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**environment(self.settings), **self.variables},
            )
        return self

    def wait_ready(self, seconds=60):
        def ready():
            if self.process.poll() is not None:
                raise Failed("rosterd ended with %d before it was ready" % self.process.returncode)
            return os.path.exists(self.ready_file)

        try:
            wait_for(ready, seconds, "rosterd ready")
        except Failed as failed:
            raise Failed("%s\n%s" % (failed, self.log_text()[-8000:])) from None
        with open(self.ready_file, encoding="utf-8") as f:
            self.ready = json.load(f)
        return self

    @property
    def url(self):
        return self.ready["url"]

    @property
    def address(self):
        host, _, port = self.url.split("://")[1].strip("/").rpartition(":")
        return host, int(port)

    @property
    def key(self):
        return self.ready["api_key"]

    @property
    def pid(self):
        return self.ready["pid"]

    def stop(self, seconds=45):
        """SIGTERM: it must end with status 0, and no sanitizer may have written into the log."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.kill(self.ready.get("pid", self.process.pid), signal.SIGTERM)
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(
                "rosterd did not stop within %s s of SIGTERM\n%s"
                % (seconds, self.log_text()[-4000:])
            ) from None
        finally:
            self.process = None
        self.check_log()
        if status != 0:
            raise Failed("rosterd ended with %d\n%s" % (status, self.log_text()[-4000:]))

    def kill9(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def remove(self):
        """Ends what still runs of ours, and removes the directory."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        postmaster = self.postmaster()
        if postmaster and alive(postmaster):
            os.kill(postmaster, signal.SIGQUIT)
            try:
                wait_for(lambda: not alive(postmaster), 20, "PostgreSQL gone")
            except Failed:
                os.kill(postmaster, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def postmaster(self):
        """The process id of our PostgreSQL, or None."""
        for folder, _, names in os.walk(self.data):
            if "postmaster.pid" in names:
                try:
                    with open(os.path.join(folder, "postmaster.pid"), encoding="utf-8") as f:
                        return int(f.readline())
                except (OSError, ValueError):
                    return None
        return None

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def check_log(self):
        text = self.log_text()
        for report in REPORTS:
            at = text.find(report)
            if at >= 0:
                raise Failed("in the log of rosterd:\n" + text[max(0, at - 500) : at + 6000])

    def run(self, *arguments, settings=None, data=True, status=0):
        """A verb that manages this instance; its standard output."""
        command = [BINARY, *arguments] + (["--data", self.data] if data else [])
        got = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
            cwd=self.folder,
            env=environment(settings or self.settings),
        )
        if got.returncode != status:
            raise Failed(
                "%s: status %d\n%s%s" % (" ".join(command), got.returncode, got.stdout, got.stderr)
            )
        return got.stdout

    def psql(self, sql):
        """The rows of a query, each a list of texts."""
        got = subprocess.run(
            [
                "psql",
                "-XAtq",
                "-F",
                "\x1f",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                self.ready["database"],
                "-c",
                sql,
            ],
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
        )
        if got.returncode != 0:
            raise Failed("psql: %s\n%s" % (sql, got.stderr))
        return [line.split("\x1f") for line in got.stdout.split("\n") if line]

    def dump(self):
        """The whole database as text."""
        got = subprocess.run(
            ["pg_dump", "-d", self.ready["database"]], capture_output=True, timeout=120 * PATIENCE
        )
        if got.returncode != 0:
            raise Failed("pg_dump: " + got.stderr.decode())
        return got.stdout

    def rss(self):
        """Resident memory of the daemon in bytes."""
        with open("/proc/%d/status" % self.pid, encoding="utf-8") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise Failed("no VmRSS")

    def cpu(self):
        """Seconds of the processor that the daemon has used."""
        with open("/proc/%d/stat" % self.pid, encoding="utf-8") as f:
            words = f.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def descriptor_kinds(self):
        """How many there are of each kind: {"socket": 20, …}."""
        folder, kinds = "/proc/%d/fd" % self.pid, {}
        for name in os.listdir(folder):
            try:
                kind = os.readlink(os.path.join(folder, name)).split(":")[0]
            except FileNotFoundError:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
        return kinds

    @property
    def sanitized(self):
        """Whether the build carries a sanitizer: memory figures say little then."""
        with open(BINARY, "rb") as f:
            bytes_ = f.read()
        return b"__asan_init" in bytes_ or b"__tsan_init" in bytes_


def organization(daemon, slug, scope="full"):
    """A second organization and an API key of it."""
    daemon.psql(
        "INSERT INTO organizations (id, slug, name) VALUES (gen_random_uuid(), '%s', '%s')"
        % (slug, slug)
    )
    return daemon.run("key", "create", "--org", slug, "--scope", scope).strip()


if __name__ == "__main__":
    sys.exit("a module: see tests/flows/run.py")
