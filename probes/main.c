/* carpel-probe: keeps the clocks of all probes and speaks to what may be hostile.  Two lives: as
 * carpeld's child it serves descriptor 3 until carpeld closes it; by hand it makes one attempt. See
 * carpel-probe(8).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/lockdown.h"
#include "base/log.h"
#include "base/str.h"
#include "probes/confine.h"
#include "probes/keeper.h"
#include "probes/once.h"

enum { EXIT_USAGE = 2, TIMEOUT_MS = 1000 };

static const char usage[] =
	"usage: carpel-probe [--timeout 1s] [--header NAME:VALUE]... [--uid N] "
	"http://HOST[:PORT]/PATH\n"
	"       carpel-probe [--timeout 1s] [--uid N] tcp://HOST:PORT\n"
	"       carpel-probe [--uid N]        as carpeld's child, which it speaks to on descriptor "
	"3\n"
	"One attempt: exit 0 when it succeeds, 1 when it fails, 2 when it cannot be made.\n";

static int say(int fd, const char *text)
{
	return fd_write_all(fd, text, strlen(text));
}

static int serve(uid_t id, struct err *e)
{
	CLEANUP(cleanup_free) struct keeper *k = mem_zalloc(sizeof(*k));
	struct loop *l;
	int rc, type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(PROBE_WIRE_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		type != SOCK_SEQPACKET)
		return err_say(e, EINVAL, "descriptor %d is no channel to carpeld; see --help",
			PROBE_WIRE_FD);
	if (close_range(PROBE_WIRE_FD + 1, ~0U, 0) < 0) /* what a careless parent left open */
		return err_set(e, errno, "close_range");
	l = loop_new();
	rc = keeper_open(k, l, PROBE_WIRE_FD, e);
	if (rc == 0)
		rc = confine(id, e);
	if (rc == 0) {
		loop_run(l);
		_exit(0); /* the kernel frees thousands of probers faster than we do */
	}
	loop_free(l);
	return rc;
}

static int add_header(struct once *o, const char *text, struct err *e)
{
	const char *colon = strchr(text, ':');
	CLEANUP(cleanup_free) char *name = colon ? str_ndup(text, (size_t)(colon - text)) : NULL;

	if (!name || !http_header_name_ok(name))
		return err_say(e, EINVAL, "--header %.64s: not NAME:VALUE", text);
	o->headers = mem_resize(o->headers, o->headers_len + 1, sizeof(*o->headers));
	o->headers[o->headers_len++] =
		(struct probe_header){ TAKE(name), str_dup(colon + 1 + strspn(colon + 1, " ")) };
	return 0;
}

static int take_option(struct once *o, int option, const char *value, struct err *e)
{
	int64_t n;

	switch (option) {
	case 't':
		if (once_duration(value, &o->timeout_ms) < 0)
			return err_say(e, EINVAL,
				"--timeout %.64s: not a duration such as 500ms, 1s or 2m", value);
		return 0;
	case 'H':
		return add_header(o, value, e);
	case 'u':
		if (str_to_i64(value, 1, UINT32_MAX - 1, &n) < 0)
			return err_say(e, EINVAL, "--uid %.64s: not a user other than root", value);
		o->id = (uid_t)n;
		return 0;
	default:
		return err_say(e, EINVAL, "see --help");
	}
}

static const struct option options[] = {
	{ "timeout", required_argument, NULL, 't' },
	{ "header", required_argument, NULL, 'H' },
	{ "uid", required_argument, NULL, 'u' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int run(int argc, char **argv, struct err *e)
{
	struct once o = { .timeout_ms = TIMEOUT_MS, .id = LOCKDOWN_ID_PROBE };
	int option, rc = 0;

	while (rc == 0 && (option = getopt_long(argc, argv, "t:H:hV", options, NULL)) >= 0) {
		if (option == 'h' || option == 'V')
			return say(STDOUT_FILENO,
				option == 'h' ? usage : "carpel-probe " CARPEL_VERSION "\n");
		rc = take_option(&o, option, optarg, e);
	}
	if (rc < 0)
		return rc;
	if (optind == argc)
		return serve(o.id, e);
	if (optind + 1 < argc)
		return err_say(e, EINVAL, "one URL at a time; see --help");
	o.url = argv[optind];
	return once_run(&o, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int rc;

	log_set_name("carpel-probe");
	(void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads ends nothing */
	rc = run(argc, argv, &e);
	if (rc == -EHOSTUNREACH) { /* a name that leads nowhere is an answer, too */
		(void)say(STDOUT_FILENO, "failure\n");
		(void)say(STDOUT_FILENO, e.text);
		(void)say(STDOUT_FILENO, "\n");
		return EXIT_FAILURE;
	}
	if (rc < 0)
		log_err("%s", e.text);
	/* Not exit(): what it would run expects more system calls than we have left. */
	_exit(rc < 0 ? EXIT_USAGE : rc);
}
