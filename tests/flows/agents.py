"""Reading, listing, editing and ending agents; scopes; and what belongs to somebody else."""
import uuid

from client import Client
from flow import Flow, Together, same_but
from rosterd import organization

ACTIONS = ("rotate-token", "revoke", "archive", "restore")


class Listing(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.made = [
            cls.api.register(
                "list %02d%s" % (n, " needle" if n % 3 == 0 else ""),
                capabilities={"task_categories": ["even" if n % 2 == 0 else "odd"]},
            )
            for n in range(12)
        ]

    def walk(self, target):
        """All pages of a list, by its cursors."""
        found, pages = [], 0
        while target:
            page = self.api.get(target)
            self.assertEqual(page.status, 200, page)
            found += page.json["data"]
            pages += 1
            link = page.header("Link")
            self.assertEqual(page.json["has_more"], page.json["next"] is not None)
            self.assertEqual(page.json["has_more"], link is not None and 'rel="next"' in link, page)
            self.assertLess(pages, 100)
            target = link[link.index("<") + 1 : link.index(">")] if page.json["has_more"] else None
            if target and target.startswith("http"):
                target = "/" + target.split("/", 3)[3]
        return found, pages

    def test_pages_give_every_agent_once_newest_first(self):
        found, pages = self.walk("/api/agents?limit=5")
        ids = [a["id"] for a in found]
        self.assertEqual(ids, [a["id"] for a in reversed(self.made)])
        self.assertEqual(pages, 3)

    def test_the_next_cursor_stands_in_the_body_too(self):
        first = self.api.get("/api/agents?limit=4").json
        second = self.api.get("/api/agents?limit=4&cursor=" + first["next"]).json
        self.assertFalse({a["id"] for a in first["data"]} & {a["id"] for a in second["data"]})

    def test_a_new_agent_does_not_shift_the_pages(self):
        first = self.api.get("/api/agents?limit=4").json
        extra = self.api.register("list extra")
        rest, _ = self.walk("/api/agents?limit=4&cursor=" + first["next"])
        self.assertEqual(len(rest), 8)
        self.assertEqual(self.api.delete("/api/agents/" + extra["id"]).status, 204)

    def test_the_filter_keeps_over_the_pages(self):
        found, pages = self.walk("/api/agents?limit=2&q=needle")
        self.assertEqual(len(found), 4)
        self.assertGreaterEqual(pages, 2)
        self.assertTrue(all("needle" in a["name"] for a in found))

    def test_search_finds_names_and_ids(self):
        one = self.made[3]
        for q in (one["permanent_id"], one["id"], "LIST%2003", "needle"):
            names = [a["id"] for a in self.api.get("/api/agents?q=" + q).json["data"]]
            self.assertIn(one["id"], names, q)
        for q in ("%25", "_", "nothing%20such"):
            self.assertEqual(self.api.get("/api/agents?q=" + q).json["data"], [], q)

    def test_agents_are_found_by_category_and_status(self):
        found = self.api.get("/api/agents?task_category=even").json["data"]
        self.assertEqual(len(found), 6)
        agent = self.made[0]
        self.api.beat(agent)
        found = self.api.get("/api/agents?status=online").json["data"]
        self.assertEqual([a["id"] for a in found], [agent["id"]])
        self.assertEqual(len(self.api.get("/api/agents?status=offline").json["data"]), 11)

    def test_each_bad_parameter_is_named(self):
        for query, field in (
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("limit=99999", "limit"),
            ("limit=-1", "limit"),
            ("limit=5&limit=6", "limit"),
            ("cursor=broken", "cursor"),
            ("cursor=%F0%9F", "cursor"),
            ("status=busy", "status"),
            ("colour=red", "colour"),
        ):
            with self.subTest(query=query):
                self.assertEqual(self.api.get("/api/agents?" + query).status, 400)
                if "%F0" not in query:
                    self.refused(
                        self.api.get("/api/agents?" + query), 400, "VALIDATION_ERROR", field
                    )


class Editing(Flow):
    def test_an_agent_is_found_by_either_id(self):
        agent = self.api.register()
        by_id = self.api.get("/api/agents/" + agent["id"])
        by_permanent = self.api.get("/api/agents/" + agent["permanent_id"])
        by_upper = self.api.get("/api/agents/" + agent["id"].upper())
        self.assertEqual(by_id.json, by_permanent.json)
        self.assertEqual(by_id.json, by_upper.json)
        self.assertEqual(by_id.header("ETag"), by_permanent.header("ETag"))

    def test_head_answers_as_get_without_a_body(self):
        agent = self.api.register()
        head = self.api.call("HEAD", "/api/agents/" + agent["id"])
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(
            head.header("ETag"), self.api.get("/api/agents/" + agent["id"]).header("ETag")
        )

    def test_what_has_not_changed_is_not_sent_again(self):
        target = "/api/agents/" + self.api.register()["id"]
        tag = self.api.get(target).header("ETag")
        self.assertRegex(tag, '^"[^"]+"$')
        reply = self.api.get(target, headers={"If-None-Match": tag})
        self.assertEqual((reply.status, reply.body), (304, b""))
        self.assertEqual(reply.header("ETag"), tag)
        self.assertEqual(self.api.get(target, headers={"If-None-Match": '"other"'}).status, 200)
        self.assertEqual(
            self.api.get(target, headers={"If-None-Match": '"other", ' + tag}).status, 304
        )

    def test_a_change_of_presence_changes_what_if_none_match_sees(self):
        agent = self.api.register()
        target = "/api/agents/" + agent["id"]
        tag = self.api.get(target).header("ETag")
        self.api.beat(agent)
        reply = self.api.get(target, headers={"If-None-Match": tag})
        if reply.status == 304:
            self.fail("the answer says 304, but status went from offline to online")

    def test_only_the_members_given_change(self):
        agent = self.api.register(license="MIT", languages=["en"], metadata={"a": 1})
        target = "/api/agents/" + agent["id"]
        reply = self.api.patch(target, {"version": "2.0"})
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json["version"], "2.0")
        self.assertTrue(same_but(reply.json, agent, "version", "updated_at", "token"))
        self.assertEqual(self.api.get(target).json, reply.json)
        self.assertGreater(reply.json["updated_at"], agent["updated_at"])

    def test_null_clears_a_member(self):
        agent = self.api.register(
            license="MIT",
            endpoint_url="http://127.0.0.1:9/",
            endpoint_api_key="CANARY-gone",
            languages=["en"],
        )
        reply = self.api.patch(
            "/api/agents/" + agent["id"],
            {"license": None, "endpoint_url": None, "endpoint_api_key": None},
        )
        self.assertEqual(reply.status, 200, reply)
        self.assertIsNone(reply.json["license"])
        self.assertIsNone(reply.json["endpoint_url"])
        self.assertFalse(reply.json["endpoint_key_set"])
        self.assertEqual(reply.json["languages"], ["en"])

    def test_a_patch_without_the_key_keeps_the_key(self):
        agent = self.api.register(
            endpoint_url="http://127.0.0.1:9/", endpoint_api_key="CANARY-stays"
        )
        reply = self.api.patch("/api/agents/" + agent["id"], {"name": "renamed"})
        self.assertTrue(reply.json["endpoint_key_set"])
        self.assertEqual(reply.json["permanent_id"], agent["permanent_id"])

    def test_each_bad_patch_is_named_and_changes_nothing(self):
        agent = self.api.register()
        target = "/api/agents/" + agent["id"]
        before = self.api.get(target)
        for body, field in (
            ({"name": None}, "name"),
            ({"name": ""}, "name"),
            ({"nmae": 1}, "nmae"),
            ({"license": "Nope"}, "license"),
            ({"endpoint_url": "x"}, "endpoint_url"),
            ({"permanent_id": "agt-00000000"}, "permanent_id"),
            ({"status": "online"}, "status"),
            ({"token": "tk_"}, "token"),
            ({"fallback_agent_id": agent["id"]}, "fallback_agent_id"),
            ({"name": "fine", "version": 5}, "version"),
        ):
            with self.subTest(body=body):
                self.refused(self.api.patch(target, body), 400, "VALIDATION_ERROR", field)
        for raw in (b"", b"[]", b"null", b'{"name": "a", "name": "b"}'):
            with self.subTest(raw=raw):
                self.assertEqual(self.api.patch(target, raw=raw).status, 400)
        self.assertEqual(self.api.get(target).json, before.json)

    def test_a_stale_if_match_is_refused(self):
        agent = self.api.register()
        target = "/api/agents/" + agent["id"]
        tag = self.api.get(target).header("ETag")
        fresh = self.api.patch(target, {"version": "2"}, headers={"If-Match": tag})
        self.assertEqual(fresh.status, 200)
        self.assertNotEqual(fresh.header("ETag"), tag)
        stale = {"If-Match": tag}
        self.refused(
            self.api.patch(target, {"version": "3"}, headers=stale), 412, "PRECONDITION_FAILED"
        )
        self.refused(self.api.delete(target, headers=stale), 412, "PRECONDITION_FAILED")
        for action in ACTIONS:
            self.refused(
                self.api.post(target + "/" + action, headers=stale), 412, "PRECONDITION_FAILED"
            )
        self.assertEqual(self.api.get(target).json["version"], "2")
        fresh = self.api.patch(target, {}, headers={"If-Match": "*"})
        self.assertEqual(fresh.status, 200)
        self.assertEqual(
            self.api.delete(target, headers={"If-Match": fresh.header("ETag")}).status, 204
        )

    def test_of_many_edits_with_one_etag_one_wins(self):
        target = "/api/agents/" + self.api.register()["id"]
        tag = self.api.get(target).header("ETag")
        edit = (
            lambda: Client(self.daemon)
            .patch(target, {"version": uuid.uuid4().hex}, headers={"If-Match": tag})
            .status
        )
        results = Together(*[edit] * 8).wait()
        self.assertEqual(sorted(results), [200] + [412] * 7)


