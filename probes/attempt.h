/* One attempt of one probe: a state machine over a non-blocking socket with a deadline, or a
 * command that carpeld runs for us.  Every way that it can end is one result; nothing is discarded.
 * The socket and the command come from the attempt's host (carpeld's channel, or the command line),
 * which is asked for them by callbacks and answers by the functions below, at once or later.
 *
 * Time counts from the moment the socket is there: what carpeld takes to open it is not the pod's
 * fault. An HTTP connection is read to its end after the result is known, for a moment, so that the
 * server closes first and TIME_WAIT is its, as it is for every other client.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "probes/http.h"
#include "probes/target.h"
#include "probes/timers.h"

enum attempt_stage {
	ATTEMPT_ASKS = 1, /* for a socket, or for a command to be run */
	ATTEMPT_CONNECTS,
	ATTEMPT_SENDS,
	ATTEMPT_READS,
	ATTEMPT_DRAINS, /* has its result, waits for the peer to close */
};

struct attempt_result {
	bool is_success, is_warning;
	int64_t duration_ms;
	const char *output; /* as it came: neither valid UTF-8 nor free of NUL */
	size_t output_len;
};

struct attempt;

struct attempt_host {
	struct loop *loop;
	struct timers *timers;
	void (*want_socket)(struct attempt *a, int family);
	void (*want_exec)(struct attempt *a);
	void (*drop_ask)(struct attempt *a); /* what was asked for is of no interest any more */
	void (*done)(struct attempt *a,
		const struct attempt_result
			*r); /* once; the attempt is not the owner's from then on */
};

struct attempt {
	const struct attempt_host *host;
	void *owner;
	struct target *target;
	enum attempt_stage stage;
	int64_t began_ms;
	struct timer deadline;
	struct loop_io io;
	int sock; /* -1: none */
	struct tcp_address to;
	/* http */
	struct url hop;     /* after a redirect: where to */
	struct buf request; /* and what is asked there */
	int redirects;
	size_t sent, drained;
	struct http_answer answer;
};

struct attempt *attempt_new(const struct attempt_host *host, struct target *t, void *owner);
void attempt_start(struct attempt *a);  /* may end it */
void attempt_cancel(struct attempt *a); /* without a result; frees it */

/* Answers to want_socket: takes the descriptor, or (-1) says why there is none. */
void attempt_give_socket(struct attempt *a, int sock, const char *error);
/* Answers to want_exec: exit code, or -1 with output saying why it could not run, or a timeout. */
struct attempt_exec {
	int exit_code;
	bool is_timeout;
	const char *output;
	size_t output_len;
};
void attempt_give_exec(struct attempt *a, const struct attempt_exec *x);
