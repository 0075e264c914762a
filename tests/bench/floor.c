/* Measures the floor: floor [-n RUNS] [-s STATE] -r ROOTFS -p CARPEL-PAUSE MEASURE…
 * MEASURE: pod restart exec tcp http, and the parts of a life as CRI asks for them, in the node's
 * network: sandbox start stop sandbox-stop sandbox-remove.  ROOTFS is the image: a static
 * /bin/busybox and the mount points; STATE a directory that does not exist yet.  One line of JSON a
 * measure, all times in microseconds:
 *     {"name":"pod","n":200,"p50_us":…,"p99_us":…,"cpu_us":…}
 */
#include "tests/bench/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/caps.h"
#include "sys/seccomp_profile.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { RUNS = 100, RUNS_MAX = 1000000, WARM_UP = 3, PROBES_PER_RUN = 10 };

static const char *const sleeper[] = { "/bin/busybox", "sleep", "100000", NULL };
static const char *const truth[] = { "/bin/busybox", "true", NULL };

void floor_die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

long floor_must(long rc, const char *what)
{
	if (rc < 0)
		floor_die(what);
	return rc;
}

char *floor_path(char out[FLOOR_PATH], const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(out, FLOOR_PATH, fmt, ap);
	va_end(ap);
	if (len < 0 || len >= FLOOR_PATH) {
		errno = ENAMETOOLONG;
		floor_die(fmt);
	}
	return out;
}

