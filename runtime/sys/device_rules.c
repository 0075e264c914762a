/* The program asks the rules from the last to the first and keeps what access is still undecided:
 * an allowing rule takes its kinds out and is content when none is left, a denying one refuses when
 * one of its kinds is.
 */
#include "sys/device_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* The kernel attaches no more to a cgroup. */
enum { ATTACHED_MAX = 64 };

static const char program_name[] = "carpel_devices"; /* by which we know ours */

enum { RESULT, CONTEXT, TYPE, ACCESS, MAJOR, MINOR }; /* registers 0 to 5 */

struct program {
	struct bpf_insn *at;
	size_t len;
};

static void add(struct program *p, int code, int dst, int offset, int value)
{
	p->at[p->len++] = (struct bpf_insn){ .code = (uint8_t)code,
		.dst_reg = (uint8_t)(dst & 0xf),
		.off = (int16_t)offset,
		.imm = value };
}

static void add_load(struct program *p, int dst, size_t field)
{
	p->at[p->len++] = (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = (uint8_t)(dst & 0xf),
		.src_reg = CONTEXT,
		.off = (int16_t)field };
}

static void add_answer(struct program *p, bool is_allowed)
{
	add(p, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, is_allowed);
	add(p, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

/* Registers: type and access stand in one word, the access above. */
static void add_head(struct program *p)
{
	add_load(p, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	add_load(p, ACCESS, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	add(p, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0xffff);
	add(p, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 16);
	add_load(p, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	add_load(p, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static void add_rule(struct program *p, const struct device_rule *r)
{
	const struct {
		bool counts;
		int reg, value;
	} fits[] = {
		{ r->type != 'a', TYPE, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR },
		{ r->major >= 0, MAJOR, (int)r->major },
		{ r->minor >= 0, MINOR, (int)r->minor },
	};
	size_t first = p->len;

	for (size_t i = 0; i < ARRAY_LEN(fits); i++)
		if (fits[i].counts)
			add(p, BPF_JMP | BPF_JNE | BPF_K, fits[i].reg, 0, fits[i].value);

	size_t decide = p->len;

	if (r->is_allowed) {
		add(p, BPF_ALU64 | BPF_AND | BPF_K, ACCESS, 0, (int)~r->access);
		add(p, BPF_JMP | BPF_JNE | BPF_K, ACCESS, 2, 0); /* over the answer */
	} else {
		add(p, BPF_JMP | BPF_JSET | BPF_K, ACCESS, 1, (int)r->access);
		add(p, BPF_JMP | BPF_JA, 0, 2, 0);
	}
	add_answer(p, r->is_allowed);
	for (size_t i = first; i < decide; i++)
		p->at[i].off = (int16_t)(p->len - i - 1);
}

size_t device_rules_compile(const struct device_rule *rules, size_t len, struct bpf_insn *out)
{
	struct program p = { .at = out };

	add_head(&p);
	while (len-- > 0)
		add_rule(&p, &rules[len]);
	add_answer(&p, false);
	return p.len;
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int device_rules_load(const struct device_rule *rules, size_t len, struct err *e)
{
	CLEANUP(cleanup_free) struct bpf_insn *code = NULL;
	union bpf_attr attr;
	int fd;

	if (len > DEVICE_RULES_MAX)
		return err_say(e, E2BIG, "more than %d rules for devices", DEVICE_RULES_MAX);
	code = mem_zalloc((8 + len * DEVICE_RULE_LEN) * sizeof(*code));
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insn_cnt = (uint32_t)device_rules_compile(rules, len, code);
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.license = (uint64_t)(uintptr_t) "MIT";
	memcpy(attr.prog_name, program_name, sizeof(program_name));
	fd = bpf(BPF_PROG_LOAD, &attr); /* close-on-exec */
	return fd < 0 ? err_set(e, errno, "load the program for devices") : fd;
}

static int look(int program, struct bpf_prog_info *out, struct err *e)
{
	union bpf_attr attr;

	memset(out, 0, sizeof(*out));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)program;
	attr.info.info_len = sizeof(*out);
	attr.info.info = (uint64_t)(uintptr_t)out;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0
		       ? err_set(e, errno, "look at a program for devices")
		       : 0;
}

static int attach_or_detach(int command, int program, int cgroup)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = command == BPF_PROG_ATTACH ? BPF_F_ALLOW_MULTI : 0;
	return bpf(command, &attr) < 0 ? -errno : 0;
}

/* 1: processes are in it. */
static int is_populated(int cgroup, struct err *e)
{
	CLEANUP(cleanup_fd) int fd = openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[128];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return err_set(e, errno, "read the cgroup's cgroup.events");
	text[n] = '\0';
	return strstr(text, "populated 0") ? 0 : 1;
}

/* 1: it is attached already, as own_id says.  One of ours that another use has left goes. */
static int look_at_attached(uint32_t id, uint32_t own_id, int cgroup, bool is_in_use, struct err *e)
{
	CLEANUP(cleanup_fd) int program = -1;
	struct bpf_prog_info info;
	union bpf_attr attr;
	int rc;

	if (id == own_id)
		return 1;
	if (is_in_use)
		return 0;
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	if ((program = bpf(BPF_PROG_GET_FD_BY_ID, &attr)) < 0)
		return errno == ENOENT ? 0 : err_set(e, errno, "open the cgroup's program %u", id);
	if ((rc = look(program, &info, e)) < 0 || !str_eq(info.name, program_name))
		return rc;
	rc = attach_or_detach(BPF_PROG_DETACH, program, cgroup);
	return rc < 0 && rc != -ENOENT ? err_set(e, -rc, "detach the cgroup's program %u", id) : 0;
}

/* The same. */
static int look_at_cgroup(uint32_t own_id, int cgroup, struct err *e)
{
	const int is_in_use = is_populated(cgroup, e);
	uint32_t ids[ATTACHED_MAX];
	union bpf_attr attr;
	bool is_attached = false;
	int rc = is_in_use < 0 ? is_in_use : 0;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
	attr.query.prog_cnt = ATTACHED_MAX;
	if (rc == 0 && bpf(BPF_PROG_QUERY, &attr) < 0)
		rc = err_set(e, errno, "list the cgroup's programs for devices");
	for (uint32_t i = 0; rc >= 0 && i < attr.query.prog_cnt; i++) {
		rc = look_at_attached(ids[i], own_id, cgroup, is_in_use, e);
		is_attached |= rc == 1;
	}
	return rc < 0 ? rc : is_attached;
}

int device_rules_clear(int cgroup, struct err *e)
{
	return look_at_cgroup(0, cgroup, e);
}

int device_rules_attach(int program, int cgroup, struct err *e)
{
	struct bpf_prog_info info;
	int rc = look(program, &info, e);

	if (rc < 0 || (rc = look_at_cgroup(info.id, cgroup, e)) != 0)
		return rc < 0 ? rc : 0;
	rc = attach_or_detach(BPF_PROG_ATTACH, program, cgroup);
	return rc < 0 ? err_set(e, -rc, "attach the program for devices to the cgroup") : 0;
}
