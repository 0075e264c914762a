/* Measures carpeld through its socket, with one program and two connections for all runs, so that
 * no program's start is measured: one connection asks, the other one watches.
 *
 *     bench_client SOCKET pod|restart|exec|many RUNS POD.json
 *
 * POD.json: a v1 Pod; its name is made unique with a number.  Prints a line of JSON a result, times
 * in microseconds, as the floor does:
 *   pod      from the request to the watch's event: "running" and "ready"
 *   restart  from the kill of the container's process to "running" again
 *   exec     from the request to the exit status, "exec", the command being EXEC (environment)
 *   many     RUNS pods at once: "start" of each, with the first and the last tenth, "list" of one
 *            page of them meanwhile, and "list_all" of all in the end.  With HOLD in the
 * environment they stay until standard input ends, after the line {"name":"held"}.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <time.h>

#include "api/client.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

enum { TIMEOUT_MS = 60000, PODS_PATH_MAX = 256, LISTS = 20, LIST_EVERY = 10, LIST_PAGE = 20 };

static const char pods_path[] = "/api/v1/namespaces/default/pods";

static noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static noreturn void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bench_client: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- results -----------------------------------------------------------------------------------
 */

struct times {
	double *at;
	size_t len;
};

static void add_time(struct times *t, double us)
{
	t->at = mem_resize(t->at, t->len + 1, sizeof(*t->at));
	t->at[t->len++] = us;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank, of a sorted copy. */
static double percentile(const double *at, size_t len, unsigned p)
{
	double *sorted = mem_resize(NULL, len, sizeof(*sorted)), got;
	size_t rank = (len * p + 99) / 100;

	memcpy(sorted, at, len * sizeof(*sorted));
	qsort(sorted, len, sizeof(*sorted), compare);
	got = sorted[rank ? rank - 1 : 0];
	free(sorted);
	return got;
}

static void report(const char *name, const struct times *t)
{
	size_t tenth = t->len / 10 ? t->len / 10 : 1;

	if (!t->len)
		return;
	printf("{\"name\":\"%s\",\"n\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"first_us\":%.1f,"
	       "\"last_us\":%.1f}\n",
		name, t->len, percentile(t->at, t->len, 50), percentile(t->at, t->len, 99),
		percentile(t->at, tenth, 50), percentile(t->at + t->len - tenth, tenth, 50));
	fflush(stdout);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

struct bench {
	struct api_client *ask, *watch;
	const char *socket, *measure;
	struct json *pod;
	size_t runs, run;
	char name[64], uid[64], id[80]; /* of the present pod */
	double from;
	bool is_running, is_ready, was_killed;
	struct times running, ready, restart, list, delete;
	struct buf line;
};

static struct json *request(struct bench *b, const char *method, const char *path, struct buf *body)
{
	const struct api_request q = { .method = method,
		.path = path,
		.body = body ? body->data : NULL,
		.body_len = body ? body->len : 0,
		.timeout_ms = TIMEOUT_MS };
	struct api_answer a = { 0 };
	struct json *got = NULL;
	struct err e = { 0 };

	if (api_request(b->ask, &q, &a, &e) < 0)
		die("%s %s: %s", method, path, e.text);
	if (a.status >= 300)
		die("%s %s: %d %s", method, path, a.status, a.body.data);
	if (json_parse(a.body.data, a.body.len, &(struct json_options){ .max_bytes = 64 << 20 },
		    &got, &e) < 0)
		die("%s %s: %s", method, path, e.text);
	api_answer_free(&a);
	return got;
}

static void take(char *to, size_t room, const char *text)
{
	(void)snprintf(to, room, "%s", text ? text : "");
}

static void create(struct bench *b)
{
	CLEANUP(buf_free) struct buf body = { 0 };
	struct json *metadata = json_get(b->pod, "metadata"), *got;

	(void)snprintf(b->name, sizeof(b->name), "bench-%zu", b->run++);
	json_set_str(metadata, "name", b->name);
	json_write(b->pod, JSON_COMPACT, &body);
	b->is_running = b->is_ready = b->was_killed = false;
	b->from = now_us();
	got = request(b, "POST", pods_path, &body);
	take(b->uid, sizeof(b->uid), json_str(json_path(got, "metadata.uid")));
	json_free(got);
}

static void delete (struct bench *b, const char *name)
{
	char path[PODS_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s?gracePeriodSeconds=0", pods_path, name);
	b->from = now_us();
	json_free(request(b, "DELETE", path, NULL));
}

static void list(struct bench *b, const char *query, struct times *t)
{
	char path[PODS_PATH_MAX];
	double from = now_us();

	(void)snprintf(path, sizeof(path), "%s%s", pods_path, query);
	json_free(request(b, "GET", path, NULL));
	add_time(t, now_us() - from);
}

/* ---- one pod after the other, by what the watch says -------------------------------------------
 */

/* By its cgroup, as an administrator would: "carpel://<id>". */
static void kill_container(struct bench *b)
{
	static const char *const trees[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	CLEANUP(buf_free) struct buf pids = { 0 };
	glob_t found = { 0 };
	int64_t pid = 0;

	for (size_t i = 0; i < ARRAY_LEN(trees) && !found.gl_pathc; i++) {
		CLEANUP(cleanup_free)
		char *pattern = str_fmt("%s/carpel*/*/pod%s/%s/cgroup.procs", trees[i], b->uid,
			b->id + strlen("carpel://"));

		(void)glob(pattern, 0, NULL, &found);
	}
	if (!found.gl_pathc || fd_read_file(AT_FDCWD, found.gl_pathv[0], 4096, &pids, NULL) < 0)
		die("the cgroup of %s is not to be found", b->id);
	globfree(&found);
	pids.data[strcspn(pids.data, "\n")] = '\0';
	if (str_to_i64(pids.data, 2, INT32_MAX, &pid) < 0)
		die("there is no process in %s", b->id);
	b->was_killed = true;
	b->from = now_us();
	if (kill((pid_t)pid, SIGKILL) < 0)
		die("kill %d: %s", (int)pid, strerror(errno));
}

static void finish(struct bench *b)
{
	if (str_eq(b->measure, "many") && b->run < b->runs) {
		if (b->run >= LIST_PAGE && b->run % LIST_EVERY == 0)
			list(b, "?limit=20", &b->list);
		create(b);
		return;
	}
	delete (b, b->name);
}

static bool is_ready(const struct json *pod)
{
	const struct json *conditions = json_path(pod, "status.conditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json *c = json_at(conditions, i);

		if (str_eq(json_get_str(c, "type"), "Ready"))
			return str_eq(json_get_str(c, "status"), "True");
	}
	return false;
}

static void on_pod(struct bench *b, const struct json *pod)
{
	const struct json *ctr = json_at(json_path(pod, "status.containerStatuses"), 0);
	bool runs = json_path(ctr, "state.running") != NULL;
	int64_t restarts = 0;

	(void)json_i64(json_get(ctr, "restartCount"), 0, INT32_MAX, &restarts);
	if (b->was_killed) {
		if (runs && restarts == 1) {
			add_time(&b->restart, now_us() - b->from);
			b->was_killed = false;
			finish(b);
		}
		return;
	}
	if (runs && !b->is_running) {
		b->is_running = true;
		add_time(&b->running, now_us() - b->from);
	}
	if (b->is_running && !b->is_ready && is_ready(pod)) {
		b->is_ready = true;
		add_time(&b->ready, now_us() - b->from);
		take(b->id, sizeof(b->id), json_get_str(ctr, "containerID"));
		if (str_eq(b->measure, "restart"))
			kill_container(b);
		else
			finish(b);
	}
}

/* 1: all runs are done. */
static int on_line(struct bench *b, const char *text, size_t len)
{
	CLEANUP(cleanup_json) struct json *event = NULL;
	const struct json *pod;
	const char *type;

	if (json_parse(text, len, NULL, &event, NULL) < 0)
		die("the watch said %.*s", (int)len, text);
	type = json_get_str(event, "type");
	pod = json_get(event, "object");
	if (str_eq(type, "ERROR"))
		die("the watch said %.*s", (int)len, text);
	if (!str_eq(json_str(json_path(pod, "metadata.name")), b->name))
		return 0;
	if (!str_eq(type, "DELETED")) {
		if (!json_path(pod, "metadata.deletionTimestamp"))
			on_pod(b, pod);
		return 0;
	}
	add_time(&b->delete, now_us() - b->from);
	if (b->run == b->runs || str_eq(b->measure, "many"))
		return 1;
	create(b);
	return 0;
}

static int on_data(void *arg, const char *bytes, size_t len)
{
	struct bench *b = arg;
	const char *end;

	buf_add(&b->line, bytes, len);
	while ((end = memchr(b->line.data, '\n', b->line.len))) {
		size_t n = (size_t)(end - b->line.data) + 1;

		if (on_line(b, b->line.data, n - 1))
			return 1;
		buf_drop(&b->line, n);
	}
	return 0;
}

/* The watch is there by now: the first pod can come. */
static int on_idle(void *arg)
{
	struct bench *b = arg;

	if (b->run == 0)
		create(b);
	else if (now_us() - b->from > TIMEOUT_MS * 1e3)
		die("%s: nothing happens with %s", b->measure, b->name);
	return 0;
}

static void run_pods(struct bench *b)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s?watch=1&resourceVersion=0", pods_path);
	const struct api_request q = {
		.method = "GET", .path = path, .on_data = on_data, .on_idle = on_idle, .arg = b
	};
	struct api_answer a = { 0 };
	struct err e = { 0 };

	if (api_request(b->watch, &q, &a, &e) != -ECANCELED)
		die("the watch has ended: %d %s %s", a.status, a.body.data, e.text);
	api_answer_free(&a);
}

/* ---- many --------------------------------------------------------------------------------------
 */

static void run_many(struct bench *b)
{
	double from = now_us(), started;
	struct times all = { 0 };

	run_pods(b); /* leaves all but the last one */
	started = now_us() - from;
	printf("{\"name\":\"many_rate\",\"n\":%zu,\"per_second\":%.1f}\n", b->runs,
		(double)b->runs / (started / 1e6));
	for (int i = 0; i < LISTS; i++)
		list(b, "", &all);
	report("list_all", &all);
	free(all.at);
	if (getenv("HOLD")) {
		printf("{\"name\":\"held\"}\n");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	for (size_t i = 0; i + 1 < b->runs; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "bench-%zu", i);
		delete (b, name);
	}
}

/* ---- exec --------------------------------------------------------------------------------------
 */

static void on_output(void *arg, int channel, const char *bytes, size_t len)
{
	if (channel != 3)
		return;
	if (!strstr(bytes, "\"Success\""))
		die("exec: %.*s", (int)len, bytes);
	*(bool *)arg = true;
}

static void exec_once(struct bench *b, const char *path)
{
	bool is_well = false;
	const struct api_stream_peer peer = { .output = on_output, .arg = &is_well };
	struct api_answer refusal = { 0 };
	struct api_stream *s;
	struct err e = { 0 };
	double from = now_us();
	int rc;

	if (api_stream_open(b->ask, path, &peer, &s, &refusal, &e) < 0)
		die("exec: %s %s", e.text, refusal.body.data ? refusal.body.data : "");
	while ((rc = api_stream_step(s, &e)) == 0) {
		struct pollfd p = { .fd = api_stream_fd(s),
			.events = api_stream_wants_write(s) ? POLLIN | POLLOUT : POLLIN };

		if (poll(&p, 1, TIMEOUT_MS) <= 0)
			die("exec: no answer");
	}
	if (rc < 0 || !is_well)
		die("exec: %s", rc < 0 ? e.text : "no status");
	add_time(&b->restart, now_us() - from);
	api_stream_free(s);
}

/* The pod is there already: its name is POD.json's. */
static void run_exec(struct bench *b)
{
	const char *command = getenv("EXEC");
	CLEANUP(buf_free) struct buf path = { 0 };
	CLEANUP(cleanup_free) char *words = str_dup(command ? command : "/bin/busybox true");
	char *save = NULL;

	buf_addf(&path, "%s/%s/exec?stdout=true&stderr=true", pods_path,
		json_str(json_path(b->pod, "metadata.name")));
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		buf_adds(&path, "&command=");
		api_escape(&path, w);
	}
	for (size_t i = 0; i < b->runs; i++)
		exec_once(b, path.data);
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };
	uint64_t runs = 0;
	struct err e = { 0 };

	if (argc != 5 || str_to_u64(argv[3], 100000, &runs) < 0 || runs == 0)
		die("usage: bench_client SOCKET pod|restart|exec|many RUNS POD.json");
	b.socket = argv[1];
	b.measure = argv[2];
	b.runs = runs;
	if (fd_read_file(AT_FDCWD, argv[4], 1 << 20, &text, &e) < 0 ||
		json_parse(text.data, text.len, NULL, &b.pod, &e) < 0 ||
		api_client_open(b.socket, &b.ask, &e) < 0 ||
		api_client_open(b.socket, &b.watch, &e) < 0)
		die("%s", e.text);
	if (str_eq(b.measure, "exec"))
		run_exec(&b);
	else if (str_eq(b.measure, "many"))
		run_many(&b);
	else
		run_pods(&b);
	report(str_eq(b.measure, "many") ? "many_start" : "running", &b.running);
	report("ready", &b.ready);
	report(str_eq(b.measure, "exec") ? "exec" : "restart", &b.restart);
	report("list", &b.list);
	report("delete", &b.delete);
	api_client_close(b.ask);
	api_client_close(b.watch);
	json_free(b.pod);
	buf_free(&b.line);
	return 0;
}
