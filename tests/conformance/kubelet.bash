# A kubelet without a cluster, on the runtime's socket, and a static pod's life.  Sourced by run.sh.
#
# It gets the configuration that contrib/kubernetes ships, with paths of this run.  What it would change of
# the machine, it changes of this run's: /var/lib and /var/log are bound to directories of ours, the
# sysctls that it sets are files of ours, and its cgroups are below one of ours.
# shellcheck shell=bash disable=SC2016 # what sh in the container expands
KUBELET_PORT=10255
KUBELET_CGROUP=carpel-kubelet-${ROOT##*.}
KUBELET=
SYSCTLS="vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes"

cgroup_trees() {
	local tree

	for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -e "$tree/cgroup.procs" ] || echo "$tree"
	done
}

prepare_kubelet() {
	local name

	mkdir -p "$ROOT/manifests" "$ROOT/host/lib" "$ROOT/host/log" "$ROOT/sysctl" "$ROOT/volume-plugins"
	mount --bind "$ROOT/host/lib" /var/lib && mount --bind "$ROOT/host/log" /var/log || return
	for name in $SYSCTLS; do
		cat "/proc/sys/$name" >"$ROOT/sysctl/${name##*/}" &&
			mount --bind "$ROOT/sysctl/${name##*/}" "/proc/sys/$name" || return
	done
	for name in $(cgroup_trees); do
		mkdir "$name/$KUBELET_CGROUP" || return
	done
	# A cpuset of version 1 starts without a processor in it.
	name=/sys/fs/cgroup/cpuset
	[ ! -d "$name/$KUBELET_CGROUP" ] || for file in cpuset.cpus cpuset.mems; do
		cat "$name/$file" >"$name/$KUBELET_CGROUP/$file"
	done
	sed "s|unix:///run/carpel/carpel.sock|unix://$SOCKET|; s|^staticPodPath: .*|staticPodPath: $ROOT/manifests|
		s|^readOnlyPort: .*|readOnlyPort: $KUBELET_PORT|" "$HERE/../../contrib/kubernetes/kubelet-config.yaml" \
		>"$ROOT/kubelet.yaml"
	cat >>"$ROOT/kubelet.yaml" <<-END
		cgroupRoot: /$KUBELET_CGROUP
		volumePluginDir: $ROOT/volume-plugins
		fileCheckFrequency: 1s
		syncFrequency: 2s
	END
}

# start_kubelet [OPTION]…
start_kubelet() {
	setsid "$CACHE/bin/kubelet" --config "$ROOT/kubelet.yaml" --root-dir "$ROOT/kubelet" --cert-dir "$ROOT/pki" \
		--hostname-override conformance -v 2 "$@" </dev/null >>"$LOGS/kubelet.log" 2>&1 &
	KUBELET=$!
	wait_for 60 curl -sf -o /dev/null http://127.0.0.1:10248/healthz
}

end_kubelet() {
	[ -n "$KUBELET" ] || return 0
	kill "$KUBELET" 2>/dev/null
	wait "$KUBELET" 2>/dev/null
	KUBELET=
}

undo_kubelet() {
	local dir name

	end_kubelet
	for name in $(crictl pods -q 2>/dev/null); do
		crictl rmp -f "$name" >/dev/null 2>&1
	done
	for dir in $(cgroup_trees); do
		find "$dir/$KUBELET_CGROUP" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	for name in $SYSCTLS; do
		umount "/proc/sys/$name" 2>/dev/null
	done
	awk -v root="$ROOT/kubelet" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
	umount /var/lib /var/log 2>/dev/null
}

# of_pod NAME JQ: what the kubelet says of it.
of_pod() {
	curl -sf "http://127.0.0.1:$KUBELET_PORT/pods" |
		jq -r "[.items[] | select(.metadata.name == \"$1-conformance\")][0] | $2"
}

# Of the pod with the container called server.
server() {
	of_pod web "$1"
}

is_server() {
	[ "$(server "$1")" = "$2" ]
}

is_own_ready() {
	[ "$(of_pod own '"\(.status.phase) \(.status.containerStatuses[0].ready)"')" = "Running true" ]
}

# What it uses, as the runtime told the kubelet.
has_stats() {
	curl -sf "http://127.0.0.1:$KUBELET_PORT/stats/summary" | jq -e '.pods[] | select(.podRef.name == "web-conformance").containers[] |
		select(.name == "server" and .memory.workingSetBytes > 0 and .cpu.usageCoreNanoSeconds > 0)'
}

