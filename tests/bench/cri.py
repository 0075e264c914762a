"""The calls of CRI, by bench_cri over one connection: carpeld, and containerd for comparison.

cri.py carpel|containerd lives|many BUILD STATE ROOTFS     run by bench in mounts of its own; prints JSON

Sandboxes are in the machine's network, so neither needs a network plugin. What /run is on a machine, a tmpfs,
is one here too, for both.
"""
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

from common import (aligned, command_lines, fresh_filesystem, held, in_own_mounts, json_lines, memory, milliseconds,
                    number, output, pss_kib, ratio, result_of, run)

IMAGE, PAUSE = "docker.io/library/bench:1", "bench.local/pause:1"
WORDS = ["/bin/busybox", "sleep", "100000"]
RUNS, EXECS_A_RUN, CONTAINERS = number("RUNS", 60), 3, number("CRI_CONTAINERS", 1000)
CONTAINERD_RUNS = number("CONTAINERD_RUNS", 20)
START_SECONDS = 20

# call, and the measure of the floor that it is compared with: to create a container takes nothing of the kernel
CALLS = (("RunPodSandbox", "sandbox"), ("CreateContainer", None), ("StartContainer", "start"), ("ExecSync", "exec"),
         ("StopContainer", "stop"), ("StopPodSandbox", "sandbox-stop"), ("RemovePodSandbox", "sandbox-remove"),
         ("ListContainers", None))
FLOOR = [floor for _, floor in CALLS if floor]


def make_run(state):
    path = os.path.join(state, "run")
    os.makedirs(path, exist_ok=True)
    run(["mount", "-t", "tmpfs", "bench", path])
    return path


def client(build, socket, measure, runs):
    return [os.path.join(build, "bench/bench_cri"), socket, measure, str(runs), IMAGE, *WORDS]


def lives(build, socket, runs, **env):
    return json_lines(output(client(build, socket, "life", runs),
                             env=dict(os.environ, EXECS=str(EXECS_A_RUN), **env)))


def listed(build, socket, measure, look, **env):
    """CONTAINERS of them: how long their list takes, and what memory they are worth."""
    before = look()
    result, after = held(client(build, socket, measure, CONTAINERS), look, env=dict(os.environ, **env))
    return {"ListContainers": result["ListContainers"], "memory": {"before_kib": before, "after_kib": after}}


# ---- carpel ----------------------------------------------------------------------------------------------


