#!/usr/bin/env bats
# carpel-image by itself: each test has a store of its own; what an image became is looked at through
# overlayfs, mounted in a mount namespace of the test's own.
#
# Scripts for the inner shell stand in single quotes; each test has its own STORE; bats sets the rest.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	IMAGE="${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}/carpel-image"
	T="$BATS_TEST_TMPDIR"
	STORE="$T/store"
	export STORE T
}

xattr() { # FILE NAME [VALUE in hexadecimal]: shows (as text or hexadecimal) or sets an attribute
	python3 -c 'import os, sys
if len(sys.argv) > 3:
    os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))
elif len(sys.argv) > 2:
    print(os.getxattr(sys.argv[1], sys.argv[2]).hex())
else:
    print(*sorted(os.listxattr(sys.argv[1])))' "$@"
}
export -f xattr

teardown() {
	rm -rf "$T/store" "$T/source"
}

build() { # KIND OUT, the specification on standard input
	python3 "$BATS_TEST_DIRNAME/image_build.py" "$@"
}

image() {
	"$IMAGE" --store "$STORE" "$@"
}

# refused REASON IMPORT-ARGUMENT...: the import fails with one line of that reason and leaves nothing.
refused() {
	local reason="$1"

	shift
	run --separate-stderr image "$@"
	echo "status $status: $stderr"
	[ "$status" -ne 0 ]
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$reason"* ]]
	[ "$(image list | field 'len(j["items"])')" = 0 ]
	is_clean
}

is_clean() { # no layers, nothing half made
	[ -z "$(find "$STORE/layers" "$STORE/tmp" "$STORE/images" -mindepth 1)" ]
}

layers() {
	find "$STORE/layers" -mindepth 1 -maxdepth 1 | wc -l
}

