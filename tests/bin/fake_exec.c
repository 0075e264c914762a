#include "tests/bin/fake_exec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { PIECE = 4096, SLOW_PIECE = 64 * 1024 };

struct fake_execs {
	struct loop *loop;
	struct exec_session *sessions;
	size_t running, cancelled, output_max, input_max;
};

struct exec_session {
	struct exec_session *next, **link;
	struct fake_execs *x;
	struct exec_peer *peer;
	/* Plays on; true when it has ended with exit_code. */
	bool (*play)(struct exec_session *s);
	struct strv words;
	int exit_code;
	struct err e;
	struct buf input;
	bool input_ends, is_paused;
	uint64_t count;
	int64_t pause_ms;
	struct loop_timer timer;
};

static void session_free(struct exec_session *s)
{
	loop_timer_stop(&s->timer);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->x->running--;
	buf_free(&s->input);
	strv_free(&s->words);
	free(s);
}

static void tell(struct exec_session *s, int channel, const char *bytes, size_t len)
{
	size_t queued = s->peer->output(s->peer, channel, bytes, len);

	if (queued > s->x->output_max)
		s->x->output_max = queued;
	s->is_paused = queued > EXEC_QUEUE_HIGH;
}

static void tell_text(struct exec_session *s, int channel, const char *text)
{
	tell(s, channel, text, strlen(text));
}

static void finish(struct exec_session *s)
{
	struct exec_peer *peer = s->peer;
	struct err e = s->e;
	int exit_code = s->exit_code;

	session_free(s);
	peer->done(peer, exit_code, &e);
}

static void step(struct exec_session *s);

static void step_due(struct loop_timer *t)
{
	step(t->arg);
}

static void step_soon(struct exec_session *s)
{
	loop_timer_start(s->x->loop, &s->timer, s->pause_ms, step_due, s);
}

static void step(struct exec_session *s)
{
	if (s->play(s))
		finish(s);
}

/* ---- the programs ---- */

static bool play_echo(struct exec_session *s)
{
	CLEANUP(buf_free) struct buf line = { 0 };

	for (size_t i = 1; i < s->words.len; i++)
		buf_addf(&line, "%s%s", i > 1 ? " " : "", s->words.at[i]);
	buf_addc(&line, '\n');
	tell(s, 1, line.data, line.len);
	return true;
}

static bool play_cat(struct exec_session *s)
{
	if (s->is_paused)
		return false;
	if (s->input.len > 0)
		tell(s, 1, s->input.data, s->input.len);
	buf_clear(&s->input);
	return s->input_ends;
}

static bool play_both(struct exec_session *s)
{
	tell_text(s, 1, "to stdout\n");
	tell_text(s, 2, "to stderr\n");
	return true;
}

static int64_t number(const struct exec_session *s)
{
	int64_t n = 0;

	if (s->words.len > 1)
		(void)str_to_i64(s->words.at[1], 0, INT64_MAX, &n);
	return n;
}

static bool play_exit(struct exec_session *s)
{
	s->exit_code = (int)(number(s) & 255);
	return true;
}

static bool play_flood(struct exec_session *s)
{
	static const char bytes[PIECE];
	uint64_t all = (uint64_t)number(s);

	while (s->count < all && !s->is_paused) {
		uint64_t left = all - s->count;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		s->count += n;
		tell(s, 1, bytes, n);
	}
	return s->count >= all;
}

static bool play_count(struct exec_session *s)
{
	size_t n = s->input.len < SLOW_PIECE ? s->input.len : SLOW_PIECE;
	CLEANUP(cleanup_free) char *text = NULL;

	buf_drop(&s->input, n);
	s->count += n;
	s->pause_ms = 1;
	if (s->input.len > 0) {
		step_soon(s);
		return false;
	}
	if (!s->input_ends)
		return false;
	text = str_fmt("%" PRIu64 "\n", s->count);
	tell_text(s, 1, text);
	return true;
}

static bool play_deaf(struct exec_session *s)
{
	(void)s;
	return false;
}