def measure_carpel(what, build, state, rootfs):
    root = os.path.join(state, "root")
    cli = [os.path.join(build, "bin/carpel"), "--root", root]
    socket = os.path.join(make_run(root), "carpel/carpel.sock")
    try:
        run([*cli, "image", "import", IMAGE, rootfs], stdin=subprocess.DEVNULL)
        run([*cli, "info"])
        if what == "lives":
            return lives(build, socket, RUNS)
        return listed(build, socket, "many", lambda: memory(root))
    finally:
        subprocess.run([*cli, "down"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- containerd ------------------------------------------------------------------------------------------


def write_image(path, name, files, entrypoint):
    """An archive as docker saves one: a layer, a config, a manifest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for source, target in files:
            tar.add(source, target)
    bytes_of = {"layer.tar": layer.getvalue()}
    digest = hashlib.sha256(bytes_of["layer.tar"]).hexdigest()
    bytes_of["config.json"] = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os": "linux", "config": {"Entrypoint": entrypoint},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}}).encode()
    bytes_of["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": [name],
                                             "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, content in bytes_of.items():
            info = tarfile.TarInfo(file)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def write_config(state, run_dir):
    path = os.path.join(state, "containerd.toml")
    socket = os.path.join(run_dir, "containerd.sock")
    with open(path, "w") as f:
        f.write(f"""version = 2
root = "{state}/lib"
state = "{run_dir}/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  stream_server_port = "0"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{state}/cni"
  conf_dir = "{state}/cni"
""")
    return path, socket


def wait_until_it_answers(daemon, socket, log):
    end = time.monotonic() + START_SECONDS
    while subprocess.run(["ctr", "--address", socket, "version"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).returncode != 0:
        if daemon.poll() is not None or time.monotonic() > end:
            with open(log, errors="replace") as f:
                raise SystemExit("it does not start: " + (f.read().strip().splitlines() or [""])[-1])
        time.sleep(0.1)


def import_images(state, rootfs, socket):
    for name, files, entrypoint in ((IMAGE, [(rootfs, ".")], None),
                                    (PAUSE, [("/bin/busybox", "busybox")], ["/busybox", "sleep", "100000"])):
        path = os.path.join(state, "image.tar")
        write_image(path, name, files, entrypoint)
        run(["ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", path])


def measure_containerd(what, build, state, rootfs):
    config, socket = write_config(state, make_run(state))
    log = os.path.join(state, "containerd.log")
    with open(log, "w") as f:
        daemon = subprocess.Popen(["containerd", "--config", config], stdin=subprocess.DEVNULL, stdout=f, stderr=f)

    def look():
        shims = (pid for pid, _, _, words in command_lines() if words[0].endswith("containerd-shim-runc-v2"))
        return {"containerd": pss_kib(daemon.pid), "containerd's shims": sum(map(pss_kib, shims))}

    try:
        wait_until_it_answers(daemon, socket, log)
        import_images(state, rootfs, socket)
        parent = {"CGROUP_PARENT": "/carpel-bench"}
        if what == "lives":
            return lives(build, socket, CONTAINERD_RUNS, **parent)
        # Created and not started, which would take it minutes.
        return listed(build, socket, "created", look, **parent)
    finally:
        daemon.terminate()
        daemon.wait()


# ---- for bench -------------------------------------------------------------------------------------------


def measure(what, build, state, rootfs):
    """{"carpel": …, "containerd": …}; of containerd, where it cannot run, the reason."""
    result = {}
    # In PIDs of its own nothing of containerd outlives us.
    for runtime, flags in (("carpel", ()), ("containerd", ("--pid", "--fork", "--kill-child", "--mount-proc"))):
        if runtime == "containerd" and not all(map(shutil.which, ("containerd", "ctr", "runc"))):
            result[runtime] = {"missing": "not installed"}
            continue
        with fresh_filesystem(state, f"cri-{runtime}-{what}") as own:
            argv = [sys.executable, "-B", os.path.abspath(__file__), runtime, what, build, own, rootfs]
            result[runtime] = result_of(in_own_mounts(argv, *flags, without_v2=runtime != "carpel"))
    if "missing" in result["carpel"]:
        raise SystemExit("bench: CRI: " + result["carpel"]["missing"])
    return result


def table(cri, floor):
    ours, theirs = cri["carpel"], cri["containerd"]
    rows = [("CRI call", "n", "p50 ms", "p99 ms", "floor ms", "to the floor", "containerd ms", "to carpel")]
    for call, measure_of_floor in CALLS:
        r, base, other = ours[call], floor.get(measure_of_floor), theirs.get(call)
        rows.append((f"{call} of {CONTAINERS}" if call == "ListContainers" else call, str(r["n"]),
                     milliseconds(r["p50_us"]), milliseconds(r["p99_us"]),
                     milliseconds(base["p50_us"]) if base else "", ratio(r["p50_us"], base["p50_us"]) if base else "",
                     milliseconds(other["p50_us"]) if other else "", ratio(other["p50_us"], r["p50_us"]) if other else ""))
    facts = [(f"PSS of {name}", f"{before} KiB, with {CONTAINERS} containers {r['memory']['after_kib'][name]} KiB")
             for r in (ours, theirs) if "memory" in r for name, before in r["memory"]["before_kib"].items()]
    facts.append(("containerd", theirs.get("missing", "its containers of the list are created and not started")))
    return aligned(rows) + "\n\n" + aligned(facts)


if __name__ == "__main__":
    _, which, of_what, build_dir, state_dir, image = sys.argv
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print(json.dumps((measure_carpel if which == "carpel" else measure_containerd)(
            of_what, build_dir, state_dir, image)))
    except subprocess.CalledProcessError:
        sys.exit(1)  # what failed has said why
