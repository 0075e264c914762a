/* `carpel cri`: CRI's calls from a shell, with crictl's verbs, options and output.  Every message
 * goes through the generic mapping of spec/message_json.h; verbs build requests and read answers as
 * JSON trees.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <signal.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/cri_select.h"
#include "cli/options.h"
#include "cli/output.h"

struct cri {
	struct cli *cli;
	int64_t timeout_ms; /* --timeout, of each call; 0: none */
	int ended_by;       /* signal that ended a call: no more of them; 0 */
};

int verb_cri(struct cli *c, char **argv);

/* ---- calls: cri_call.c ---- */

struct cri_call {
	const char *rpc; /* "StopContainer", or with its service "RuntimeService/StopContainer" */
	struct json *request; /* given away; NULL: empty */
	int64_t timeout_ms;   /* instead of --timeout; 0: that one; CRI_NO_TIMEOUT */
	/* Each answer; non-zero return ends the call without a word, and is the exit code. */
	int (*on_message)(void *arg, const ProtobufCMessage *m);
	void *arg;
	bool is_silent; /* failures are the caller's to tell, or not */
	int *out_code;  /* NULL, or where gRPC's code goes when the server answered */
};
enum { CRI_NO_TIMEOUT = -1 };

/* An exit code; what failed has been said. */
int cri_call(struct cri *r, struct cri_call *call);
/* The same for one answer, as JSON: names in camelCase, zero values written. */
int cri_ask(struct cri *r, const char *rpc, struct json *request, struct json **out);
int cri_ask_within(struct cri *r, struct cri_call *call, struct json **out);
struct json *cri_message_json(const ProtobufCMessage *m);

/* {key: value} */
struct json *cri_field(const char *key, const char *value);
struct json *cri_wrap(const char *key, struct json *value);

/* ---- options and output: cri.c ---- */

/* CLI_GO_ON, or the exit code with which the verb is done.  _before: the first argument ends the
 * options, since a command with options of its own follows. */
int cri_options(
	struct cri *r, const struct option *table, size_t len, char **argv, struct arguments *out);
int cri_options_before(
	struct cri *r, const struct option *table, size_t len, char **argv, struct arguments *out);
/* -o: table, json, yaml or jsonpath=TEMPLATE; NULL is otherwise. */
int cri_form(struct cri *r, const char *text, enum output_kind otherwise, struct output *out);
/* In a form that is no table, to standard output; an exit code. */
int cri_print(const struct output *o, const struct json *object);
/* The same for each of several documents, one after the other. */
int cri_print_next(const struct output *o, const struct json *object);
/* SIGINT and SIGTERM, as far as this process was not told to ignore them. */
void cri_signals(sigset_t *out);
/* Waits, unless a signal ends it first: then false. */
bool cri_sleep(struct cri *r, int64_t ms);

/* ---- the rest, by file ---- */

/* YAML or JSON, one document; "-" is standard input. */
int cri_config_pod(const char *file, struct json **out, struct err *e);
int cri_config_container(const char *file, struct json **out, struct err *e);
/* JSON of an argument: itself, @FILE, or - for standard input; NULL: an empty object. */
int cri_config_argument(const char *text, struct json **out, struct err *e);

/* {"status": …} and beside it what the runtime says beyond CRI (the answer's info). */
struct json *cri_status_object(const struct json *answer, const char *status_key);
/* Objects as one document: one by itself, several as a list. */
int cri_print_statuses(const struct output *o, struct json *list);

/* The containers that the filters choose, the newest first; an exit code. */
int cri_choose_containers(struct cri *r, const struct cri_select *s, struct json **out);

/* The verbs, by file; argv[0] is the verb. */
int cri_runp(struct cri *r, char **argv); /* cri_pods.c */
int cri_stopp(struct cri *r, char **argv);
int cri_rmp(struct cri *r, char **argv);
int cri_pods(struct cri *r, char **argv);
int cri_inspectp(struct cri *r, char **argv);
int cri_create(struct cri *r, char **argv); /* cri_act.c */
int cri_start(struct cri *r, char **argv);
int cri_stop(struct cri *r, char **argv);
int cri_rm(struct cri *r, char **argv);
int cri_update(struct cri *r, char **argv);
int cri_ps(struct cri *r, char **argv); /* cri_containers.c */
int cri_inspect(struct cri *r, char **argv);
int cri_exec(struct cri *r, char **argv);  /* cri_exec.c */
int cri_stats(struct cri *r, char **argv); /* cri_stats.c */
int cri_statsp(struct cri *r, char **argv);
int cri_images(struct cri *r, char **argv); /* cri_images.c */
int cri_inspecti(struct cri *r, char **argv);
int cri_rmi(struct cri *r, char **argv);
int cri_imagefsinfo(struct cri *r, char **argv);
int cri_info(struct cri *r, char **argv); /* cri_info.c */
int cri_version(struct cri *r, char **argv);
int cri_runtime_config(struct cri *r, char **argv);
int cri_events(struct cri *r, char **argv);
int cri_call_verb(struct cri *r, char **argv); /* cri_call_verb.c */
