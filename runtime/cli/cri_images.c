/* Images: images, inspecti, rmi, imagefsinfo. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cri.h"
#include "cli/cri_image.h"
#include "cli/cri_text.h"
#include "cli/table.h"

/* ---- choosing ---- */

/* In the order of their names, the filters applied; an exit code. */
static int choose(struct cri *r, const char *name, const struct strv *filters, struct json **out)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct json *filter = NULL;
	struct err e = { 0 };
	int code;

	if (name && *name)
		filter = cri_wrap("filter", cri_wrap("image", cri_field("image", name)));
	code = cri_ask(r, "ListImages", filter, &answer);
	if (code != EXIT_OK)
		return code;
	if (cri_image_select(json_get(answer, "images"), filters, out, &e) < 0)
		return cli_usage(r->cli, "%s", e.text);
	return EXIT_OK;
}

static int status_of(struct cri *r, const char *name, bool is_verbose, struct json **out)
{
	struct json *request = cri_wrap("image", cri_field("image", name));

	json_set_bool(request, "verbose", is_verbose);
	return cri_ask(r, "ImageStatus", request, out);
}

/* ---- images ---- */

struct images_options {
	struct output form;
	bool is_quiet, is_verbose, is_whole, has_digests, has_pinned;
};

static void add_id(struct table *t, const char *id, bool is_whole)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	if (!is_whole)
		cri_short_id(id, &text);
	table_add(t, is_whole || !text.data ? id : text.data);
}

/* One row a tag; an image without any has one all the same. */
static void add_rows(struct table *t, const struct images_options *o, const struct json *image)
{
	CLEANUP(cleanup_free) char *repo = cri_image_repo(image);
	CLEANUP(cleanup_free) char *digest = cri_image_digest(image);
	const struct json *tags = json_get(image, "repoTags");
	CLEANUP(buf_free) struct buf size = { 0 };
	size_t i = 0;

	cri_size((double)cri_i64(image, "size"), 3, &size);
	do {
		const char *tag = json_str(json_at(tags, i));
		const char *colon = tag ? strrchr(tag, ':') : NULL;
		CLEANUP(cleanup_free)
		char *name = colon ? str_ndup(tag, (size_t)(colon - tag)) : NULL;

		table_add(t, name ? name : tag ? tag : repo);
		table_add(t, colon ? colon + 1 : "<none>");
		if (o->has_digests)
			add_id(t, digest, o->is_whole);
		add_id(t, cri_str(image, "id"), o->is_whole);
		table_add(t, size.data);
		if (o->has_pinned)
			table_add(t, json_is_true(json_get(image, "pinned")) ? "true" : "false");
	} while (++i < json_len(tags));
}

static void write_table(const struct images_options *o, const struct json *images, struct buf *out)
{
	CLEANUP(table_free) struct table t = { 0 };
	const char *header[6];
	size_t n = 0;

	header[n++] = "IMAGE";
	header[n++] = "TAG";
	if (o->has_digests)
		header[n++] = "DIGEST";
	header[n++] = "IMAGE ID";
	header[n++] = "SIZE";
	if (o->has_pinned)
		header[n++] = "PINNED";
	table_row(&t, header, n);
	for (size_t i = 0; i < json_len(images); i++)
		add_rows(&t, o, json_at(images, i));
	table_flush(&t, out);
}

static void write_list(const char *title, const struct json *list, struct buf *out)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_str(json_at(list, i)))
			cri_write_line(title, json_str(json_at(list, i)), out);
}

static void write_verbose(const struct json *image, struct buf *out)
{
	cri_write_line("ID", cri_str(image, "id"), out);
	write_list("RepoTags", json_get(image, "repoTags"), out);
	write_list("RepoDigests", json_get(image, "repoDigests"), out);
	cri_write_line("Size", cri_str(image, "size"), out);
	cri_write_line("Uid", cri_str(image, "uid.value"), out);
	cri_write_line("Username", cri_str(image, "username"), out);
	if (json_is_true(json_get(image, "pinned")))
		cri_write_line("Pinned", "true", out);
	buf_addc(out, '\n');
}

static int print_images(const struct images_options *o, const struct json *images)
{
	CLEANUP(cleanup_json) struct json *whole = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };

	if (o->form.kind != OUTPUT_TABLE) {
		whole = cri_wrap("images", json_copy(images));
		return cri_print(&o->form, whole);
	}
	if (!o->is_quiet && !o->is_verbose)
		write_table(o, images, &out);
	for (size_t i = 0; i < json_len(images); i++) {
		if (o->is_quiet)
			buf_addf(&out, "%s\n", cri_str(json_at(images, i), "id"));
		else if (o->is_verbose)
			write_verbose(json_at(images, i), &out);
	}
	return output_write(&out);
}

