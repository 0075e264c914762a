/* Measures a CRI runtime through its socket, call by call, with one connection for all runs: ours
 * and any other that speaks CRI v1.
 *
 *     bench_cri SOCKET life RUNS IMAGE WORD…     RUNS lives of a sandbox with one container that
 *                                                executes the words, and EXECS (environment, 1)
 *                                                times `/bin/busybox true` in it
 *     bench_cri SOCKET many RUNS IMAGE WORD…     RUNS containers that run, ten to a sandbox; then
 *                                                lists of all.  After {"name":"held"} they stay
 *                                                until standard input ends
 *     bench_cri SOCKET created RUNS IMAGE WORD…  the same without starting them
 *
 * CGROUP_PARENT (environment) is that of the sandboxes; without it the runtime has its own.
 *
 * Sandboxes are in the node's network, whose making is not measured here.  Prints a line of JSON a
 * result, times in microseconds, as bench_client does; what a call fails with ends it.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/client_grpc.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/cri.pb-c.h"

enum { TIMEOUT_MS = 120 * 1000, LISTS = 50, PER_SANDBOX = 10, RUNS_MAX = 100000 };

enum what { RUN, CREATE, START, EXEC, STOP, STOP_SANDBOX, REMOVE_SANDBOX, LIST, KINDS };

static const char *const names[KINDS] = { [RUN] = "RunPodSandbox",
	[CREATE] = "CreateContainer",
	[START] = "StartContainer",
	[EXEC] = "ExecSync",
	[STOP] = "StopContainer",
	[STOP_SANDBOX] = "StopPodSandbox",
	[REMOVE_SANDBOX] = "RemovePodSandbox",
	[LIST] = "ListContainers" };

struct times {
	double *at;
	size_t len;
};

struct bench {
	struct api_client *client;
	const char *image;
	char **words;
	size_t words_len;
	char id[80]; /* that the last call answered */
	size_t items;
	struct times times[KINDS];
};

static noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static noreturn void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "bench_cri: ");
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

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank, of what is sorted. */
static double percentile(const struct times *t, unsigned p)
{
	size_t rank = (t->len * p + 99) / 100;

	return t->at[rank ? rank - 1 : 0];
}

static void report(struct bench *b)
{
	for (int i = 0; i < KINDS; i++) {
		struct times *t = &b->times[i];

		if (!t->len)
			continue;
		qsort(t->at, t->len, sizeof(*t->at), compare);
		printf("{\"name\":\"%s\",\"n\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", names[i],
			t->len, percentile(t, 50), percentile(t, 99));
	}
	fflush(stdout);
}

/* ---- calls ---- */

static int on_answer(void *arg, const ProtobufCMessage *m)
{
	struct bench *b = arg;
	const char *id = "";

	if (m->descriptor == &runtime__v1__run_pod_sandbox_response__descriptor)
		id = ((const Runtime__V1__RunPodSandboxResponse *)m)->pod_sandbox_id;
	if (m->descriptor == &runtime__v1__create_container_response__descriptor)
		id = ((const Runtime__V1__CreateContainerResponse *)m)->container_id;
	if (m->descriptor == &runtime__v1__list_containers_response__descriptor)
		b->items = ((const Runtime__V1__ListContainersResponse *)m)->n_containers;
	if (m->descriptor == &runtime__v1__exec_sync_response__descriptor &&
		((const Runtime__V1__ExecSyncResponse *)m)->exit_code != 0)
		die("the command failed");
	(void)snprintf(b->id, sizeof(b->id), "%s", id);
	return 0;
}

