#!/usr/bin/env bats
# gRPC from outside: the API's server with a fake face behind it, driven by python3-grpcio and, where no
# library would send such a thing, by frames. Needs no root; each class has a server and a socket of its own.

setup() {
	export CARPEL_BIN="${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}"
}

# The cases of one class of tests/api, or some of them.
run_python() {
	cd "$BATS_TEST_DIRNAME/../api" || return
	"${PYTHON:-/usr/bin/python3}" -B -m unittest -v -f "$@"
}

@test "grpc: unary calls, their errors and their sizes" {
	run_python test_grpc.Unary
}

@test "grpc: deadlines, cancelled calls, lost connections" {
	run_python test_grpc.Times
}

@test "grpc: server streams, as fast as they are read" {
	run_python test_grpc.Streams
}

@test "grpc: framing, content types, compression, broken messages" {
	run_python test_grpc.Framing
}

@test "grpc: health and reflection" {
	run_python test_grpc.Own
}

@test "grpc: a stop lets calls finish and ends streams" {
	run_python test_grpc.Leaving
}

@test "grpc: who waits is pinged, who stalls is refused" {
	run_python test_grpc.Limits
}

@test "grpc: slow, wrong and hostile clients cost themselves" {
	run_python test_grpc_abuse.Abuse
}
