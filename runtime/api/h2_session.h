/* What h2.c (the protocol) and h2_conn.c (sockets and time) share.  Nobody else includes it. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "api/h2.h"
#include "api/h2_frames.h"

struct h2_stream {
	struct h2_conn *conn;
	struct h2_stream *next, **link;
	int32_t id;
	int refusal;
	char *header[H2_HEADERS];
	size_t head_bytes;
	struct buf body;
	int64_t deadline_ms; /* for the request to be whole; 0: it is */
	bool has_head, is_dispatched, is_head_sent;
	bool is_bodiless; /* HEAD: the answer to it is a head too */
	bool is_deferred, is_awake, is_out_ended, is_held, is_kept, is_cut;
	size_t held;      /* bytes whose window was not given back */
	size_t has_bytes; /* by h2_hold() */
	size_t window;    /* of the client, when it was widened */
	char *trailer_status, *trailer_message;
	struct buf out; /* of the answer, from out_sent on not handed to nghttp2 yet */
	size_t out_sent;
	struct h2_body answer;
};

struct h2_conn {
	struct h2_server *srv;
	struct h2_conn *next, **link;
	nghttp2_session *session;
	struct h2_stream *streams;
	size_t streams_len, bodies_bytes;
	size_t kept_streams; /* h2_keep_alive() */
	size_t has_bytes;    /* by h2_hold(), of all its streams */
	struct buf out;      /* frames, from out_sent on not written yet */
	size_t out_sent;
	struct loop_io io;
	struct loop_timer timer;
	int fd;
	size_t received; /* until the preface is whole */
	struct h2_frames frames;
	bool has_preface, has_settings, is_dirty, is_doomed, has_cuts, has_said_invalid;
	int64_t opened_ms, idle_since_ms, heard_ms;
	int64_t pinged_ms;         /* and not answered yet; 0: not pinged */
	int64_t goodbye_ms;        /* when the last word is due; 0: not leaving, or said */
	int64_t tokens, tokens_ms; /* for frames that cost us and not the client */
	int64_t pings_paid;        /* by what we sent */
};

struct h2_server {
	struct loop *loop;
	struct h2_limits limits;
	struct h2_handler handler;
	struct h2_conn *conns;
	size_t conns_len;
	size_t has_bytes; /* by h2_hold(), of all connections */
	int listen_fd;
	struct loop_io accept_io;
	struct loop_timer accept_pause, flush, stop;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	bool is_stopping;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* h2.c */
int h2_session_open(struct h2_conn *c, struct err *e);
/* 0, -EPROTO when the bytes are no HTTP/2 at all, -ECONNABORTED when the connection must end. */
int h2_session_feed(struct h2_conn *c, const char *bytes, size_t len);
void h2_session_close(struct h2_conn *c); /* every stream is told */
int h2_server_callbacks(struct h2_server *srv);
/* Refuses what has taken too long. */
void h2_session_expire(struct h2_conn *c, int64_t now_ms);

/* h2_answer.c */
/* Appends frames to c->out until it is about H2_CHUNK long or nothing is left. */
int h2_session_take(struct h2_conn *c);

/* h2_hold.c */
void h2_hold_forget(struct h2_stream *s); /* the stream ends */
/* Tells the handlers of what was cut; from the loop only. */
void h2_tell_cut(struct h2_conn *c);

/* h2_conn.c */
void h2_conn_heard_ping(struct h2_conn *c); /* the answer to one of ours */
void h2_conn_touch(struct h2_conn *c);      /* writes in the next turn */
void h2_conn_arm(struct h2_conn *c);        /* sets the timer to the next deadline */
