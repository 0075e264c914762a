"""Many clients at once, what they leave behind, and carpeld's memory over very many calls."""

import os
import threading
import time


from cri_client import (GUEST, IS_SANITIZED, RUNNING, Cri, CriTest, carpeld_pid, container_config, cri, pod_config,
                        processes, resident_kib)

CLIENTS = int(os.environ.get("CRI_LOAD_CLIENTS", "20"))
SANDBOXES = int(os.environ.get("CRI_LOAD_SANDBOXES", "20" if IS_SANITIZED else "50"))
# The whole: CRI_LOAD_RUNS=10000 CRI_LOAD_LISTS=100000.
RUNS = int(os.environ.get("CRI_LOAD_RUNS", "50" if IS_SANITIZED else "600"))
LISTS = int(os.environ.get("CRI_LOAD_LISTS", "500" if IS_SANITIZED else "6000"))
SLACK_KIB = 300


def in_parallel(clients, work):
    """work(connection, number) in so many threads; the first error is raised."""
    errors = []

    def run(number):
        connection = Cri()
        try:
            work(connection, number)
        except Exception as error:
            errors.append(error)
        connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Leaks(CriTest):
    def life(self, connection, number):
        pod = connection.run(pod_config("load%d" % number, labels={"n": str(number)}))
        ids = []
        for name in ("a", "b"):
            ids.append(connection.create(pod, container_config(name, "family", "2", log_path="load%d/%s" % (number, name))))
            connection.start(ids[-1])
        for id_ in ids:
            answer = connection.exec(id_, GUEST, "print", "hello %d" % number)
            assert (answer.stdout, answer.exit_code) == (b"hello %d\n" % number, 0), answer
            assert connection.status(id_).state == RUNNING
        self.audit.note()
        connection.stop(ids[0], 10 if number % 2 else 0)
        if number % 3:
            connection.remove(ids[0])
        if number % 4:
            connection.stop_pod(pod)
        connection.remove_pod(pod)

    def test_made_filled_and_removed_by_many(self):
        def work(connection, first):
            for number in range(first, SANDBOXES, CLIENTS):
                self.life(connection, number)

        in_parallel(CLIENTS, work)
        self.assertEqual((self.cri.pods(), self.cri.containers(), processes()), ([], [], set()))
        self.assertGreaterEqual(len(self.audit.seen), 2 * SANDBOXES)
        self.audit.check()

    def test_all_there_at_once(self):
        """Made by some, removed by others."""
        ids = {}

        def make(connection, first):
            for number in range(first, SANDBOXES, CLIENTS):
                ids[number] = connection.run(pod_config("there%d" % number))
                connection.start(connection.create(ids[number], container_config("c", "sleepy", "x")))

        def remove(connection, first):
            for number in range(first, SANDBOXES, CLIENTS):
                connection.remove_pod(ids[(number + 7) % SANDBOXES])

        in_parallel(CLIENTS, make)
        self.assertEqual({pod.id for pod in self.cri.pods()}, set(ids.values()))
        self.assertEqual(len(self.cri.containers(state=cri.ContainerStateValue(state=RUNNING))), SANDBOXES)
        self.audit.note()
        in_parallel(CLIENTS, remove)
        self.assertEqual((self.cri.pods(), processes()), ([], set()))
        self.audit.check()


class Memory(CriTest):
    def flat(self, name, warm, work):
        """work() must not leave carpeld larger than warm() did."""
        pid = carpeld_pid()
        warm()
        self.audit.check()
        before = resident_kib(pid), resident_kib(pid, "Rss")
        began = time.monotonic()
        work()
        took = time.monotonic() - began
        self.audit.check()
        after = resident_kib(pid), resident_kib(pid, "Rss")
        print("%s: %.1f s, PSS %d -> %d KiB, RSS %d -> %d KiB" % (name, took, before[0], after[0], before[1], after[1]),
              flush=True)
        if not IS_SANITIZED:
            # PSS also grows when another instance ends, which shared the same pages.
            self.assertLessEqual(after[1], before[1] + SLACK_KIB)

    def test_runs_and_removals(self):
        def some(count, tag):
            def work(connection, first):
                for number in range(first, count, 4):
                    connection.remove_pod(connection.run(pod_config("%s%d" % (tag, number))))

            in_parallel(4, work)

        self.flat("%d RunPodSandbox/RemovePodSandbox" % RUNS, lambda: some(max(RUNS // 6, 20), "w"), lambda: some(RUNS, "m"))

    def test_lists(self):
        pods = [self.cri.run(pod_config("p%d" % number)) for number in range(5)]
        for number in range(20):
            self.cri.create(pods[number % 5], container_config("c%d" % number, "sleepy", "x"))
        type(self).audit, kept = type(self.audit)(), self.audit

        def some(count):
            def work(connection, first):
                for number in range(first, count, 4):
                    calls = (connection.pods, connection.containers)
                    assert len(calls[number % 8 // 4]()) == (20 if number % 8 // 4 else 5)

            in_parallel(4, work)

        self.flat("%d lists" % LISTS, lambda: some(max(LISTS // 6, 200)), lambda: some(LISTS))
        type(self).audit = kept
