"""Agent types, instances and messages of the mesh as rows, and an instance that answers."""
import json
import threading
import time
import uuid

import websocket


def instance(daemon, agent, agent_type, name=None):
    """A hosted, available instance of an agent, which gets this type; its instance_id."""
    name, key = name or "i-" + uuid.uuid4().hex, str(uuid.uuid4())
    daemon.psql("UPDATE agents SET mesh_type = '%s' WHERE id = '%s'" % (agent_type, agent["id"]))
    daemon.psql(
        "INSERT INTO instances (id, org_id, agent_id, instance_id, mode, url_sealed)"
        " SELECT '%s', org_id, id, '%s', 1, 'x' FROM agents WHERE id = '%s'"
        % (key, name, agent["id"])
    )
    daemon.psql(
        "INSERT INTO instance_states (instance, org_id, agent_id, mode, status)"
        " SELECT id, org_id, agent_id, 1, 0 FROM instances WHERE id = '%s'" % key
    )
    return name


def message(daemon, agent, session=None, state=1):
    """A message to an agent; its id."""
    key = str(uuid.uuid4())
    daemon.psql(
        "INSERT INTO messages (id, org_id, session_id, agent_id, state, request)"
        " SELECT '%s', org_id, %s, id, %d, '{\"messageId\": \"m\"}' FROM agents WHERE id = '%s'"
        % (key, "'%s'" % session if session else "NULL", state, agent["id"])
    )
    return key


class Agent:
    """A connected instance that answers dispatches in a thread of its own, by answer(payload): with
    a result, with an (error code, message), or never (None)."""

    def __init__(self, daemon, agent, agent_type, answer):
        self.name = instance(daemon, agent, agent_type)
        daemon.psql(
            "UPDATE instances SET mode = 0, url_sealed = NULL WHERE instance_id = '%s'" % self.name
        )
        daemon.psql(
            "UPDATE instance_states s SET mode = 0, status = 5 FROM instances i"
            " WHERE i.id = s.instance AND i.instance_id = '%s'" % self.name
        )
        self.answer, self.seen = answer, []
        host, port = daemon.address
        self.socket = websocket.connect(
            host,
            port,
            "/agents/connect?instance_id=" + self.name,
            [("Authorization", "Bearer " + daemon.key)],
            ["svantic.v1"],
        )
        if not isinstance(self.socket, websocket.Socket):
            raise AssertionError("%d %r" % (self.socket.status, self.socket.body))
        self.send("hello", {"instance_id": self.name, "agent_type": agent_type, "agent_card": {}})
        welcome = json.loads(self.socket.recv())
        if welcome["type"] != "welcome":
            raise AssertionError(welcome)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def send(self, kind, payload, **more):
        body = {"v": 1, "type": kind, "id": str(uuid.uuid4()), "payload": payload, **more}
        body["ts"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        self.socket.send(json.dumps(body))

    def run(self):
        try:
            while True:
                frame = json.loads(self.socket.recv(600))
                if frame["type"] != "dispatch":
                    continue
                self.seen.append(frame["payload"])
                said = self.answer(frame["payload"])
                if isinstance(said, tuple):
                    failure = {"code": said[0], "message": said[1]}
                    self.send("error", failure, in_reply_to=frame["id"])
                elif said is not None:
                    self.send("dispatch_result", {"result": said}, in_reply_to=frame["id"])
        except (websocket.Closed, OSError, ValueError):
            pass

    def close(self):
        self.socket.drop()
        self.thread.join(10)
