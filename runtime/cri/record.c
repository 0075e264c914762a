/* Sandboxes and containers on disk, RUN/cri/sandboxes/<id> and RUN/cri/containers/<id>: what the
 * client gave, as bytes of its message, and what became of it.  Replaced as a whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "cri/state.h"
#include "engine/ctr_record.h"
#include "pod/record.h"
#include "sys/systemd.h"

/* What a config may take: read back after a restart, it must fit into a record. */
enum { CONFIG_BYTES_MAX = 2 << 20 };

static struct json *packed(const void *message)
{
	const ProtobufCMessage *m = message;
	size_t len = protobuf_c_message_get_packed_size(m);
	CLEANUP(cleanup_free) uint8_t *bytes = mem_resize(NULL, len + 1, 1);
	CLEANUP(buf_free) struct buf text = { 0 };

	(void)protobuf_c_message_pack(m, bytes);
	buf_adds(&text, "");
	base64_write(bytes, len, &text);
	return json_new_string(text.data);
}

static void *unpacked(const struct json *j, const ProtobufCMessageDescriptor *d)
{
	const char *text = json_str(j);
	CLEANUP(buf_free) struct buf bytes = { 0 };
	static const uint8_t none[1];

	if (!text || base64_read(text, strlen(text), &bytes) < 0)
		return NULL;
	return protobuf_c_message_unpack(
		d, NULL, bytes.len, bytes.len ? (const uint8_t *)bytes.data : none);
}

static int64_t number(const struct json *j, const char *key)
{
	int64_t n = 0;

	(void)json_i64(json_get(j, key), INT64_MIN, INT64_MAX, &n);
	return n;
}

int config_check_size(const void *message, struct err *e)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	return len > CONFIG_BYTES_MAX
		       ? err_say(e, E2BIG, "config: %zu bytes, at most %d", len, CONFIG_BYTES_MAX)
		       : 0;
}

bool config_is_same(const void *a, const void *b)
{
	size_t len = protobuf_c_message_get_packed_size(a);
	CLEANUP(cleanup_free) uint8_t *x = mem_resize(NULL, len + 1, 1);
	CLEANUP(cleanup_free) uint8_t *y = NULL;

	if (protobuf_c_message_get_packed_size(b) != len)
		return false;
	y = mem_resize(NULL, len + 1, 1);
	(void)protobuf_c_message_pack(a, x);
	(void)protobuf_c_message_pack(b, y);
	return memcmp(x, y, len) == 0;
}

/* ---- sandboxes ---- */

int sandbox_record(struct cri_sandbox *s, struct err *e)
{
	CLEANUP(cleanup_json) struct json *body = json_new_object();

	json_set(body, "config", packed(s->config));
	json_set_i64(body, "state", s->state);
	json_set_i64(body, "createdNs", s->created_ns);
	json_set_bool(body, "isRemoving", s->is_removing);
	json_set_bool(body, "isUndone", s->is_undone);
	return record_write(s->cri->sandboxes_dir, s->id, body, &s->record_sum, e);
}

void sandbox_forget(struct cri_sandbox *s)
{
	struct err e = { 0 };

	if (record_remove(s->cri->sandboxes_dir, s->id, &e) < 0)
		log_warn("sandbox=%s %s", s->id, e.text);
}

static int bad_parent(const char *parent, const char *why, struct err *e)
{
	return err_say(e, EINVAL, "config.linux.cgroup_parent: \"%s\": %s", parent, why);
}

/* A slice's name, alone or behind its whole path, as the kubelet gives it.  The name counts; a path
 * that is another one was meant for another place. */
static int slice_parent(const char *parent, char **out, struct err *e)
{
	const char *name = systemd_unit_of(parent);
	CLEANUP(cleanup_free) char *path = NULL;
	int rc;

	if (!str_ends(name, ".slice"))
		return bad_parent(
			parent, "with the cgroup driver systemd it must be a slice, ….slice", e);
	if ((rc = systemd_check_slice(name, e)) < 0)
		return err_wrap(e, rc, "config.linux.cgroup_parent");
	path = systemd_slice_path(name);
	if (name != parent && name != parent + 1 && !str_eq(parent, path))
		return bad_parent(parent, "it is not where the slice of that name is", e);
	*out = TAKE(path);
	return 0;
}

/* The parent of its cgroup, in the form of our driver; none is the instance's own level. */
static int parent_of(const struct cri_sandbox *s, char **out, struct err *e)
{
	const struct layout *l = &s->cri->engine->layout;
	const char *parent = s->spec->cgroup_parent;

	if (!parent)
		*out = layout_level_cgroup(l, LAYOUT_CRI_LEVEL);
	else if (l->by_systemd)
		return slice_parent(parent, out, e);
	else if (str_ends(parent, ".slice"))
		return bad_parent(parent,
			"a slice takes the cgroup driver systemd, and here it is cgroupfs", e);
	else
		*out = str_dup(parent);
	return 0;
}

