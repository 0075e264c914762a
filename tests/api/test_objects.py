"""Pods and events: create, get, replace, merge-patch, delete, and every error of these."""

import json
import unittest

from client import EVENTS, PODS, ApiTest, event, pod


class Pods(ApiTest):
    def test_create_and_get(self):
        answer = self.api.post(PODS, pod("a", {"app": "x"}))
        made = answer.json
        self.assertEqual(answer.status, 201)
        self.assertEqual((made["kind"], made["apiVersion"]), ("Pod", "v1"))
        self.assertEqual(list(made), ["kind", "apiVersion", "metadata", "spec", "status"])
        self.assertRegex(made["metadata"]["uid"], "^[0-9a-f-]{36}$")
        self.assertRegex(made["metadata"]["creationTimestamp"], r"^\d{4}-.*Z$")
        self.assertEqual(made["metadata"]["namespace"], "default")
        self.assertEqual(made["spec"]["nodeName"], "node1")
        self.assertEqual(made["spec"]["restartPolicy"], "Always")
        self.assertEqual(made["status"]["phase"], "Pending")
        self.assertEqual(self.api.get(PODS + "/a").json, made)
        self.assertEqual(self.api.get(PODS + "/a/status").json, made)
        self.assertEqual(self.api.get(PODS + "/a?watch=1").json, made)

    def test_what_a_client_may_not_say(self):
        sent = pod("a")
        sent["metadata"].update(
            uid="u", creationTimestamp="2001-01-01T00:00:00Z", deletionTimestamp="2001-01-01T00:00:00Z", generation=7
        )
        sent["status"] = {"phase": "Running"}
        made = self.api.post(PODS, sent).json
        self.assertNotEqual(made["metadata"]["uid"], "u")
        self.assertNotEqual(made["metadata"]["creationTimestamp"], "2001-01-01T00:00:00Z")
        self.assertNotIn("deletionTimestamp", made["metadata"])
        self.assertEqual(made["metadata"]["generation"], 1)
        self.assertEqual(made["status"]["phase"], "Pending")

    def test_generated_name(self):
        sent = pod("x")
        del sent["metadata"]["name"]
        sent["metadata"]["generateName"] = "job-" + "y" * 70
        name = self.api.post(PODS, sent).json["metadata"]["name"]
        self.assertRegex(name, "^job-y{54}[bcdfghjklmnpqrstvwxz2456789]{5}$")

    def test_kind_and_namespace_come_from_the_path(self):
        sent = pod("a")
        del sent["kind"], sent["apiVersion"]
        made = self.api.post("/api/v1/namespaces/other/pods", sent).json
        self.assertEqual(made["metadata"]["namespace"], "other")
        self.assertEqual(self.api.get("/api/v1/namespaces/other/pods/a").status, 200)
        self.refused(self.api.get(PODS + "/a"), 404, "NotFound")
        self.assertEqual(self.api.delete("/api/v1/namespaces/other/pods/a?gracePeriodSeconds=0").status, 200)

    def test_create_refused(self):
        self.make("a")
        details = self.refused(self.api.post(PODS, pod("a")), 409, "AlreadyExists", 'pods "a" already exists')
        self.assertEqual(details, {"name": "a", "kind": "pods"})
        other = pod("b")
        other["metadata"]["namespace"] = "x"
        self.refused(
            self.api.post(PODS, other),
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        )
        versioned = pod("b")
        versioned["metadata"]["resourceVersion"] = "1"
        self.refused(
            self.api.post(PODS, versioned), 500, None, "resourceVersion should not be set on objects to be created"
        )
        self.refused(self.api.post(PODS, event("e")), 400, "BadRequest")
        self.refused(self.api.post(PODS, pod("disk-is-full")), 507, None, "no space left for pod disk-is-full")

    def test_invalid_has_causes(self):
        sent = pod("u")
        sent["spec"]["containers"] = []
        details = self.refused(
            self.api.post(PODS, sent), 422, "Invalid", 'Pod "u" is invalid: spec.containers: Required value'
        )
        self.assertEqual(
            details,
            {
                "name": "u",
                "kind": "Pod",
                "causes": [
                    {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.containers"}
                ],
            },
        )

    def test_bodies_that_are_none(self):
        head = "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: "
        for body, rest in ((b"", "(<empty>)"), (b"{", "({)"), (b"[1]", "([1])"), (b'{"a":1,"a"', '({"a":1,"a")')):
            answer = self.api.post(PODS, body)
            self.refused(answer, 400, "BadRequest")
            self.assertTrue(answer.json["message"].startswith(head), answer.body)
            self.assertTrue(answer.json["message"].endswith(rest), answer.body)
        deep = b'{"metadata":' + b"[" * 70 + b"]" * 70 + b"}"
        self.refused(self.api.post(PODS, deep), 400, "BadRequest")

    def test_content_types(self):
        for kind in ("application/yaml", "application/vnd.kubernetes.protobuf", None, "text/plain"):
            self.refused(self.api.post(PODS, pod("a"), kind=kind), 415, "UnsupportedMediaType")
        self.assertEqual(self.api.post(PODS, pod("a"), kind="application/json; charset=utf-8").status, 201)

    def test_field_validation(self):
        sent = pod("a")
        sent["spec"]["nothing"] = 1
        strict = self.api.post(PODS + "?fieldValidation=Strict", sent)
        self.refused(
            strict,
            400,
            "BadRequest",
            'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.nothing"',
        )
        twice = json.dumps(pod("b")).replace('"image"', '"image":"x","image"').encode()
        strict = self.api.post(PODS + "?fieldValidation=Strict", twice)
        self.refused(strict, 400, "BadRequest")
        self.assertIn('duplicate field "spec.containers[0].image"', strict.json["message"])
        warned = self.api.post(PODS, sent)
        self.assertEqual(warned.status, 201)
        self.assertIn('299 - "unknown field \\"spec.nothing\\""', warned.all("warning"))
        ignored = self.api.post(PODS + "?fieldValidation=Ignore", {**sent, "metadata": {"name": "b"}})
        self.assertEqual((ignored.status, ignored.all("warning")), (201, []))
        details = self.refused(self.api.post(PODS + "?fieldValidation=Often", pod("c")), 422, "Invalid")
        self.assertEqual((details["kind"], details["group"]), ("CreateOptions", "meta.k8s.io"))

    def test_dry_run(self):
        made = self.api.post(PODS + "?dryRun=All", pod("a"))
        self.assertEqual(made.status, 201)
        self.assertEqual(made.json["kind"], "Pod")
        self.assertNotIn("resourceVersion", made.json["metadata"])
        self.refused(self.api.get(PODS + "/a"), 404, "NotFound", 'pods "a" not found')
        self.make("a")
        before = self.version()
        patched = self.api.patch(PODS + "/a?dryRun=All", {"metadata": {"labels": {"k": "v"}}})
        self.assertEqual(patched.json["metadata"]["labels"], {"k": "v"})
        self.assertEqual(self.api.delete(PODS + "/a?dryRun=All&gracePeriodSeconds=0").status, 200)
        self.assertEqual(self.version(), before)
        details = self.refused(self.api.post(PODS + "?dryRun=Some", pod("b")), 422, "Invalid")
        self.assertEqual(details["kind"], "CreateOptions")

    def test_replace(self):
        made = self.make("a", {"app": "x"})
        made["metadata"]["labels"] = {"app": "y"}
        made["metadata"]["annotations"] = {"note": "line\n"}
        made["status"] = {"phase": "Failed"}  # not of this resource: ignored
        answer = self.api.put(PODS + "/a", made)
        self.assertEqual(answer.status, 200, answer.body)
        new = answer.json
        self.assertEqual(new["metadata"]["labels"], {"app": "y"})
        self.assertEqual(new["metadata"]["annotations"], {"note": "line\n"})
        self.assertEqual(new["status"]["phase"], "Pending")
        self.assertNotEqual(new["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"])
        same = self.api.put(PODS + "/a", new)
        self.assertEqual(same.json, new)  # and its version

    def test_replace_refused(self):
        made = self.make("a")
        stale = json.loads(json.dumps(made))
        self.api.patch(PODS + "/a", {"metadata": {"labels": {"k": "v"}}})
        details = self.refused(
            self.api.put(PODS + "/a", stale),
            409,
            "Conflict",
            'Operation cannot be fulfilled on pods "a": the object has been modified; please apply your changes '
            "to the latest version and try again",
        )
        self.assertEqual(details, {"name": "a", "kind": "pods"})
        stale["metadata"]["resourceVersion"] = "0"
        self.assertEqual(self.api.put(PODS + "/a", stale).status, 200)
        stale["metadata"]["resourceVersion"] = "x"
        self.refused(
            self.api.put(PODS + "/a", stale), 500, None, 'strconv.ParseUint: parsing "x": invalid syntax'
        )
        del stale["metadata"]["resourceVersion"]
        stale["metadata"]["uid"] = "other"
        self.refused(self.api.put(PODS + "/a", stale), 409, "Conflict")
        stale["metadata"]["uid"] = made["metadata"]["uid"]
        stale["metadata"]["name"] = "b"
        self.refused(
            self.api.put(PODS + "/a", stale),
            400,
            "BadRequest",
            "the name of the object (b) does not match the name on the URL (a)",
        )
        self.refused(self.api.put(PODS + "/zz", pod("zz")), 404, "NotFound")

    def test_spec_stays(self):
        made = self.make("a")
        made["spec"]["containers"][0]["image"] = "other:2"
        answer = self.api.put(PODS + "/a", made)
        details = self.refused(answer, 422, "Invalid")
        self.assertEqual(details["causes"][0]["field"], "spec")
        self.assertEqual(details["causes"][0]["reason"], "FieldValueForbidden")
        self.assertIn("pod updates may not change fields other than", answer.json["message"])
        self.assertIn("spec.containers[0].image", answer.json["message"])

    def test_merge_patch(self):
        self.make("a", {"app": "x", "old": "1"})
        answer = self.api.patch(
            PODS + "/a", {"metadata": {"labels": {"old": None, "new": "2"}, "annotations": {"n": "v"}}}
        )
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json["metadata"]["labels"], {"app": "x", "new": "2"})
        self.assertEqual(answer.json["metadata"]["annotations"], {"n": "v"})
        before = self.version()
        self.assertEqual(self.api.patch(PODS + "/a", {}).status, 200)
        self.assertEqual(self.version(), before)
        gone = self.api.patch(PODS + "/a", {"metadata": {"labels": None}})
        self.assertNotIn("labels", gone.json["metadata"])
        self.refused(
            self.api.patch(PODS + "/a", {"metadata": {"resourceVersion": "1"}}), 409, "Conflict"
        )
        self.refused(self.api.patch(PODS + "/a", {"spec": {"hostname": "x"}}), 422, "Invalid")
        self.refused(self.api.patch(PODS + "/a", {"metadata": {"labels": {"k": "not valid!"}}}), 422, "Invalid")
        self.refused(self.api.patch(PODS + "/zz", {}), 404, "NotFound")
        self.refused(self.api.patch(PODS + "/a", b"{"), 400, "BadRequest")

    def test_other_patches(self):
        self.make("a")
        for kind in (
            "application/strategic-merge-patch+json",
            "application/json-patch+json",
            "application/apply-patch+yaml",
            "application/json",
        ):
            self.refused(self.api.patch(PODS + "/a", {}, kind=kind), 415, "UnsupportedMediaType")

    def test_delete(self):
        self.make("a")
        gone = self.api.delete(PODS + "/a", {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        self.assertEqual((gone.status, gone.json["kind"]), (200, "Pod"))
        self.refused(self.api.delete(PODS + "/a"), 404, "NotFound", 'pods "a" not found')
        self.make("a")
        going = self.api.delete(PODS + "/a?gracePeriodSeconds=9")
        self.assertEqual(going.json["metadata"]["deletionGracePeriodSeconds"], 9)
        self.assertIn("deletionTimestamp", going.json["metadata"])
        self.refused(
            self.api.post(PODS, pod("a")),
            409,
            "AlreadyExists",
            'object is being deleted: pods "a" already exists',
        )
        self.api.post("/apis/carpel/v1/reap", {})
        self.refused(self.api.get(PODS + "/a"), 404, "NotFound")
        self.make("b")
        self.assertEqual(self.api.delete(PODS + "/b").json["metadata"]["deletionGracePeriodSeconds"], 30)

    def test_delete_options(self):
        made = self.make("a")
        for policy in ("Foreground", "Background", "Orphan"):
            self.assertEqual(self.api.delete(PODS + "/a?dryRun=All&propagationPolicy=" + policy).status, 200)
        details = self.refused(self.api.delete(PODS + "/a?propagationPolicy=Later"), 422, "Invalid")
        self.assertEqual(details["kind"], "DeleteOptions")
        self.refused(self.api.delete(PODS + "/a?gracePeriodSeconds=x"), 400, "BadRequest")
        self.refused(self.api.delete(PODS + "/a", {"gracePeriodSeconds": "x"}), 400, "BadRequest")
        details = self.refused(
            self.api.delete(PODS + "/a", {"preconditions": {"uid": "u"}}),
            409,
            "Conflict",
            'Operation cannot be fulfilled on Pod "a": the UID in the precondition (u) does not match the UID in '
            "record (%s). The object might have been deleted and then recreated" % made["metadata"]["uid"],
        )
        self.assertEqual(details, {"name": "a", "kind": "Pod"})
        self.refused(self.api.delete(PODS + "/a", {"preconditions": {"resourceVersion": "1"}}), 409, "Conflict")
        right = {
            "gracePeriodSeconds": -5,
            "preconditions": {
                "uid": made["metadata"]["uid"],
                "resourceVersion": made["metadata"]["resourceVersion"],
            },
        }
        # A body wins over the query; below zero is one second.
        answer = self.api.delete(PODS + "/a?gracePeriodSeconds=0", right)
        self.assertEqual(answer.json["metadata"]["deletionGracePeriodSeconds"], 1)

    def test_delete_collection(self):
        for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
            self.make(name, {"app": app})
        gone = self.api.delete(PODS + "?labelSelector=app%3Dx&gracePeriodSeconds=0").json
        self.assertEqual(gone["kind"], "PodList")
        self.assertEqual([p["metadata"]["name"] for p in gone["items"]], ["a", "b"])
        left = self.api.get(PODS).json["items"]
        self.assertEqual([p["metadata"]["name"] for p in left], ["c"])


class Events(ApiTest):
    def test_life(self):
        made = self.api.post(EVENTS, event("e1", message="m", count=1, source={"component": "x"}))
        self.assertEqual(made.status, 201, made.body)
        self.assertRegex(made.json["metadata"]["uid"], "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]")
        self.assertEqual(self.api.get(EVENTS + "/e1").json, made.json)
        changed = made.json
        changed["count"] = 2
        changed = self.api.put(EVENTS + "/e1", changed).json
        self.assertEqual(changed["count"], 2)
        self.assertEqual(changed["metadata"]["uid"], made.json["metadata"]["uid"])
        patched = self.api.patch(EVENTS + "/e1", {"count": 3, "message": None}).json
        self.assertEqual(patched["count"], 3)
        self.assertNotIn("message", patched)
        self.refused(
            self.api.patch(EVENTS + "/e1", {}, kind="application/json-patch+json"), 415, "UnsupportedMediaType"
        )
        gone = self.api.delete(EVENTS + "/e1")
        self.assertEqual(gone.json["status"], "Success")
        self.assertEqual(
            gone.json["details"], {"name": "e1", "kind": "events", "uid": made.json["metadata"]["uid"]}
        )
        self.refused(self.api.get(EVENTS + "/e1"), 404, "NotFound", 'events "e1" not found')
        self.refused(self.api.delete(EVENTS + "/e1"), 404, "NotFound")

    def test_refused(self):
        wrong = event("e")
        wrong["involvedObject"]["namespace"] = "other"
        answer = self.api.post(EVENTS, wrong)
        details = self.refused(answer, 422, "Invalid")
        self.assertEqual(details["causes"][0]["field"], "involvedObject.namespace")
        self.refused(self.api.post(EVENTS, event("e", count="many")), 400, "BadRequest")
        self.refused(self.api.post(EVENTS, event("Not_a_name")), 422, "Invalid")
        self.refused(self.api.post(EVENTS, pod("p")), 400, "BadRequest")
        self.refused(
            self.api.post(EVENTS + "?fieldValidation=Strict", event("e", nothing=1)),
            400,
            "BadRequest",
            'Event in version "v1" cannot be handled as a Event: strict decoding error: unknown field "nothing"',
        )
        warned = self.api.post(EVENTS, event("e", nothing=1))
        self.assertEqual(warned.all("warning"), ['299 - "unknown field \\"nothing\\""'])
        self.refused(self.api.post(EVENTS, event("e")), 409, "AlreadyExists", 'events "e" already exists')
        self.assertEqual(self.api.post(EVENTS + "?dryRun=All", event("dry")).status, 201)
        self.refused(self.api.get(EVENTS + "/dry"), 404, "NotFound")

    def test_delete_collection(self):
        for name, reason in (("a", "X"), ("b", "Y"), ("c", "X")):
            self.api.post(EVENTS, event(name, reason=reason))
        gone = self.api.delete(EVENTS + "?fieldSelector=reason%3DX").json
        self.assertEqual([e["metadata"]["name"] for e in gone["items"]], ["a", "c"])
        self.assertEqual(len(self.api.get(EVENTS).json["items"]), 1)


class Paths(ApiTest):
    def test_health(self):
        for path in ("/healthz", "/livez", "/readyz", "/livez/ping", "/healthz/"):
            answer = self.api.get(path)
            self.assertEqual((answer.status, answer.body), (200, b"ok"))
            self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
        self.assertEqual(self.api.get("/livez?verbose").body, b"[+]ping ok\nlivez check passed\n")
        self.assertEqual(
            self.api.get("/readyz?verbose&exclude=ping").body, b"[+]ping excluded: ok\nreadyz check passed\n"
        )
        answer = self.api.get("/livez/zz")
        self.assertEqual((answer.status, answer.body), (404, b"404 page not found\n"))

    def test_version(self):
        version = self.api.get("/version").json
        self.assertEqual((version["major"], version["minor"]), ("1", "37"))
        self.assertRegex(version["gitVersion"], r"^v\d+\.\d+\.\d+\+carpel-\d+\.\d+\.\d+$")

    def test_unknown_paths(self):
        for path in ("/", "/api", "/nothing", "//api", "/%zz"):
            answer = self.api.get(path)
            self.assertEqual((answer.status, answer.body), (404, b"404 page not found\n"), path)
        for path in ("/api/v1/nodes", "/api/v1/pods/a", PODS + "/a/zz", "/api/v1", "/api/v1/../pods"):
            details = self.refused(
                self.api.get(path), 404, "NotFound", "the server could not find the requested resource"
            )
            self.assertEqual(details, {})

    def test_methods(self):
        for method, path in (
            ("POST", "/api/v1/pods"),
            ("DELETE", "/api/v1/pods"),
            ("PUT", PODS),
            ("POST", PODS + "/a"),
            ("OPTIONS", PODS),
            ("POST", "/healthz"),
            ("DELETE", PODS + "/a/log"),
        ):
            details = self.refused(self.api.request(method, path), 405, "MethodNotAllowed")
            self.assertEqual(details, {})
        head = self.api.request("HEAD", PODS)
        self.assertEqual((head.status, head.body), (405, b""))

    def test_accept(self):
        for accept in ("application/json", "*/*", "application/vnd.kubernetes.protobuf,application/json"):
            answer = self.api.get(PODS, headers=[("accept", accept)])
            self.assertEqual(answer.header("content-type"), "application/json")
        self.refused(self.api.get(PODS, headers=[("accept", "text/html")]), 406, "NotAcceptable")

    def test_pretty(self):
        self.make("a")
        plain = self.api.get(PODS).body
        pretty = self.api.get(PODS + "?pretty=true").body
        self.assertNotIn(b"\n ", plain)
        self.assertEqual(json.loads(pretty), json.loads(plain))
        self.assertEqual(pretty.decode(), json.dumps(json.loads(plain), indent=2) + "\n")
        self.assertEqual(self.api.get(PODS, headers=[("user-agent", "curl/7.88.1")]).body, pretty)
        self.assertEqual(self.api.get(PODS + "?pretty=0", headers=[("user-agent", "curl/7")]).body, plain)

    def test_impersonation(self):
        answer = self.api.get(PODS, headers=[("impersonate-user", "joe")])
        self.refused(answer, 403, "Forbidden")

    def test_calls(self):
        self.assertEqual(self.api.get("/apis/carpel/v1/later").json, {"said": "later"})
        self.refused(self.api.get("/apis/carpel/v1/missing"), 404, "NotFound", 'images "x" not found')
        state = self.api.post("/apis/carpel/v1/state", {"a": [1]}).json
        self.assertEqual((state["method"], state["body"]), ("POST", {"a": [1]}))
        self.refused(self.api.post("/apis/carpel/v1/state", b"{"), 400, "BadRequest")
        # Who leaves before the answer takes nothing along.
        self.api.cancel(self.api.begin("GET", "/apis/carpel/v1/later"))
        self.assertEqual(self.api.get("/apis/carpel/v1/later").json, {"said": "later"})

    def test_grpc_has_no_service_yet(self):
        answer = self.api.post("/runtime.v1.RuntimeService/Version", b"\0\0\0\0\0", kind="application/grpc")
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, "12"))


if __name__ == "__main__":
    unittest.main()
