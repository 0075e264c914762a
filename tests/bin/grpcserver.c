/* The API's server with a fake backend and a fake gRPC face behind it, with limits that a test
 * chooses.
 * usage: grpcserver SOCKET [NAME=VALUE …]
 * Names: request_ms, idle_ms, ping_ms, ping_wait_ms, conn_bytes, all_bytes, grace_ms.  SIGTERM
 * shuts down gracefully; says "ready" when it listens, "drained" when that is over.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "api/server.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "tests/bin/fake_backend.h"
#include "tests/bin/fake_grpc.h"

struct options {
	struct h2_limits limits;
	int64_t grace_ms;
};

struct program {
	struct loop *loop;
	struct api_server *server;
	int64_t grace_ms;
};

static int listen_on(const char *path)
{
	CLEANUP(cleanup_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	memcpy(a.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	(void)umask(077);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 512) < 0)
		return -errno;
	return take_fd(&fd);
}

static int read_option(struct options *o, const char *text)
{
	int64_t conn_bytes = -1, all_bytes = -1;
	const struct {
		const char *name;
		int64_t *at;
	} names[] = {
		{ "request_ms=", &o->limits.request_ms },     /* */
		{ "idle_ms=", &o->limits.idle_ms },           /* */
		{ "ping_ms=", &o->limits.ping_ms },           /* */
		{ "ping_wait_ms=", &o->limits.ping_wait_ms }, /* */
		{ "grace_ms=", &o->grace_ms },                /* */
		{ "conn_bytes=", &conn_bytes },               /* */
		{ "all_bytes=", &all_bytes },                 /* */
	};
	int rc = -EINVAL;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_starts(text, names[i].name))
			rc = str_to_i64(text + strlen(names[i].name), 0, INT32_MAX, names[i].at);
	if (conn_bytes >= 0)
		o->limits.conn_bytes = (size_t)conn_bytes;
	if (all_bytes >= 0)
		o->limits.all_bytes = (size_t)all_bytes;
	return rc;
}

static void on_drained(void *arg)
{
	struct program *p = arg;

	puts("drained");
	(void)fflush(stdout);
	loop_stop(p->loop);
}

static void on_signal(int signal, void *arg)
{
	struct program *p = arg;

	(void)signal;
	api_server_shutdown(p->server, p->grace_ms, on_drained, p);
}

static int serve(const char *path, const struct options *o)
{
	static const int signals[] = { SIGTERM };
	struct program p = { .loop = loop_new(), .grace_ms = o->grace_ms };
	struct fake *fake = fake_new(p.loop, NULL, 1);
	struct fake_grpc *grpc = fake_grpc_new(p.loop);
	const struct api_faces faces = {
		.backend = fake_backend(fake),
		.grpc = fake_grpc_face(grpc),
		.grpc_len = 1,
		.limits = &o->limits,
	};
	struct err e = { 0 };
	int fd = listen_on(path), rc = fd;

	if (rc < 0)
		(void)err_set(&e, -rc, "listen on %s", path);
	else
		rc = api_server_start(p.loop, fd, &faces, &p.server, &e);
	if (rc < 0) {
		fprintf(stderr, "grpcserver: %s\n", e.text);
	} else {
		loop_signals(p.loop, signals, ARRAY_LEN(signals), on_signal, &p);
		puts("ready");
		(void)fflush(stdout);
		loop_run(p.loop);
	}
	api_server_free(p.server);
	fake_grpc_free(grpc);
	fake_free(fake);
	loop_free(p.loop);
	if (fd >= 0)
		close(fd);
	return rc < 0;
}

int main(int argc, char **argv)
{
	struct options o = { .limits = h2_limits_default(), .grace_ms = 2000 };

	if (argc < 2) {
		fprintf(stderr, "usage: grpcserver SOCKET [NAME=VALUE ...]\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		if (read_option(&o, argv[i]) < 0) {
			fprintf(stderr, "grpcserver: %s: no such option or value\n", argv[i]);
			return 2;
		}
	return serve(argv[1], &o);
}