in_server() {
	crictl exec -s "$(crictl ps -q --name server)" "$@"
}

# becomes NAME SECONDS JQ VALUE
becomes() {
	if wait_for "$2" is_server "$3" "$4" 2>/dev/null; then
		passed "$1"
	else
		failed "$1" "$3 is \"$(server "$3")\", not \"$4\"; $(server '.status | tojson' | cut -c1-1500)"
	fi
}

nothing_runs() {
	[ -z "$(crictl ps -q)" ] && [ -z "$(crictl pods -q --state Ready)" ] && ! curl -s http://127.0.0.1:18080/
}

run_kubelet() {
	rm -f "$LOGS/kubelet.log"
	if prepare_kubelet && start_kubelet; then
		passed "a kubelet starts on the socket"
		static_pod
	else
		failed "a kubelet starts on the socket" "$(grep -E '^[EF]|err=' "$LOGS/kubelet.log" | tail -n 20 | cut -c1-300)"
	fi
	undo_kubelet
	check "the kubelet's cgroups can be removed" sh -c '! ls -d /sys/fs/cgroup/'"$KUBELET_CGROUP"' /sys/fs/cgroup/*/'"$KUBELET_CGROUP"
}

static_pod() {
	local ready='.status.containerStatuses[0].ready' restarts='.status.containerStatuses[0].restartCount' id

	cp "$HERE/life/static-pod.yaml" "$ROOT/manifests/web.yaml"
	cp "$HERE/life/own-network-pod.yaml" "$ROOT/manifests/own.yaml"
	becomes "a static pod runs" 60 .status.phase Running
	becomes "its HTTP probe finds it ready" 20 "$ready" true
	equals "its init container ran before" "0 Completed" server \
		'.status.initContainerStatuses[0].state.terminated | "\(.exitCode) \(.reason)"'
	equals "it serves in the machine's network" served curl -s http://127.0.0.1:18080/
	equals "crictl ps of it" "server web-conformance default" look \
		'.containers[].labels | "\(."io.kubernetes.container.name") \(."io.kubernetes.pod.name") \(."io.kubernetes.pod.namespace")"' ps --name server
	equals "its log is where kubectl logs looks" serving sh -c 'cut -d" " -f4 /var/log/pods/default_web-conformance_*/server/0.log'
	check "and /var/log/containers has a link to it" sh -c 'test -e /var/log/containers/web-conformance_default_server-*.log'
	in_server rm /site/index.html >/dev/null
	becomes "its HTTP probe finds it not ready" 20 "$ready" false
	in_server sh -c 'echo served >/site/index.html' >/dev/null
	becomes "and ready again" 20 "$ready" true
	restarts_of_all_kinds "$restarts" "$ready"
	check "a pod with a network of its own runs" wait_for 60 is_own_ready
	equals "and was not started again" 0 of_pod own '.status.containerStatuses[0].restartCount'
	rm "$ROOT/manifests/web.yaml" "$ROOT/manifests/own.yaml"
	if wait_for 40 nothing_runs 2>/dev/null; then
		passed "without their manifests the pods are stopped"
	else
		failed "without their manifests the pods are stopped" "$(crictl ps; crictl pods)"
	fi
}

restarts_of_all_kinds() {
	local id gates=()

	ss -Hltnp sport = :18080 | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs kill -9
	becomes "a container that dies is restarted" 60 "$1" 1
	becomes "and becomes ready" 30 "$2" true
	in_server rm /tmp/alive >/dev/null
	becomes "a failing exec probe restarts it" 60 "$1" 2
	becomes "and it becomes ready again" 30 "$2" true
	id=$(crictl ps -q --name server)
	end_kubelet
	# It also asks in the ways that are off by default so far.
	[ "$RUNTIME" != carpel ] || gates=(--feature-gates "CRIListStreaming=true,EventedPLEG=true,PodAndContainerStatsFromCRI=true")
	start_kubelet "${gates[@]}"
	becomes "a new kubelet, with lists in streams, finds the pod" 60 "$2" true
	equals "and left its container alone" "$id" crictl ps -q --name server
	check "it tells what the pod uses" wait_for 30 has_stats
	[ "$RUNTIME" = carpel ] || return 0
	check "carpeld is killed" kill -9 "$(carpeld_pid)"
	check "another takes over" wait_for 20 crictl version
	# Time for the kubelet to see what it would do something about.
	sleep 10
	equals "the container was left alone" "$id" crictl ps -q --name server
	equals "and counts no restart" 2 server "$1"
	becomes "and is ready" 20 "$2" true
}