field() { # EXPRESSION of j, from JSON on standard input
	python3 -c 'import json, sys
j = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# merged NAME SCRIPT: runs the script in the image's root file system as a container would see it.
merged() {
	local lower

	lower=$(image list | field '":".join(l.replace("sha256:", "") for i in j["items"] if i["name"] == "'"$1"'" for l in i["layers"])')
	[ -n "$lower" ]
	mkdir -p "$T/empty" "$T/merged"
	(cd "$STORE/layers" && unshare --mount bash -ec '
		mount -t overlay -o "ro,lowerdir=$1:$T/empty" none "$T/merged"
		cd "$T/merged"
		eval "$2"' bash "$lower" "$2")
}

NET_RAW=0100000200200000000000000000000000000000 # a capability as the kernel keeps it with a file

a_directory() {
	mkdir -p "$T/source/bin" "$T/source/etc" "$T/source/tmp"
	echo one >"$T/source/etc/one"
	printf '#!/bin/sh\n' >"$T/source/bin/su"
	chmod 4755 "$T/source/bin/su"
	ln "$T/source/etc/one" "$T/source/etc/first"
	ln -s ../../../etc "$T/source/etc/up"
	chmod 1777 "$T/source/tmp"
	chown 12:34 "$T/source/etc/one"
	touch -d @1000000000 "$T/source/etc/one" "$T/source/etc" "$T/source"
}

@test "a directory becomes an image, with all that its files are" {
	a_directory
	mkfifo "$T/source/pipe"
	mknod "$T/source/null" c 1 3
	truncate -s 100M "$T/source/hole"
	xattr "$T/source/etc/one" user.note 6b657074
	xattr "$T/source/etc" trusted.overlay.opaque 79
	xattr "$T/source/bin/su" security.capability "$NET_RAW"
	image import dir "$T/source" >"$T/record"
	[ "$(field 'j["ref"]' <"$T/record")" = docker.io/library/dir:latest ]
	[ "$(field 'len(j["layers"])' <"$T/record")" = 1 ]
	[ "$(field 'j["sizeBytes"]' <"$T/record")" = $((100 * 1024 * 1024 + 10 + 4)) ]
	merged dir '
		[ "$(stat -c "%a %u:%g %h %Y" etc/one)" = "644 12:34 2 1000000000" ]
		[ "$(stat -c %i etc/one)" = "$(stat -c %i etc/first)" ]
		[ "$(stat -c "%a %Y" etc)" = "755 1000000000" ]
		[ "$(stat -c %a bin/su)" = 4755 ]
		[ "$(stat -c %a tmp)" = 1777 ]
		[ "$(readlink etc/up)" = ../../../etc ]
		[ "$(stat -c %s hole)" = 104857600 ]
		[ "$(stat -c %b hole)" -lt 100 ]
		[ -p pipe ]
		[ ! -e null ]
		[ "$(xattr etc/one user.note)" = 6b657074 ]
		[ "$(xattr bin/su security.capability)" = '"$NET_RAW"' ]'
	[ "$(xattr "$STORE"/layers/*/etc)" = "" ]
}

@test "equal directories are one layer, different ones are not" {
	a_directory
	cp -a "$T/source" "$T/same"
	image import one "$T/source" >/dev/null
	image import two "$T/same" >/dev/null
	[ "$(layers)" -eq 1 ]
	touch -d @1000000001 "$T/same/etc/one"
	image import three "$T/same" >/dev/null
	[ "$(layers)" -eq 2 ]
}

@test "a directory's copy stays on its file system, off the store, and follows no link" {
	mkdir -p "$T/source/mounted" "$T/source/bound" "$T/source/var"
	STORE="$T/source/var/store"
	echo secret >"$T/secret"
	ln -s "$T/secret" "$T/source/link"
	unshare --mount sh -ec '
		mount -t tmpfs none "$1/source/mounted"
		mount --bind /etc "$1/source/bound"
		echo no >"$1/source/mounted/file"
		"$2" --store "$3" import dir "$1/source" >/dev/null' sh "$T" "$IMAGE" "$STORE"
	merged dir '
		[ -d mounted ]
		[ -z "$(ls -A mounted)" ]
		[ -z "$(ls -A bound)" ]
		[ -d var/store ]
		[ -z "$(ls -A var/store)" ]
		[ -L link ]'
}

@test "a tar is the same layer however it is compressed" {
	local tool

	a_directory
	tar -C "$T/source" -cf "$T/a.tar" .
	image import plain "$T/a.tar" >"$T/record"
	[ "$(field 'j["layers"][0]' <"$T/record")" = "sha256:$(sha256sum <"$T/a.tar" | cut -d' ' -f1)" ]
	for tool in gzip bzip2 xz zstd; do
		$tool -c <"$T/a.tar" >"$T/a.tar.$tool"
		image import "$tool" "$T/a.tar.$tool" >/dev/null
	done
	[ "$(layers)" -eq 1 ]
	[ "$(image list | field 'len(j["items"])')" = 5 ]
	merged xz '
		[ "$(cat etc/one)" = one ]
		[ "$(stat -c "%a %u:%g %h %Y" etc/one)" = "644 12:34 2 1000000000" ]
		[ "$(stat -c %a bin/su)" = 4755 ]
		[ "$(stat -c "%a %Y" etc)" = "755 1000000000" ]'
}

@test "names are bytes, in whatever locale" {
	local format

	mkdir -p "$T/source"
	touch "$T/source/ä€" "$T/source/"$'raw\xff' "$T/source/"$'new\nline'
	ln -s ziel-ü "$T/source/link"
	for format in pax gnu ustar; do
		tar -C "$T/source" --format="$format" -cf "$T/$format.tar" .
		env -i "$IMAGE" --store "$STORE" import "$format" "$T/$format.tar" >/dev/null
		diff <(cd "$T/source" && find . -printf '%p %l\0' | sort -z) \
			<(merged "$format" "find . -printf '%p %l\0'" | sort -z)
	done
}

@test "an OCI layout, directory or tar, brings its configuration" {
	local source

	build oci "$T/layout" <<-'EOS'
		{"layers": [[{"path": "etc/"}, {"path": "etc/low", "data": "low"}],
			[{"path": "etc/high", "data": "high", "uid": 7}]], "gzip": true,
		 "config": {"User": "app:1", "Env": ["PATH=/bin", "A=b=c"], "Entrypoint": ["/bin/app", "-x"],
			"Cmd": null, "WorkingDir": "/srv", "StopSignal": "SIGQUIT", "Volumes": {"/data": {}},
			"ExposedPorts": {"80/tcp": {}}}}
	EOS
	tar -C "$T/layout" -czf "$T/layout.tgz" .
	for source in layout layout.tgz; do
		image import "app:$source" "$T/$source" >"$T/record"
		[ "$(field 'j["config"]["User"]' <"$T/record")" = app:1 ]
		[ "$(field 'j["config"]["Env"]' <"$T/record")" = "['PATH=/bin', 'A=b=c']" ]
		[ "$(field 'j["config"]["Entrypoint"]' <"$T/record")" = "['/bin/app', '-x']" ]
		[ "$(field '"Cmd" in j["config"]' <"$T/record")" = False ]
		[ "$(field 'j["config"]["WorkingDir"]' <"$T/record")" = /srv ]
		[ "$(field 'j["config"]["StopSignal"]' <"$T/record")" = SIGQUIT ]
		[ "$(field 'j["config"]["Volumes"]' <"$T/record")" = "['/data']" ]
		[ "$(field 'j["sizeBytes"]' <"$T/record")" = 7 ]
		[ "$(field 'j["digest"]' <"$T/record")" = "$(field 'j["manifests"][0]["digest"]' <"$T/layout/index.json")" ]
		[ -f "$T/layout/blobs/sha256/$(field 'j["id"][7:]' <"$T/record")" ]
		merged "app:$source" '[ "$(cat etc/low etc/high)" = lowhigh ] && [ "$(stat -c %u etc/high)" = 7 ]'
	done
	[ "$(layers)" -eq 2 ]
	[ -z "$(ls -A "$STORE/tmp")" ]
}

@test "an index below an index" {
	build oci "$T/layout" <<<'{"layers": [[{"path": "a", "data": "x"}]], "spoil": "nested"}'
	image import nested "$T/layout"
}

@test "what docker save writes, one image or several" {
	build docker "$T/one.tar" <<-'EOS'
		{"layers": [[{"path": "a", "data": "1"}], [{"path": "b", "data": "2"}], [{"path": "a", "data": "1"}]],
		 "config": {"Cmd": ["/a"]}, "names": ["web:1"]}
	EOS
	build docker "$T/two.tar" <<<'{"layers": [[{"path": "c", "data": "3"}]], "spoil": "second", "names": ["web:2"]}'
	image import anything "$T/one.tar" >"$T/record"
	[ "$(field 'j["config"]["Cmd"]' <"$T/record")" = "['/a']" ]
	[ "$(field 'len(set(j["layers"]))' <"$T/record")" = 3 ]
	merged anything '[ "$(cat a b)" = 12 ]'
	image import web:2 "$T/two.tar"
	run image import web:3 "$T/two.tar"
	[ "$status" -ne 0 ]
	[[ $output == *"2 images, and none is called docker.io/library/web:3"* ]]
}

@test "whiteouts, opaque directories, and what comes back" {
	build oci "$T/layout" <<-'EOS'
		{"layers": [[
			{"path": "gone", "data": "x"}, {"path": "gonedir/"}, {"path": "gonedir/x", "data": "x"},
			{"path": "opaque/"}, {"path": "opaque/low", "data": "x"}, {"path": "opaque/sub/"},
			{"path": "late/"}, {"path": "late/low", "data": "x"},
			{"path": "back/"}, {"path": "back/low", "data": "x"}, {"path": "after/"}, {"path": "after/low", "data": "x"},
			{"path": "dir/"}, {"path": "dir/low", "data": "x"}, {"path": "file", "data": "x"}, {"path": "stays", "data": "x"}
		], [
			{"path": ".wh.gone"}, {"path": ".wh.gonedir"}, {"path": ".wh.never"}, {"path": ".wh..wh.plnk"},
			{"path": "opaque/"}, {"path": "opaque/.wh..wh..opq"}, {"path": "opaque/new", "data": "n"},
			{"path": "late/"}, {"path": "late/new", "data": "n"}, {"path": "late/.wh..wh..opq"},
			{"path": ".wh.back"}, {"path": "back/"}, {"path": "back/new", "data": "n"},
			{"path": "after/"}, {"path": "after/new", "data": "n"}, {"path": ".wh.after"},
			{"path": "dir", "data": "now a file"}, {"path": "file/"}, {"path": "file/in", "data": "n"}
		], [{"path": ".wh.gonedir"}, {"path": "dir/"}, {"path": "dir/top", "data": "t"}, {"path": "gone", "data": "again"}]]}
	EOS
	image import white "$T/layout"
	merged white '
		[ "$(cat gone)" = again ]
		[ ! -e gonedir ]
		[ "$(ls opaque)" = new ]
		[ "$(ls late)" = new ]
		[ "$(ls back)" = new ]
		[ "$(ls after)" = new ]
		[ "$(ls file)" = in ]
		[ "$(ls dir)" = top ]
		[ -f stays ]
		[ -z "$(find . -name ".wh*")" ]'
	[ "$(find "$STORE/layers" -type c | wc -l)" -eq 2 ] # where something is to hide, and nowhere else
}

@test "a hidden directory lends nothing to one that comes back" {
	build oci "$T/layout" <<-'EOS'
		{"layers": [[{"path": "a/"}, {"path": "a/b/", "mode": "1777", "uid": 5}, {"path": "c/"}, {"path": "c/d/", "uid": 5},
				{"path": "e/"}, {"path": "e/f", "link": "../a"}],
			[{"path": "a/"}, {"path": "a/.wh..wh..opq"}, {"path": ".wh.c"}, {"path": "e/"}, {"path": "e/.wh..wh..opq"},
				{"path": "e/f/g", "data": "x"}],
			[{"path": "a/b/x", "data": "x"}, {"path": "c/d/x", "data": "x"}]]}
	EOS
	image import hidden "$T/layout"
	merged hidden '
		[ "$(stat -c "%a %u" a/b)" = "755 0" ]
		[ "$(stat -c %u c/d)" = 0 ]
		[ -d e/f ]
		[ "$(ls e/f a)" = "$(printf "a:\nb\n\ne/f:\ng")" ]'
}

@test "an opaque root hides all that is below" {
	build oci "$T/layout" <<-'EOS'
		{"layers": [[{"path": "low", "data": "x"}, {"path": "both/"}, {"path": "both/low", "data": "x"}],
			[{"path": "both/"}, {"path": "both/new", "data": "n"}, {"path": ".wh..wh..opq"}, {"path": "new", "data": "n"}]]}
	EOS
	image import white "$T/layout"
	merged white '[ "$(echo *)" = "both new" ] && [ "$(ls both)" = new ]'
}

@test "what a layer takes from those below: directories, links, files behind hard links" {
	build oci "$T/layout" <<-'EOS'
		{"layers": [[
			{"path": "var/"}, {"path": "var/tmp/", "mode": "1777", "uid": 5, "gid": 6, "xattr": {"user.a": "b"}},
			{"path": "usr/"}, {"path": "usr/lib/"}, {"path": "lib", "link": "usr/lib"}, {"path": "abs", "link": "/usr/lib"},
			{"path": "tool", "data": "tool", "mode": "4755", "uid": 8}
		], [
			{"path": "var/tmp/x", "data": "x"}, {"path": "lib/y", "data": "y"}, {"path": "abs/z", "data": "z"},
			{"path": "bin/tool", "hard": "tool"}
		]]}
	EOS
	image import below "$T/layout"
	merged below '
		[ "$(stat -c "%a %u:%g" var/tmp)" = "1777 5:6" ]
		[ "$(xattr var/tmp user.a)" = 62 ]
		[ -L lib ]
		[ -L abs ]
		[ "$(cat usr/lib/y usr/lib/z)" = yz ]
		[ "$(stat -c "%a %u %h" bin/tool)" = "4755 8 2" ]
		[ "$(stat -c %i bin/tool)" = "$(stat -c %i tool)" ]'
}

@test "no path of an archive leads out" {
	local outside="$T/outside"

	mkdir "$outside"
	echo safe >"$outside/file"
	build tar "$T/dots.tar" <<<'{"layers": [[{"path": "a/../../outside/file", "data": "bad"}]]}'
	refused 'has a part ".."' import web "$T/dots.tar"
	build tar "$T/hard.tar" <<<'{"layers": [[{"path": "x", "hard": "../../../outside/file"}]]}'
	refused 'has a part ".."' import web "$T/hard.tar"
	build tar "$T/hardabs.tar" <<<'{"layers": [[{"path": "x", "hard": "'"$outside"'/file"}]]}'
	refused "does not exist" import web "$T/hardabs.tar"
	build tar "$T/through.tar" <<<'{"layers": [[{"path": "l", "link": "'"$outside"'"}, {"path": "up", "link": "../../../../../../../../.."},
		{"path": "l/file", "data": "bad"}, {"path": "up/etc/bad", "data": "bad"}, {"path": "h", "hard": "l/file"},
		{"path": "file", "link": "'"$outside"'/file"}, {"path": "file", "data": "replaced"}]]}'
	image import through "$T/through.tar"
	merged through '
		[ "$(cat .'"$outside"'/file)" = bad ]
		[ "$(cat etc/bad)" = bad ]
		[ "$(cat file)" = replaced ]
		[ "$(stat -c %h h)" = 2 ]'
	build tar "$T/abs.tar" <<<'{"layers": [[{"path": "'"$outside"'/file", "data": "bad"}]]}'
	image import abs "$T/abs.tar"
	merged abs '[ "$(cat .'"$outside"'/file)" = bad ]'
	[ "$(cat "$outside/file")" = safe ]
	[ "$(ls "$outside")" = file ]
	[ ! -e /etc/bad ]
}

