/* An image's JSON: any text may be an index, a manifest, a configuration or Docker's list.  What is
 * accepted keeps the promises that the unpacking half relies on, and what a configuration puts into
 * a record can be read from one.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/name.h"
#include "image/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REF "docker.io/library/web:1"

static void check(bool is_so)
{
	if (!is_so)
		abort();
}

static void try_index(const struct json *j)
{
	CLEANUP(oci_blob_free) struct oci_blob b = { 0 };

	if (oci_index_choose(j, "amd64", REF, &b, NULL) == 0)
		check(image_is_digest(b.digest) && b.size_bytes >= 0);
}

static void try_manifest(const struct json *j)
{
	CLEANUP(oci_manifest_free) struct oci_manifest m = { 0 };

	if (oci_manifest_parse(j, &m, NULL) < 0)
		return;
	check(image_is_digest(m.config.digest));
	check(m.layers_len >= 1 && m.layers_len <= OCI_LAYERS_MAX);
	for (size_t i = 0; i < m.layers_len; i++)
		check(image_is_digest(m.layers[i].digest));
}

static void try_saved(const struct json *j)
{
	CLEANUP(oci_saved_free) struct oci_saved s = { 0 };

	if (oci_is_saved(j) && oci_saved_choose(j, REF, &s, NULL) == 0)
		check(s.config && s.layers.len >= 1 && s.layers.len <= OCI_LAYERS_MAX);
}

static void check_record(struct image_record *r, const struct strv *diff_ids)
{
	CLEANUP(image_record_free) struct image_record again = { 0 };
	CLEANUP(cleanup_json) struct json *j = NULL;
	CLEANUP(cleanup_json) struct json *second = NULL;

	r->name = str_dup("web:1");
	r->ref = str_dup(REF);
	r->id = str_dup(diff_ids->at[0]);
	for (size_t i = 0; i < diff_ids->len; i++) {
		CLEANUP(cleanup_free)
		char *path = str_fmt("/s/layers/%s", diff_ids->at[i] + strlen("sha256:"));

		strv_add(&r->layers, path);
	}
	r->created_wall_ms = 1000;
	j = image_record_json(r);
	check(image_record_parse("/s", j, &again, NULL) == 0);
	second = image_record_json(&again);
	check(json_equal(j, second));
}

static void try_config(const struct json *j)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(strv_free) struct strv diff_ids = { 0 };

	if (oci_config_parse(j, "amd64", &r, &diff_ids, NULL) < 0)
		return;
	for (size_t i = 0; i < diff_ids.len; i++)
		check(image_is_digest(diff_ids.at[i]));
	check_record(&r, &diff_ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct json_options options = { .max_bytes = OCI_JSON_MAX };
	CLEANUP(cleanup_json) struct json *j = NULL;

	if (json_parse((const char *)data, size, &options, &j, NULL) < 0)
		return 0;
	try_index(j);
	try_manifest(j);
	try_saved(j);
	try_config(j);
	return 0;
}
