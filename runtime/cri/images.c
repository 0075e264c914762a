/* ImageService on the local store.  CRI counts images by their id, the store has one record a name:
 * an image here is all records of one id.  Pulling comes with the registries.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cri/state.h"
#include "engine/image_job.h"
#include "image/name.h"
#include "spec/message_json.h"

static const char *store_of(const struct cri *c)
{
	return c->engine->layout.images;
}

/* ---- what is asked for ---- */

/* "abc123…" without its algorithm, or the beginning of it: what crictl shows. */
static const char *digits_of(const char *ref)
{
	const char *digits = str_starts(ref, "sha256:") ? ref + strlen("sha256:") : ref;

	return *digits && !digits[strspn(digits, "0123456789abcdef")] ? digits : NULL;
}

static int find_by_hex(const struct image_list *list, const char *hex,
	const struct image_record **out, struct err *e)
{
	const char *digits = digits_of(hex);
	const struct image_record *found = NULL;

	if (!digits)
		return err_say(e, ENOENT, "image \"%.200s\" not found", hex);
	for (size_t i = 0; i < list->len; i++) {
		const struct image_record *r = &list->at[i];

		if (!str_starts(r->id + strlen("sha256:"), digits))
			continue;
		if (found && !str_eq(found->id, r->id))
			return err_say(e, EINVAL,
				"image id \"%.80s\" is the beginning of several ids", hex);
		found = r;
	}
	if (!found)
		return err_say(e, ENOENT, "image \"%.200s\" not found", hex);
	*out = found;
	return 0;
}

int cri_image_find(const struct cri *c, const char *ref, struct image_record *out, struct err *e)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	const struct image_record *found = NULL;
	int rc = image_record_find(store_of(c), ref, out, e);

	if (rc == 0 || !digits_of(ref))
		return rc;
	if ((rc = image_record_list(store_of(c), &list, e)) < 0 ||
		(rc = find_by_hex(&list, ref, &found, e)) < 0)
		return rc;
	return image_record_find(store_of(c), found->id, out, e);
}

/* The id of the image that is meant: by name, digest, id, or the beginning of an id. */
static int find_id(const struct cri *c, const struct image_list *list, const char *ref,
	const char **out, struct err *e)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	const struct image_record *by_hex = NULL;
	int rc;

	if (!*ref)
		return err_say(e, EINVAL, "image.image: Required value");
	if (image_record_find(store_of(c), ref, &r, NULL) == 0) {
		for (size_t i = 0; i < list->len; i++)
			if (str_eq(list->at[i].id, r.id)) {
				*out = list->at[i].id;
				return 0;
			}
		return err_say(e, ENOENT, "image \"%.200s\" not found", ref);
	}
	rc = find_by_hex(list, ref, &by_hex, e);
	if (rc < 0 || !by_hex)
		return rc;
	*out = by_hex->id;
	return 0;
}

/* ---- messages ---- */

static void add_digest(Runtime__V1__Image *m, const struct image_record *r)
{
	CLEANUP(cleanup_free) char *name = str_ndup(r->ref, strcspn(r->ref, "@"));
	const char *slash = strrchr(name, '/');
	char *colon = strrchr(name, ':');
	CLEANUP(cleanup_free) char *digest = NULL;

	if (!r->digest)
		return;
	if (colon && (!slash || colon > slash))
		*colon = '\0'; /* the tag */
	digest = str_fmt("%s@%s", name, r->digest);
	for (size_t i = 0; i < m->n_repo_digests; i++)
		if (str_eq(m->repo_digests[i], digest))
			return;
	message_add_string(&m->repo_digests, &m->n_repo_digests, digest);
}

