#!/usr/bin/env python3
"""Builds images for tests, good ones and bad ones: image_build.py tar|oci|docker OUT < SPEC

SPEC is JSON: {"layers": [[ENTRY, ...], ...], "config": {...}, "gzip": true, "spoil": WORD,
"names": [...], "link": PATH instead of Docker's layers}.  ENTRY has "path" (ending in "/": a
directory) and may have data or file (its path here), mode, uid, gid, link, hard, dev ("c 1 3"), fifo, xattr, sparse (a size).  "tar" writes the first layer alone.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile


def info(entry):
    t = tarfile.TarInfo(entry["path"].rstrip("/") or "/")
    t.name = entry["path"]
    t.mtime = entry.get("mtime", 1000000000)
    t.uid, t.gid = entry.get("uid", 0), entry.get("gid", 0)
    t.pax_headers = {f"SCHILY.xattr.{k}": v for k, v in entry.get("xattr", {}).items()}
    if "file" in entry:
        with open(entry["file"], "rb") as f:
            data = f.read()
    else:
        data = entry.get("data", "").encode()
    t.size = len(data)
    if entry["path"].endswith("/"):
        t.type, t.mode = tarfile.DIRTYPE, 0o755
    elif "link" in entry:
        t.type, t.linkname, t.mode = tarfile.SYMTYPE, entry["link"], 0o777
    elif "hard" in entry:
        t.type, t.linkname, t.mode = tarfile.LNKTYPE, entry["hard"], 0o644
    elif "dev" in entry:
        kind, major, minor = entry["dev"].split()
        t.type = tarfile.CHRTYPE if kind == "c" else tarfile.BLKTYPE
        t.devmajor, t.devminor, t.mode = int(major), int(minor), 0o666
    elif "fifo" in entry:
        t.type, t.mode = tarfile.FIFOTYPE, 0o644
    else:
        t.mode = 0o644
    if "sparse" in entry:
        t.pax_headers.update({"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0",
                              "GNU.sparse.size": str(entry["sparse"]), "GNU.sparse.name": entry["path"]})
    if "mode" in entry:
        t.mode = int(entry["mode"], 8)
    return t, data


def layer_tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            t, data = info(entry)
            tar.addfile(t, io.BytesIO(data))
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(folder, data):
    path = f"{folder}/blobs/sha256/{digest(data)[7:]}"
    with open(path, "wb") as f:
        f.write(data)
    return {"digest": digest(data), "size": len(data)}, path


def config_of(spec, tars):
    diff_ids = [digest(t) for t in tars]
    if spec.get("spoil") == "diff_id":
        diff_ids[-1] = digest(b"something else")
    if spec.get("spoil") == "count":
        diff_ids.append(diff_ids[0])
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return json.dumps({"architecture": spec.get("architecture", machine), "os": "linux",
                       "config": spec.get("config", {}),
                       "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()


def build_oci(spec, tars, out):
    spoil = spec.get("spoil")
    os.makedirs(f"{out}/blobs/sha256")
    layers = []
    for plain in tars:
        stored = gzip.compress(plain, mtime=0) if spec.get("gzip") else plain
        layer, path = put(out, stored)
        layers.append(dict(layer, mediaType="application/vnd.oci.image.layer.v1.tar"))
    layer_path = path
    if spoil == "layers":
        layers = layers * 10000
    config, config_path = put(out, config_of(spec, tars))
    kind = "application/vnd.oci.empty.v1+json" if spoil == "artifact" else "application/vnd.oci.image.config.v1+json"
    manifest, manifest_path = put(out, json.dumps(
        {"schemaVersion": 2, "config": dict(config, mediaType=kind), "layers": layers,
         **({"annotations": spec["annotations"]} if "annotations" in spec else {})}).encode())
    entry = dict(manifest, mediaType="application/vnd.oci.image.manifest.v1+json")
    name = (spec.get("names") or [None])[0]
    if name:
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = {"schemaVersion": 2, "manifests": [entry]}
    if spoil == "nested":
        nested, _ = put(out, json.dumps(index).encode())
        index["manifests"] = [dict(nested, mediaType="application/vnd.oci.image.index.v1+json")]
    with open(f"{out}/index.json", "w") as f:
        json.dump(index, f)
    with open(f"{out}/oci-layout", "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    if spoil in ("blob", "append", "truncate", "outside"):
        with open(layer_path, "rb") as f:
            data = bytearray(f.read())
        if spoil == "blob":
            data[len(data) // 2] ^= 1
        if spoil == "append":
            data += b"\0" * 512
        if spoil == "truncate":
            data = data[:len(data) // 2]
        os.unlink(layer_path)
        if spoil == "outside":
            with open(f"{out}.outside", "wb") as f:
                f.write(data)
            os.symlink(f"../../../{os.path.basename(out)}.outside", layer_path)
        else:
            with open(layer_path, "wb") as f:
                f.write(data)
    for word, path in (("config", config_path), ("manifest", manifest_path)):
        if spoil == word:
            with open(path, "ab") as f:
                f.write(b" ")


def build_docker(spec, tars, out):
    folder = f"{out}.dir"
    os.makedirs(folder)
    config = config_of(spec, tars)
    name = hashlib.sha256(config).hexdigest() + ".json"
    paths = []
    with open(f"{folder}/{name}", "wb") as f:
        f.write(config)
    for i, plain in enumerate(tars):
        os.makedirs(f"{folder}/{i}")
        paths.append(f"{i}/layer.tar")
        if "link" in spec:
            os.symlink(spec["link"], f"{folder}/{i}/layer.tar")
            continue
        if i and plain == tars[0]:
            os.symlink("../0/layer.tar", f"{folder}/{i}/layer.tar")  # as old Dockers do
            continue
        with open(f"{folder}/{i}/layer.tar", "wb") as f:
            f.write(plain)
    manifest = [{"Config": name, "RepoTags": spec.get("names"), "Layers": paths}]
    if spec.get("spoil") == "second":
        manifest.insert(0, {"Config": "none.json", "RepoTags": ["other:1"], "Layers": ["none"]})
    with open(f"{folder}/manifest.json", "w") as f:
        json.dump(manifest, f)
    with tarfile.open(out, "w") as tar:
        for name in sorted(os.listdir(folder)):
            tar.add(f"{folder}/{name}", name)
    shutil.rmtree(folder)


def main():
    kind, out = sys.argv[1:]
    spec = json.load(sys.stdin)
    tars = [layer_tar(entries) for entries in spec["layers"]]
    if kind == "tar":
        with open(out, "wb") as f:
            f.write(tars[0])
    elif kind == "oci":
        build_oci(spec, tars, out)
    else:
        build_docker(spec, tars, out)


main()
