#!/usr/bin/env python3
"""One specification of a container for carpel-launch, runc and crun, and what each made of it.

  differential.py plan SPEC RUN                 records of a launch plan, see tests/bats/lib/launch.bash
  differential.py bundle SPEC RUN CGROUP        config.json of OCI
  differential.py look                          the guest's arguments
  differential.py cgroups PATH                  the limits that the host sees at PATH, a fact a line
  differential.py compare SPEC DIR TABLE MAN    DIR/NAME.out and DIR/NAME.cgroups for NAME launch, oci, runc, crun

TABLE lists what may differ, and must: an unlisted difference fails, and so does a listed one that did not occur.
It is paragraphs: a reason, which the manual page has word for word, then indented "KEY | RUNTIME… | OURS | THEIRS",
where KEY, OURS and THEIRS are patterns of the shell, and a KEY may begin with words that limit it to a
specification, to launch (a plan for carpel-launch) or to oci (carpel-oci): "root,oci:".
"""
import fnmatch
import json
import os
import re
import resource
import sys

CAPS = ("CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE").split()
CAPS_MASK = "5fb"
PROFILE = "/usr/share/containers/seccomp.json"  # of golang-github-containers-common
RUNTIMES = ("runc", "crun")
FACES = ("launch", "oci")
HIDDEN = ["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
          "/sys/devices/virtual/powercap", "/sys/fs/selinux"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
SPECS = {
    "root": {"user": (0, 0), "groups": [], "env": ["A=b", "PATH=/bin", "HOME=/h"], "cwd": "/", "read_only": False},
    "user": {"user": (1000, 1001), "groups": [7, 8], "env": ["A=b c", "PATH=/bin", "HOME=/h"], "cwd": "/tmp",
             "read_only": True},
}
LIMITS = {"memory": 64 << 20, "swap": 64 << 20, "shares": 512, "quota": 20000, "period": 100000, "pids": 50}
OOM_SCORE = 500
V1_FILES = {"memory": ("limit_in_bytes", "memsw.limit_in_bytes", "swappiness", "oom_control", "soft_limit_in_bytes",
                       "use_hierarchy", "move_charge_at_immigrate"),
            "cpu": ("shares", "cfs_quota_us", "cfs_period_us", "idle"),
            "pids": ("max",), "devices": ("list",), "freezer": ("state",),
            "cpuset": ("cpus", "mems")}
LOOK = ["report", "ns", "mounts", "cat /proc/self/limits", "cat /proc/self/cgroup", "keyring", "ls /dev",
        "stat /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx /dev/pts /dev/shm /dev/mqueue",
        "stat " + " ".join(HIDDEN), "ls /proc/acpi", "ls /sys/firmware", "open w /proc/sys/kernel/hostname",
        "write /x y", "write /vol/x y", "write /vol/sub/x y", "write /dev/x y", "write /tmp/x y",
        "mkdir /sys/fs/cgroup/x", "mkdir /sys/fs/cgroup/pids/x", "open r /image-zero", "open r /vol/zero",
        "connect 9", "try every", "sleepy up"]


def own_limits():
    """What carpel sets, as far as the machine lets it, for the others to set the same."""
    inf = resource.RLIM_INFINITY
    for name, soft, hard in (("NOFILE", 1024, 524288), ("CORE", 0, 0), ("STACK", 8 << 20, inf), ("NPROC", inf, inf),
                             ("FSIZE", inf, inf), ("DATA", inf, inf), ("AS", inf, inf), ("CPU", inf, inf)):
        top = resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1]
        cut = [v if top == inf or (v != inf and v < top) else top for v in (soft, hard)]
        yield {"type": "RLIMIT_" + name, "soft": cut[0] % (1 << 64), "hard": cut[1] % (1 << 64)}


def plan(spec, run):
    s = SPECS[spec]
    yield f"caps={CAPS_MASK}"
    yield "no-new-privs=1"
    yield f"seccomp-file={run}/profile"
    yield "user=%d:%d" % s["user"]
    yield from (f"group={g}" for g in s["groups"])
    yield from (f"env={e}" for e in s["env"])
    yield f"cwd={s['cwd']}"
    yield f"oom-score-adj={OOM_SCORE}"
    yield f"read-only-root={int(s['read_only'])}"
    yield f"mount=rro,{run}/vol:/vol"
    yield "masks=given"
    yield from (f"masked={p}" for p in HIDDEN)
    yield from (f"readonly-path={p}" for p in READ_ONLY)