static bool play_size(struct exec_session *s)
{
	return s->input_ends;
}

static bool play_broken(struct exec_session *s)
{
	(void)err_set(&s->e, ENOENT, "exec %s", s->words.at[0]);
	return true;
}

static const struct {
	const char *name;
	bool (*play)(struct exec_session *s);
} programs[] = {
	{ "echo", play_echo },     /* */
	{ "cat", play_cat },       /* */
	{ "both", play_both },     /* */
	{ "exit", play_exit },     /* */
	{ "flood", play_flood },   /* */
	{ "count", play_count },   /* */
	{ "deaf", play_deaf },     /* */
	{ "size", play_size },     /* */
	{ "broken", play_broken }, /* */
	{ "now", play_echo },      /* */
};

/* ---- the backend's half ---- */

int fake_exec_start(struct fake_execs *x, const struct exec_request *q, struct exec_peer *p,
	struct exec_session **out, struct err *e)
{
	const char *name = q->command.len ? q->command.at[0] : "cat";
	bool (*play)(struct exec_session * s) = NULL;
	struct exec_session *s;

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		if (str_eq(programs[i].name, name))
			play = programs[i].play;
	}
	if (!play)
		return err_say(e, EBUSY, "container not found (\"%s\")", q->container);
	s = mem_zalloc(sizeof(*s));
	s->x = x;
	s->peer = p;
	s->play = play;
	for (size_t i = 0; i < q->command.len; i++)
		strv_add(&s->words, q->command.at[i]);
	s->input_ends = !q->has_stdin && play == play_cat;
	s->next = x->sessions;
	if (s->next)
		s->next->link = &s->next;
	s->link = &x->sessions;
	x->sessions = s;
	x->running++;
	*out = s;
	if (str_eq(name, "now"))
		step(s);
	else
		step_soon(s);
	return 0;
}

static void exec_input(struct exec_session *s, const char *bytes, size_t len)
{
	buf_add(&s->input, bytes, len);
	if (s->input.len > s->x->input_max)
		s->x->input_max = s->input.len;
	step_soon(s);
}

static size_t exec_input_queued(const struct exec_session *s)
{
	return s->input.len;
}

static void exec_close_input(struct exec_session *s)
{
	s->input_ends = true;
	step_soon(s);
}

static void exec_resize(struct exec_session *s, int columns, int rows)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%dx%d\n", columns, rows);

	tell_text(s, 1, text);
}

static void exec_resume(struct exec_session *s)
{
	s->is_paused = false;
	step_soon(s);
}

static void exec_cancel(struct exec_session *s)
{
	s->x->cancelled++;
	session_free(s);
}

void fake_exec_calls(struct api_backend *b)
{
	b->exec_input = exec_input;
	b->exec_input_queued = exec_input_queued;
	b->exec_close_input = exec_close_input;
	b->exec_resize = exec_resize;
	b->exec_resume = exec_resume;
	b->exec_cancel = exec_cancel;
}

struct fake_execs *fake_execs_new(struct loop *l)
{
	struct fake_execs *x = mem_zalloc(sizeof(*x));

	x->loop = l;
	return x;
}

void fake_execs_free(struct fake_execs *x)
{
	struct exec_session *next;

	for (struct exec_session *s = x->sessions; s; s = next) {
		next = s->next;
		session_free(s);
	}
	free(x);
}

bool fake_execs_are_over(const struct fake_execs *x)
{
	return !x->sessions;
}

void fake_execs_tell(const struct fake_execs *x, struct json *out)
{
	size_t input_now = 0;

	for (const struct exec_session *s = x->sessions; s; s = s->next)
		input_now += s->input.len;
	json_set_i64(out, "running", (int64_t)x->running);
	json_set_i64(out, "inputNow", (int64_t)input_now);
	json_set_i64(out, "cancelled", (int64_t)x->cancelled);
	json_set_i64(out, "outputMax", (int64_t)x->output_max);
	json_set_i64(out, "inputMax", (int64_t)x->input_max);
}
