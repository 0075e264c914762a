"""Many watchers, many rounds: what they cost, and that it stays the same."""

import os
import subprocess
import time
import unittest

from client import BIN, LIMIT_S, PODS, ApiTest, Watch

WATCH = PODS + "?watch=1&allowWatchBookmarks=true"


class Watchers(ApiTest):
    """nghttp2 takes about 15 KiB for a connection; a watch on one that is there takes one."""

    COUNT = 200

    def tell_all(self, watches, name):
        self.make(name)
        for watch in watches:
            watch.expect(("ADDED", name))

    def cost(self, connections, limit_kib):
        self.make("first")
        before = self.settled_kib()
        clients = [self.client() for _ in range(connections)]
        watches = [Watch(clients[i % connections], WATCH) for i in range(self.COUNT)]
        for watch in watches:
            watch.expect(("ADDED", "first"))
            self.assertEqual(watch.next()["type"], "BOOKMARK")
        self.tell_all(watches, "second")
        each = (self.settled_kib() - before) / self.COUNT
        print("\n%d watchers on %d connections: %.1f KiB each" % (self.COUNT, connections, each))
        self.assert_resident(limit_kib, each)
        # They sleep: what wakes them is a change, and nothing else.
        cpu = self.server.cpu_s()
        time.sleep(0.5)
        self.assertLessEqual(self.server.cpu_s() - cpu, 0.02)
        self.tell_all(watches, "third")
        for client in clients:
            client.close()

    def test_a_connection_each(self):
        self.cost(self.COUNT, 20)

    def test_few_connections(self):
        self.cost(4, 2)


class Rounds(ApiTest):
    def test_memory_is_flat(self):
        """10,000 lists, each with a watch behind it."""
        for i in range(20):
            self.make("p%d" % i)

        def rounds(count):
            got = subprocess.run(
                [os.path.join(BIN, "test", "apiclient"), self.server.path, "rounds", str(count)],
                capture_output=True,
                timeout=10 * LIMIT_S,
            )
            self.assertEqual((got.returncode, got.stdout), (0, b"%d\n" % count), got.stderr)
            return self.settled_kib()

        before = rounds(500)
        after = rounds(9500)
        print("\n10,000 rounds: %d KiB after 500, %d KiB after all" % (before, after))
        self.assert_resident(before + 512, after)

    def test_changes_leave_nothing(self):
        """The history of changes is full after 4096 of them, and stays as it is."""
        self.make("x", {"k": "v"})

        def churn():
            self.api.post("/apis/carpel/v1/churn?name=x&count=5000", {})
            for i in range(200):
                self.make("y", {"k": "v"})
                self.api.delete(PODS + "/y?gracePeriodSeconds=0")
            return self.settled_kib()

        before = churn()
        self.assert_resident(before + 512, churn())


if __name__ == "__main__":
    unittest.main()
