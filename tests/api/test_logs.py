"""pods/NAME/log: which instance, which lines, following."""

import os
import unittest

from client import PODS, ApiTest

LOG = PODS + "/a/log"


def record(second, text, tag="F"):
    return "2026-01-01T00:00:%02d.123456789Z stdout %s %s\n" % (second, tag, text)


class Logs(ApiTest):
    def setUp(self):
        super().setUp()
        for name in os.listdir(self.server.logs):
            os.unlink(os.path.join(self.server.logs, name))
        self.make("a")

    def write(self, name, *records):
        with open(os.path.join(self.server.logs, name), "a") as file:
            file.writelines(records)

    def read(self, query=""):
        answer = self.api.get(LOG + query)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.header("content-type"), "text/plain; charset=utf-8")
        return answer.body.decode()

    def invalid(self, query, field):
        details = self.refused(self.api.get(LOG + query), 422, "Invalid")
        self.assertEqual((details["kind"], details["name"]), ("PodLogOptions", "a"))
        self.assertEqual(details["causes"][0]["field"], field)

    def test_queries(self):
        self.write("a_c.log", record(1, "one"), record(2, "tw", "P"), record(2, "o"), record(3, "three"))
        self.assertEqual(self.read(), "one\ntwo\nthree\n")
        self.assertEqual(self.read("?container=c"), "one\ntwo\nthree\n")
        self.assertEqual(self.read("?tailLines=2"), "two\nthree\n")
        self.assertEqual(self.read("?tailLines=0"), "")
        self.assertEqual(self.read("?limitBytes=6"), "one\ntw")
        self.assertEqual(self.read("?sinceTime=2026-01-01T00:00:03Z"), "three\n")
        self.assertEqual(self.read("?sinceTime=2026-01-01T01:00:03%2B01:00"), "three\n")
        self.assertEqual(self.read("?sinceSeconds=1"), "")
        self.assertEqual(
            self.read("?timestamps=true&tailLines=1"), "2026-01-01T00:00:03.123456789Z three\n"
        )
        self.assertEqual(self.read("?insecureSkipTLSVerifyBackend=true&tailLines=1"), "three\n")

    def test_wrong_queries(self):
        self.write("a_c.log", record(1, "one"))
        self.invalid("?tailLines=-1", "tailLines")
        self.invalid("?limitBytes=0", "limitBytes")
        self.invalid("?sinceSeconds=0", "sinceSeconds")
        self.invalid("?sinceSeconds=1&sinceTime=2026-01-01T00:00:03Z", "[]")
        self.invalid("?stream=Stdout", "stream")
        self.assertEqual(
            self.api.get(LOG + "?tailLines=-1").json["details"]["causes"][0]["message"],
            "Invalid value: -1: must be greater than or equal to 0",
        )
        self.refused(self.api.get(LOG + "?tailLines=x"), 400, "BadRequest")
        self.refused(self.api.get(LOG + "?sinceTime=foo"), 400, "BadRequest")
        self.refused(
            self.api.get(LOG + "?container=zz"), 400, "BadRequest", "container zz is not valid for pod a"
        )
        self.refused(self.api.get(PODS + "/zz/log"), 404, "NotFound", 'pods "zz" not found')
        self.refused(self.api.get(LOG, headers=[("accept", "text/html")]), 406, "NotAcceptable")

    def test_several_containers(self):
        containers = [{"name": n, "image": "busybox:1"} for n in ("x", "y")]
        self.make("b", containers=containers)
        self.refused(
            self.api.get(PODS + "/b/log"),
            400,
            "BadRequest",
            "a container name must be specified for pod b, choose one of: [x y]",
        )

    def test_instances(self):
        self.refused(
            self.api.get(LOG),
            400,
            "BadRequest",
            'container "c" in pod "a" is waiting to start: ContainerCreating',
        )
        self.refused(
            self.api.get(LOG + "?previous=true"),
            400,
            "BadRequest",
            'previous terminated container "c" in pod "a" not found',
        )
        self.write("a_c.log", record(1, "new"))
        self.write("a_c.previous.log", record(1, "old"))
        self.assertEqual(self.read("?previous=true"), "old\n")
        self.assertEqual(self.read("?previous=false"), "new\n")

    def test_follow(self):
        self.write("a_c.log", record(1, "one"), record(2, "two"))
        stream = self.api.begin("GET", LOG + "?follow=true&tailLines=1")
        answer = self.api.answers[stream]
        self.api.wait(lambda: answer.body == b"two\n")
        self.write("a_c.log", record(3, "three"))
        self.api.wait(lambda: answer.body == b"two\nthree\n")
        self.assertFalse(answer.is_ended)
        # What was written before the end is told before the end.
        self.write("a_c.log", record(4, "last"))
        self.write("a_c.over")
        self.assertEqual(self.api.finish(stream).body, b"two\nthree\nlast\n")

    def test_follow_up_to_a_limit(self):
        self.write("a_c.log", record(1, "one"))
        stream = self.api.begin("GET", LOG + "?follow=1&limitBytes=6")
        answer = self.api.answers[stream]
        self.api.wait(lambda: answer.body == b"one\n")
        self.write("a_c.log", record(2, "two"))
        self.assertEqual(self.api.finish(stream).body, b"one\ntw")

    def test_long_log(self):
        lines = ["%06d %s" % (i, "x" * 90) for i in range(30000)]
        self.write("a_c.log", *[record(i % 60, line) for i, line in enumerate(lines)])
        self.assertEqual(self.read(), "\n".join(lines) + "\n")
        self.assertEqual(self.read("?tailLines=2"), "\n".join(lines[-2:]) + "\n")


if __name__ == "__main__":
    unittest.main()
