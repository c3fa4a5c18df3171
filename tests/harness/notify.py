"""What systemd hears: the receiving end of $NOTIFY_SOCKET, by path or by abstract name."""
import os
import socket
import time

from rosterd import PATIENCE, Failed


class NotifySocket:
    """Keeps every datagram: a dictionary of its lines, with "at" for the monotonic time."""

    def __init__(self, name):
        self.name, self.heard = name, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)

    def listen(self, seconds):
        """Takes what is there, waiting for at most one datagram more."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return False
        message = dict(line.split("=", 1) for line in text.split("\n") if line)
        self.heard.append({**message, "at": time.monotonic()})
        return True

    def count(self, key, value="1"):
        while self.listen(0):
            pass
        return sum(message.get(key) == value for message in self.heard)

    def wait(self, key, value="1", seconds=30, after=0):
        """The first message, from number `after` on, in which key begins with value."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            for message in self.heard[after:]:
                if message.get(key, "\0").startswith(value):
                    return message
            if time.monotonic() > end:
                raise Failed("systemd did not hear %s=%s, but %r" % (key, value, self.heard))
            self.listen(0.2)

    def mark(self):
        """The number of messages so far, to be given as `after`."""
        while self.listen(0):
            pass
        return len(self.heard)

    def close(self):
        self.socket.close()
        if not self.name.startswith("@") and os.path.exists(self.name):
            os.unlink(self.name)
