#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/admit.h"
#include "spec/quantity.h"

/* The kubelet waits as long for a call of its runtime. */
enum { START_DEADLINE_MS = 2 * 60 * 1000 };
enum { EXIT_USAGE = 2, LOG_SIZE_MIN = 64 * 1024, LOG_FILES_MAX = 1000 };
enum {
	OPT_ROOT = 1,
	OPT_NODE,
	OPT_KEEP,
	OPT_LISTEN,
	OPT_KEEPER,
	OPT_BACKOFF,
	OPT_START_DEADLINE,
	OPT_VERBOSE,
	OPT_LOG_SIZE,
	OPT_LOG_FILES,
	OPT_DISK,
	OPT_CGROUP_DRIVER,
	OPT_SYSCTLS
};

static const char help[] =
	"usage: carpeld [--root DIR] [--node-name NAME] [--keep] [--verbose]\n"
	"\n"
	"Runs Kubernetes pods on this machine and serves them on DIR/run/carpel/carpel.sock.\n"
	"\n"
	"  --root DIR           everything of this instance lies below DIR (default: /)\n"
	"  --node-name NAME     spec.nodeName of its pods (default: the host's name)\n"
	"  --keep               start carpeld as a child, and again whenever it crashes\n"
	"  --listen-fd N        serve this inherited socket\n"
	"  --back-off B,M,R     restart delays in ms: the first, the longest, and how long a run\n"
	"                       must last to begin afresh (default: 10000,300000,600000)\n"
	"  --start-deadline MS  a container, exec or sandbox that does not run by then has failed\n"
	"                       (default: 120000)\n"
	"  --container-log-max-size QUANTITY, --container-log-max-files N\n"
	"                       a pod's container has at most N log files of about that size\n"
	"                       (default: 10Mi, 5)\n"
	"  --disk-period MS     how often the disk space of pods with limits is counted\n"
	"                       (default: 10000)\n"
	"  --cgroup-driver DRIVER\n"
	"                       who makes the pods' cgroups: cgroupfs (carpeld itself) or systemd\n"
	"                       (default: as before; cgroupfs for a new instance)\n"
	"  --allowed-unsafe-sysctls NAME,…\n"
	"                       what pods may set beside the safe sysctls: names, or groups as\n"
	"                       kernel.msg* or net.core.*\n"
	"  --verbose            log every step\n"
	"  --help, --version\n";

static int usage_error(const char *what, const char *value)
{
	(void)fprintf(stderr, "carpeld: %s: \"%s\"\nTry carpeld --help\n", what, value);
	return EXIT_USAGE;
}

static int read_number(const char *text, int64_t max, int64_t *out)
{
	return str_to_i64(text, 1, max, out);
}

/* "100,1000,60000"; given is left whole, since a keeper hands it on. */
static int read_back_off(const char *given, struct lifecycle_config *c)
{
	CLEANUP(cleanup_free) char *text = str_dup(given);
	int64_t *const fields[] = { &c->backoff_base_ms, &c->backoff_max_ms, &c->backoff_reset_ms };
	char *save = NULL;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *word = strtok_r(i ? NULL : text, ",", &save);

		if (!word || read_number(word, INT32_MAX, fields[i]) < 0)
			return -1;
	}
	return strtok_r(NULL, ",", &save) || c->backoff_max_ms < c->backoff_base_ms ? -1 : 0;
}

/* Less than what carpel-log writes at once would only keep both of us rotating. */
static int read_log_size(const char *text, uint32_t *out_kib)
{
	int64_t bytes;

	if (quantity_units(text, &bytes) < 0 || bytes < LOG_SIZE_MIN ||
		bytes > (int64_t)UINT32_MAX * 1024)
		return -1;
	*out_kib = (uint32_t)((bytes + 1023) / 1024);
	return 0;
}

static const char want_sysctls[] = "--allowed-unsafe-sysctls takes names of sysctls of a pod's "
				   "namespaces, or groups of them with a '*' at the end";

/* "kernel.msg*,net.core.somaxconn"; again: more of them. */
static int read_sysctls(const char *given, struct strv *out)
{
	CLEANUP(cleanup_free) char *text = str_dup(given);
	char *save = NULL;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!admit_is_sysctl_pattern(word))
			return -1;
		strv_add(out, word);
	}
	return 0;
}