@test "links that lead round in circles, and files that are used as directories" {
	build tar "$T/loop.tar" <<<'{"layers": [[{"path": "a", "link": "b"}, {"path": "b", "link": "a"}, {"path": "a/x", "data": "x"}]]}'
	refused "too many links" import web "$T/loop.tar"
	build tar "$T/file.tar" <<<'{"layers": [[{"path": "a", "data": "x"}, {"path": "a/x", "data": "x"}]]}'
	refused "is a file, and something is below it" import web "$T/file.tar"
	build tar "$T/root.tar" <<<'{"layers": [[{"path": "./", "link": "x"}, {"path": ".", "link": "/etc"}]]}'
	refused "the root is no directory" import web "$T/root.tar"
}

@test "devices stay out, and none becomes a whiteout" {
	build oci "$T/layout" <<-'EOS'
		{"layers": [[{"path": "dev/"}, {"path": "keep", "data": "kept"}],
			[{"path": "dev/sda", "dev": "b 8 0"}, {"path": "dev/mem", "dev": "c 1 1"}, {"path": "keep", "dev": "c 0 0"}]]}
	EOS
	run --separate-stderr image import dev "$T/layout"
	[ "$status" -eq 0 ]
	[[ $stderr == *"left out 3 device nodes"* ]]
	[ -z "$(find "$STORE" -type b -o -type c)" ]
	merged dev '[ "$(cat keep)" = kept ]'
}

