#!/usr/bin/env python3
"""Writes the images that critest and the kubelet's pods ask for by name, without a registry.

images.py BUSYBOX EUID OUT    makes an OCI image layout for each of IMAGES in OUT/NUMBER; OUT/list has a line
                              "NUMBER NAME" for each

All have one root file system: Debian's dynamic busybox and its libraries (busybox-static runs its applets
inside its shell, which the specs about masked paths would take for a hole), and stand-ins for what else the
specs start: a web server that looks like nginx or httpd from outside, pgrep and ipcs, and EUID, a program
with the set-user-id bit.  The images differ in their configs.
"""
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

# What critest looks at: a process called nginx, its pid in a file, its arguments, its first line of output.
SERVER = """#!/bin/sh
echo "${0##*/}: serving"
echo $$ >/var/run/${0##*/}.pid
trap 'exit 0' TERM QUIT
httpd -f -p 80 -h /srv &
wait
"""
# pidof takes a process for a sleep when its program is another name of the same file.
PGREP = """#!/bin/sh
status=1
for folder in /proc/[0-9]*; do
	read -r name <"$folder/comm" || continue
	case $name in *"$1"*) echo "${folder#/proc/}" && status=0 ;; esac
done 2>/dev/null
exit $status
"""
SCRIPTS = {
    "usr/sbin/nginx": SERVER,
    "usr/sbin/httpd2": SERVER.replace("${0##*/}: serving", "httpd: serving"),
    "bin/pgrep": PGREP,
    "bin/ipcs": "#!/bin/sh\nexec cat /proc/sysvipc/shm\n",
}
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"
                  "nobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\nnobody:x:65534:\n",
    "srv/index.html": "<html><body>carpel</body></html>\n",
}
# The one image whose users differ, see critest's SupplementalGroupsPolicy.
GROUPS = {
    "etc/passwd": TEXTS["etc/passwd"] + "default-user:x:1000:1000::/home:/bin/sh\n",
    "etc/group": TEXTS["etc/group"] + "default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n",
}
E2E, STAGING = "registry.k8s.io/e2e-test-images/", "gcr.io/k8s-staging-cri-tools/"
IMAGES = {
    E2E + "busybox:1.29-2": {"Cmd": ["sh"]},
    E2E + "nginx:1.14-2": {"Entrypoint": ["/usr/sbin/nginx", "master process"]},
    E2E + "httpd:2.4.39-4": {"Entrypoint": ["/usr/sbin/httpd2"]},
    E2E + "nonewprivs:1.3": {"Entrypoint": ["/bin/euid"]},
    STAGING + "test-image-predefined-group:latest": {"Cmd": ["sh"], "User": "1000"},
    # For runtimes whose sandboxes are made of an image.
    "conformance.local/pause:1": {"Entrypoint": ["/bin/tail", "-f", "/dev/null"]},
}


def libraries(program):
    return re.findall(r"(/\S+) \(0x", subprocess.check_output(["ldd", program], text=True))


def add(tar, path, data=b"", mode=0o644, kind=tarfile.REGTYPE, link=""):
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode, entry.type, entry.linkname = len(data), mode, kind, link
    tar.addfile(entry, io.BytesIO(data))


def add_file(tar, path, source, mode=0o755):
    with open(source, "rb") as f:
        add(tar, path, f.read(), mode)


def layer(fill):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        fill(tar)
    return out.getvalue()


def fill_base(tar, busybox, euid):
    folders = {"proc", "dev", "sys", "tmp", "root", "home", "run", "var", "var/run", "var/www", "mnt"}
    shared = libraries(busybox)
    for path in [*SCRIPTS, *TEXTS, "bin/busybox", *(lib[1:] for lib in shared)]:
        while path := os.path.dirname(path):
            folders.add(path)
    for path in sorted(folders):
        add(tar, path, mode=0o1777 if path == "tmp" else 0o755, kind=tarfile.DIRTYPE)
    add_file(tar, "bin/busybox", busybox)
    # Hard links: a mount that masks /bin/ls must not mask the rest.
    for applet in subprocess.check_output([busybox, "--list"], text=True).split():
        if applet != "busybox" and f"bin/{applet}" not in SCRIPTS:
            add(tar, f"bin/{applet}", kind=tarfile.LNKTYPE, link="bin/busybox", mode=0o755)
    for lib in shared:
        add_file(tar, lib[1:], lib)
    add_file(tar, "bin/euid", euid, 0o4755)
    for path, text in SCRIPTS.items():
        add(tar, path, text.encode(), 0o755)
    for path, text in TEXTS.items():
        add(tar, path, text.encode())


def fill_groups(tar):
    for path, text in GROUPS.items():
        add(tar, path, text.encode())


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(out, data, kind):
    with open(f"{out}/blobs/sha256/{digest(data)[7:]}", "wb") as f:
        f.write(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(data), "size": len(data)}


def write_layout(out, name, config, layers):
    os.makedirs(f"{out}/blobs/sha256")
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    described = {"architecture": MACHINES[os.uname().machine], "os": "linux", "created": "2026-01-01T00:00:00Z",
                 "config": {"Env": [path], **config},
                 "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": put(out, json.dumps(described).encode(), "config.v1+json"),
                "layers": [put(out, data, "layer.v1.tar") for data in layers]}
    entry = put(out, json.dumps(manifest).encode(), "manifest.v1+json")
    entry["annotations"] = {"io.containerd.image.name": name}
    with open(f"{out}/index.json", "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, f)
    with open(f"{out}/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


def main():
    busybox, euid, out = sys.argv[1:]
    base, groups = layer(lambda tar: fill_base(tar, busybox, euid)), layer(fill_groups)
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/list", "w") as f:
        for number, (name, config) in enumerate(IMAGES.items()):
            write_layout(f"{out}/{number}", name, config, [base, groups] if "group" in name else [base])
            f.write(f"{number} {name}\n")


main()
