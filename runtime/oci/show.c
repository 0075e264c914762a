/* state, list, ps */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/groups.h"
#include "oci/options.h"
#include "oci/pause.h"
#include "oci/record.h"

enum { PIDS_MAX = 32768 };

static int print_json(const struct json *j, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };

	json_write(j, JSON_PRETTY, &text);
	return printf("%s\n", text.data) < 0 || fflush(stdout) != 0
		       ? err_set(e, errno, "write to standard output")
		       : 0;
}

int oci_state(const struct oci *o, int argc, char **argv, struct err *e)
{
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	CLEANUP(cleanup_json) struct json *state = NULL;
	const char *id = NULL;
	int at = options_read(
		argc, argv, NULL, 0, "Usage: carpel-oci state ID\n\nShows its state as JSON.\n", e);
	int rc = at < 0 ? at : options_id(argc, argv, at, &id, e);

	if (rc < 0 || (rc = container_open(o, id, FOR_READING, &c, e)) < 0)
		return rc;
	state = container_state(&c, container_status_of(o, &c));
	return print_json(state, e);
}

static int check_format(const char *format, struct err *e)
{
	return str_eq(format, "json") || str_eq(format, "table")
		       ? 0
		       : err_say(e, EINVAL, "--format %.64s: want json or table", format);
}

/* One that goes away while we look is not listed. */
static struct json *list_all(const struct oci *o, DIR *d)
{
	struct json *all = json_new_array();
	struct dirent *entry;

	while ((entry = readdir(d))) {
		CLEANUP(container_close) struct container c = CONTAINER_NONE;

		if (record_check_id(entry->d_name, NULL) == 0 &&
			container_open(o, entry->d_name, FOR_READING, &c, NULL) == 0)
			json_push(all, container_state(&c, container_status_of(o, &c)));
	}
	return all;
}

static void print_table(const struct json *all, bool is_quiet)
{
	if (!is_quiet)
		(void)printf(
			"%-24s %-8s %-9s %-31s %s\n", "ID", "PID", "STATUS", "CREATED", "BUNDLE");
	for (size_t i = 0; i < json_len(all); i++) {
		const struct json *c = json_at(all, i);

		if (is_quiet)
			(void)printf("%s\n", json_get_str(c, "id"));
		else
			(void)printf("%-24s %-8s %-9s %-31s %s\n", json_get_str(c, "id"),
				json_str(json_get(c, "pid")), json_get_str(c, "status"),
				json_get_str(c, "created"), json_get_str(c, "bundle"));
	}
}

int oci_list(const struct oci *o, int argc, char **argv, struct err *e)
{
	const char *format = "table";
	bool is_quiet = false;
	const struct option_row rows[] = { { "format", 'f', OPTION_TEXT, &format },
		{ "quiet", 'q', OPTION_FLAG, &is_quiet } };
	CLEANUP(cleanup_json) struct json *all = NULL;
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows),
		"Usage: carpel-oci list [--format json|table] [--quiet]\n\nLists containers.\n", e);
	int rc = at < 0 ? at : check_format(format, e), root;
	DIR *d;

	if (rc < 0)
		return rc;
	if (at < argc)
		return err_say(e, EINVAL, "%s: no arguments are wanted", argv[at]);
	if ((root = record_open_root(o, e)) < 0)
		return root;
	if (!(d = fdopendir(root))) {
		rc = err_set(e, errno, "list %s", o->root);
		close(root);
		return rc;
	}
	all = list_all(o, d);
	closedir(d);
	if (str_eq(format, "json") && !is_quiet)
		return print_json(all, e);
	print_table(all, is_quiet);
	return 0;
}

/* Options of ps(1) are passed on to it. */
static int print_processes(const int32_t *pids, int n, char **options, struct err *e)
{
	CLEANUP(buf_free) struct buf list = { 0 };
	struct strv args = { 0 };

	for (int i = 0; i < n; i++)
		buf_addf(&list, "%s%" PRId32, i ? "," : "", pids[i]);
	strv_add(&args, "ps");
	if (!*options)
		strv_add(&args, "-f");
	for (; *options; options++)
		strv_add(&args, *options);
	strv_add(&args, "-p");
	strv_add(&args, list.len ? list.data : "0");
	(void)fflush(stdout);
	execvp("ps", strv_argv(&args));
	return err_set(e, errno, "execute ps");
}

int oci_ps(const struct oci *o, int argc, char **argv, struct err *e)
{
	const char *format = "table";
	const struct option_row rows[] = { { "format", 'f', OPTION_TEXT, &format } };
	CLEANUP(container_close) struct container c = CONTAINER_NONE;
	CLEANUP(groups_close) struct cgroups *cgroups = NULL;
	CLEANUP(cleanup_free) int32_t *pids = NULL;
	CLEANUP(cleanup_json) struct json *all = NULL;
	int at = options_read(argc, argv, rows, ARRAY_LEN(rows),
		"Usage: carpel-oci ps [--format json|table] ID [OPTION of ps…]\n\n"
		"Shows the processes of a container.\n",
		e);
	int rc = at < 0 ? at : check_format(format, e), n;

	if (rc < 0)
		return rc;
	if (at >= argc)
		return err_say(e, EINVAL, "want a container id");
	if ((rc = container_open(o, argv[at], FOR_READING, &c, e)) < 0 ||
		(rc = groups_open(o, &cgroups, e)) < 0)
		return rc;
	pids = mem_resize(NULL, PIDS_MAX, sizeof(*pids));
	n = cgroup_pids(cgroups, c.r.cgroup, pids, PIDS_MAX);
	if (str_eq(format, "table"))
		return print_processes(pids, n, argv + at + 1, e);
	all = json_new_array();
	for (int i = 0; i < n; i++)
		json_push(all, json_new_i64(pids[i]));
	return print_json(all, e);
}
