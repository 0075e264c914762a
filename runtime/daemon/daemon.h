/* carpeld's own state: one struct daemon, its pods, and the link to carpel-probe.  Sandboxes and
 * containers are the engine's (engine/engine.h); here is what the Pod life cycle makes of them. The
 * files of this folder each own one kind of news:
 *
 *     pod.c          events into lifecycle_step     pods.c       the set of pods
 *     pod_sandbox.c  a pod's sandbox                pod_ctr.c    its containers' instances
 *     pod_log.c      rotation of their logs
 *     resize.c       new limits for what runs
 *     prober.c       what carpel-probe asks, says   prober_link.c  its channel
 *     exec.c         exec, attach, exec probes      images.c     carpel-image
 *     backend.c      what the API asks of pods      calls.c      /apis/carpel/v1
 *     objects.c      v1.Pods into the store         events.c     v1.Events, kept by event_file.c
 *     versions.c     the resourceVersion counter    recover.c    taking pods over after a crash
 *     usage.c        what pods use                   disk.c       what of it is on the disk
 *     users.c        ids of user namespaces
 *     keeper.c       who starts us again            shutdown.c   the end of everything
 *     own_cgroup.c   where we live ourselves
 *     main.c         set-up; listen.c, node.c, options.c, qos.c
 *
 * A pod's record is written before anything it speaks of is done (pod.c), so recover.c can always
 * finish or undo.  No file here decides policy: that is pod/lifecycle.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/server.h"
#include "cri/cri.h"
#include "engine/ctr.h"
#include "engine/slice.h"
#include "pod/lifecycle.h"
#include "pod/store.h"

struct daemon;
struct disk;
struct pod;
struct pod_disk;

/* One container of a pod. Its instances come and go, each with an id of its own. */
struct pod_ctr {
	struct ctr ctr; /* the engine's; its id is that of the newest instance */
	struct pod *pod;
	size_t index;      /* in the spec and the state */
	uint64_t instance; /* counts instances for the prober */
};

struct pod {
	struct daemon *d;
	struct pod *next, **link, *next_by_name, *next_by_uid; /* pods.c */
	struct pod_spec *spec;
	struct sandbox sandbox;
	struct pod_state *state;
	struct json *object; /* metadata and spec; status is added when it is published */
	int64_t generation;
	uint64_t record_sum;    /* of its record on disk, see pod/record.h */
	uint64_t shown_sum;     /* of the record that it had when it was published last */
	struct env_facts facts; /* the node's, and the pod's address; texts are the daemon's */

	struct pod_disk *disk; /* NULL: nobody wants it counted; disk.c */
	struct loop_timer timer;
	struct pod_ctr *ctrs; /* one per container of the spec */
	/* Events that came up while a step's actions were being carried out. */
	struct pending_event *pending, **pending_end;
	bool is_stepping;
	bool is_removed; /* free it after the step */
};

enum { POD_BUCKETS = 1024 };

/* Our own, below the instance's root. */
#define OWN_CGROUP "carpeld"

struct daemon {
	struct engine engine; /* serves pods and CRI alike */
	struct store *store;
	struct api_server *server;
	struct api_backend backend;
	struct lifecycle_config config;
	uint32_t log_max_kib; /* when a container's log file is rotated */
	unsigned log_max_files;
	int listen_fd, pods_dir, lock_fd, own_netns;
	struct loop_io starter_io;
	pid_t starter_pid;
	struct strv origin;                /* own_cgroup.c: where we were started */
	pid_t keeper;                      /* who starts us again; 0: nobody */
	const struct strv *unsafe_sysctls; /* see spec/admit.h */
	int64_t started_boot_ms;
	char *node_name, *host_ip; /* in engine.facts too */

	struct slice_weight slices[QOS_BEST_EFFORT + 1]; /* by systemd: of the levels */
	struct pod *pods;
	size_t pods_len;
	struct pod *by_name[POD_BUCKETS], *by_uid[POD_BUCKETS];
	uint64_t rv_reserved; /* versions up to this are on disk as used */

