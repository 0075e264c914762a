/* The JSON of images: what is chosen from an index, what a manifest and a configuration say, and
 * which texts are refused, with which reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/oci.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A "\"digest\":\"sha256:" HEX_A "\",\"size\":1"
#define B "\"digest\":\"sha256:" HEX_B "\",\"size\":2"
#define CONFIG_TYPE "\"mediaType\":\"application/vnd.oci.image.config.v1+json\""
#define WEB "docker.io/library/web:1"

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err e = { 0 };

	if (json_parse(text, strlen(text), NULL, &j, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return j;
}

/* ---- index ---- */

#define ON(arch) "\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}"
#define CALLED(name) "\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static void one_is_chosen_from_an_index(void **state)
{
	static const struct {
		const char *text, *digest; /* digest NULL: refused */
		const char *reason;
	} rows[] = {
		{ INDEX("{" A "}"), HEX_A, NULL },
		{ INDEX("{" A "," ON("arm64") "},{" B "," ON("amd64") "}"), HEX_B, NULL },
		{ INDEX("{" A "},{" B "," ON("amd64") "}"), HEX_B, NULL },
		{ INDEX("{" A "," CALLED("1") "},{" B "," ON("amd64") "}"), HEX_A, NULL },
		{ INDEX("{" A "," CALLED("2") "},{" B "," CALLED("web:1") "}"), HEX_B, NULL },
		{ INDEX("{" A "," CALLED("2") "}"), HEX_A,
			NULL }, /* the only one: any name will do */
		{ INDEX("{" A ",\"annotations\":{\"io.containerd.image.name\":\"" WEB "\"}},{" B
			"}"),
			HEX_A, NULL },
		{ INDEX("{" A "," ON("amd64") "},{" B "," ON(
			  "amd64") ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-"
				   "manifest\"}}"),
			HEX_A, NULL },
		{ INDEX("{" A "," ON("amd64") "},{" B "," ON("unknown") "}"), HEX_A, NULL },
		{ INDEX("{" A "},{" B "}"), NULL, "2 images suit, and none is called " WEB },
		{ INDEX("{" A "," CALLED("1") "},{" B "," CALLED("1") "}"), NULL,
			"2 images suit, and more than one is called " WEB },
		{ INDEX("{" A "," ON("s390x") "}"), NULL, "no image for linux/amd64" },
		{ INDEX(""), NULL, "no image for linux/amd64" },
		{ INDEX("{\"digest\":\"sha512:00\",\"size\":1}"), NULL, "no sha256 digest" },
		{ INDEX("{\"digest\":\"sha256:../../x\",\"size\":1}"), NULL, "no sha256 digest" },
		{ INDEX("{\"digest\":\"sha256:" HEX_A "\\u0000\",\"size\":1}"), NULL,
			"no sha256 digest" },
		{ INDEX("{\"digest\":\"sha256:" HEX_A "\",\"size\":-1}"), NULL, "no size" },
		{ INDEX("{\"digest\":\"sha256:" HEX_A "\",\"size\":1.5}"), NULL, "no size" },
		{ "{\"schemaVersion\":1,\"manifests\":[]}", NULL, "schemaVersion" },
		{ "{\"schemaVersion\":2,\"manifests\":{}}", NULL, "not a list" },
		{ "[]", NULL, "not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(rows[i].text);
		CLEANUP(oci_blob_free) struct oci_blob b = { 0 };
		struct err e = { 0 };
		int rc = oci_index_choose(j, "amd64", WEB, &b, &e);

		if (rows[i].digest) {
			assert_int_equal(rc, 0);
			assert_string_equal(b.digest + strlen("sha256:"), rows[i].digest);
			assert_false(b.is_index);
		} else {
			assert_true(rc < 0);
			assert_null(b.digest);
			if (!strstr(e.text, rows[i].reason))
				fail_msg("row %zu: %s", i, e.text);
		}
	}
}

static void an_index_leads_to_an_index(void **state)
{
	static const char *const types[] = {
		"application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.list.v2+json",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CLEANUP(cleanup_free)
		char *text = str_fmt(INDEX("{" A ",\"mediaType\":\"%s\"}"), types[i]);
		CLEANUP(cleanup_json) struct json *j = parse(text);
		CLEANUP(oci_blob_free) struct oci_blob b = { 0 };

		assert_int_equal(oci_index_choose(j, "amd64", WEB, &b, NULL), 0);
		assert_true(b.is_index);
		assert_int_equal(b.size_bytes, 1);
	}
}

/* ---- manifest ---- */

static int parse_manifest(const char *text, struct oci_manifest *out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *j = parse(text);

	return oci_manifest_parse(j, out, e);
}

static void a_manifest_names_its_parts(void **state)
{
	CLEANUP(oci_manifest_free) struct oci_manifest m = { 0 };

	(void)state;
	assert_int_equal(parse_manifest("{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A
					"},\"layers\":[{" A "},{" B "},{" A "}]}",
				 &m, NULL),
		0);
	assert_string_equal(m.config.digest, "sha256:" HEX_A);
	assert_int_equal(m.layers_len, 3);
	assert_string_equal(m.layers[1].digest, "sha256:" HEX_B);
	assert_int_equal(m.layers[1].size_bytes, 2);
}

static void manifests_are_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "{\"schemaVersion\":2}", "artifact" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
		  "vnd.oci.empty.v1+json\"," A "},\"layers\":[{" A "}]}",
			"artifact" },
		{ "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A "}}", "0 layers" },
		{ "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A "},\"layers\":[]}",
			"0 layers" },
		{ "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "},\"layers\":[{" A "}]}",
			"config: no sha256 digest" },
		{ "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A "},\"layers\":[{" A
		  "},{}]}",
			"layer: no sha256 digest" },
		{ "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A "},\"layers\":[7]}",
			"layer: no sha256 digest" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "schemaVersion" },
		{ "\"x\"", "not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct oci_manifest m = { 0 };
		struct err e = { 0 };

		assert_int_equal(parse_manifest(rows[i].text, &m, &e), -EINVAL);
		if (!strstr(e.text, rows[i].reason))
			fail_msg("row %zu: %s", i, e.text);
		assert_null(m.layers);
	}
}

