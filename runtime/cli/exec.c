/* exec and attach: this terminal's bytes to a process in the container and back.  One poll over
 * standard input, the stream and the signals; nothing is done in a signal handler.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/container.h"
#include "cli/pod_text.h"
#include "cli/request.h"
#include "cli/target.h"

enum { CHANNEL_STDIN = 0, CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_END, CHANNEL_RESIZE };
enum { CHUNK = 32 * 1024, QUEUE_HIGH = 256 * 1024 };

struct session {
	struct cli *cli;
	const char *pod, *container;
	char **command; /* NULL: attach */
	bool has_stdin, has_tty;
	struct api_stream *stream;
	bool is_stdin_open;
	struct buf end; /* the final v1.Status */
	int write_rc;   /* of standard output or error; 0 */
	int signals; /* signalfd of the terminal's size and of our own end; -1 without a terminal */
	int ended_by; /* signal that ends us: the terminal is put right before; 0 none */
	bool is_raw;
	struct termios terminal; /* as it was */
};

/* ---- the terminal ---- */

static void make_raw(struct session *s)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &s->terminal) < 0)
		return;
	raw = s->terminal;
	cfmakeraw(&raw);
	s->is_raw = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
}

static void restore_terminal(struct session *s)
{
	if (s->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &s->terminal);
	s->is_raw = false;
}

/* As resize JSON; NULL without a terminal. */
static char *terminal_size(const struct session *s)
{
	struct winsize size;

	if (!s->has_tty || (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 &&
				   ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0))
		return NULL;
	return str_fmt("{\"Width\":%u,\"Height\":%u}", size.ws_col, size.ws_row);
}

static void send_size(struct session *s)
{
	CLEANUP(cleanup_free) char *text = terminal_size(s);

	if (text)
		api_stream_send(s->stream, CHANNEL_RESIZE, text, strlen(text));
}

static int watch_signals(struct session *s, struct err *e)
{
	sigset_t mask;

	s->signals = -1;
	if (!s->has_tty)
		return 0;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGWINCH);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return err_set(e, errno, "watch signals");
	send_size(s); /* it may have changed since the stream was opened */
	return 0;
}

/* ---- bytes ---- */

static void on_output(void *arg, int channel, const char *bytes, size_t len)
{
	struct session *s = arg;
	int rc = 0;

	if (channel == CHANNEL_END)
		buf_add(&s->end, bytes, len);
	else if (len > 0)
		rc = fd_write_all(
			channel == CHANNEL_STDERR ? STDERR_FILENO : STDOUT_FILENO, bytes, len);
	if (rc < 0 && s->write_rc == 0)
		s->write_rc = rc;
}

static void pump_stdin(struct session *s)
{
	char bytes[CHUNK];
	ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (len > 0) {
		api_stream_send(s->stream, CHANNEL_STDIN, bytes, (size_t)len);
		return;
	}
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	s->is_stdin_open = false;
	api_stream_close_channel(s->stream, CHANNEL_STDIN);
}

static void read_signal(struct session *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGWINCH)
			s->ended_by = (int)info.ssi_signo;
	if (!s->ended_by)
		send_size(s);
}

/* 1 when the stream has ended. */
static int turn(struct session *s, struct err *e)
{
	bool wants_input = s->is_stdin_open && api_stream_queued(s->stream) < QUEUE_HIGH;
	struct pollfd p[] = {
		{ .fd = api_stream_fd(s->stream), .events = POLLIN },
		{ .fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = s->signals, .events = POLLIN },
	};

	if (api_stream_wants_write(s->stream))
		p[0].events |= POLLOUT;
	if (poll(p, ARRAY_LEN(p), -1) < 0)
		return errno == EINTR ? 0 : err_set(e, errno, "poll");
	if (p[1].revents)
		pump_stdin(s);
	if (p[2].revents)
		read_signal(s);
	/* Also after our own input, so that it leaves at once. */
	return api_stream_step(s->stream, e);
}

/* ---- the end ---- */

/* What a shell answers for a program that could not be started. */
static int code_of_failure(const char *message)
{
	if (strstr(message, strerror(ENOENT)) || strstr(message, "not found"))
		return EXIT_NOT_FOUND;
	if (strstr(message, strerror(EACCES)) || strstr(message, strerror(ENOEXEC)) ||
		strstr(message, strerror(EISDIR)))
		return EXIT_NOT_EXECUTABLE;
	return EXIT_SELF;
}

static int read_end(const struct session *s)
{
	CLEANUP(cleanup_json) struct json *status = NULL;
	const struct json *causes;
	const char *message;
	int64_t code;

	if (s->end.len == 0 || json_parse(s->end.data, s->end.len, NULL, &status, NULL) < 0) {
		(void)cli_say("carpeld ended the stream without saying how the command ended");
		return EXIT_SELF;
	}
	if (str_eq(json_get_str(status, "status"), "Success"))
		return EXIT_OK;
	causes = json_path(status, "details.causes");
	for (size_t i = 0; i < json_len(causes); i++) {
		const struct json *cause = json_at(causes, i);

		if (str_eq(json_get_str(cause, "reason"), "ExitCode") &&
			json_get_str(cause, "message") &&
			str_to_i64(json_get_str(cause, "message"), 0, 255, &code) == 0)
			return (int)code;
	}
	message = json_get_str(status, "message");
	(void)cli_say("%s", message ? message : "the command failed");
	return message ? code_of_failure(message) : EXIT_SELF;
}

