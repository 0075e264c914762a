/* carpel-oci: global options, the command, and where errors go: to standard error, and into --log
 * as callers read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "oci/oci.h"
#include "oci/options.h"

static const char usage[] =
	"Usage: carpel-oci [OPTION…] COMMAND [ARGUMENT…]\n"
	"\n"
	"Runs containers from OCI bundles.\n"
	"\n"
	"  create     make a container, which waits for start\n"
	"  start      start its program\n"
	"  run        both, and wait for its end\n"
	"  state      show its state\n"
	"  kill       send it a signal\n"
	"  delete     remove it\n"
	"  exec       execute a command in it\n"
	"  ps         show its processes\n"
	"  pause      freeze it\n"
	"  resume     let it go on\n"
	"  update     change its limits\n"
	"  list       list containers\n"
	"  features   show what is supported\n"
	"\n"
	"  --root DIR               where containers are recorded (/run/carpel-oci)\n"
	"  --log FILE               write errors there, too\n"
	"  --log-format text|json   how\n"
	"  --systemd-cgroup         cgroups are scopes of systemd's\n"
	"  --debug                  say more\n"
	"  --help, --version\n"
	"\n"
	"See carpel-oci(8).\n";

static const struct {
	const char *name;
	oci_command *run;
} commands[] = {
	{ "create", oci_create },
	{ "start", oci_start },
	{ "run", oci_run },
	{ "state", oci_state },
	{ "kill", oci_kill },
	{ "delete", oci_delete },
	{ "exec", oci_exec },
	{ "ps", oci_ps },
	{ "pause", oci_pause },
	{ "resume", oci_resume },
	{ "update", oci_update },
	{ "list", oci_list },
	{ "features", oci_features },
};

static void write_log(const struct oci *o, const char *message)
{
	CLEANUP(buf_free) struct buf line = { 0 };
	CLEANUP(cleanup_fd) int fd = -1;
	char now[CLOCK_TEXT_MAX];

	if (!o->log || !*o->log)
		return;
	clock_rfc3339(clock_now().wall_ms, now);
	if (o->is_json) {
		buf_adds(&line, "{\"level\":\"error\",\"msg\":");
		json_write_string(&line, message, strlen(message));
		buf_addf(&line, ",\"time\":\"%s\"}\n", now);
	} else {
		buf_addf(&line, "time=\"%s\" level=error msg=", now);
		buf_add_quoted(&line, message, strlen(message));
		buf_addc(&line, '\n');
	}
	fd = open(o->log, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line.data, line.len) < 0)
		log_warn("--log %s: %s", o->log, strerror(errno));
}

static int read_globals(int argc, char **argv, struct oci *o, struct err *e)
{
	const char *format = "text", *manager = "cgroupfs", *rootless = "auto";
	bool is_version = false;
	const struct option_row rows[] = {
		{ "root", 0, OPTION_TEXT, &o->root },
		{ "log", 0, OPTION_TEXT, &o->log },
		{ "log-format", 0, OPTION_TEXT, &format },
		{ "debug", 0, OPTION_FLAG, &o->is_debug },
		{ "systemd-cgroup", 0, OPTION_FLAG, &o->by_systemd },
		{ "cgroup-manager", 0, OPTION_TEXT, &manager },
		{ "rootless", 0, OPTION_TEXT, &rootless },
		{ "version", 'v', OPTION_FLAG, &is_version },
	};
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows), usage, e);

	o->is_json = str_eq(format, "json");
	if (at < 0)
		return at;
	if (is_version)
		return printf("carpel-oci version " CARPEL_VERSION "\nspec: 1.2.0\n") < 0 ? -EIO
											  : 0;
	if (!o->is_json && !str_eq(format, "text"))
		return err_say(e, EINVAL, "--log-format %.64s: want text or json", format);
	o->by_systemd |= str_eq(manager, "systemd");
	if (!str_eq(manager, "systemd") && !str_eq(manager, "cgroupfs"))
		return err_say(
			e, EINVAL, "--cgroup-manager %.64s: want cgroupfs or systemd", manager);
	if (str_eq(rootless, "true"))
		return err_say(e, EINVAL, "--rootless true: it is not supported");
	if (!o->root[0] || at >= argc)
		return err_say(e, EINVAL,
			o->root[0] ? "want a command (see --help)" : "--root: want a path");
	return at;
}

static int run(int argc, char **argv, struct oci *o, struct err *e)
{
	int at = read_globals(argc, argv, o, e);

	if (at <= 0)
		return at;
	if (o->is_debug)
		log_set_level(LOG_DEBUG);
	o->is_exec = str_eq(argv[at], "exec");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (str_eq(commands[i].name, argv[at]))
			return commands[i].run(o, argc - at, argv + at, e);
	return err_say(e, EINVAL, "%.64s: no such command (see --help)", argv[at]);
}

int main(int argc, char **argv)
{
	struct oci o = { .root = "/run/carpel-oci" };
	struct err e = { 0 };
	int rc;

	log_set_name("carpel-oci");
	(void)umask(022);
	rc = run(argc, argv, &o, &e);
	if (rc >= 0)
		return rc;
	log_err("%s", e.text);
	write_log(&o, e.text);
	return o.is_exec ? OCI_EXIT_EXEC_FAILED : OCI_EXIT_FAILED;
}