def applies(rule):
    """Of the rules of a profile with conditions on capabilities and architectures, those for this container."""
    caps = {"CAP_" + c for c in CAPS}
    arches = {"amd64", "x86", "x32"} if os.uname().machine == "x86_64" else {"arm64", "arm"}

    def holds(c):
        return all(caps & {x} for x in c.get("caps", ())) and (not c.get("arches") or arches & set(c["arches"]))
    excludes = rule.get("excludes") or {}
    is_excluded = caps & set(excludes.get("caps", ())) or arches & set(excludes.get("arches", ()))
    return holds(rule.get("includes") or {}) and not is_excluded


def seccomp():
    with open(PROFILE) as f:
        profile = json.load(f)
    native = "SCMP_ARCH_X86_64" if os.uname().machine == "x86_64" else "SCMP_ARCH_AARCH64"
    arch = next(a for a in profile["archMap"] if a["architecture"] == native)
    rules = []
    for r in filter(applies, profile["syscalls"]):
        kept = {k: r[k] for k in ("names", "action", "errnoRet") if r.get(k) is not None}
        if r.get("args"):
            kept["args"] = r["args"]
        rules.append(kept)
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
            "architectures": [native, *arch["subArchitectures"]], "syscalls": rules}


def mount(target, kind, source, *options):
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def bundle(spec, run, cgroup):
    s = SPECS[spec]
    caps = ["CAP_" + c for c in CAPS]
    harmless = ("nosuid", "noexec", "nodev")
    return {
        "ociVersion": "1.0.2", "hostname": "podhost", "root": {"path": f"{run}/rootfs", "readonly": s["read_only"]},
        "process": {
            "terminal": False, "user": {"uid": s["user"][0], "gid": s["user"][1], "additionalGids": s["groups"]},
            "args": ["/guest", "all", *LOOK], "env": s["env"], "cwd": s["cwd"], "noNewPrivileges": True,
            "capabilities": {"bounding": caps, "permitted": caps, "effective": caps},
            "rlimits": list(own_limits()), "oomScoreAdj": OOM_SCORE},
        "mounts": [
            mount("/proc", "proc", "proc", *harmless),
            mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
                  "gid=5"),
            mount("/dev/shm", "tmpfs", "shm", *harmless, "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", "mqueue", *harmless),
            mount("/sys", "sysfs", "sysfs", *harmless, "ro"),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", *harmless, "relatime", "ro"),
            mount("/vol", "bind", f"{run}/vol", "rbind", "rro", "rprivate")],
        "linux": {
            "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "network", "cgroup")],
            "cgroupsPath": cgroup, "seccomp": seccomp(), "maskedPaths": HIDDEN, "readonlyPaths": READ_ONLY,
            "resources": {
                "devices": [{"allow": False, "access": "rwm"}], "pids": {"limit": LIMITS["pids"]},
                "memory": {"limit": LIMITS["memory"], "swap": LIMITS["swap"]},
                "cpu": {k: LIMITS[k] for k in ("shares", "quota", "period")}}}}


def cgroup_facts(path):
    for controller, files in V1_FILES.items():
        for name in files:
            file = f"/sys/fs/cgroup/{controller}/{path}/{controller}.{name}"
            try:
                with open(file) as f:
                    text = " ".join(f.read().split())
            except OSError:
                text = "absent"
            yield f"cgroup.{controller}.{name} {text}"


# ---- facts ----

SHOWN_OPTIONS = re.compile(r"^(size|mode|gid|ptmxmode|nr_blocks|nr_inodes|ro|hidepid|subset)(=|$)")


def mount_fact(line):
    fields = line.split()
    dash = fields.index("-")
    peers = [f.split(":")[0] for f in fields[6:dash]]
    options = [o for o in fields[dash + 3].split(",") if SHOWN_OPTIONS.match(o) and not o == "ro"]
    kind = fields[dash + 1]
    if kind in ("cgroup", "cgroup2"):
        options = []
    text = f"{kind} {fields[5]} {','.join(sorted(options)) or '-'} {','.join(peers) or 'private'}"
    return "mount." + fields[4], text


def limit_fact(line):
    m = re.match(r"(Max [a-z -]+?) {2,}(\S+) +(\S+)", line)
    return m and ("limit." + m[1][4:].replace(" ", "-"), f"{m[2]} {m[3]}")


def without_glibcs_signals(mask):
    """Whoever was started by posix_spawn(3), as by make, ignores 32 and 33, and so do its children; carpel's do not."""
    return f"{int(mask, 16) & ~(3 << 31):016x}"


