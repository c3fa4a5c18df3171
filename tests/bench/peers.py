"""Everything that runs: the daemon, the servers it is compared with, the load generators."""
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import machine

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "harness"))

# The path above is needed first.
from crowds import Silence  # noqa: E402
from rosterd import BINARY, Daemon, environment, wait_for  # noqa: E402

SETTINGS = {"log.access": "no", "log.level": "warn"}
OPEN_MOST = 8192


class Wrong(Exception):
    """A lane does not work: an answer is not what it must be, or a server does not run."""


# ---- the daemon ----


class Api:
    """A few requests by hand. The daemon may close a connection that was idle, so a new one is made
    after a pause."""

    PAUSE = 5

    def __init__(self, address, credential):
        self.link = http.client.HTTPConnection(*address, timeout=30)
        self.credential, self.used = credential, time.monotonic()

    def call(self, method, target, body=None, status=200, credential=None):
        headers = {"Authorization": "Bearer " + (credential or self.credential)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self.used > self.PAUSE:
            self.link.close()
        self.link.request(method, target, None if body is None else json.dumps(body), headers)
        got = self.link.getresponse()
        text = got.read()
        self.used = time.monotonic()
        if got.status != status:
            raise Wrong(
                "%s %s: %d instead of %d: %s"
                % (method, target, got.status, status, text[:300].decode("utf-8", "replace"))
            )
        return json.loads(text) if text[:1] in (b"{", b"[") else text

    def register(self, name, **members):
        return self.call("POST", "/api/agents", {"name": name, **members}, 201)

    def connect(self, source, target):
        return self.call(
            "POST",
            "/api/connections",
            {
                "source_agent_id": source["id"],
                "target_agent_id": target["id"],
                "group_name": "bench",
            },
            201,
        )["id"]

    def metric(self, name):
        """A counter, summed over its labels."""
        text = self.call("GET", "/metrics").decode()
        values = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % re.escape(name), text, re.M)
        return sum(float(value) for value in values)


class Registry:
    """A daemon with a database of its own, in a new directory."""

    def __init__(self, **settings):
        given = {key.replace("__", "."): value for key, value in settings.items()}
        self.daemon = Daemon({**SETTINGS, **given})
        try:
            self.daemon.start()
        except BaseException:
            self.daemon.remove()
            raise
        self.pid, self.url = self.daemon.pid, self.daemon.url.rstrip("/")
        self.api = Api(self.daemon.address, self.daemon.key)
        self.database = self.daemon.ready["database"]
        self.organization = self.daemon.ready["organization_id"]

    def sql(self, statement):
        return self.daemon.psql(statement)

    def number(self, query):
        return int(self.sql(query)[0][0])

    def counter(self, name):
        """A function that says by how much the counter has grown since now."""
        before = self.api.metric(name)
        return lambda: self.api.metric(name) - before

    def postmaster(self):
        return self.daemon.postmaster()

    def close(self):
        if sys.exc_info()[0] is not None:  # closed on the way out of a failure
            print("log of rosterd:\n" + self.daemon.log_text()[-3000:], file=sys.stderr)
        try:
            self.daemon.stop()
        finally:
            self.daemon.remove()


class Serve:
    """A second daemon, "rosterd serve", on the database of a registry that is up."""

    def __init__(self, registry, folder):
        self.port = machine.free_port()
        settings = {
            "server.listen": "127.0.0.1:%d" % self.port,
            "database.url": registry.database,
            "crypto.master_key_file": os.path.join(registry.daemon.data, "master.key"),
            **SETTINGS,
        }
        self.config = os.path.join(folder, "empty.conf")
        with open(self.config, "w", encoding="utf-8"):
            pass
        self.env = environment(settings)
        self.log = os.path.join(folder, "serve.log")

    def start(self):
        """Seconds from exec to the first 200 of /readyz."""
        with open(self.log, "ab") as log:
            began = time.monotonic()
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.config],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() - began > 30:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise Wrong("rosterd serve is not ready:\n" + f.read()[-2000:])
            time.sleep(0.001)
        return time.monotonic() - began

    def is_ready(self):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", "/readyz")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


# ---- the peers ----


