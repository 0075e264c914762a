#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/floor.h"

enum { EMPTY_TRIES = 2000 };

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[FLOOR_PATH];
	int fd = open(floor_path(path, "%s/%s", dir, name), O_WRONLY | O_CLOEXEC);

	floor_must(fd, path);
	floor_must(write(fd, text, strlen(text)), path);
	close(fd);
}

static bool has_file(const char *dir, const char *name)
{
	char path[FLOOR_PATH];

	return access(floor_path(path, "%s/%s", dir, name), F_OK) == 0;
}

/* The mount of each hierarchy, from "… - cgroup cgroup rw,memory" in mountinfo. */
static void note_mount(struct floor_cgroup *out, const char *line)
{
	static const char *const controllers[] = { "cpu", "cpuacct", "memory", "pids" };
	const char *dash = strstr(line, " - ");
	char point[FLOOR_PATH], type[16], options[256];

	if (!dash || sscanf(line, "%*s %*s %*s %*s %511s", point) != 1 ||
		sscanf(dash, " - %15s %*s %255s", type, options) != 2)
		return;
	if (strcmp(type, "cgroup2") == 0 && !out->v2[0])
		floor_path(out->v2, "%s", point);
	if (strcmp(type, "cgroup") != 0)
		return;
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		const char *at = strstr(options, controllers[i]);
		const char *end = at ? at + strlen(controllers[i]) : NULL;

		if (at && at[-1] == ',' && (*end == ',' || *end == '\0')) {
			floor_path(out->v1[out->v1_len++], "%s", point);
			return;
		}
	}
}

/* On pure v2 the controllers of children are enabled here. */
static void enable_controllers(const char *v2)
{
	static const char *const names[] = { "+cpu", "+memory", "+pids" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[FLOOR_PATH];
		int fd = open(
			floor_path(path, "%s/cgroup.subtree_control", v2), O_WRONLY | O_CLOEXEC);

		floor_must(fd, path);
		(void)!write(fd, names[i], strlen(names[i])); /* one that is v1 here is not ours */
		close(fd);
	}
}

static void make_dirs(const struct floor_cgroup *parent, const char *name, struct floor_cgroup *out)
{
	*out = (struct floor_cgroup){ .v1_len = parent->v1_len };
	floor_path(out->v2, "%s/%s", parent->v2, name);
	if (mkdir(out->v2, 0755) < 0 && errno != EEXIST)
		floor_die(out->v2);
	for (size_t i = 0; i < parent->v1_len; i++) {
		floor_path(out->v1[i], "%s/%s", parent->v1[i], name);
		if (mkdir(out->v1[i], 0755) < 0 && errno != EEXIST)
			floor_die(out->v1[i]);
	}
}

/* It keeps its share of the machine: only what is in it gets the little of BestEffort. */
void floor_cgroup_root(struct floor_cgroup *out)
{
	struct floor_cgroup mounts = { 0 };
	char line[2048];
	FILE *f = fopen("/proc/self/mountinfo", "re");

	if (!f)
		floor_die("/proc/self/mountinfo");
	/* cppcheck-suppress nullPointerRedundantCheck ; floor_die() does not return */
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		note_mount(&mounts, line);
	}
	fclose(f);
	if (!mounts.v2[0])
		floor_die("there is no cgroup v2 mount");
	make_dirs(&mounts, "carpel-floor", out);
	if (!out->v1_len)
		enable_controllers(out->v2);
}

static void limit(const char *dir, bool is_leaf)
{
	if (has_file(dir, "cpu.shares"))
		write_file(dir, "cpu.shares", "2");
	if (has_file(dir, "cpu.weight"))
		write_file(dir, "cpu.weight", "1");
	if (!is_leaf && has_file(dir, "pids.max"))
		write_file(dir, "pids.max", "2048");
}

void floor_cgroup_make(
	const struct floor_cgroup *parent, const char *name, bool is_leaf, struct floor_cgroup *out)
{
	make_dirs(parent, name, out);
	for (size_t i = 0; i < out->v1_len; i++)
		limit(out->v1[i], is_leaf);
	if (out->v1_len)
		return;
	limit(out->v2, is_leaf);
	if (!is_leaf)
		enable_controllers(out->v2);
}

void floor_cgroup_kill(const struct floor_cgroup *g)
{
	write_file(g->v2, "cgroup.kill", "1");
}

/* A killed process leaves its cgroup a moment after its parent has heard of it. */
static void remove_dir(const char *dir)
{
	for (int i = 0; rmdir(dir) < 0; i++) {
		if (errno == ENOENT)
			return;
		if (errno != EBUSY || i == EMPTY_TRIES)
			floor_die(dir);
		poll(NULL, 0, 1);
	}
}

void floor_cgroup_remove(const struct floor_cgroup *g)
{
	for (size_t i = 0; i < g->v1_len; i++)
		remove_dir(g->v1[i]);
	remove_dir(g->v2);
}
