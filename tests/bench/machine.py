"""What the kernel says of processes and of the machine: CPU, memory, idle time."""
import os
import random
import socket

TICK_US = 1000000 // os.sysconf("SC_CLK_TCK")


def cores():
    return len(os.sched_getaffinity(0))


def stat_of(pid):
    """Parent and CPU (ticks, reaped children included) of a process; None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as f:
            words = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return int(words[1]), sum(int(word) for word in words[11:15])


def tree(pid):
    """The process and all that descend from it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = stat_of(int(name))
            if stat is not None:
                parents.setdefault(stat[0], []).append(int(name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(parents.get(one, ()))
    return found


def cpu_us(pids):
    """User and system time so far, of these processes."""
    stats = (stat_of(pid) for pid in pids)
    return sum(stat[1] for stat in stats if stat is not None) * TICK_US


def memory(pid, what="VmRSS"):
    """Resident memory of one process in bytes."""
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
    return 0


def idle_and_all():
    """Ticks of all cores since the machine was started: idle (or waiting for the disk), all."""
    with open("/proc/stat", encoding="utf-8") as f:
        words = [int(word) for word in f.readline().split()[1:9]]
    return words[3] + words[4], sum(words)


def free_port():
    """One that no outgoing connection takes, so that a server may be started on it again."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        first_outgoing = int(f.read().split()[0])
    while True:
        port = random.randrange(10000, first_outgoing)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("0.0.0.0", port))
            except OSError:
                continue
        return port


class Usage:
    """What a group of servers and the machine use between begin and end of a run."""

    def __init__(self, roots, own=None):
        """roots: the processes whose trees count; own: one whose CPU is told by itself as well."""
        self.roots, self.own = roots, own

    def read(self):
        pids = [pid for root in self.roots for pid in tree(root)]
        own = cpu_us([self.own]) if self.own else 0
        return cpu_us(pids), own, idle_and_all(), pids

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *fault):
        after = self.read()
        idle, every = (b - a for a, b in zip(self.before[2], after[2]))
        self.cpu_us = after[0] - self.before[0]
        self.own_us = after[1] - self.before[1]
        self.idle = idle / every if every else 0.0
        self.rss = sum(
            memory(pid)
            for pid in ([self.own] if self.own else after[3])
            if os.path.exists("/proc/%d" % pid)
        )
