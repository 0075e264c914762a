/* What the API asks about pods and events: admission, changes of labels and annotations, deletion,
 * and where a container's log is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/uid.h"
#include "daemon/daemon.h"
#include "engine/logs.h"
#include "log/rotated.h"
#include "spec/admit.h"

/* Below this a pod could not even write down what becomes of it. */
enum { FREE_BYTES_MIN = 4 << 20, FREE_FILES_MIN = 64 };

/* ---- create ---- */

static int check_room(const char *dir, struct err *e)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return errno == ENOENT ? 0 /* made with the first pod */
				       : err_set(e, errno, "look at the room in %s", dir);
	/* f_files is 0 on file systems without a fixed number of inodes. */
	if ((uint64_t)fs.f_bavail * fs.f_frsize < FREE_BYTES_MIN ||
		(fs.f_files != 0 && fs.f_favail < FREE_FILES_MIN))
		return err_say(e, ENOSPC, "no room for a pod: the file system of %s is full", dir);
	return 0;
}

/* Records, writable layers and logs may be on three file systems. */
static int check_disks(const struct daemon *d, struct err *e)
{
	const char *const dirs[] = { d->engine.layout.run, d->engine.layout.lib,
		d->engine.layout.logs };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(dirs); i++)
		rc = check_room(dirs[i], e);
	return rc;
}

static int check_node(const struct daemon *d, const struct pod_spec *spec, struct err *e)
{
	if (!spec->node_name || str_eq(spec->node_name, d->node_name))
		return 0;
	return err_say(e, EINVAL, "spec.nodeName: Invalid value: \"%s\": this node is \"%s\"",
		spec->node_name, d->node_name);
}

/* Of a new pod only: one that was admitted stays, whatever the next carpeld is told. */
static struct node_rules rules_of(const struct daemon *d)
{
	return (struct node_rules){ .sysctls = d->unsafe_sysctls,
		.has_apparmor = d->engine.lsm.has_apparmor,
		.has_selinux = d->engine.lsm.has_selinux };
}

static int check_rules(const struct daemon *d, struct manifest_result *r, struct err *e)
{
	const struct node_rules rules = rules_of(d);

	admit_pod(&rules, r->spec, &r->causes);
	return r->causes.len ? err_say(e, EBADMSG, "%s: %s", r->causes.at[0].field,
				       r->causes.at[0].message)
			     : 0;
}

/* What the server fills in. */
static void complete(const struct daemon *d, struct json *object, const char *uid)
{
	struct json *metadata = json_get(object, "metadata");
	char now[CLOCK_TEXT_MAX];

	clock_rfc3339(clock_now().wall_ms, now);
	json_set_str(metadata, "uid", uid);
	json_set_str(metadata, "creationTimestamp", now);
	json_set_str(json_get(object, "spec"), "nodeName", d->node_name);
}

static struct json *dry_object(struct daemon *d, struct json *object, struct pod_spec *spec)
{
	struct pod *p = pod_new(d, object, spec);
	struct json *shown;

	p->state = pod_state_new(spec, clock_now());
	shown = pod_object(p);
	pod_free(p);
	return shown;
}

static int admit(struct daemon *d, struct manifest_result *r, struct err *e)
{
	const struct node_rules rules = rules_of(d);
	struct pod_event first = { .kind = EV_ADMIT };
	CLEANUP(cleanup_free) char *text = admit_rejection(&rules, r->spec, &first.reason);

	if (text) {
		first.kind = EV_REJECT;
		first.text = text;
	}
	return pod_admit(d, TAKE(r->object), TAKE(r->spec), &first, e);
}

static int pod_create(
	void *ctx, struct manifest_result *r, bool dry_run, struct json **out_object, struct err *e)
{
	struct daemon *d = ctx;
	char uid[UID_LEN + 1];
	int rc;

	if (d->is_shutting_down)
		return err_say(e, EBUSY, "carpeld is shutting down");
	if ((rc = check_node(d, r->spec, e)) < 0 || (rc = check_disks(d, e)) < 0)
		return rc;
	if ((rc = check_rules(d, r, e)) < 0)
		return rc;
	uid_make(uid);
	complete(d, r->object, uid);
	free(r->spec->uid);
	r->spec->uid = str_dup(uid);
	if (dry_run) {
		*out_object = dry_object(d, TAKE(r->object), TAKE(r->spec));
		return 0;
	}
	*out_object = json_copy(r->object);
	rc = admit(d, r, e);
	if (rc < 0) {
		json_free(*out_object);
		*out_object = NULL;
	}
	return rc;
}

/* ---- change ---- */

static void set_map(struct json *metadata, const char *key, const struct json *map)
{
	if (json_len(map) > 0)
		json_set(metadata, key, json_copy(map));
	else
		(void)json_remove(metadata, key);
}

static void copy_labels(const struct json *map, struct labels *out)
{
	labels_free(out);
	for (size_t i = 0; i < json_len(map); i++) {
		const char *key = NULL;
		const char *value = json_str(json_member(map, i, &key));

		out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
		out->at[out->len++] = (struct label){ str_dup(key), str_dup(value ? value : "") };
	}
}

