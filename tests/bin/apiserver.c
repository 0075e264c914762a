/* The API's server with a fake backend behind it, so that the API is tested from outside without
 * root and without containers.
 * usage: apiserver SOCKET LOG-DIR [FIRST-VERSION]
 * Ends on SIGTERM, or when /apis/carpel/v1/stop asks for it; says "ready" when it listens.
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

static void on_signal(int signal, void *arg)
{
	(void)signal;
	loop_stop(arg);
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGTERM };
	struct api_faces faces = { 0 };
	struct api_server *server = NULL;
	struct err e = { 0 };
	struct loop *loop;
	struct fake *fake;
	int64_t first = 1000;
	int fd;

	if (argc < 3 || (argc > 3 && str_to_i64(argv[3], 0, INT64_MAX, &first) < 0)) {
		fprintf(stderr, "usage: apiserver SOCKET LOG-DIR [FIRST-VERSION]\n");
		return 2;
	}
	fd = listen_on(argv[1]);
	loop = loop_new();
	fake = fake_new(loop, argv[2], (uint64_t)first);
	faces.backend = fake_backend(fake);
	if (fd < 0 || api_server_start(loop, fd, &faces, &server, &e) < 0) {
		fprintf(stderr, "apiserver: %s\n", fd < 0 ? strerror(-fd) : e.text);
		return 1;
	}
	fake_set_server(fake, server);
	loop_signals(loop, signals, ARRAY_LEN(signals), on_signal, loop);
	puts("ready");
	(void)fflush(stdout);
	loop_run(loop);
	api_server_free(server);
	fake_free(fake);
	loop_free(loop);
	close(fd);
	return 0;
}