class Server:
    """A foreign server in the foreground, configured by a template of peers/."""

    def __init__(self, name, command, template, folder, values):
        self.name, self.folder = name, folder
        with open(os.path.join(HERE, "peers", template), encoding="utf-8") as f:
            text = f.read()
        for key, value in values.items():
            text = text.replace("@%s@" % key.upper(), str(value))
        self.config = os.path.join(folder, template)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        self.log = os.path.join(folder, name + ".out")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [word.format(config=self.config, folder=folder) for word in command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self.process.pid

    def wait(self, port):
        def listens():
            if self.process.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as f:
                    raise Wrong("%s does not run:\n%s" % (self.name, f.read()[-2000:]))
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False

        wait_for(listens, 20, self.name)
        return self

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


NGINX = ["nginx", "-p", "{folder}", "-e", "{folder}/start.log", "-c", "{config}"]
HAPROXY = ["haproxy", "-db", "-f", "{config}"]


class Bed:
    """The upstream, nginx and HAProxy in front of it, and a throw-away authority for TLS."""

    def __init__(self, folder, peers=("nginx", "haproxy")):
        from upstream import Authority

        self.folder, self.servers = folder, []
        self.silence = Silence()
        self.ca = Authority(folder)
        certificate, key = self.ca.certificate("localhost")
        with open(os.path.join(folder, "large.json"), "w", encoding="utf-8") as f:
            f.write('{"answer":"%s"}' % ("x" * ((1 << 20) - 13)))
        for name in os.listdir(folder):  # read by workers that are not root
            os.chmod(os.path.join(folder, name), 0o644)
        self.ports = {
            name: machine.free_port()
            for name in ("plain", "tls", "nginx", "nginx_tls", "haproxy", "haproxy_tls")
        }
        self.values = {
            "workers": machine.cores(),
            "folder": folder,
            "silent": self.silence.port,
            "certificate": certificate,
            "key": key,
            "ca": self.ca.ca,
            "plain": self.ports["plain"],
            "tls": self.ports["tls"],
        }
        self.nginx = self.haproxy = None
        try:
            self.upstream = self.start("upstream", NGINX, "upstream.conf", "plain")
            if "nginx" in peers:
                self.nginx = self.start("nginx", NGINX, "nginx.conf", "nginx")
            if "haproxy" in peers:
                self.haproxy = self.start("haproxy", HAPROXY, "haproxy.cfg", "haproxy")
        except BaseException:
            self.close()
            raise

    def start(self, name, command, template, port):
        values = dict(self.values)
        if name != "upstream":
            values.update(listen_tls=self.ports[name + "_tls"], listen=self.ports[name])
        server = Server(name, command, template, self.folder, values)
        self.servers.append(server)
        return server.wait(self.ports[port])

    def close(self):
        for server in reversed(self.servers):
            server.close()
        self.silence.close()


class Node:
    """Express and pg, one UPDATE for each heartbeat: how such a registry is usually begun."""

    def __init__(self, registry, folder):
        if shutil.which("npm") is None:
            raise Wrong("--node needs node and npm")
        self.folder = os.path.join(folder, "node")
        shutil.copytree(os.path.join(HERE, "node"), self.folder)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=self.folder, check=True
        )
        self.port = machine.free_port()
        host = re.search(r"host=(\S+)", registry.database).group(1)
        env = dict(
            os.environ,
            PORT=str(self.port),
            PGHOST=host,
            PGUSER=self.word(registry, "user"),
            PGDATABASE=self.word(registry, "dbname"),
            NODE_ENV="production",
            WORKERS=str(machine.cores()),
        )
        self.process = subprocess.Popen(
            ["node", "server.js"], cwd=self.folder, env=env, stdin=subprocess.DEVNULL
        )
        self.pid = self.process.pid
        try:
            wait_for(self.listens, 20, "node")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def word(registry, key):
        return re.search(r"%s=(\S+)" % key, registry.database).group(1)

    def listens(self):
        if self.process.poll() is not None:
            raise Wrong("node does not run")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Etcd:
    """One node; what is kept alive is a lease for each agent."""

    def __init__(self, folder, leases):
        if shutil.which("etcd") is None:
            raise Wrong("--etcd needs etcd")
        self.url = "http://127.0.0.1:%d" % machine.free_port()
        peer = "http://127.0.0.1:%d" % machine.free_port()
        self.log = open(os.path.join(folder, "etcd.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", os.path.join(folder, "etcd"), "--log-level", "error"]
            + ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
            + ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
            + ["--initial-cluster", "default=" + peer],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.pid = self.process.pid
        try:
            wait_for(lambda: self.grant(1), 20, "etcd")
            for lease in range(2, leases + 1):
                self.grant(lease)
        except BaseException:
            self.close()
            raise

    def grant(self, lease):
        if self.process.poll() is not None:
            raise Wrong("etcd does not run")
        link = http.client.HTTPConnection(self.url[len("http://") :], timeout=10)
        try:
            link.request("POST", "/v3/lease/grant", json.dumps({"ID": str(lease), "TTL": "3600"}))
            return link.getresponse().status == 200
        except OSError:
            return False
        finally:
            link.close()

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()


# ---- the load ----


def wrk(script, url, seconds, connections, check=False, **values):
    """One run; what result.lua printed. Any failed request is an error."""
    env = {
        **os.environ,
        "BENCH_LUA": os.path.join(HERE, "wrk"),
        **{"BENCH_" + key.upper(): str(value) for key, value in values.items()},
    }
    if check:
        env["BENCH_CHECK"] = "1"
    command = [
        "wrk",
        "-t",
        str(min(2, machine.cores())),
        "-c",
        str(connections),
        "-d",
        "%ds" % seconds,
        "--timeout",
        "30s",
        "-s",
        os.path.join(HERE, "wrk", script),
        url,
    ]
    got = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds + 90)
    line = re.search(r"^RESULT (\{.*\})$", got.stdout, re.M)
    if got.returncode != 0 or line is None:
        raise Wrong("wrk %s: %s%s" % (script, got.stdout[-1000:], got.stderr[-1000:]))
    result = json.loads(line.group(1))
    faults = {
        key: result[key]
        for key in ("connect", "read", "write", "status", "timeout", "wrong")
        if result[key]
    }
    if faults or result["requests"] == 0:
        raise Wrong(
            "%s: %d requests, faults %s; %s"
            % (url, result["requests"], faults, result["wrong_text"])
        )
    result["seconds"] = result["us"] / 1e6
    return result


