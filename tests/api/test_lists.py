"""Lists: their shape, versions, selectors, pages."""

import base64
import json
import unittest
from urllib.parse import quote

from client import EVENTS, PODS, ApiTest, event


def names(answer):
    return [o["metadata"]["name"] for o in answer.json["items"]]


class Lists(ApiTest):
    def test_shape(self):
        empty = self.api.get(PODS)
        self.assertEqual(empty.status, 200)
        self.assertEqual(list(empty.json), ["kind", "apiVersion", "metadata", "items"])
        self.assertEqual((empty.json["kind"], empty.json["items"]), ("PodList", []))
        self.make("b")
        self.make("a")
        one = self.api.get(PODS).json
        self.assertEqual([p["metadata"]["name"] for p in one["items"]], ["a", "b"])
        self.assertNotIn("kind", one["items"][0])
        self.assertNotIn("apiVersion", one["items"][0])
        self.assertEqual(one["metadata"], {"resourceVersion": self.version()})
        self.assertEqual(self.api.get(EVENTS).json["kind"], "EventList")

    def test_all_namespaces(self):
        for ns, name in (("b", "x"), ("a", "y"), ("a", "x")):
            made = self.api.post(
                "/api/v1/namespaces/%s/pods" % ns,
                {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
            )
            self.assertEqual(made.status, 201)
        listed = self.api.get("/api/v1/pods").json["items"]
        keys = [(p["metadata"]["namespace"], p["metadata"]["name"]) for p in listed]
        self.assertEqual(keys, [("a", "x"), ("a", "y"), ("b", "x")])
        self.assertEqual(names(self.api.get("/api/v1/namespaces/zz/pods")), [])
        for ns in ("a", "b"):
            self.api.delete("/api/v1/namespaces/%s/pods?gracePeriodSeconds=0" % ns)

    def test_versions(self):
        self.make("a")
        now = int(self.version())
        for rv in ("", "0", "1", str(now)):
            self.assertEqual(names(self.api.get(PODS + "?resourceVersion=" + rv)), ["a"])
        self.refused(
            self.api.get(PODS + "?resourceVersion=x"),
            400,
            "BadRequest",
            'invalid resource version: strconv.ParseUint: parsing "x": invalid syntax',
        )
        for path in (PODS, PODS + "/a"):
            answer = self.api.get(path + "?resourceVersion=%d" % (now + 5))
            details = self.refused(
                answer, 504, "Timeout", "Timeout: Too large resource version: %d, current: %d" % (now + 5, now)
            )
            self.assertEqual(
                details,
                {
                    "causes": [
                        {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
                    ],
                    "retryAfterSeconds": 1,
                },
            )
            self.assertEqual(answer.header("retry-after"), "1")

    def test_version_match(self):
        self.make("a")
        now = self.version()
        exact = PODS + "?resourceVersionMatch=Exact&resourceVersion="
        self.assertEqual(self.api.get(exact + now).json["metadata"]["resourceVersion"], now)
        self.make("b")
        self.refused(
            self.api.get(exact + now),
            410,
            "Expired",
            "The resourceVersion for the provided list is too old.",
        )
        self.assertEqual(
            names(self.api.get(PODS + "?resourceVersionMatch=NotOlderThan&resourceVersion=" + now)), ["a", "b"]
        )
        for query in (
            "resourceVersionMatch=Exact",
            "resourceVersionMatch=Exact&resourceVersion=0",
            "resourceVersionMatch=Some&resourceVersion=1",
            "sendInitialEvents=true",
        ):
            details = self.refused(self.api.get(PODS + "?" + query), 422, "Invalid")
            self.assertEqual((details["kind"], details["group"]), ("ListOptions", "meta.k8s.io"))

    def test_label_selectors(self):
        for name, labels in (("a", {"app": "x", "n": "1"}), ("b", {"app": "y"}), ("c", {"n": "3"})):
            self.make(name, labels)
        for selector, found in (
            ("app=x", ["a"]),
            ("app==x", ["a"]),
            ("app!=x", ["b", "c"]),
            ("app", ["a", "b"]),
            ("!app", ["c"]),
            ("app in (x, y)", ["a", "b"]),
            ("app notin (x)", ["b", "c"]),
            ("n>1", ["c"]),
            ("app,n", ["a"]),
            ("", ["a", "b", "c"]),
        ):
            self.assertEqual(names(self.api.get(PODS + "?labelSelector=" + quote(selector))), found, selector)
        self.refused(
            self.api.get(PODS + "?labelSelector=" + quote("app in x")),
            400,
            "BadRequest",
            "unable to parse requirement: found 'x' expected: '('",
        )
        self.refused(self.api.get(PODS + "?labelSelector=" + quote("=x")), 400, "BadRequest")

    def test_pod_fields(self):
        self.make("a", restartPolicy="Never")
        self.make("b")
        running = {"phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}]}
        self.api.post("/apis/carpel/v1/status?name=b", running)
        for selector, found in (
            ("metadata.name=a", ["a"]),
            ("metadata.namespace=default", ["a", "b"]),
            ("metadata.namespace!=default", []),
            ("status.phase=Running", ["b"]),
            ("status.phase==Pending", ["a"]),
            ("status.phase!=Pending,metadata.name=b", ["b"]),
            ("status.podIP=10.0.0.7", ["b"]),
            ("status.podIP=", ["a"]),
            ("spec.nodeName=node1", ["a", "b"]),
            ("spec.nodeName=other", []),
            ("spec.restartPolicy=Never", ["a"]),
            ("spec.schedulerName=default-scheduler", ["a", "b"]),
            ("spec.serviceAccountName=", ["a", "b"]),
            ("spec.hostNetwork=false", ["a", "b"]),
            ("status.nominatedNodeName=", ["a", "b"]),
        ):
            self.assertEqual(names(self.api.get(PODS + "?fieldSelector=" + quote(selector))), found, selector)
        self.refused(
            self.api.get(PODS + "?fieldSelector=spec.foo%3Dx"),
            400,
            "BadRequest",
            "field label not supported: spec.foo",
        )
        self.refused(
            self.api.get(PODS + "?fieldSelector=foo"),
            400,
            "BadRequest",
            "invalid selector: 'foo'; can't understand 'foo'",
        )

    def test_event_fields(self):
        self.api.post(EVENTS, event("e1", "p", reason="Started", source={"component": "carpeld"}))
        self.api.post(EVENTS, event("e2", "q", reason="Failed", type="Warning", reportingComponent="other"))
        for selector, found in (
            ("involvedObject.name=p", ["e1"]),
            ("involvedObject.kind=Pod", ["e1", "e2"]),
            ("involvedObject.namespace=default,involvedObject.name=q", ["e2"]),
            ("involvedObject.uid=", ["e1", "e2"]),
            ("reason=Failed", ["e2"]),
            ("type!=Warning", ["e1"]),
            ("source=carpeld", ["e1"]),
            ("reportingComponent=other", ["e2"]),
            ("metadata.name=e2", ["e2"]),
        ):
            self.assertEqual(names(self.api.get(EVENTS + "?fieldSelector=" + quote(selector))), found, selector)
        self.refused(self.api.get(EVENTS + "?fieldSelector=message%3Dx"), 400, "BadRequest")


class Pages(ApiTest):
    def setUp(self):
        super().setUp()
        for i in range(7):
            self.make("p%d" % i, {"odd": str(i % 2)})

    def pages(self, query):
        found, sizes, token = [], [], ""
        while True:
            page = self.api.get(PODS + "?" + query + (token and "&continue=" + quote(token)))
            self.assertEqual(page.status, 200, page.body)
            found += names(page)
            sizes.append((len(page.json["items"]), page.json["metadata"].get("remainingItemCount")))
            token = page.json["metadata"].get("continue", "")
            if not token:
                return found, sizes

    def test_pages(self):
        everything = ["p%d" % i for i in range(7)]
        self.assertEqual(self.pages("limit=3"), (everything, [(3, 4), (3, 1), (1, None)]))
        self.assertEqual(self.pages("limit=7"), (everything, [(7, None)]))
        for limit in ("0", "-1", "500"):
            self.assertEqual(self.pages("limit=" + limit)[1], [(7, None)])
        # With a selector the rest is not counted; "any state" comes in one piece.
        self.assertEqual(
            self.pages("limit=2&labelSelector=odd%3D1"), (["p1", "p3", "p5"], [(2, None), (1, None)])
        )
        self.assertEqual(self.pages("limit=2&resourceVersion=0")[1], [(7, None)])

    def test_later_pages_show_the_first_state(self):
        first = self.api.get(PODS + "?limit=3").json
        self.api.delete(PODS + "/p5?gracePeriodSeconds=0")
        self.make("p55")
        rest = self.api.get(PODS + "?limit=9&continue=" + quote(first["metadata"]["continue"]))
        self.assertEqual(names(rest), ["p3", "p4", "p5", "p6"])
        self.assertEqual(rest.json["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"])

    def test_expired_token(self):
        first = self.api.get(PODS + "?limit=3").json
        for i in range(17):  # more states than are kept
            self.make("q%d" % i)
            self.api.get(PODS + "?limit=1")
        old = self.api.get(PODS + "?continue=" + quote(first["metadata"]["continue"]))
        self.assertEqual((old.status, old.json["reason"]), (410, "Expired"))
        self.assertIn("The provided continue parameter is too old", old.json["message"])
        now = self.api.get(PODS + "?limit=2&continue=" + quote(old.json["metadata"]["continue"]))
        self.assertEqual(names(now), ["p3", "p4"])

    def test_bad_tokens(self):
        for token in ("x!", "e30", base64.urlsafe_b64encode(b'{"v":"other","rv":1,"start":"a/b"}').decode()):
            answer = self.api.get(PODS + "?continue=" + quote(token))
            self.refused(answer, 400, "BadRequest")
            self.assertTrue(answer.json["message"].startswith("invalid continue token: "))
        token = self.api.get(PODS + "?limit=1").json["metadata"]["continue"]
        self.refused(
            self.api.get(PODS + "?resourceVersion=1&continue=" + quote(token)),
            400,
            "BadRequest",
            "specifying resource version is not allowed when using continue",
        )
        self.refused(
            self.api.get(PODS + "?limit=abc"),
            400,
            "BadRequest",
            'strconv.ParseInt: parsing "abc": invalid syntax',
        )

    def test_a_long_list_in_pieces(self):
        """Longer than any window or frame; pretty, too."""
        blob = "x" * 20000
        for i in range(7):
            self.api.patch(PODS + "/p%d" % i, {"metadata": {"annotations": {"blob": blob}}})
        for query in ("", "?pretty=1"):
            self.assertEqual(
                [p["metadata"]["annotations"]["blob"] == blob for p in self.api.get(PODS + query).json["items"]],
                [True] * 7,
            )
        self.assertGreater(len(json.dumps(self.api.get(PODS).json)), 7 * 20000)


if __name__ == "__main__":
    unittest.main()
