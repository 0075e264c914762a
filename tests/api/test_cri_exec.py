"""ExecSync and the logs of containers."""

import glob
import os
import random
import re
import signal
import threading
import time

import cri_client
from cri_client import (EXITED, GUEST, LOGS, ROOT, Cri, carpeld_pid, cri, pids_in, pids_of, pod_config, read,
                        started_at, until)
from test_cri_containers import InSandbox
from test_cri_users import users

OUTPUT_MAX = 8 * 1024 * 1024 - 4096
BUSYBOX = "/bin/busybox"
RECORD = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)", re.DOTALL)


def shell(*mounts):
    """For a container in which a script can be run."""
    return {"mounts": [cri.Mount(container_path=BUSYBOX, host_path=BUSYBOX, readonly=True), *mounts]}


class Exec(InSandbox):
    def setUp(self):
        super().setUp()
        os.makedirs(ROOT + "/data", exist_ok=True)
        data = cri.Mount(container_path="/data", host_path=ROOT + "/data")
        self.c = self.begin("c", "sleepy", "x", **shell(data))
        (self.first,) = pids_of(self.c)

    def script(self, text, **more):
        return self.cri.exec(self.c, BUSYBOX, "sh", "-c", text, **more)

    def wait_alone(self):
        until("the whole tree to end", lambda: pids_of(self.c) == {self.first})

    def test_both_streams_byte_by_byte(self):
        every = bytes(range(256)) * 300 + random.Random(1).randbytes(70001)
        with open(ROOT + "/data/bytes", "wb") as file:
            file.write(every)
        answer = self.script("cat /data/bytes; cat /data/bytes /data/bytes >&2; exit 7")
        self.assertEqual((answer.stdout, answer.stderr, answer.exit_code), (every, every * 2, 7))
        answer = self.cri.exec(self.c, GUEST, "have", "/")
        self.assertEqual((answer.stdout, answer.stderr, answer.exit_code), (b"", b"", 0))

    def test_exit_codes(self):
        for code in (0, 1, 42, 126, 127, 255):
            self.assertEqual(self.script("exit %d" % code).exit_code, code)
        for number in (2, 9, 15):
            self.assertEqual(self.script("kill -%d $$" % number).exit_code, 128 + number)

    def test_no_such_program(self):
        for word in ("/no/such", "no-such"):
            answer = self.cri.exec(self.c, word, "x")
            self.assertEqual((answer.exit_code, answer.stdout), (127, b""))
            self.assertIn(word.encode(), answer.stderr)
        self.assertEqual(self.cri.exec(self.c, "/etc").exit_code, 126)

    def test_refused(self):
        self.fails("INVALID_ARGUMENT", "cmd", of=lambda: self.cri.exec(self.c))
        self.fails("INVALID_ARGUMENT", "cmd", of=lambda: self.cri.exec(self.c, ""))
        self.fails("INVALID_ARGUMENT", "timeout", "-1", of=lambda: self.cri.exec(self.c, GUEST, timeout_s=-1))
        self.fails("RESOURCE_EXHAUSTED", "cmd", of=lambda: self.cri.exec(self.c, *["x"] * 5000))
        waits = self.make("w", "sleepy", "x")
        self.fails("FAILED_PRECONDITION", waits, of=lambda: self.cri.exec(waits, GUEST, "env"))
        self.cri.stop(self.c)
        self.fails("FAILED_PRECONDITION", self.c, of=lambda: self.cri.exec(self.c, GUEST, "env"))

    def test_too_much_output_is_dropped_and_the_command_goes_on(self):
        size = 12 << 20
        answer = self.script("head -c %d /dev/zero; head -c %d /dev/zero >&2; echo done >/data/done; exit 5" % (size, size))
        self.assertEqual((len(answer.stdout), len(answer.stderr), answer.exit_code), (OUTPUT_MAX, OUTPUT_MAX, 5))
        self.assertEqual(read(ROOT + "/data/done"), "done\n")

    def test_timeout_kills_the_tree(self):
        began = time.monotonic()
        self.fails("DEADLINE_EXCEEDED", "1 s", of=lambda: self.script(
            "(sleep 600 &) ; %s sleep 600 & sleep 600 | sleep 600" % BUSYBOX, timeout_s=1))
        self.assertGreaterEqual(time.monotonic() - began, 1)
        self.wait_alone()
        self.assertEqual(self.script("sleep 0.1; exit 3", timeout_s=60).exit_code, 3)

    def test_cancelled_kills_the_tree(self):
        words = [BUSYBOX, "sh", "-c", "(sleep 600 &); sleep 600"]
        for n in range(8):
            call = self.cri.begin("ExecSync", container_id=self.c, cmd=words)
            if n < 4:
                until("it to run", lambda: len(pids_of(self.c)) >= 3)
            else:
                time.sleep(0.001 * n)  # while it is being made
            call.cancel()
            self.wait_alone()

    def test_deadline_and_lost_connection_kill_the_tree(self):
        self.fails("DEADLINE_EXCEEDED", of=lambda: self.script("sleep 600", deadline_s=0.3))
        self.wait_alone()
        other = Cri()
        call = other.begin("ExecSync", container_id=self.c, cmd=[GUEST, "family", "3"])
        until("it to run", lambda: len(pids_of(self.c)) == 5)
        other.close()
        self.wait_alone()
        until("the client to know", call.done)

    def test_ends_with_its_container(self):
        call = self.cri.begin("ExecSync", container_id=self.c, cmd=[GUEST, "sleep", "600"])
        until("it to run", lambda: len(pids_of(self.c)) == 2)
        self.cri.stop(self.c)
        error = call.exception()
        if not error:
            self.assertEqual(call.result().exit_code, 137)
        until("all to end", lambda: not pids_of(self.c))

    def test_held_pipes_do_not_hold_the_call(self):
        answer = self.script("sleep 6000 & echo here; exit 4")
        self.assertEqual((answer.stdout, answer.exit_code), (b"here\n", 4))

    def test_many_at_once(self):
        calls = [self.cri.begin("ExecSync", container_id=self.c, cmd=[GUEST, "print", str(n)]) for n in range(40)]
        self.assertEqual([call.result().stdout.decode() for call in calls], ["%d\n" % n for n in range(40)])

    def test_same_surroundings(self):
        """All that it is, and what each call of the hostile answers, also in a user namespace."""
        security = {"run_as_user": cri.Int64Value(value=1000), "supplemental_groups": [7, 8]}
        for name, options in (("p1", None), ("p2", users())):
            pod, _ = self.sandbox(name, options=options)
            c = self.started(pod, "d", "all", "report", "try every", "sleepy up", security=security, working_dir="/tmp",
                             log_path=name + ".log", resources={"oom_score_adj": 321}, envs=[cri.KeyValue(key="A", value=b"b")])
            until("the report", lambda: " F up" in read(LOGS + "/%s.log" % name))
            first = dict(re.findall(r" F (\S+) (.*)", read(LOGS + "/%s.log" % name)))
            mine = dict(re.findall(r"(?m)^(\S+) (.*)", self.cri.exec(c, GUEST, "all", "report", "try every").stdout.decode()))
            for own in ("pid", "ppid", "sid", "arg"):
                first.pop(own, None)
                mine.pop(own, None)
            self.assertEqual(mine, first)
            self.assertEqual((mine["groups"], mine["oom_score_adj"], mine["fds"], mine["mount"]),
                             ("0 7 8", "321", "0 1 2", "EPERM"))


