#include "api/client_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* One connection, blocking for its caller, non-blocking inside.  nghttp2's callbacks only note what
 * came; it is handed on when nghttp2 has returned, so a caller may begin another request in the
 * middle of a watch. */

enum {
	READ_BYTES = 64 * 1024,
	WRITE_BYTES = 32 * 1024,
	WINDOW = 1024 * 1024, /* of the connection and of each stream */
	HEAD_MAX = 64 * 1024, /* nghttp2's own bound */
	CONNECT_S = 10,       /* a full backlog empties, or nobody accepts any more */
};

/* ---- what nghttp2 tells ---- */

static struct exchange *exchange_of(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

/* `299 - "text"` (RFC 9111 §5.5): the text, unquoted. */
static void add_warning(struct exchange *x, const char *value, size_t len)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	const char *end = value + len, *p = memchr(value, '"', len);

	for (p = p ? p + 1 : value; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		buf_addc(&text, *p);
	}
	if (text.len > 0)
		strv_add(&x->answer.warnings, text.data);
}

/* The last one counts: trailers come behind the head. */
static void note_line(char **into, const char *value)
{
	free(*into);
	*into = str_dup(value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
	struct exchange *x = exchange_of(session, frame->hd.stream_id);
	/* nghttp2 closes names and values with a NUL. */
	const char *key = (const char *)name, *text = (const char *)value;
	int64_t status;

	(void)name_len;
	(void)flags;
	(void)arg;
	if (!x)
		return 0;
	if (strcmp(key, ":status") == 0 && str_to_i64(text, 200, 999, &status) == 0)
		x->answer.status = (int)status;
	else if (strcmp(key, "warning") == 0)
		add_warning(x, text, value_len);
	else if (strcmp(key, "grpc-status") == 0)
		note_line(&x->answer.grpc_status, text);
	else if (strcmp(key, "grpc-message") == 0)
		note_line(&x->answer.grpc_message, text);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
	size_t len, void *arg)
{
	struct exchange *x = exchange_of(session, id);

	(void)flags;
	(void)arg;
	if (x)
		buf_add(&x->pending, bytes, len);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct api_client *c = arg;
	struct exchange *x;

	if (frame->hd.type == NGHTTP2_SETTINGS)
		c->has_settings = true;
	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.opaque_data_len > 0)
		snprintf(c->why, sizeof(c->why), "%.*s", (int)frame->goaway.opaque_data_len,
			(const char *)frame->goaway.opaque_data);
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
		(frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	x = exchange_of(session, frame->hd.stream_id);
	if (x)
		x->has_end = true;
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct exchange *x = exchange_of(session, id);

	(void)arg;
	if (x) {
		x->is_over = true;
		x->code = code;
	}
	return 0;
}

/* A request that never left has no stream that could end. */
static int on_not_sent(
	nghttp2_session *session, const nghttp2_frame *frame, int lib_error_code, void *arg)
{
	struct api_client *c = arg;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS)
		c->unsent_rc = lib_error_code;
	return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *room, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct exchange *x = exchange_of(session, id);

	(void)source;
	(void)arg;
	/* Its owner has let go of it. */
	return x ? x->fill(x, room, length, flags) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* ---- the connection ---- */

static int session_open(struct api_client *c, struct err *e)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
	};
	nghttp2_session_callbacks *calls = NULL;
	int rc = nghttp2_session_callbacks_new(&calls);

	if (rc == 0) {
		nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
		nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
		nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
		nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_not_sent);
		rc = nghttp2_session_client_new(&c->session, calls, c);
	}
	nghttp2_session_callbacks_del(calls);
	if (rc == 0)
		rc = nghttp2_submit_settings(
			c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings));
	if (rc == 0)
		rc = nghttp2_session_set_local_window_size(
			c->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
	return rc == 0 ? 0 : err_set(e, ENOMEM, "open an HTTP/2 session");
}

/* A path longer than a socket address goes by its directory's descriptor. */
static int set_address(struct sockaddr_un *a, const char *path, int *out_dir, struct err *e)
{
	const char *name = strrchr(path, '/');
	CLEANUP(cleanup_free) char *dir = NULL;
	CLEANUP(cleanup_free) char *by_fd = NULL;

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path) && name) {
		dir = str_ndup(path, (size_t)(name - path) + 1);
		*out_dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (*out_dir < 0)
			return err_set(e, errno, "open %s", dir);
		by_fd = str_fmt("/proc/self/fd/%d%s", *out_dir, name);
		path = by_fd;
	}
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(e, ENAMETOOLONG, "connect to %s", path);
	memcpy(a->sun_path, path, strlen(path) + 1);
	return 0;
}

