/* A tar is unpacked as if it were a layer; when an image layout comes out, that is read instead,
 * and else it is the one layer of the image.  So a tar is read once, whatever the order of its
 * entries.
 *
 * A layer is stored under its chain id, which stands for it and all layers below: what unpacking
 * makes depends on those (a hard link to a file of a lower layer, a directory that only a lower
 * layer describes), and overlayfs refuses the same directory twice in one mount, while images do
 * have the same layer twice.  The lowest layer's chain id is its digest.
 */
#include "image/import.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "image/copy.h"
#include "image/digest.h"
#include "image/layout.h"
#include "image/name.h"
#include "image/oci.h"
#include "image/size.h"
#include "image/unpack.h"

/* ---- one layer ------------------------------------------------------------------------------ */

static int check_digests(
	const struct layout_layer *l, const struct stream_digests *is, struct err *e)
{
	if (l->digest && !str_eq(l->digest, is->stored.text))
		return err_say(e, EBADMSG, "its digest is %.19s…", is->stored.text);
	if (l->digest && l->size_bytes != is->stored_bytes)
		return err_say(e, EBADMSG, "its size is %lld", (long long)is->stored_bytes);
	if (!str_eq(l->diff_id, is->plain.text))
		return err_say(e, EBADMSG, "its plain digest is %.19s…, config says %.19s…",
			is->plain.text, l->diff_id);
	return 0;
}

struct layers {
	struct import *im;
	struct budget budget;
	struct stack stack; /* the finished ones */
	struct strv paths;  /* theirs, lowest first */
	int64_t size_bytes;
};

static void layers_free(struct layers *l)
{
	stack_free(&l->stack);
	strv_free(&l->paths);
}

static int unpack_layer(
	struct layers *all, int dir, const struct layout_layer *l, const char *hex, struct err *e)
{
	CLEANUP(tree_free) struct tree t = TREE_EMPTY;
	CLEANUP(cleanup_free) char *temporary = NULL;
	CLEANUP(cleanup_fd) int blob = layout_open(dir, l->path, e);
	struct unpack_result r;
	int rc, made;

	if (blob < 0)
		return blob;
	made = store_make_temporary(all->im->store, &temporary, e);
	if (made < 0)
		return made;
	tree_begin(&t, made, &all->stack, &all->budget);
	if ((rc = unpack(blob, &t, &r, e)) < 0 || (rc = check_digests(l, &r.digests, e)) < 0 ||
		(rc = tree_finish(&t, e)) < 0)
		return err_wrap(e, rc, "layer %s", l->path);
	all->im->skipped += r.skipped;
	return store_publish(all->im->store, temporary, hex, e);
}

/* The finished layer becomes the top of the stack. */
static int take_layer(struct layers *all, const char *hex, struct err *e)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/layers/%s", all->im->store->path, hex);
	int fd = store_open_layer(all->im->store, hex, e), rc;

	if (fd < 0)
		return fd;
	rc = size_below(fd, &all->size_bytes, e);
	stack_push(&all->stack, fd);
	strv_add(&all->paths, path);
	return rc;
}

static int add_layer(struct layers *all, int dir, const struct layout_layer *l,
	struct digest *chain, struct err *e)
{
	const char *hex;
	int rc;

	*chain = digest_chain(all->stack.len ? chain->text : NULL, l->diff_id);
	hex = digest_hex(chain->text);
	rc = take_layer(all, hex, e);
	if (rc != -ENOENT)
		return rc;
	rc = unpack_layer(all, dir, l, hex, e);
	return rc < 0 ? rc : take_layer(all, hex, e);
}

/* ---- the record ----------------------------------------------------------------------------- */

static int finish(struct layers *all, struct image_record *r, struct err *e)
{
	int rc = image_name_normalise(all->im->name, &r->ref, e);

	if (rc < 0)
		return rc;
	r->name = str_dup(all->im->name);
	for (size_t i = all->paths.len; i-- > 0;)
		strv_add(&r->layers, all->paths.at[i]);
	r->size_bytes = all->size_bytes;
	r->created_wall_ms = clock_now().wall_ms;
	return store_add_record(all->im->store, r, e);
}

