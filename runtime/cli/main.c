/* `carpel`: global options, the table of verbs, and the words for what went wrong. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cri.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/target.h"

enum { OPTIONS_MAX = 24 };

static const struct verb verbs[] = {
	{ "run", verb_run, "start the pods of a file; with --foreground until they end",
		"run [-f] FILE|- [--wait[=running|ready|exit]] [--timeout 30s] [--foreground]\n"
		"    [--dry-run]" },
	{ "apply", verb_apply, "make the pods of a file exist as it says",
		"apply -f FILE|- [--wait[=running|ready|exit]] [--timeout 30s] [--foreground] "
		"[--dry-run]" },
	{ "create", verb_create, "the same, but a pod must not exist yet",
		"create -f FILE|- [--wait[=running|ready|exit]] [--timeout 30s] [--dry-run]" },
	{ "get", verb_get, "show pods or events",
		"get pods|pod NAME...|events [-o wide|json|yaml|name|jsonpath=TEMPLATE] [-w]\n"
		"    [-l SELECTOR] [--field-selector SELECTOR] [--show-labels] [--no-headers]" },
	{ "describe", verb_describe, "show everything about a pod, with its events",
		"describe [pod] NAME... | -l SELECTOR" },
	{ "logs", verb_logs, "print what a container wrote",
		"logs POD [-c CONTAINER] [-f] [-p] [--tail N] [--since 5m] [--since-time TIME]\n"
		"    [--timestamps] [--limit-bytes N] [--all-containers] [--prefix]" },
	{ "exec", verb_exec, "run a command in a container",
		"exec [-i] [-t] POD [-c CONTAINER] -- COMMAND [ARGUMENT...]" },
	{ "attach", verb_attach, "connect to the output of a container's own process",
		"attach [-i] [-t] POD [-c CONTAINER]" },
	{ "events", verb_events, "show what happened",
		"events [POD...] [-w] [-l SELECTOR] [--types Normal|Warning] [-o json|yaml]" },
	{ "stats", verb_stats, "show what pods and containers use",
		"stats [POD...] [--containers] [-o wide|json|yaml|jsonpath=TEMPLATE] [-w]\n"
		"    [--interval 1s] [-l SELECTOR] [--no-headers]" },
	{ "wait", verb_wait, "wait for a state of pods",
		"wait --for=ready|running|exit|delete|condition=TYPE[=VALUE] POD...|-l "
		"SELECTOR|--all\n"
		"    [--timeout 30s]" },
	{ "stop", verb_stop, "end a pod's containers and keep the pod",
		"stop POD... [--grace-period N] [--timeout 0] [--wait=false]" },
	{ "delete", verb_delete, "end pods and remove them",
		"delete pod NAME...|-f FILE|-l SELECTOR|--all [--grace-period N] [--now]\n"
		"    [--ignore-not-found] [--wait=false] [--timeout 0]" },
	{ "label", verb_label, "set or remove labels",
		"label POD... KEY=VALUE... KEY-... [--overwrite] [-l SELECTOR]" },
	{ "annotate", verb_annotate, "set or remove annotations",
		"annotate POD... KEY=VALUE... KEY-... [--overwrite] [-l SELECTOR]" },
	{ "update", verb_update, "change the resources of a container that runs",
		"update POD [-c CONTAINER] [--cpus N] [-m|--memory N] [--limits cpu=N,memory=N]\n"
		"    [--requests cpu=N,memory=N] [--pids-limit N] [--io NAME=VALUE,...]" },
	{ "probe", verb_probe, "run a probe now",
		"probe run POD CONTAINER [--type readiness|liveness|startup]\n"
		"  carpel probe http://HOST:PORT/PATH|tcp://HOST:PORT [OPTION...]" },
	{ "image", verb_image, "keep images",
		"image import NAME PATH | list [-o json|yaml|name] | rm NAME..." },
	{ "info", verb_info, "show the instance", "info [-o json|yaml]" },
	{ "version", verb_version, "show versions", "version [--client] [-o json|yaml]" },
	{ "cri", verb_cri, "make CRI's calls, in crictl's words",
		"cri [--timeout DURATION] VERB ...; see carpel cri --help" },
	{ "oci", verb_oci, "run containers from OCI bundles, as carpel-oci does",
		"oci [--root DIR] COMMAND ...; see carpel oci --help" },
	{ "down", verb_down, "end every pod and the daemon, and leave nothing",
		"down [--grace-period N]" },
};

/* What hands that know docker, podman and crictl type first. */
static const struct habit {
	const char *word, *here;
} habits[] = {
	{ "ps", "get pods" },
	{ "pods", "get pods" },
	{ "ls", "get pods" },
	{ "list", "get pods" },
	{ "inspect", "describe POD, or get pod POD -o yaml" },
	{ "start", "run FILE" },
	{ "play", "run FILE" },
	{ "kube", "run FILE" },
	{ "top", "stats" },
	{ "cp", "exec -i POD -- tar x -C DIR <ARCHIVE" },
	{ "edit", "update, label or annotate; else delete POD and run FILE" },
	{ "kill", "stop POD --grace-period 0" },
	{ "rm", "delete POD" },
	{ "remove", "delete POD" },
	{ "images", "image list" },
	{ "rmi", "image rm NAME" },
	{ "load", "image import NAME PATH" },
	{ "import", "image import NAME PATH" },
	{ "pull", "image import NAME PATH: carpel speaks to no registry" },
};

const char *cli_namespace(const struct cli *c)
{
	return c->ns ? c->ns : "default";
}

bool cli_has_colour(int fd)
{
	const char *no_colour = getenv("NO_COLOR");

	return isatty(fd) && !(no_colour && *no_colour);
}

/* ---- messages ---- */