class Life(Flow):
    def setUp(self):
        self.agent = self.api.register()
        self.target = "/api/agents/" + self.agent["id"]

    def me(self, token=None):
        return self.api.with_credential(token or self.agent["token"]).get("/api/agents/me")

    def test_a_rotated_token_replaces_the_old_one_at_once(self):
        self.assertEqual(self.me().status, 200)
        reply = self.api.post(self.target + "/rotate-token")
        self.assertEqual(reply.status, 200, reply)
        fresh = reply.json["token"]
        self.assertRegex(fresh, "^tk_[0-9a-f]{64}$")
        self.assertNotEqual(fresh, self.agent["token"])
        self.assertEqual(reply.json["permanent_id"], self.agent["permanent_id"])
        self.refused(self.me(), 401, "UNAUTHORIZED")
        self.assertEqual(self.me(fresh).status, 200)

    def test_a_revoked_agent_stays_revoked(self):
        self.api.beat(self.agent)
        reply = self.api.post(self.target + "/revoke")
        self.assertEqual(reply.status, 200)
        self.assertEqual((reply.json["is_revoked"], reply.json["status"]), (True, "offline"))
        self.assertEqual(self.api.post(self.target + "/revoke").status, 200)
        said = self.refused(self.me(), 401, "AGENT_REVOKED")
        self.assertIn("revoked", said["error"].lower())
        for action in ("archive", "restore", "rotate-token"):
            self.refused(self.api.post(self.target + "/" + action), 409, "AGENT_STATE")
        self.assertEqual(self.api.get(self.target).json["is_revoked"], True)

    def test_an_archived_agent_can_be_restored_with_the_same_ids(self):
        self.api.beat(self.agent)
        reply = self.api.post(self.target + "/archive")
        self.assertEqual((reply.status, reply.json["is_archived"]), (200, True))
        self.assertEqual(self.api.post(self.target + "/archive").status, 200)
        said = self.refused(self.me(), 401, "AGENT_ARCHIVED")
        self.assertIn("archived", said["error"].lower())
        back = self.api.post(self.target + "/restore")
        self.assertEqual((back.status, back.json["is_archived"]), (200, False))
        self.assertEqual(back.json["permanent_id"], self.agent["permanent_id"])
        self.assertEqual(self.me().status, 200)
        self.assertEqual(self.api.post(self.target + "/restore").status, 200)

    def test_an_auto_disabled_agent_is_told_so(self):
        agent = self.api.register()
        self.daemon.psql("UPDATE agents SET life = 3 WHERE id = '%s'" % agent["id"])
        said = self.refused(self.me(agent["token"]), 403, "AGENT_DISABLED")
        self.assertIn("auto-disabled", said["error"].lower())

    def test_a_deleted_agent_is_gone_with_its_token_and_connections(self):
        other = self.api.register()
        connection = self.api.connect(self.agent, other)
        gone = self.api.delete(self.target)
        self.assertEqual((gone.status, gone.body), (204, b""))
        self.refused(self.api.get(self.target), 404, "AGENT_NOT_FOUND")
        self.refused(self.api.delete(self.target), 404, "AGENT_NOT_FOUND")
        self.refused(self.me(), 401, "UNAUTHORIZED")
        self.refused(
            self.api.get("/api/connections/" + connection["id"]), 404, "CONNECTION_NOT_FOUND"
        )

    def test_a_restart_forgets_nothing(self):
        self.api.post(self.target + "/archive")
        before = self.api.get(self.target).json
        self.api.close()
        self.daemon.stop()
        self.daemon.start()
        type(self).api = Client(self.daemon)
        self.assertEqual(self.api.get(self.target).json, before)