@test "attributes: capabilities come along, what speaks to overlayfs is refused" {
	build tar "$T/good.tar" <<<'{"layers": [[{"path": "a", "data": "x", "xattr": {"user.x": "y", "security.selinux": "no", "trusted.x": "no"}}]]}'
	image import good "$T/good.tar"
	[ "$(xattr "$STORE"/layers/*/a)" = user.x ]
	merged good '[ "$(xattr a user.x)" = 79 ]'
	image rm good
	build tar "$T/bad.tar" <<<'{"layers": [[{"path": "a/", "xattr": {"trusted.overlay.redirect": "/etc"}}]]}'
	refused "trusted.overlay.redirect comes from outside" import web "$T/bad.tar"
}

@test "what is not as its digest says is refused" {
	local spoil reason

	for spoil in blob append truncate diff_id count config manifest outside; do
		rm -rf "$T/layout"
		build oci "$T/layout" <<<'{"layers": [[{"path": "a", "data": "x"}], [{"path": "b", "data": "y"}]], "spoil": "'"$spoil"'"}'
		case $spoil in
		blob | append | diff_id) reason="digest is" ;;
		truncate) reason="layer blobs/" ;;
		count) reason="3 layers, the manifest has 2" ;;
		config | manifest) reason="digest or size is not as promised" ;;
		outside) reason="No such file" ;;
		esac
		refused "$reason" import web "$T/layout"
	done
}

