/* carpeld's own state: one struct daemon, its pods, and the links to its helpers.  The files of
 * this folder each own one kind of news:
 *
 *     pod.c        events into lifecycle_step         pods.c      the set of pods
 *     sandbox.c    a pod's sandbox, up and down       ctr.c       container instances, up and down
 *     launch.c     one launch, asynchronously         launcher.c  carpel-launch
 *     logs.c       carpel-log                         images.c    carpel-image
 *     prober.c     what carpel-probe asks and says    prober_link.c  its channel
 *     exec.c       exec, attach, exec probes          exec_run.c  one program in a container
 *     backend.c    what the API asks of pods          calls.c     /apis/carpel/v1
 *     objects.c    v1.Pods into the store             events.c    v1.Events, kept by event_file.c
 *     versions.c   the resourceVersion counter        profiles.c  compiled system call filters
 *     recover.c    taking over after a crash          find.c      processes found again
 *     child.c      processes that we wait for         helper.c    starting our own programs
 *     outbox.c     messages that wait for them        terminal.c  pseudoterminals
 *     discard.c    what is thrown away                shutdown.c  the end of everything
 *     keeper.c     who starts us again                main.c      set-up; listen.c, node.c,
 * options.c
 *
 * A pod's record is written before anything it speaks of is done (pod.c), so recover.c can always
 * finish or undo.  No file here decides policy: that is pod/lifecycle.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/server.h"
#include "base/loop.h"
#include "image/record.h"
#include "pod/env.h"
#include "pod/fdstore.h"
#include "pod/layout.h"
#include "pod/lifecycle.h"
#include "pod/store.h"
#include "spec/plan.h"
#include "sys/cgroup.h"

struct daemon;
struct pod;

/* Our helpers' cgroup below the instance's root: `down` ends them by it, whoever started them. */
#define DAEMONS_CGROUP "daemons"

/* One container of a pod, as far as the kernel and our helpers are concerned. */
struct ctr {
	struct pod *pod;
	size_t index;
	char id[65];         /* of the instance that is starting or running, or ran last */
	char logging_id[65]; /* of the ended instance whose log is not complete yet */
	char *dir;           /* of that instance, below the pod's place; NULL before the first */
	int32_t pid;         /* in pause's pid namespace; 0: none runs */
	int pidfd;           /* of its first process, -1 */
	int stdin_fd;        /* write end or pty master for attach, -1 */
	uint64_t instance;   /* counts instances for the prober */
	uint64_t oom_kills_before;
	struct launch *launch;        /* the start in flight */
	struct profile_wait *profile; /* a start that waits for its filter */
	bool is_logging;              /* id's streams are with carpel-log */
	int stop_signal;
	/* What it was started from; ref NULL: not read yet (after a take-over).  An exec sees this
	 * one, whatever the name means by now. */
	struct image_record image;
};

struct pod {
	struct daemon *d;
	struct pod *next, **link, *next_by_name, *next_by_uid; /* pods.c */
	struct pod_spec *spec;
	struct place at;
	struct pod_state *state;
	struct json *object; /* metadata and spec; status is added when it is published */
	int64_t generation;
	uint64_t record_sum;    /* of its record on disk, see pod/record.h */
	uint64_t shown_sum;     /* of the record that it had when it was published last */
	struct env_facts facts; /* the node's, and the pod's address; texts are the daemon's */

	int pause_fd; /* pidfd of the sandbox, -1: none */
	int exit_fd;  /* read end of pause's exit pipe, -1 */
	struct loop_io pause_io, exit_io;
	struct loop_timer timer, end_timer, log_timer;
	struct launch *launch; /* the sandbox in the making */
	bool is_ending;        /* end_timer retries the clean-up */
	unsigned end_tries, log_tries;

	struct ctr *ctrs;
	/* Events that came up while a step's actions were being carried out. */
	struct pending_event *pending, **pending_end;
	bool is_stepping;
	bool is_removed; /* free it after the step */
};

enum { POD_BUCKETS = 1024 };

struct daemon {
	struct loop *loop;
	struct layout layout;
	struct cgroups *cgroups;
	struct store *store;
	struct api_server *server;
	struct api_backend backend;
	struct lifecycle_config config;
	int listen_fd, pods_dir, lock_fd, own_netns;
	pid_t keeper; /* who starts us again; 0: nobody */
	int64_t started_boot_ms;
	char *node_name, *host_ip;
	struct env_facts facts;

