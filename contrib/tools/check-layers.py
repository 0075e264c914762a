#!/usr/bin/env python3
"""Checks who includes whom: an arrow between layers only ever points down.

usage: check-layers.py [TOP]        exit status 1 when a rule is broken
       check-layers.py --test       shows that each kind of break is found

A layer is a folder of runtime/, or probes or pause. What a layer may see is stated below and nowhere else;
a name with a slash is one header of a layer that is otherwise out of sight. Includes name the layer
("sys/ns.h"), so that a reader sees each arrow. Two libraries have one file each that may know them.
"""
import os
import re
import sys
import tempfile

MAY_SEE = {
    "base": set(),
    "spec": {"base"},
    "sys": {"base"},
    # The records of images are data, which the domain turns into plans; carpel-image itself is a program.
    "pod": {"base", "spec", "sys", "image/record.h", "image/name.h"},
    # It reads CDI's files for carpeld.
    "image": {"base", "sys", "spec/cdi.h"},
    "log": {"base", "sys"},
    "net": {"base", "sys"},
    "gate": {"base", "api"},
    "api": {"base", "spec", "pod/store.h", "log/reader.h"},
    # Sandboxes and containers as running things, and above them the two faces: CRI's, and the life cycle of Pods.
    "engine": {"base", "spec", "sys", "pod", "log", "image"},
    "cri": {"base", "spec", "sys", "pod", "api", "engine", "image", "log"},
    "daemon": {"base", "spec", "sys", "pod", "api", "log", "image", "engine", "cri"},
    # The command line is a client: of the api layer it sees the client's half only.
    "cli": {"base", "spec", "api/client.h", "api/client_grpc.h", "api/ws.h"},
    "launch": {"base", "sys", "spec/plan.h"},
    # OCI's command line: bundles become plans.  It knows nothing of pods.
    "oci": {"base", "sys", "spec/plan.h"},
    "probes": {"base", "spec/probe.h", "spec/probe_wire.h"},
    "pause": set(),
}
# Only these files may include these headers.
ALONE = {
    "yajl/": {"runtime/base/json.c", "runtime/base/json_parse.c"},
    "ev.h": {"runtime/base/loop.c"},
    "nghttp2/": {"runtime/api/"},
    "yaml.h": {"runtime/base/yaml.c"},
    "sys/usage.h": {"runtime/sys/", "runtime/image/", "runtime/engine/usage_job.h"},
    "base/yaml.h": {"runtime/base/", "runtime/cli/", "runtime/image/cdi.c"},
    "seccomp.h": {"runtime/sys/", "runtime/base/lockdown.c", "probes/confine.c", "runtime/image/confine.c"},
    "archive": {"runtime/image/"},
    "nettle/": {"runtime/image/"},
    "protobuf-c/": {"runtime/spec/", "runtime/api/", "runtime/cri/", "runtime/cli/"},
    "spec/cri.pb-c.h": {"runtime/spec/", "runtime/api/", "runtime/cri/", "runtime/cli/"},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)


def layer_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "runtime" else parts[0]


def sources(top):
    for part in ("runtime", "probes", "pause"):
        for folder, _, names in sorted(os.walk(os.path.join(top, part))):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), top)


def check_own(path, header):
    """A header of ours: is it written with its layer, and in sight?"""
    here = layer_of(path)
    if "/" not in header:
        return f'{path}: "{header}" does not name its layer'
    there = header.split("/")[0]
    if there == here:
        return None
    if here not in MAY_SEE:
        return f"{path}: {here} is a layer without a rule (contrib/tools/check-layers.py)"
    if there in MAY_SEE[here] or header in MAY_SEE[here]:
        return None
    return f'{path}: {here} may not see "{header}"'


def check_alone(path, header):
    """A library's header, or one made at build time: does it have homes, and is this one?"""
    for prefix, homes in ALONE.items():
        if header.startswith(prefix) and not any(path.startswith(home) for home in homes):
            return f"{path}: {header} belongs to {', '.join(sorted(homes))}"
    return None


def breaks(top):
    found = []
    for path in sources(top):
        with open(os.path.join(top, path), encoding="utf-8") as f:
            text = f.read()
        for quote, header in INCLUDE.findall(text):
            found.append((quote == '"' and check_own(path, header)) or check_alone(path, header))
    return [line for line in found if line]


def self_test():
    cases = [  # file, include, is it a break?
        ("runtime/base/x.c", '"sys/ns.h"', True),
        ("runtime/base/x.c", '"base/err.h"', False),
        ("runtime/base/x.c", '"err.h"', True),
        ("runtime/sys/x.c", '"spec/pod.h"', True),
        ("runtime/spec/x.h", '"sys/ns.h"', True),
        ("runtime/pod/x.c", '"daemon/daemon.h"', True),
        ("runtime/pod/x.c", '"spec/pod.h"', False),
        ("runtime/cli/x.c", '"api/client.h"', False),
        ("runtime/cli/x.c", '"api/h2.h"', True),
        ("runtime/daemon/x.c", '"cli/cli.h"', True),
        ("runtime/daemon/x.c", '"cri/cri.h"', False),
        ("runtime/cri/x.c", '"spec/cri.pb-c.h"', False),
        ("runtime/daemon/x.c", '"spec/cri.pb-c.h"', True),
        ("runtime/cri/x.c", '"engine/ctr.h"', False),
        ("runtime/cri/x.c", '"daemon/daemon.h"', True),
        ("runtime/engine/x.c", '"cri/cri.h"', True),
        ("runtime/engine/x.c", "<protobuf-c/protobuf-c.h>", True),
        ("runtime/cri/x.c", "<protobuf-c/protobuf-c.h>", False),
        ("runtime/launch/x.c", '"spec/plan.h"', False),
        ("runtime/launch/x.c", '"spec/pod.h"', True),
        ("runtime/new/x.c", '"base/err.h"', True),
        ("probes/x.c", '"spec/probe.h"', False),
        ("probes/x.c", '"spec/manifest.h"', True),
        ("runtime/daemon/x.c", '"probes/http.h"', True),
        ("pause/x.c", '"base/err.h"', True),
        ("runtime/pod/x.c", "<yajl/yajl_gen.h>", True),
        ("runtime/image/cdi.c", '"base/yaml.h"', False),
        ("runtime/engine/x.c", '"base/yaml.h"', True),
        ("runtime/base/loop.c", "<ev.h>", False),
        ("runtime/daemon/x.c", "<ev.h>", True),
    ]
    for path, include, is_break in cases:
        with tempfile.TemporaryDirectory() as top:
            os.makedirs(os.path.join(top, os.path.dirname(path)))
            with open(os.path.join(top, path), "w", encoding="utf-8") as f:
                f.write(f"#include {include}\n")
            if bool(breaks(top)) != is_break:
                sys.exit(f"{path}: #include {include}: wrongly {'allowed' if is_break else 'refused'}")


def main():
    if sys.argv[1:] == ["--test"]:
        return self_test()
    found = breaks(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(found) if found else "layers: every arrow points down")
    return 1 if found else 0


sys.exit(main())
