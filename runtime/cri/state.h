/* What the CRI face keeps: sandboxes, their containers, and the calls that wait for something to
 * become true of one.  A record on disk is written before anything it speaks of is done, so that
 * resume.c can always finish or undo.
 *
 *     service.c    the tables of methods; what is the whole runtime's    set.c     found by id and
 * name sandbox.c    RunPodSandbox, StopPodSandbox, RemovePodSandbox       record.c  on disk
 *     container.c  CreateContainer … RemoveContainer                     resume.c  after a crash
 *     container_run.c  what becomes of a container's process             wait.c    calls that wait
 *     list.c       List… and Stream…, filter.c                           status.c  …Status
 *     exec.c       ExecSync                                              events.c
 * GetContainerEvents stats.c      …Stats                                                update.c
 * …Resources, logs images.c     ImageService
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/grpc.h"
#include "cri/cri.h"
#include "engine/ctr.h"
#include "spec/cri.h"
#include "spec/cri.pb-c.h"
#include "spec/message.h"

/* ---- wait.c ---- */

/* A call that waits; freed when it is answered or its client is gone. */
struct cri_wait {
	struct cri_wait *next, **link;
	struct grpc_call *call; /* NULL: its client is gone, somebody else is being told */
	void (*gone)(struct cri_wait *w); /* owns w; NULL: it is only forgotten */
	void *arg;
};

struct cri_waits {
	struct cri_wait *first;
};

struct cri_wait *wait_add(struct cri_waits *w, struct grpc_call *call);
void wait_drop(struct cri_wait *w); /* in gone(), which owns it */
/* Each call of the list is answered alike and the list is empty again. */
void wait_move(struct cri_waits *from, struct cri_waits *to); /* all of them */
void wait_reply(struct cri_waits *w, const ProtobufCMessage *m);
void wait_fail(struct cri_waits *w, enum grpc_code code, const char *text);
/* answer ends each call. */
void wait_answer(struct cri_waits *w, void (*answer)(void *ctx, struct grpc_call *call), void *ctx);

/* ---- usage.c ---- */

struct usage_count {
	uint64_t bytes, inodes;
	int64_t wall_ns; /* when it was counted; 0: never */
};

struct usage_watch {
	struct usage_watch *next;
	char *path;
	char *signs[2]; /* directories whose change makes the count old; NULL: only time does */
	uint64_t sign;  /* of the count */
	struct usage_count last;
	int64_t counted_ms; /* boot time, 0: never */
	int64_t stuck_ms;   /* boot time at which its file system did not answer, 0: never */
	bool is_waiting;    /* to be counted, or being counted */
};

/* ---- the objects ---- */

enum sandbox_state {
	SANDBOX_MAKING = 1, /* RunPodSandbox is under way */
	SANDBOX_IS_READY,
	SANDBOX_STOPPING, /* its containers are being killed, then pause */
	SANDBOX_STOPPED,
	SANDBOX_STATES
};

struct cri_sandbox {
	struct cri *cri;
	struct cri_sandbox *next, **link;
	struct cri_sandbox *next_by_id, *next_by_name;
	char id[65];
	char *key; /* name, namespace, uid and attempt: nobody else may have it */
	Runtime__V1__PodSandboxConfig *config; /* as the client gave it */
	struct pod_spec *spec;
	struct env_facts facts;
	struct sandbox box; /* the engine's */
	struct loop_timer end;
	enum sandbox_state state;
	int64_t created_ns;
	uint64_t record_sum;
	bool is_removing; /* goes as soon as it is stopped */
	bool is_adopted;  /* from an earlier carpeld, whose answer its client may not have got */
	bool is_undone;   /* it failed to come up: goes without having been there */
	bool is_choosing; /* container_start_next() is at work */
	struct err why;   /* it is undone */
	struct cri_container *containers, *starting; /* starting: one at a time, see container.c */
	struct cri_waits run, stop, remove;
};

enum container_state {
	CONTAINER_IS_CREATED = 1,
	CONTAINER_STARTING, /* the engine makes it */
	CONTAINER_IS_RUNNING,
	CONTAINER_HAS_EXITED,
	CONTAINER_STATES
};