class Strangers(Flow):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.api.register("mine")
        cls.other_agent = cls.api.register("mine too")
        cls.connection = cls.api.connect(cls.agent, cls.other_agent)
        cls.stranger = Client(cls.daemon, organization(cls.daemon, "others"))

    def test_a_foreign_agent_answers_as_one_that_does_not_exist(self):
        random = str(uuid.uuid4())
        for foreign in (self.agent["id"], self.agent["permanent_id"]):
            for method, end, body in [
                ("GET", "", None),
                ("PATCH", "", {"name": "x"}),
                ("DELETE", "", None),
            ] + [("POST", "/" + a, None) for a in ACTIONS]:
                with self.subTest(method=method, end=end, id=foreign):
                    seen = self.stranger.call(method, "/api/agents/" + foreign + end, body)
                    none = self.stranger.call(method, "/api/agents/" + random + end, body)
                    self.refused(seen, 404, "AGENT_NOT_FOUND")
                    self.assertTrue(same_but(seen.json, none.json, "request_id"), (seen, none))
        self.assertEqual(self.api.get("/api/agents/" + self.agent["id"]).json["name"], "mine")

    def test_foreign_connections_and_lists_show_nothing(self):
        target = "/api/connections/" + self.connection["id"]
        self.refused(self.stranger.get(target), 404, "CONNECTION_NOT_FOUND")
        self.refused(self.stranger.delete(target), 404, "CONNECTION_NOT_FOUND")
        for target in (
            "/api/agents",
            "/api/connections",
            "/api/calls",
            "/api/status-transitions",
            "/api/agents?q=" + self.agent["permanent_id"],
            "/api/status-transitions?agent_id=" + self.agent["id"],
        ):
            reply = self.stranger.get(target)
            if reply.status == 200:
                for mine in (self.agent, self.other_agent, self.connection):
                    self.assertNotIn(mine["id"], reply.body.decode(), target)
            else:
                self.assertIn(reply.status, (400, 404), target)

    def test_a_foreign_agent_cannot_be_connected_to_nor_be_a_fallback(self):
        own = self.stranger.register()
        for source, target, field in (
            (own, self.agent, "target_agent_id"),
            (self.agent, own, "source_agent_id"),
        ):
            reply = self.stranger.post(
                "/api/connections",
                {
                    "source_agent_id": source["id"],
                    "target_agent_id": target["id"],
                    "group_name": "g",
                },
            )
            self.refused(reply, 400, "VALIDATION_ERROR", field)
        reply = self.stranger.post(
            "/api/agents", {"name": "x", "fallback_agent_id": self.agent["id"]}
        )
        self.refused(reply, 400, "VALIDATION_ERROR", "fallback_agent_id")

    def test_a_foreign_token_cannot_use_a_connection(self):
        own = self.stranger.register()
        reply = self.stranger.with_credential(own["token"]).post(
            "/api/proxy/" + self.connection["id"], {}
        )
        self.assertIn((reply.status, reply.code), ((404, "CONNECTION_NOT_FOUND"),))

    def test_method_override_headers_are_ignored(self):
        reply = self.api.get(
            "/api/agents/" + self.agent["id"],
            headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"},
        )
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.api.get("/api/agents/" + self.agent["id"]).status, 200)


