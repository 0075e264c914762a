/* Non-blocking TCP connections, and the words for what goes wrong with them: those of Go's net
 * package. Never opens a socket: a pod's sockets come from carpeld.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/buf.h"

enum { TCP_TEXT_MAX = 64 };

struct tcp_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at;
	socklen_t len;
};

/* host: an IPv4 or IPv6 literal, or localhost.  -EINVAL for names: nobody here resolves them. */
int tcp_address(const char *host, int port, struct tcp_address *out);
void tcp_set_port(struct tcp_address *a, int port);
void tcp_address_text(const struct tcp_address *a, char out[TCP_TEXT_MAX]); /* "[::1]:80" */

int tcp_connect(int sock, const struct tcp_address *to); /* 0: connected, -EINPROGRESS, or -errno */
/* Closes without a TIME_WAIT: thousands of probes would fill the pod's table.  The peer sees a
 * reset, so this is for connections on which nothing is under way, or which failed. */
void tcp_reset(int sock);

/* "dial tcp 127.0.0.1:80: connect: connection refused"; step NULL: without one. */
void tcp_add_dial_error(
	struct buf *out, const struct tcp_address *to, const char *step, const char *reason);
/* "read tcp 127.0.0.1:4242->127.0.0.1:80: read: connection reset by peer" */
void tcp_add_io_error(
	struct buf *out, int sock, const struct tcp_address *to, const char *verb, int code);
char *tcp_reason(int code); /* as Go writes an errno: "connection refused" */
