/* One container of a sandbox, as far as the kernel and our helpers are concerned: starting an
 * instance of it and noticing its end.  The instance's id is in its owner's record before its
 * cgroup exists, so whatever a crash leaves behind can be found by that name.
 */
#pragma once

#include "engine/cdi.h"
#include "engine/sandbox.h"
#include "image/record.h"
#include "pod/container.h"

struct ctr;

/* How far a start came that failed. */
enum ctr_failure {
	CTR_BAD_CONFIG = 1, /* it cannot be as it is asked for */
	CTR_NOT_MADE,       /* before its process */
	CTR_NOT_RUN         /* its process did not come to run its program */
};

struct ctr_owner {
	/* Its instance is about to be made: what is to be found after a crash goes to disk now. */
	int (*record)(struct ctr *c, struct err *e);
	/* What a plan for the instance is made from; borrows from c. */
	int (*request)(struct ctr *c, struct container_request *out, struct err *e);
	void (*up)(struct ctr *c); /* pid and pidfd are set */
	void (*failed)(struct ctr *c, enum ctr_failure how, const struct err *e, int exit_code);
	/* wait_status as waitpid(2) gives it, -1 unknown.  What it left is killed, its cgroup goes.
	 */
	void (*ended)(struct ctr *c, int32_t wait_status, bool is_oom);
	/* Its end is told only once its log is complete (or a second has passed). */
	bool (*wants_log)(const struct ctr *c, int32_t wait_status);
	void (*released)(struct ctr *c); /* its descriptors are closed: who used them stops */
	/* Its log file has reached log_max_kib: it writes no more until logs_reopen(), or some
	 * seconds have passed.  Perhaps told twice, or late. */
	void (*log_full)(struct ctr *c);
};

struct ctr {
	struct sandbox *sandbox;
	struct ctr *next, **link; /* of the sandbox */
	const struct ctr_owner *owner;
	const struct container_spec *spec; /* borrowed */
	/* The owner sets these before a start. */
	char id[65];               /* of the instance that is starting or running, or ran last */
	char *dir;                 /* its directory, below the sandbox's place */
	char *log_file;            /* its log; NULL: none is kept */
	uint32_t log_max_kib;      /* 0: log_full() is never called */
	struct image_record image; /* ref NULL: not read yet (after a take-over) */

	/* Names its streams where that is not the id, see ctr_log_id(). */
	char log_id[65];
	char logging_id[65]; /* of the ended instance whose log is not complete yet */
	int32_t pid;         /* in pause's pid namespace (PID_NODE: in ours); 0: none runs */
	int32_t ended_pid;   /* what pid was before the last end: its note may still be there */
	/* Who it began as, in Kubernetes' form: {"linux": {"uid": …}}; NULL: not known (after a
	 * crash during its start, or with more groups than a report has). */
	struct json *user;
	int pidfd;    /* of its first process, -1 */
	int stdin_fd; /* write end or pty master for attach, -1 */
	uint64_t oom_kills_before;
	struct launch *launch;        /* the start in flight */
	struct profile_wait *profile; /* a start that waits for its filter */
	uint64_t profile_sum;         /* what its profile (Localhost) said then; 0: no such one */
	struct cdi_wait *cdi_wait;    /* a start that waits for what its CDI devices bring, */
	struct cdi_set cdi;           /* and that; empty after a take-over */
	struct exec_run *runs;        /* programs executed in it */
	struct log_reopen *reopen;    /* its log is being moved to another file */
	struct child *child;          /* PID_NODE: pause does not reap it, we do */
	struct loop_timer end_timer;  /* PID_NODE: its end waits for its log */
	int32_t end_status;
	int end_tries;
	bool is_logging; /* id's streams are with carpel-log */
	bool is_made;    /* the record names id: there may be something of it */
	int stop_signal;
	size_t log_dir_len; /* of log_file, where links are followed; 0: all of its directory */
};

void ctr_open(struct ctr *c, struct sandbox *s, const struct ctr_owner *o,
	const struct container_spec *spec);
void ctr_close(struct ctr *c); /* lets go of it; what runs goes on */

void ctr_new_id(char out[65]);
/* A new instance; answered by up() or failed(), perhaps before it returns. */
void ctr_start(struct ctr *c);
void ctr_signal(struct ctr *c, int signal);
void ctr_kill(struct ctr *c); /* everything in its cgroup, also what is only about to start */
/* New limits for an instance that runs, see cgroup_set_limits(): all of them or none. */
int ctr_set_limits(const struct ctr *c, struct cgroup_limits *l, struct err *e);
int32_t ctr_host_pid(const struct ctr *c); /* of its first process; 0: none */
/* By what names its streams now, or by logging_id. */
struct ctr *ctr_by_id(const struct engine *g, const char *id);
/* What names its streams, in the store and to carpel-log: the id, or another one where a start
 * under the same id was broken off by a crash.  The streams of that one are of this name for good:
 * carpel-log may speak of their end more than once, at any time. */
const char *ctr_log_id(const struct ctr *c);

/* The owner's request, with what CDI's files said when the instance was started. */
int ctr_request(struct ctr *c, struct container_request *out, struct err *e);

/* The seccomp filter's descriptor, borrowed, or -1 for none in *out_fd.  -EINPROGRESS: ready is
 * called when it is there; ready NULL: -EAGAIN. */
int ctr_filter(
	struct ctr *c, void (*ready)(void *arg, const struct err *e), int *out_fd, struct err *e);

/* ---- for the engine's other files, and owners that take over ---- */

void ctr_release(struct ctr *c);          /* closes what it holds of the instance */
void ctr_is_up(struct ctr *c);            /* pid and pidfd are set */
bool ctr_is_in_node(const struct ctr *c); /* in the node's PID namespace */
void ctr_watch(struct ctr *c);            /* one that is in it: we hear of its end by its pidfd */
/* false: not yet, since its log is not complete and the owner wants the end of it;
 * sandbox_log_done() brings it up again. */
bool ctr_ended(struct ctr *c, int32_t wait_status, enum ctr_patience patience);
