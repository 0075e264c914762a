/* GET usage, GET namespaces/NS/usage (?labelSelector=): what the pods and their running containers
 * use, all of them in one answer, read from the kernel at that moment: some 0.1 ms a container.
 *
 *     {"kind": "PodUsageList", "apiVersion": "carpel/v1", "metadata": {}, "items": [
 *       {"metadata": {"name", "namespace", "uid", "labels"}, …, "containers": [{"name", …}]}]}
 *
 * "…" of a pod, all of its cgroup, and of a container are in the words of the kubelet's Summary
 * API: cpu.usageCoreNanoSeconds, memory.workingSetBytes …, psi; beside them what it lacks:
 * limitBytes, swap, pids, and io's bytes and operations.  What the kernel does not tell is left
 * out. Counters are as they stand: what is used by the second, whoever asks twice can say.
 *
 * Of the disk, too: ephemeral-storage and volume of a pod, rootfs (the writable layer), logs and
 * their sum, ephemeral-storage, of a container.  That is counted beside us (daemon/disk.h) and not
 * there at first.
 */
#include "daemon/usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/disk.h"
#include "spec/selector.h"
#include "sys/cgroup_stats.h"

static void set_u64(struct json *object, const char *key, uint64_t n)
{
	json_set_i64(object, key, n < INT64_MAX ? (int64_t)n : INT64_MAX);
}

/* The kernel writes two digits.  Trees build integers only; the reader makes any number. */
static void set_percent(struct json *object, const char *key, double percent)
{
	struct json *number = NULL;
	char text[32];
	int len = snprintf(text, sizeof(text), "%.2f", percent);

	if (json_parse(text, (size_t)len, NULL, &number, NULL) == 0)
		json_set(object, key, number);
}

static struct json *pressure_line(const struct pressure_line *l)
{
	struct json *line = json_new_object();

	set_u64(line, "total", l->total_ns);
	set_percent(line, "avg10", l->avg10);
	set_percent(line, "avg60", l->avg60);
	set_percent(line, "avg300", l->avg300);
	return line;
}

static void set_pressure(struct json *object, const struct pressure *p)
{
	struct json *psi;

	if (!p->is_known)
		return;
	psi = json_new_object();
	json_set(psi, "full", pressure_line(&p->full));
	json_set(psi, "some", pressure_line(&p->some));
	json_set(object, "psi", psi);
}

static void set_memory(struct json *use, const struct cgroup_stats *s)
{
	const struct cgroup_memory *m = &s->memory;
	struct json *memory = json_new_object(), *swap;

	set_u64(memory, "usageBytes", m->usage_bytes);
	set_u64(memory, "workingSetBytes", m->working_set_bytes);
	set_u64(memory, "rssBytes", m->rss_bytes);
	set_u64(memory, "pageFaults", m->page_faults);
	set_u64(memory, "majorPageFaults", m->major_page_faults);
	if (m->limit_bytes) {
		set_u64(memory, "limitBytes", m->limit_bytes);
		set_u64(memory, "availableBytes",
			m->limit_bytes > m->working_set_bytes
				? m->limit_bytes - m->working_set_bytes
				: 0);
	}
	set_pressure(memory, &s->memory_pressure);
	json_set(use, "memory", memory);
	if (!m->has_swap)
		return;
	swap = json_new_object();
	set_u64(swap, "swapUsageBytes", m->swap_bytes);
	if (m->has_swap_limit)
		set_u64(swap, "swapLimitBytes", m->swap_limit_bytes);
	json_set(use, "swap", swap);
}

static void set_io(struct json *use, const struct cgroup_stats *s)
{
	struct json *io = json_new_object();

	if (s->io.is_known) {
		set_u64(io, "readBytes", s->io.read_bytes);
		set_u64(io, "writeBytes", s->io.write_bytes);
		set_u64(io, "readOperations", s->io.read_ops);
		set_u64(io, "writeOperations", s->io.write_ops);
	}
	set_pressure(io, &s->io_pressure);
	json_set(use, "io", io);
}

static void set_use(struct json *use, const struct cgroup_stats *s)
{
	struct json *cpu = json_new_object();
	char time[CLOCK_TEXT_MAX];

	clock_rfc3339_nano(s->wall_ns, time);
	json_set_str(use, "timestamp", time);
	set_u64(cpu, "usageCoreNanoSeconds", s->cpu_ns);
	set_pressure(cpu, &s->cpu_pressure);
	json_set(use, "cpu", cpu);
	if (s->has_memory)
		set_memory(use, s);
	set_io(use, s);
	if (s->has_pids) {
		struct json *pids = json_new_object();

		set_u64(pids, "current", s->pids);
		json_set(use, "pids", pids);
	}
}

/* ---- on the disk ---- */

static void set_space(struct json *to, const struct disk_use *u)
{
	char time[CLOCK_TEXT_MAX];

	clock_rfc3339_nano(u->wall_ns, time);
	json_set_str(to, "time", time);
	set_u64(to, "usedBytes", u->bytes);
	set_u64(to, "inodesUsed", u->inodes);
}

static void set_tree(struct json *object, const char *key, const struct disk_use *u)
{
	struct json *space;

	if (!u->wall_ns)
		return;
	space = json_new_object();
	set_space(space, u);
	json_set(object, key, space);
}

