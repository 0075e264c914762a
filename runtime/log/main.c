/* carpel-log: moves what containers write into their log files.  carpeld's child, and then
 * nobody's: it outlives carpeld.  A signal may end it at any instruction, see stage.c.  See
 * carpel-log(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/lockdown.h"
#include "base/log.h"
#include "base/str.h"
#include "log/confine.h"
#include "log/control.h"
#include "log/wire.h"

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: carpel-log [--uid N]    as carpeld's child; descriptor 3 is "
			    "the SEQPACKET socket that it\n"
			    "                               listens on\n"
			    "       carpel-log --help | --version\n";

static const struct option options[] = {
	{ "uid", required_argument, NULL, 'u' }, /* to run as */
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int say(const char *text)
{
	return fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static int check_listening(struct err *e)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(LOG_LISTEN_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		type != SOCK_SEQPACKET ||
		getsockopt(LOG_LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 ||
		!listens)
		return err_say(e, EINVAL, "descriptor %d is no socket to listen on; see --help",
			LOG_LISTEN_FD);
	if (fd_set_nonblock(LOG_LISTEN_FD) < 0)
		return err_set(e, errno, "descriptor %d", LOG_LISTEN_FD);
	return 0;
}

static int make_tools(struct streams_tools *out, struct err *e)
{
	int scratch[2];

	out->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (out->null < 0)
		return err_set(e, errno, "open /dev/null");
	if (pipe2(scratch, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(e, errno, "make a pipe");
	out->scratch_read = scratch[0];
	out->scratch_write = scratch[1];
	return 0;
}

static int serve(uid_t id, struct err *e)
{
	struct streams_tools tools;
	struct rlimit files = { 0 };
	uid_t peer = getuid();
	struct loop *l;
	int rc = check_listening(e);

	if (rc == 0 && close_range(LOG_LISTEN_FD + 1, ~0U, 0) < 0) /* a careless parent's */
		rc = err_set(e, errno, "close_range");
	if (rc == 0)
		rc = make_tools(&tools, e);
	if (rc == 0 && getrlimit(RLIMIT_NOFILE, &files) < 0)
		rc = err_set(e, errno, "limit of descriptors");
	if (rc < 0)
		return rc;
	tzset(); /* else gmtime_r(3) opens a file on its first call */
	l = loop_new();
	(void)control_new(l, LOG_LISTEN_FD, peer,
		files.rlim_max < INT32_MAX ? (int)files.rlim_max : INT32_MAX, &tools);
	rc = log_confine(id, e); /* raises the limit to rlim_max */
	if (rc == 0)
		loop_run(l);
	return rc;
}

static int run(int argc, char **argv, struct err *e)
{
	int64_t id = LOCKDOWN_ID_LOG;
	int option;

	while ((option = getopt_long(argc, argv, "u:hV", options, NULL)) >= 0) {
		if (option == 'h' || option == 'V')
			return say(option == 'h' ? usage : "carpel-log " CARPEL_VERSION "\n");
		if (option != 'u')
			return err_say(e, EINVAL, "see --help");
		if (str_to_i64(optarg, 1, UINT32_MAX - 1, &id) < 0)
			return err_say(
				e, EINVAL, "--uid %.64s: not a user other than root", optarg);
	}
	if (optind < argc)
		return err_say(e, EINVAL, "no arguments are taken; see --help");
	return serve((uid_t)id, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int rc;

	log_set_name("carpel-log");
	(void)signal(SIGPIPE, SIG_IGN); /* a log of ours that nobody reads ends nothing */
	(void)signal(SIGXFSZ, SIG_IGN); /* a full file is waited for like a full disk */
	rc = run(argc, argv, &e);
	if (rc < 0)
		log_err("%s", e.text);
	/* Not exit(): what it would run expects more system calls than we have left. */
	_exit(rc < 0 ? EXIT_USAGE : 0);
}