	struct pod *pods;
	size_t pods_len;
	struct pod *by_name[POD_BUCKETS], *by_uid[POD_BUCKETS];
	uint64_t rv_reserved; /* versions up to this are on disk as used */

	struct launcher *launcher;
	struct logs *logs;
	struct prober *prober;
	struct profile *profiles;
	char *compiler; /* tells builds of carpel-launch apart; profiles.c */
	struct events *events;
	struct child *children; /* see child.h */
	unsigned launches;      /* in flight: their programs are not among the children yet */
	struct discard *discards;
	struct loop_timer discard_timer, trash_timer;
	bool has_trash, is_emptying;
	struct exec_session *execs;
	bool is_shutting_down;
	struct loop_timer shutdown_timer;
};

/* pod.c */
int pod_admit(struct daemon *d, struct json *object, struct pod_spec *spec,
	struct err *e); /* takes both */
void pod_step(struct pod *p, const struct pod_event *ev);
struct pod *pod_new(struct daemon *d, struct json *object,
	struct pod_spec *spec); /* takes both; not yet in the list */
int pod_record(struct pod *p, struct err *e);
void pod_publish(struct pod *p);
struct ctr *pod_ctr(struct pod *p, const char *name); /* NULL */
void pod_free(struct pod *p);                         /* of one that is in no list */
void pod_drop(struct pod *p);                         /* its life had ended already */
bool pod_is_over(const struct pod *p);                /* nothing of it runs or will run */

/* pods.c */
struct pod *pod_find(struct daemon *d, const char *ns, const char *name); /* NULL */
struct pod *pod_find_uid(struct daemon *d, const char *uid);              /* NULL */
void pod_link(struct pod *p);
void pod_unlink(struct pod *p);

/* sandbox.c */
enum ctr_patience { CTR_MAY_WAIT = 1, CTR_MUST_NOT_WAIT };
void sandbox_start(struct pod *p);
void sandbox_end(struct pod *p);
int sandbox_adopt(struct pod *p, int pause_fd, struct err *e); /* takes pause_fd on success */
int sandbox_store(const struct pod *p, struct fdstore *out, struct err *e); /* fdstore_close() it */
void sandbox_watch_exits(struct pod *p);
/* Acts on the notes in pause's pipe, in their order; they stay there until that is done. */
void sandbox_take_exits(struct pod *p, enum ctr_patience patience);
void sandbox_log_done(struct pod *p); /* a log that exits may be waiting for is complete */
bool sandbox_has_note(const struct pod *p, int32_t pid);
int32_t sandbox_find_exit(struct pod *p); /* pid of a note of no known container; 0: none */

/* ctr.c */
void ctr_start(struct ctr *c);
void ctr_is_up(struct ctr *c); /* pid and pidfd are set */
void ctr_signal(struct ctr *c);
void ctr_kill(struct ctr *c);
/* false: not yet, since its log is not complete and the pod wants the end of it; sandbox_log_done()
 * brings it up again. */
bool ctr_ended(struct ctr *c, int32_t wait_status, enum ctr_patience patience);
struct ctr *ctr_by_id(const struct daemon *d, const char *id);
void ctr_release(struct ctr *c); /* closes what it holds of the instance */
/* What a plan for this instance is made from; borrows from c. */
struct container_request;
int ctr_request(struct ctr *c, struct container_request *out, struct err *e);
void ctr_unlink_logs(struct pod *p); /* the links of log/containers to its instances' logs */
void ctr_drop_leases(struct pod *p); /* on its images' layers: nothing of the pod is mounted */

/* The seccomp profile's descriptor, borrowed, or -1 for none in *out_fd.  -EINPROGRESS: ready is
 * called when it is there; ready NULL: -EAGAIN. */
int ctr_filter(
	struct ctr *c, void (*ready)(void *arg, const struct err *e), int *out_fd, struct err *e);

/* profiles.c */
struct profile_wait;
int profiles_open(struct daemon *d, struct err *e);
int profile_get(struct daemon *d, uint64_t caps, void (*ready)(void *arg, const struct err *e),
	void *arg, struct profile_wait **out, struct err *e);