def pgbench(registry, script, seconds, clients, folder, **values):
    """One run of a script file against the registry's database."""
    program = sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"))[-1]
    log = os.path.join(folder, "pgbench")
    command = [
        program,
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        str(machine.cores()),
        "-T",
        str(seconds),
        "-f",
        os.path.join(HERE, "peers", script),
        "--log",
        "--log-prefix",
        log,
        "--sampling-rate",
        "0.1",
    ]
    for key, value in values.items():
        command += ["-D", "%s=%s" % (key, value)]
    got = subprocess.run(
        command + [registry.database],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=seconds + 90,
    )
    done = re.search(r"actually processed: (\d+)", got.stdout)
    rate = re.search(r"^tps = ([\d.]+)", got.stdout, re.M)
    failed = re.search(r"failed transactions: (\d+)", got.stdout)
    if got.returncode != 0 or not done or not rate or (failed and int(failed.group(1))):
        raise Wrong("pgbench %s: %s%s" % (script, got.stdout[-1000:], got.stderr[-1000:]))
    times = []
    for name in glob.glob(log + ".*"):
        with open(name, encoding="utf-8") as f:
            times += [int(line.split()[2]) for line in f]
        os.unlink(name)
    times.sort()
    requests = int(done.group(1))
    return {
        "requests": requests,
        "seconds": requests / float(rate.group(1)),
        "p50_us": times[len(times) // 2] if times else 0,
        "p99_us": times[len(times) * 99 // 100] if times else 0,
    }


# ---- callers that take their time ----


def paced(registry, credential, callers, pause, seconds, ask):
    """Latencies in ms, sorted: callers with a connection each ask(api), pause, and ask again."""
    took, faults = [], []

    def call():
        api = Api(registry.daemon.address, credential)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                ask(api)
            except Exception as fault:  # told by the thread that waits
                faults.append(fault)
                return
            took.append((time.monotonic() - began) * 1000)
            time.sleep(pause)
        api.link.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise Wrong("a request failed: %s" % faults[0])
    return sorted(took)


def part(sorted_values, share):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]
