#include "image/oci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/name.h"

#define REF_NAME "org.opencontainers.image.ref.name"
#define FULL_NAME "io.containerd.image.name"
#define ATTESTATION "vnd.docker.reference.type"

void oci_blob_free(struct oci_blob *b)
{
	free(b->digest);
	*b = (struct oci_blob){ 0 };
}

void oci_manifest_free(struct oci_manifest *m)
{
	oci_blob_free(&m->config);
	for (size_t i = 0; i < m->layers_len; i++)
		oci_blob_free(&m->layers[i]);
	free(m->layers);
	*m = (struct oci_manifest){ 0 };
}

void oci_saved_free(struct oci_saved *s)
{
	free(s->config);
	strv_free(&s->layers);
	*s = (struct oci_saved){ 0 };
}

const char *oci_architecture(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "arm";
#elif defined(__i386__)
	return "386";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return "ppc64le";
#else
#error "which word do images have for this architecture?"
#endif
}

static int is_version_2(const struct json *j, const char *what, struct err *e)
{
	int64_t version = 0;

	if (json_type(j) != JSON_OBJECT)
		return err_say(e, EINVAL, "%s: not an object", what);
	if (json_i64(json_get(j, "schemaVersion"), 2, 2, &version) < 0)
		return err_say(e, EINVAL, "%s: schemaVersion is not 2", what);
	return 0;
}

static bool is_index_type(const char *type)
{
	return str_eq(type, "application/vnd.oci.image.index.v1+json") ||
	       str_eq(type, "application/vnd.docker.distribution.manifest.list.v2+json");
}

static int parse_blob(const struct json *j, const char *what, struct oci_blob *out, struct err *e)
{
	const char *digest = json_get_str(j, "digest");
	int64_t size = 0;

	if (!digest || strlen(digest) != json_str_len(json_get(j, "digest")) ||
		!image_is_digest(digest))
		return err_say(e, EINVAL, "%s: no sha256 digest", what);
	if (json_i64(json_get(j, "size"), 0, INT64_MAX, &size) < 0)
		return err_say(e, EINVAL, "%s: no size", what);
	*out = (struct oci_blob){ str_dup(digest), size,
		is_index_type(json_get_str(j, "mediaType")) };
	return 0;
}

/* ---- index --------------------------------------------------------------------------------- */

/* How well an entry suits: 0 not at all, 1 it does not say, 2 it says this machine. */
static int fitness(const struct json *entry, const char *architecture)
{
	const struct json *platform = json_get(entry, "platform");
	const char *os = json_get_str(platform, "os");
	const char *arch = json_get_str(platform, "architecture");

	if (json_get(json_get(entry, "annotations"), ATTESTATION))
		return 0;
	if (json_type(platform) != JSON_OBJECT)
		return 1;
	return str_eq(os, "linux") && str_eq(arch, architecture) ? 2 : 0;
}

static bool is_ref(const char *text, const char *ref)
{
	CLEANUP(cleanup_free) char *whole = NULL;

	return text && image_name_normalise(text, &whole, NULL) == 0 && str_eq(whole, ref);
}

/* The annotation is a whole name, or a tag alone. */
static bool is_called(const struct json *entry, const char *ref)
{
	const struct json *annotations = json_get(entry, "annotations");
	const char *name = json_get_str(annotations, REF_NAME);
	const char *colon = strrchr(ref, ':');

	return is_ref(name, ref) || is_ref(json_get_str(annotations, FULL_NAME), ref) ||
	       (name && colon && !strchr(ref, '@') && str_eq(name, colon + 1));
}

struct choice {
	const struct json *entry;
	size_t equals; /* entries that suit as well as this one */
	int rank;
	bool is_called;
};

/* The name counts most: the user asked for it.  Then what the entry says of its machine. */
static void consider(
	struct choice *c, const struct json *entry, const char *architecture, const char *ref)
{
	int fits = fitness(entry, architecture);
	bool called = is_called(entry, ref);
	int rank = called ? fits + 2 : fits;

	if (fits == 0 || rank < c->rank)
		return;
	c->equals = rank == c->rank ? c->equals + 1 : 1;
	c->entry = entry;
	c->rank = rank;
	c->is_called = called;
}

int oci_index_choose(const struct json *index, const char *architecture, const char *ref,
	struct oci_blob *out, struct err *e)
{
	const struct json *manifests = json_get(index, "manifests");
	struct choice c = { 0 };
	int rc = is_version_2(index, "index", e);

