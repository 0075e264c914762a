#include "image/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "image/folder.h"
#include "image/name.h"

/* Far more than any image has; overlayfs itself stops at 500 layers. */
enum { LAYERS_MAX = 500, TEXTS_MAX = 4096 };

#define DIGEST_PREFIX "sha256:"
#define FILE_SUFFIX ".json"

void image_record_free(struct image_record *r)
{
	free(r->name);
	free(r->ref);
	free(r->id);
	free(r->digest);
	free(r->user);
	free(r->working_dir);
	free(r->stop_signal);
	strv_free(&r->layers);
	strv_free(&r->env);
	strv_free(&r->entrypoint);
	strv_free(&r->cmd);
	strv_free(&r->volumes);
	*r = (struct image_record){ 0 };
}

void image_list_free(struct image_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		image_record_free(&l->at[i]);
	free(l->at);
	*l = (struct image_list){ 0 };
}

/* A '+' is in no name, so two names never meet in one file. */
char *image_record_file(const char *ref)
{
	char *file = str_fmt("%s" FILE_SUFFIX, ref);

	for (char *slash = file; (slash = strchr(slash, '/'));)
		*slash = '+';
	return file;
}

static struct json *texts_json(const struct strv *v)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < v->len; i++)
		json_push(array, json_new_string(v->at[i]));
	return array;
}

static void set_texts(struct json *object, const char *key, const struct strv *v)
{
	if (v->len)
		json_set(object, key, texts_json(v));
}

static void set_text(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set_str(object, key, text);
}

struct json *image_record_json(const struct image_record *r)
{
	struct json *j = json_new_object(), *layers = json_new_array(), *config = json_new_object();
	char created[CLOCK_TEXT_MAX];

	clock_rfc3339(r->created_wall_ms, created);
	json_set_str(j, "name", r->name);
	json_set_str(j, "ref", r->ref);
	json_set_str(j, "id", r->id);
	set_text(j, "digest", r->digest);
	for (size_t i = 0; i < r->layers.len; i++) {
		CLEANUP(cleanup_free)
		char *id = str_fmt(DIGEST_PREFIX "%s", strrchr(r->layers.at[i], '/') + 1);

		json_push(layers, json_new_string(id));
	}
	json_set(j, "layers", layers);
	set_text(config, "User", r->user);
	set_texts(config, "Env", &r->env);
	set_texts(config, "Entrypoint", &r->entrypoint);
	set_texts(config, "Cmd", &r->cmd);
	set_text(config, "WorkingDir", r->working_dir);
	set_text(config, "StopSignal", r->stop_signal);
	set_texts(config, "Volumes", &r->volumes);
	json_set(j, "config", config);
	json_set_i64(j, "sizeBytes", r->size_bytes);
	json_set_str(j, "createdAt", created);
	return j;
}

/* Missing is fine; another type is not. */
static int take_text(const struct json *object, const char *key, char **out, struct err *e)
{
	const struct json *value = json_get(object, key);

	if (!value)
		return 0;
	if (json_type(value) != JSON_STRING || strlen(json_str(value)) != json_str_len(value))
		return err_say(e, EINVAL, "%s is not a text", key);
	*out = str_dup(json_str(value));
	return 0;
}

static int need_text(const struct json *object, const char *key, char **out, struct err *e)
{
	int rc = take_text(object, key, out, e);

	return rc == 0 && !*out ? err_say(e, EINVAL, "%s is missing", key) : rc;
}

static int take_texts(const struct json *object, const char *key, struct strv *out, struct err *e)
{
	const struct json *array = json_get(object, key);

	if (!array)
		return 0;
	if (json_type(array) != JSON_ARRAY || json_len(array) > TEXTS_MAX)
		return err_say(e, EINVAL, "%s is not a list of texts", key);
	for (size_t i = 0; i < json_len(array); i++) {
		const struct json *value = json_at(array, i);

		if (json_type(value) != JSON_STRING ||
			strlen(json_str(value)) != json_str_len(value))
			return err_say(e, EINVAL, "%s[%zu] is not a text", key, i);
		strv_add(out, json_str(value));
	}
	return 0;
}

