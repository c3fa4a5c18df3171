"""A name server for the tests: answers A questions from a table, or says nothing at all."""
import socket
import struct
import threading


class Names:
    def __init__(self, table):
        """table: name -> IPv4 address, or None for silence. Other names do not exist."""
        self.table = table
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.socket.settimeout(0.1)
        self.open = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.open:
            try:
                question, sender = self.socket.recvfrom(4096)
            except socket.timeout:
                continue
            name, at = [], 12
            while question[at]:
                name.append(question[at + 1 : at + 1 + question[at]].decode("latin-1"))
                at += question[at] + 1
            name, kind = ".".join(name).lower(), struct.unpack(">H", question[at + 1 : at + 3])[0]
            self.asked.append((name, kind))
            known = name in self.table
            if known and self.table[name] is None:
                continue
            record = b""
            if known and kind == 1:
                record = (
                    b"\xc0\x0c"
                    + struct.pack(">HHIH", 1, 1, 0, 4)
                    + socket.inet_aton(self.table[name])
                )
            head = question[:2] + struct.pack(
                ">HHHHH", 0x8180 if known else 0x8183, 1, 1 if record else 0, 0, 0
            )
            self.socket.sendto(head + question[12 : at + 5] + record, sender)

    def close(self):
        self.open = False
        self.thread.join()
        self.socket.close()