	if (rc < 0)
		return rc;
	if (json_type(manifests) != JSON_ARRAY)
		return err_say(e, EINVAL, "index: manifests is not a list");
	for (size_t i = 0; i < json_len(manifests); i++)
		consider(&c, json_at(manifests, i), architecture, ref);
	if (!c.entry)
		return err_say(e, ENOENT, "index: no image for linux/%s", architecture);
	if (c.equals > 1) /* several names, or variants of one architecture: any is a guess */
		return err_say(e, EINVAL, "index: %zu images suit, and %s is called %s", c.equals,
			c.is_called ? "more than one" : "none", ref);
	return parse_blob(c.entry, "index", out, e);
}

/* ---- manifest ------------------------------------------------------------------------------ */

static int parse_parts(const struct json *j, struct oci_manifest *m, struct err *e)
{
	const struct json *layers = json_get(j, "layers");
	size_t len = json_len(layers);
	int rc = parse_blob(json_get(j, "config"), "manifest: config", &m->config, e);

	if (rc < 0)
		return rc;
	m->layers = mem_zalloc(len * sizeof(*m->layers));
	for (; rc == 0 && m->layers_len < len; m->layers_len++)
		rc = parse_blob(json_at(layers, m->layers_len), "manifest: layer",
			&m->layers[m->layers_len], e);
	return rc;
}

int oci_manifest_parse(const struct json *j, struct oci_manifest *out, struct err *e)
{
	const char *type = json_get_str(json_get(j, "config"), "mediaType");
	const struct json *layers = json_get(j, "layers");
	size_t len = json_len(layers);
	struct oci_manifest m = { 0 };
	int rc = is_version_2(j, "manifest", e);

	if (rc < 0)
		return rc;
	if (!str_eq(type, "application/vnd.oci.image.config.v1+json") &&
		!str_eq(type, "application/vnd.docker.container.image.v1+json"))
		return err_say(e, EINVAL, "manifest: an artifact, not an image that can run");
	if (json_type(layers) != JSON_ARRAY || len == 0 || len > OCI_LAYERS_MAX)
		return err_say(
			e, EINVAL, "manifest: %zu layers, want 1 to %d", len, OCI_LAYERS_MAX);
	rc = parse_parts(j, &m, e);
	if (rc < 0) {
		oci_manifest_free(&m);
		return rc;
	}
	*out = m;
	return 0;
}

/* ---- docker save --------------------------------------------------------------------------- */

bool oci_is_saved(const struct json *j)
{
	const struct json *first = json_at(j, 0);

	return json_type(j) == JSON_ARRAY && json_get_str(first, "Config") &&
	       json_type(json_get(first, "Layers")) == JSON_ARRAY;
}

static bool is_tagged(const struct json *image, const char *ref)
{
	const struct json *tags = json_get(image, "RepoTags");

	for (size_t i = 0; i < json_len(tags); i++)
		if (json_type(json_at(tags, i)) == JSON_STRING &&
			is_ref(json_str(json_at(tags, i)), ref))
			return true;
	return false;
}

static int is_text(const struct json *j)
{
	return json_type(j) == JSON_STRING && strlen(json_str(j)) == json_str_len(j);
}

static int parse_saved(const struct json *image, struct oci_saved *out, struct err *e)
{
	const struct json *config = json_get(image, "Config"), *layers = json_get(image, "Layers");
	size_t len = json_len(layers);

	if (!is_text(config))
		return err_say(e, EINVAL, "manifest.json: no Config");
	if (json_type(layers) != JSON_ARRAY || len == 0 || len > OCI_LAYERS_MAX)
		return err_say(
			e, EINVAL, "manifest.json: %zu layers, want 1 to %d", len, OCI_LAYERS_MAX);
	for (size_t i = 0; i < len; i++)
		if (!is_text(json_at(layers, i)))
			return err_say(e, EINVAL, "manifest.json: Layers[%zu] is not a text", i);
	*out = (struct oci_saved){ .config = str_dup(json_str(config)) };
	for (size_t i = 0; i < len; i++)
		strv_add(&out->layers, json_str(json_at(layers, i)));
	return 0;
}

int oci_saved_choose(const struct json *j, const char *ref, struct oci_saved *out, struct err *e)
{
	const struct json *chosen = json_len(j) == 1 ? json_at(j, 0) : NULL;

	for (size_t i = 0; i < json_len(j) && !chosen; i++)
		if (is_tagged(json_at(j, i), ref))
			chosen = json_at(j, i);
	if (!chosen)
		return err_say(e, EINVAL, "manifest.json: %zu images, and none is called %s",
			json_len(j), ref);
	return parse_saved(chosen, out, e);
}

/* ---- configuration ------------------------------------------------------------------------- */

enum { TEXTS_MAX = 4096 };

static bool is_missing(const struct json *j)
{
	return !j || json_type(j) == JSON_NULL;
}