static int pump(struct session *s)
{
	struct err e = { 0 };
	int rc = watch_signals(s, &e);

	while (rc == 0 && s->write_rc == 0 && !s->ended_by)
		rc = turn(s, &e);
	restore_terminal(s);
	if (s->ended_by)
		return 128 + s->ended_by;
	if (s->write_rc < 0) {
		(void)cli_say("standard output: %s", strerror(-s->write_rc));
		return EXIT_SELF;
	}
	if (rc < 0) {
		(void)cli_fail(s->cli, NULL, &e);
		return EXIT_SELF;
	}
	return read_end(s);
}

/* ---- the beginning ---- */

static void make_path(const struct session *s, struct buf *out)
{
	path_pod(out, cli_namespace(s->cli), s->pod, s->command ? "exec" : "attach");
	path_query(out, "container", s->container);
	path_query(out, "stdin", s->has_stdin ? "true" : NULL);
	path_query(out, "stdout", "true");
	path_query(out, "stderr", s->has_tty ? NULL : "true"); /* a terminal has one output */
	path_query(out, "tty", s->has_tty ? "true" : NULL);
	for (char **word = s->command; word && *word; word++)
		path_query(out, "command", *word);
}

static int refuse(struct session *s, int rc, const struct api_answer *a, struct err *e)
{
	CLEANUP(cleanup_json) struct json *status = NULL;

	if (rc == -EPROTO && a->status) {
		if (a->body.len > 0)
			(void)json_parse(a->body.data, a->body.len, NULL, &status, NULL);
		(void)request_refused(s->cli, a->status, status, e);
		if (!status && a->body.len > 0) { /* some refusals are plain text */
			buf_clear(&s->cli->refusal);
			buf_add(&s->cli->refusal, a->body.data, a->body.len);
		}
	}
	(void)cli_fail(s->cli, NULL, e);
	return EXIT_SELF;
}

static int open_and_pump(struct session *s)
{
	CLEANUP(api_answer_free) struct api_answer refusal = { 0 };
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(cleanup_free) char *size = terminal_size(s);
	struct api_stream_peer peer = { .output = on_output, .arg = s, .size = size };
	struct err e = { 0 };
	int code, rc;

	make_path(s, &path);
	rc = request_connect(s->cli, REQUEST_STARTS, &e);
	if (rc == 0)
		rc = api_stream_open(s->cli->client, path.data, &peer, &s->stream, &refusal, &e);
	if (rc < 0)
		return refuse(s, rc, &refusal, &e);
	s->is_stdin_open = s->has_stdin;
	if (s->has_tty && s->has_stdin && isatty(STDIN_FILENO))
		make_raw(s);
	code = pump(s);
	api_stream_free(s->stream);
	if (s->signals >= 0)
		close(s->signals);
	buf_free(&s->end);
	request_disconnect(s->cli);
	return code;
}

/* kubectl's order: the pod is looked at first, for its default container. */
static int run(struct session *s)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	struct err e = { 0 };

	if (request_pod(s->cli, cli_namespace(s->cli), s->pod, &pod, &e) < 0) {
		(void)cli_fail(s->cli, NULL, &e);
		return EXIT_SELF;
	}
	if (pod_has_ended(pod)) {
		(void)cli_say(
			"cannot exec into a container in a completed pod; current phase is %s",
			pod_phase(pod));
		return EXIT_SELF;
	}
	if (!s->container)
		s->container = container_default(pod);
	if (s->has_tty && s->has_stdin && !isatty(STDIN_FILENO))
		fputs("Unable to use a TTY - input is not a terminal or the right kind of file\n",
			stderr);
	return open_and_pump(s);
}

static int parse_line(struct session *s, char **argv)
{
	const struct option table[] = {
		{ "container", 'c', OPTION_TEXT, &s->container },
		{ "stdin", 'i', OPTION_FLAG, &s->has_stdin },
		{ "tty", 't', OPTION_FLAG, &s->has_tty },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cli_options(s->cli, table, ARRAY_LEN(table), argv, &args);
	bool is_exec = strcmp(argv[0], "exec") == 0;
	struct err e = { 0 };
	size_t used;

	if (code != CLI_GO_ON)
		return code;
	if (target_one(args.at, args.len, &s->pod, &used, &e) < 0)
		return cli_usage(s->cli, "%s", e.text);
	if (args.len > used && is_exec && args.command)
		return cli_usage(s->cli, "unexpected argument \"%s\": a container is named by -c",
			args.at[used]);
	if (args.len > used)
		return cli_usage(s->cli,
			is_exec ? "the command goes behind --: exec %s -- %s"
				: "unexpected arguments: %s %s",
			s->pod, args.at[used]);
	if (is_exec && (!args.command || !args.command[0]))
		return cli_usage(s->cli, "a command is missing behind --");
	if (!is_exec && args.command)
		return cli_usage(s->cli, "attach takes no command");
	s->command = args.command;
	return CLI_GO_ON;
}

static int verb_stream(struct cli *c, char **argv)
{
	struct session s = { .cli = c, .signals = -1 };
	int code = parse_line(&s, argv);

	return code == CLI_GO_ON ? run(&s) : code;
}

int verb_exec(struct cli *c, char **argv)
{
	return verb_stream(c, argv);
}

int verb_attach(struct cli *c, char **argv)
{
	return verb_stream(c, argv);
}