int cri_images(struct cri *r, char **argv)
{
	struct images_options o = { 0 };
	CLEANUP(strv_free) struct strv filters = { 0 };
	const char *form = NULL;
	const struct option table[] = {
		{ "filter", 'f', OPTION_LIST, &filters },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &o.is_quiet },
		{ "verbose", 'v', OPTION_FLAG, &o.is_verbose },
		{ "digests", 0, OPTION_FLAG, &o.has_digests },
		{ "pinned", 0, OPTION_FLAG, &o.has_pinned },
		{ "no-trunc", 0, OPTION_FLAG, &o.is_whole },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *images = NULL;
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_TABLE, &o.form);
	if (code != CLI_GO_ON)
		return code;
	if (args.len > 1)
		return cli_usage(r->cli, "one name at most");
	code = choose(r, args.len ? args.at[0] : NULL, &filters, &images);
	return code == EXIT_OK ? print_images(&o, images) : code;
}

/* ---- inspecti ---- */

static void write_status(const struct json *answer, struct buf *out)
{
	const struct json *image = json_get(answer, "image");
	CLEANUP(buf_free) struct buf size = { 0 };

	cri_size((double)cri_i64(image, "size"), 3, &size);
	cri_write_line("ID", cri_str(image, "id"), out);
	write_list("Tag", json_get(image, "repoTags"), out);
	write_list("Digest", json_get(image, "repoDigests"), out);
	cri_write_line("Size", size.data, out);
	cri_write_map("Info", json_get(answer, "info"), out);
}

static int inspect(struct cri *r, const struct strv *names, bool is_verbose, const struct output *o)
{
	CLEANUP(cleanup_json) struct json *list = json_new_array();
	CLEANUP(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < names->len; i++) {
		CLEANUP(cleanup_json) struct json *answer = NULL;
		int code = status_of(r, names->at[i], is_verbose, &answer);

		if (code != EXIT_OK)
			return code;
		if (!json_get(answer, "image"))
			return cli_say("no such image \"%s\"", names->at[i]);
		write_status(answer, &text);
		json_push(list, cri_status_object(answer, "image"));
	}
	return o->kind == OUTPUT_TABLE ? output_write(&text) : cri_print_statuses(o, list);
}

int cri_inspecti(struct cri *r, char **argv)
{
	CLEANUP(strv_free) struct strv filters = { 0 };
	CLEANUP(strv_free) struct strv names = { 0 };
	const char *form = NULL, *name = NULL;
	bool is_quiet = false;
	struct output o;
	const struct option table[] = {
		{ "name", 0, OPTION_TEXT, &name },
		{ "filter", 'f', OPTION_LIST, &filters },
		{ "output", 'o', OPTION_TEXT, &form },
		{ "quiet", 'q', OPTION_FLAG, &is_quiet },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *images = NULL;
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	code = args.len == 0 ? choose(r, name, &filters, &images) : EXIT_OK;
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < args.len; i++)
		strv_add(&names, args.at[i]);
	for (size_t i = 0; i < json_len(images); i++)
		strv_add(&names, cri_str(json_at(images, i), "id"));
	if (names.len == 0)
		return cli_say("no image is like that");
	return inspect(r, &names, !is_quiet, &o);
}

/* ---- rmi ---- */

/* CRI removes an image with all its names: whoever gave one of several is told. */
static void warn_of_tags(const char *name, const struct json *tags)
{
	if (json_len(tags) < 2 || str_starts(name, "sha256:") || !strpbrk(name, ":/"))
		return;
	cli_warn("image \"%s\" has several tags, which all go with it", name);
}

static void tell_removed(const struct json *image)
{
	const struct json *names = json_get(image, "repoTags");

	if (json_len(names) == 0)
		names = json_get(image, "repoDigests");
	for (size_t i = 0; i < json_len(names); i++)
		printf("Deleted: %s\n", json_str(json_at(names, i)));
}

/* Somebody may have begun to use an image that was to be pruned: that is no failure. */
static int remove_one(struct cri *r, const char *name, bool is_prune)
{
	CLEANUP(cleanup_json) struct json *status = NULL;
	CLEANUP(cleanup_json) struct json *answer = NULL;
	struct cri_call call = {
		.rpc = "RemoveImage",
		.request = NULL,
		.is_silent = is_prune,
	};
	int code = status_of(r, name, false, &status);
	const struct json *image = json_get(status, "image");

	if (code != EXIT_OK)
		return code;
	if (!image)
		return cli_say("no such image \"%s\"", name);
	warn_of_tags(name, json_get(image, "repoTags"));
	call.request = cri_wrap("image", cri_field("image", name));
	code = cri_ask_within(r, &call, &answer);
	if (code == EXIT_OK)
		tell_removed(image);
	return is_prune ? EXIT_OK : code;
}

