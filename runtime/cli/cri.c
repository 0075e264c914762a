#include "cli/cri.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

/* The verbs of `carpel cri`, and what they share of the command line. */

#define POD_FILTERS                                                                                \
	"[--name REGEX] [--namespace REGEX] [-s ready|notready]\n"                                 \
	"    [--label KEY=VALUE] [-l] [-n N]"
#define CONTAINER_FILTERS                                                                          \
	"[--name REGEX] [--namespace REGEX] [-p POD] [--image IMAGE]\n"                            \
	"    [-s created|running|exited|unknown] [--label KEY=VALUE] [-l] [-n N] [-a]"

/* Their names for messages begin with "cri ". */
enum { PREFIX = 4 };

static const struct cri_verb {
	struct verb verb; /* its run stays NULL */
	int (*run)(struct cri *r, char **argv);
} verbs[] = {
	{ { "cri runp", NULL, "make a pod's sandbox",
		  "cri runp [-r HANDLER] [-T DURATION] POD-CONFIG" },
		cri_runp },
	{ { "cri stopp", NULL, "stop sandboxes", "cri stopp POD-ID..." }, cri_stopp },
	{ { "cri rmp", NULL, "remove sandboxes", "cri rmp [-f] POD-ID...|-a" }, cri_rmp },
	{ { "cri pods", NULL, "list sandboxes",
		  "cri pods [--id ID] " POD_FILTERS "\n"
		  "    [-o table|json|yaml|jsonpath=TEMPLATE] [-q] [-v] [--no-trunc]" },
		cri_pods },
	{ { "cri inspectp", NULL, "show sandboxes",
		  "cri inspectp [-o json|yaml|table|jsonpath=TEMPLATE] [-q] POD-ID...\n"
		  "    | " POD_FILTERS },
		cri_inspectp },
	{ { "cri create", NULL, "make a container",
		  "cri create [-T DURATION] POD-ID CONTAINER-CONFIG POD-CONFIG" },
		cri_create },
	{ { "cri start", NULL, "start containers", "cri start CONTAINER-ID..." }, cri_start },
	{ { "cri stop", NULL, "stop containers", "cri stop [-t SECONDS] CONTAINER-ID...|-a" },
		cri_stop },
	{ { "cri rm", NULL, "remove containers", "cri rm [-f] [-k] CONTAINER-ID...|-a" }, cri_rm },
	{ { "cri ps", NULL, "list containers",
		  "cri ps [--id ID] " CONTAINER_FILTERS "\n"
		  "    [-o table|json|yaml|jsonpath=TEMPLATE] [-q] [-v] [-r] [--no-trunc]" },
		cri_ps },
	{ { "cri inspect", NULL, "show containers",
		  "cri inspect [-o json|yaml|table|jsonpath=TEMPLATE] [-q] CONTAINER-ID...\n"
		  "    | " CONTAINER_FILTERS },
		cri_inspect },
	{ { "cri update", NULL, "change what containers may use",
		  "cri update [--cpu-period N] [--cpu-quota N] [--cpu-share N] [--memory BYTES]\n"
		  "    [--cpuset-cpus LIST] [--cpuset-mems LIST] [--oom-score-adj N] "
		  "CONTAINER-ID..." },
		cri_update },
	{ { "cri exec", NULL, "run a command in a container and wait for it",
		  "cri exec [-s] [--timeout SECONDS] CONTAINER-ID COMMAND [ARGUMENT...]\n"
		  "  carpel cri exec [-q] [-e] [--name REGEX] [--namespace REGEX] [-p POD]\n"
		  "    [--image IMAGE] [--state STATE] [--label KEY=VALUE] [-l] [-n N]\n"
		  "    COMMAND [ARGUMENT...]" },
		cri_exec },
	{ { "cri stats", NULL, "show what containers use",
		  "cri stats [-a] [-p POD] [--label KEY=VALUE] [-s SECONDS] [-w]\n"
		  "    [-o table|json|yaml|jsonpath=TEMPLATE] [ID|--id ID]" },
		cri_stats },
	{ { "cri statsp", NULL, "show what sandboxes use",
		  "cri statsp [--label KEY=VALUE] [-s SECONDS] [-w]\n"
		  "    [-o table|json|yaml|jsonpath=TEMPLATE] [ID|--id ID]" },
		cri_statsp },
	{ { "cri events", NULL, "show what happens, until interrupted",
		  "cri events [-o json|yaml|jsonpath=TEMPLATE]" },
		cri_events },
	{ { "cri images", NULL, "list images",
		  "cri images [-f FILTER] [-o table|json|yaml|jsonpath=TEMPLATE] [-q] [-v]\n"
		  "    [--digests] [--pinned] [--no-trunc] [REPOSITORY[:TAG]]" },
		cri_images },
	{ { "cri inspecti", NULL, "show images",
		  "cri inspecti [-o json|yaml|table|jsonpath=TEMPLATE] [-q] IMAGE...\n"
		  "    | [--name IMAGE] [-f FILTER]" },
		cri_inspecti },
	{ { "cri rmi", NULL, "remove images", "cri rmi IMAGE...|-a|-q" }, cri_rmi },
	{ { "cri imagefsinfo", NULL, "show what images use",
		  "cri imagefsinfo [-o json|yaml|table|jsonpath=TEMPLATE]" },
		cri_imagefsinfo },
	{ { "cri info", NULL, "show the runtime's state",
		  "cri info [-o json|yaml|jsonpath=TEMPLATE] [-q]" },
		cri_info },
	{ { "cri version", NULL, "show the runtime's versions", "cri version" }, cri_version },
	{ { "cri runtime-config", NULL, "show the runtime's cgroup driver", "cri runtime-config" },
		cri_runtime_config },
	{ { "cri call", NULL, "make any call of CRI; without one, list them",
		  "cri call [-o json|yaml|jsonpath=TEMPLATE] [RPC [JSON|@FILE|-]]" },
		cri_call_verb },
};

