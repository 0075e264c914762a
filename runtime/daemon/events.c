/* v1.Events: what pod/event_fold lets through becomes an object in the store and a line in the
 * event file, so that neither a restart of ours nor the pod's own end takes the reasons away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/uid.h"
#include "daemon/daemon.h"
#include "daemon/event_file.h"
#include "pod/event_fold.h"

enum { EVENTS_MAX = 4096, MESSAGE_MAX = 1024, SWEEP_MS = 60 * 1000 };

static const char component[] = "carpeld";

struct events {
	struct daemon *d;
	struct event_fold *fold;
	struct event_file file;
	struct loop_timer sweep;
};

/* ---- keeping ---- */

static struct json *stored(struct daemon *d, const struct fold_entry *entry)
{
	const struct object *o = store_get(d->store, OBJECT_EVENT, entry->ns, entry->name);
	struct json *event = NULL;

	if (o)
		(void)json_parse(o->text, strlen(o->text), NULL, &event, NULL);
	return event;
}

struct rewrite {
	struct events *evs;
	struct err e;
	int rc;
};

static void rewrite_one(void *arg, struct fold_entry *entry)
{
	struct rewrite *w = arg;
	CLEANUP(cleanup_json) struct json *event = stored(w->evs->d, entry);
	const struct event_line l = { entry->aged.key, entry->aged.at_ms, event };

	if (w->rc == 0 && event)
		w->rc = event_file_add(&w->evs->file, &l, &w->e);
}

static int rewrite(struct events *evs, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/events", evs->d->engine.layout.run);
	struct rewrite w = { .evs = evs };

	w.rc = event_file_begin(&evs->file, path, &w.e);
	event_fold_each(evs->fold, rewrite_one, &w);
	if (w.rc == 0)
		w.rc = event_file_commit(&evs->file, &w.e);
	if (w.rc < 0) {
		*e = w.e;
		event_file_close(&evs->file);
	}
	return w.rc;
}

/* In memory in any case: what cannot be written is still shown. */
static void write_line(struct events *evs, const struct fold_entry *entry, const struct json *event)
{
	const struct event_line l = { entry->aged.key, entry->aged.at_ms, event };
	struct err e = { 0 };
	int rc;

	if (evs->file.fd < 0 || evs->file.bytes > EVENT_FILE_BYTES)
		rc = rewrite(evs, &e);
	else
		rc = event_file_add(&evs->file, &l, &e);
	if (rc < 0) {
		event_file_close(&evs->file); /* a torn line must be the last one */
		log_warn("events are in memory only: %s", e.text);
	}
}

static void keep(struct events *evs, const struct fold_entry *entry, const struct json *event)
{
	objects_put(evs->d, OBJECT_EVENT, event);
	write_line(evs, entry, event);
}

static void drop(struct events *evs, struct fold_entry *entry)
{
	objects_delete(evs->d, OBJECT_EVENT, entry->ns, entry->name, NULL);
	if (evs->file.fd >= 0)
		(void)event_file_add_gone(&evs->file, entry->ns, entry->name, NULL);
	event_fold_forget(evs->fold, entry);
}

static void drop_expired(struct events *evs)
{
	struct fold_entry *entry;

	while ((entry = event_fold_expired(evs->fold, EVENTS_MAX, clock_now().boot_ms)))
		drop(evs, entry);
}

static void on_sweep(struct loop_timer *t)
{
	struct events *evs = t->arg;

	drop_expired(evs);
	loop_timer_start(evs->d->engine.loop, &evs->sweep, SWEEP_MS, on_sweep, evs);
}

/* ---- making ---- */

static struct json *involved_object(const struct pod *p, const char *field_path)
{
	const struct object *o =
		store_get(p->d->store, OBJECT_POD, p->spec->namespace, p->spec->name);
	CLEANUP(cleanup_free) char *rv = o ? str_fmt("%" PRIu64, o->rv) : NULL;
	struct json *j = json_new_object();

	json_set_str(j, "kind", "Pod");
	json_set_str(j, "namespace", p->spec->namespace);
	json_set_str(j, "name", p->spec->name);
	json_set_str(j, "uid", p->spec->uid);
	json_set_str(j, "apiVersion", "v1");
	json_set_str(j, "resourceVersion", rv);
	if (*field_path)
		json_set_str(j, "fieldPath", field_path);
	return j;
}

static struct json *new_event(
	const struct pod *p, const struct fold_event *ev, struct fold_entry *entry)
{
	char now[CLOCK_TEXT_MAX], uid[UID_LEN + 1];
	struct json *event = json_new_object(), *metadata = json_new_object();
	struct json *source = json_new_object();
	CLEANUP(cleanup_free)
	char *name = str_fmt("%s.%" PRIx64, p->spec->name, (uint64_t)clock_wall_ns());

	event_fold_name(p->d->events->fold, entry, p->spec->namespace, name);
	clock_rfc3339(clock_now().wall_ms, now);
	json_set_str(metadata, "name", entry->name);
	json_set_str(metadata, "namespace", entry->ns);
	uid_make(uid);
	json_set_str(metadata, "uid", uid);
	json_set_str(metadata, "creationTimestamp", now);
	json_set(event, "metadata", metadata);
	json_set(event, "involvedObject", involved_object(p, ev->field_path));
	json_set_str(event, "reason", ev->reason);
	json_set_str(event, "message", ev->message);
	json_set_str(source, "component", component);
	json_set_str(source, "host", p->d->node_name);
	json_set(event, "source", source);
	json_set_str(event, "firstTimestamp", now);
	json_set_str(event, "lastTimestamp", now);
	json_set_i64(event, "count", 1);
	json_set_str(event, "type", ev->is_warning ? "Warning" : "Normal");
	json_set(event, "eventTime", json_new_null());
	json_set_str(event, "reportingComponent", component);
	json_set_str(event, "reportingInstance", p->d->node_name);
	return event;
}

