"""Agents that dial in (subprotocol svantic.v1), as a good one does, and as none should."""
import http.client
import json
import os
import subprocess
import threading
import time
import uuid

import websocket
from flow import Flow
from rosterd import BINARY, Daemon, Failed, PATIENCE, environment, wait_for

PROTOCOL = "svantic.v1"
ZERO = "00000000-0000-0000-0000-000000000000"
STATUSES = ("available", "busy", "draining", "offline", "unhealthy", "unknown")
CONNECTIONS = ("unknown", "online", "healthy", "degraded", "offline")
TRANSPORTS = ("unknown", "ws", "callback")


def frame(kind, payload, **members):
    """A frame as text; a member of None is left out."""
    whole = {
        "v": 1,
        "type": kind,
        "id": str(uuid.uuid4()),
        "ts": "2026-01-01T00:00:00.000Z",
        "payload": payload,
        **members,
    }
    return json.dumps({k: v for k, v in whole.items() if v is not None})


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, answer):
        super().__init__("%d %r" % (answer.status, answer.body))
        self.answer, self.status = answer, answer.status
        self.json = json.loads(answer.body)
        self.code = self.json.get("code")


class Agent:
    """One instance. What it is told to do is the skill_id: echo, fail, silent, quit, slow."""

    def __init__(self, daemon, agent_type, instance_id, key=None):
        self.daemon, self.agent_type, self.instance_id = daemon, agent_type, instance_id
        self.key = key or daemon.key
        self.socket, self.thread = None, None
        self.lock = threading.Lock()
        self.got = []  # payloads of dispatches, with "id"
        self.ended = None  # the websocket.Closed that ended the thread

    @property
    def path(self):
        return "/agents/connect?instance_id=" + self.instance_id

    def dial(self, path=None, headers=None, subprotocols=(PROTOCOL,), daemon=None, **how):
        """A socket without hello; Refused when it is not 101."""
        who = [("Authorization", "Bearer " + self.key)] if headers is None else headers
        host, port = (daemon or self.daemon).address
        got = websocket.connect(host, port, path or self.path, who, subprotocols, **how)
        if isinstance(got, websocket.Answer):
            raise Refused(got)
        if subprotocols:
            assert got.subprotocol == PROTOCOL, got.answer.headers
        return got

    def hello(self, sock, **members):
        payload = {
            "instance_id": self.instance_id,
            "agent_type": self.agent_type,
            "agent_version": "1.0.0",
            "sdk_version": "0.0.0",
            "agent_card": {},
            **members,
        }
        text = frame("hello", payload)
        sock.send(text)
        return json.loads(text)["id"]

    def connect(self, daemon=None, **members):
        """Dials in and says hello; the welcome."""
        sock = self.dial(daemon=daemon)
        said = self.hello(sock, **members)
        welcome = json.loads(sock.recv())
        assert (welcome["v"], welcome["type"], welcome["in_reply_to"]) == (1, "welcome", said)
        assert welcome["payload"]["resumed"] is False and welcome["payload"]["server_time"]
        self.socket, self.ended = sock, None
        return welcome

    def send(self, kind, payload, **members):
        with self.lock:
            self.socket.send(frame(kind, payload, **members))

    def beat(self, **payload):
        self.send("heartbeat", payload)

    def next(self, timeout=None):
        """The next frame, a dispatch."""
        got = json.loads(self.socket.recv(timeout))
        assert (got["v"], got["type"]) == (1, "dispatch"), got
        assert set(got["payload"]) <= {"skill_id", "args", "session_context", "svantic_auth"}
        return got

    def answer(self, dispatch, result):
        self.send("dispatch_result", {"result": result}, in_reply_to=dispatch["id"])

    def refuse(self, dispatch, code="HANDLER_ERROR", message="it threw"):
        payload = {"code": code, "message": message}
        self.send(
            "error", {k: v for k, v in payload.items() if v is not None}, in_reply_to=dispatch["id"]
        )

    def serve(self):
        """Answers in a thread until the socket ends."""
        self.thread = threading.Thread(target=self._serve, args=(self.socket,), daemon=True)
        self.thread.start()
        return self

    def _serve(self, sock):
        try:
            while True:
                got = json.loads(sock.recv(600))
                self.got.append({"id": got["id"], **got["payload"]})
                self.do(got, sock)
        except websocket.Closed as ended:
            self.ended = ended
        except (OSError, ValueError):  # closed by the test
            self.ended = websocket.Closed(1006)

    def do(self, got, sock):
        skill, args = got["payload"]["skill_id"], got["payload"]["args"]
        if skill == "fail":
            self.refuse(got)
        elif skill == "quit":
            sock.drop()
            raise websocket.Closed(1006)
        elif skill == "slow":
            timer = threading.Timer(args["seconds"], lambda: self.answer(got, "late"))
            timer.daemon = True
            timer.start()
        elif skill == "count":
            self.answer(got, {"echo": len(args["a"])})
        elif skill != "silent":
            self.answer(got, {"echo": args, "by": self.instance_id})

    def wait_ended(self, seconds=20):
        wait_for(lambda: self.ended, seconds, "%s is cut off" % self.instance_id)
        return self.ended

    def leave(self):
        if self.thread is not None:
            self.socket.send_close(1000, "client_close")
            self.thread.join(20)
            self.thread = None
            self.socket.sock.close()
        else:
            self.socket.close(1000, "client_close")