static int pod_set_meta(void *ctx, const char *ns, const char *name, const struct json *labels,
	const struct json *annotations, struct err *e)
{
	struct pod *p = pod_find(ctx, ns, name);
	struct json *metadata, *before;
	int rc;

	if (!p)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	metadata = json_get(p->object, "metadata");
	before = json_copy(metadata);
	set_map(metadata, "labels", labels);
	set_map(metadata, "annotations", annotations);
	rc = pod_record(p, e);
	if (rc < 0) {
		json_set(p->object, "metadata", before); /* what is not on disk did not happen */
		return rc;
	}
	json_free(before);
	copy_labels(labels, &p->spec->labels);
	copy_labels(annotations, &p->spec->annotations);
	pod_publish(p);
	return 0;
}

static int pod_delete(
	void *ctx, const char *ns, const char *name, const struct delete_options *o, struct err *e)
{
	struct pod *p = pod_find(ctx, ns, name);

	if (!p)
		return err_say(e, ENOENT, "pods \"%s\" not found", name);
	if (p->state->stop != STOP_DELETE)
		p->generation++; /* deletionTimestamp is set */
	pod_step(p, &(struct pod_event){ .kind = EV_DELETE, .grace_seconds = o->grace_seconds });
	return 0;
}

/* ---- logs ---- */

/* Which instance's log: its number, and its id for log_is_over. */
struct instance {
	uint32_t attempt;
	const char *id;
};

/* restartCount is the number of the instance that was made last, whether it runs or has ended. */
static bool choose(const struct ctr_state *s, bool previous, struct instance *out)
{
	bool runs = s->phase == CTR_RUNNING || s->phase == CTR_ENDING;
	const struct ctr_end *former = runs ? &s->last : &s->before;

	if (!s->id[0] || (previous && (!former->is_set || !former->id[0])))
		return false;
	*out = previous ? (struct instance){ s->restart_count - 1, former->id }
			: (struct instance){ s->restart_count, s->id };
	return true;
}

/* What kubectl shows of a container that never ran. */
static int never_started(const struct pod *p, const struct container_spec *c,
	const struct ctr_state *s, struct err *e)
{
	const char *why = s->waiting_reason ? s->waiting_reason : "ContainerCreating";

	if (str_eq(why, "ErrImagePull"))
		why = "image can't be pulled";
	else if (str_eq(why, "ImagePullBackOff"))
		why = "trying and failing to pull image";
	return err_say(e, ENODATA, "container \"%s\" in pod \"%s\" is waiting to start: %s",
		c->name, p->spec->name, why);
}

static int log_open(void *ctx, const struct log_request *q, struct log_opened *out, struct err *e)
{
	struct daemon *d = ctx;
	struct pod *p = pod_find(d, q->ns, q->pod);
	const struct pod_ctr *c = p ? pod_ctr(p, q->container) : NULL;
	const struct container_spec *spec;
	CLEANUP(cleanup_free) char *file = NULL;
	struct instance i;
	int fd;

	if (!c)
		return err_say(e, ENOENT, "container %s is not there", q->container);
	spec = &p->spec->containers[c->index];
	if (!choose(&p->state->ctrs[c->index], q->previous, &i))
		return q->previous ? err_say(e, ENOENT, "no previous instance")
				   : never_started(p, spec, &p->state->ctrs[c->index], e);
	file = layout_log_file(&d->engine.layout, p->spec, spec->name, i.attempt);
	fd = rotated_open(file, e);
	if (fd < 0)
		return fd;
	*out = (struct log_opened){ .fd = fd, .file = TAKE(file) };
	(void)snprintf(out->id, sizeof(out->id), "%s", i.id);
	return 0;
}

/* While its log is being reopened, the former file may still grow. */
static int log_next(void *ctx, const struct log_opened *log, int fd)
{
	const struct daemon *d = ctx;
	const struct ctr *c = ctr_by_id(&d->engine, log->id);

	return c && str_eq(c->id, log->id) && c->reopen ? -1 : rotated_open_next(log->file, fd);
}

static bool log_is_over(void *ctx, const char *container_id)
{
	const struct daemon *d = ctx;

	return logs_is_over(&d->engine, container_id);
}

/* ---- events ---- */

static int put_event(void *ctx, const struct json *event, struct err *e)
{
	return event_keep(ctx, event, e);
}

static int delete_event(void *ctx, const char *ns, const char *name, struct err *e)
{
	return event_forget(ctx, ns, name, e);
}

void daemon_backend(struct daemon *d)
{
	d->backend = (struct api_backend){
		.ctx = d,
		.store = d->store,
		.node_name = d->node_name,
		.pod_create = pod_create,
		.pod_set_meta = pod_set_meta,
		.pod_resize = pod_resize,
		.pod_delete = pod_delete,
		.event_put = put_event,
		.event_delete = delete_event,
		.log_open = log_open,
		.log_next = log_next,
		.log_is_over = log_is_over,
		.call = calls_answer,
	};
	exec_backend(&d->backend);
}