/* At most MESSAGE_MAX bytes, never half a character. */
static char *shown_message(const char *message, const char *detail, bool is_combined)
{
	CLEANUP(cleanup_free)
	char *whole = str_fmt(
		"%s%s%s", is_combined ? "(combined from similar events): " : "", message, detail);
	size_t len = strlen(whole);

	if (len > MESSAGE_MAX) {
		len = MESSAGE_MAX;
		while (len > 0 && ((unsigned char)whole[len] & 0xc0) == 0x80)
			len--;
	}
	return str_ndup(whole, len);
}

void event_emit_detail(struct pod *p, size_t ctr, bool is_warning, const char *reason,
	const char *message, const char *detail)
{
	struct events *evs = p->d->events;
	CLEANUP(cleanup_free)
	char *field_path = ctr == NO_CTR
				   ? str_dup("")
				   : str_fmt("spec.containers{%s}", p->spec->containers[ctr].name);
	const struct fold_event ev = { p->spec->uid, field_path, reason, message, is_warning };
	struct fold_entry *entry = event_fold(evs->fold, &ev, clock_now().boot_ms);
	CLEANUP(cleanup_free) char *text = NULL;
	CLEANUP(cleanup_json) struct json *event = NULL;
	char now[CLOCK_TEXT_MAX];

	log_info("pod=%s/%s%s%s event %s: %s%s", p->spec->namespace, p->spec->name,
		*field_path ? " " : "", field_path, reason, message, detail);
	if (!entry)
		return;
	event = entry->count > 1 ? stored(p->d, entry) : NULL;
	if (!event) {
		entry->count = 1;
		event = new_event(p, &ev, entry);
	}
	text = shown_message(message, detail, entry->is_combined);
	clock_rfc3339(clock_now().wall_ms, now);
	json_set_str(event, "message", text);
	json_set_str(event, "lastTimestamp", now);
	json_set_i64(event, "count", entry->count);
	keep(evs, entry, event);
	drop_expired(evs);
}

void event_emit(struct pod *p, size_t ctr, bool is_warning, const char *reason, const char *message)
{
	event_emit_detail(p, ctr, is_warning, reason, message, "");
}

/* ---- clients' own ---- */

int event_keep(struct daemon *d, const struct json *event, struct err *e)
{
	const struct json *metadata = json_get(event, "metadata");
	const char *ns = json_get_str(metadata, "namespace");
	const char *name = json_get_str(metadata, "name");
	struct fold_entry *entry = event_fold_find(d->events->fold, ns, name);
	int64_t now = clock_now().boot_ms;

	if (!ns || !name)
		return err_say(e, EINVAL, "the event has no name");
	if (!entry)
		entry = event_fold_restore(d->events->fold, 0, ns, name, 1, now);
	event_fold_touch(d->events->fold, entry, now);
	keep(d->events, entry, event);
	drop_expired(d->events);
	return 0;
}

int event_forget(struct daemon *d, const char *ns, const char *name, struct err *e)
{
	struct fold_entry *entry = event_fold_find(d->events->fold, ns, name);

	if (!entry)
		return err_say(e, ENOENT, "events \"%s\" not found", name);
	drop(d->events, entry);
	return 0;
}

/* ---- life cycle ---- */

static void restore(void *arg, const struct event_line *l)
{
	struct events *evs = arg;
	const struct json *metadata = json_get(l->event, "metadata");
	const char *ns = json_get_str(metadata, "namespace");
	const char *name = json_get_str(metadata, "name");
	int64_t count = 1;

	if (!ns || !name)
		return;
	(void)json_i64(json_get(l->event, "count"), 1, INT32_MAX, &count);
	(void)event_fold_restore(evs->fold, l->key, ns, name, count, l->last_boot_ms);
	objects_put(evs->d, OBJECT_EVENT, l->event);
}

int events_open(struct daemon *d, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/events", d->engine.layout.run);
	struct events *evs = mem_zalloc(sizeof(*evs));
	int rc;

	*evs = (struct events){ .d = d, .fold = event_fold_new(), .file = { .fd = -1 } };
	d->events = evs;
	rc = event_file_replay(path, restore, evs, e);
	if (rc == 0)
		rc = rewrite(evs, e);
	if (rc == -ENOSPC || rc == -EDQUOT) {
		log_warn("events are in memory only: %s", e->text);
		rc = 0;
	}
	if (rc == 0)
		loop_timer_start(d->engine.loop, &evs->sweep, SWEEP_MS, on_sweep, evs);
	return rc;
}

void events_close(struct daemon *d)
{
	if (!d->events)
		return;
	loop_timer_stop(&d->events->sweep);
	event_file_close(&d->events->file);
	event_fold_free(d->events->fold);
	free(d->events);
	d->events = NULL;
}
