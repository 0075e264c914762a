#!/usr/bin/env bats
# carpel image, and what an image's config does to a container that comes from it.
#
# bats sets output, status and stderr.
# shellcheck disable=SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

rootfs() {
	mkdir -p "$ROOT/rootfs/bin" "$ROOT/rootfs/etc" "$ROOT/rootfs/tmp"
	cp "$CARPEL_BIN/test/guest" "$ROOT/rootfs/bin/guest"
	printf 'root:x:0:0::/root:\napp:x:1234:4321::/home/app:\n' >"$ROOT/rootfs/etc/passwd"
	printf 'root:x:0:\napp:x:4321:\nextra:x:777:app\n' >"$ROOT/rootfs/etc/group"
}

# An OCI image layout of that root file system, CONFIG being its config object's "config".
oci_layout() {
	local dir=$ROOT/oci layer config manifest

	rm -rf "$dir"
	mkdir -p "$dir/blobs/sha256"
	tar -C "$ROOT/rootfs" -cf "$dir/layer" .
	layer=$(put_blob "$dir/layer")
	printf '{"architecture":"amd64","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
		"$1" "$layer" >"$dir/config"
	config=$(put_blob "$dir/config")
	jq -cn --arg c "sha256:$config" --arg l "sha256:$layer" --argjson cs "$(size "$config")" --argjson ls "$(size "$layer")" \
		'{schemaVersion: 2, config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $c, size: $cs},
		  layers: [{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $l, size: $ls}]}' >"$dir/manifest"
	manifest=$(put_blob "$dir/manifest")
	jq -cn --arg m "sha256:$manifest" --argjson ms "$(size "$manifest")" \
		'{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $m, size: $ms}]}' \
		>"$dir/index.json"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
}

put_blob() {
	local sum
	sum=$(sha256sum "$1" | cut -d ' ' -f 1)
	mv "$1" "$ROOT/oci/blobs/sha256/$sum"
	echo "$sum"
}

size() {
	stat -c %s "$ROOT/oci/blobs/sha256/$1"
}

# A pod without command and args: the image says what runs.
bare_pod() {
	cat <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec:
		  restartPolicy: Never
		  terminationGracePeriodSeconds: 20
		  containers: [{name: c, image: $2${3:+, $3}}]
	EOF
}

@test "import a directory, a tar and a layout; list and remove them" {
	rootfs
	run --separate-stderr carpel image import dir "$ROOT/rootfs"
	returns 0
	[[ $output == 'image dir imported: sha256:'* ]]
	tar -C "$ROOT/rootfs" -czf "$ROOT/rootfs.tar.gz" .
	carpel image import registry.example/team/app:1.2 "$ROOT/rootfs.tar.gz"
	oci_layout '{}'
	carpel image import lay "$ROOT/oci"
	run carpel image list
	returns 0
	[[ ${lines[0]} =~ ^NAME\ +ID\ +SIZE\ +AGE$ ]]
	[ "${#lines[@]}" = 4 ]
	[ "$(carpel image ls -o name | sort | tr '\n' ' ')" = 'dir lay registry.example/team/app:1.2 ' ]
	[ "$(carpel image list -o json | jq -r '.kind, (.items | length)' | tr '\n' ' ')" = 'ImageList 3 ' ]
	local image
	for image in dir registry.example/team/app:1.2 lay docker.io/library/dir:latest; do
		IMAGE=$image pod p print "$image" | carpel run -f - --wait=exit
		[ "$(ended_log p)" = "$image" ]
		[ "$(field p '.status.containerStatuses[0].image')" = "$image" ]
		carpel delete p --now
	done
	carpel image rm dir lay
	[ "$(carpel image list -o name)" = registry.example/team/app:1.2 ]
	run -1 carpel image rm dir
	says 'image dir is not in'
	run carpel run -f - --wait --timeout 60s < <(IMAGE=dir pod p print x)
	returns 1
	says 'image dir is not in'
}