static int import_layout(struct import *im, int dir, struct image_record *out, struct err *e)
{
	CLEANUP(layout_free) struct layout l = { 0 };
	CLEANUP(layers_free)
	struct layers all = { .im = im, .budget = budget_make(im->max_bytes) };
	CLEANUP(cleanup_free) char *ref = NULL;
	struct digest chain;
	int rc;

	if ((rc = image_name_normalise(im->name, &ref, e)) < 0 ||
		(rc = layout_read(dir, ref, &l, e)) < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < l.len; i++)
		rc = add_layer(&all, dir, &l.layers[i], &chain, e);
	if (rc == 0)
		rc = finish(&all, &l.image, e);
	if (rc < 0)
		return rc;
	*out = l.image;
	l.image = (struct image_record){ 0 };
	return 0;
}

/* A root file system comes without a configuration; the id is the digest of the one that an image
 * of this layer alone would have. */
static struct digest bare_id(const char *layer)
{
	CLEANUP(cleanup_json) struct json *config = json_new_object();
	CLEANUP(buf_free) struct buf text = { 0 };
	struct json *rootfs = json_new_object(), *ids = json_new_array();

	json_set_str(config, "architecture", oci_architecture());
	json_set_str(config, "os", "linux");
	json_push(ids, json_new_string(layer));
	json_set_str(rootfs, "type", "layers");
	json_set(rootfs, "diff_ids", ids);
	json_set(config, "rootfs", rootfs);
	json_write(config, JSON_COMPACT, &text);
	return digest_of(text.data, text.len);
}

static int import_bare(struct import *im, const char *temporary, const char *layer,
	struct image_record *out, struct err *e)
{
	CLEANUP(image_record_free) struct image_record r = { 0 };
	CLEANUP(layers_free) struct layers all = { .im = im };
	int rc;

	if ((rc = store_publish(im->store, temporary, digest_hex(layer), e)) < 0 ||
		(rc = take_layer(&all, digest_hex(layer), e)) < 0)
		return rc;
	r.id = str_dup(bare_id(layer).text);
	if ((rc = finish(&all, &r, e)) < 0)
		return rc;
	*out = r;
	r = (struct image_record){ 0 };
	return 0;
}

/* ---- the kinds of source --------------------------------------------------------------------- */

static int import_directory(struct import *im, struct image_record *out, struct err *e)
{
	CLEANUP(tree_free) struct tree t = TREE_EMPTY;
	CLEANUP(cleanup_free) char *temporary = NULL;
	struct budget budget = budget_make(im->max_bytes);
	const struct stack nothing = { 0 };
	struct copy_result r;
	int rc, made = store_make_temporary(im->store, &temporary, e);

	if (made < 0)
		return made;
	tree_begin(&t, made, &nothing, &budget);
	if ((rc = copy_directory(im->source, im->store->fd, &t, &r, e)) < 0 ||
		(rc = tree_finish(&t, e)) < 0)
		return rc;
	im->skipped = r.skipped;
	if (budget.entries == BUDGET_ENTRIES)
		return err_say(e, EINVAL, "an empty directory is no image");
	return import_bare(im, temporary, r.id.text, out, e);
}

static int import_archive(struct import *im, struct image_record *out, struct err *e)
{
	CLEANUP(tree_free) struct tree t = TREE_EMPTY;
	CLEANUP(cleanup_free) char *temporary = NULL;
	struct budget budget = budget_make(im->max_bytes);
	const struct stack nothing = { 0 };
	struct unpack_result r;
	int rc, made = store_make_temporary(im->store, &temporary, e);

	if (made < 0)
		return made;
	tree_begin(&t, made, &nothing, &budget);
	if ((rc = unpack(im->source, &t, &r, e)) < 0 || (rc = tree_finish(&t, e)) < 0)
		return rc;
	if (layout_kind(t.fd) != LAYOUT_NONE)
		return import_layout(im, t.fd, out, e);
	im->skipped = r.skipped;
	if (r.entries == 0)
		return err_say(e, EINVAL, "an empty archive is no image");
	return import_bare(im, temporary, r.digests.plain.text, out, e);
}

int import_image(struct import *im, struct image_record *out, struct err *e)
{
	struct stat st;

	if (fstat(im->source, &st) < 0)
		return err_set(e, errno, "stat");
	if (!S_ISDIR(st.st_mode))
		return import_archive(im, out, e);
	return layout_kind(im->source) == LAYOUT_NONE ? import_directory(im, out, e)
						      : import_layout(im, im->source, out, e);
}