	struct cri *cri;
	struct disk *disk; /* NULL: not yet, or no more */
	struct prober *prober;
	struct events *events;
	struct exec_session *execs;
	bool is_shutting_down;
	struct loop_timer shutdown_timer;
};

/* pod.c */
/* Takes object and spec.  first: EV_ADMIT or EV_REJECT. */
int pod_admit(struct daemon *d, struct json *object, struct pod_spec *spec,
	const struct pod_event *first, struct err *e);
void pod_step(struct pod *p, const struct pod_event *ev);
struct pod *pod_new(struct daemon *d, struct json *object,
	struct pod_spec *spec); /* takes both; not yet in the list */
int pod_record(struct pod *p, struct err *e);
void pod_publish(struct pod *p);
struct pod_ctr *pod_ctr(struct pod *p, const char *name); /* NULL */
void pod_free(struct pod *p);                             /* of one that is in no list */
void pod_drop(struct pod *p);                             /* its life had ended already */
bool pod_is_over(const struct pod *p);                    /* nothing of it runs or will run */

/* resize.c */
int pod_resize(
	void *ctx, const char *ns, const char *name, struct manifest_result *asked, struct err *e);
void pod_resize_tell(struct pod *p); /* ACT_RESIZE */
void pod_resize_restore(
	struct pod *p); /* after a crash: what is allocated, not what is asked for */

/* pods.c */
struct pod *pod_find(struct daemon *d, const char *ns, const char *name); /* NULL */
struct pod *pod_find_uid(struct daemon *d, const char *uid);              /* NULL */
void pod_link(struct pod *p);
void pod_unlink(struct pod *p);

/* users.c: the ids of a pod with hostUsers: false */
int pod_users_choose(struct daemon *d, struct pod_spec *spec, struct err *e);
void pod_users_to_json(const struct pod *p, struct json *record);
int pod_users_from_json(struct pod_spec *spec, const struct json *record, struct err *e);

/* pod_sandbox.c */
void pod_sandbox_open(struct pod *p);
void pod_sandbox_start(struct pod *p);

/* pod_ctr.c */
void pod_ctr_open(struct pod *p, size_t index);
void pod_ctr_start(struct pod_ctr *c);
void pod_ctr_signal(struct pod_ctr *c); /* its stop signal */
void pod_ctr_kill(struct pod_ctr *c);
void pod_ctr_unlink_logs(struct pod *p); /* the links of log/containers to its instances' logs */
void pod_ctr_drop_leases(struct pod *p); /* on its images' layers: nothing of it is mounted */
void pod_log_rotate(struct pod_ctr *c);  /* pod_log.c: its log file is full */
void pod_log_started(struct pod_ctr *c); /* what was told too early */
void pod_ctr_place(struct pod_ctr *c);   /* directory and log file of the present instance */

/* prober.c */
int prober_open(struct daemon *d, struct err *e);
void prober_instance(struct pod_ctr *c); /* probing starts */
void prober_stop(struct pod_ctr *c, unsigned mask);
void prober_forget(struct pod *p);
void prober_add(struct pod *p);
void prober_started(struct pod_ctr *c);
int prober_run_once(struct pod_ctr *c, enum probe_type t, struct api_call *call, struct err *e);
void prober_close(struct daemon *d);

/* exec.c */
void exec_backend(struct api_backend *b);
struct probe_exec;
/* done is called once, later, unless cancelled. exit_code < 0: e says why it could not run;
 * -ETIMEDOUT on timeout. */
struct probe_exec *probe_exec_start(struct pod_ctr *c, const struct strv *command,
	int64_t timeout_ms,
	void (*done)(void *arg, int rc, const char *output, size_t len, const struct err *e),
	void *arg, struct err *e);
void probe_exec_cancel(struct probe_exec *x);
void exec_end_container(struct pod_ctr *c); /* its sessions end with it */

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

/* images.c */
void image_call(
	struct daemon *d, struct api_call *c, const char *name); /* name NULL: the collection */
int image_find(const struct daemon *d, const char *ref, struct image_record *out, struct err *e);

/* recover.c */
int recover_load(struct daemon *d, struct err *e); /* records into pods */
void recover_resume(struct daemon *d);             /* what is there into events */
