"""Watches: where they begin, what they tell, how they end; no gap and no repeat."""

import json
import subprocess
import unittest
from urllib.parse import quote

from client import EVENTS, LIMIT_S, PODS, ApiTest, Watch, event

WATCH = PODS + "?watch=1"
INITIAL = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


class Watches(ApiTest):
    def setUp(self):
        super().setUp()
        self.make("a", {"app": "x"})

    def label(self, name, **labels):
        return self.api.patch(PODS + "/" + name, {"metadata": {"labels": labels}}).json

    def remove(self, name):
        self.assertEqual(self.api.delete(PODS + "/%s?gracePeriodSeconds=0" % name).status, 200)

    def test_head_comes_at_once(self):
        watch = self.watch(WATCH + "&resourceVersion=" + self.version())
        head = watch.head()
        self.assertEqual((head.status, head.header("content-type")), (200, "application/json"))
        self.assertTrue(watch.is_silent())

    def test_exact_version(self):
        before = self.version()
        made = self.make("b")
        watch = self.watch(WATCH + "&resourceVersion=" + before)
        (added,) = watch.expect(("ADDED", "b"))
        self.assertEqual(added["object"], made)
        self.assertEqual((added["object"]["kind"], added["object"]["apiVersion"]), ("Pod", "v1"))
        changed = self.label("b", k="v")
        (modified,) = watch.expect(("MODIFIED", "b"))
        self.assertEqual(modified["object"], changed)
        self.remove("b")
        (deleted,) = watch.expect(("DELETED", "b"))
        self.assertEqual(deleted["object"]["metadata"]["labels"], {"k": "v"})
        self.assertGreater(
            int(deleted["object"]["metadata"]["resourceVersion"]), int(changed["metadata"]["resourceVersion"])
        )
        self.assertEqual(deleted["object"]["metadata"]["resourceVersion"], self.version())
        self.assertTrue(watch.is_silent())

    def test_begins_with_what_there_is(self):
        self.make("0")
        for query in ("", "&resourceVersion=0", "&resourceVersion="):
            watch = self.watch(WATCH + query)
            watch.expect(("ADDED", "0"), ("ADDED", "a"))
            self.assertTrue(watch.is_silent())
            self.label("a", query=str(len(query)))
            watch.expect(("MODIFIED", "a"))
            watch.cancel()

    def test_initial_events(self):
        watch = self.watch(WATCH + INITIAL)
        watch.expect(("ADDED", "a"))
        bookmark = watch.next()
        self.assertEqual(bookmark["type"], "BOOKMARK")
        self.assertEqual(
            bookmark["object"],
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {
                    "resourceVersion": self.version(),
                    "annotations": {"k8s.io/initial-events-end": "true"},
                },
                "spec": {"containers": None},
                "status": {},
            },
        )
        self.make("b")
        watch.expect(("ADDED", "b"))
        # The reference does so without being asked, too.
        watch = self.watch(WATCH + "&allowWatchBookmarks=1")
        watch.expect(("ADDED", "a"), ("ADDED", "b"))
        self.assertIn("k8s.io/initial-events-end", watch.next()["object"]["metadata"]["annotations"])
        # With a version: what there is now, which is at least as new.
        watch = self.watch(WATCH + INITIAL + "&resourceVersion=1")
        watch.expect(("ADDED", "a"), ("ADDED", "b"))
        self.assertEqual(watch.next()["type"], "BOOKMARK")

    def test_no_initial_events(self):
        watch = self.watch(WATCH + "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
        watch.head()
        self.assertTrue(watch.is_silent())
        self.make("b")
        watch.expect(("ADDED", "b"))

    def test_wrong_options(self):
        for query in (
            "&sendInitialEvents=true",
            "&sendInitialEvents=true&resourceVersionMatch=Exact",
            "&resourceVersionMatch=NotOlderThan",
        ):
            details = self.refused(self.api.get(WATCH + query), 422, "Invalid")
            self.assertEqual((details["kind"], details["group"]), ("ListOptions", "meta.k8s.io"))
        self.refused(self.api.get(WATCH + "&timeoutSeconds=x"), 400, "BadRequest")
        self.refused(self.api.get(WATCH + "&resourceVersion=x"), 400, "BadRequest")
        self.refused(self.api.get(WATCH + "&fieldSelector=zz%3D1"), 400, "BadRequest")

    def test_timeout_and_bookmarks(self):
        version = self.version()
        # A change of another kind moves the version that the bookmark tells, and nothing else.
        self.api.post(EVENTS, event("e"))
        watch = self.watch(WATCH + "&timeoutSeconds=1&resourceVersion=" + version)
        with_bookmarks = Watch(self.api, WATCH + "&timeoutSeconds=3&allowWatchBookmarks=true&resourceVersion=" + version)
        self.assertIsNone(watch.next())
        bookmark = with_bookmarks.next()
        self.assertEqual(bookmark["type"], "BOOKMARK")
        self.assertNotEqual(self.version(), version)
        self.assertEqual(bookmark["object"]["metadata"], {"resourceVersion": self.version()})
        self.assertIsNone(with_bookmarks.next())

    def test_too_old(self):
        watch = self.watch(WATCH + "&resourceVersion=1")
        error = watch.next()
        self.assertEqual(watch.head().status, 200)
        self.assertEqual(error["type"], "ERROR")
        self.assertEqual(
            {k: error["object"][k] for k in ("kind", "status", "reason", "code")},
            {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410},
        )
        self.assertRegex(error["object"]["message"], r"^too old resource version: 1 \(\d+\)$")
        self.assertIsNone(watch.next())

    def test_from_the_future(self):
        ahead = str(int(self.version()) + 1)
        for query in ("&resourceVersion=" + ahead, INITIAL + "&resourceVersion=" + ahead):
            answer = self.api.get(WATCH + query)
            details = self.refused(answer, 504, "Timeout")
            self.assertEqual(details["causes"][0]["reason"], "ResourceVersionTooLarge")

    def test_selectors(self):
        now = "&resourceVersion=" + self.version()
        selected = Watch(self.api, WATCH + now + "&labelSelector=app%3Dx")
        other = Watch(self.api, WATCH + now + "&labelSelector=app%3Dy")
        named = Watch(self.api, WATCH + now + "&fieldSelector=" + quote("metadata.name=b"))
        self.label("a", note="1")
        selected.expect(("MODIFIED", "a"))
        changed = self.label("a", app="y")
        (left,) = selected.expect(("DELETED", "a"))
        # The old state under the version of the change.
        self.assertEqual(left["object"]["metadata"]["labels"], {"app": "x", "note": "1"})
        self.assertEqual(
            left["object"]["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"]
        )
        (came,) = other.expect(("ADDED", "a"))
        self.assertEqual(came["object"], changed)
        self.label("a", note="2")
        other.expect(("MODIFIED", "a"))
        self.assertTrue(selected.is_silent())
        self.remove("a")
        other.expect(("DELETED", "a"))
        self.make("b")
        named.expect(("ADDED", "b"))
        self.assertTrue(selected.is_silent())

    def test_status_selectors(self):
        watch = self.watch(WATCH + "&resourceVersion=%s&fieldSelector=status.phase%%3DRunning" % self.version())
        self.api.post("/apis/carpel/v1/status?name=a", {"phase": "Running"})
        watch.expect(("ADDED", "a"))
        self.api.post("/apis/carpel/v1/status?name=a", {"phase": "Failed"})
        watch.expect(("DELETED", "a"))

    def test_namespaces(self):
        everywhere = Watch(self.api, "/api/v1/pods?watch=true&resourceVersion=" + self.version())
        here = self.watch(WATCH + "&resourceVersion=" + self.version())
        path = "/api/v1/namespaces/other/pods"
        self.api.post(path, {"metadata": {"name": "o"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
        everywhere.expect(("ADDED", "o"))
        self.api.delete(path + "/o?gracePeriodSeconds=0")
        everywhere.expect(("DELETED", "o"))
        self.assertTrue(here.is_silent())

    def test_graceful_deletion(self):
        watch = self.watch(WATCH + "&resourceVersion=" + self.version())
        self.api.delete(PODS + "/a?gracePeriodSeconds=5")
        (going,) = watch.expect(("MODIFIED", "a"))
        self.assertEqual(going["object"]["metadata"]["deletionGracePeriodSeconds"], 5)
        self.api.post("/apis/carpel/v1/reap", {})
        (gone,) = watch.expect(("DELETED", "a"))
        self.assertIn("deletionTimestamp", gone["object"]["metadata"])

    def test_events(self):
        watch = self.watch(EVENTS + "?watch=1&limit=500" + INITIAL)
        self.assertEqual(watch.next()["object"]["kind"], "Event")
        self.api.post(EVENTS, event("e"))
        watch.expect(("ADDED", "e"))
        self.api.patch(EVENTS + "/e", {"count": 2})
        (changed,) = watch.expect(("MODIFIED", "e"))
        self.assertEqual(changed["object"]["count"], 2)

    def test_unchanged_is_no_event(self):
        watch = self.watch(WATCH + "&resourceVersion=" + self.version())
        self.api.patch(PODS + "/a", {"metadata": {"labels": {"app": "x"}}})
        self.assertTrue(watch.is_silent())


class NoGapNoRepeat(ApiTest):
    def test_every_change_once(self):
        """Watches that begin at every moment of a history, one of them slow, all tell the same."""
        self.make("a")
        start = self.version()
        slow = Watch(self.client(window=65535), WATCH + "&resourceVersion=" + start)
        slow.client.takes = False
        watches = []
        for i in range(60):
            if i % 5 == 0:
                version = self.version()
                watches.append((version, Watch(self.api, WATCH + "&resourceVersion=" + version)))
            self.api.patch(PODS + "/a", {"metadata": {"annotations": {"n": str(i), "fill": "f" * 3000}}})
        history = []
        whole = self.watch(WATCH + "&resourceVersion=" + start)
        for _ in range(60):
            history.append(whole.next()["object"]["metadata"]["resourceVersion"])
        self.assertEqual(history, sorted(set(history), key=int))
        for version, watch in watches:
            after = [v for v in history if int(v) > int(version)]
            self.assertEqual([watch.next()["object"]["metadata"]["resourceVersion"] for _ in after], after)
        # What has come to the slow one was taken out of its window; now it takes the rest.
        slow.client.turn(1)
        slow.client.takes = True
        slow.client.h2.increment_flow_control_window(1 << 20, slow.stream)
        slow.client.h2.increment_flow_control_window(1 << 20)
        self.assertEqual([slow.next()["object"]["metadata"]["resourceVersion"] for _ in history], history)
        self.assertTrue(whole.is_silent())

    def test_who_falls_behind_is_told(self):
        """More changes than are kept, while the client takes nothing: an ERROR, then the end."""
        self.make("a", {"fill": "f" * 60})
        behind = Watch(self.client(window=2000), WATCH + "&resourceVersion=" + self.version())
        behind.client.takes = False
        self.api.post("/apis/carpel/v1/churn?name=a&count=20", {})
        behind.client.wait(lambda: len(behind.answer.body) == 2000)
        self.api.post("/apis/carpel/v1/churn?name=a&count=5000", {})
        behind.client.takes = True
        behind.client.h2.increment_flow_control_window(1 << 24, behind.stream)
        behind.client.h2.increment_flow_control_window(1 << 24)
        events = []
        while (told := behind.next()) is not None:
            events.append(told)
        self.assertEqual({e["type"] for e in events[:-1]}, {"MODIFIED"})
        self.assertEqual((events[-1]["type"], events[-1]["object"]["code"]), ("ERROR", 410))
        # Then it begins anew.
        again = self.watch(WATCH + INITIAL)
        again.expect(("ADDED", "a"))

    def test_many_events_do_not_blind_pod_watchers(self):
        self.make("a")
        version = self.version()
        for i in range(300):
            self.api.post(EVENTS, event("e%d" % i))
        watch = self.watch(WATCH + "&resourceVersion=" + version)
        watch.head()
        self.make("b")
        watch.expect(("ADDED", "b"))


class Stopping(ApiTest):
    def curl(self, path, *args):
        return subprocess.Popen(
            ["curl", "-sS", "-N", "--http2-prior-knowledge", "--unix-socket", self.server.path, *args]
            + ["http://localhost" + path],
            stdout=subprocess.PIPE,
        )

    def test_watches_end_when_the_server_stops(self):
        """By curl, because python3-h2 takes no more data behind a GOAWAY."""
        self.make("a")
        self.api.close()
        watch = self.curl(WATCH)
        self.assertEqual(json.loads(watch.stdout.readline())["type"], "ADDED")
        stop = self.curl("/apis/carpel/v1/stop?grace=10000", "-d", "{}", "-H", "content-type: application/json")
        self.assertEqual(json.loads(stop.communicate(timeout=LIMIT_S)[0]), {})
        self.assertEqual(watch.communicate(timeout=LIMIT_S)[0], b"")
        self.assertEqual((stop.returncode, watch.returncode), (0, 0))  # an end, not a cut
        self.assertEqual(self.server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