@test "an archive's links do not lead to other images" {
	mkdir -p "$STORE"
	build tar "$STORE/secret" <<<'{"layers": [[{"path": "a", "data": "x"}]]}'
	build docker "$T/thief.tar" <<<'{"layers": [[{"path": "a", "data": "x"}]], "link": "'"$STORE"'/secret"}'
	refused "open 0/layer.tar: No such file" import web "$T/thief.tar"
}

@test "truncated and other broken archives" {
	a_directory
	head -c 100000 /dev/urandom >"$T/source/random"
	tar -C "$T/source" -czf "$T/whole.tgz" .
	head -c 60000 "$T/whole.tgz" >"$T/cut.tgz"
	refused "runcated" import web "$T/cut.tgz"
	head -c 50000 /dev/urandom >"$T/noise"
	refused "import $T/noise: " import web "$T/noise"
	: >"$T/nothing"
	refused "empty" import web "$T/nothing"
	head -c 10240 /dev/zero >"$T/zero.tar"
	refused "empty archive" import web "$T/zero.tar"
	mkdir "$T/hollow"
	refused "empty directory" import web "$T/hollow"
	refused "No such file" import web "$T/missing"
	refused "neither a directory nor a file" import web /dev/null
}

@test "bombs cost no more than the cap" {
	mkdir "$T/source"
	truncate -s 1G "$T/source/zeros"
	tar -C "$T/source" -czf "$T/bomb.tgz" zeros
	refused "larger than 10485760 bytes" --max-size 10M import web "$T/bomb.tgz"
	refused "larger than 10485760 bytes" --max-size 10M import web "$T/source"
	tar -C "$T/source" --exclude zeros -cf "$T/small.tar" .
	(cat "$T/small.tar" && head -c 100M /dev/zero) | gzip >"$T/tail.tgz"
	refused "larger than 10485760 bytes" --max-size 10M import web "$T/tail.tgz"
	build tar "$T/sparse.tar" <<<'{"layers": [[{"path": "s", "sparse": 4611686018427387904}]]}'
	refused "larger than" import web "$T/sparse.tar"
	build oci "$T/layout" <<<'{"layers": [[{"path": "s", "sparse": 8000000}], [{"path": "t", "sparse": 8000000}]]}'
	refused "larger than 10485760 bytes" --max-size 10M import web "$T/layout"
	python3 -c 'print("x/" * 600 + "y")' >"$T/deep"
	build tar "$T/deep.tar" <<<'{"layers": [[{"path": "'"$(cat "$T/deep")"'", "data": "x"}]]}'
	refused "too deep" import web "$T/deep.tar"
}