/* "uid[:group]" or "name[:group]" of the image's configuration. */
static void add_user(Runtime__V1__Image *m, const char *user)
{
	CLEANUP(cleanup_free) char *name = user ? str_ndup(user, strcspn(user, ":")) : NULL;
	int64_t uid;

	if (!name || !*name)
		return;
	if (str_to_i64(name, 0, UINT32_MAX, &uid) < 0) {
		message_set_string(&m->username, name);
		return;
	}
	m->uid = message_new(&runtime__v1__int64_value__descriptor);
	m->uid->value = uid;
}

/* All names of one id. */
static Runtime__V1__Image *image_of(const struct image_list *list, const char *id)
{
	Runtime__V1__Image *m = message_new(&runtime__v1__image__descriptor);

	message_set_string(&m->id, id);
	for (size_t i = 0; i < list->len; i++) {
		const struct image_record *r = &list->at[i];

		if (!str_eq(r->id, id))
			continue;
		if (!image_name_digest(r->ref))
			message_add_string(&m->repo_tags, &m->n_repo_tags, r->ref);
		add_digest(m, r);
		if (m->spec)
			continue;
		m->size = r->size_bytes > 0 ? (uint64_t)r->size_bytes : 1;
		add_user(m, r->user);
		m->spec = message_new(&runtime__v1__image_spec__descriptor);
		message_set_string(&m->spec->image, id);
	}
	return m;
}

struct images {
	Runtime__V1__Image **at;
	size_t len;
};

static void images_free(struct images *l)
{
	for (size_t i = 0; i < l->len; i++)
		message_free(l->at[i]);
	free(l->at);
}

static bool has_id(const struct images *l, const char *id)
{
	for (size_t i = 0; i < l->len; i++)
		if (str_eq(l->at[i]->id, id))
			return true;
	return false;
}

/* wanted: NULL or "" for all; one that is not there selects none. */
static int list_images(const struct cri *c, const char *wanted, struct images *out, struct err *e)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	const char *id = NULL;
	int rc = image_record_list(store_of(c), &list, e);

	if (rc < 0)
		return rc;
	if (wanted && *wanted && find_id(c, &list, wanted, &id, e) < 0)
		return e->code == ENOENT ? 0 : -e->code;
	out->at = mem_resize(NULL, list.len + 1, sizeof(*out->at));
	for (size_t i = 0; i < list.len; i++)
		if ((!id || str_eq(id, list.at[i].id)) && !has_id(out, list.at[i].id))
			out->at[out->len++] = image_of(&list, list.at[i].id);
	return 0;
}

static const char *wanted_of(const Runtime__V1__ImageFilter *f)
{
	return f && f->image ? f->image->image : NULL;
}

/* ---- the calls ---- */

void rpc_list_images(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ListImagesRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ListImagesResponse answer = RUNTIME__V1__LIST_IMAGES_RESPONSE__INIT;
	CLEANUP(images_free) struct images list = { 0 };
	struct err e = { 0 };
	int rc = list_images(ctx, wanted_of(q->filter), &list, &e);

	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	answer.n_images = list.len;
	answer.images = list.at;
	grpc_reply(call, &answer.base);
}

void rpc_stream_images(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__StreamImagesRequest *q = (const void *)grpc_request(call);
	CLEANUP(images_free) struct images list = { 0 };
	struct err e = { 0 };
	int rc = list_images(ctx, wanted_of(q->filter), &list, &e);

	for (size_t i = 0; rc == 0 && i < list.len; i++) {
		Runtime__V1__StreamImagesResponse part = RUNTIME__V1__STREAM_IMAGES_RESPONSE__INIT;

		part.n_images = 1;
		part.images = list.at + i;
		rc = grpc_send(call, &part.base);
		if (rc < 0)
			(void)err_say(&e, E2BIG, "the list is too large for this client");
	}
	if (rc < 0)
		grpc_fail_err(call, rc, &e);
	else
		grpc_finish(call, GRPC_OK, NULL);
}

