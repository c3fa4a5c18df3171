"""Agents and callers of the mesh that mean no good, or know no better."""
import hashlib
import hmac
import json
import os
import threading
import time
import uuid

import mesh_rows
from flow import Flow
from rosterd import wait_for


class Hostile(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.type = "hostile-" + uuid.uuid4().hex
        cls.agent = mesh_rows.Agent(
            cls.daemon, cls.api.register("hostile"), cls.type, lambda payload: cls.answer
        )

    def dispatch(self):
        body = {"instance_id": self.agent.name, "skill_id": "x"}
        return self.api.post("/agents/dispatch", body)

    def state(self, columns):
        return self.daemon.psql(
            "SELECT %s FROM instance_states s JOIN instances i ON i.id = s.instance"
            " WHERE i.instance_id = '%s'" % (columns, self.agent.name)
        )

    def test_a_fault_of_many_lines_or_of_any_kind_ends_its_dispatch_only(self):
        for code, message, told in (
            ("E", "one\ntwo\t\x7f\x1b[1m", ("E", "one two   [1m")),
            ("E", "é" * 600, ("E", None)),
            ("", "", ("HANDLER_ERROR", "The agent gave no message.")),
            (None, 7, ("HANDLER_ERROR", "The agent gave no message.")),
            (-32603, {"a": 1}, ("-32603", "The agent gave no message.")),
        ):
            type(self).answer = (code, message)
            reply = self.dispatch()
            self.refused(reply, 502, "HANDLER_ERROR")
            details = reply.json["details"]
            self.assertEqual(details["agent_code"], told[0])
            if told[1] is not None:
                self.assertEqual(details["agent_message"], told[1])
            type(self).answer = {"alive": 1}
            self.assertEqual(self.dispatch().json["result"], {"alive": 1})

    def test_a_skill_that_is_no_text_is_refused(self):
        type(self).answer = {"said": 1}
        source = self.api.register("caller")
        target = {"id": self.state("s.agent_id")[0][0]}
        way = "/api/proxy/" + self.api.connect(source, target)["id"]
        caller = self.api.with_credential(source["token"])
        for skill in (b"\xff", b"caf\xc3", "café".encode(), b"a b", b""):
            reply = caller.call("POST", way, {"a": 1}, headers={"X-Roster-Skill": skill})
            self.assertEqual((reply.status, reply.json["code"]), (400, "INVALID_DISPATCH"), skill)
        reply = caller.call("POST", way, {"a": 1}, headers={"X-Roster-Skill": b"a.b:c_d-1"})
        self.assertEqual((reply.status, reply.json), (200, {"said": 1}))
        self.assertEqual(self.agent.seen[-1]["skill_id"], "a.b:c_d-1")

    def test_a_place_that_was_written_is_kept_when_what_follows_fails(self):
        """The presence of the agent is locked for longer than a unit of work may take."""
        type(self).answer = {}
        other = "late-" + uuid.uuid4().hex
        agent = self.api.register("late")
        lock = (
            "BEGIN; SELECT FROM presence WHERE agent_id = '%s' FOR UPDATE; SELECT pg_sleep(5);"
            " ROLLBACK" % agent["id"]
        )
        holder = threading.Thread(target=self.daemon.psql, args=(lock,))
        holder.start()
        wait_for(
            lambda: self.daemon.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(5)%'"
                " AND wait_event = 'PgSleep'"
            )[0][0]
            == "1",
            5,
            "the lock",
        )
        connected = mesh_rows.Agent(self.daemon, agent, other, lambda payload: {"here": True})
        holder.join()
        body = {"instance_id": connected.name, "skill_id": "x"}
        reply = self.api.post("/agents/dispatch", body)
        self.assertEqual((reply.status, reply.json["result"]), (200, {"here": True}))
        self.assertEqual(
            self.daemon.psql(
                "SELECT s.fence, s.connection FROM instance_states s JOIN instances i"
                " ON i.id = s.instance WHERE i.instance_id = '%s'" % connected.name
            )[0][1],
            "1",
        )


    def visit(self, body, at):
        """What another node would send to this one."""
        node = self.daemon.psql("SELECT id FROM nodes WHERE lease_until > now()")[0][0]
        with open(os.path.join(self.daemon.data, "master.key"), encoding="ascii") as file:
            master = bytes.fromhex(file.readline().strip())
        label = b"agk1-mac"
        for part in ("roster", node, "dispatch"):
            label += len(part).to_bytes(2, "big") + part.encode()
        key = hmac.digest(master, label, "sha256")
        text = ("%d\n" % at).encode() + body
        mac = hashlib.sha256(master).digest()[:4] + hmac.digest(key, text, "sha256")
        proof = "%d.%s" % (at, mac.hex())
        anyone = self.api.with_credential(None)
        return anyone.call("POST", "/internal/dispatch", raw=body, headers={"Roster-Node": proof})

    def test_what_a_node_sent_is_taken_once(self):
        type(self).answer = {"did": "it"}
        key = self.state("s.instance, s.fence")[0]
        order = {"dispatch_id": str(uuid.uuid4()), "instance": key[0], "fence": int(key[1])}
        order["frame"] = {"v": 1, "type": "dispatch", "id": order["dispatch_id"], "payload": {}}
        body = json.dumps({**order, "timeout_ms": 5000}).encode()
        seen, now = len(self.agent.seen), int(time.time() * 1000)
        for at in (now - 31000, now + 31000):
            self.refused(self.visit(body, at), 401, "UNAUTHORIZED")
        reply = self.visit(body, now)
        self.assertEqual((reply.status, reply.json["result"]), (200, {"did": "it"}))
        for at in (now, now + 1000):
            self.refused(self.visit(body, at), 401, "UNAUTHORIZED")
        self.assertEqual(len(self.agent.seen), seen + 1)


class Flood(Flow):
    settings = {"writer.beats": "1024"}

    def test_an_agent_that_beats_as_fast_as_it_can_takes_nothing_from_others(self):
        agents = []
        for name in ("loud", "quiet"):
            agent = self.api.register(name)
            made = mesh_rows.Agent(self.daemon, agent, name + uuid.uuid4().hex, lambda p: {})
            agents.append((agent, made))
        (loud_agent, loud), (_, quiet) = agents
        lock = (
            "BEGIN; SELECT FROM presence WHERE agent_id = '%s' FOR UPDATE; SELECT pg_sleep(2);"
            " ROLLBACK" % loud_agent["id"]
        )
        holder = threading.Thread(target=self.daemon.psql, args=(lock,))
        holder.start()
        beat = {"v": 1, "type": "heartbeat", "id": "b", "payload": {"current_sessions": 1}}
        for n in range(5000):
            beat["payload"]["current_sessions"] = n
            loud.socket.send(json.dumps(beat))
        body = {"instance_id": quiet.name, "skill_id": "x"}
        for _ in range(3):
            self.assertEqual(self.api.post("/agents/dispatch", body).status, 200)
        holder.join()
        state = (
            "SELECT s.succeeded, s.sessions FROM instance_states s JOIN instances i"
            " ON i.id = s.instance WHERE i.instance_id = '%s'"
        )
        wait_for(lambda: self.daemon.psql(state % quiet.name)[0][0] == "3", 10, "counts")
        wait_for(lambda: self.daemon.psql(state % loud.name)[0][1] == "4999", 10, "beats")
