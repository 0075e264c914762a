/* The manifest reader on hostile JSON: its result is valid whatever comes, a success has an object
 * and a model, and the object that is written back reads as itself.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "spec/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_so)
{
	if (!is_so)
		abort();
}

/* Defaulting is idempotent, and a pod of ours is never refused when it is read again. */
static void check_again(const struct json *object)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };

	require(manifest_read(object, FIELDS_STRICT, NULL, &r, NULL) == 0);
	require(json_equal(object, r.object));
}

static void check_result(int rc, const struct manifest_result *r)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	require((rc == 0) == (r->spec != NULL));
	require((rc == 0) == (r->object != NULL));
	require((rc == -EBADMSG) == (r->causes.len > 0));
	require((rc == -EINVAL) == (r->refusal != NULL));
	require(rc == 0 || r->warnings.len == 0);
	if (rc == -EBADMSG)
		causes_text(&r->causes, "Pod", "p", &text);
	for (size_t i = 0; i < r->causes.len; i++)
		require(r->causes.at[i].reason && r->causes.at[i].message && r->causes.at[i].field);
	if (rc == 0)
		check_again(r->object);
}

static void check(const struct json *doc, enum field_validation fv, const struct strv *dups)
{
	CLEANUP(manifest_result_free) struct manifest_result r = { 0 };
	struct err e = { 0 };
	int rc = manifest_read(doc, fv, dups, &r, &e);

	require(rc == 0 || e.code == -rc);
	check_result(rc, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strv_free) struct strv dups = { 0 };
	CLEANUP(cleanup_json) struct json *doc = NULL;
	const struct json_options opt = { .dups = &dups };

	if (json_parse((const char *)data, size, &opt, &doc, NULL) < 0)
		return 0;
	check(doc, FIELDS_STRICT, &dups);
	check(doc, FIELDS_WARN, &dups);
	return 0;
}
