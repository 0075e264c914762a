#!/usr/bin/env bats
# Every call of CRI by an independent client: results, errors, repeats, filters, calls that are given up.
# The cases are in tests/api/test_cri_*.py; each test here is one class of them on an instance of its own.

load lib/carpel
load lib/cri

setup() {
	cri_setup
}

teardown() {
	carpel_teardown
}

@test "cri: a sandbox's life, its names, repeats and filters" {
	cri_python test_cri_pods.Life
}

@test "cri: sandboxes end with all that is in them; a run that is given up leaves nothing" {
	cri_python test_cri_pods.Ends
}

@test "cri: namespaces of the pod, the container, the node and a target; a cgroup of the client's" {
	cri_python test_cri_pods.Namespaces
}

@test "cri: what a sandbox cannot be is refused by the name of its field" {
	cri_python test_cri_pods.Refusals
}

@test "cri: user namespaces: one range of ids a sandbox, on its containers and mounts, and all else refused" {
	cri_python test_cri_users.Users
}

@test "cri: a container's life, its names, repeats and filters; starts in a row" {
	cri_python test_cri_containers.Life
}

@test "cri: stops: the signal once, the shorter timeout, all that is in it" {
	cri_python test_cri_containers.Stops
}

@test "cri: exit codes, reasons, memory, programs that cannot start" {
	cri_python test_cri_containers.Ends
}

@test "cri: status: user, mounts, resources, environment; resources updated" {
	cri_python test_cri_containers.Status test_cri_containers.Updates
}

@test "cri: what a container cannot be is refused by the name of its field" {
	cri_python test_cri_containers.Refusals
}

@test "cri: ExecSync: bytes, codes, caps, and the whole tree when time is up or the client is gone" {
	cri_python test_cri_exec.Exec
}

@test "cri: logs are exact, complete at the end, and go on in another file, whoever is killed meanwhile" {
	cri_python test_cri_exec.Logs
}

@test "cri: the runtime and its images; every call of the proto is served or says what is missing" {
	cri_python test_cri_rest.Runtime test_cri_rest.Images
}

@test "cri: statistics, streamed lists and events" {
	cri_python test_cri_rest.Stats test_cri_rest.Streams test_cri_rest.Events
}
