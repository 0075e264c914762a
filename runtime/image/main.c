/* carpel-image: takes images in, lists and removes them.  carpeld starts one for each import and
 * removal; by hand it does the same.  See carpel-image(8).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "image/cdi.h"
#include "image/confine.h"
#include "image/count.h"
#include "image/import.h"
#include "image/name.h"
#include "image/record.h"
#include "image/store.h"

#define MAX_SIZE_TEXT "32G"

static const char usage[] =
	"usage: carpel-image --store DIR [--max-size N[K|M|G|T]] import NAME PATH\n"
	"       carpel-image --store DIR rm NAME\n"
	"       carpel-image --store DIR list\n"
	"       carpel-image usage <LIST\n"
	"       carpel-image cdi ROOT DEVICE...\n"
	"PATH is a directory with a root file system, a tar archive of one, an OCI image layout\n"
	"(directory or tar), or what \"docker save\" writes.  The result is JSON on standard "
	"output.\n";

struct options {
	const char *store;
	int64_t max_bytes;
};

static int say(const char *text)
{
	return fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static int print(struct json *j, struct err *e)
{
	CLEANUP(cleanup_json) struct json *owned = j;
	CLEANUP(buf_free) struct buf text = { 0 };
	int rc;

	json_write(owned, JSON_PRETTY, &text);
	if (text.len && text.data[text.len - 1] != '\n')
		buf_addc(&text, '\n');
	rc = fd_write_all(STDOUT_FILENO, text.data, text.len);
	return rc < 0 ? err_set(e, -rc, "write the result") : 0;
}

/* An import's store is made here; what is below it, store_open() makes. */
static int make_store(const char *path, char **out, struct err *e)
{
	int rc = fd_mkdir_all(AT_FDCWD, path, 0700, e);

	if (rc < 0)
		return rc;
	*out = realpath(path, NULL);
	return *out ? 0 : err_set(e, errno, "%s", path);
}

static int need_root(struct err *e)
{
	return geteuid() == 0 ? 0 : err_say(e, EPERM, "only root can change the store of images");
}

static int import_into(
	struct store *s, const char *name, int source, int64_t max_bytes, struct err *e)
{
	CLEANUP(image_record_free) struct image_record made = { 0 };
	struct import im = { .store = s, .name = name, .source = source, .max_bytes = max_bytes };
	int rc = store_begin(s, e);

	if (rc < 0)
		return rc;
	rc = import_image(&im, &made, e);
	store_end(s);
	if (rc < 0)
		return rc;
	if (im.skipped)
		log_info("left out %zu device nodes and sockets", im.skipped);
	return print(image_record_json(&made), e);
}

static int import(const struct options *o, const char *name, const char *path, struct err *e)
{
	CLEANUP(store_close) struct store s = STORE_EMPTY;
	CLEANUP(cleanup_free) char *store = NULL;
	CLEANUP(cleanup_free) char *ref = NULL;
	CLEANUP(cleanup_fd) int source = -1;
	int rc;

	if ((rc = image_name_normalise(name, &ref, e)) < 0 || (rc = need_root(e)) < 0)
		return rc;
	if (image_name_digest(ref))
		return err_say(e, EINVAL,
			"image name \"%s\": an import makes the digest, it cannot be asked for",
			name);
	if ((rc = make_store(o->store, &store, e)) < 0)
		return rc;
	source = confine_files(store, path, e);
	if (source < 0)
		return source;
	if ((rc = confine_powers(e)) < 0 || (rc = store_open(store, &s, e)) < 0)
		return rc;
	rc = import_into(&s, name, source, o->max_bytes, e);
	return rc < 0 ? err_wrap(e, rc, "import %s", path) : 0;
}

/* An id may have several names: the image goes with all of them.  A name's record goes even when it
 * cannot be read. */
static int remove_records(const struct store *s, const char *name, struct err *e)
{
	CLEANUP(cleanup_free) char *ref = NULL;
	size_t removed = 0;
	int rc;

	if (!image_is_digest(name)) {
		if ((rc = image_name_normalise(name, &ref, e)) < 0)
			return rc;
		if (!image_name_digest(ref))
			return store_remove_record(s, ref, e);
	}
	for (;;) {
		CLEANUP(image_record_free) struct image_record r = { 0 };

		rc = image_record_find(s->path, name, &r, e);
		if (rc == -ENOENT && removed)
			return 0;
		if (rc < 0 || (rc = store_remove_record(s, r.ref, e)) < 0)
			return rc;
		removed++;
	}
}