class Logs(InSandbox):
    def records(self, path):
        with open(path, "rb") as file:
            text = file.read()
        self.assertTrue(text == b"" or text.endswith(b"\n"), path)
        found = [RECORD.fullmatch(line) for line in text.split(b"\n")[:-1]]
        self.assertNotIn(None, found)
        return [record.groups() for record in found]

    def test_exact(self):
        c = self.begin("c", "all", "lines 3", "eprint oops", "bytes 40000", log_path="dir/0.log")
        self.cri.wait_exited(c)
        path = self.cri.status(c).log_path
        self.assertEqual(path, LOGS + "/dir/0.log")
        self.assertEqual(os.stat(path).st_mode & 0o137, 0)
        records = self.records(path)
        text = {name: b"".join(r[3] + (b"\n" if r[2] == b"F" else b"") for r in records if r[1] == name)
                for name in (b"stdout", b"stderr")}
        self.assertEqual(text[b"stderr"], b"oops\n")
        some = bytes(10 if i % 64 == 63 else 33 + i % 64 for i in range(40000))
        self.assertEqual(text[b"stdout"].replace(b"--\n", b""), b"line 1\nline 2\nline 3\n" + some)
        self.assertEqual(sorted(r[0] for r in records), [r[0] for r in records])

    def test_complete_when_exited(self):
        for n in range(4):
            c = self.begin("c%d" % n, "lines", "5000", log_path="c%d.log" % n)
            until("its end", lambda: self.cri.status(c).state == EXITED)
            self.assertEqual([r[3] for r in self.records("%s/c%d.log" % (LOGS, n))],
                             [b"line %d" % i for i in range(1, 5001)])

    def test_long_lines_and_an_open_end(self):
        c = self.begin("c", command=[BUSYBOX, "sh", "-c", "head -c 50000 /dev/zero | tr '\\0' x; echo; printf end"],
                       log_path="long.log", **shell())
        self.cri.wait_exited(c)
        records = self.records(LOGS + "/long.log")
        self.assertEqual([r[2] for r in records][-2:], [b"F", b"P"])
        self.assertEqual([r[3] for r in records][-1], b"end")
        self.assertEqual(b"".join(r[3] for r in records), b"x" * 50000 + b"end")
        self.assertGreaterEqual([r[2] for r in records].count(b"P"), 4)
        self.assertTrue(all(len(r[3]) <= 16384 for r in records))

    def test_tty(self):
        c = self.begin("c", "all", "print out", "eprint err", "tty", tty=True, log_path="tty.log")
        self.cri.wait_exited(c)
        records = [(r[1], r[2], r[3].rstrip(b"\r")) for r in self.records(LOGS + "/tty.log")]
        for text in (b"out", b"err", b"yes 0x0 /dev/console"):
            self.assertIn((b"stdout", b"F", text), records)

    def test_none(self):
        before = set(glob.glob(LOGS + "/**", recursive=True))
        c = self.begin("c", "lines", "1000")
        self.assertEqual(self.cri.wait_exited(c).exit_code, 0)
        self.assertEqual(set(glob.glob(LOGS + "/**", recursive=True)), before)
        pod = self.cri.run(pod_config("nolog", log_directory=""))
        self.assertEqual(self.cri.wait_exited(self.started(pod, "d", "lines", "9", log_path="d.log")).exit_code, 0)
        self.assertEqual(set(glob.glob(LOGS + "/**", recursive=True)), before)

    def test_stays_when_the_container_goes(self):
        c = self.begin("c", "print", "kept", log_path="kept.log")
        self.cri.wait_exited(c)
        self.cri.remove(c)
        self.cri.remove_pod(self.pod)
        self.assertEqual([r[3] for r in self.records(LOGS + "/kept.log")], [b"kept"])

    def helper(self, name):
        return next((pid for pid in pids_in(cri_client.cgroup_v2() + "/daemons")
                     if read("/proc/%d/comm" % pid).strip() == name), None)

    def kill(self, name):
        pid = until("who is to be killed", carpeld_pid if name == "carpeld" else lambda: self.helper(name))
        at = started_at(pid)
        os.kill(pid, signal.SIGKILL)
        until("it to be dead", lambda: started_at(pid) != at)
        self.killed += 1

    def reopened(self, kill):
        """Each line once, over all files, while the log goes on in another file again and again."""
        c = self.begin("c", command=[BUSYBOX, "sh", "-c", "i=0; while [ ! -e /data/stop ]; do i=$((i+1)); echo $i; done; "
                                            "echo $i >/data/last"],
                       log_path="r.log", **shell(cri.Mount(container_path="/data", host_path=ROOT + "/stop")))
        inodes, self.killed = [], 0
        for n in range(8):
            until("the log to grow", lambda: os.path.getsize(LOGS + "/r.log") > 5000)
            os.rename(LOGS + "/r.log", "%s/r.log.%d" % (LOGS, n))
            helper = threading.Thread(target=self.kill, args=(kill,)) if kill and n % 2 else None
            if helper:
                helper.start()
            self.reopen_until_done(c)
            if helper:
                helper.join()
            self.assertTrue(os.path.exists(LOGS + "/r.log"))  # it is there when the call returns
            inodes.append(os.stat("%s/r.log.%d" % (LOGS, n)))
            if not kill:
                time.sleep(0.05)  # and the old one does not grow any more
                self.assertEqual(os.path.getsize("%s/r.log.%d" % (LOGS, n)), inodes[-1].st_size)
        self.assertEqual(self.killed, 4 if kill else 0)
        until("the last file to be gone on in", lambda: os.path.getsize(LOGS + "/r.log"))
        with open(ROOT + "/stop/stop", "w"):
            pass
        self.reconnect()
        self.cri.wait_exited(c)
        paths = ["%s/r.log.%d" % (LOGS, n) for n in range(8)] + [LOGS + "/r.log"]
        lines = [int(r[3]) for path in paths for r in self.records(path)]
        self.assertEqual(lines, list(range(1, int(read(ROOT + "/stop/last")) + 1)))

    def reopen_until_done(self, c):
        def done():
            try:
                self.cri.call("ReopenContainerLog", container_id=c)
                return True
            except cri_client.grpc.RpcError as error:
                self.assertEqual(error.code(), cri_client.grpc.StatusCode.UNAVAILABLE, error.details())
                return False

        until("the log to be reopened", done)

    def test_reopened(self):
        self.begin_reopening()
        self.reopened(None)

    def test_reopened_by_two_at_once(self):
        """The second asks after the first one's file was moved, too, and so waits for another."""
        c = self.begin("c", "sleepy", "x", log_path="two.log")
        log = self.helper("carpel-log")
        os.kill(log, signal.SIGSTOP)
        try:
            calls = []
            for n in range(2):
                os.rename(LOGS + "/two.log", "%s/two.log.%d" % (LOGS, n))
                calls.append(self.cri.begin("ReopenContainerLog", container_id=c))
                if n == 0:
                    until("the first new file", lambda: os.path.exists(LOGS + "/two.log"))
            self.assertEqual(self.cri.status(c).state, cri_client.RUNNING)  # both calls have been taken
            self.assertFalse(any(call.done() for call in calls))
        finally:
            os.kill(log, signal.SIGCONT)
        for call in calls:
            call.result()
        self.assertTrue(os.path.exists(LOGS + "/two.log"))

    def test_reopened_with_carpel_log_killed(self):
        self.begin_reopening()
        self.reopened("carpel-log")

    def test_reopened_with_carpeld_killed(self):
        self.begin_reopening()
        self.reopened("carpeld")
        type(self).audit.pid = None

    def begin_reopening(self):
        os.makedirs(ROOT + "/stop", exist_ok=True)
        for path in glob.glob(ROOT + "/stop/*") + glob.glob(LOGS + "/r.log*"):
            os.unlink(path)

    def test_reopen_refused(self):
        c = self.make("c", "sleepy", "x", log_path="no.log")
        for _ in range(2):
            before = os.path.exists(LOGS + "/no.log")
            if not before:
                self.fails("FAILED_PRECONDITION", c, of=lambda: self.cri.call("ReopenContainerLog", container_id=c))
                self.assertFalse(os.path.exists(LOGS + "/no.log"))
            self.cri.start(c)
        self.cri.stop(c)
        os.unlink(LOGS + "/no.log")
        self.fails("FAILED_PRECONDITION", c, of=lambda: self.cri.call("ReopenContainerLog", container_id=c))
        self.assertFalse(os.path.exists(LOGS + "/no.log"))
