/* Reading what is used.  Names of v1 and v2 differ, places too; the CPU's time and pressure are in
 * the v2 tree on both layouts, since all processes are.
 */
#include "sys/cgroup_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sys/cgroup_tree.h"

enum { STAT_MAX = 16 << 10, SMALL_MAX = 512 };

/* More than any machine has: what v1 says instead of "no limit" is a multiple of pages near 2^63.
 */
static const uint64_t no_limit = UINT64_C(1) << 62;

/* A file may be longer than the room for it: the keys that we look for come early. */
static int read_text(int dir, const char *name, char *text, size_t size)
{
	CLEANUP(cleanup_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int rc = n >= 0 ? 0 : errno == ENODEV ? -ENOENT : -errno; /* ENODEV: removed since */

	text[n < 0 ? 0 : n] = '\0';
	return rc;
}

/* Digits, up to whatever follows; "max" is more than no_limit. */
static uint64_t number(const char *p)
{
	uint64_t n = 0;

	if (*p == 'm')
		return UINT64_MAX;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}

static int read_number(int dir, const char *name, uint64_t *out)
{
	char text[32];
	int rc = read_text(dir, name, text, sizeof(text));

	if (rc == 0)
		*out = number(text);
	return rc;
}

struct key {
	const char *name; /* with the space behind it */
	uint64_t *value;
};

/* Of "name value" lines, those with a name among the keys. */
static void take_keys(const char *text, const struct key *keys, size_t count)
{
	for (const char *line = text; *line; line += *line == '\n') {
		for (size_t i = 0; i < count; i++) {
			size_t len = strlen(keys[i].name);

			if (*line == keys[i].name[0] && strncmp(line, keys[i].name, len) == 0) {
				*keys[i].value = number(line + len);
				break;
			}
		}
		line += strcspn(line, "\n");
	}
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* A limit that a file states, as 0 for none. */
static void take_limit(int dir, const char *name, uint64_t *out)
{
	uint64_t n = no_limit;

	(void)read_number(dir, name, &n);
	*out = n < no_limit ? n : 0;
}

static int read_memory_v2(int dir, struct cgroup_memory *m)
{
	uint64_t inactive = 0, active = 0, slab = 0, swap_limit = no_limit;
	const struct key keys[] = { { "anon ", &m->rss_bytes }, { "inactive_file ", &inactive },
		{ "active_file ", &active }, { "slab_reclaimable ", &slab },
		{ "pgfault ", &m->page_faults }, { "pgmajfault ", &m->major_page_faults } };
	const struct key events[] = { { "oom_kill ", &m->oom_kills } };
	char text[STAT_MAX];
	int rc = read_number(dir, "memory.current", &m->usage_bytes);

	if (rc == 0)
		rc = read_text(dir, "memory.stat", text, sizeof(text));
	if (rc < 0)
		return rc;
	take_keys(text, keys, ARRAY_LEN(keys));
	m->working_set_bytes = less(m->usage_bytes, inactive);
	m->unreclaimable_bytes = less(m->usage_bytes, inactive + active + slab);
	take_limit(dir, "memory.max", &m->limit_bytes);
	if (read_text(dir, "memory.events", text, sizeof(text)) == 0)
		take_keys(text, events, ARRAY_LEN(events));
	m->has_swap = read_number(dir, "memory.swap.current", &m->swap_bytes) == 0;
	m->has_swap_limit = m->has_swap && read_number(dir, "memory.swap.max", &swap_limit) == 0 &&
			    swap_limit < no_limit;
	m->swap_limit_bytes = m->has_swap_limit ? swap_limit : 0;
	return 0;
}

/* v1 counts and limits memory and swap together. */
static int read_memory_v1(int dir, struct cgroup_memory *m)
{
	uint64_t inactive = 0, both = no_limit;
	const struct key keys[] = { { "total_rss ", &m->rss_bytes },
		{ "total_inactive_file ", &inactive }, { "total_swap ", &m->swap_bytes },
		{ "total_pgfault ", &m->page_faults },
		{ "total_pgmajfault ", &m->major_page_faults } };
	const struct key events[] = { { "oom_kill ", &m->oom_kills } };
	char text[STAT_MAX];
	int rc = read_number(dir, "memory.usage_in_bytes", &m->usage_bytes);

	if (rc == 0)
		rc = read_text(dir, "memory.stat", text, sizeof(text));
	if (rc < 0)
		return rc;
	take_keys(text, keys, ARRAY_LEN(keys));
	m->working_set_bytes = less(m->usage_bytes, inactive);
	take_limit(dir, "memory.limit_in_bytes", &m->limit_bytes);
	if (read_text(dir, "memory.oom_control", text, sizeof(text)) == 0)
		take_keys(text, events, ARRAY_LEN(events));
	m->has_swap = read_number(dir, "memory.memsw.limit_in_bytes", &both) == 0;
	m->has_swap_limit = m->limit_bytes && both < no_limit;
	m->swap_limit_bytes = m->has_swap_limit ? less(both, m->limit_bytes) : 0;
	return 0;
}

int cgroup_memory_read(
	const struct cgroups *c, const char *path, struct cgroup_memory *out, struct err *e)
{
	CLEANUP(cleanup_free) char *file = NULL;
	CLEANUP(cleanup_fd) int dir = -1;
	int rc = cgroup_check_path(path, e);

	if (rc < 0)
		return rc;
	file = cgroup_dir(c, c->is_hybrid ? c->v1[CGROUP_MEMORY] : c->v2, path);
	*out = (struct cgroup_memory){ 0 };
	if ((dir = open(file, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_set(e, errno, "open cgroup %s", file);
	rc = c->is_hybrid ? read_memory_v1(dir, out) : read_memory_v2(dir, out);
	return rc < 0 ? err_set(e, -rc, "read the memory of cgroup %s", file) : 0;
}

/* "12.34", the kernel's way of writing percent. */
static double percent(const char *line, const char *key)
{
	const char *p = strstr(line, key), *dot;

	if (!p)
		return 0;
	p += strlen(key);
	dot = p + strspn(p, "0123456789");
	return (double)number(p) + (*dot == '.' ? (double)number(dot + 1) / 100 : 0);
}

static struct pressure_line parse_line(const char *line)
{
	const char *total = strstr(line, "total=");

	return (struct pressure_line){ .avg10 = percent(line, "avg10="),
		.avg60 = percent(line, "avg60="),
		.avg300 = percent(line, "avg300="),
		.total_ns = total ? number(total + strlen("total=")) * 1000 : 0 };
}

struct pressure pressure_parse(const char *text)
{
	const char *full = strstr(text, "\nfull ");
	struct pressure p = { .is_known = str_starts(text, "some ") };

	if (p.is_known)
		p.some = parse_line(text);
	if (p.is_known && full) /* of the CPU only since Linux 5.13 */
		p.full = parse_line(full);
	return p;
}

static struct pressure read_pressure(int dir, const char *name)
{
	char text[SMALL_MAX];

	return read_text(dir, name, text, sizeof(text)) == 0 ? pressure_parse(text)
							     : (struct pressure){ 0 };
}

static int read_cpu(int dir, uint64_t *out_ns)
{
	uint64_t usec = 0;
	const struct key key = { "usage_usec ", &usec };
	char text[SMALL_MAX];
	int rc = read_text(dir, "cpu.stat", text, sizeof(text));

	if (rc == 0) {
		take_keys(text, &key, 1);
		*out_ns = usec * 1000;
	}
	return rc;
}

static int read_pids(const struct cgroups *c, const char *path, int v2, struct cgroup_stats *s)
{
	CLEANUP(cleanup_free)
	char *file = c->v1[CGROUP_PIDS] ? cgroup_dir(c, c->v1[CGROUP_PIDS], path) : NULL;
	CLEANUP(cleanup_fd)
	int v1 = file ? open(file, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (c->is_hybrid && v1 < 0)
		return file ? -errno : 0;
	s->has_pids = read_number(c->is_hybrid ? v1 : v2, "pids.current", &s->pids) == 0;
	return 0;
}

bool cgroup_has_unreaped(const struct cgroups *c, const char *path)
{
	CLEANUP(cleanup_free) char *file = cgroup_dir(c, c->v2, path);
	CLEANUP(cleanup_fd) int dir = open(file, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_stats s = { 0 };

	return dir >= 0 && read_pids(c, path, dir, &s) == 0 && s.pids > 0;
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0", or only "254:0". */
static void add_io_v2(char *text, struct cgroup_io *io)
{
	const struct key keys[] = { { "rbytes=", &io->read_bytes }, { "wbytes=", &io->write_bytes },
		{ "rios=", &io->read_ops }, { "wios=", &io->write_ops } };
	char *save = NULL;

	for (char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			if (str_starts(word, keys[i].name))
				*keys[i].value += number(word + strlen(keys[i].name));
}

/* "254:0 Read 1", "254:0 Write 2", and others that count the same once more. */
static int add_io_v1(int dir, const char *name, uint64_t *reads, uint64_t *writes)
{
	char text[STAT_MAX], *save = NULL;
	int rc = read_text(dir, name, text, sizeof(text));

	for (char *line = strtok_r(text, "\n", &save); rc == 0 && line;
		line = strtok_r(NULL, "\n", &save)) {
		const char *word = strchr(line, ' ');

		if (word && str_starts(word, " Read "))
			*reads += number(word + strlen(" Read "));
		else if (word && str_starts(word, " Write "))
			*writes += number(word + strlen(" Write "));
	}
	return rc;
}

static struct cgroup_io read_io_v1(const struct cgroups *c, const char *path)
{
	CLEANUP(cleanup_free) char *file = cgroup_dir(c, c->v1[CGROUP_BLKIO], path);
	CLEANUP(cleanup_fd) int dir = open(file, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cgroup_io io = { 0 };

	io.is_known = dir >= 0 &&
		      add_io_v1(dir, "blkio.throttle.io_service_bytes_recursive", &io.read_bytes,
			      &io.write_bytes) == 0 &&
		      add_io_v1(dir, "blkio.throttle.io_serviced_recursive", &io.read_ops,
			      &io.write_ops) == 0;
	return io;
}

/* Not known is no failure: few v1 cgroups have the controller. */
static struct cgroup_io read_io(const struct cgroups *c, const char *path, int v2)
{
	struct cgroup_io io = { 0 };
	char text[STAT_MAX];

	if (c->v1[CGROUP_BLKIO])
		return read_io_v1(c, path);
	io.is_known = read_text(v2, "io.stat", text, sizeof(text)) == 0;
	add_io_v2(text, &io);
	return io;
}

int cgroup_stats_read(
	const struct cgroups *c, const char *path, struct cgroup_stats *out, struct err *e)
{
	CLEANUP(cleanup_free) char *file = cgroup_dir(c, c->v2, path);
	CLEANUP(cleanup_fd) int dir = -1;
	struct cgroup_stats s = { .wall_ns = clock_wall_ns() };
	int rc = cgroup_check_path(path, e);

	if (rc < 0)
		return rc;
	if ((dir = open(file, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return err_set(e, errno, "open cgroup %s", file);
	if ((rc = read_cpu(dir, &s.cpu_ns)) < 0 || (rc = read_pids(c, path, dir, &s)) < 0)
		return err_set(e, -rc, "read cgroup %s", file);
	s.has_memory = !c->is_hybrid || c->v1[CGROUP_MEMORY];
	if (s.has_memory && (rc = cgroup_memory_read(c, path, &s.memory, e)) < 0)
		return rc;
	s.io = read_io(c, path, dir);
	s.cpu_pressure = read_pressure(dir, "cpu.pressure");
	s.memory_pressure = read_pressure(dir, "memory.pressure");
	s.io_pressure = read_pressure(dir, "io.pressure");
	*out = s;
	return 0;
}

uint64_t cgroup_oom_kills(const struct cgroups *c, const char *path)
{
	uint64_t kills = 0;
	const struct key key = { "oom_kill ", &kills };
	CLEANUP(cleanup_free) char *dir = NULL;
	CLEANUP(cleanup_free) char *file = NULL;
	char text[SMALL_MAX];

	if (cgroup_check_path(path, NULL) < 0 || (c->is_hybrid && !c->v1[CGROUP_MEMORY]))
		return 0;
	dir = cgroup_dir(c, c->is_hybrid ? c->v1[CGROUP_MEMORY] : c->v2, path);
	file = str_fmt("%s/%s", dir, c->is_hybrid ? "memory.oom_control" : "memory.events");
	if (read_text(AT_FDCWD, file, text, sizeof(text)) == 0)
		take_keys(text, &key, 1);
	return kills;
}