static int remove_image(const struct options *o, const char *name, struct err *e)
{
	CLEANUP(store_close) struct store s = STORE_EMPTY;
	CLEANUP(cleanup_free) char *store = NULL;
	int rc;

	if ((rc = need_root(e)) < 0 || (rc = make_store(o->store, &store, e)) < 0 ||
		(rc = confine_files(store, NULL, e)) < 0 || (rc = confine_powers(e)) < 0 ||
		(rc = store_open(store, &s, e)) < 0)
		return rc;
	rc = remove_records(&s, name, e);
	store_end(&s);
	return rc;
}

/* Reads our own records only, and no byte of an image. */
static int list(const struct options *o, struct err *e)
{
	CLEANUP(image_list_free) struct image_list images = { 0 };
	struct json *answer, *items;
	int rc = image_record_list(o->store, &images, e);

	if (rc < 0)
		return rc;
	answer = json_new_object();
	items = json_new_array();
	for (size_t i = 0; i < images.len; i++)
		json_push(items, image_record_json(&images.at[i]));
	json_set(answer, "items", items);
	return print(answer, e);
}

static int parse_size(const char *text, int64_t *out, struct err *e)
{
	static const char units[] = "KMGT";
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	CLEANUP(cleanup_free) char *digits = str_ndup(text, unit ? len - 1 : len);
	int shift = unit ? 10 * (int)(unit - units + 1) : 0;

	if (str_to_i64(digits, 1, INT64_MAX >> shift, out) < 0)
		return err_say(e, EINVAL, "--max-size %.64s: not a size such as 500M or 2G", text);
	*out <<= shift;
	return 0;
}

static int run(const struct options *o, char **argv, int argc, struct err *e)
{
	const char *what = argc ? argv[0] : "";

	if (str_eq(what, "usage") && argc == 1)
		return count_trees(e);
	if (str_eq(what, "cdi") && argc >= 3)
		return cdi_resolve(argv[1], argv + 2, (size_t)argc - 2, e);
	if (!o->store)
		return err_say(e, EINVAL, "--store is missing; see --help");
	if (str_eq(what, "import") && argc == 3)
		return import(o, argv[1], argv[2], e);
	if (str_eq(what, "rm") && argc == 2)
		return remove_image(o, argv[1], e);
	if (str_eq(what, "list") && argc == 1)
		return list(o, e);
	return err_say(e, EINVAL, "import NAME PATH, rm NAME, list, usage or cdi? See --help");
}

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },
	{ "max-size", required_argument, NULL, 'm' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static int start(int argc, char **argv, struct err *e)
{
	struct options o = { 0 };
	int option, rc = parse_size(MAX_SIZE_TEXT, &o.max_bytes, e);

	while (rc == 0 && (option = getopt_long(argc, argv, "+hV", long_options, NULL)) >= 0) {
		if (option == 'h' || option == 'V')
			return say(option == 'h' ? usage : "carpel-image " CARPEL_VERSION "\n");
		if (option == 's')
			o.store = optarg;
		else if (option == 'm')
			rc = parse_size(optarg, &o.max_bytes, e);
		else
			rc = err_say(e, EINVAL, "see --help");
	}
	return rc < 0 ? rc : run(&o, argv + optind, argc - optind, e);
}

/* The bare reason: carpeld hands it on, and says itself who failed. */
static void complain(const struct err *e)
{
	CLEANUP(cleanup_free) char *line = str_fmt("%s\n", e->text);

	(void)fd_write_all(STDERR_FILENO, line, strlen(line));
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int rc;

	log_set_name("carpel-image");
	opterr = 0; /* one line of reason is enough */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(0); /* modes are the image's */
	/* Archives hold names in UTF-8; libarchive asks the locale whether it can show them. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	rc = start(argc, argv, &e);
	if (rc < 0)
		complain(&e);
	/* Not exit(): what it would run expects more system calls than we have left.  The status is
	 * the errno, from which carpeld makes the status of its answer. */
	_exit(rc < 0 ? -rc : EXIT_SUCCESS);
}