@test "an image that is wrong is refused with a reason, and leaves nothing" {
	rootfs
	run -2 carpel image import ../x "$ROOT/rootfs"
	says '"../x" cannot be the name of an image'
	run -2 carpel image import 'a b' "$ROOT/rootfs"
	run -1 carpel image import Upper "$ROOT/rootfs"
	says 'want lower-case words'
	run -2 carpel image rm ../../etc
	run -1 carpel image import x "$ROOT/nosuch"
	says 'No such file or directory'
	run -1 carpel image import x "$ROOT/rootfs/etc/passwd"
	says 'Unrecognized archive format'
	run -2 carpel image import x
	run -2 carpel image nonsense
	oci_layout '{}'
	rm "$ROOT"/oci/blobs/sha256/*
	run -1 carpel image import x "$ROOT/oci"
	run carpel image list
	says 'No images found'
}

@test "a layout's User, Env, Entrypoint, Cmd and WorkingDir are honoured; the pod's word counts more" {
	rootfs
	mkdir -p "$ROOT/rootfs/work"
	oci_layout '{"User": "app", "Env": ["A=image", "PATH=/bin", "B=image"], "Entrypoint": ["guest", "report"], "Cmd": ["cmd"], "WorkingDir": "/work"}'
	carpel image import app "$ROOT/oci"
	bare_pod a app 'env: [{name: A, value: pod}]' | carpel run -f - --wait=exit
	ended_log a >"$ROOT/report"
	for line in 'uid 1234 1234 1234 1234' 'gid 4321 4321 4321 4321' 'groups 777 4321' 'cwd /work' 'env A=pod' 'env B=image' \
		'env PATH=/bin' 'env HOME=/home/app' 'arg cmd'; do
		grep -qx "$line" "$ROOT/report" || { cat "$ROOT/report"; echo "no $line"; false; }
	done
	# args replace Cmd; command replaces both.
	bare_pod b app 'args: [one, two], workingDir: /tmp, securityContext: {runAsUser: 55, runAsGroup: 66}' | carpel run -f - --wait=exit
	[ "$(ended_log b | grep -E '^(uid|gid|cwd|arg)' | tr '\n' ';')" = \
		'uid 55 55 55 55;gid 66 66 66 66;cwd /tmp;arg one;arg two;' ]
	bare_pod c app 'command: [guest, print, own]' | carpel run -f - --wait=exit
	[ "$(ended_log c)" = own ]
	# An image that runs as a name cannot be checked for runAsNonRoot.
	run carpel run -f - --wait --timeout 60s < <(bare_pod d app 'securityContext: {runAsNonRoot: true}')
	returns 1
	says 'container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root'
	carpel image import bare "$ROOT/rootfs"
	run carpel run -f - --wait --timeout 60s < <(bare_pod e bare)
	returns 1
	says 'no command specified'
}

@test "a layout's StopSignal ends the container" {
	rootfs
	# A process that is PID 1 and minds neither: only KILL or its stop signal's handler would end it.
	oci_layout '{"Entrypoint": ["/bin/guest", "sleep", "1000"], "StopSignal": "SIGKILL"}'
	carpel image import app "$ROOT/oci"
	bare_pod a app | sed 's/PeriodSeconds: 20/PeriodSeconds: 3600/' | carpel run -f - --wait
	carpel stop a --timeout 60s
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 137
}

@test "an image in use is not removed; after its pod it is" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	run -1 carpel image rm guest
	says 'image "guest" is used by a pod'
	[ "$(carpel exec a -- guest print alive)" = alive ]
	carpel delete a --now
	carpel image rm guest
	[ -z "$(carpel image list -o name)" ]
}

@test "a name imported again is another image for new pods, the same for old ones" {
	rootfs
	echo one >"$ROOT/rootfs/etc/which"
	carpel image import app "$ROOT/rootfs"
	IMAGE=app pod a all 'cat /etc/which' 'sleep 1000' | carpel run -f - --wait
	local before
	before=$(field a '.status.containerStatuses[0].imageID')
	echo two >"$ROOT/rootfs/etc/which"
	carpel image import app "$ROOT/rootfs"
	IMAGE=app pod b cat /etc/which | carpel run -f - --wait=exit
	[ "$(ended_log b)" = two ]
	[ "$(carpel exec a -- guest cat /etc/which)" = one ]
	is_field a '.status.containerStatuses[0].imageID' "$before"
	run ! is_field b '.status.containerStatuses[0].imageID' "$before"
}