/* The ids of the images that containers use. */
static int used_images(struct cri *r, struct strv *out)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	int code = cri_ask(r, "ListContainers", NULL, &answer);
	const struct json *list = json_get(answer, "containers");

	for (size_t i = 0; i < json_len(list) && code == EXIT_OK; i++) {
		CLEANUP(cleanup_json) struct json *status = NULL;

		/* Not to know what a container uses is no leave to remove it. */
		code = status_of(r, cri_str(json_at(list, i), "image.image"), false, &status);
		strv_add(out, cri_str(status, "image.id"));
	}
	strv_sort_unique(out);
	return code;
}

static int remove_many(struct cri *r, bool is_prune)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(strv_free) struct strv used = { 0 };
	int code = cri_ask(r, "ListImages", NULL, &answer), result = EXIT_OK;
	const struct json *images = json_get(answer, "images");

	if (code == EXIT_OK && is_prune)
		code = used_images(r, &used);
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < json_len(images) && !r->ended_by; i++) {
		const struct json *image = json_at(images, i);
		const char *id = cri_str(image, "id");
		bool stays = is_prune && (json_is_true(json_get(image, "pinned")) ||
						 strv_has_sorted(&used, id));

		if (!stays && remove_one(r, id, is_prune) != EXIT_OK)
			result = EXIT_ERROR;
	}
	return result;
}

int cri_rmi(struct cri *r, char **argv)
{
	bool has_all = false, is_prune = false;
	const struct option table[] = {
		{ "all", 'a', OPTION_FLAG, &has_all },
		{ "prune", 'q', OPTION_FLAG, &is_prune },
	};
	CLEANUP(arguments_free) struct arguments args = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code != CLI_GO_ON)
		return code;
	if (has_all + is_prune + (args.len > 0) != 1)
		return cli_usage(r->cli, "images, or --all, or --prune");
	if (args.len == 0)
		return remove_many(r, is_prune);
	code = EXIT_OK;
	for (size_t i = 0; i < args.len && !r->ended_by; i++)
		if (remove_one(r, args.at[i], false) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

/* ---- imagefsinfo ---- */

static void write_filesystems(const char *title, const struct json *list, struct buf *out)
{
	buf_addf(out, "%s Filesystem\n", title);
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *fs = json_at(list, i);
		const char *inodes = cri_str(fs, "inodesUsed.value");
		CLEANUP(buf_free) struct buf size = { 0 };

		cri_size((double)cri_i64(fs, "usedBytes.value"), 4, &size);
		buf_addf(out, "TimeStamp[%zu]: %" PRId64 "\n", i, cri_i64(fs, "timestamp"));
		buf_addf(out, "Disk[%zu]: %s\n", i, size.data);
		buf_addf(out, "Inodes[%zu]: %s\n", i, *inodes ? inodes : "0");
		buf_addf(out, "Mountpoint[%zu]: ", i);
		table_safe_text(out, cri_str(fs, "fsId.mountpoint"));
		buf_addc(out, '\n');
	}
}

int cri_imagefsinfo(struct cri *r, char **argv)
{
	const char *form = NULL;
	struct output o;
	const struct option table[] = { { "output", 'o', OPTION_TEXT, &form } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(cleanup_json) struct json *shown = NULL;
	CLEANUP(buf_free) struct buf out = { 0 };
	int code = cri_options(r, table, ARRAY_LEN(table), argv, &args);

	if (code == CLI_GO_ON)
		code = cri_form(r, form, OUTPUT_JSON, &o);
	if (code != CLI_GO_ON)
		return code;
	if (args.len > 0)
		return cli_usage(r->cli, "unexpected argument \"%s\"", args.at[0]);
	code = cri_ask(r, "ImageFsInfo", NULL, &answer);
	if (code != EXIT_OK)
		return code;
	if (o.kind == OUTPUT_TABLE) {
		write_filesystems("Container", json_get(answer, "containerFilesystems"), &out);
		write_filesystems("Image", json_get(answer, "imageFilesystems"), &out);
		return output_write(&out);
	}
	shown = cri_wrap("status", json_copy(answer));
	return cri_print(&o, shown);
}