@test "images that are none, or not for here" {
	build oci "$T/many" <<<'{"layers": [[{"path": "a", "data": "x"}]], "spoil": "layers"}'
	refused "10000 layers" import web "$T/many"
	build oci "$T/artifact" <<<'{"layers": [[{"path": "a", "data": "x"}]], "spoil": "artifact"}'
	refused "artifact" import web "$T/artifact"
	build oci "$T/other" <<<'{"layers": [[{"path": "a", "data": "x"}]], "architecture": "s390x"}'
	refused "for linux/s390x" import web "$T/other"
	build oci "$T/env" <<<'{"layers": [[{"path": "a", "data": "x"}]], "config": {"Env": ["nothing"]}}'
	refused "Env[0]" import web "$T/env"
	for name in ../up UPPER 'a b' '' 'x@sha256:0' "x@sha256:$(printf '%064d' 0)"; do
		refused "image name" import "$name" "$T/env"
	done
}

@test "kill -9 in the middle, and again" {
	local pid

	mkdir "$T/source"
	echo x >"$T/source/a"
	truncate -s 30G "$T/source/z" # takes long to hash, and no disk
	"$IMAGE" --store "$STORE" import web "$T/source" >/dev/null 3>&- &
	pid=$!
	for _ in $(seq 3000); do
		[ -e "$STORE/tmp/$pid.0/z" ] && break
		sleep 0.02
	done
	kill -9 "$pid"
	wait "$pid" || :
	[ -e "$STORE/tmp/$pid.0/z" ]
	[ "$(image list | field 'len(j["items"])')" = 0 ]
	rm "$T/source/z"
	image import web "$T/source"
	[ -z "$(ls -A "$STORE/tmp")" ]
	[ "$(layers)" -eq 1 ]
	merged web '[ "$(echo *)" = a ]'
}