class Mesh(Flow):
    """A daemon, agent types, and what the database says of their instances."""

    settings = {"mesh.dispatch_timeout": "20s"}

    def agent(self, type_=None, instance_id=None, **members):
        """A registered instance, not connected. type_: the Agent whose type it has too."""
        name = instance_id or "i-" + uuid.uuid4().hex[:12]
        agent_type = type_.agent_type if type_ else "t-" + uuid.uuid4().hex[:12]
        reply = self.api.post(
            "/agents/register", {"agent_type": agent_type, "instance_id": name, **members}
        )
        if reply.status != 200:
            raise AssertionError("registering: %r" % reply)
        made = Agent(self.daemon, agent_type, name)
        self.addCleanup(lambda: made.socket and made.socket.sock.close())
        return made

    def ready(self, type_=None, **members):
        """One that is connected, and answers."""
        made = self.agent(type_, **members)
        made.connect()
        return made.serve()

    def row(self, agent):
        """What is stored of its liveness."""
        names = (
            "status connection transport owner succeeded failed failures sessions max_sessions "
            "reported_failures last_dispatch_error"
        ).split()
        found = self.daemon.psql(
            "SELECT %s FROM instance_states s JOIN instances i ON i.id = s.instance"
            " WHERE i.instance_id = '%s'" % (", ".join("s." + n for n in names), agent.instance_id)
        )
        row = dict(zip(names, found[0]))
        row = {k: int(v) if v.isdigit() else v or None for k, v in row.items()}
        row["status"] = STATUSES[row["status"]]
        row["connection"] = CONNECTIONS[row["connection"]]
        row["transport"] = TRANSPORTS[row["transport"]]
        return row

    def wait_row(self, agent, seconds=10, **members):
        def found():
            row = self.row(agent)
            return row if all(row[k] == v for k, v in members.items()) else None

        try:
            return wait_for(found, seconds, "")
        except Failed:
            raise AssertionError("%s, not %s" % (self.row(agent), members)) from None

    def id_of(self, agent):
        """(instance, agent) as the tables know them."""
        return self.daemon.psql(
            "SELECT id, agent_id FROM instances WHERE instance_id = '%s'" % agent.instance_id
        )[0]

    def dispatch(self, to, skill="echo", args=None, api=None, by_type=False, **members):
        body = {"skill_id": skill, "args": args or {}, **members}
        body.update({"agent_type": to.agent_type} if by_type else {"instance_id": to.instance_id})
        if api is not None:
            return api.post("/agents/dispatch", body)
        # Tests ask from several threads at once.
        api = self.api.with_credential(self.api.credential)
        try:
            return api.post("/agents/dispatch", body)
        finally:
            api.close()

    def dispatched(self, to, skill="echo", args=None, **members):
        """One that must be fine; its result."""
        reply = self.dispatch(to, skill, args, **members)
        self.assertEqual(reply.status, 200, reply)
        return reply.json["result"]

    def session(self):
        made = str(uuid.uuid4())
        self.daemon.psql(
            "INSERT INTO sessions (id, org_id, user_id) VALUES ('%s', '%s', 'u')"
            % (made, self.daemon.ready["organization_id"])
        )
        return made

    def frames_ignored(self):
        return self.metric("frames_ignored")

    def metric(self, part):
        text = self.api.exchange("GET", "/metrics", b"", {})[2].decode()
        lines = [line for line in text.split("\n") if part in line and not line.startswith("#")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


class Second:
    """One more daemon on the database of another; it has no PostgreSQL of its own."""

    def __init__(self, first, port, settings=None):
        self.first, self.port, self.process = first, port, None
        self.settings = {
            "database.url": first.ready["database"],
            "crypto.master_key_file": os.path.join(first.data, "master.key"),
            "server.listen": "127.0.0.1:%d" % port,
            "outbound.allow": "127.0.0.0/8",
            "outbound.allow_http": "yes",
            "log.format": "json",
            **first.settings,
            **(settings or {}),
        }
        self.log = os.path.join(first.folder, "log-%d" % port)
        self.config = os.path.join(first.folder, "conf-%d" % port)
        self.address, self.key = ("127.0.0.1", port), first.key
        self.url, self.ready = "http://127.0.0.1:%d" % port, first.ready

    # What a Client asks of a daemon.
    log_text, check_log = Daemon.log_text, Daemon.check_log

    def start(self):
        self.started = time.monotonic()
        with open(self.config, "w", encoding="utf-8") as f:
            os.chmod(self.config, 0o600)
            f.write("# All is in the environment.\n")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.first.folder,
                env=environment(self.settings),
            )

        def serves():
            if self.process.poll() is not None:
                raise Failed("it ended with %d\n%s" % (self.process.returncode, self.log_text()))
            link = http.client.HTTPConnection(*self.address, timeout=5)
            try:
                link.request("GET", "/readyz")
                return link.getresponse().status == 200
            except OSError:
                return False
            finally:
                link.close()

        wait_for(serves, 30, "the second daemon is ready")
        return self

    def stop(self, seconds=40):
        if self.process is None:
            return
        self.process.terminate()
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("it did not stop\n" + self.log_text()[-4000:]) from None
        finally:
            self.process = None
        self.check_log()
        if status != 0:
            raise Failed("it ended with %d\n%s" % (status, self.log_text()[-4000:]))

    def kill9(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