/* ---- times -------------------------------------------------------------------------------------
 */

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double used_us(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

struct times {
	double *at;
	size_t len;
	double cpu_us; /* of all runs, only of what is measured */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank. */
static double percentile(const struct times *t, unsigned p)
{
	size_t rank = (t->len * p + 99) / 100;

	return t->at[rank ? rank - 1 : 0];
}

static void report(const char *name, struct times *t)
{
	qsort(t->at, t->len, sizeof(*t->at), compare);
	printf("{\"name\":\"%s\",\"n\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"cpu_us\":%.1f}\n",
		name, t->len, percentile(t, 50), percentile(t, 99), t->cpu_us / (double)t->len);
	fflush(stdout);
}

/* ---- pods --------------------------------------------------------------------------------------
 */

struct bench {
	struct floor_options options;
	struct floor_cgroup root;
	struct times times;
	size_t runs;
	unsigned pods;
};

static void name_pod(struct bench *b, struct floor_pod *p)
{
	*p = (struct floor_pod){ .attempt = 0 };
	(void)snprintf(p->name, sizeof(p->name), "pod%u", b->pods++);
}

/* The first runs find cold caches and are not counted. */
static void count(struct bench *b, size_t run, double took_us, double cpu_us)
{
	if (run < WARM_UP)
		return;
	b->times.at[b->times.len++] = took_us;
	b->times.cpu_us += cpu_us;
}

static double cpu_of_all(void)
{
	return used_us(RUSAGE_SELF) + used_us(RUSAGE_CHILDREN);
}

static void measure_pod(struct bench *b)
{
	for (size_t i = 0; i < b->runs + WARM_UP; i++) {
		double cpu = cpu_of_all(), from = now_us();
		struct floor_pod p;

		name_pod(b, &p);
		floor_pod_start(&b->options, &b->root, &p, sleeper);
		count(b, i, now_us() - from, cpu_of_all() - cpu);
		floor_pod_remove(&b->options, &p);
	}
}

/* From the end of an instance to the next one's program. */
static void measure_restart(struct bench *b)
{
	struct floor_pod p;

	name_pod(b, &p);
	floor_pod_start(&b->options, &b->root, &p, sleeper);
	for (size_t i = 0; i < b->runs + WARM_UP; i++) {
		double cpu, from;

		floor_ctr_end(&p);
		cpu = cpu_of_all();
		from = now_us();
		floor_ctr_start(&b->options, &p, sleeper);
		count(b, i, now_us() - from, cpu_of_all() - cpu);
	}
	floor_pod_remove(&b->options, &p);
}

static void measure_exec(struct bench *b)
{
	struct floor_pod p;

	name_pod(b, &p);
	floor_pod_start(&b->options, &b->root, &p, sleeper);
	for (size_t i = 0; i < b->runs + WARM_UP; i++) {
		double cpu = cpu_of_all(), from = now_us();

		if (floor_exec(&b->options, &p, truth) != 0)
			floor_die("exec: the program failed");
		count(b, i, now_us() - from, cpu_of_all() - cpu);
	}
	floor_pod_remove(&b->options, &p);
}

/* ---- calls of CRI ------------------------------------------------------------------------------
 */

static void start_sandbox(struct bench *b, struct floor_pod *p)
{
	floor_sandbox_start(&b->options, &b->root, p);
}

static void start_container(struct bench *b, struct floor_pod *p)
{
	floor_ctr_start(&b->options, p, sleeper);
}

static void stop_container(struct bench *b, struct floor_pod *p)
{
	(void)b;
	floor_ctr_end(p);
}

static void stop_sandbox(struct bench *b, struct floor_pod *p)
{
	(void)b;
	floor_sandbox_end(p);
}

static void remove_sandbox(struct bench *b, struct floor_pod *p)
{
	floor_files_remove(&b->options, p);
}

/* One part of each life is measured. */
static void measure_part(struct bench *b, void (*part)(struct bench *b, struct floor_pod *p))
{
	static void (*const parts[])(struct bench * b, struct floor_pod * p) = { start_sandbox,
		start_container, stop_container, stop_sandbox, remove_sandbox };

	for (size_t i = 0; i < b->runs + WARM_UP; i++) {
		struct floor_pod p;

		name_pod(b, &p);
		p.is_in_node_network = true;
		for (size_t k = 0; k < COUNT(parts); k++) {
			double cpu = cpu_of_all(), from = now_us();

			parts[k](b, &p);
			if (parts[k] == part)
				count(b, i, now_us() - from, cpu_of_all() - cpu);
		}
	}
}

static void measure_sandbox(struct bench *b)
{
	measure_part(b, start_sandbox);
}

static void measure_start(struct bench *b)
{
	measure_part(b, start_container);
}

static void measure_stop(struct bench *b)
{
	measure_part(b, stop_container);
}

static void measure_sandbox_stop(struct bench *b)
{
	measure_part(b, stop_sandbox);
}

static void measure_sandbox_remove(struct bench *b)
{
	measure_part(b, remove_sandbox);
}

/* ---- probes ------------------------------------------------------------------------------------
 */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
static const char request[] =
	"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: kube-probe/1.37\r\n"
	"Accept: */*\r\nConnection: close\r\n\r\n";

static _Noreturn void serve(int listener)
{
	char bytes[1024];

	floor_must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
	for (;;) {
		int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0)
			continue;
		if (recv(conn, bytes, sizeof(bytes), 0) > 0)
			(void)!send(conn, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
		close(conn);
	}
}

static pid_t start_server(struct sockaddr_in *addr)
{
	int listener = (int)floor_must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	socklen_t len = sizeof(*addr);
	pid_t pid;

	*addr = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	floor_must(bind(listener, (struct sockaddr *)addr, len), "bind");
	floor_must(listen(listener, 4096), "listen");
	floor_must(getsockname(listener, (struct sockaddr *)addr, &len), "getsockname");
	pid = (pid_t)floor_must(fork(), "fork");
	if (pid == 0)
		serve(listener);
	close(listener);
	return pid;
}

static void wait_until(int sock, short events)
{
	struct pollfd p = { .fd = sock, .events = events };

	floor_must(poll(&p, 1, 5000) == 1 ? 0 : -1, "a probe got no answer");
}

static void probe(const struct sockaddr_in *addr, bool is_http)
{
	const struct linger reset = { .l_onoff = 1 };
	int sock = (int)floor_must(
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
	char bytes[1024];
	ssize_t n;

	if (connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		if (errno != EINPROGRESS)
			floor_die("connect");
		wait_until(sock, POLLOUT);
	}
	if (is_http) {
		floor_must(send(sock, request, sizeof(request) - 1, MSG_NOSIGNAL), "send");
		do {
			wait_until(sock, POLLIN);
			n = floor_must(recv(sock, bytes, sizeof(bytes), 0), "recv");
		} while (n > 0);
	} else {
		floor_must(
			setsockopt(sock, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "linger");
	}
	close(sock);
}

/* CPU of our side only; the clock of getrusage(2) is coarse, so several probes make one run. */
static void measure_probe(struct bench *b, bool is_http)
{
	struct sockaddr_in addr;
	pid_t server = start_server(&addr);

	for (size_t i = 0; i < b->runs + WARM_UP; i++) {
		double cpu = used_us(RUSAGE_SELF), from = now_us();

		for (int k = 0; k < PROBES_PER_RUN; k++)
			probe(&addr, is_http);
		count(b, i, (now_us() - from) / PROBES_PER_RUN,
			(used_us(RUSAGE_SELF) - cpu) / PROBES_PER_RUN);
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void measure_tcp(struct bench *b)
{
	measure_probe(b, false);
}

static void measure_http(struct bench *b)
{
	measure_probe(b, true);
}

/* ---- main --------------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	void (*run)(struct bench *b);
	bool makes_pods;
} measures[] = {
	{ "pod", measure_pod, true },                       /* */
	{ "restart", measure_restart, true },               /* */
	{ "exec", measure_exec, true },                     /* */
	{ "sandbox", measure_sandbox, true },               /* RunPodSandbox */
	{ "start", measure_start, true },                   /* StartContainer */
	{ "stop", measure_stop, true },                     /* StopContainer */
	{ "sandbox-stop", measure_sandbox_stop, true },     /* StopPodSandbox */
	{ "sandbox-remove", measure_sandbox_remove, true }, /* RemovePodSandbox */
	{ "tcp", measure_tcp, false },                      /* */
	{ "http", measure_http, false },                    /* */
};

static void run_measure(struct bench *b, const char *name)
{
	for (size_t i = 0; i < COUNT(measures); i++) {
		if (strcmp(measures[i].name, name) != 0)
			continue;
		if (measures[i].makes_pods && !b->root.v2[0]) {
			floor_must(mkdir(b->options.state, 0700), b->options.state);
			floor_cgroup_root(&b->root);
		}
		b->times.len = 0;
		b->times.cpu_us = 0;
		measures[i].run(b);
		report(name, &b->times);
		return;
	}
	errno = EINVAL;
	floor_die(name);
}

static void compile_filter(struct floor_options *o, struct buf *code)
{
	struct err e = { 0 };

	if (seccomp_profile(o->caps, code, &e) < 0) {
		fprintf(stderr, "floor: %s\n", e.text);
		exit(1);
	}
	o->filter.filter = (struct sock_filter *)(void *)code->data;
	o->filter.len = (unsigned short)(code->len / sizeof(struct sock_filter));
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: floor [-n RUNS] [-s STATE] -r ROOTFS -p CARPEL-PAUSE MEASURE...\n"
			"MEASURE: pod restart exec sandbox start stop sandbox-stop sandbox-remove "
			"tcp http\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct bench b = { .runs = RUNS, .options.state = "/tmp/carpel-floor" };
	struct buf code = { 0 };
	int option;

	while ((option = getopt(argc, argv, "n:s:r:p:")) != -1) {
		if (option == 'n')
			b.runs = strtoul(optarg, NULL, 10);
		else if (option == 's')
			b.options.state = optarg;
		else if (option == 'r')
			b.options.rootfs = optarg;
		else if (option == 'p')
			b.options.pause = optarg;
		else
			usage();
	}
	if (!b.options.rootfs || !b.options.pause || optind == argc || b.runs == 0 ||
		b.runs > RUNS_MAX)
		usage();
	b.options.caps = caps_default();
	compile_filter(&b.options, &code);
	b.times.at = calloc(b.runs, sizeof(*b.times.at));
	if (!b.times.at)
		floor_die("memory");
	for (int i = optind; i < argc; i++)
		run_measure(&b, argv[i]);
	if (b.root.v2[0]) {
		floor_cgroup_remove(&b.root);
		floor_must(rmdir(b.options.state), b.options.state);
	}
	free(b.times.at);
	buf_free(&code);
	return 0;
}
