/* One run of carpel-launch: the plan and its descriptors in, reports out. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "spec/plan.h"

enum { LAUNCH_FDS_MAX = 18 };

struct launch {
	int at[LAUNCH_FDS_MAX]; /* borrowed */
	size_t len;
	int sock;      /* where reports come; -1 */
	int process;   /* pidfd of carpel-launch; -1 */
	int exit_code; /* of a failure, as a shell would say */
	int pid;       /* as the last report says: by now its process may have ended */
};
#define LAUNCH_NONE ((struct launch){ .sock = -1, .process = -1 })
void launch_close(struct launch *l);

/* The number that fd has there. */
int launch_fd(struct launch *l, int fd, int32_t *out_number, struct err *e);
int launch_begin(struct launch *l, struct plan *p, struct err *e);
/* Waits for a report of that kind; out_pidfd is the caller's. */
int launch_expect(struct launch *l, enum launch_report_kind kind, int *out_pidfd, struct err *e);
int launch_go_on(struct launch *l, struct err *e); /* the answer to REPORT_READY */
void launch_reap(struct launch *l); /* waits for its end; what it started is an orphan then */

/* A filter for a profile in OCI's JSON; its descriptor, of an unnamed file. */
int launch_compile(uint64_t caps, const char *profile, size_t len, struct err *e);
/* The maps of the user namespace at path. */
int launch_show_users(
	const char *path, struct plan_map *uids, struct plan_map *gids, struct err *e);
int launch_check_failure(const struct launch_report *r, struct err *e); /* what FAILED says */