static int take_text(const struct json *config, const char *key, char **out, struct err *e)
{
	const struct json *value = json_get(config, key);

	if (is_missing(value))
		return 0;
	if (!is_text(value))
		return err_say(e, EINVAL, "config: %s is not a text", key);
	if (*json_str(value)) /* empty is Go's way to say nothing */
		*out = str_dup(json_str(value));
	return 0;
}

static int take_texts(const struct json *config, const char *key, struct strv *out, struct err *e)
{
	const struct json *array = json_get(config, key);

	if (is_missing(array))
		return 0;
	if (json_type(array) != JSON_ARRAY || json_len(array) > TEXTS_MAX)
		return err_say(e, EINVAL, "config: %s is not a list of texts", key);
	for (size_t i = 0; i < json_len(array); i++) {
		if (!is_text(json_at(array, i)))
			return err_say(e, EINVAL, "config: %s[%zu] is not a text", key, i);
		strv_add(out, json_str(json_at(array, i)));
	}
	return 0;
}

static int take_env(const struct json *config, struct strv *out, struct err *e)
{
	int rc = take_texts(config, "Env", out, e);

	for (size_t i = 0; rc == 0 && i < out->len; i++)
		if (!strchr(out->at[i], '=') || out->at[i][0] == '=')
			rc = err_say(e, EINVAL, "config: Env[%zu] is not NAME=VALUE", i);
	return rc;
}

/* {"/path":{}}: only the names matter. */
static int take_volumes(const struct json *config, struct strv *out, struct err *e)
{
	const struct json *volumes = json_get(config, "Volumes");

	if (is_missing(volumes))
		return 0;
	if (json_type(volumes) != JSON_OBJECT || json_len(volumes) > TEXTS_MAX)
		return err_say(e, EINVAL, "config: Volumes is not an object");
	for (size_t i = 0; i < json_len(volumes); i++) {
		const char *path = NULL;

		(void)json_member(volumes, i, &path);
		if (path[0] != '/')
			return err_say(e, EINVAL, "config: a volume is not an absolute path");
		strv_add(out, path);
	}
	return 0;
}

static int take_run_config(const struct json *config, struct image_record *r, struct err *e)
{
	int rc;

	if (!is_missing(config) && json_type(config) != JSON_OBJECT)
		return err_say(e, EINVAL, "config: config is not an object");
	if ((rc = take_text(config, "User", &r->user, e)) < 0 ||
		(rc = take_text(config, "WorkingDir", &r->working_dir, e)) < 0 ||
		(rc = take_text(config, "StopSignal", &r->stop_signal, e)) < 0 ||
		(rc = take_env(config, &r->env, e)) < 0 ||
		(rc = take_texts(config, "Entrypoint", &r->entrypoint, e)) < 0 ||
		(rc = take_texts(config, "Cmd", &r->cmd, e)) < 0 ||
		(rc = take_volumes(config, &r->volumes, e)) < 0)
		return rc;
	if (r->working_dir && r->working_dir[0] != '/')
		return err_say(e, EINVAL, "config: WorkingDir is not an absolute path");
	return 0;
}

static int take_diff_ids(const struct json *rootfs, struct strv *out, struct err *e)
{
	const struct json *ids = json_get(rootfs, "diff_ids");
	size_t len = json_len(ids);

	if (!str_eq(json_get_str(rootfs, "type"), "layers") || json_type(ids) != JSON_ARRAY ||
		len == 0 || len > OCI_LAYERS_MAX)
		return err_say(
			e, EINVAL, "config: rootfs does not list 1 to %d layers", OCI_LAYERS_MAX);
	for (size_t i = 0; i < len; i++) {
		if (!is_text(json_at(ids, i)) || !image_is_digest(json_str(json_at(ids, i))))
			return err_say(e, EINVAL, "config: diff_ids[%zu] is not a digest", i);
		strv_add(out, json_str(json_at(ids, i)));
	}
	return 0;
}

int oci_config_parse(const struct json *j, const char *architecture, struct image_record *r,
	struct strv *out_diff_ids, struct err *e)
{
	const char *arch = json_get_str(j, "architecture"), *os = json_get_str(j, "os");
	int rc;

	if (json_type(j) != JSON_OBJECT)
		return err_say(e, EINVAL, "config: not an object");
	if (!str_eq(os, "linux") || !str_eq(arch, architecture))
		return err_say(e, ENOEXEC, "config: for %.32s/%.32s, this is linux/%s",
			os ? os : "?", arch ? arch : "?", architecture);
	rc = take_run_config(json_get(j, "config"), r, e);
	return rc < 0 ? rc : take_diff_ids(json_get(j, "rootfs"), out_diff_ids, e);
}