static void call(struct bench *b, enum what what, const char *method, const void *request)
{
	const ProtobufCServiceDescriptor *service = &runtime__v1__runtime_service__descriptor;
	const struct api_call c = { .service = service,
		.method = protobuf_c_service_descriptor_get_method_by_name(service, method),
		.request = request,
		.timeout_ms = TIMEOUT_MS,
		.on_message = on_answer,
		.arg = b };
	CLEANUP(api_call_end_free) struct api_call_end end = { 0 };
	struct times *t = &b->times[what];
	struct err e = { 0 };
	double from = now_us();

	if (api_call_run(b->client, &c, &end, &e) < 0)
		die("%s: %s", method, e.text);
	if (end.code != GRPC_OK)
		die("%s: code %d: %s", method, end.code, end.message.len ? end.message.data : "");
	t->at = mem_resize(t->at, t->len + 1, sizeof(*t->at));
	t->at[t->len++] = now_us() - from;
}

static void run_sandbox(struct bench *b, size_t number, char out[80])
{
	static char name[32], uid[32], namespace[] = "bench";
	Runtime__V1__PodSandboxMetadata m = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
	Runtime__V1__NamespaceOption o = RUNTIME__V1__NAMESPACE_OPTION__INIT;
	Runtime__V1__LinuxSandboxSecurityContext s =
		RUNTIME__V1__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
	Runtime__V1__LinuxPodSandboxConfig l = RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__PodSandboxConfig c = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__RunPodSandboxRequest q = RUNTIME__V1__RUN_POD_SANDBOX_REQUEST__INIT;

	(void)snprintf(name, sizeof(name), "bench-%zu", number);
	(void)snprintf(uid, sizeof(uid), "uid-%zu", number);
	m.name = name;
	m.uid = uid;
	m.namespace_ = namespace;
	o.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
	o.pid = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
	s.namespace_options = &o;
	l.security_context = &s;
	if (getenv("CGROUP_PARENT"))
		l.cgroup_parent = getenv("CGROUP_PARENT");
	c.metadata = &m;
	c.linux = &l;
	q.config = &c;
	call(b, RUN, "RunPodSandbox", &q);
	memcpy(out, b->id, 80);
}

static void create(struct bench *b, char *sandbox, size_t number, char out[80])
{
	static char name[32], namespace[] = "bench", pod[] = "bench", uid[] = "uid";
	Runtime__V1__PodSandboxMetadata pm = RUNTIME__V1__POD_SANDBOX_METADATA__INIT;
	Runtime__V1__PodSandboxConfig p = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__ContainerMetadata m = RUNTIME__V1__CONTAINER_METADATA__INIT;
	Runtime__V1__ImageSpec image = RUNTIME__V1__IMAGE_SPEC__INIT;
	Runtime__V1__SecurityProfile seccomp = RUNTIME__V1__SECURITY_PROFILE__INIT;
	Runtime__V1__NamespaceOption o = RUNTIME__V1__NAMESPACE_OPTION__INIT;
	Runtime__V1__LinuxContainerSecurityContext s =
		RUNTIME__V1__LINUX_CONTAINER_SECURITY_CONTEXT__INIT;
	Runtime__V1__LinuxContainerConfig l = RUNTIME__V1__LINUX_CONTAINER_CONFIG__INIT;
	Runtime__V1__ContainerConfig c = RUNTIME__V1__CONTAINER_CONFIG__INIT;
	Runtime__V1__CreateContainerRequest q = RUNTIME__V1__CREATE_CONTAINER_REQUEST__INIT;

	(void)snprintf(name, sizeof(name), "c-%zu", number);
	pm.name = pod;
	pm.uid = uid;
	pm.namespace_ = namespace;
	p.metadata = &pm;
	m.name = name;
	image.image = (char *)(uintptr_t)b->image;
	seccomp.profile_type = RUNTIME__V1__SECURITY_PROFILE__PROFILE_TYPE__RuntimeDefault;
	o.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
	o.pid = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
	s.namespace_options = &o;
	s.seccomp = &seccomp;
	l.security_context = &s;
	c.metadata = &m;
	c.image = &image;
	c.n_command = b->words_len;
	c.command = b->words;
	c.linux = &l;
	q.pod_sandbox_id = sandbox;
	q.config = &c;
	q.sandbox_config = &p;
	call(b, CREATE, "CreateContainer", &q);
	memcpy(out, b->id, 80);
}

