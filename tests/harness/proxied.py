"""What the flows of the proxy share: a daemon, an upstream, and a caller connected to targets."""

from client import Stream
from flow import Flow
from upstream import Upstream

MB = 1 << 20


class Proxied(Flow):
    settings = {"health.enabled": "no", "server.drain_timeout": "2s"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)
        cls.caller = cls.api.register("caller")
        cls.as_caller = cls.api.with_credential(cls.caller["token"])

    def target(self, path="/echo", url=None, online=True, **members):
        """An agent at a path of the upstream, with a connection to it in "connection"."""
        agent = self.api.register(endpoint_url=url or self.upstream.url(path), **members)
        if online:
            self.api.beat(agent)
        agent["connection"] = self.api.connect(self.caller, agent, allow_paths=True)
        return agent

    def call_to(self, agent, body=None, end="", **more):
        return self.as_caller.post(
            "/api/proxy/%s%s" % (agent["connection"]["id"], end), body, **more
        )

    def stream_to(self, agent, headers=None, body=None):
        """Opens a call by hand; with a body, it is sent whole."""
        stream = Stream(self.daemon.address)
        self.addCleanup(stream.close)
        sent = {"Authorization": "Bearer " + self.caller["token"], **(headers or {})}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        stream.head("POST", "/api/proxy/" + agent["connection"]["id"], sent)
        if body:
            stream.send(body)
        return stream

    def failed(self, agent, status, word):
        """A call that must fail so, by both routes: reply, Proxy-Status and record agree."""
        had = len(self.calls(agent["connection"], 0))
        for count, end in enumerate(("", "/further"), had + 1):
            reply = self.call_to(agent, {"x": 1}, end=end)
            self.refused(reply, status, word)
            said = (reply.header("Proxy-Status") or "").replace(" ", "")
            self.assertIn("error=" + word, said, reply.headers)
            record = self.calls(agent["connection"], count)[0]
            self.assertEqual((record["outcome"], record["status"]), (word, status))
        return reply
