#include <errno.h>

#include "api/h2_session.h"

/* What handlers hold for streams: parts of requests, requests in work, answers that are not read.
 * A limit for each connection keeps one client small; a limit for all keeps many of them small
 * together.  Above that one, the stream that holds most of the connection that holds most is cut:
 * a client that holds little is never the one, whatever the others do. */

static struct h2_conn *most_of_all(const struct h2_server *srv)
{
	struct h2_conn *most = srv->conns;

	for (struct h2_conn *c = srv->conns; c; c = c->next)
		if (c->has_bytes > most->has_bytes)
			most = c;
	return most;
}

static struct h2_stream *most_of(const struct h2_conn *c)
{
	struct h2_stream *most = c->streams;

	for (struct h2_stream *s = c->streams; s; s = s->next)
		if (s->has_bytes > most->has_bytes)
			most = s;
	return most;
}

int h2_hold(struct h2_stream *s, size_t len)
{
	struct h2_conn *c = s->conn;
	struct h2_server *srv = c->srv;

	if (s->is_cut || len > srv->limits.conn_bytes ||
		c->has_bytes > srv->limits.conn_bytes - len)
		return -ENOBUFS;
	while (srv->has_bytes + len > srv->limits.all_bytes) {
		struct h2_conn *most = most_of_all(srv);

		if (most->has_bytes <= c->has_bytes + len)
			return -ENOBUFS;
		h2_cut(most_of(most));
	}
	s->has_bytes += len;
	c->has_bytes += len;
	srv->has_bytes += len;
	return 0;
}

void h2_release(struct h2_stream *s, size_t len)
{
	if (len > s->has_bytes) /* it was cut: nothing is counted any more */
		len = s->has_bytes;
	s->has_bytes -= len;
	s->conn->has_bytes -= len;
	s->conn->srv->has_bytes -= len;
}

void h2_hold_forget(struct h2_stream *s)
{
	h2_release(s, s->has_bytes);
}

/* Its handler may be the very one that asks for room, or be looking at the stream: it is told
 * later, and what it holds lives until the end of this turn. */
void h2_cut(struct h2_stream *s)
{
	if (s->is_cut)
		return;
	s->is_cut = true;
	h2_hold_forget(s);
	(void)nghttp2_submit_rst_stream(
		s->conn->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_ENHANCE_YOUR_CALM);
	s->conn->has_cuts = true;
	h2_conn_touch(s->conn);
}

void h2_tell_cut(struct h2_conn *c)
{
	if (!c->has_cuts)
		return;
	c->has_cuts = false;
	for (struct h2_stream *s = c->streams; s; s = s->next) {
		struct h2_body answer = s->answer;

		if (!s->is_cut)
			continue;
		s->answer = (struct h2_body){ 0 };
		buf_free(&s->out);
		s->out_sent = 0;
		if (answer.gone)
			answer.gone(answer.arg);
	}
}
