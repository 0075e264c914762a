#include "cli/cri_image.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cri_select.h"
#include "cli/cri_text.h"

/* ---- names ---- */

static const char *first(const struct json *image, const char *list)
{
	return json_str(json_at(json_get(image, list), 0));
}

char *cri_image_repo(const struct json *image)
{
	const char *digest = first(image, "repoDigests");

	return digest ? str_ndup(digest, strcspn(digest, "@")) : str_dup("<none>");
}

char *cri_image_digest(const struct json *image)
{
	const char *digest = first(image, "repoDigests");
	const char *at = digest ? strchr(digest, '@') : NULL;

	return str_dup(at ? at + 1 : "<none>");
}

static const char *sort_key(const struct json *image)
{
	const char *tag = first(image, "repoTags"), *digest = first(image, "repoDigests");

	return tag ? tag : digest ? digest : cri_str(image, "id");
}

static int compare_images(const void *a, const void *b)
{
	const struct json *const *x = a, *const *y = b;
	int order = strcmp(sort_key(*x), sort_key(*y));

	return order ? order : strcmp(cri_str(*x, "id"), cri_str(*y, "id"));
}

/* ---- filters ---- */

/* NAME:TAG, NAME@DIGEST, or the head of an id. */
static bool is_called(const struct json *image, const char *name)
{
	const struct json *tags = json_get(image, "repoTags");
	const struct json *digests = json_get(image, "repoDigests");
	const char *id = cri_str(image, "id");

	for (size_t i = 0; i < json_len(tags); i++)
		if (str_eq(json_str(json_at(tags, i)), name))
			return true;
	for (size_t i = 0; i < json_len(digests); i++)
		if (str_eq(json_str(json_at(digests, i)), name))
			return true;
	if (str_starts(id, "sha256:") && !str_starts(name, "sha256:"))
		id += strlen("sha256:");
	return *name && str_starts(id, name);
}

/* Images of list: what is kept is moved to its head; the new length. */
struct images {
	const struct json **at;
	size_t len;
};

static int keep_dangling(struct images *l, const char *value, struct err *e)
{
	bool wanted = strcmp(value, "true") == 0;
	size_t kept = 0;

	if (!wanted && strcmp(value, "false") != 0)
		return err_say(
			e, EINVAL, "--filter dangling takes true or false, not \"%.40s\"", value);
	for (size_t i = 0; i < l->len; i++)
		if ((json_len(json_get(l->at[i], "repoTags")) == 0) == wanted)
			l->at[kept++] = l->at[i];
	l->len = kept;
	return 0;
}

static bool is_matched(const struct json *image, const regex_t *regex)
{
	const struct json *tags = json_get(image, "repoTags");
	CLEANUP(cleanup_free) char *repo = cri_image_repo(image);

	for (size_t i = 0; i < json_len(tags); i++)
		if (json_str(json_at(tags, i)) &&
			regexec(regex, json_str(json_at(tags, i)), 0, NULL, 0) == 0)
			return true;
	return regexec(regex, repo, 0, NULL, 0) == 0;
}

static int keep_reference(struct images *l, const char *value, struct err *e)
{
	size_t kept = 0;
	regex_t regex;
	int rc = cri_regex(&regex, "--filter reference", value, e);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < l->len; i++)
		if (is_matched(l->at[i], &regex))
			l->at[kept++] = l->at[i];
	regfree(&regex);
	l->len = kept;
	return 0;
}

static int find_called(const struct images *l, const char *name, size_t *out, struct err *e)
{
	for (size_t i = 0; i < l->len; i++) {
		if (is_called(l->at[i], name)) {
			*out = i;
			return 0;
		}
	}
	return err_say(e, EINVAL, "--filter: no image \"%.100s\"", name);
}

static int keep_before(struct images *l, const char *value, struct err *e)
{
	size_t at = 0;
	int rc = find_called(l, value, &at, e);

	if (rc < 0)
		return rc;
	l->len -= at + 1;
	memmove(l->at, l->at + at + 1, l->len * sizeof(*l->at));
	return 0;
}

static int keep_since(struct images *l, const char *value, struct err *e)
{
	return find_called(l, value, &l->len, e);
}

static int keep(struct images *l, const char *filter, struct err *e)
{
	static const struct {
		const char *name;
		int (*keep)(struct images *l, const char *value, struct err *e);
	} filters[] = {
		{ "dangling=", keep_dangling },   /* */
		{ "reference=", keep_reference }, /* */
		{ "before=", keep_before },       /* */
		{ "since=", keep_since },         /* */
	};

	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		if (str_starts(filter, filters[i].name))
			return filters[i].keep(l, filter + strlen(filters[i].name), e);
	return err_say(e, EINVAL,
		"--filter takes dangling=, reference=, before= or since=, not \"%.80s\"", filter);
}

int cri_image_select(
	const struct json *images, const struct strv *filters, struct json **out, struct err *e)
{
	CLEANUP(cleanup_free)
	const struct json **at = mem_resize(NULL, json_len(images) + 1, sizeof(*at));
	struct images l = { .at = at, .len = json_len(images) };

	for (size_t i = 0; i < l.len; i++)
		at[i] = json_at(images, i);
	qsort(at, l.len, sizeof(*at), compare_images);
	for (size_t i = 0; i < filters->len; i++) {
		int rc = keep(&l, filters->at[i], e);

		if (rc < 0)
			return rc;
	}
	*out = json_new_array();
	for (size_t i = 0; i < l.len; i++)
		json_push(*out, json_copy(at[i]));
	return 0;
}
