#include "probes/once.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "probes/attempt.h"
#include "probes/confine.h"

enum { SOCKETS_MAX = HTTP_REDIRECTS_MAX + 1, HTTP_PORT = 80, DURATION_MAX_MS = 3600 * 1000 };

/* One socket for each hop that redirects may take: none can be opened later. */
struct hand {
	int sockets[SOCKETS_MAX];
	size_t used;
	bool is_terminal;
	int exit_code;
};

static void close_sockets(struct hand *h)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		cleanup_fd(&h->sockets[i]);
}

int once_duration(const char *text, int64_t *out_ms)
{
	static const struct {
		const char *suffix;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "", 1000 } };
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_ends(text, units[i].suffix)) {
			CLEANUP(cleanup_free)
			char *number = str_ndup(text, strlen(text) - strlen(units[i].suffix));
			int rc = str_to_i64(number, 1, DURATION_MAX_MS / units[i].ms, &n);

			if (rc == 0)
				*out_ms = n * units[i].ms;
			return rc;
		}
	return -EINVAL;
}

static void give_socket(struct attempt *a, int family)
{
	struct hand *h = a->owner;

	(void)family; /* redirects stay with the host, so with its family */
	attempt_give_socket(a, take_fd(&h->sockets[h->used++]), NULL);
}

static void no_ask(struct attempt *a)
{
	(void)a; /* sockets are given at once, and no command can be asked for */
}

/* A terminal must not be told by a stranger what to do. */
static void tame(char *text)
{
	for (char *p = text; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
}

static void show(struct attempt *a, const struct attempt_result *r)
{
	CLEANUP(cleanup_free) char *output = str_utf8(r->output, r->output_len);
	CLEANUP(buf_free) struct buf text = { 0 };
	struct hand *h = a->owner;
	char took[CLOCK_TEXT_MAX];

	clock_duration(r->duration_ms, took);
	if (h->is_terminal)
		tame(output);
	buf_addf(&text, "%s after %s\n",
		r->is_warning   ? "warning"
		: r->is_success ? "success"
				: "failure",
		took);
	buf_adds(&text, output);
	if (text.data[text.len - 1] != '\n')
		buf_addc(&text, '\n');
	h->exit_code = r->is_success ? 0 : 1;
	if (fd_write_all(STDOUT_FILENO, text.data, text.len) < 0)
		h->exit_code = 1;
}

/* The address of a name, as text. */
static int resolve(const char *name, char **out, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char text[NI_MAXHOST];
	int rc = getaddrinfo(name, NULL, &hints, &found);

	if (rc == 0)
		rc = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0,
			NI_NUMERICHOST);
	if (found)
		freeaddrinfo(found);
	if (rc)
		return err_say(e, EHOSTUNREACH, "lookup %.64s: %s", name, gai_strerror(rc));
	*out = str_dup(text);
	return 0;
}

static void add_header(struct probe_spec *p, const char *name, const char *value)
{
	p->headers = mem_resize(p->headers, p->headers_len + 1, sizeof(*p->headers));
	p->headers[p->headers_len++] = (struct probe_header){ str_dup(name), str_dup(value) };
}

/* The probe that a URL means. */
static int read_url(struct once *o, struct probe_spec *out, struct err *e)
{
	CLEANUP(url_free) struct url u = { 0 };
	CLEANUP(cleanup_free) char *host = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	struct tcp_address address;
	int rc = url_parse(o->url, &u, e), port;

	if (rc < 0)
		return err_wrap(e, rc, "%.128s", o->url);
	port = url_port(&u);
	host = url_hostname(&u);
	if (!str_eq(u.scheme, "http") && !str_eq(u.scheme, "tcp"))
		return err_say(e, EINVAL, "%.128s: only http:// and tcp:// are spoken", o->url);
	out->handler = str_eq(u.scheme, "tcp") ? PROBE_TCP : PROBE_HTTP;
	if (!*host || port < 0 || (out->handler == PROBE_TCP && (!port || *u.path || u.query)))
		return err_say(e, EINVAL, "%.128s: not http://HOST[:PORT]/PATH or tcp://HOST:PORT",
			o->url);
	url_add_target(&u, &path);
	out->port = port ? port : HTTP_PORT;
	out->path = buf_take(&path);
	out->timing.timeout_ms = o->timeout_ms;
	out->headers = TAKE(o->headers);
	out->headers_len = o->headers_len;
	if (tcp_address(host, out->port, &address) == 0) {
		out->host = TAKE(host);
		return 0;
	}
	add_header(out, "Host", u.host); /* a given one stands before it */
	return resolve(host, &out->host, e);
}

static int open_sockets(struct hand *h, const struct target *t, struct err *e)
{
	size_t wanted = t->problem ? 0 : t->spec.handler == PROBE_TCP ? 1 : SOCKETS_MAX;

	for (size_t i = 0; i < wanted; i++) {
		h->sockets[i] = socket(
			t->address.at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (h->sockets[i] < 0)
			return err_set(e, errno, "open a socket");
	}
	return 0;
}

/* Until the result is shown and the connection is closed: then the loop has nothing to wait for. */
static void attempt_now(struct hand *h, struct loop *l, struct target *t)
{
	struct timers timers;
	const struct attempt_host host = { l, &timers, give_socket, no_ask, no_ask, show };

	timers_init(&timers, l);
	attempt_start(attempt_new(&host, t, h));
	loop_run(l);
	timers_free(&timers);
}

int once_run(struct once *o, struct err *e)
{
	CLEANUP(close_sockets) struct hand h = { .is_terminal = isatty(STDOUT_FILENO) };
	CLEANUP(probe_spec_free) struct probe_spec spec = { 0 };
	struct target *t;
	struct loop *l;
	int rc;

	memset(h.sockets, -1, sizeof(h.sockets));
	rc = read_url(o, &spec, e);
	if (rc < 0)
		return rc;
	t = target_new(&spec, NULL, NULL);
	l = loop_new();
	rc = open_sockets(&h, t, e);
	if (rc == 0)
		rc = confine(o->id, e);
	if (rc == 0)
		attempt_now(&h, l, t);
	target_drop(t);
	loop_free(l);
	return rc < 0 ? rc : h.exit_code;
}
