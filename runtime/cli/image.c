/* image: import, list, rm, by /apis/carpel/v1/images. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "cli/age.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/request.h"
#include "cli/table.h"

#define IMAGES "/apis/carpel/v1/images"

enum { IMAGE_NAME_MAX = 255 };

/* An image's name goes into a path on the wire only, percent-encoded; what it may be called is
 * carpeld's to say.  What no image is ever called is refused here. */
static bool is_image_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > IMAGE_NAME_MAX || name[0] == '/' || name[0] == '.' ||
		strstr(name, ".."))
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return false;
	return true;
}

static int import(struct cli *c, const char *name, const char *path)
{
	CLEANUP(cleanup_free) char *absolute = realpath(path, NULL);
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	CLEANUP(cleanup_json) struct json *image = NULL;
	struct request q = { .method = "POST", .path = IMAGES, .body = body };
	struct err e = { 0 };
	const char *id;

	/* carpeld has another working directory; and a missing path is this user's mistake. */
	if (!absolute)
		return cli_say("%s: %s", path, strerror(errno));
	json_set_str(body, "name", name);
	json_set_str(body, "path", absolute);
	if (request_json(c, &q, &image, &e) < 0)
		return cli_fail(c, NULL, &e);
	id = json_get_str(image, "id");
	printf("image %s imported%s%.19s\n", name, id ? ": " : "", id ? id : "");
	return EXIT_OK;
}

static void size_text(int64_t bytes, struct buf *out)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	int64_t tenths = bytes * 10;

	while (tenths >= 10240 && unit + 1 < ARRAY_LEN(units)) {
		tenths /= 1024;
		unit++;
	}
	if (unit == 0)
		buf_addf(out, "%" PRId64 "B", bytes);
	else
		buf_addf(out, "%" PRId64 ".%" PRId64 "%s", tenths / 10, tenths % 10, units[unit]);
}

static void add_image(struct table *t, const struct json *image)
{
	const char *name = json_get_str(image, "name"), *id = json_get_str(image, "id");
	CLEANUP(cleanup_free) char *short_id = str_fmt("%.19s", id ? id : "");
	CLEANUP(buf_free) struct buf size = { 0 };
	CLEANUP(buf_free) struct buf age = { 0 };
	int64_t bytes = 0;

	(void)json_i64(json_get(image, "sizeBytes"), 0, INT64_MAX / 10, &bytes);
	size_text(bytes, &size);
	age_since(json_get_str(image, "createdAt"), clock_now().wall_ms, &age);
	table_add(t, name ? name : "");
	table_add(t, short_id);
	table_add(t, size.data);
	table_add(t, age.data);
}

static int print_names(const struct json *items)
{
	for (size_t i = 0; i < json_len(items); i++) {
		const char *name = json_get_str(json_at(items, i), "name");

		printf("%s\n", name ? name : "");
	}
	return EXIT_OK;
}

static int list(struct cli *c, const struct output *o)
{
	static const char *const header[] = { "NAME", "ID", "SIZE", "AGE" };
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(table_free) struct table t = { 0 };
	CLEANUP(buf_free) struct buf out = { 0 };
	const struct json *items;
	struct err e = { 0 };

	if (request_get(c, IMAGES, &answer, &e) < 0)
		return cli_fail(c, NULL, &e);
	items = json_get(answer, "items");
	if (o->kind == OUTPUT_NAME)
		return print_names(items);
	if (!output_is_table(o)) {
		if (output_print(o, answer, &out, &e) < 0)
			return cli_say("%s", e.text);
		return output_write(&out);
	}
	if (json_len(items) == 0) {
		fputs("No images found\n", stderr);
		return EXIT_OK;
	}
	table_row(&t, header, ARRAY_LEN(header));
	for (size_t i = 0; i < json_len(items); i++)
		add_image(&t, json_at(items, i));
	table_flush(&t, &out);
	return output_write(&out);
}

static int remove_image(struct cli *c, const char *name)
{
	CLEANUP(cleanup_json) struct json *answer = NULL;
	CLEANUP(buf_free) struct buf path = { 0 };
	struct request q = { .method = "DELETE" };
	struct err e = { 0 };

	buf_adds(&path, IMAGES "/");
	api_escape(&path, name);
	q.path = path.data;
	if (request_json(c, &q, &answer, &e) < 0)
		return cli_fail(c, NULL, &e);
	printf("image %s removed\n", name);
	return EXIT_OK;
}

static int run(struct cli *c, const struct arguments *args, const struct output *o)
{
	const char *what = args->len ? args->at[0] : "";
	bool is_import = strcmp(what, "import") == 0, is_list = strcmp(what, "list") == 0;
	int code = EXIT_OK;

	if (strcmp(what, "ls") == 0)
		is_list = true;
	if (args->len == 0)
		return cli_usage(c, "import, list or rm?");
	if (!is_import && !is_list && strcmp(what, "rm") != 0)
		return cli_usage(c, "import, list or rm, not \"%s\"", what);
	if (is_import ? args->len != 3 : is_list ? args->len != 1 : args->len < 2)
		return cli_usage(c, "%s takes %s", what,
			is_import ? "a name and a path"
			: is_list ? "no name"
				  : "names");
	if (is_list)
		return list(c, o);
	for (size_t i = 1; i < (is_import ? 2 : args->len); i++)
		if (!is_image_name(args->at[i]))
			return cli_usage(c, "\"%s\" cannot be the name of an image", args->at[i]);
	if (is_import)
		return import(c, args->at[1], args->at[2]);
	for (size_t i = 1; i < args->len; i++)
		if (remove_image(c, args->at[i]) != EXIT_OK)
			code = EXIT_ERROR;
	return code;
}

int verb_image(struct cli *c, char **argv)
{
	const char *form = NULL;
	const struct option table[] = { { "output", 'o', OPTION_TEXT, &form } };
	CLEANUP(arguments_free) struct arguments args = { 0 };
	struct output o;
	int code = cli_options(c, table, ARRAY_LEN(table), argv, &args);
	struct err e = { 0 };

	if (code != CLI_GO_ON)
		return code;
	if (output_parse(form, &o, &e) < 0)
		return cli_usage(c, "%s", e.text);
	return run(c, &args, &o);
}
