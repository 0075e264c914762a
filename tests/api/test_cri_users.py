"""CRI's user namespaces: one range of ids a sandbox, the same on its containers and mounts."""
import os
import tempfile
import unittest

from cri_client import CriTest, container_config, cri, pids_of, pod_config, read

FIRST = 200000
NODE = cri.NamespaceMode.Value("NODE")


def ids(inside=0, outside=FIRST, length=65536):
    return cri.IDMapping(container_id=inside, host_id=outside, length=length)


def users(uids=None, gids=None, **more):
    return {"userns_options": cri.UserNamespace(
        uids=[ids()] if uids is None else uids, gids=[ids()] if gids is None else gids), **more}


class Users(CriTest):
    def test_whole_life(self):
        sandbox, config = self.sandbox(options=users())
        (pause,) = pids_of(sandbox)
        self.assertEqual(read("/proc/%d/uid_map" % pause).split(), ["0", str(FIRST), "65536"])
        self.assertEqual(self.cri.pod(sandbox).linux.namespaces.options,
            config.linux.security_context.namespace_options)
        with tempfile.TemporaryDirectory() as host:
            os.chmod(host, 0o755)
            mapped = cri.Mount(container_path="/m", host_path=host, uidMappings=[ids()], gidMappings=[ids()])
            plain = cri.Mount(container_path="/p", host_path=host, readonly=True, recursive_read_only=True)
            id_ = self.cri.create(sandbox, container_config("c", "sleepy", options=users(), mounts=[mapped, plain]),
                sandbox_config=config)
            self.cri.start(id_)
            out = self.cri.exec(id_, "/bin/guest", "all", "stat /m /p /etc/resolv.conf", "write /m/x y", "write /p/x y",
                "report", "cat /proc/self/uid_map").stdout.decode().splitlines()
            for line in ("/m dir 755 0 0 0:0", "/p dir 755 65534 65534 0:0", "/etc/resolv.conf file 644 0 0 0:0",
                         "/m/x ok", "/p/x EROFS", "uid 0 0 0 0"):
                self.assertIn(line, out)
            self.assertIn(["0", str(FIRST), "65536"], [line.split() for line in out])
            self.assertEqual(os.stat(host + "/x").st_uid, 0)
        self.assertEqual({read("/proc/%d/uid_map" % pid).split()[1] for pid in pids_of(sandbox)}, {str(FIRST)})

    def test_privileged_is_root_of_its_own_namespace_only(self):
        config = pod_config("p", options=users())
        config.linux.security_context.privileged = True
        sandbox = self.cri.run(config)
        id_ = self.cri.create(sandbox, container_config("c", "sleepy", security={"privileged": True}),
            sandbox_config=config)
        self.cri.start(id_)
        out = self.cri.exec(id_, "/bin/guest", "all", "report", "try mount", "append /proc/sys/kernel/core_pattern x",
            "append /proc/sys/vm/overcommit_memory 1", "try mknod", "cat /proc/self/uid_map").stdout.decode().splitlines()
        self.assertIn("mount ok", out)
        self.assertIn("mknod EPERM", out)
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory"):
            self.assertIn(path + " EACCES", out)
        self.assertIn(["0", str(FIRST), "65536"], [line.split() for line in out])

    def test_refused_sandboxes(self):
        def refused(text, **options):
            self.fails("INVALID_ARGUMENT", text, of=lambda: self.sandbox(options=options))
            self.assertEqual(self.cri.pods(), [])

        refused("userns_options.uids: 0 mappings: must be exactly one", **users(uids=[]))
        refused("userns_options.gids: 2 mappings", **users(gids=[ids(length=1), ids(1, FIRST + 1, 1)]))
        refused("userns_options.uids: 2 mappings", **users(uids=[ids(), ids()]))  # they overlap, too
        refused("userns_options.uids[0].container_id: 1: must be 0", **users(uids=[ids(1)]))
        refused("userns_options.uids[0].length: 0", **users(uids=[ids(length=0)]))
        refused("userns_options.gids[0].length: 4294967295", **users(gids=[ids(length=4294967295)]))
        refused("userns_options.uids[0].host_id: 0", **users(uids=[ids(outside=0)]))
        for name in ("network", "pid", "ipc"):
            refused(name + ": 2: must not be NODE with a user namespace", **users(**{name: NODE}))

    def test_refused_containers(self):
        sandbox, config = self.sandbox(options=users())
        plain, plain_config = self.sandbox("plain")
        self.fails("INVALID_ARGUMENT", "must be what the sandbox has", of=lambda: self.cri.create(
            sandbox, container_config("c", options=users(uids=[ids(outside=FIRST + 65536)])), sandbox_config=config))
        self.fails("INVALID_ARGUMENT", "must be what the sandbox has", of=lambda: self.cri.create(
            plain, container_config("c", options=users()), sandbox_config=plain_config))
        # Who it runs as is told in the ids that it has for itself.
        id_ = self.cri.create(sandbox, container_config("u", "sleepy", "x", security={
            "run_as_user": cri.Int64Value(value=1000), "supplemental_groups": [7]}), sandbox_config=config)
        self.cri.start(id_)
        user = self.cri.status(id_).user.linux
        self.assertEqual((user.uid, user.gid, list(user.supplemental_groups)), (1000, 0, [0, 7]))
        self.cri.stop(id_)
        self.cri.remove(id_)
        # A file system that maps no ids: nothing starts.
        mount = cri.Mount(container_path="/m", host_path="/sys/kernel", uidMappings=[ids()], gidMappings=[ids()])
        id_ = self.cri.create(sandbox, container_config("c", "sleepy", mounts=[mount]), sandbox_config=config)
        self.fails("UNKNOWN", "/sys/kernel: map the ids of the mount: mount_setattr: Invalid argument", of=lambda: self.cri.start(id_))
        self.assertEqual(len(pids_of(sandbox)), 1)  # pause


if __name__ == "__main__":
    unittest.main()