static char *image_info(const struct image_list *list, const char *id)
{
	struct json *names = json_new_array();
	CLEANUP(cleanup_json) struct json *info = json_new_object();
	struct buf text = { 0 };

	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->at[i].id, id))
			json_push(names, image_record_json(&list->at[i]));
	json_set(info, "records", names);
	json_write(info, JSON_COMPACT, &text);
	return buf_take(&text);
}

void rpc_image_status(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__ImageStatusRequest *q = (const void *)grpc_request(call);
	Runtime__V1__ImageStatusResponse answer = RUNTIME__V1__IMAGE_STATUS_RESPONSE__INIT;
	Runtime__V1__ImageStatusResponse__InfoEntry entry =
		RUNTIME__V1__IMAGE_STATUS_RESPONSE__INFO_ENTRY__INIT;
	Runtime__V1__ImageStatusResponse__InfoEntry *entries[] = { &entry };
	CLEANUP(image_list_free) struct image_list list = { 0 };
	CLEANUP(cleanup_free) char *info = NULL;
	const char *id = NULL;
	char key[] = "info";
	struct err e = { 0 };
	int rc = image_record_list(store_of(ctx), &list, &e);

	if (rc == 0)
		rc = find_id(ctx, &list, q->image ? q->image->image : "", &id, &e);
	if (rc < 0 && rc != -ENOENT) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	if (id) {
		answer.image = image_of(&list, id);
		if (q->verbose) {
			entry.key = key;
			info = image_info(&list, id);
			entry.value = info;
			answer.n_info = 1;
			answer.info = entries;
		}
	}
	grpc_reply(call, &answer.base);
	message_free(answer.image);
}

/* ---- RemoveImage ---- */

/* Its names go one after the other; the image with the last. */
struct removal {
	struct cri *c;
	struct grpc_call *call;
	char *id;
};

static void remove_next(struct removal *r);

static void removal_end(struct removal *r, int rc, const struct err *e)
{
	const Runtime__V1__RemoveImageResponse removed = RUNTIME__V1__REMOVE_IMAGE_RESPONSE__INIT;

	if (rc < 0)
		grpc_fail_err(r->call, rc, e);
	else
		grpc_reply(r->call, &removed.base);
	free(r->id);
	free(r);
}

/* Whoever removed it before us did what we wanted. */
static void on_removed(void *arg, int rc, const struct buf *out, const struct err *e)
{
	struct removal *r = arg;

	(void)out;
	if (rc < 0 && rc != -ENOENT)
		removal_end(r, rc, e);
	else
		remove_next(r);
}

static void remove_next(struct removal *r)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	struct err e = { 0 };
	int rc = image_record_list(store_of(r->c), &list, &e);

	for (size_t i = 0; rc == 0 && i < list.len; i++) {
		const char *words[] = { "rm", list.at[i].ref, NULL };

		if (!str_eq(list.at[i].id, r->id))
			continue;
		rc = image_job_start(r->c->engine, words, on_removed, r, &e);
		if (rc == 0)
			return;
	}
	removal_end(r, rc, &e);
}

void rpc_remove_image(void *ctx, struct grpc_call *call)
{
	const Runtime__V1__RemoveImageRequest *q = (const void *)grpc_request(call);
	const Runtime__V1__RemoveImageResponse nothing = RUNTIME__V1__REMOVE_IMAGE_RESPONSE__INIT;
	CLEANUP(image_list_free) struct image_list list = { 0 };
	struct removal *r;
	const char *id = NULL;
	struct err e = { 0 };
	int rc = image_record_list(store_of(ctx), &list, &e);

	if (rc == 0)
		rc = find_id(ctx, &list, q->image ? q->image->image : "", &id, &e);
	if (rc == -ENOENT) {
		grpc_reply(call, &nothing.base);
		return;
	}
	if (rc < 0) {
		grpc_fail_err(call, rc, &e);
		return;
	}
	r = mem_zalloc(sizeof(*r));
	*r = (struct removal){ .c = ctx, .call = call, .id = str_dup(id) };
	remove_next(r);
}