struct cri_container {
	struct cri *cri;
	struct cri_sandbox *sandbox;
	struct cri_container *next, **link; /* of the sandbox */
	struct cri_container *all_next, **all_link;
	struct cri_container *next_by_id, *next_by_name;
	char *key; /* its name and attempt, and those of the pod */
	Runtime__V1__ContainerConfig *config;
	/* As applied: the config's, changed by updates. NULL: none were given. */
	Runtime__V1__LinuxContainerResources *resources;
	struct container_spec *spec;
	struct ctr ctr; /* its id is the container's */
	enum container_state state;
	int64_t created_ns, started_ns, finished_ns; /* 0: not yet */
	int32_t exit_code;
	char *reason, *message;    /* NULL: none */
	int64_t uid, gid, *groups; /* of its first process; groups_len -1: not known */
	int groups_len;
	uint64_t record_sum;
	bool wants_start;   /* waits for its turn */
	bool wants_end;     /* is to be killed as soon as it is up */
	bool was_signalled; /* the stop signal was sent */
	/* StartContainer has failed, or was repeated after a crash.  An answer that was given is
	 * none: it may not have left the process that a crash ended. */
	bool is_answered;
	bool is_removing, is_adopted;
	struct loop_timer kill_timer;
	int64_t kill_at_ms; /* boot time, while kill_timer is set */
	struct cri_waits start, stop, remove, reopen;
	struct cri_waits reopen_again; /* asked for while an earlier one was under way */
	struct usage_watch usage;      /* of its writable layer */
};

enum { CRI_BUCKETS = 1024 };

struct cri {
	struct engine *engine;
	struct cri_sandbox *sandboxes, *sandboxes_by_id[CRI_BUCKETS],
		*sandboxes_by_name[CRI_BUCKETS];
	struct cri_container *containers, *containers_by_id[CRI_BUCKETS],
		*containers_by_name[CRI_BUCKETS];
	size_t sandboxes_len, containers_len;
	int sandboxes_dir, containers_dir; /* of records */
	struct cri_watcher *watchers;      /* events.c */
	struct cri_waits status;           /* calls that wait */
	struct creation *creations;        /* container.c: calls that wait */
	struct grpc_face face;
	struct usage_watch *counting, images_usage, layers_usage; /* usage.c */
	struct usage_round *rounds;                               /* under way */
	size_t rounds_len;
	size_t outputs; /* of all programs of ExecSync, in bytes */
	struct loop_timer count_timer;
	struct loop_timer shutdown_timer;
	void (*ended)(void *arg);
	void *ended_arg;
	bool is_shutting_down;
};

/* ---- set.c ---- */

struct cri_sandbox *sandbox_new(struct cri *c, const char *id); /* in no list */
void sandbox_link(struct cri_sandbox *s);                       /* key is set */
void sandbox_unlink_free(struct cri_sandbox *s);                /* no container is left */
void sandbox_free(struct cri_sandbox *s);                       /* of one in no list */
struct cri_container *container_new(struct cri_sandbox *s, const char *id);
void container_link(struct cri_container *c);
void container_unlink_free(struct cri_container *c);
void container_free(struct cri_container *c);

/* By id or a prefix that only one has.  -ENOENT; -EINVAL: empty, or several have it. */
int sandbox_find(struct cri *c, const char *id, struct cri_sandbox **out, struct err *e);
int container_find(struct cri *c, const char *id, struct cri_container **out, struct err *e);
struct cri_sandbox *sandbox_by_id(const struct cri *c, const char *id);       /* NULL */
struct cri_container *container_by_id(const struct cri *c, const char *id);   /* NULL */
struct cri_sandbox *sandbox_by_key(const struct cri *c, const char *key);     /* NULL */
struct cri_container *container_by_key(const struct cri *c, const char *key); /* NULL */
char *sandbox_key(const Runtime__V1__PodSandboxMetadata *m);
char *container_key(
	const Runtime__V1__ContainerMetadata *m, const Runtime__V1__PodSandboxMetadata *sandbox);

/* ---- record.c ---- */

int sandbox_record(struct cri_sandbox *s, struct err *e);
void sandbox_forget(struct cri_sandbox *s); /* the record goes */
int container_record(struct cri_container *c, struct err *e);
void container_read_groups(
	struct cri_container *c, const struct json *list); /* NULL: as they are */
void container_forget(struct cri_container *c);
int records_load(struct cri *c, struct err *e);
int config_check_size(const void *message, struct err *e); /* -E2BIG: too large for a record */
bool config_is_same(const void *a, const void *b);         /* messages of one type */
/* What the config says becomes spec, key and place. */
int sandbox_read_config(struct cri_sandbox *s, struct err *e);
int container_read_config(struct cri_container *c, struct err *e);

/* ---- sandbox.c ---- */

void rpc_run_sandbox(void *ctx, struct grpc_call *call);
void rpc_stop_sandbox(void *ctx, struct grpc_call *call);
void rpc_remove_sandbox(void *ctx, struct grpc_call *call);
void sandbox_stop(struct cri_sandbox *s);
void sandbox_remove(struct cri_sandbox *s);
void sandbox_went_on(struct cri_sandbox *s); /* one of its containers has ended or is gone */
extern const struct sandbox_owner cri_sandbox_owner;

/* ---- container.c, container_run.c ---- */

