/* Which devices the processes of a cgroup may open and make nodes of: a program (BPF) that the
 * kernel asks at every open and mknod.  In the v2 tree, which hybrid machines have too, so there is
 * one mechanism for both; see contrib/adr/0013-devices.md for why not v1's controller.  What is
 * open already stays open.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { DEVICE_MKNOD = 1, DEVICE_READ = 2, DEVICE_WRITE = 4 }; /* the kernel's BPF_DEVCG_ACC_ */

struct device_rule {
	bool is_allowed;
	char type;            /* 'c', 'b', or 'a': both */
	int64_t major, minor; /* -1: any */
	unsigned access;
};

/* Of rules that fit a device the last one counts, for each kind of access by itself; where none
 * fits it is denied. */
enum {
	DEVICE_RULES_MAX = 1024,
	DEVICE_RULE_LEN = 8, /* instructions, at most */
	DEVICE_PROGRAM_MAX = 8 + DEVICE_RULES_MAX * DEVICE_RULE_LEN
};

/* Pure: the number of instructions in out, which has room for 8 + len * DEVICE_RULE_LEN. */
size_t device_rules_compile(const struct device_rule *rules, size_t len, struct bpf_insn *out);
/* The loaded program's descriptor.  Costs more than a mount does, attaching it nearly nothing. */
int device_rules_load(const struct device_rule *rules, size_t len, struct err *e);
/* Beside the programs that the cgroup and those above have: all of them must allow.  Of a cgroup
 * that nobody is in it takes the place of what an earlier use of ours has left. */
int device_rules_attach(int program, int cgroup, struct err *e);
int device_rules_clear(int cgroup, struct err *e); /* only that */
