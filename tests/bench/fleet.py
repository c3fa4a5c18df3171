"""Many agents in one process: each dials in, says hello, beats, answers dispatches, comes back when
it was cut off. Told by lines on stdin: "?" prints how many are ready, "close" has all of them close
at once, the end of input ends it.

    python3 fleet.py HOST PORT KEY COUNT HEARTBEAT_SECONDS
"""
import base64
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

AT_ONCE = 200  # handshakes under way, as many agents would not dial in one moment
BACK_WITHIN = 5.0  # seconds until one that was cut off dials again
NAME = "bench-%d"
TYPE = "bench-type-%d"
TYPES = 100


def masked(opcode, payload):
    key = os.urandom(4)
    size = len(payload)
    head = bytes([0x80 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    else:
        head += struct.pack(">BH", 0x80 | 126, size)
    return head + key + bytes(c ^ key[i & 3] for i, c in enumerate(payload))


def envelope(kind, payload, **more):
    body = {"v": 1, "type": kind, "id": "1", "ts": "2026-01-01T00:00:00.000Z", **more}
    return masked(1, json.dumps({**body, "payload": payload}).encode())


BEAT = envelope("heartbeat", {"status": "available", "current_sessions": 0})


class Agent:
    def __init__(self, fleet, n):
        self.fleet, self.n = fleet, n
        self.sock, self.state, self.left = None, "away", b""

    def dial(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.bind(("127.0.%d.1" % (1 + self.n % 200), 0))
        self.sock.connect_ex(self.fleet.address)
        self.state, self.left = "dialling", b""
        self.fleet.poll.register(self.sock, select.EPOLLOUT)
        self.fleet.by_fd[self.sock.fileno()] = self

    def connected(self):
        if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.lost()
            return
        key = base64.b64encode(os.urandom(16)).decode()
        self.state = "shaking"
        self.fleet.poll.modify(self.sock, select.EPOLLIN)
        self.sock.send(
            (
                "GET /agents/connect?instance_id=%s HTTP/1.1\r\nHost: bench\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: svantic.v1\r\n"
                "Authorization: Bearer %s\r\n\r\n" % (NAME % self.n, key, self.fleet.key)
            ).encode()
        )

    def readable(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lost()
            return
        self.left += data
        if self.state == "shaking":
            head, end, rest = self.left.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.fleet.refused += 1
                self.lost()
                return
            self.left, self.state = rest, "greeting"
            hello = {"instance_id": NAME % self.n, "agent_type": TYPE % (self.n % TYPES)}
            self.sock.send(envelope("hello", hello))
        while self.sock is not None and self.take():
            pass

    def take(self):
        """One frame of the server's; false when there is not a whole one."""
        data = self.left
        if len(data) < 2:
            return False
        size, at = data[1] & 127, 2
        if size == 126:
            if len(data) < 4:
                return False
            size, at = struct.unpack(">H", data[2:4])[0], 4
        if len(data) < at + size:
            return False
        opcode, payload, self.left = data[0] & 15, data[at : at + size], data[at + size :]
        if opcode == 8:
            self.lost()
        elif opcode == 9:
            self.sock.send(masked(10, payload))
        elif opcode == 1:
            self.said(json.loads(payload))
        return True

    def said(self, frame):
        if frame["type"] == "welcome":
            self.state = "ready"
            self.fleet.ready += 1
            self.fleet.pending -= 1
            self.fleet.at(random.uniform(0, self.fleet.period), self)
        elif frame["type"] == "dispatch":
            result = {"result": frame["payload"]["args"]}
            self.sock.send(envelope("dispatch_result", result, in_reply_to=frame["id"]))

    def lost(self):
        if self.state == "ready":
            self.fleet.ready -= 1
        else:
            self.fleet.pending -= 1
        self.fleet.poll.unregister(self.sock)
        del self.fleet.by_fd[self.sock.fileno()]
        self.sock.close()
        self.sock, self.state = None, "away"
        self.fleet.at(random.uniform(0.1, BACK_WITHIN), self)

    def due(self):
        if self.state == "ready":
            self.sock.send(BEAT)
            self.fleet.beats += 1
            self.fleet.at(self.fleet.period, self)
        elif self.state == "away":
            if self.fleet.pending >= AT_ONCE:
                self.fleet.at(0.02, self)
                return
            self.fleet.pending += 1
            self.dial()


class Fleet:
    def __init__(self, host, port, key, count, period):
        self.address, self.key, self.period = (host, port), key, period
        self.poll, self.by_fd, self.timers = select.epoll(), {}, []
        self.ready = self.pending = self.refused = self.beats = self.order = 0
        for n in range(count):
            self.at(random.uniform(0, count / 4000), Agent(self, n))

    def at(self, seconds, agent):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + seconds, self.order, agent))

    def close_all(self):
        """Each says that it leaves; they dial again when the daemon has hung up."""
        for agent in list(self.by_fd.values()):
            if agent.state != "ready":
                continue
            try:
                agent.sock.send(masked(8, struct.pack(">H", 1000) + b"client_close"))
            except OSError:
                agent.lost()

    def run(self):
        self.poll.register(sys.stdin, select.EPOLLIN)
        while True:
            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                agent = heapq.heappop(self.timers)[2]
                try:
                    agent.due()
                except OSError:
                    agent.lost()
            wait = self.timers[0][0] - time.monotonic() if self.timers else 1
            for fd, events in self.poll.poll(max(0.001, min(wait, 0.5))):
                if fd == sys.stdin.fileno():
                    line = os.read(fd, 100)
                    if not line:
                        return
                    if line.startswith(b"close"):
                        self.close_all()
                        continue
                    state = {"ready": self.ready, "refused": self.refused, "beats": self.beats}
                    print(json.dumps(state), flush=True)
                    continue
                agent = self.by_fd.get(fd)
                if agent is None:
                    continue
                try:
                    agent.connected() if agent.state == "dialling" else agent.readable()
                except OSError:
                    agent.lost()


if __name__ == "__main__":
    Fleet(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])).run()