void rpc_create_container(void *ctx, struct grpc_call *call);
void creations_close(struct cri *c);
void rpc_start_container(void *ctx, struct grpc_call *call);
void rpc_stop_container(void *ctx, struct grpc_call *call);
void rpc_remove_container(void *ctx, struct grpc_call *call);
void container_kill(struct cri_container *c);   /* whatever state it is in */
void container_remove(struct cri_container *c); /* at once, or when it has ended */
void container_try_to_go(struct cri_container *c);
void container_unqueue(struct cri_container *c); /* a start that waits for its turn is off */
void container_start_next(struct cri_sandbox *s);
bool container_is_alive(const struct cri_container *c); /* STARTING or RUNNING */
/* Its end, as it became known. */
void container_exited(
	struct cri_container *c, int32_t exit_code, const char *reason, const char *message);
extern const struct ctr_owner cri_ctr_owner;
int container_take_image(struct cri_container *c, struct err *e); /* finds it, and a lease on it */
void container_drop_image(struct cri_container *c);
int container_apply_resources(struct cri_container *c, struct err *e); /* resources into spec */

/* ---- list.c, filter.c, status.c ---- */

void rpc_list_sandboxes(void *ctx, struct grpc_call *call);
void rpc_stream_sandboxes(void *ctx, struct grpc_call *call);
void rpc_list_containers(void *ctx, struct grpc_call *call);
void rpc_stream_containers(void *ctx, struct grpc_call *call);
void rpc_sandbox_status(void *ctx, struct grpc_call *call);
void rpc_container_status(void *ctx, struct grpc_call *call);

/* Messages that borrow from the object; only arrays of their own are to be freed. */
struct sandbox_view {
	Runtime__V1__PodSandboxStatus status;
	Runtime__V1__LinuxPodSandboxStatus linux_status;
	Runtime__V1__Namespace namespaces;
	Runtime__V1__NamespaceOption options;
};
void sandbox_view_fill(struct sandbox_view *v, const struct cri_sandbox *s);

struct container_view {
	Runtime__V1__ContainerStatus status;
	Runtime__V1__ImageSpec image;
	Runtime__V1__ContainerResources resources;
	Runtime__V1__ContainerUser user;
	Runtime__V1__LinuxContainerUser linux_user;
};
void container_view_fill(struct container_view *v, const struct cri_container *c);

Runtime__V1__PodSandboxState sandbox_state_of(const struct cri_sandbox *s);
Runtime__V1__ContainerState container_state_of(const struct cri_container *c);
/* Every key of the selector has that value among the labels. */
bool labels_match(const void *labels, size_t len, const void *selector, size_t selector_len);

/* ---- service.c ---- */

bool cri_is_closing(const struct cri *c, struct grpc_call *call); /* true: call is answered */
void cri_went(struct cri *c);                                     /* a sandbox is gone */

/* ---- exec.c, update.c, stats.c, events.c, images.c ---- */

void rpc_exec_sync(void *ctx, struct grpc_call *call);
void rpc_update_resources(void *ctx, struct grpc_call *call);
void rpc_reopen_log(void *ctx, struct grpc_call *call);
void rpc_container_stats(void *ctx, struct grpc_call *call);
void rpc_list_container_stats(void *ctx, struct grpc_call *call);
void rpc_stream_container_stats(void *ctx, struct grpc_call *call);
void rpc_sandbox_stats(void *ctx, struct grpc_call *call);
void rpc_list_sandbox_stats(void *ctx, struct grpc_call *call);
void rpc_stream_sandbox_stats(void *ctx, struct grpc_call *call);
void rpc_events(void *ctx, struct grpc_call *call);
void watchers_close(struct cri *c);
void rpc_list_images(void *ctx, struct grpc_call *call);
void rpc_stream_images(void *ctx, struct grpc_call *call);
void rpc_image_status(void *ctx, struct grpc_call *call);
void rpc_remove_image(void *ctx, struct grpc_call *call);
void rpc_image_fs_info(void *ctx, struct grpc_call *call);
/* By name, digest, id, or the beginning of an id with or without "sha256:". */
int cri_image_find(const struct cri *c, const char *ref, struct image_record *out, struct err *e);

/* usage.c: what was counted last; counts anew when that is old. */
const struct usage_count *usage_of_layer(struct cri_container *c);
void usage_forget(struct cri_container *c);
void usage_open(struct cri *c);
void usage_close(struct cri *c);
/* resume.c: adopts what is there, sweeps away what nobody claims. */
void resume_load(struct cri *c);

enum cri_event {
	CRI_CREATED = RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_CREATED_EVENT,
	CRI_STARTED = RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_STARTED_EVENT,
	CRI_STOPPED = RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_STOPPED_EVENT,
	CRI_DELETED = RUNTIME__V1__CONTAINER_EVENT_TYPE__CONTAINER_DELETED_EVENT
};
/* id: of the container or of the sandbox itself. */
void event_tell(struct cri_sandbox *s, const char *id, enum cri_event what);
