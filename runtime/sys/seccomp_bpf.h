/* The two halves of a filter: instructions of our own for what the seccomp library cannot say, and
 * after them what the library has made. */
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_BIT 0x40000000U /* x32: another ABI behind the same architecture */
#else
#define OUR_ARCH AUDIT_ARCH_AARCH64
#define FOREIGN_BIT 0x80000000U /* no number is that large */
#endif

#define BPF_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* The low word: both architectures are little-endian. */
#define BPF_IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define BPF_ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)

/* Appends the program of a filter of the library (scmp_filter_ctx).  With what is there already it
 * may have BPF_MAXINSNS instructions. */
int seccomp_append(void *ctx, struct buf *out, struct err *e);