static int connect_to(const char *path, struct err *e)
{
	const struct timeval limit = { .tv_sec = CONNECT_S };
	CLEANUP(cleanup_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEANUP(cleanup_fd) int dir = -1;
	struct sockaddr_un a;
	int rc;

	if (fd < 0)
		return err_set(e, errno, "make a socket");
	rc = set_address(&a, path, &dir, e);
	if (rc < 0)
		return rc;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_set(e, errno, "set a time limit");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_set(e, errno == EAGAIN ? ETIMEDOUT : errno, "connect to %s", path);
	rc = fd_set_nonblock(fd);
	return rc < 0 ? err_set(e, -rc, "connect to %s", path) : take_fd(&fd);
}

int api_client_open(const char *socket_path, struct api_client **out, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = connect_to(socket_path, e);
	struct api_client *c;
	int rc;

	if (fd < 0)
		return fd;
	c = mem_zalloc(sizeof(*c));
	c->fd = take_fd(&fd);
	rc = session_open(c, e);
	if (rc < 0) {
		api_client_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

void api_client_close(struct api_client *c)
{
	if (!c)
		return;
	if (c->session) {
		(void)nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
		(void)client_flush(c, NULL);
	}
	nghttp2_session_del(c->session);
	buf_free(&c->out);
	close(c->fd);
	free(c);
}

/* The connection is of no use any more; the server's own words for it, where it had some. */
static int lost(const struct api_client *c, struct err *e)
{
	return err_say(e, ECONNRESET, "%s",
		c->why[0] ? c->why : "the other side has closed the connection");
}

/* Told to whoever makes the turn: a request's first one follows its beginning. */
static int not_sent(struct api_client *c, struct err *e)
{
	int rc = c->unsent_rc;

	c->unsent_rc = 0;
	if (rc == NGHTTP2_ERR_FRAME_SIZE_ERROR)
		return err_say(e, E2BIG, "the request's head is above %d bytes", HEAD_MAX);
	return c->why[0] ? lost(c, e)
			 : err_say(e, ECONNRESET, "the request cannot be sent: %s",
				   nghttp2_strerror(rc));
}

static int take_frames(struct api_client *c)
{
	buf_clear(&c->out);
	c->out_sent = 0;
	while (c->out.len < WRITE_BYTES) {
		const uint8_t *bytes = NULL;
		ssize_t n = nghttp2_session_mem_send(c->session, &bytes);

		if (n < 0)
			return -ECONNRESET;
		if (n == 0)
			break;
		buf_add(&c->out, bytes, (size_t)n);
	}
	return 0;
}

int client_flush(struct api_client *c, struct err *e)
{
	while (!c->is_write_closed) {
		ssize_t n;

		if (c->out_sent == c->out.len && take_frames(c) < 0)
			return lost(c, e);
		if (c->unsent_rc < 0)
			return not_sent(c, e);
		if (c->out.len == 0)
			break;
		n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		/* Why it left may still be there to be read. */
		if (n < 0 && errno != EINTR)
			c->is_write_closed = true;
		else if (n > 0)
			c->out_sent += (size_t)n;
	}
	return 0;
}

static int read_socket(struct api_client *c, struct err *e)
{
	CLEANUP(cleanup_free) char *bytes = mem_resize(NULL, READ_BYTES, 1);
	ssize_t n = recv(c->fd, bytes, READ_BYTES, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return lost(c, e);
	n = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes, (size_t)n);
	return n < 0 ? err_say(e, ECONNRESET, "HTTP/2: %s", nghttp2_strerror((int)n)) : 0;
}

int client_turn(struct api_client *c, int wait_ms, struct err *e)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int rc = client_flush(c, e);

	if (rc < 0)
		return rc;
	if (c->out_sent < c->out.len && !c->is_write_closed)
		p.events |= POLLOUT;
	rc = poll(&p, 1, wait_ms);
	if (rc < 0)
		return errno == EINTR ? 0 : err_set(e, errno, "poll");
	if (p.revents & (POLLIN | POLLHUP | POLLERR))
		rc = read_socket(c, e);
	else
		rc = 0;
	return rc < 0 ? rc : client_flush(c, e);
}

/* ---- exchanges ---- */

nghttp2_nv client_line(const char *name, const char *value)
{
	union {
		const char *text;
		uint8_t *bytes; /* nghttp2 copies and does not write */
	} n = { name }, v = { value };

	return (nghttp2_nv){
		.name = n.bytes,
		.namelen = strlen(name),
		.value = v.bytes,
		.valuelen = strlen(value),
	};
}

int client_begin(struct api_client *c, struct exchange *x, const nghttp2_nv *lines,
	size_t lines_len, struct err *e)
{
	const nghttp2_data_provider body = { .read_callback = read_body };

	x->id = nghttp2_submit_request(
		c->session, NULL, lines, lines_len, x->fill ? &body : NULL, x);
	return x->id < 0 ? lost(c, e) : 0;
}

void client_end(struct api_client *c, struct exchange *x)
{
	if (x->id > 0 && !x->is_over) {
		(void)nghttp2_session_set_stream_user_data(c->session, x->id, NULL);
		(void)nghttp2_submit_rst_stream(
			c->session, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_CANCEL);
		(void)client_flush(c, NULL);
	}
	api_answer_free(&x->answer);
	buf_free(&x->pending);
}

int client_check(const struct api_client *c, const struct exchange *x, struct err *e)
{
	if (!x->is_over || (x->has_end && x->answer.status))
		return 0;
	if (c->why[0] || x->code == NGHTTP2_NO_ERROR)
		return lost(c, e);
	return err_say(e, ECONNRESET, "the answer was cut: %s", nghttp2_http2_strerror(x->code));
}

void api_answer_free(struct api_answer *a)
{
	buf_free(&a->body);
	strv_free(&a->warnings);
	free(a->grpc_status);
	free(a->grpc_message);
	*a = (struct api_answer){ 0 };
}

void api_escape(struct buf *out, const char *text)
{
	static const char plain[] =
		"-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (const char *p = text; *p; p++) {
		if (strchr(plain, *p))
			buf_addc(out, *p);
		else
			buf_addf(out, "%%%02X", (unsigned char)*p);
	}
}