/* What crictl has and this has not, with the reason. */
static const struct {
	const char *word, *why;
} missing[] = {
	{ "pull", "carpel speaks to no registry: see carpel image import" },
	{ "run", "here it is carpel cri runp, create and start" },
	{ "logs", "the file is in carpel cri inspect, status.logPath" },
	{ "attach", "CRI's streams are not served" },
	{ "port-forward", "CRI's streams are not served" },
};

static void print_help(void)
{
	printf("carpel cri makes CRI's calls, in crictl's words.\n\n"
	       "usage: carpel cri [--timeout DURATION] VERB ...\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("  %-15s %s\n", verbs[i].verb.name + PREFIX, verbs[i].verb.summary);
	printf("\n`carpel cri VERB --help` shows a verb's options; carpel-cri(1) explains them "
	       "all.\n");
}

/* ---- the command line ---- */

static int parse(struct cri *r, const struct options *o, char **argv, struct arguments *out)
{
	const struct verb *v = r->cli->verb;
	struct err e = { 0 };

	if (options_parse(o, argv, out, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	if (!out->is_help)
		return CLI_GO_ON;
	printf("%s\n\nusage: carpel %s\n", v->summary, v->usage);
	return EXIT_OK;
}

int cri_options(
	struct cri *r, const struct option *table, size_t len, char **argv, struct arguments *out)
{
	struct options o = { .table = table, .len = len };

	return parse(r, &o, argv, out);
}

int cri_options_before(
	struct cri *r, const struct option *table, size_t len, char **argv, struct arguments *out)
{
	struct options o = { .table = table, .len = len, .stop_at_first = true };

	return parse(r, &o, argv, out);
}

int cri_form(struct cri *r, const char *text, enum output_kind otherwise, struct output *out)
{
	CLEANUP(cleanup_json) struct json *none = json_new_object();
	CLEANUP(buf_free) struct buf nothing = { 0 };
	struct err e = { 0 };

	*out = (struct output){ .kind = otherwise };
	if (!text)
		return CLI_GO_ON;
	if (strcmp(text, "table") == 0) {
		out->kind = OUTPUT_TABLE;
		return CLI_GO_ON;
	}
	if (strcmp(text, "wide") == 0 || strcmp(text, "name") == 0 ||
		output_parse(text, out, &e) < 0)
		return cli_usage(r->cli,
			"-o takes table, json, yaml or jsonpath=TEMPLATE, not \"%.60s\"", text);
	/* Before anything is asked: a call may change something. */
	if (out->kind == OUTPUT_JSONPATH && output_print(out, none, &nothing, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	return CLI_GO_ON;
}

int cri_print(const struct output *o, const struct json *object)
{
	CLEANUP(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (output_print(o, object, &out, &e) < 0)
		return cli_say("%s", e.text);
	return output_write(&out);
}

int cri_print_next(const struct output *o, const struct json *object)
{
	if (o->kind == OUTPUT_YAML)
		printf("---\n");
	(void)fflush(stdout); /* the rest does not go through the stream */
	return cri_print(o, object);
}

void cri_signals(sigset_t *out)
{
	static const int signals[] = { SIGINT, SIGTERM };

	(void)sigemptyset(out);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		struct sigaction now;

		if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			(void)sigaddset(out, signals[i]);
	}
}

bool cri_sleep(struct cri *r, int64_t ms)
{
	sigset_t mask, before;
	struct timespec span = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	int signal;

	cri_signals(&mask);
	(void)sigprocmask(SIG_BLOCK, &mask, &before);
	signal = sigtimedwait(&mask, NULL, &span);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (signal > 0)
		r->ended_by = signal;
	return signal <= 0;
}

static int run_verb(struct cri *r, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].verb.name + PREFIX, argv[0]) == 0) {
			int code;

			r->cli->verb = &verbs[i].verb;
			code = verbs[i].run(r, argv);
			return r->ended_by ? 128 + r->ended_by : code;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		if (strcmp(missing[i].word, argv[0]) == 0)
			return cli_usage(
				r->cli, "there is no verb \"%s\": %s", argv[0], missing[i].why);
	return cli_usage(r->cli, "there is no verb \"%s\"", argv[0]);
}

int verb_cri(struct cli *c, char **argv)
{
	struct cri r = { .cli = c };
	const struct option table[] = { { "timeout", 't', OPTION_DURATION, &r.timeout_ms } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	struct options o = { .table = table, .len = 1, .stop_at_first = true };
	struct err e = { 0 };

	if (options_parse(&o, argv, &args, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (args.is_help) {
		print_help();
		return EXIT_OK;
	}
	if (c->ns)
		return cli_usage(c,
			"CRI has no namespaces for -n: --namespace REGEX, behind the verb, "
			"is a filter");
	if (args.len == 0)
		return cli_usage(c, "a verb is missing");
	if (strcmp(args.at[0], "help") == 0) {
		print_help();
		return EXIT_OK;
	}
	return run_verb(&r, args.at);
}
