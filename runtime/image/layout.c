#include "image/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "image/digest.h"
#include "image/oci.h"

void layout_free(struct layout *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->layers[i].path);
		free(l->layers[i].digest);
		free(l->layers[i].diff_id);
	}
	free(l->layers);
	image_record_free(&l->image);
	*l = (struct layout){ 0 };
}

/* Reading does not wait for the writer of a pipe, and links stay inside. */
int layout_open(int dir, const char *path, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = fd_walk(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, e);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_say(e, EINVAL, "%s is not a file", path);
	return take_fd(&fd);
}

static int read_json(int dir, const char *path, struct buf *text, struct json **out, struct err *e)
{
	const struct json_options options = { .max_bytes = OCI_JSON_MAX };
	CLEANUP(cleanup_fd) int fd = layout_open(dir, path, e);
	int rc = fd < 0 ? fd : fd_read_all(fd, OCI_JSON_MAX, text, e);

	if (rc < 0)
		return fd < 0 ? rc : err_wrap(e, rc, "%s", path);
	rc = json_parse(text->data ? text->data : "", text->len, &options, out, e);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : 0;
}

enum layout_kind layout_kind(int dir)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *manifest = NULL;
	CLEANUP(cleanup_fd) int marker = layout_open(dir, "oci-layout", NULL);
	CLEANUP(cleanup_fd) int index = layout_open(dir, "index.json", NULL);

	if (marker >= 0 && index >= 0)
		return LAYOUT_OCI;
	if (read_json(dir, "manifest.json", &text, &manifest, NULL) == 0 && oci_is_saved(manifest))
		return LAYOUT_SAVED;
	return LAYOUT_NONE;
}

/* ---- OCI ----------------------------------------------------------------------------------- */

static char *blob_path(const char *digest)
{
	return str_fmt("blobs/sha256/%s", digest_hex(digest));
}

/* The bytes must be what the digest says before anybody looks at what they say. */
static int read_blob(int dir, const struct oci_blob *b, struct json **out, struct err *e)
{
	const struct json_options options = { .max_bytes = OCI_JSON_MAX };
	CLEANUP(cleanup_free) char *path = blob_path(b->digest);
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_fd) int fd = layout_open(dir, path, e);
	struct digest is;
	int rc = fd < 0 ? fd : fd_read_all(fd, OCI_JSON_MAX, &text, e);

	if (rc < 0)
		return fd < 0 ? rc : err_wrap(e, rc, "%s", path);
	is = digest_of(text.data ? text.data : "", text.len);
	if (!str_eq(is.text, b->digest) || (int64_t)text.len != b->size_bytes)
		return err_say(e, EBADMSG, "%s: digest or size is not as promised", path);
	rc = json_parse(text.data ? text.data : "", text.len, &options, out, e);
	return rc < 0 ? err_wrap(e, rc, "%s", path) : 0;
}

static int find_manifest(
	int dir, const char *ref, struct json **out, char **out_digest, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(cleanup_json) struct json *index = NULL;
	int rc = read_json(dir, "index.json", &text, &index, e);

	for (int depth = 0; rc == 0 && depth < OCI_INDEX_DEPTH; depth++) {
		CLEANUP(oci_blob_free) struct oci_blob b = { 0 };
		CLEANUP(cleanup_json) struct json *next = NULL;

		if ((rc = oci_index_choose(index, oci_architecture(), ref, &b, e)) < 0 ||
			(rc = read_blob(dir, &b, &next, e)) < 0)
			return rc;
		if (!b.is_index) {
			*out = TAKE(next);
			*out_digest = TAKE(b.digest);
			return 0;
		}
		json_free(index);
		index = TAKE(next);
	}
	return rc < 0 ? rc : err_say(e, ELOOP, "index.json: indexes below indexes without end");
}

static int match_layers(struct layout *l, const struct strv *diff_ids, struct err *e)
{
	if (diff_ids->len != l->len)
		return err_say(e, EINVAL, "config: %zu layers, the manifest has %zu", diff_ids->len,
			l->len);
	for (size_t i = 0; i < l->len; i++)
		l->layers[i].diff_id = str_dup(diff_ids->at[i]);
	return 0;
}

static int read_oci(int dir, const char *ref, struct layout *l, struct err *e)
{
	CLEANUP(cleanup_json) struct json *manifest = NULL;
	CLEANUP(cleanup_json) struct json *config = NULL;
	CLEANUP(oci_manifest_free) struct oci_manifest m = { 0 };
	CLEANUP(strv_free) struct strv diff_ids = { 0 };
	int rc;

	if ((rc = find_manifest(dir, ref, &manifest, &l->image.digest, e)) < 0 ||
		(rc = oci_manifest_parse(manifest, &m, e)) < 0 ||
		(rc = read_blob(dir, &m.config, &config, e)) < 0 ||
		(rc = oci_config_parse(config, oci_architecture(), &l->image, &diff_ids, e)) < 0)
		return rc;
	l->image.id = TAKE(m.config.digest);
	l->layers = mem_zalloc(m.layers_len * sizeof(*l->layers));
	l->len = m.layers_len;
	for (size_t i = 0; i < l->len; i++) {
		l->layers[i].path = blob_path(m.layers[i].digest);
		l->layers[i].digest = TAKE(m.layers[i].digest);
		l->layers[i].size_bytes = m.layers[i].size_bytes;
	}
	return match_layers(l, &diff_ids, e);
}

/* ---- docker save --------------------------------------------------------------------------- */

static int read_saved(int dir, const char *ref, struct layout *l, struct err *e)
{
	CLEANUP(cleanup_json) struct json *manifest = NULL;
	CLEANUP(cleanup_json) struct json *config = NULL;
	CLEANUP(buf_free) struct buf manifest_text = { 0 };
	CLEANUP(buf_free) struct buf config_text = { 0 };
	CLEANUP(oci_saved_free) struct oci_saved s = { 0 };
	CLEANUP(strv_free) struct strv diff_ids = { 0 };
	int rc;

	if ((rc = read_json(dir, "manifest.json", &manifest_text, &manifest, e)) < 0 ||
		(rc = oci_saved_choose(manifest, ref, &s, e)) < 0 ||
		(rc = read_json(dir, s.config, &config_text, &config, e)) < 0 ||
		(rc = oci_config_parse(config, oci_architecture(), &l->image, &diff_ids, e)) < 0)
		return rc;
	/* Nothing here is named by a digest but the layers' plain archives, in the configuration;
	 * whose own digest is the image's id, as everywhere. */
	l->image.id = str_dup(digest_of(config_text.data, config_text.len).text);
	l->layers = mem_zalloc(s.layers.len * sizeof(*l->layers));
	l->len = s.layers.len;
	for (size_t i = 0; i < l->len; i++)
		l->layers[i].path = str_dup(s.layers.at[i]);
	return match_layers(l, &diff_ids, e);
}

int layout_read(int dir, const char *ref, struct layout *out, struct err *e)
{
	CLEANUP(layout_free) struct layout l = { 0 };
	int rc = layout_kind(dir) == LAYOUT_SAVED ? read_saved(dir, ref, &l, e)
						  : read_oci(dir, ref, &l, e);

	if (rc < 0)
		return rc;
	*out = l;
	l = (struct layout){ 0 };
	return 0;
}