void profile_cancel(struct profile_wait *w); /* NULL is fine */
void profiles_close(struct daemon *d);

/* logs.c */
int logs_open(struct daemon *d, struct err *e);
/* The streams of a new instance: made, put into the pod's descriptor store, handed to carpel-log.
 * The ends that the container gets are the caller's to close. */
struct ctr_streams {
	int in, out, err, tty; /* -1: none */
};
int logs_begin(struct ctr *c, struct ctr_streams *out, struct err *e);
void logs_end(struct ctr *c);       /* the instance is dead: what is in its pipes is the rest */
void logs_take_over(struct pod *p); /* hands what the pod's store holds to carpel-log again */
bool logs_is_over(const struct daemon *d, const char *id);
int logs_attach(struct ctr *c, int sock, struct err *e); /* borrowed */
void logs_close_stdin(struct ctr *c);                    /* for good: the container reads its end */
void logs_close(struct daemon *d);                       /* leaves it running */

/* prober.c */
int prober_open(struct daemon *d, struct err *e);
void prober_instance(struct ctr *c); /* probing starts */
void prober_stop(struct ctr *c, unsigned mask);
void prober_forget(struct pod *p);
void prober_add(struct pod *p);
void prober_started(struct ctr *c);
int prober_run_once(struct ctr *c, enum probe_type t, struct api_call *call, struct err *e);
void prober_close(struct daemon *d);

/* exec.c */
void exec_backend(struct api_backend *b);
struct probe_exec;
/* done is called once, later, unless cancelled. exit_code < 0: e says why it could not run;
 * -ETIMEDOUT on timeout. */
struct probe_exec *probe_exec_start(struct ctr *c, const struct strv *command, int64_t timeout_ms,
	void (*done)(void *arg, int rc, const char *output, size_t len, const struct err *e),
	void *arg, struct err *e);
void probe_exec_cancel(struct probe_exec *x);
void exec_end_container(struct ctr *c); /* its sessions end with it */

/* objects.c */
struct json *pod_object(const struct pod *p); /* metadata, spec and status */
void objects_put(struct daemon *d, enum object_kind kind, const struct json *object);
void objects_delete(struct daemon *d, enum object_kind kind, const char *ns, const char *name,
	const struct json *last);

/* versions.c */
int versions_open(struct daemon *d, struct err *e); /* makes the store */
void versions_reserve(struct daemon *d);            /* before each change of the store */

/* events.c */
int events_open(struct daemon *d, struct err *e);
void events_close(struct daemon *d);
/* ctr NO_CTR: of the pod. */
void event_emit(
	struct pod *p, size_t ctr, bool is_warning, const char *reason, const char *message);
/* The same with a detail that is shown behind the message but does not make it another event. */
void event_emit_detail(struct pod *p, size_t ctr, bool is_warning, const char *reason,
	const char *message, const char *detail);
int event_keep(
	struct daemon *d, const struct json *event, struct err *e); /* one that a client wrote */
int event_forget(struct daemon *d, const char *ns, const char *name, struct err *e);

/* backend.c, calls.c */
void daemon_backend(struct daemon *d);
void calls_answer(void *ctx, struct api_call *c);

/* shutdown.c: every pod ends, then what we keep on disk and in the kernel goes, then the loop
 * ends. */
void daemon_shutdown(struct daemon *d, int64_t grace_seconds);
void daemon_pod_gone(struct daemon *d); /* the last one ends a shutdown */

/* discard.c: what is no longer needed, removed without stopping the loop. A directory is moved out
 * of the way and removed by a child; a cgroup is tried again until the kernel has let go of its
 * dead. */
void daemon_discard(struct daemon *d, const char *path);
void daemon_discard_cgroup(struct daemon *d, const char *path);
void discards_free(struct daemon *d);
void daemon_discard_all(struct daemon *d); /* what an earlier supervisor left in the trash */

/* images.c */
void image_call(
	struct daemon *d, struct api_call *c, const char *name); /* name NULL: the collection */
int image_find(const struct daemon *d, const char *ref, struct image_record *out, struct err *e);

/* recover.c */
int recover_load(struct daemon *d, struct err *e); /* records into pods */
void recover_resume(struct daemon *d);             /* what is there into events */
