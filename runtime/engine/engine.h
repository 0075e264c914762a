/* Sandboxes and containers as running things: made by carpel-launch, watched, executed in, logged,
 * killed, found again after a crash.  Knows neither Pods nor CRI: each sandbox and container has an
 * owner, who says what it is to be and is told what becomes of it.  Two owners exist, the Pod life
 * cycle (daemon/) and CRI (cri/), which know nothing of each other.
 *
 *   open.c       what is there before the first of them
 *   sandbox.c    pause and what it holds: up, down
 *   ctr.c        one container's instance: up, down; ctr_record.c keeps it
 *   launch.c     one launch, asynchronously; launcher.c is carpel-launch, which carries it out
 *   exec_run.c   one program in a container; terminal.c makes pseudoterminals
 *   logs.c       carpel-log; logs_file.c and logs_reopen.c, the files that it writes to
 *   profiles.c   system call filters, compiled
 *   users.c      whether there are user namespaces to be had; lsm.c, which security modules
 *   resume.c     taking over after a crash; find.c finds processes again
 *   discard.c    what is thrown away
 *   scope.c      units of systemd's, where it owns the cgroups; slice.c, their weights
 *   helper.c     starting our own programs; child.c, processes that we wait for; outbox.c,
 *                messages that wait for them
 *   job.c        a program run for an answer: image_job.c, usage_job.c, cdi.c
 *
 * Owners write a record of what they are about to ask for before they ask, so that after a crash it
 * can be finished or undone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "pod/env.h"
#include "pod/layout.h"
#include "pod/lsm.h"
#include "sys/cgroup.h"

/* Our helpers' cgroup below the instance's root: ending the instance ends them by it, whoever
 * started them. */
#define HELPERS_CGROUP "daemons"

enum users_answer { USERS_UNKNOWN, USERS_TO_BE_HAD, USERS_NOT_TO_BE_HAD };

struct users {
	enum users_answer answer;
	int64_t wait_ms, again_ms; /* tried out again at that boot time; wait_ms 0: never */
	struct job *job;
	void (*changed)(void *arg);
	void *arg;
};

struct engine {
	struct loop *loop;
	struct layout layout;
	int starter; /* see sys/starter.h */
	struct cgroups *cgroups;
	struct scope *scope;       /* of our helpers, where systemd makes the cgroups */
	struct env_facts facts;    /* the node's; texts are the daemon's */
	int64_t start_deadline_ms; /* from a plan to its program, of whatever is started */
	struct node_lsm lsm;       /* AppArmor and SELinux */
	/* A log has grown or is complete; the API's followers want to know. */
	void (*log_changed)(void *arg);
	void *log_arg;

	struct sandbox *sandboxes;
	struct launcher *launcher;
	struct logs *logs;
	struct profile *profiles;
	char *compiler; /* tells builds of carpel-launch apart; profiles.c */
	struct cdi_wait *cdi_waits;
	struct users users;     /* users.c */
	struct child *children; /* see child.h */
	unsigned launches;      /* in flight: their programs are not among the children yet */
	struct discard *discards;
	struct loop_timer discard_timer, trash_timer;
	bool has_trash, is_emptying;
};