/* Texts of manifests and workloads come along in errors: no terminal codes with them.  Line ends
 * stay, since some of Kubernetes' texts have several lines. */
static void print_message(const char *text)
{
	CLEANUP(buf_free) struct buf safe = { 0 };
	CLEANUP(cleanup_free) char *copy = str_dup(text);
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n"));) {
		if (line != copy)
			buf_addc(&safe, '\n');
		table_safe_text(&safe, line);
	}
	fprintf(stderr, "%s\n", safe.data ? safe.data : "");
}

__attribute__((format(printf, 2, 0))) static void print_prefixed(
	const char *prefix, const char *fmt, va_list ap)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	buf_adds(&text, prefix);
	buf_vaddf(&text, fmt, ap);
	print_message(text.data);
}

int cli_fail(const struct cli *c, const char *where, const struct err *e)
{
	return cli_say("%s%s%s", where ? where : "", where ? ": " : "",
		c->refusal.len ? c->refusal.data : e->text);
}

int cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_prefixed("carpel: ", fmt, ap);
	va_end(ap);
	return EXIT_ERROR;
}

void cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_prefixed("Warning: ", fmt, ap);
	va_end(ap);
}

int cli_usage(const struct cli *c, const char *fmt, ...)
{
	CLEANUP(cleanup_free)
	char *prefix = str_fmt("carpel%s%s: ", c->verb ? " " : "", c->verb ? c->verb->name : "");
	va_list ap;

	va_start(ap, fmt);
	print_prefixed(prefix, fmt, ap);
	va_end(ap);
	if (c->verb)
		fprintf(stderr, "usage: carpel %s\n", c->verb->usage);
	else
		fputs("see `carpel --help`\n", stderr);
	return EXIT_USAGE;
}

static void print_help(void)
{
	fputs("carpel runs Kubernetes pods on this machine.\n\n"
	      "usage: carpel [--root DIR] [--socket PATH] [-n NAMESPACE] VERB ...\n\n",
		stdout);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fputs("\n`carpel VERB --help` shows a verb's options; carpel(1) explains them all.\n",
		stdout);
}

/* ---- options ---- */

int cli_options(
	struct cli *c, const struct option *table, size_t len, char **argv, struct arguments *out)
{
	struct option all[OPTIONS_MAX] = {
		{ "namespace", 'n', OPTION_TEXT, &c->ns },
		{ "all-namespaces", 'A', OPTION_FLAG, &c->has_all_namespaces },
	};
	struct options o = { .table = all, .len = len + 2 };
	struct err e = { 0 };

	if (len > 0) /* a verb without options has no table */
		memcpy(all + 2, table, len * sizeof(*table));
	if (options_parse(&o, argv, out, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (out->is_help) {
		printf("%s\n\nusage: carpel %s\n", c->verb->summary, c->verb->usage);
		return EXIT_OK;
	}
	if (c->ns && target_check_namespace(c->ns, &e) < 0)
		return cli_usage(c, "%s", e.text);
	return CLI_GO_ON;
}

/* The root as carpeld will know it: absolute, "" for the machine's own. */
static char *absolute_root(const char *root)
{
	CLEANUP(cleanup_free) char *cwd = *root && *root != '/' ? getcwd(NULL, 0) : NULL;
	char *path = cwd ? str_fmt("%s/%s", cwd, root) : str_dup(root);
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

static int run_verb(struct cli *c, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, argv[0]) == 0) {
			c->verb = &verbs[i];
			return verbs[i].run(c, argv);
		}
	}
	if (strcmp(argv[0], "help") == 0) {
		print_help();
		return EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(habits); i++)
		if (strcmp(habits[i].word, argv[0]) == 0)
			return cli_usage(c, "there is no verb \"%s\": here it is carpel %s",
				argv[0], habits[i].here);
	return cli_usage(c, "there is no verb \"%s\"", argv[0]);
}

static int run(struct cli *c, char **argv)
{
	const char *root = NULL, *socket = NULL;
	bool wants_version = false;
	const struct option global[] = {
		{ "root", 0, OPTION_TEXT, &root },
		{ "socket", 0, OPTION_TEXT, &socket },
		{ "namespace", 'n', OPTION_TEXT, &c->ns },
		{ "version", 0, OPTION_FLAG, &wants_version },
	};
	struct options o = { .table = global, .len = ARRAY_LEN(global), .stop_at_first = true };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_free) char *absolute = NULL;
	CLEANUP(cleanup_free) char *path = NULL;
	struct err e = { 0 };

	if (options_parse(&o, argv, &args, &e) < 0)
		return cli_usage(c, "%s", e.text);
	if (args.is_help) {
		print_help();
		return EXIT_OK;
	}
	if (wants_version) {
		printf("carpel %s\n", CARPEL_VERSION);
		return EXIT_OK;
	}
	if (args.len == 0)
		return cli_usage(c, "a verb is missing");
	/* Of a script's unset variable: to take it for the machine's own could end the wrong pods.
	 */
	if (root && !*root)
		return cli_usage(c, "--root is empty; the machine's own instance is --root /");
	absolute = absolute_root(root ? root : "");
	path = str_fmt("%s/run/carpel/carpel.sock", absolute);
	c->root = absolute;
	c->socket = socket ? socket : path;
	c->is_socket_given = socket != NULL;
	return run_verb(c, args.at);
}

int main(int argc, char **argv)
{
	struct cli c = { 0 };
	int code = argc > 0 ? run(&c, argv) : EXIT_USAGE;

	request_disconnect(&c);
	buf_free(&c.refusal);
	if (fflush(stdout) != 0 && code == EXIT_OK)
		return cli_say("standard output: %s", strerror(errno));
	return code;
}
