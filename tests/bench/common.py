"""What the parts of the bench share: how they start programs, read processes and print tables."""
import contextlib
import json
import os
import subprocess

UNIFIED = "/sys/fs/cgroup/unified"
FILESYSTEM_BYTES = 4 << 30  # sparse


def number(name, default):
    return int(os.environ.get(name, default))


def run(argv, **kwargs):
    kwargs.setdefault("stdout", subprocess.DEVNULL)
    return subprocess.run(argv, check=True, timeout=600, **kwargs)


def output(argv, **kwargs):
    return run(argv, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def json_lines(text):
    return {line["name"]: line for line in map(json.loads, text.splitlines())}


def held(argv, look, **kwargs):
    """Of a client that prints results, says that it holds what it made, and lets go when its input ends: its
    results, and what look() sees meanwhile."""
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **kwargs)
    text, seen = "", None
    for line in client.stdout:
        if '"held"' in line:
            seen = look()
            break
        text += line
    client.stdin.close()
    text += client.stdout.read()
    if client.wait(600) != 0 or seen is None:
        raise SystemExit("bench: the client failed")
    return json_lines(text), seen


# ---- processes -------------------------------------------------------------------------------------------


def command_lines():
    """pid, name, parent and words of each process."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
            with open(f"/proc/{entry}/stat") as f:
                stat = f.read()
        except OSError:
            continue
        yield int(entry), stat[stat.index("(") + 1 : stat.rindex(")")], int(stat[stat.rindex(")") + 2 :].split()[1]), words


def processes(root):
    """Our daemons of that root, by name: carpeld, its keeper and its helpers, and all pauses."""
    found, all_of_them = {}, list(command_lines())
    for pid, name, _, words in all_of_them:
        if name == "carpeld" and root in words:
            found["keeper" if "--keep" in words else "carpeld"] = pid
    for pid, name, parent, _ in all_of_them:
        if parent == found.get("carpeld") and name in ("carpel-launch", "carpel-log", "carpel-probe"):
            found[name] = pid
    found["pauses"] = [pid for pid, name, parent, _ in all_of_them if name == "carpel-pause" and parent in
                       (found.get("carpeld"), found.get("keeper"))]
    return found


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def memory(root):
    all_of_it = processes(root)
    kib = {name: pss_kib(pid) for name, pid in all_of_it.items() if name != "pauses"}
    kib["pauses"] = sum(pss_kib(pid) for pid in all_of_it["pauses"])
    return kib


# ---- mounts of one's own ---------------------------------------------------------------------------------


def in_own_mounts(argv, *flags, without_v2=True):
    """Without the v2 mount the machine looks like one of cgroup v1, which all other runtimes know."""
    script = f'umount {UNIFIED} && exec "$@"' if without_v2 and os.path.ismount(UNIFIED) else 'exec "$@"'
    return ["unshare", "-m", "--propagation", "private", *flags, "sh", "-c", script, "sh", *argv]


@contextlib.contextmanager
def fresh_filesystem(state, name):
    """A directory that is an ext4 of its own, where the kernel has loop devices. ext4 does not use the inodes of
    deleted files again for minutes and looks at each of them meanwhile: on a shared one each measure would pay
    for what those before it deleted. Whoever calls is in a mount namespace of his own."""
    path, image = os.path.join(state, name), os.path.join(state, name + ".ext4")
    os.mkdir(path)
    with open(image, "wb") as f:
        f.truncate(FILESYSTEM_BYTES)
    run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image])
    is_mounted = subprocess.run(["mount", "-o", "loop", image, path], stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield path
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", path])
        os.remove(image)


def result_of(argv):
    """The JSON that a program prints, or the last line of its complaint as {"missing": …}."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    return {"missing": (done.stderr.strip().splitlines() or ["it failed"])[-1]}


# ---- tables ----------------------------------------------------------------------------------------------


def milliseconds(us):
    return f"{us / 1000:.2f}"


def ratio(a, b):
    return f"{a / b:.2f}" if b else "-"


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows)
