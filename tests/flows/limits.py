"""Rate limits: how many, what the refusal says, and that they can be turned off."""
from client import Client
from flow import Flow
from upstream import Upstream


class Documented(Flow):
    settings = {"limits.enabled": "yes"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.upstream = Upstream()
        cls.addClassCleanup(cls.upstream.close)

    def pair(self):
        source = self.api.register()
        target = self.api.register(endpoint_url=self.upstream.url())
        self.api.beat(target)
        path = "/api/proxy/" + self.api.connect(source, target)["id"]
        return source, self.api.with_credential(source["token"]), path

    def until_refused(self, call, most):
        for n in range(most + 1):
            reply = call()
            if reply.status == 429:
                self.refused(reply, 429, "RATE_LIMITED")
                self.assertTrue(1 <= int(reply.header("Retry-After")) <= 60)
                return n
            self.assertEqual(reply.status, 200, reply)
        return None

    def test_the_81st_call_of_a_minute_is_refused_and_heartbeats_go_on(self):
        source, own, path = self.pair()
        before = len(self.upstream.requests)
        self.assertEqual(self.until_refused(lambda: own.post(path, {}), 100), 80)
        self.assertEqual(len(self.upstream.requests), before + 80)
        heartbeat = "/api/agents/%s/heartbeat" % source["id"]
        self.assertEqual(own.post(heartbeat).status, 200)
        self.assertEqual(own.get("/api/agents/me").status, 200)
        self.assertEqual(self.until_refused(lambda: own.post(heartbeat), 150), 119)
        other, own, path = self.pair()
        self.assertEqual(own.post(path, {}).status, 200)

    def test_reading_oneself_has_a_limit_of_its_own(self):
        own = self.api.with_credential(self.api.register()["token"])
        self.assertEqual(self.until_refused(lambda: own.get("/api/agents/me"), 80), 60)


class Small(Flow):
    settings = {
        "limits.enabled": "yes",
        "limits.owner": "20",
        "limits.bad_token": "10",
        "limits.account_least": "12",
        "limits.account_per_agent": "0",
    }

    def test_limits_per_key_per_organization_and_of_bad_credentials(self):
        upstream = Upstream()
        self.addCleanup(upstream.close)
        callers = [self.api.register() for _ in range(2)]
        target = self.api.register(endpoint_url=upstream.url())
        self.api.beat(target)
        paths = [(c, "/api/proxy/" + self.api.connect(c, target)["id"]) for c in callers]
        statuses = []
        for n in range(14):
            caller, path = paths[n % 2]
            statuses.append(self.api.with_credential(caller["token"]).post(path, {}).status)
        self.assertEqual(statuses, [200] * 12 + [429] * 2)
        statuses = [self.api.get("/api/agents").status for _ in range(25)]
        self.assertEqual(set(statuses), {200, 429})
        self.refused(self.api.get("/api/agents"), 429, "RATE_LIMITED")
        wrong = Client(self.daemon, "rk_" + "0" * 64)
        statuses = [wrong.get("/api/agents").status for _ in range(14)]
        self.assertEqual(statuses[:10], [401] * 10)
        self.assertEqual(statuses[-1], 429)


class Off(Flow):
    settings = {"limits.enabled": "no"}

    def test_limits_can_be_turned_off(self):
        agent = self.api.register()
        for _ in range(200):
            self.assertEqual(self.api.beat(agent).status, 200)
        for _ in range(200):
            self.assertEqual(self.api.get("/api/agents?limit=1").status, 200)
