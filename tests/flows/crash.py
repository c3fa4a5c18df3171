"""kill -9 of the daemon and of PostgreSQL in the middle of writes: nothing acknowledged is lost."""
import http.client
import os
import random
import signal
import threading
import time
import uuid

from client import Client
from flow import Flow
from ledger import Ledger


class Writer(threading.Thread):
    """Registers agents and beats for those it has, writing each step into the ledger."""

    def __init__(self, daemon, ledger, lock):
        super().__init__(daemon=True)
        self.target, self.ledger, self.lock = daemon, ledger, lock
        self.stopped, self.mine, self.odd = threading.Event(), [], []

    def run(self):
        api = None
        while not self.stopped.is_set():
            try:
                api = api or Client(self.target)
                self.step(api)
            except (OSError, http.client.HTTPException, ValueError):
                api = None
                time.sleep(0.05)
            except AssertionError as fault:
                self.odd.append(str(fault))
                return

    def step(self, api):
        name = uuid.uuid4().hex
        if self.mine and random.random() < 0.6:
            agent = random.choice(self.mine)
            self.note("intent", name, "beat")
            reply = api.with_credential(agent["token"]).post(
                "/api/agents/%s/heartbeat" % agent["id"]
            )
        else:
            self.note("intent", name, "register")
            reply = api.post(
                "/api/agents", {"name": name}, headers={"Idempotency-Key": uuid.uuid4().hex}
            )
            if reply.status == 201:
                self.mine.append(reply.json)
        if reply.status < 300:
            self.note("ack", name, reply.json)
        elif reply.status != 503:
            self.odd.append(repr(reply))

    def note(self, kind, name, what):
        with self.lock:
            getattr(self.ledger, kind)(name, what)


class Crash(Flow):
    def round(self, ledger, lock, kill):
        writers = [Writer(self.daemon, ledger, lock) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(0.4 + random.random())
        kill()
        for writer in writers:
            writer.stopped.set()
        for writer in writers:
            writer.join(30)
            self.assertEqual(writer.odd, [])

    def kill_database(self):
        os.kill(self.daemon.postmaster(), signal.SIGKILL)

    def kill_both(self):
        postmaster = self.daemon.postmaster()
        self.daemon.kill9()
        try:
            os.kill(postmaster, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def test_ten_rounds_of_kill_lose_nothing_and_double_nothing(self):
        ledger, lock = Ledger(os.path.join(self.daemon.folder, "ledger")), threading.Lock()
        kills = [self.daemon.kill9, self.kill_database, self.kill_both]
        for n in range(10):
            self.round(ledger, lock, kills[n % 3])
            self.daemon.check_log()
            if self.daemon.process is None:
                self.daemon.start()
            else:
                time.sleep(1)
                self.daemon.wait_ready()
            type(self).api = Client(self.daemon)
            end = time.monotonic() + 20
            while self.api.get("/readyz").status != 200 and time.monotonic() < end:
                time.sleep(0.1)
            self.assertEqual(ledger.faults(self.daemon), [])
        acks = [row for row in ledger.rows() if row["kind"] == "ack"]
        self.assertGreater(len(acks), 50)
        agent = self.api.register()
        self.api.beat(agent)