static int take(int option, struct options *o)
{
	int64_t n;

	switch (option) {
	case OPT_ROOT:
		o->root = optarg;
		return OPTIONS_RUN;
	case OPT_NODE:
		o->node_name = optarg;
		return OPTIONS_RUN;
	case OPT_KEEP:
		o->keep = true;
		return OPTIONS_RUN;
	case OPT_VERBOSE:
		o->is_verbose = true;
		return OPTIONS_RUN;
	case OPT_LISTEN:
		if (read_number(optarg, 1 << 20, &n) < 0)
			return usage_error("--listen-fd takes a descriptor's number", optarg);
		o->listen_fd = (int)n;
		return OPTIONS_RUN;
	case OPT_KEEPER:
		if (read_number(optarg, INT32_MAX, &n) < 0)
			return usage_error("--keeper takes a pid", optarg);
		o->keeper = (pid_t)n;
		return OPTIONS_RUN;
	case OPT_BACKOFF:
		if (read_back_off(optarg, &o->config) < 0)
			return usage_error("--back-off takes FIRST,LONGEST,RESET in ms", optarg);
		return OPTIONS_RUN;
	case OPT_START_DEADLINE:
		if (read_number(optarg, INT32_MAX, &o->start_deadline_ms) < 0)
			return usage_error("--start-deadline takes a number of ms", optarg);
		return OPTIONS_RUN;
	case OPT_LOG_SIZE:
		if (read_log_size(optarg, &o->log_max_kib) < 0)
			return usage_error("--container-log-max-size takes a quantity of bytes "
					   "from 64Ki to 4Ti",
				optarg);
		return OPTIONS_RUN;
	case OPT_CGROUP_DRIVER:
		if (driver_read(optarg, &o->cgroup_driver) < 0)
			return usage_error("--cgroup-driver takes cgroupfs or systemd", optarg);
		return OPTIONS_RUN;
	case OPT_LOG_FILES:
		if (read_number(optarg, LOG_FILES_MAX, &n) < 0 || n < 2)
			return usage_error(
				"--container-log-max-files takes a number from 2 to 1000", optarg);
		o->log_max_files = (unsigned)n;
		return OPTIONS_RUN;
	case OPT_DISK:
		if (read_number(optarg, INT32_MAX, &o->disk_period_ms) < 0)
			return usage_error("--disk-period takes a number of ms", optarg);
		return OPTIONS_RUN;
	case OPT_SYSCTLS:
		if (read_sysctls(optarg, &o->unsafe_sysctls) < 0)
			return usage_error(want_sysctls, optarg);
		return OPTIONS_RUN;
	case 'h':
		(void)fputs(help, stdout);
		return EXIT_SUCCESS;
	case 'v':
		(void)puts("carpeld " CARPEL_VERSION);
		return EXIT_SUCCESS;
	default: /* getopt has said why */
		return EXIT_USAGE;
	}
}

int options_read(int argc, char **argv, struct options *out)
{
	static const struct option table[] = {
		{ "root", required_argument, NULL, OPT_ROOT },        /* */
		{ "node-name", required_argument, NULL, OPT_NODE },   /* */
		{ "keep", no_argument, NULL, OPT_KEEP },              /* */
		{ "listen-fd", required_argument, NULL, OPT_LISTEN }, /* */
		{ "keeper", required_argument, NULL, OPT_KEEPER },    /* by the keeper itself */
		{ "back-off", required_argument, NULL, OPT_BACKOFF }, /* */
		{ "start-deadline", required_argument, NULL, OPT_START_DEADLINE },
		{ "container-log-max-size", required_argument, NULL, OPT_LOG_SIZE },
		{ "container-log-max-files", required_argument, NULL, OPT_LOG_FILES },
		{ "cgroup-driver", required_argument, NULL, OPT_CGROUP_DRIVER },
		{ "disk-period", required_argument, NULL, OPT_DISK }, /* */
		{ "allowed-unsafe-sysctls", required_argument, NULL, OPT_SYSCTLS },
		{ "verbose", no_argument, NULL, OPT_VERBOSE }, /* */
		{ "help", no_argument, NULL, 'h' },            /* */
		{ "version", no_argument, NULL, 'v' },         /* */
		{ NULL, 0, NULL, 0 },
	};
	int option, rc;

	*out = (struct options){ .root = "",
		.listen_fd = -1,
		.config = lifecycle_defaults,
		.start_deadline_ms = START_DEADLINE_MS,
		.log_max_kib = 10 * 1024, /* both as the kubelet's */
		.log_max_files = 5,
		.disk_period_ms = 10000 };
	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1)
		if ((rc = take(option, out)) != OPTIONS_RUN)
			return rc;
	if (optind < argc)
		return usage_error("unexpected argument", argv[optind]);
	return OPTIONS_RUN;
}

void options_free(struct options *o)
{
	strv_free(&o->unsafe_sysctls);
}
