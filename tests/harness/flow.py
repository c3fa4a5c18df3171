"""What every flow is made of: a class with a daemon of its own and a client; when a test fails,
what the daemon logged meanwhile is shown."""
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from client import Client
from rosterd import Daemon, resume, wait_for


class Flow(unittest.TestCase):
    settings = {}
    arguments = ()
    variables = {}
    fresh = False  # a first start: later ones ask for something with their own key, once
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.settings, cls.arguments, cls.variables)
        cls.addClassCleanup(cls.daemon.remove)
        if not cls.fresh:
            cls.daemon.prepared()
        cls.daemon.start()
        cls.api = Client(cls.daemon)

    @classmethod
    def tearDownClass(cls):
        cls.api.close()
        cls.daemon.stop()

    def run(self, result=None):
        before = len(self.daemon.log_text()) if hasattr(self, "daemon") else 0
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad and hasattr(self, "daemon"):
            print("--- the log of rosterd during %s" % self.id())
            print(self.daemon.log_text()[before:][-6000:], flush=True)

    def refused(self, reply, status, code, field=None):
        self.assertEqual((reply.status, reply.code), (status, code), reply)
        if field is not None:
            self.assertEqual(reply.json.get("field"), field, reply)
        return reply.json

    def agents_stored(self):
        return int(self.daemon.psql("SELECT count(*) FROM agents")[0][0])

    def state(self, agent):
        return self.api.get("/api/agents/" + agent["id"]).json["presence"]

    def wait_status(self, agent, status, seconds):
        wait_for(
            lambda: self.state(agent)["status"] == status,
            seconds,
            "%s is %s (it is %s)" % (agent["name"], status, self.state(agent)),
            0.1,
        )

    def calls(self, connection, count=1):
        """The call records of a connection, newest first, when there are so many."""

        def found():
            data = self.api.get("/api/calls?connection_id=" + connection["id"]).json["data"]
            return (data,) if len(data) >= count else None

        return wait_for(found, 5, "%d call record(s)" % count)[0]


class Locked:
    """A database session of its own that holds a lock on a table meanwhile."""

    def __init__(self, daemon, table, mode="ACCESS EXCLUSIVE"):
        self.statement = "BEGIN; LOCK TABLE %s IN %s MODE; SELECT 'held';\n" % (table, mode)
        self.command = ["psql", "-XAtq", "-d", daemon.ready["database"]]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.process.stdin.write(self.statement)
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "held":
            raise AssertionError("no lock")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Stopped:
    """The processes of the daemon's PostgreSQL stand still meanwhile."""

    def __init__(self, daemon):
        sessions = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        self.pids = [daemon.postmaster()] + [int(row[0]) for row in daemon.psql(sessions)]

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        resume(self.pids)


class Together:
    """Runs functions in threads and gives their results, or the first thing that went wrong."""

    def __init__(self, *functions):
        self.results = [None] * len(functions)
        self.faults = []
        self.threads = [
            threading.Thread(target=self.one, args=(n, f), daemon=True)
            for n, f in enumerate(functions)
        ]
        for thread in self.threads:
            thread.start()

    def one(self, n, function):
        try:
            self.results[n] = function()
        except Exception as fault:  # handed to the thread that waits
            self.faults.append(fault)

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            raise AssertionError("still running after %s s" % seconds)
        if self.faults:
            raise self.faults[0]
        return self.results


def same_but(one, other, *keys):
    """Whether two JSON objects are equal apart from these members."""
    drop = lambda thing: json.dumps(
        {k: v for k, v in thing.items() if k not in keys}, sort_keys=True
    )
    return drop(one) == drop(other)
