#include "probes/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

int tcp_address(const char *host, int port, struct tcp_address *out)
{
	struct tcp_address a = { 0 };

	if (str_eq(host, "localhost"))
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &a.at.v4.sin_addr) == 1) {
		a.at.v4.sin_family = AF_INET;
		a.at.v4.sin_port = htons((uint16_t)port);
		a.len = sizeof(a.at.v4);
	} else if (inet_pton(AF_INET6, host, &a.at.v6.sin6_addr) == 1) {
		a.at.v6.sin6_family = AF_INET6;
		a.at.v6.sin6_port = htons((uint16_t)port);
		a.len = sizeof(a.at.v6);
	} else {
		return -EINVAL;
	}
	*out = a;
	return 0;
}

void tcp_set_port(struct tcp_address *a, int port)
{
	if (a->at.any.sa_family == AF_INET6)
		a->at.v6.sin6_port = htons((uint16_t)port);
	else
		a->at.v4.sin_port = htons((uint16_t)port);
}

void tcp_address_text(const struct tcp_address *a, char out[TCP_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->at.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &a->at.v6.sin6_addr, host, sizeof(host));
		(void)snprintf(out, TCP_TEXT_MAX, "[%s]:%u", host, ntohs(a->at.v6.sin6_port));
	} else {
		(void)inet_ntop(AF_INET, &a->at.v4.sin_addr, host, sizeof(host));
		(void)snprintf(out, TCP_TEXT_MAX, "%s:%u", host, ntohs(a->at.v4.sin_port));
	}
}

int tcp_connect(int sock, const struct tcp_address *to)
{
	if (connect(sock, &to->at.any, to->len) == 0 || errno == EISCONN)
		return 0;
	return errno == EALREADY ? -EINPROGRESS : -errno;
}

void tcp_reset(int sock)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(sock, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(sock);
}

char *tcp_reason(int code)
{
	const char *text = strerrordesc_np(code);
	char *out = str_dup(text ? text : "unknown error");

	if (out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a')
		out[0] = (char)(out[0] - 'A' + 'a');
	return out;
}

void tcp_add_dial_error(
	struct buf *out, const struct tcp_address *to, const char *step, const char *reason)
{
	char address[TCP_TEXT_MAX];

	tcp_address_text(to, address);
	buf_addf(out, "dial tcp %s: %s%s%s", address, step ? step : "", step ? ": " : "", reason);
}

void tcp_add_io_error(
	struct buf *out, int sock, const struct tcp_address *to, const char *verb, int code)
{
	CLEANUP(cleanup_free) char *reason = tcp_reason(code);
	char here[TCP_TEXT_MAX], there[TCP_TEXT_MAX];
	struct tcp_address own = { .len = sizeof(own.at) };

	if (getsockname(sock, &own.at.any, &own.len) < 0)
		own = (struct tcp_address){ 0 };
	tcp_address_text(&own, here);
	tcp_address_text(to, there);
	buf_addf(out, "%s tcp %s->%s: %s: %s", verb, here, there, verb, reason);
}