def section_facts(look, lines):
    """(key, value) of what one applet printed."""
    word = look.split()[0]
    for line in lines:
        if word == "mounts":
            yield mount_fact(line)
        elif look.endswith("/limits"):
            if limit_fact(line):
                yield limit_fact(line)
        elif look.endswith("/cgroup"):
            controller = line.split(":", 2)
            yield "own-cgroup." + (controller[1] or "unified"), controller[2]
        elif word == "ls":
            yield look + "." + line, "there"
        elif word == "ns":
            name, value = line.split()
            yield "ns." + name, "host" if value == os.readlink(f"/proc/self/ns/{name}") else "own"
        elif word == "keyring":
            yield "keyring", ";".join(line.split(" ", 2)[2].split(";")[:4]) if ";" in line else line
        else:
            key, _, value = line.partition(" ")
            yield f"{word}.{key}", without_glibcs_signals(value) if key == "ignored" else value


def facts(out, cgroups):
    seen = {}

    def add(key, value):
        seen[key] = f"{seen[key]} + {value}" if key in seen else value
    sections = [[]]
    with open(out) as f:
        for line in f.read().splitlines():
            if line == "--":
                sections.append([])
            else:
                sections[-1].append(line)
    if len(sections) != len(LOOK):
        sys.exit(f"{out}: {len(sections)} parts of {len(LOOK)}: {sections}")
    for look, lines in zip(LOOK, sections):
        for key, value in section_facts(look, lines):
            add(key, value)
    with open(cgroups) as f:
        for line in f:
            add(*line.strip().split(" ", 1))
    return seen


# ---- the table ----

class Row:
    def __init__(self, line):
        parts = [p.strip() for p in line.split("|")]
        if len(parts) != 4:
            sys.exit(f"no row: {line}")
        head, _, rest = parts[0].partition(":")
        words = head.split(",") if rest else []
        self.is_limited = bool(words) and set(words) <= {*SPECS, *FACES}
        self.limits = set(words) if self.is_limited else set()
        self.key, self.runtimes = rest if self.is_limited else parts[0], parts[1].split()
        self.ours, self.theirs, self.line = parts[2], parts[3], line.strip()

    def covers(self, runtime, key, ours, theirs):
        return (runtime in self.runtimes and fnmatch.fnmatchcase(key, self.key) and
                fnmatch.fnmatchcase(ours, self.ours) and fnmatch.fnmatchcase(theirs, self.theirs))

    def concerns(self, spec, face):
        return (not self.limits & set(SPECS) or spec in self.limits) and (not self.limits & set(FACES) or face in self.limits)


def read_table(path):
    rows, reasons, is_reason = [], [], False
    with open(path) as f:
        for line in f:
            if line.startswith("#") or not line.strip():
                is_reason = False
            elif line[0].isspace():
                rows.append(Row(line))
                is_reason = False
            else:
                reasons.append(f"{reasons.pop()} {line.strip()}" if is_reason else line.strip())
                is_reason = True
    return rows, reasons


def compare_face(spec, face, where, rows):
    ours = facts(f"{where}/{face}.out", f"{where}/{face}.cgroups")
    concerned = [r for r in rows if r.concerns(spec, face)]
    met, failed = set(), 0
    for runtime in RUNTIMES:
        theirs = facts(f"{where}/{runtime}.out", f"{where}/{runtime}.cgroups")
        for key in sorted(ours.keys() | theirs.keys()):
            a, b = ours.get(key, "absent"), theirs.get(key, "absent")
            found = {r.line for r in concerned if r.covers(runtime, key, a, b)} if a != b else set()
            met |= found
            if a != b and not found:
                failed += 1
                print(f"not in the table: {spec},{face}:{key} | {runtime} | {a} | {b}")
    for r in concerned:
        if r.line not in met:
            failed += 1
            print(f"in the table, but did not occur with {spec},{face}: {r.line}")
    print(f"{spec},{face}: {len(ours)} facts")
    return failed + (len(ours) < 150)


def compare(spec, where, table, man):
    rows, reasons = read_table(table)
    failed = sum(compare_face(spec, face, where, rows) for face in FACES)
    with open(man) as f:
        text = " ".join(line for line in f.read().split("\n") if not line.startswith("."))
    for reason in reasons:
        if reason not in text:
            failed += 1
            print(f"not in the manual page: {reason}")
    sys.exit(failed > 0)


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "plan":
        print("\n".join(plan(*args)))
    elif verb == "bundle":
        json.dump(bundle(*args), sys.stdout)
    elif verb == "look":
        print("\n".join(LOOK))
    elif verb == "cgroups":
        print("\n".join(cgroup_facts(*args)))
    elif verb == "compare":
        compare(*args)
    else:
        sys.exit(__doc__)


main()
