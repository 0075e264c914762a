/* What every verb of `carpel` shares: the instance it speaks to, the namespace, how it complains
 * and which exit codes it promises.  A verb is a function from its arguments to an exit code; it
 * alone decides what becomes of an error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/client.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"

/* Documented in carpel(1).  128+n: ended by signal n. */
enum cli_exit {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_TIMED_OUT = 124,
	EXIT_SELF = 125, /* exec and run --foreground: carpel itself failed, not the command */
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct cli {
	const char *root;          /* --root: "" or an absolute path, without a slash at its end */
	const char *socket;        /* where carpeld answers */
	bool is_socket_given;      /* --socket: then no carpeld is started, since it would listen
				      elsewhere */
	const char *ns;            /* -n, NULL: "default" */
	bool has_all_namespaces;   /* -A */
	struct api_client *client; /* NULL while not connected */
	struct buf refusal; /* full message of the last request that carpeld refused, else empty */
	const struct verb *verb;
};

struct verb {
	const char *name;
	int (*run)(struct cli *c, char **argv); /* argv[0] is the verb; an exit code */
	const char *summary;
	const char *usage; /* behind "carpel "; lines */
};

const char *cli_namespace(const struct cli *c);
bool cli_has_colour(int fd); /* a terminal, and no NO_COLOR */

/* "carpel: where: why" on standard error; where may be NULL.  The refusal's full text stands in for
 * e's, which may be cut. Returns EXIT_ERROR. */
int cli_fail(const struct cli *c, const char *where, const struct err *e);
int cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* EXIT_ERROR */
/* A wrong command line: the reason, and where help is. Returns EXIT_USAGE. */
int cli_usage(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cli_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The verb's own options and those of every verb (-n, -A, --help).  CLI_GO_ON, or the exit code
 * with which the verb is done: help was asked for, or the line is wrong. */
enum { CLI_GO_ON = -1 };
int cli_options(
	struct cli *c, const struct option *table, size_t len, char **argv, struct arguments *out);

/* The verbs, by file. */
int verb_apply(struct cli *c, char **argv);
int verb_create(struct cli *c, char **argv);
int verb_run(struct cli *c, char **argv);
int verb_get(struct cli *c, char **argv);
int verb_describe(struct cli *c, char **argv);
int verb_logs(struct cli *c, char **argv);
int verb_exec(struct cli *c, char **argv);
int verb_attach(struct cli *c, char **argv);
int verb_events(struct cli *c, char **argv);
int verb_wait(struct cli *c, char **argv);
int verb_stop(struct cli *c, char **argv);
int verb_delete(struct cli *c, char **argv);
int verb_label(struct cli *c, char **argv);
int verb_annotate(struct cli *c, char **argv);
int verb_update(struct cli *c, char **argv);
int verb_stats(struct cli *c, char **argv);
int verb_probe(struct cli *c, char **argv);
int verb_image(struct cli *c, char **argv);
int verb_info(struct cli *c, char **argv);
int verb_version(struct cli *c, char **argv);
int verb_oci(struct cli *c, char **argv);
int verb_down(struct cli *c, char **argv);
