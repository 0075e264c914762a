/* Counters of cgroups as messages. */
#include "base/cleanup.h"
#include "cri/stats.h"

Runtime__V1__UInt64Value *stats_value(Runtime__V1__UInt64Value *at, uint64_t n)
{
	runtime__v1__uint64_value__init(at);
	at->value = n;
	return at;
}

static Runtime__V1__PsiData *psi_line(Runtime__V1__PsiData *at, const struct pressure_line *l)
{
	runtime__v1__psi_data__init(at);
	at->total = l->total_ns;
	at->avg10 = l->avg10;
	at->avg60 = l->avg60;
	at->avg300 = l->avg300;
	return at;
}

static Runtime__V1__PsiStats *psi(struct stats_psi *at, const struct pressure *p)
{
	if (!p->is_known)
		return NULL;
	runtime__v1__psi_stats__init(&at->psi);
	at->psi.full = psi_line(&at->full, &p->full);
	at->psi.some = psi_line(&at->some, &p->some);
	return &at->psi;
}

static void fill_cpu(struct stats_usage *u, const struct cgroup_stats *s)
{
	runtime__v1__cpu_usage__init(&u->cpu);
	u->cpu.timestamp = s->wall_ns;
	u->cpu.usage_core_nano_seconds = stats_value(&u->cpu_ns, s->cpu_ns);
	u->cpu.psi = psi(&u->cpu_psi, &s->cpu_pressure);
}

static void fill_memory(struct stats_usage *u, const struct cgroup_stats *s)
{
	const struct cgroup_memory *m = &s->memory;
	uint64_t available =
		m->limit_bytes > m->working_set_bytes ? m->limit_bytes - m->working_set_bytes : 0;

	runtime__v1__memory_usage__init(&u->memory);
	u->memory.timestamp = s->wall_ns;
	u->memory.psi = psi(&u->memory_psi, &s->memory_pressure);
	if (!s->has_memory)
		return;
	u->memory.usage_bytes = stats_value(&u->usage, m->usage_bytes);
	u->memory.working_set_bytes = stats_value(&u->working_set, m->working_set_bytes);
	u->memory.available_bytes = stats_value(&u->available, available);
	u->memory.rss_bytes = stats_value(&u->rss, m->rss_bytes);
	u->memory.page_faults = stats_value(&u->faults, m->page_faults);
	u->memory.major_page_faults = stats_value(&u->major_faults, m->major_page_faults);
}

bool stats_has_swap(const struct cgroup_stats *s)
{
	return s->has_memory && s->memory.has_swap;
}

static void fill_swap(struct stats_usage *u, const struct cgroup_stats *s)
{
	const struct cgroup_memory *m = &s->memory;

	if (!stats_has_swap(s))
		return;
	runtime__v1__swap_usage__init(&u->swap);
	u->swap.timestamp = s->wall_ns;
	u->swap.swap_usage_bytes = stats_value(&u->swap_used, m->swap_bytes);
	if (m->has_swap_limit)
		u->swap.swap_available_bytes = stats_value(&u->swap_available,
			m->swap_limit_bytes > m->swap_bytes ? m->swap_limit_bytes - m->swap_bytes
							    : 0);
}

static void fill_io(struct stats_usage *u, const struct cgroup_stats *s)
{
	runtime__v1__io_usage__init(&u->io);
	u->io.timestamp = s->wall_ns;
	u->io.psi = psi(&u->io_psi, &s->io_pressure);
}

void stats_fill_usage(struct stats_usage *u, const struct cgroup_stats *s)
{
	fill_cpu(u, s);
	fill_memory(u, s);
	fill_swap(u, s);
	fill_io(u, s);
}

static void fill_attributes(Runtime__V1__ContainerAttributes *a, const struct cri_container *c)
{
	runtime__v1__container_attributes__init(a);
	a->id = (char *)(uintptr_t)c->ctr.id;
	a->metadata = c->config->metadata;
	a->n_labels = c->config->n_labels;
	a->labels = (void *)c->config->labels;
	a->n_annotations = c->config->n_annotations;
	a->annotations = (void *)c->config->annotations;
}

/* Counted in the background; not there before the first count. */
static void fill_layer(struct stats_item *i, struct cri_container *c)
{
	const struct usage_count *u = usage_of_layer(c);

	runtime__v1__filesystem_usage__init(&i->layer);
	runtime__v1__filesystem_identifier__init(&i->layer_id);
	i->layer_id.mountpoint = c->cri->engine->layout.lib;
	i->layer.fs_id = &i->layer_id;
	i->layer.timestamp = u->wall_ns;
	if (!u->wall_ns)
		return;
	i->layer.used_bytes = stats_value(&i->layer_bytes, u->bytes);
	i->layer.inodes_used = stats_value(&i->layer_inodes, u->inodes);
	i->stats.writable_layer = &i->layer;
}

int stats_fill_container(struct stats_item *i, struct cri_container *c, struct err *e)
{
	CLEANUP(cleanup_free) char *cgroup = container_cgroup(&c->sandbox->box.at, c->ctr.id);
	struct cgroup_stats s;
	int rc = cgroup_stats_read(c->cri->engine->cgroups, cgroup, &s, e);

	if (rc < 0)
		return rc;
	runtime__v1__container_stats__init(&i->stats);
	fill_attributes(&i->attributes, c);
	stats_fill_usage(&i->usage, &s);
	i->stats.attributes = &i->attributes;
	i->stats.cpu = &i->usage.cpu;
	i->stats.memory = &i->usage.memory;
	i->stats.swap = stats_has_swap(&s) ? &i->usage.swap : NULL;
	i->stats.io = s.io_pressure.is_known ? &i->usage.io : NULL;
	fill_layer(i, c);
	return 0;
}
