/* What the container's cgroup allows: deny all, the usual nodes, then what the plan says.  Attached
 * before anyone is in the cgroup, so there is no moment without.
 */
#include "launch/devices.h"

#include <assert.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "sys/device_rules.h"

enum { ALL = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD, OUR_MAX = 16 };

static_assert((int)PLAN_READ == (int)DEVICE_READ && (int)PLAN_WRITE == (int)DEVICE_WRITE &&
		      (int)PLAN_MKNOD == (int)DEVICE_MKNOD,
	"a plan's access is the kernel's");
static_assert(OUR_MAX + PLAN_DEVICE_RULES_MAX + PLAN_DEVICES_MAX <= (int)DEVICE_RULES_MAX,
	"there is room");

static const struct device_rule usual[] = {
	{ true, 'c', 1, 3, ALL },    /* null */
	{ true, 'c', 1, 5, ALL },    /* zero */
	{ true, 'c', 1, 7, ALL },    /* full */
	{ true, 'c', 1, 8, ALL },    /* random */
	{ true, 'c', 1, 9, ALL },    /* urandom */
	{ true, 'c', 5, 0, ALL },    /* tty */
	{ true, 'c', 5, 2, ALL },    /* ptmx */
	{ true, 'c', 136, -1, ALL }, /* pts */
};

/* Who may make nodes may make any; opening them is something else. */
static const struct device_rule any_node = { true, 'a', -1, -1, DEVICE_MKNOD };

int devices_load_usual(struct err *e)
{
	return device_rules_load(usual, ARRAY_LEN(usual), e);
}

static bool may_make_nodes(const struct plan *p)
{
	return p->caps & UINT64_C(1) << CAP_MKNOD;
}

static bool is_usual(const struct job *j)
{
	bool asks = j->plan->device_rules_len || may_make_nodes(j->plan);

	for (size_t i = 0; i < j->devices_len; i++)
		asks |= j->devices[i].access != 0;
	return !asks;
}

static size_t list_rules(const struct job *j, struct device_rule *out)
{
	const struct plan *p = j->plan;
	size_t n = ARRAY_LEN(usual);

	memcpy(out, usual, sizeof(usual));
	if (may_make_nodes(p))
		out[n++] = any_node;
	for (size_t i = 0; i < p->device_rules_len; i++) {
		const struct plan_device_rule *r = &p->device_rules[i];

		out[n++] = (struct device_rule){ r->is_allowed, r->type, r->major, r->minor,
			r->access };
	}
	for (size_t i = 0; i < j->devices_len; i++) {
		const struct job_device *d = &j->devices[i];

		if (d->access && d->type != 'p')
			out[n++] = (struct device_rule){ true, d->type, major(d->number),
				minor(d->number), d->access };
	}
	return n;
}

int devices_restrict(struct job *j, struct err *e)
{
	CLEANUP(cleanup_free) struct device_rule *rules = NULL;
	CLEANUP(cleanup_fd) int program = -1;

	if (j->cgroup_fd < 0)
		return 0;
	if (j->plan->privileged)
		return device_rules_clear(j->cgroup_fd, e);
	if (j->shared.fd[SHARED_DEVICE_PROGRAM] >= 0 && is_usual(j))
		return device_rules_attach(j->shared.fd[SHARED_DEVICE_PROGRAM], j->cgroup_fd, e);
	rules = mem_zalloc(DEVICE_RULES_MAX * sizeof(*rules));
	program = device_rules_load(rules, list_rules(j, rules), e);
	return program < 0 ? program : device_rules_attach(program, j->cgroup_fd, e);
}
