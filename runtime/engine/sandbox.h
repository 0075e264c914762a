/* One sandbox: carpel-pause and what it holds.  Coming up: its owner makes directories and cgroups
 * and a plan; carpel-launch carries it out; then we watch pause.  Going down: kill its cgroup, wait
 * until pause is reaped by the kernel (everything in its pid namespace is then gone too), remove
 * the cgroups, retrying while the kernel still finishes the dead.  Every operation can be repeated.
 */
#pragma once

#include "engine/engine.h"
#include "pod/fdstore.h"
#include "spec/plan.h"

struct ctr;
struct sandbox;

struct sandbox_owner {
	void (*up)(struct sandbox *s);
	/* It did not come up. What was made of it is undone by sandbox_end(). */
	void (*failed)(struct sandbox *s, const struct err *e);
	/* pause ended and nobody asked for it; what ran in it is gone, its containers are released.
	 */
	void (*died)(struct sandbox *s);
	/* sandbox_end() is carried out: no process, no cgroup. May free s. */
	void (*gone)(struct sandbox *s);
	/* sandbox_end() makes no progress; called now and then. */
	void (*stuck)(struct sandbox *s, const struct err *e);
	/* Its end waits until the logs of its containers are complete. */
	bool (*keeps_logs)(const struct sandbox *s);
};

struct sandbox {
	struct engine *engine;
	const struct sandbox_owner *owner;
	struct sandbox *next, **link;
	char *name; /* "namespace/name", for messages */
	struct place at;
	struct ctr *ctrs; /* those that belong to it */
	int pause_fd;     /* pidfd, -1: none */
	int exit_fd;      /* read end of pause's exit pipe, -1 */
	struct loop_io pause_io, exit_io;
	struct loop_timer end_timer, log_timer;
	struct launch *launch; /* in the making */
	struct scope *scope;   /* where systemd makes its cgroup: until pause is up */
	/* What sandbox_start() was given, while that is awaited. */
	const struct pod_spec *spec;
	const struct env_facts *facts;
	const char *launch_id;
	bool is_ending; /* end_timer retries the clean-up */
	unsigned end_tries, log_tries;
};

/* Takes name and at. */
void sandbox_open(struct sandbox *s, struct engine *g, const struct sandbox_owner *o, char *name,
	struct place at);
void sandbox_close(struct sandbox *s); /* lets go of it; what runs goes on */

/* Its directories, cgroups and files, then its plan to carpel-launch; answered by up() or failed(),
 * later, and until then spec, facts and id, which is for messages, stay.  *out_dns_warning: see
 * pod/etc.h; the caller frees. */
int sandbox_start(struct sandbox *s, const struct pod_spec *spec, const struct env_facts *facts,
	const char *id, char **out_dns_warning, struct err *e);
/* Ends whatever there is of it, up or half up; answered by gone(), perhaps before it returns. */
void sandbox_end(struct sandbox *s);

int sandbox_adopt(struct sandbox *s, int pause_fd, struct err *e); /* takes pause_fd on success */
int sandbox_store(
	const struct sandbox *s, struct fdstore *out, struct err *e); /* fdstore_close() it */

int32_t sandbox_host_pid(const struct sandbox *s); /* of pause, for people; 0: none */

/* ---- for the engine's other files ---- */

enum ctr_patience { CTR_MAY_WAIT = 1, CTR_MUST_NOT_WAIT };

void sandbox_watch_exits(struct sandbox *s);
/* Acts on the notes in pause's pipe, in their order; they stay there until that is done. */
void sandbox_take_exits(struct sandbox *s, enum ctr_patience patience);
void sandbox_log_done(struct sandbox *s); /* a log that exits may be waiting for is complete */
bool sandbox_has_note(const struct sandbox *s, int32_t pid);
int32_t sandbox_find_exit(struct sandbox *s); /* pid of a note of no known container; 0: none */
