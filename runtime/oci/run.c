/* create, start, run */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "oci/await.h"
#include "oci/create.h"
#include "oci/options.h"

static const char create_usage[] =
	"Usage: carpel-oci create [OPTION…] ID\n"
	"       carpel-oci run [--detach] [--keep] [OPTION…] ID\n"
	"\n"
	"Makes the container that a bundle describes; run starts it and, without --detach, waits "
	"for\n"
	"its end and removes it.\n"
	"\n"
	"  -b, --bundle DIR          the bundle (the current directory)\n"
	"  --pid-file FILE           write the pid of its process there\n"
	"  --console-socket SOCKET   send the terminal there\n"
	"  --preserve-fds N          keep descriptors 3 to 3+N-1 open\n"
	"  -d, --detach              run: do not wait\n"
	"  --keep                    run: do not remove it\n";

struct run {
	struct create_options create;
	bool detaches, keeps;
};

/* What socket activation passes comes first, as LISTEN_FDS says. */
static int64_t listen_fds(void)
{
	const char *text = getenv("LISTEN_FDS");
	int64_t n = 0;

	return text && str_to_i64(text, 0, INT32_MAX, &n) == 0 ? n : 0;
}

static int read_create(int argc, char **argv, struct run *r, const char **id, struct err *e)
{
	bool no_pivot = false;
	const struct option_row rows[] = {
		{ "bundle", 'b', OPTION_TEXT, &r->create.bundle },
		{ "pid-file", 0, OPTION_TEXT, &r->create.streams.pid_file },
		{ "console-socket", 0, OPTION_TEXT, &r->create.streams.console_socket },
		{ "preserve-fds", 0, OPTION_NUMBER, &r->create.streams.preserved },
		{ "detach", 'd', OPTION_FLAG, &r->detaches },
		{ "keep", 0, OPTION_FLAG, &r->keeps },
		{ "no-pivot", 0, OPTION_FLAG, &no_pivot },
		{ "no-subreaper", 0, OPTION_IGNORED, NULL },
	};
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows), create_usage, e);

	if (at < 0)
		return at;
	if (no_pivot)
		return err_say(e, EINVAL, "--no-pivot: it is not supported");
	r->create.streams.preserved += listen_fds();
	return options_id(argc, argv, at, id, e);
}

int oci_create(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	struct run r = { 0 };
	const char *id = NULL;
	int rc = read_create(argc, argv, &r, &id, e);

	return rc < 0 ? rc : create_container(o, id, &r.create, &c, e);
}

int oci_start(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	const char *id = NULL;
	int at = options_read(argc, argv, NULL, 0,
		"Usage: carpel-oci start ID\n\nStarts the program of a created container.\n", e);
	int rc = at < 0 ? at : options_id(argc, argv, at, &id, e);

	if (rc < 0 || (rc = container_open(o, id, FOR_CHANGE, &c, e)) < 0)
		return rc;
	if (container_status(&c) == STATUS_STOPPED)
		return err_say(e, EINVAL, "cannot start container %s: it has stopped", id);
	return start_container(o, &c, e);
}

int oci_run(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	struct err second = { 0 };
	struct run r = { 0 };
	const char *id = NULL;
	int rc = read_create(argc, argv, &r, &id, e), status = 0;

	if (rc < 0 || (!r.detaches && (rc = await_prepare(e)) < 0) ||
		(rc = create_container(o, id, &r.create, &c, e)) < 0)
		return rc;
	rc = start_container(o, &c, e);
	if (rc == 0 && r.detaches)
		return 0;
	if (rc == 0)
		rc = status = await_end(c.pidfd, e);
	if ((rc < 0 || !r.keeps) && remove_container(o, &c, &second) < 0)
		log_warn("%s", second.text);
	return rc < 0 ? rc : status;
}
