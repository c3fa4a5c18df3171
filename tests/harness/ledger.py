"""What a writer intended and what was acknowledged, on disk before it goes on; after a fault the
database is held against it: nothing acknowledged is lost, nothing is there twice, nothing extra."""
import json
import os


class Ledger:
    def __init__(self, path):
        self.path = path
        self.file = open(path, "a", encoding="utf-8")

    def write(self, kind, name, **what):
        self.file.write(json.dumps({"kind": kind, "name": name, **what}) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def intent(self, name, what):
        """Before sending; the name is unique to the request."""
        self.write("intent", name, what=what)

    def ack(self, name, body):
        """After the whole answer came."""
        self.write("ack", name, body=body)

    def rows(self):
        with open(self.path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def faults(self, daemon):
        """What is wrong with the database, as sentences."""
        intents, acks, beats = {}, {}, {}
        for row in self.rows():
            if row["kind"] == "intent":
                intents[row["name"]] = row["what"]
            elif intents[row["name"]] == "register":
                acks[row["name"]] = row["body"]
            else:
                agent = row["body"]["agent"]
                beats[agent["id"]] = max(beats.get(agent["id"], ""), agent["last_heartbeat"])
        return list(self.agent_faults(daemon, intents, acks)) + list(
            self.beat_faults(daemon, beats)
        )

    @staticmethod
    def agent_faults(daemon, intents, acks):
        have = {}
        for name, identity, permanent in daemon.psql("SELECT name, id, permanent_id FROM agents"):
            have.setdefault(name, []).append((identity, permanent))
        for name, body in acks.items():
            if (body["id"], body["permanent_id"]) not in have.get(name, []):
                yield "lost: %s was acknowledged as %s" % (name, body["id"])
        for name, rows in have.items():
            if name not in intents:
                yield "extra: nobody registered %s" % name
            if len(rows) > 1:
                yield "doubled: %s is there %d times" % (name, len(rows))

    @staticmethod
    def beat_faults(daemon, beats):
        rows = daemon.psql(
            "SELECT agent_id, to_char(last_heartbeat AT TIME ZONE 'UTC',"
            " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM presence"
        )
        have = {row[0]: row[1] for row in rows}
        for agent, at in beats.items():
            if have.get(agent, "") < at:
                yield "lost: heartbeat of %s at %s, the database has %s" % (
                    agent,
                    at,
                    have.get(agent),
                )
