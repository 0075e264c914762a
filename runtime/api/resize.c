/* /resize of a pod: the one way to change a spec that runs, and only its resources (spec/resize.h).
 */
#include "spec/resize.h"
#include "api/kube_status.h"
#include "api/rest.h"
#include "api/write.h"
#include "base/cleanup.h"

static int check(const struct rest_request *r, const struct json *stored,
	const struct manifest_result *asked)
{
	const struct kube_subject subject = { "Pod", NULL, r->name };
	struct causes causes = { 0 };
	bool is_fine;

	resize_validate(stored, asked->object, asked->spec->qos, &causes);
	is_fine = causes.len == 0;
	if (!is_fine)
		kube_invalid(r, &subject, &causes);
	causes_free(&causes);
	return is_fine ? 0 : -1;
}

/* The stored pod as it would be. */
static void answer_dry(
	const struct rest_request *r, struct json *stored, const struct manifest_result *asked)
{
	const struct json *annotations = json_path(asked->object, "metadata.annotations");
	struct json *spec = json_copy(json_get(asked->object, "spec"));

	json_set_str(spec, "nodeName", json_str(json_path(stored, "spec.nodeName")));
	json_set(stored, "spec", spec);
	if (annotations)
		json_set(json_get(stored, "metadata"), "annotations", json_copy(annotations));
	write_answer_dry(r, 200, stored, &asked->warnings);
}

static void resize(const struct rest_request *r, struct json *doc, const struct strv *dups,
	const char *options_kind)
{
	CLEANUP(manifest_result_free) struct manifest_result asked = { 0 };
	CLEANUP(cleanup_json) struct json *stored = NULL;
	struct object *old = rest_find(r);
	struct err e = { 0 };
	bool dry_run = false;
	int rc;

	if (!old || rest_dry_run(r, options_kind, &dry_run) < 0 ||
		write_prepare_update(r, doc, old) < 0 ||
		write_read_pod(r, options_kind, doc, dups, &asked) < 0)
		return;
	stored = rest_object_json(old);
	if (check(r, stored, &asked) < 0)
		return;
	if (!resize_changes(stored, asked.object)) {
		rest_answer_object(r, 200, old, &asked.warnings);
		return;
	}
	if (dry_run) {
		answer_dry(r, stored, &asked);
		return;
	}
	rc = r->backend->pod_resize(r->backend->ctx, r->ns, r->name, &asked, &e);
	if (rc < 0) {
		kube_fail_errno(r, rc, &e);
		return;
	}
	old = rest_find(r);
	if (old)
		rest_answer_object(r, 200, old, &asked.warnings);
}

void pod_resize_replace(struct rest_request *r)
{
	CLEANUP(cleanup_json) struct json *doc = NULL;
	CLEANUP(strv_free) struct strv dups = { 0 };

	if (rest_read_body(r, "Pod", &dups, &doc) == 0)
		resize(r, doc, &dups, "UpdateOptions");
}

void pod_resize_patch(struct rest_request *r)
{
	const struct object *old = rest_find(r);
	CLEANUP(cleanup_json) struct json *doc = old ? write_patched_pod(r, old) : NULL;

	if (doc)
		resize(r, doc, NULL, "PatchOptions");
}
