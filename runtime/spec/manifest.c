/* The stages of manifest_parts.h in their order, and what they leave to the caller. */
#include "spec/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/manifest_parts.h"

void manifest_result_free(struct manifest_result *r)
{
	json_free(r->object);
	pod_spec_free(r->spec);
	causes_free(&r->causes);
	strv_free(&r->warnings);
	free(r->refusal);
	*r = (struct manifest_result){ 0 };
}

/* Takes text. */
static int refuse(struct manifest_result *out, char *text, struct err *e)
{
	int rc = err_say(e, EINVAL, "%s", text);

	out->refusal = text;
	return rc;
}

/* "v1" of "apps/v1", as Kubernetes names a version in its errors. */
static const char *version_of(const char *api_version)
{
	const char *slash = strchr(api_version, '/');

	return slash ? slash + 1 : api_version;
}

static int check_kind(const struct json *doc, struct manifest_result *out, struct err *e)
{
	static const char *const keys[][2] = { { "kind", "Kind" }, { "apiVersion", "apiVersion" } };
	const char *kind = json_get_str(doc, "kind");
	const char *version = json_get_str(doc, "apiVersion");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = json_get_str(doc, keys[i][0]);
		CLEANUP(buf_free) struct buf text = { 0 };

		if (value && *value)
			continue;
		json_write(doc, JSON_COMPACT, &text);
		return refuse(
			out, str_fmt("Object '%s' is missing in '%s'", keys[i][1], text.data), e);
	}
	if (str_eq(kind, "Pod") && str_eq(version, "v1"))
		return 0;
	return refuse(out,
		str_fmt("%s in version \"%s\" cannot be handled as a Pod: no kind \"%s\" is "
			"registered for version \"%s\" in scheme \"carpel\"",
			kind, version_of(version), kind, version),
		e);
}

static char *strict_text(const struct strv *strict)
{
	struct buf text = { 0 };

	buf_adds(&text, "strict decoding error: ");
	for (size_t i = 0; i < strict->len; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", strict->at[i]);
	return buf_take(&text);
}

static int decode(const struct json *doc, bool is_strict, const struct strv *dups,
	struct strv *strict, struct manifest_result *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *pod = NULL;
	CLEANUP(cleanup_free) char *wrong = NULL;

	if (decode_pod(doc, dups, &pod, strict, &wrong) == 0 && strict->len && is_strict)
		wrong = strict_text(strict);
	if (wrong)
		return refuse(out,
			str_fmt("Pod in version \"v1\" cannot be handled as a Pod: %s", wrong), e);
	default_pod(pod);
	out->object = arrange_pod(pod);
	return 0;
}

int manifest_read(const struct json *doc, enum field_validation fv, const struct strv *dups,
	struct manifest_result *out, struct err *e)
{
	CLEANUP(strv_free) struct strv strict = { 0 };
	int rc;

	*out = (struct manifest_result){ 0 };
	rc = check_kind(doc, out, e);
	if (rc == 0)
		rc = decode(doc, fv == FIELDS_STRICT, dups, &strict, out, e);
	if (rc < 0)
		return rc;
	validate_pod(out->object, &out->causes);
	honour_pod(out->object, &out->causes, &out->warnings);
	if (out->causes.len) {
		strv_free(&out->warnings);
		json_free(TAKE(out->object));
		return err_say(
			e, EBADMSG, "%s: %s", out->causes.at[0].field, out->causes.at[0].message);
	}
	/* After the warnings of what is ignored: there can be many, and headers hold only some. */
	for (size_t i = 0; fv == FIELDS_WARN && i < strict.len; i++)
		strv_add(&out->warnings, strict.at[i]);
	out->spec = build_pod(out->object);
	return 0;
}
