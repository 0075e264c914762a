"""Regressions of the CRI face."""

import glob
import os
import signal
import unittest

import grpc

from cri_client import (CREATED, EXITED, GUEST, ROOT, CriTest, carpeld_pid, cgroup_v2, container_config, cri, frozen,
                        launcher, pids_in, pids_of, read, until)


def pause_of(sandbox):
    return next(iter(pids_in(cgroup_v2() + "/cri/%s/pause" % sandbox)))


class HoldsProfiles(CriTest):
    @classmethod
    def tearDownClass(cls):
        """Compiled filters stay open for the next containers."""
        cls.audit.ignored = "/seccomp/"
        super().tearDownClass()


class Died(HoldsProfiles):
    def test_starts_are_answered(self):
        sandbox, _ = self.sandbox()
        ids = [self.container(sandbox, name, "sleep", "1000") for name in ("a", "b")]
        with frozen(launcher()):
            calls = [self.cri.begin("StartContainer", container_id=id_) for id_ in ids]
            self.cri.status(ids[0])  # so they have arrived
            os.kill(pause_of(sandbox), signal.SIGKILL)
            codes = [call.exception().code() for call in calls]
        self.assertEqual(codes, [grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED])
        self.assertEqual([self.cri.status(id_).state for id_ in ids], [EXITED, CREATED])


class Stopped(HoldsProfiles):
    def test_while_its_filter_is_compiled(self):
        """Each has a set of capabilities that no other has, whose filter is not there yet.  Whoever was quicker than
        the stop, or already on its way, was not stopped in time."""
        sandbox, _ = self.sandbox()
        os.makedirs(ROOT + "/out")
        mount = cri.Mount(host_path=ROOT + "/out", container_path="/out")
        in_time = 0
        for name in ("CHOWN", "KILL", "MKNOD", "FOWNER", "SETUID", "SETGID", "FSETID", "SETPCAP", "SETFCAP"):
            security = {"seccomp": cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault),
                        "capabilities": cri.Capability(drop_capabilities=[name])}
            id_ = self.container(sandbox, name.lower(), "write", "/out/" + name, "x", security=security, mounts=[mount])
            start = self.cri.begin("StartContainer", container_id=id_)
            self.cri.stop(id_)
            error = start.exception()
            self.assertEqual(self.cri.status(id_).state, EXITED)
            if error and "stopped while it was started" in error.details():
                self.assertEqual(error.code(), grpc.StatusCode.CANCELLED)
                self.assertEqual(self.cri.status(id_).exit_code, 137)
                self.assertFalse(os.path.exists(ROOT + "/out/" + name))
                in_time += 1
                if in_time == 2:
                    break
        self.assertGreater(in_time, 0)


class Crashed(HoldsProfiles):
    def test_started_once(self):
        sandbox, config = self.sandbox()
        os.makedirs(ROOT + "/out")
        mount = cri.Mount(host_path=ROOT + "/out", container_path="/out")
        program = container_config("c", "append", "/out/ran", "x", mounts=[mount], log_path="c.log")
        id_ = self.cri.create(sandbox, program, config)
        self.started(sandbox, "first", "exit", "0")
        launch, carpeld = launcher(), carpeld_pid()
        os.kill(launch, signal.SIGSTOP)
        start = self.cri.begin("StartContainer", container_id=id_)
        self.cri.status(id_)
        os.kill(carpeld, signal.SIGSTOP)
        os.kill(launch, signal.SIGCONT)
        until("it to have run", lambda: os.path.exists(ROOT + "/out/ran"))
        until("it to have ended", lambda: not pids_of(id_))
        os.kill(carpeld, signal.SIGKILL)
        self.assertEqual(start.exception().code(), grpc.StatusCode.UNAVAILABLE)
        self.reconnect()
        self.assertEqual(self.cri.wait_exited(id_).exit_code, 0)
        self.cri.start(id_)
        self.fails("FAILED_PRECONDITION", "started once", of=lambda: self.cri.start(id_))
        self.cri.wait_exited(id_)
        self.assertEqual(read(ROOT + "/out/ran"), "x")

    def test_exec_ends(self):
        sandbox, _ = self.sandbox()
        id_ = self.started(sandbox, "c", "sleep", "1000")
        alone = pids_of(id_)
        call = self.cri.begin("ExecSync", container_id=id_, cmd=[GUEST, "sleep", "1000"])
        until("the program", lambda: len(pids_of(id_)) == 2)
        self.kill_carpeld()
        self.assertIsNotNone(call.exception())
        until("its end", lambda: pids_of(id_) == alone)


class Images(HoldsProfiles):
    def test_by_digits(self):
        sandbox, _ = self.sandbox()
        image = self.cri.call("ListImages").images[0].id
        digits = image[len("sha256:"):]
        for i, name in enumerate((image, digits, digits[:12], "sha256:" + digits[:12])):
            id_ = self.container(sandbox, "c%d" % i, "exit", "0", image=name)
            self.assertEqual(self.cri.status(id_).image_id, image)
        self.fails("NOT_FOUND", of=lambda: self.container(sandbox, "d", "exit", "0", image="0" * 12))

    def test_the_room_they_take(self):
        def used():
            return self.cri.call("ImageFsInfo").image_filesystems[0].used_bytes.value

        # An import is seen, too.
        before = until("more than the store by itself", lambda: used() > 256 * 1024 and used())
        image = self.cri.call("ListImages").images[0].id
        self.cri.call("RemoveImage", image=cri.ImageSpec(image=image))
        until("less to be used", lambda: used() < before)


@unittest.skipUnless(os.path.isdir("/sys/fs/cgroup/unified"), "the client sees all of its cgroups on pure v2")
class Parent(CriTest):
    def test_what_the_client_does_not_know(self):
        top = "carpel-review-%d" % os.getpid()
        parent = "/%s/burstable/pod1" % top
        one, _ = self.sandbox("one", parent=parent)
        two, _ = self.sandbox("two", parent=parent)
        here = "/sys/fs/cgroup/unified/" + top
        self.addCleanup(lambda: [os.rmdir(path) for path in sorted(glob.glob("/sys/fs/cgroup/*/" + top + "/**/", recursive=True),
                                                                   reverse=True)])
        self.cri.stop_pod(one)
        self.assertTrue(os.path.isdir(here + "/burstable/pod1"))
        self.cri.stop_pod(two)
        until("the rest to be gone", lambda: not os.path.exists(here))


class Profiles(HoldsProfiles):
    @staticmethod
    def security(path):
        return {"seccomp": cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=path)}

    def test_no_file(self):
        sandbox, _ = self.sandbox()
        path = ROOT + "/fifo"
        os.mkfifo(path)
        id_ = self.container(sandbox, "c", "exit", "0", security=self.security(path))
        self.fails("UNKNOWN", "seccomp profile", of=lambda: self.cri.start(id_))
        self.cri.call("Version")

    def test_many(self):
        sandbox, _ = self.sandbox()

        def open_profiles():
            links = (os.readlink(path) for path in glob.glob("/proc/%d/fd/*" % carpeld_pid()) if os.path.islink(path))
            return sum("/seccomp/" in to for to in links)

        for i in range(70):
            path = ROOT + "/%d.json" % i
            with open(path, "w") as file:
                file.write('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["acct"], '
                           '"action": "SCMP_ACT_ERRNO", "errnoRet": %d}]}' % (i + 1))
            self.started(sandbox, "c%d" % i, "exit", "0", security=self.security(path))
        self.assertLessEqual(open_profiles(), 64)
        self.assertGreaterEqual(open_profiles(), 32)