int sandbox_read_config(struct cri_sandbox *s, struct err *e)
{
	const Runtime__V1__PodSandboxMetadata *m = s->config->metadata;
	const struct layout *l = &s->cri->engine->layout;
	CLEANUP(cleanup_free) char *parent = NULL;
	int rc = cri_read_sandbox(s->config, "", &s->spec, e);

	if (rc < 0 || (rc = parent_of(s, &parent, e)) < 0)
		return rc;
	s->key = sandbox_key(m);
	s->facts.pod_ip = s->spec->host_network ? s->facts.host_ip : NULL;
	sandbox_open(&s->box, s->cri->engine, &cri_sandbox_owner,
		str_fmt("%s/%s", m->namespace_, m->name),
		(struct place){ str_fmt("%s/sandboxes/%s", l->lib, s->id),
			layout_sandbox_cgroup(l, parent, "", s->id) });
	return 0;
}

static int load_sandbox(struct cri_sandbox *s, const struct json *body, struct err *e)
{
	int64_t state = number(body, "state");
	int rc;

	s->config =
		unpacked(json_get(body, "config"), &runtime__v1__pod_sandbox_config__descriptor);
	if (!s->config || !s->config->metadata || state < SANDBOX_MAKING || state >= SANDBOX_STATES)
		return err_say(e, EBADMSG, "the config or state is none");
	if ((rc = sandbox_read_config(s, e)) < 0)
		return rc;
	s->state = (enum sandbox_state)state;
	s->created_ns = number(body, "createdNs");
	s->is_removing = json_is_true(json_get(body, "isRemoving"));
	s->is_undone = json_is_true(json_get(body, "isUndone"));
	s->is_adopted = true;
	return 0;
}

/* ---- containers ---- */

/* The engine's part, and what only we keep. */
static void add_instance(struct json *body, const struct ctr *c)
{
	ctr_to_json(c, body);
	json_set_bool(body, "isMade", c->is_made);
	/* Whole, since its name may be gone from the store while the container lives. */
	if (c->image.ref)
		json_set(body, "image", image_record_json(&c->image));
}

static void read_instance(const struct json *body, struct cri_container *c)
{
	ctr_from_json(&c->ctr, body);
	c->ctr.is_made = json_is_true(json_get(body, "isMade"));
	if (json_get(body, "image"))
		(void)image_record_parse(c->cri->engine->layout.images, json_get(body, "image"),
			&c->ctr.image, NULL);
}

static struct json *groups_json(const struct cri_container *c)
{
	struct json *list = json_new_array();

	for (int i = 0; i < c->groups_len; i++)
		json_push(list, json_new_i64(c->groups[i]));
	return list;
}

void container_read_groups(struct cri_container *c, const struct json *list)
{
	if (!list)
		return;
	free(c->groups);
	c->groups_len = (int)json_len(list);
	c->groups = mem_zalloc((size_t)c->groups_len * sizeof(*c->groups) + 1);
	for (int i = 0; i < c->groups_len; i++)
		(void)json_i64(json_at(list, (size_t)i), 0, UINT32_MAX, &c->groups[i]);
}

int container_record(struct cri_container *c, struct err *e)
{
	CLEANUP(cleanup_json) struct json *body = json_new_object();

	json_set_str(body, "sandbox", c->sandbox->id);
	json_set(body, "config", packed(c->config));
	if (c->resources)
		json_set(body, "resources", packed(c->resources));
	json_set_i64(body, "state", c->state);
	json_set_i64(body, "createdNs", c->created_ns);
	json_set_i64(body, "startedNs", c->started_ns);
	json_set_i64(body, "finishedNs", c->finished_ns);
	json_set_i64(body, "exitCode", c->exit_code);
	json_set_str(body, "reason", c->reason);
	json_set_str(body, "message", c->message);
	json_set_bool(body, "isAnswered", c->is_answered);
	json_set_bool(body, "isRemoving", c->is_removing);
	if (c->groups_len >= 0) {
		json_set_i64(body, "uid", c->uid);
		json_set_i64(body, "gid", c->gid);
		json_set(body, "groups", groups_json(c));
	}
	add_instance(body, &c->ctr);
	return record_write(c->cri->containers_dir, c->ctr.id, body, &c->record_sum, e);
}

void container_forget(struct cri_container *c)
{
	struct err e = { 0 };

	if (record_remove(c->cri->containers_dir, c->ctr.id, &e) < 0)
		log_warn("container=%s %s", c->ctr.id, e.text);
}

