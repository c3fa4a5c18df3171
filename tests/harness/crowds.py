"""Many who take a place and ask for nothing more: what hanging calls end at, connections that hang
or idle, readers that are slow."""
import resource
import selectors
import socket
import threading

from rosterd import Failed, wait_for

WINDOW = 4096
SIP, PAUSE = 512, 0.1  # what a slow reader takes, and how long it waits: 5 KiB a second


def allow_descriptors():
    """As many as this process, and what it starts, may have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Silence:
    """Takes connections, reads, never answers: what hanging calls end at."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.held, self.end = [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with selectors.DefaultSelector() as ready:
            ready.register(self.listener, selectors.EVENT_READ)
            while not self.end:
                for _ in ready.select(0.1):
                    try:
                        self.held.append(self.listener.accept()[0])
                    except OSError:
                        pass

    def close(self):
        self.end = True
        self.thread.join()
        for one in self.held + [self.listener]:
            one.close()


class Held:
    """Connections that are used once and then do nothing: idle, or waiting for an answer."""

    def __init__(self, address, count, request, answered):
        self.sockets = []
        try:
            for _ in range(count):
                s = socket.create_connection(address, timeout=30)
                self.sockets.append(s)
                s.sendall(request)
                if answered and not s.recv(65536).startswith(b"HTTP/1.1 200"):
                    raise Failed("an idle connection was not answered with 200")
        except BaseException:
            self.close()
            raise

    def all_wait(self):
        """True while none of them was answered or closed."""
        for s in self.sockets:
            s.setblocking(False)
            try:
                s.recv(1)
                return False
            except BlockingIOError:
                pass
        return True

    def check(self):
        if not self.all_wait():
            raise Failed("a call or a connection that should wait was answered or ended")

    def close(self):
        for s in self.sockets:
            s.close()


class SlowReaders:
    """Each has asked for a huge answer and takes it in sips."""

    def __init__(self, address, count, request):
        self.sips, self.end, self.ended = {}, threading.Event(), 0
        for _ in range(count):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            reader.connect(address)
            reader.sendall(request)
            reader.setblocking(False)
            self.sips[reader] = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        try:
            wait_for(lambda: self.ended or all(self.sips.values()), 30, "answers of slow readers")
        except BaseException:
            self.close()
            raise

    def run(self):
        with selectors.DefaultSelector() as ready:
            for reader in self.sips:
                ready.register(reader, selectors.EVENT_READ)
            while not self.end.wait(PAUSE):
                for key, _ in ready.select(0):
                    self.sip(ready, key.fileobj)

    def sip(self, ready, reader):
        try:
            piece = reader.recv(SIP)
        except OSError:
            piece = b""
        if self.sips[reader] == 0 and not piece.startswith(b"HTTP/1.1 200 "):
            piece = b""
        if piece:
            self.sips[reader] += 1
        else:
            self.ended += 1
            ready.unregister(reader)

    def check(self, since):
        """None was given up, and each took some more since then."""
        stalled = sum(self.sips[reader] <= sips for reader, sips in since.items())
        if self.ended or stalled:
            raise Failed("of the slow readers %d were cut, %d stalled" % (self.ended, stalled))

    def close(self):
        self.end.set()
        self.thread.join()
        for reader in self.sips:
            reader.close()