static void layers_are_counted(void **state)
{
	static const struct {
		size_t layers;
		int want;
	} rows[] = {
		{ OCI_LAYERS_MAX, 0 },
		{ OCI_LAYERS_MAX + 1, -EINVAL },
		{ 10000, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(oci_manifest_free) struct oci_manifest m = { 0 };
		CLEANUP(cleanup_json) struct json *j = NULL;
		CLEANUP(buf_free) struct buf text = { 0 };
		const struct json_options options = { .max_bytes = OCI_JSON_MAX };

		buf_adds(&text, "{\"schemaVersion\":2,\"config\":{" CONFIG_TYPE "," A
				"},\"layers\":[{" A "}");
		for (size_t k = 1; k < rows[i].layers; k++)
			buf_adds(&text, ",{" A "}");
		buf_adds(&text, "]}");
		assert_int_equal(json_parse(text.data, text.len, &options, &j, NULL), 0);
		assert_int_equal(oci_manifest_parse(j, &m, NULL), rows[i].want);
	}
}

/* ---- configuration ---- */

#define ROOTFS                                                                                     \
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\",\"sha256:" HEX_B "\"]" \
	"}"
#define HERE "\"os\":\"linux\",\"architecture\":\"amd64\""

static int parse_config(
	const char *text, struct image_record *r, struct strv *diff_ids, struct err *e)
{
	CLEANUP(cleanup_json) struct json *j = parse(text);

	return oci_config_parse(j, "amd64", r, diff_ids, e);
}

static void a_configuration_is_honoured(void **state)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(strv_free) struct strv ids = { 0 };
	struct err e = { 0 };

	(void)state;
	if (parse_config(
		    "{" HERE "," ROOTFS
		    ",\"config\":{\"User\":\"app:1\",\"Env\":[\"A=b=c\",\"B=\"],"
		    "\"Entrypoint\":[\"/app\",\"-x\"],\"Cmd\":[\"run\"],\"WorkingDir\":\"/srv\","
		    "\"StopSignal\":\"SIGQUIT\",\"Volumes\":{\"/a\":{},\"/"
		    "b\":{}},\"Labels\":{\"x\":\"y\"}}}",
		    &r, &ids, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(r.user, "app:1");
	assert_int_equal(r.env.len, 2);
	assert_string_equal(r.env.at[0], "A=b=c");
	assert_string_equal(r.entrypoint.at[1], "-x");
	assert_string_equal(r.cmd.at[0], "run");
	assert_string_equal(r.working_dir, "/srv");
	assert_string_equal(r.stop_signal, "SIGQUIT");
	assert_int_equal(r.volumes.len, 2);
	assert_string_equal(r.volumes.at[1], "/b");
	assert_int_equal(ids.len, 2);
	assert_string_equal(ids.at[1], "sha256:" HEX_B);
}

static void null_and_empty_say_nothing(void **state)
{
	static const char *const configs[] = {
		"null",
		"{}",
		("{\"User\":\"\",\"Env\":null,\"Entrypoint\":null,\"Cmd\":[],\"WorkingDir\":\"\","
		 "\"StopSignal\":null,\"Volumes\":null}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		CLEANUP(image_record_free) struct image_record r = { 0 };
		CLEANUP(strv_free) struct strv ids = { 0 };
		CLEANUP(cleanup_free)
		char *text = str_fmt("{" HERE "," ROOTFS ",\"config\":%s}", configs[i]);

		assert_int_equal(parse_config(text, &r, &ids, NULL), 0);
		assert_null(r.user);
		assert_null(r.working_dir);
		assert_null(r.stop_signal);
		assert_int_equal(r.env.len + r.entrypoint.len + r.cmd.len + r.volumes.len, 0);
	}
}

static void configurations_are_refused(void **state)
{
	static const struct {
		const char *config, *reason; /* the member "config" */
	} rows[] = {
		{ "7", "not an object" },
		{ "{\"User\":7}", "User is not a text" },
		{ "{\"User\":\"a\\u0000b\"}", "User is not a text" },
		{ "{\"Env\":[\"NOTHING\"]}", "Env[0]" },
		{ "{\"Env\":[\"A=1\",\"=x\"]}", "Env[1]" },
		{ "{\"Env\":{}}", "Env is not a list" },
		{ "{\"Entrypoint\":\"/app\"}", "Entrypoint is not a list" },
		{ "{\"Cmd\":[null]}", "Cmd[0] is not a text" },
		{ "{\"WorkingDir\":\"srv\"}", "WorkingDir is not an absolute path" },
		{ "{\"Volumes\":[\"/a\"]}", "Volumes is not an object" },
		{ "{\"Volumes\":{\"a\":{}}}", "volume is not an absolute path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(image_record_free) struct image_record r = { 0 };
		CLEANUP(strv_free) struct strv ids = { 0 };
		CLEANUP(cleanup_free)
		char *text = str_fmt("{" HERE "," ROOTFS ",\"config\":%s}", rows[i].config);
		struct err e = { 0 };

		assert_int_equal(parse_config(text, &r, &ids, &e), -EINVAL);
		if (!strstr(e.text, rows[i].reason))
			fail_msg("row %zu: %s", i, e.text);
	}
}

static void other_machines_and_layers_are_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "{\"os\":\"windows\",\"architecture\":\"amd64\"," ROOTFS "}",
			"for windows/amd64" },
		{ "{\"os\":\"linux\",\"architecture\":\"arm64\"," ROOTFS "}", "for linux/arm64" },
		{ "{" ROOTFS "}", "for ?/?" },
		{ "{" HERE "}", "rootfs" },
		{ "{" HERE ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", "rootfs" },
		{ "{" HERE ",\"rootfs\":{\"type\":\"base\",\"diff_ids\":[\"sha256:" HEX_A "\"]}}",
			"rootfs" },
		{ "{" HERE ",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../x\"]}}",
			"diff_ids[0]" },
		{ "[]", "not an object" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(image_record_free) struct image_record r = { 0 };
		CLEANUP(strv_free) struct strv ids = { 0 };
		struct err e = { 0 };

		assert_true(parse_config(rows[i].text, &r, &ids, &e) < 0);
		if (!strstr(e.text, rows[i].reason))
			fail_msg("row %zu: %s", i, e.text);
	}
}

/* ---- docker save ---- */

#define SAVED(config, tag)                                                                         \
	"{\"Config\":\"" config "\",\"RepoTags\":[\"" tag                                          \
	"\"],\"Layers\":[\"0/layer.tar\",\"1/layer.tar\"]}"

static void a_saved_image_is_chosen_by_name(void **state)
{
	static const struct {
		const char *text, *config; /* config NULL: refused */
	} rows[] = {
		{ "[" SAVED("a", "other:1") "]", "a" },
		{ "[" SAVED("a", "other:1") "," SAVED("b", "web:1") "]", "b" },
		{ "[" SAVED("a", "web:2") "," SAVED("b", "other:1") "]", NULL },
		{ "[{\"Config\":\"a\",\"RepoTags\":null,\"Layers\":[\"x\"]}]", "a" },
		{ "[{\"Config\":\"a\",\"RepoTags\":null,\"Layers\":[]}]", NULL },
		{ "[{\"Config\":\"a\",\"RepoTags\":null,\"Layers\":[7]}]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(rows[i].text);
		CLEANUP(oci_saved_free) struct oci_saved s = { 0 };
		struct err e = { 0 };
		int rc = oci_saved_choose(j, WEB, &s, &e);

		assert_true(oci_is_saved(j));
		assert_int_equal(rc, rows[i].config ? 0 : -EINVAL);
		if (rows[i].config)
			assert_string_equal(s.config, rows[i].config);
	}
}

static void other_manifests_are_not_dockers(void **state)
{
	static const char *const texts[] = { "[]", "{}", "[1]", "[{}]", "[{\"Config\":\"x\"}]",
		"{\"name\":\"a web page's manifest.json\"}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(cleanup_json) struct json *j = parse(texts[i]);

		assert_false(oci_is_saved(j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_chosen_from_an_index),
		cmocka_unit_test(an_index_leads_to_an_index),
		cmocka_unit_test(a_manifest_names_its_parts),
		cmocka_unit_test(manifests_are_refused),
		cmocka_unit_test(layers_are_counted),
		cmocka_unit_test(a_configuration_is_honoured),
		cmocka_unit_test(null_and_empty_say_nothing),
		cmocka_unit_test(configurations_are_refused),
		cmocka_unit_test(other_machines_and_layers_are_refused),
		cmocka_unit_test(a_saved_image_is_chosen_by_name),
		cmocka_unit_test(other_manifests_are_not_dockers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