int container_read_config(struct cri_container *c, struct err *e)
{
	const char *dir = c->sandbox->spec->log_directory; /* the log's path begins with it */
	int rc = cri_read_container(c->config, c->sandbox->config, &c->spec, e);

	if (rc < 0)
		return rc;
	c->key = container_key(c->config->metadata, c->sandbox->config->metadata);
	c->ctr.spec = c->spec;
	/* Beside "etc" and others, none of which is an id. */
	c->ctr.dir = str_fmt("%s/%s", c->sandbox->box.at.dir, c->ctr.id);
	c->ctr.log_file = str_dup(c->spec->log_path);
	c->ctr.log_dir_len = dir && !str_eq(dir, "/") ? strlen(dir) : 0;
	return 0;
}

static int load_container(struct cri_container *c, const struct json *body, struct err *e)
{
	const struct json *resources = json_get(body, "resources");
	int64_t state = number(body, "state");
	int rc;

	c->config = unpacked(json_get(body, "config"), &runtime__v1__container_config__descriptor);
	if (!c->config || !c->config->metadata || state < CONTAINER_IS_CREATED ||
		state >= CONTAINER_STATES)
		return err_say(e, EBADMSG, "the config or state is none");
	if ((rc = container_read_config(c, e)) < 0)
		return rc;
	if (resources)
		c->resources =
			unpacked(resources, &runtime__v1__linux_container_resources__descriptor);
	if (c->resources && (rc = container_apply_resources(c, e)) < 0)
		return rc;
	c->state = (enum container_state)state;
	c->created_ns = number(body, "createdNs");
	c->started_ns = number(body, "startedNs");
	c->finished_ns = number(body, "finishedNs");
	c->exit_code = (int32_t)number(body, "exitCode");
	c->reason = str_dup(json_get_str(body, "reason"));
	c->message = str_dup(json_get_str(body, "message"));
	c->is_answered = json_is_true(json_get(body, "isAnswered"));
	c->is_removing = json_is_true(json_get(body, "isRemoving"));
	c->uid = number(body, "uid");
	c->gid = number(body, "gid");
	container_read_groups(c, json_get(body, "groups"));
	read_instance(body, c);
	c->is_adopted = true;
	return 0;
}

/* ---- reading all ---- */

static void set_aside(int dir, const char *id, const struct err *e)
{
	CLEANUP(cleanup_free) char *bad = str_fmt("%s.bad", id);

	/* Kept for whoever looks into it.  What it speaks of is swept away. */
	log_err("%s cannot be taken over, its record is kept as %s: %s", id, bad, e->text);
	(void)renameat(dir, id, dir, bad);
}

static bool is_id(const char *id)
{
	return strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64;
}

static void on_sandbox(void *arg, const char *id, struct json *body, uint64_t sum)
{
	CLEANUP(cleanup_json) struct json *owned = body;
	struct cri *c = arg;
	struct err e = { .text = "its name is no id" };
	struct cri_sandbox *s = is_id(id) ? sandbox_new(c, id) : NULL;

	if (s && load_sandbox(s, owned, &e) == 0) {
		s->record_sum = sum;
		sandbox_link(s);
		return;
	}
	if (s)
		sandbox_free(s);
	set_aside(c->sandboxes_dir, id, &e);
}

static void on_container(void *arg, const char *id, struct json *body, uint64_t sum)
{
	CLEANUP(cleanup_json) struct json *owned = body;
	struct cri *cri = arg;
	struct cri_sandbox *s = NULL;
	struct cri_container *c;
	const char *of = json_get_str(owned, "sandbox");
	struct err e = { .text = "its name is no id" };

	if (!is_id(id)) {
		set_aside(cri->containers_dir, id, &e);
		return;
	}
	/* A sandbox goes after its containers, so this one was being removed with it. */
	if (!of || !*of || sandbox_find(cri, of, &s, &e) < 0) {
		(void)record_remove(cri->containers_dir, id, NULL);
		return;
	}
	c = container_new(s, id);
	if (load_container(c, owned, &e) == 0) {
		c->record_sum = sum;
		container_link(c);
		return;
	}
	container_free(c);
	set_aside(cri->containers_dir, id, &e);
}

/* Nothing outlives a reboot but these files. */
static void on_stale_sandbox(void *arg, const char *id)
{
	struct cri *c = arg;

	(void)record_remove(c->sandboxes_dir, id, NULL);
}

static void on_stale_container(void *arg, const char *id)
{
	struct cri *c = arg;

	(void)record_remove(c->containers_dir, id, NULL);
}

int records_load(struct cri *c, struct err *e)
{
	const struct record_reader sandboxes = { on_sandbox, on_stale_sandbox, c };
	const struct record_reader containers = { on_container, on_stale_container, c };
	int rc = records_read(c->sandboxes_dir, &sandboxes, e);

	return rc < 0 ? rc : records_read(c->containers_dir, &containers, e);
}