/* As old as its oldest part; not known as long as one of them is not. */
static void add_part(struct disk_use *sum, bool *is_known, const struct disk_use *part)
{
	*is_known &= part->wall_ns != 0;
	sum->bytes += part->bytes;
	sum->inodes += part->inodes;
	if (!sum->wall_ns || part->wall_ns < sum->wall_ns)
		sum->wall_ns = part->wall_ns;
}

static void set_disk_of_container(struct json *object, const struct pod_ctr *c)
{
	const struct pod_spec *spec = c->pod->spec;
	const struct disk_use *use = disk_ask(c->pod), *logs, *layer;
	struct disk_use sum = { 0 };
	bool is_known = true;

	if (!use)
		return;
	logs = &use[disk_tree(spec, DISK_LOGS, c->index)];
	layer = &use[disk_tree(spec, DISK_LAYER, c->index)];
	set_tree(object, "rootfs", layer);
	set_tree(object, "logs", logs);
	add_part(&sum, &is_known, logs);
	add_part(&sum, &is_known, layer);
	if (is_known)
		set_tree(object, "ephemeral-storage", &sum);
}

static struct json *volumes_of_pod(const struct pod_spec *spec, const struct disk_use *use,
	struct disk_use *sum, bool *is_known)
{
	struct json *volumes = json_new_array();

	for (size_t i = 0; i < spec->volumes_len; i++) {
		const struct disk_use *u = &use[disk_tree(spec, DISK_VOLUME, i)];
		struct json *volume;

		if (!disk_has_tree(spec, DISK_VOLUME, i))
			continue;
		add_part(sum, is_known, u);
		if (!u->wall_ns)
			continue;
		volume = json_new_object();
		json_set_str(volume, "name", spec->volumes[i].name);
		set_space(volume, u);
		json_push(volumes, volume);
	}
	return volumes;
}

static void set_disk_of_pod(struct json *object, struct pod *p)
{
	const struct pod_spec *spec = p->spec;
	const struct disk_use *use = disk_ask(p);
	struct disk_use sum = { 0 };
	bool is_known = true;

	if (!use)
		return;
	json_set(object, "volume", volumes_of_pod(spec, use, &sum, &is_known));
	for (size_t i = 0; i < spec->containers_len; i++) {
		add_part(&sum, &is_known, &use[disk_tree(spec, DISK_LOGS, i)]);
		add_part(&sum, &is_known, &use[disk_tree(spec, DISK_LAYER, i)]);
	}
	if (is_known)
		set_tree(object, "ephemeral-storage", &sum);
}

/* NULL: it ended meanwhile, or what there is of it cannot be read. */
static struct json *use_of_container(const struct pod_ctr *c)
{
	CLEANUP(cleanup_free)
	char *cgroup = container_cgroup(&c->pod->sandbox.at, c->ctr.id);
	struct cgroup_stats s;
	struct json *use;

	if (!c->ctr.pid || cgroup_stats_read(c->pod->d->engine.cgroups, cgroup, &s, NULL) < 0)
		return NULL;
	use = json_new_object();
	json_set_str(use, "name", c->ctr.spec->name);
	json_set_str(use, "id", c->ctr.id);
	set_use(use, &s);
	set_disk_of_container(use, c);
	return use;
}

static struct json *use_of_pod(struct pod *p)
{
	struct json *use = json_new_object(), *metadata = json_new_object(),
		    *labels = json_new_object(), *containers = json_new_array();
	struct cgroup_stats s;

	json_set_str(metadata, "name", p->spec->name);
	json_set_str(metadata, "namespace", p->spec->namespace);
	json_set_str(metadata, "uid", p->spec->uid);
	for (size_t i = 0; i < p->spec->labels.len; i++)
		json_set_str(labels, p->spec->labels.at[i].key, p->spec->labels.at[i].value);
	json_set(metadata, "labels", labels);
	json_set(use, "metadata", metadata);
	if (cgroup_stats_read(p->d->engine.cgroups, p->sandbox.at.cgroup, &s, NULL) == 0)
		set_use(use, &s);
	set_disk_of_pod(use, p);
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		struct json *one = use_of_container(&p->ctrs[i]);

		if (one)
			json_push(containers, one);
	}
	json_set(use, "containers", containers);
	return use;
}

void usage_answer(struct daemon *d, struct api_call *c, const char *ns)
{
	CLEANUP(cleanup_selector) struct selector *by = NULL;
	struct json *answer, *items;
	struct err e = { 0 };
	int rc = selector_parse_labels(api_call_query(c, "labelSelector"), &by, &e);

	if (rc == 0 && !str_eq(api_call_method(c), "GET"))
		rc = err_say(&e, EINVAL, "only GET is allowed here");
	if (rc < 0) {
		api_call_fail(c, rc, &e);
		return;
	}
	answer = json_new_object();
	items = json_new_array();
	json_set_str(answer, "kind", "PodUsageList");
	json_set_str(answer, "apiVersion", "carpel/v1");
	json_set(answer, "metadata", json_new_object());
	for (struct pod *p = d->pods; p; p = p->next)
		if ((!ns || str_eq(ns, p->spec->namespace)) &&
			selector_matches_labels(by, &p->spec->labels))
			json_push(items, use_of_pod(p));
	json_set(answer, "items", items);
	api_call_reply(c, 200, answer);
}