/* A layer is named by its digest and nothing else, so that no record can make us mount another
 * directory. */
static int take_layers(const char *store, const struct json *j, struct strv *out, struct err *e)
{
	const struct json *array = json_get(j, "layers");
	size_t len = json_len(array);

	if (json_type(array) != JSON_ARRAY || len == 0 || len > LAYERS_MAX)
		return err_say(e, EINVAL, "layers is not a list of 1 to %d digests", LAYERS_MAX);
	for (size_t i = 0; i < len; i++) {
		const char *id = json_str(json_at(array, i));
		CLEANUP(cleanup_free) char *path = NULL;

		if (!id || !image_is_digest(id))
			return err_say(e, EINVAL, "layers[%zu] is not a digest", i);
		path = str_fmt("%s/layers/%s", store, id + strlen(DIGEST_PREFIX));
		strv_add(out, path);
	}
	return 0;
}

static int take_config(const struct json *j, struct image_record *r, struct err *e)
{
	const struct json *config = json_get(j, "config");
	int rc;

	if (config && json_type(config) != JSON_OBJECT)
		return err_say(e, EINVAL, "config is not an object");
	if ((rc = take_text(config, "User", &r->user, e)) < 0 ||
		(rc = take_text(config, "WorkingDir", &r->working_dir, e)) < 0 ||
		(rc = take_text(config, "StopSignal", &r->stop_signal, e)) < 0 ||
		(rc = take_texts(config, "Env", &r->env, e)) < 0 ||
		(rc = take_texts(config, "Entrypoint", &r->entrypoint, e)) < 0 ||
		(rc = take_texts(config, "Cmd", &r->cmd, e)) < 0)
		return rc;
	return take_texts(config, "Volumes", &r->volumes, e);
}

static int take_names(const struct json *j, struct image_record *r, struct err *e)
{
	CLEANUP(cleanup_free) char *ref = NULL;
	int rc;

	if ((rc = need_text(j, "name", &r->name, e)) < 0 ||
		(rc = need_text(j, "ref", &r->ref, e)) < 0 ||
		(rc = need_text(j, "id", &r->id, e)) < 0 ||
		(rc = take_text(j, "digest", &r->digest, e)) < 0 ||
		(rc = image_name_normalise(r->name, &ref, e)) < 0)
		return rc;
	if (!str_eq(ref, r->ref))
		return err_say(e, EINVAL, "name and ref are not the same image");
	if (!image_is_digest(r->id) || (r->digest && !image_is_digest(r->digest)))
		return err_say(e, EINVAL, "id or digest is not a digest");
	return 0;
}

int image_record_parse(
	const char *store, const struct json *j, struct image_record *out, struct err *e)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(cleanup_free) char *created = NULL;
	int64_t created_ns = 0;
	int rc;

	if (json_type(j) != JSON_OBJECT)
		return err_say(e, EINVAL, "not an object");
	if ((rc = take_names(j, &r, e)) < 0 || (rc = take_layers(store, j, &r.layers, e)) < 0 ||
		(rc = take_config(j, &r, e)) < 0 ||
		(rc = need_text(j, "createdAt", &created, e)) < 0)
		return rc;
	if (clock_parse_rfc3339(created, &created_ns) < 0)
		return err_say(e, EINVAL, "createdAt is not a time");
	if (json_i64(json_get(j, "sizeBytes"), 0, INT64_MAX, &r.size_bytes) < 0)
		return err_say(e, EINVAL, "sizeBytes is not a size");
	r.created_wall_ms = created_ns / 1000000;
	*out = r;
	r = (struct image_record){ 0 };
	return 0;
}