class Scopes(Flow):
    def key(self, scope):
        return Client(
            self.daemon,
            self.daemon.run("key", "create", "--org", self.slug(), "--scope", scope).strip(),
        )

    def slug(self):
        return self.daemon.psql(
            "SELECT slug FROM organizations WHERE id = '%s'" % self.daemon.ready["organization_id"]
        )[0][0]

    def test_a_reader_may_not_write(self):
        reader, agent = self.key("agents:read"), self.api.register()
        target = "/api/agents/" + agent["id"]
        self.assertEqual(reader.get(target).status, 200)
        self.assertEqual(reader.get("/api/agents").status, 200)
        before = self.agents_stored()
        said = self.refused(reader.post("/api/agents", {"name": "x"}), 403, "INSUFFICIENT_SCOPE")
        self.assertIn("agents:write", str(said))
        self.refused(reader.patch(target, {"name": "x"}), 403, "INSUFFICIENT_SCOPE")
        self.refused(reader.delete(target), 403, "INSUFFICIENT_SCOPE")
        for action in ACTIONS:
            self.refused(reader.post(target + "/" + action), 403, "INSUFFICIENT_SCOPE")
        self.assertEqual(self.agents_stored(), before)

    def test_a_key_without_a_fitting_scope_may_nothing(self):
        nobody = self.key("openid")
        for target in ("/api/agents", "/api/connections", "/api/calls", "/api/status-transitions"):
            self.refused(nobody.get(target), 403, "INSUFFICIENT_SCOPE")

    def test_a_wrong_credential_says_which_kind_is_wanted(self):
        agent = self.api.register()
        said = self.refused(
            self.api.with_credential(agent["token"]).get("/api/agents"), 401, "WRONG_CREDENTIAL"
        )
        self.assertIn("rk_", said["error"])
        reply = self.api.with_credential(None).get("/api/agents")
        self.refused(reply, 401, "UNAUTHORIZED")
        self.assertIn("Bearer", reply.header("WWW-Authenticate") or "")
        for bad in ("rk_" + "0" * 64, "rk_short", "RK_" + "0" * 64, "nonsense", "rk_" + "A" * 64):
            with self.subTest(bad=bad):
                self.assertEqual(self.api.with_credential(bad).get("/api/agents").status, 401)
        for header in ("Basic abc", "Bearer", "Bearer ", self.daemon.key, "Bearer  x  y"):
            with self.subTest(header=header):
                reply = self.api.get("/api/agents", headers={"Authorization": header})
                self.assertEqual(reply.status, 401)

    def test_a_credential_in_the_query_does_not_count(self):
        for name in ("access_token", "token", "api_key"):
            reply = self.api.with_credential(None).get(
                "/api/agents?%s=%s" % (name, self.daemon.key)
            )
            self.assertIn(reply.status, (400, 401))

    def test_the_key_command_prints_the_key_alone_and_refuses_unknown_words(self):
        key = self.daemon.run("key", "create", "--org", self.slug(), "--scope", "agents:read")
        self.assertRegex(key, "^rk_[0-9a-f]{64}\n$")
        with self.assertRaises(AssertionError):
            self.daemon.run("key", "create", "--org", "nobody", "--scope", "agents:read")
        with self.assertRaises(AssertionError):
            self.daemon.run("key", "create", "--org", self.slug(), "--scope", "agents:fly")
