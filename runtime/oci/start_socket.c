/* Where a created container's process waits.  The path of a socket is short, that of --root is not:
 * so it is named below the record's descriptor. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/record.h"

static int make(const struct container *c, struct sockaddr_un *out, struct err *e)
{
	const int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/start.sock", c->dir);
	return sock < 0 ? err_set(e, errno, "make a socket") : sock;
}

int container_listen(const struct container *c, struct err *e)
{
	struct sockaddr_un name;
	CLEANUP(cleanup_fd) int sock = make(c, &name, e);

	if (sock < 0)
		return sock;
	if (bind(sock, (const struct sockaddr *)&name, sizeof(name)) < 0 || listen(sock, 8) < 0)
		return err_set(e, errno, "bind start.sock");
	return take_fd(&sock);
}

int container_connect(const struct container *c, struct err *e)
{
	struct sockaddr_un name;
	CLEANUP(cleanup_fd) int sock = make(c, &name, e);

	if (sock < 0)
		return sock;
	if (connect(sock, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return err_set(e, errno, "connect to start.sock");
	return take_fd(&sock);
}
