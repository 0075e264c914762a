/* Images: records are read here, everything that touches an image's bytes is carpel-image's. */

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "engine/image_job.h"
#include "image/record.h"

int image_find(const struct daemon *d, const char *ref, struct image_record *out, struct err *e)
{
	return image_record_find(d->engine.layout.images, ref, out, e);
}

static void answer_list(struct daemon *d, struct api_call *c)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	struct json *answer, *items;
	struct err e = { 0 };
	int rc = image_record_list(d->engine.layout.images, &list, &e);

	if (rc < 0) {
		api_call_fail(c, rc, &e);
		return;
	}
	answer = json_new_object();
	items = json_new_array();
	for (size_t i = 0; i < list.len; i++)
		json_push(items, image_record_json(&list.at[i]));
	json_set_str(answer, "kind", "ImageList");
	json_set_str(answer, "apiVersion", "carpel/v1");
	json_set(answer, "items", items);
	api_call_reply(c, 200, answer);
}

/* A carpel-image at work for a client. */
static void on_done(void *arg, int rc, const struct buf *out, const struct err *e)
{
	struct api_call *c = arg;
	struct json *answer = NULL;

	if (rc < 0)
		api_call_fail(c, rc, e);
	else if (json_parse(out->data ? out->data : "", out->len, NULL, &answer, NULL) == 0)
		api_call_reply(c, 200, answer);
	else
		api_call_reply(c, 200, json_new_object());
}

/* words: what follows --store DIR; NULL-closed. */
static void run_job(struct daemon *d, struct api_call *c, const char *const *words)
{
	struct err e = { 0 };
	int rc = image_job_start(&d->engine, words, on_done, c, &e);

	if (rc < 0)
		api_call_fail(c, rc, &e);
}

static void import(struct daemon *d, struct api_call *c)
{
	const struct json *body = api_call_body(c);
	const char *name = json_get_str(body, "name"), *path = json_get_str(body, "path");
	const char *words[] = { "import", name, path, NULL };
	struct err e = { 0 };

	if (!name || !*name)
		api_call_fail(c, err_say(&e, EINVAL, "name: Required value"), &e);
	else if (!path || path[0] != '/')
		api_call_fail(c, err_say(&e, EINVAL, "path: Required value: an absolute path"), &e);
	else
		run_job(d, c, words);
}

/* A pod that is here may start containers of its image again. */
static bool is_in_use(const struct daemon *d, const struct image_record *r)
{
	for (const struct pod *p = d->pods; p; p = p->next) {
		for (size_t i = 0; i < p->spec->containers_len; i++) {
			CLEANUP(image_record_free) struct image_record used = { 0 };

			if (!pod_is_over(p) &&
				image_find(d, p->spec->containers[i].image, &used, NULL) == 0 &&
				str_eq(used.ref, r->ref))
				return true;
		}
	}
	return false;
}

static void remove_image(struct daemon *d, struct api_call *c, const char *name)
{
	const char *words[] = { "rm", name, NULL };
	CLEANUP(image_record_free) struct image_record r = { 0 };
	struct err e = { 0 };
	int rc = image_find(d, name, &r, &e);

	if (rc == 0 && is_in_use(d, &r))
		rc = err_say(&e, EBUSY, "image \"%s\" is used by a pod", name);
	if (rc < 0)
		api_call_fail(c, rc, &e);
	else
		run_job(d, c, words);
}

void image_call(struct daemon *d, struct api_call *c, const char *name)
{
	const char *method = api_call_method(c);
	struct err e = { 0 };

	if (!name && str_eq(method, "GET"))
		answer_list(d, c);
	else if (!name && str_eq(method, "POST"))
		import(d, c);
	else if (name && str_eq(method, "DELETE"))
		remove_image(d, c, name);
	else
		api_call_fail(c, err_say(&e, EINVAL, "%s is not allowed on images", method), &e);
}
