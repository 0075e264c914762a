#!/bin/bash
# Builds the programs that `make conformance` drives carpeld with: crictl, critest and kubelet, each from
# the sources that Go's module proxy has of it, at the versions named here; and unpacks Debian's busybox,
# which the images hold.  Nothing of it is committed and nothing is written outside $CONFORMANCE_CACHE (and
# Go's own caches, where Go keeps them).
#
#   tests/conformance/build.sh [busybox|crictl|critest|kubelet]...       all without an argument
#
# On one core crictl takes two minutes, critest one more, kubelet ten.  A program that is there in its version
# already is left alone.  Where Go or the proxy is missing, it prints "skipped: PROGRAM: REASON" and ends
# with 77; a source that does not compile is a failure, 1.
set -u

CRI_TOOLS_VERSION=${CRI_TOOLS_VERSION:-v1.37.0}
KUBERNETES_VERSION=${KUBERNETES_VERSION:-v1.37.2}

here=$(cd "$(dirname "$0")" && pwd)
cache=${CONFORMANCE_CACHE:-$here/../../build/conformance}
export GOWORK=off # kubernetes carries a workspace file of a tree that its module does not hold
export GOFLAGS="${GOFLAGS:-} -mod=mod -buildvcs=false -trimpath"
ended=0

skip() { # PROGRAM REASON
	echo "skipped: $1: $2"
	ended=77
}

# The source of MODULE at VERSION, copied to where its go.mod may be edited.
fetch() { # PROGRAM MODULE VERSION DIRECTORY
	local from

	if ! from=$(cd / && go mod download -json "$2@$3" 2>&1 |
		sed -n 's/^[[:space:]]*"\(Dir\|Error\)": "\(.*\)",\{0,1\}$/\1 \2/p'); then
		from=
	fi
	if [[ $from != Dir\ * ]]; then
		skip "$1" "$2@$3 cannot be fetched: ${from#Error }"
		return 1
	fi
	rm -rf "$4" && mkdir -p "$4" && cp -r "${from#Dir }/." "$4" && chmod -R u+w "$4" &&
		rm -rf "$4/vendor"
}

# Kubernetes names the modules that it publishes apart (k8s.io/api and so on) by folders beside it, which
# its own module leaves out: each is replaced by what was published of it under the same minor version.
name_published() { # VERSION: v1.37.2 is published as v0.37.2
	local module

	while read -r module; do
		go mod edit -replace="$module=$module@v0.${1#v1.}" || return 1
	done < <(sed -n 's/^[[:space:]]*\(k8s\.io\/[a-z-]*\) => \.\/staging\/.*/\1/p' go.mod)
}

compile() { # PROGRAM VERSION
	local out=$bin/$1.new

	case $1 in
	crictl)
		go build -o "$out" -ldflags "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$2" ./cmd/crictl
		;;
	critest)
		go test -c -o "$out" -ldflags "-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$2" ./cmd/critest
		;;
	kubelet)
		go build -o "$out" -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$2" ./cmd/kubelet
		;;
	esac
}

build() { # PROGRAM MODULE VERSION
	local source=$cache/src/${2##*/} began=$SECONDS missing

	if [ -x "$bin/$1" ] && [ "$(cat "$bin/$1.version" 2>/dev/null)" = "$3" ]; then
		echo "$1 $3: built before"
		return
	fi
	command -v go >/dev/null || { skip "$1" "there is no go command" && return; }
	if [ "$(cat "$source/.version" 2>/dev/null)" != "$3" ]; then
		fetch "$1" "$2" "$3" "$source" || return
		cd "$source" || return
		name_published "$3" || { ended=1 && return; }
		echo "$3" >.version
	fi
	cd "$source" || return
	# Fetches exactly the modules that the program needs.
	if ! missing=$(go list -test -deps "./cmd/$1" 2>&1 >/dev/null); then
		skip "$1" "$(tail -n 1 <<<"$missing")"
		return
	fi
	if ! compile "$1" "${3#v}"; then
		echo "failed: $1 $3 does not build"
		ended=1
		return
	fi
	mv "$bin/$1.new" "$bin/$1" && echo "$3" >"$bin/$1.version"
	echo "$1 $3: built in $((SECONDS - began)) s"
}

# Not installed, since busybox-static is, and the two exclude each other.
unpack_busybox() {
	local folder=$cache/busybox said

	[ ! -x "$folder/bin/busybox" ] || return 0
	rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" || return
	if ! said=$(apt-get download busybox 2>&1) || ! dpkg -x busybox_*.deb .; then
		skip busybox "apt-get cannot fetch it: $(tail -n 1 <<<"$said")"
	fi
}

mkdir -p "$cache/bin" && cache=$(cd "$cache" && pwd) && bin=$cache/bin || exit 1
[ $# -gt 0 ] || set -- busybox crictl critest kubelet
for program; do
	case $program in
	crictl | critest) build "$program" sigs.k8s.io/cri-tools "$CRI_TOOLS_VERSION" ;;
	busybox) unpack_busybox ;;
	kubelet) build kubelet k8s.io/kubernetes "$KUBERNETES_VERSION" ;;
	*) echo "usage: $0 [busybox|crictl|critest|kubelet]..." >&2 && exit 2 ;;
	esac
done
exit $ended