@test "imports of one name at the same time" {
	local pids=() pid i

	for i in 1 2 3 4 5 6; do
		build oci "$T/layout$i" <<<'{"layers": [[{"path": "shared", "data": "s"}], [{"path": "own", "data": "'$((i / 2))'"}]]}'
	done
	for i in 1 2 3 4 5 6; do
		image import web "$T/layout$i" >/dev/null 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	merged web '[ "$(cat shared)" = s ] && [[ $(cat own) == [0-3] ]]'
	image import last "$T/layout6" >/dev/null
	[ -z "$(ls -A "$STORE/tmp")" ]
	[ "$(layers)" -le 3 ]
	[ "$(image list | field '[i["name"] for i in j["items"]]')" = "['last', 'web']" ]
}

@test "rm takes what nobody else has" {
	local id

	build oci "$T/one" <<<'{"layers": [[{"path": "shared", "data": "s"}], [{"path": "one", "data": "1"}]]}'
	build oci "$T/two" <<<'{"layers": [[{"path": "shared", "data": "s"}], [{"path": "two", "data": "2"}]]}'
	image import one "$T/one" >/dev/null
	image import uno "$T/one" >/dev/null
	image import two "$T/two" >/dev/null
	[ "$(layers)" -eq 3 ]
	id=$(image list | field 'j["items"][0]["id"]')
	image rm "$id" # both its names
	[ "$(image list | field '[i["name"] for i in j["items"]]')" = "['two']" ]
	[ "$(layers)" -eq 2 ]
	merged two '[ "$(cat shared two)" = s2 ]'
	run image rm one
	[ "$status" -eq 2 ]
	[ "$output" = "image docker.io/library/one:latest is not in $STORE" ]
	echo broken >"$STORE/images/docker.io+library+two:latest.json"
	image rm docker.io/library/two
	is_clean
}

@test "a name that is imported anew lets go of its old layers, but not of leased ones" {
	local old new

	mkdir "$T/source"
	echo 1 >"$T/source/a"
	old=$(image import web "$T/source" | field 'j["layers"][0][7:]')
	echo "$old" >"$STORE/leases/pod.web"
	echo 2 >"$T/source/a"
	new=$(image import web "$T/source" | field 'j["layers"][0][7:]')
	[ -d "$STORE/layers/$old" ]
	merged web '[ "$(cat a)" = 2 ]'
	rm "$STORE/leases/pod.web"
	echo 3 >"$T/source/a"
	image import web "$T/source"
	[ ! -e "$STORE/layers/$old" ]
	[ ! -e "$STORE/layers/$new" ]
}

@test "what it has given away when it starts to read" {
	local pid root

	mkdir -p "$STORE"
	a_directory
	image rm web || true # makes the store
	exec 9<"$STORE/lock"
	flock -x 9
	"$IMAGE" --store "$STORE" import web "$T/source" >/dev/null 3>&- 9<&- &
	pid=$!
	for _ in $(seq 3000); do
		grep -q -- "-> FLOCK.* $pid " /proc/locks && break
		sleep 0.02
	done
	grep -q '^Seccomp:.2' "/proc/$pid/status"
	grep -q '^NoNewPrivs:.1' "/proc/$pid/status"
	grep -q '^CapEff:.000000008020001b' "/proc/$pid/status"
	grep -q '^CapBnd:.000000008020001b' "/proc/$pid/status"
	[ "$(readlink "/proc/$pid/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
	root="/proc/$pid/root"
	[ "$(cd "$root" && echo *)" = "$(cut -d/ -f2 <<<"$STORE")" ]
	[ "$(cd "$root$T" && echo *)" = store ]
	run touch "$root/x"
	[ "$status" -ne 0 ]
	exec 9<&-
	wait "$pid"
	image list | grep -q '"name": "web"'
}

@test "list, help, version, and the wrong words" {
	[ "$(image list | field 'j')" = "{'items': []}" ]
	[ ! -e "$STORE" ]
	run "$IMAGE" --help
	[ "$status" -eq 0 ]
	[[ $output == usage:* ]]
	run "$IMAGE" --version
	[[ $output == "carpel-image "* ]]
	for words in "" "list x" "import a" "rm" "eat x" "--max-size 0 list" "--max-size 1X list" "--nonsense list"; do
		# shellcheck disable=SC2086 # several words
		run image $words
		[ "$status" -ne 0 ]
		[ "${#lines[@]}" -eq 1 ]
	done
	run "$IMAGE" list
	[[ $output == "--store is missing"* ]]
}
