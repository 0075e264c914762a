/* The launch plan: carpel-launch reads it as root.  Whatever is accepted keeps the promises that
 * launch builds on, and what is written from it reads back as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void require_path(const char *path)
{
	require(path[0] == '/' && strlen(path) < 4096);
}

static void check_mounts(const struct plan *p)
{
	for (size_t i = 0; i < p->mounts_len; i++) {
		require_path(p->mounts[i].source);
		require_path(p->mounts[i].target);
		require(p->mounts[i].read_only || !p->mounts[i].recursive_read_only);
		require(!p->mounts[i].recursive_read_only ||
			p->mounts[i].propagation == PLAN_PRIVATE);
	}
	for (size_t i = 0; i < p->lowers.len; i++)
		require_path(p->lowers.at[i]);
}

/* No sysctl can leave the directory that its name makes, or reach the machine's own. */
static void check_sysctls(const struct plan *p)
{
	for (size_t i = 0; i < p->sysctls_len; i++) {
		const char *name = p->sysctls[i].name;

		require(name[0] != '/' && name[0] != '.' && !strstr(name, ".."));
		require(!strstr(name, "//") && p->sysctls[i].value[0]);
		require(!(p->host_network && str_starts(name, "net")));
		require(!(p->host_ipc && !str_starts(name, "net")));
	}
}

static void check_lists(const struct plan *p)
{
	for (size_t i = 0; i < p->masked.len; i++)
		require_path(p->masked.at[i]);
	for (size_t i = 0; i < p->readonly_paths.len; i++)
		require_path(p->readonly_paths.at[i]);
	if (p->masked.len || p->readonly_paths.len)
		require(p->masks == PLAN_MASKS_GIVEN && !p->privileged);
}

static void check_promises(const struct plan *p)
{
	require(p->id && strlen(p->id) <= 253 && !strpbrk(p->id, " \n\t"));
	check_mounts(p);
	check_lists(p);
	check_sysctls(p);
	if (p->kind == PLAN_SANDBOX) {
		require_path(p->pause_path);
		require(p->args.len == 0 && p->mounts_len == 0 && !p->privileged);
		return;
	}
	require(p->kind == PLAN_CONTAINER || p->kind == PLAN_EXEC);
	require(p->pause_fd >= 0 && p->pause_fd != PLAN_FD);
	require(!(p->ambient & ~p->caps) && p->pid_target_fd != PLAN_FD);
	require(p->args.len > 0 && p->args.at[0][0] && p->sysctls_len == 0);
	for (size_t i = 0; i < p->env.len; i++)
		require(p->env.at[i][0] != '=' && strchr(p->env.at[i], '='));
	if (p->kind == PLAN_CONTAINER) {
		require_path(p->upper);
		require_path(p->work);
		require(p->lowers.len > 0);
		require((p->pid == PLAN_PID_TARGET) == (p->pid_target_fd >= 0));
	} else {
		require(p->mounts_len == 0 && !p->upper && !p->lowers.len);
		require(p->pid_target_fd < 0 && !p->masked.len && !p->readonly_paths.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(plan_free) struct plan p;
	CLEANUP(plan_free) struct plan again;
	CLEANUP(buf_free) struct buf first = { 0 };
	CLEANUP(buf_free) struct buf second = { 0 };
	struct err e = { 0 };

	plan_init(&p);
	plan_init(&again);
	if (plan_parse((const char *)data, size, &p, &e) < 0) {
		require(e.code > 0 && e.text[0]);
		return 0;
	}
	check_promises(&p);
	plan_write(&p, &first);
	require(plan_parse(first.data, first.len, &again, &e) == 0);
	check_promises(&again);
	plan_write(&again, &second);
	require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	return 0;
}