static int read_record(
	const char *store, int dir, const char *file, struct image_record *out, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *j = NULL;
	const struct json_options options = { .max_bytes = IMAGE_RECORD_MAX_BYTES };
	int rc = fd_read_file(dir, file, IMAGE_RECORD_MAX_BYTES, &text, e);

	if (rc == 0)
		rc = json_parse(text.data ? text.data : "", text.len, &options, &j, e);
	if (rc == 0)
		rc = image_record_parse(store, j, out, e);
	return rc < 0 ? err_wrap(e, rc, "image record %s/images/%s", store, file) : 0;
}

static int open_records(const char *store, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/images", store);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_set(e, errno, "open %s", path) : fd;
}

static int by_ref(const void *a, const void *b)
{
	const struct image_record *x = a, *y = b;

	return strcmp(x->ref, y->ref);
}

static int read_all(const char *store, int dir, struct image_list *out, struct err *e)
{
	CLEANUP(strv_free) struct strv files = { 0 };
	int rc = folder_names(dir, ".", FOLDER_NAMES_MAX, &files, e);

	for (size_t i = 0; rc == 0 && i < files.len; i++) {
		if (files.at[i][0] == '.' || !str_ends(files.at[i], FILE_SUFFIX))
			continue; /* one that is being written */
		out->at = mem_resize(out->at, out->len + 1, sizeof(*out->at));
		out->at[out->len] = (struct image_record){ 0 };
		rc = read_record(store, dir, files.at[i], &out->at[out->len], e);
		if (rc == 0)
			out->len++;
		else if (rc == -ENOENT)
			rc = 0; /* removed since we saw its name */
	}
	if (out->len)
		qsort(out->at, out->len, sizeof(*out->at), by_ref);
	return rc;
}

int image_record_list(const char *store, struct image_list *out, struct err *e)
{
	CLEANUP(cleanup_fd) int dir = open_records(store, e);
	struct image_list list = { 0 };
	int rc = dir < 0 && dir != -ENOENT ? dir : 0;

	if (dir >= 0)
		rc = read_all(store, dir, &list, e);
	if (rc < 0) {
		image_list_free(&list);
		return rc;
	}
	*out = list;
	return 0;
}

static int not_found(const char *store, const char *ref, struct err *e)
{
	return err_say(e, ENOENT, "image %s is not in %s", ref, store);
}

/* NAME@DIGEST: the manifest must have that digest and the image that name, whatever its tag. */
static bool is_same_repository(const struct image_record *r, const char *ref, const char *at)
{
	size_t len = (size_t)(at - ref);

	return strncmp(r->ref, ref, len) == 0 && r->ref[len] == ':' && !strchr(r->ref + len, '/');
}

static bool matches(const struct image_record *r, const char *ref, const char *at)
{
	return at ? str_eq(r->digest, at + 1) && is_same_repository(r, ref, at)
		  : str_eq(r->id, ref);
}

static int find_by_digest(
	const char *store, const char *ref, struct image_record *out, struct err *e)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	const char *at = image_name_digest(ref);
	int rc = image_record_list(store, &list, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < list.len; i++)
		if (matches(&list.at[i], ref, at)) {
			*out = list.at[i];
			list.at[i] = (struct image_record){ 0 };
			return 0;
		}
	return not_found(store, ref, e);
}

int image_record_find(const char *store, const char *ref, struct image_record *out, struct err *e)
{
	CLEANUP(cleanup_free) char *whole = NULL;
	CLEANUP(cleanup_free) char *file = NULL;
	CLEANUP(cleanup_fd) int dir = -1;
	int rc;

	if (image_is_digest(ref))
		return find_by_digest(store, ref, out, e);
	if ((rc = image_name_normalise(ref, &whole, e)) < 0)
		return rc;
	if (image_name_digest(whole))
		return find_by_digest(store, whole, out, e);
	dir = open_records(store, e);
	if (dir == -ENOENT)
		return not_found(store, ref, e);
	if (dir < 0)
		return dir;
	file = image_record_file(whole);
	rc = read_record(store, dir, file, out, e);
	return rc == -ENOENT ? not_found(store, ref, e) : rc;
}
