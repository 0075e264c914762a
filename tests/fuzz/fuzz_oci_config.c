/* config.json of a bundle: whatever is accepted is a plan that reads back as the same, or that
 * carpel-launch refuses with a reason; what is refused is refused with one, too.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void check_limits(const struct cgroup_limits *l)
{
	require(l->memory_bytes == CGROUP_LEAVE || l->memory_bytes > 0);
	require(l->memory_swap_bytes == CGROUP_LEAVE || l->memory_swap_bytes > 0);
	require(l->pids == CGROUP_LEAVE || l->pids > 0);
	require(l->hugepages_len <= 64 && l->unified_len <= 64);
}

/* Whatever the rest of it says, these hold. */
static void check_plan(const struct plan *p)
{
	require(p->kind == PLAN_BUNDLE && p->rootfs[0] == '/' && p->cwd[0] == '/');
	require(p->masks == PLAN_MASKS_GIVEN && p->args.len && !p->privileged);
	require(!(p->inheritable & ~p->caps) && !(p->ambient & ~p->inheritable));
	for (size_t i = 0; i < p->mounts_len; i++)
		require(p->mounts[i].target[0] == '/' && !strstr(p->mounts[i].target, "//") &&
			p->mounts[i].source && !p->mounts[i].is_volume);
	for (size_t i = 0; i < p->devices_len; i++)
		require(str_starts(p->devices[i].target, "/dev/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(config_free) struct config c;
	CLEANUP(plan_free) struct plan read;
	CLEANUP(buf_free) struct buf first = { 0 };
	CLEANUP(buf_free) struct buf second = { 0 };
	struct err e = { 0 };

	config_init(&c);
	plan_init(&read);
	if (config_parse((const char *)data, size, &c, &e) < 0 ||
		config_translate(&c, "id", "/", &e) < 0) {
		require(e.code > 0 && e.text[0]);
		return 0;
	}
	check_limits(&c.limits);
	check_plan(&c.plan);
	c.plan.start_fd = 5;
	plan_write(&c.plan, &first);
	if (plan_parse(first.data, first.len, &read, &e) < 0) {
		require(e.code > 0 && e.text[0]);
		return 0;
	}
	check_plan(&read);
	plan_write(&read, &second);
	require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	return 0;
}