static void start(struct bench *b, char *container)
{
	Runtime__V1__StartContainerRequest q = RUNTIME__V1__START_CONTAINER_REQUEST__INIT;

	q.container_id = container;
	call(b, START, "StartContainer", &q);
}

static void exec_in(struct bench *b, char *container)
{
	static char busybox[] = "/bin/busybox", truth[] = "true";
	char *words[] = { busybox, truth };
	Runtime__V1__ExecSyncRequest q = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;

	q.container_id = container;
	q.n_cmd = 2;
	q.cmd = words;
	call(b, EXEC, "ExecSync", &q);
}

static void stop(struct bench *b, char *container)
{
	Runtime__V1__StopContainerRequest q = RUNTIME__V1__STOP_CONTAINER_REQUEST__INIT;

	q.container_id = container;
	call(b, STOP, "StopContainer", &q);
}

static void end_sandbox(struct bench *b, char *sandbox)
{
	Runtime__V1__StopPodSandboxRequest s = RUNTIME__V1__STOP_POD_SANDBOX_REQUEST__INIT;
	Runtime__V1__RemovePodSandboxRequest r = RUNTIME__V1__REMOVE_POD_SANDBOX_REQUEST__INIT;

	s.pod_sandbox_id = r.pod_sandbox_id = sandbox;
	call(b, STOP_SANDBOX, "StopPodSandbox", &s);
	call(b, REMOVE_SANDBOX, "RemovePodSandbox", &r);
}

/* ---- measures ---- */

static void lives(struct bench *b, size_t runs)
{
	const char *execs = getenv("EXECS");
	int64_t per_life = 1;
	char sandbox[80], container[80];

	if (execs && str_to_i64(execs, 0, 1000, &per_life) < 0)
		die("EXECS: %s is no number", execs);
	for (size_t i = 0; i < runs; i++) {
		run_sandbox(b, i, sandbox);
		create(b, sandbox, i, container);
		start(b, container);
		for (int64_t k = 0; k < per_life; k++)
			exec_in(b, container);
		stop(b, container);
		end_sandbox(b, sandbox);
	}
	report(b);
}

static void hold(void)
{
	char byte;

	printf("{\"name\":\"held\"}\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void many(struct bench *b, size_t runs, bool has_started)
{
	const Runtime__V1__ListContainersRequest q = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;
	size_t sandboxes_len = (runs + PER_SANDBOX - 1) / PER_SANDBOX;
	char(*sandboxes)[80] = mem_resize(NULL, sandboxes_len, sizeof(*sandboxes));
	char container[80];

	for (size_t i = 0; i < sandboxes_len; i++)
		run_sandbox(b, i, sandboxes[i]);
	for (size_t i = 0; i < runs; i++) {
		create(b, sandboxes[i / PER_SANDBOX], i, container);
		if (has_started)
			start(b, container);
	}
	for (int i = 0; i < LISTS; i++)
		call(b, LIST, "ListContainers", &q);
	if (b->items != runs)
		die("%zu containers are listed, not %zu", b->items, runs);
	report(b);
	hold();
	for (size_t i = 0; i < sandboxes_len; i++)
		end_sandbox(b, sandboxes[i]);
	free(sandboxes);
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct err e = { 0 };
	int64_t runs;

	if (argc < 6 || str_to_i64(argv[3], 1, RUNS_MAX, &runs) < 0)
		die("usage: bench_cri SOCKET life|many|created RUNS IMAGE WORD…");
	b.image = argv[4];
	b.words = argv + 5;
	b.words_len = (size_t)(argc - 5);
	if (api_client_open(argv[1], &b.client, &e) < 0)
		die("%s", e.text);
	if (str_eq(argv[2], "life"))
		lives(&b, (size_t)runs);
	else if (str_eq(argv[2], "many") || str_eq(argv[2], "created"))
		many(&b, (size_t)runs, str_eq(argv[2], "many"));
	else
		die("there is no measure %s", argv[2]);
	for (int i = 0; i < KINDS; i++)
		free(b.times[i].at);
	api_client_close(b.client);
	return 0;
}
