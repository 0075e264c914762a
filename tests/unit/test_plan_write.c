/* plan_write against plan_parse: by hand, and by random plans that the table of keys makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spec/plan_keys.h"

/* Plans are written here as a person would, a record a line. */
static int parse(const char *lines, struct plan *p, struct err *e)
{
	CLEANUP(cleanup_free) char *bytes = str_dup(lines);
	size_t len = strlen(lines);

	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\n')
			bytes[i] = '\0';
	return plan_parse(bytes, len, p, e);
}

static void accept(const char *lines, struct plan *p)
{
	struct err e = { 0 };
	int rc = parse(lines, p, &e);

	if (rc < 0)
		print_error("%s", e.text);
	assert_int_equal(rc, 0);
}

static void assert_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

/* Keys in the order of the table and defaults left out: exactly these bytes come back. */
static void test_writing_is_the_inverse(void **state)
{
	static const char *const plans[] = { "kind=sandbox\nid=s1\npause=/p\n",
		"kind=exec\nid=e1\npause-fd=5\narg=sh\n",
		"kind=sandbox\nid=s\npause=/p\nsysctl=net.x=a b\n",
		"kind=sandbox\nid=s\npause=/"
		"p\nvolume=4096::v\nvolume=9223372036854775807:7:w.x-1\n",
		"kind=container\nid=c\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\n"
		"mount=volume,ro,noexec,/v/a\\:b:/c\nmount=volume,/v:/d\narg=a\n",
		"kind=exec\nid=e\npause-fd=0\narg=a\napparmor=a b//c\nselinux=u:r:t:s0:c1,c2\n",
		"kind=sandbox\nid=s\npause=/p\nselinux=u:r:t:s0\nselinux-mount=u:o:f:s0\n",
		"kind=exec\nid=e\npause-fd=0\nstdin-fd=0\narg=a\narg=\nenv=A=\ncaps=f\n"
		"oom-score-adj=0\n",
		"kind=container\nid=c\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\n"
		"mount=ro,file,/a\\:\\\\:/b\nmount=/ro,:/file,\narg=a\n",
		"kind=container\nid=c\npause-fd=5\nlower=/l\nupper=/u\nwork=/w\npid=target\n"
		"pid-target-fd=0\nmasks=given\nmasked=/m\nmasked=/n\nreadonly-path=/r\n"
		"mount=rro,noexec,nodev,nosuid,/a:/b\nmount=file,slave,/a:/b\n"
		"mount=nodev,shared,/a:/b\nmount=ro,nosuid,/a:/b\narg=a\ncaps=3\nambient=2\n",
		"kind=container\nid=c\npause-fd=5\ncgroup-v2=/g\nlower=/l\nupper=/u\nwork=/w\n"
		"device=/a\\::/b\ndevice=rwm,mode=640,uid=1,gid=0,c10.229:/dev/x\n"
		"device=m,p:/dev/p\ndevice-rule=deny,a,*.*,rwm\n"
		"device-rule=allow,c,136.*,r\narg=a\n",
		"kind=bundle\nid=b\nresult-fd=4\nhostname=h\nsysctl=net.x=1\nread-only-root=1\n"
		"rootfs=/r\nroot-shared=1\nnamespace=network:/p:q\nnamespace=uts\ndomainname=d\n"
		"start-fd=5\nhooks=1\nmount=type=tmpfs,ro,noexec,strictatime,tmpfs:/"
		"t:mode=1,a=\\:\n"
		"mount=alone,/a:/b\nmount=type=proc,p:/proc\narg=a\ncaps=3\ninheritable=1\n"
		"umask=027\nrlimit=nofile:1:max\nkeep-limits=1\nkeep-fd=7\nkeep-fd=8\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		CLEANUP(plan_free) struct plan p;
		CLEANUP(buf_free) struct buf out = { 0 };

		accept(plans[i], &p);
		plan_write(&p, &out);
		assert_int_equal(out.len, strlen(plans[i]));
		for (size_t k = 0; k < out.len; k++)
			assert_int_equal(out.data[k] ? out.data[k] : '\n', plans[i][k]);
	}
}

/* splitmix64: the same plans on every machine. */
static uint64_t roll(uint64_t *seed, uint64_t sides)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % sides;
}

static char *random_text(uint64_t *seed, const char *head, const char *alphabet)
{
	struct buf b = { 0 };

	buf_adds(&b, head);
	for (uint64_t i = roll(seed, 12); i > 0; i--)
		buf_addc(&b, alphabet[roll(seed, strlen(alphabet))]);
	return buf_take(&b);
}

#define ANY_TEXT "ab=:\\,/ \n\t\x01\xff\""

static void add_random_text(struct strv *v, uint64_t *seed, const char *head, const char *alphabet)
{
	CLEANUP(cleanup_free) char *text = random_text(seed, head, alphabet);

	strv_add(v, text);
}

static void add_random_id(struct strv *v, uint64_t *seed)
{
	CLEANUP(cleanup_free) char *text = str_fmt("%d", (int)roll(seed, INT32_MAX));

	strv_add(v, text);
}

static void add_random_ids(struct plan_map *m, uint64_t *seed)
{
	const uint32_t n = (uint32_t)m->len;

	m->at = mem_resize(m->at, m->len + 1, sizeof(*m->at));
	m->at[m->len++] = (struct plan_ids){ n << 16, n << 16 | (uint32_t)roll(seed, 1 << 15),
		(uint32_t)(1 + roll(seed, 1 << 15)) };
}

static void add_random_mount(struct plan *p, uint64_t *seed)
{
	struct plan_mount m = { .source = random_text(seed, "/", ANY_TEXT),
		.target = random_text(seed, "/", ANY_TEXT),
		.read_only = roll(seed, 2),
		.is_file = roll(seed, 2),
		.no_exec = roll(seed, 2),
		.no_dev = roll(seed, 2),
		.no_suid = roll(seed, 2),
		.is_mapped = roll(seed, 2),
		.propagation = (enum plan_propagation)roll(seed, 3) };

	if (p->kind == PLAN_BUNDLE && roll(seed, 2)) {
		m.type = random_text(seed, "a", "b=");
		m.options = roll(seed, 2) ? random_text(seed, "a", ANY_TEXT) : NULL;
		m.atime = (enum plan_atime)roll(seed, 3);
		m.is_file = m.is_mapped = false;
		m.propagation = PLAN_PRIVATE;
	}
	for (int n = m.is_mapped ? (int)roll(seed, 3) : 0; n > 0; n--) {
		add_random_ids(&m.uids, seed);
		add_random_ids(&m.gids, seed);
	}
	m.is_alone = !m.type && roll(seed, 2);
	m.recursive_read_only =
		!m.type && m.read_only && m.propagation == PLAN_PRIVATE && roll(seed, 2);
	p->mounts = mem_resize(p->mounts, p->mounts_len + 1, sizeof(*p->mounts));
	p->mounts[p->mounts_len++] = m;
}

static void add_random_sysctl(struct plan *p, uint64_t *seed)
{
	p->sysctls = mem_resize(p->sysctls, p->sysctls_len + 1, sizeof(*p->sysctls));
	p->sysctls[p->sysctls_len++] =
		(struct plan_sysctl){ .name = random_text(seed, "net.x", "ab_9-"),
			.value = random_text(seed, "1", "ab,: \t~") };
}

/* Each name once. */
static void add_random_volume(struct plan *p, uint64_t *seed)
{
	p->volumes = mem_resize(p->volumes, p->volumes_len + 1, sizeof(*p->volumes));
	p->volumes[p->volumes_len] = (struct plan_volume){ .name = str_fmt("v%zu", p->volumes_len),
		.size_bytes = 1 + (int64_t)roll(seed, 1 << 30),
		.gid = (int64_t)roll(seed, 1 << 20) - 1 };
	p->volumes_len++;
}

static void add_random_device(struct plan *p, uint64_t *seed)
{
	static const char *const numbers[] = { "c10.229", "b0.0", "p" };
	struct plan_device d = { .source = roll(seed, 2) ? random_text(seed, "/", ANY_TEXT)
							 : str_dup(numbers[roll(seed, 3)]),
		.target = random_text(seed, "/", ANY_TEXT),
		.access = (unsigned)roll(seed, 8),
		.mode = (int32_t)roll(seed, 4097) - 1,
		.uid = (int32_t)roll(seed, 3) - 1,
		.gid = (int32_t)roll(seed, 3) - 1 };

	p->devices = mem_resize(p->devices, p->devices_len + 1, sizeof(*p->devices));
	p->devices[p->devices_len++] = d;
}

static void add_random_hook(struct plan *p, uint64_t *seed)
{
	struct plan_hook h = { .kind = (enum plan_hook_kind)(1 + roll(seed, 3)),
		.timeout_s = (int32_t)roll(seed, 3),
		.path = random_text(seed, "/", ANY_TEXT) };

	for (uint64_t n = roll(seed, 3); n > 0; n--) {
		add_random_text(&h.args, seed, "", ANY_TEXT);
		add_random_text(&h.env, seed, "A=", ANY_TEXT);
	}
	p->hooks = mem_resize(p->hooks, p->hooks_len + 1, sizeof(*p->hooks));
	p->hooks[p->hooks_len++] = h;
}

static void fill_list(struct plan *p, const struct plan_key *k, uint64_t *seed)
{
	switch ((int)k->type) {
	case VALUE_PATHS:
		add_random_text(FIELD(p, k, struct strv), seed, "/", ANY_TEXT);
		break;
	case VALUE_DIGITS:
		add_random_id(FIELD(p, k, struct strv), seed);
		break;
	case VALUE_TEXTS:
		add_random_text(FIELD(p, k, struct strv), seed, p->args.len ? "" : "a", ANY_TEXT);
		break;
	case VALUE_NAMESPACES:
		if (!strv_has(&p->namespaces, "network"))
			strv_add(&p->namespaces, "network");
		break;
	case VALUE_LIMITS:
		strv_add(&p->limits, roll(seed, 2) ? "nofile:0:max" : "core:1:2");
		break;
	case VALUE_ENV:
		add_random_text(FIELD(p, k, struct strv), seed, "A=", ANY_TEXT);
		break;
	case VALUE_SYSCTL:
		add_random_sysctl(p, seed);
		break;
	case VALUE_VOLUME:
		add_random_volume(p, seed);
		break;
	case VALUE_DEVICE:
		add_random_device(p, seed);
		break;
	case VALUE_DEVICE_RULE: /* not of privileged ones: see the plans above */
		break;
	case VALUE_HOOK:
		add_random_hook(p, seed);
		break;
	case VALUE_MAP:
		add_random_ids(FIELD(p, k, struct plan_map), seed);
		break;
	default:
		add_random_mount(p, seed);
		break;
	}
}

static void fill_scalar(struct plan *p, const struct plan_key *k, uint64_t *seed)
{
	switch ((int)k->type) {
	case VALUE_KIND:
		break;
	case VALUE_PID:
		p->pid = (enum plan_pid)roll(seed, 4);
		break;
	case VALUE_MASKS:
		p->masks = (enum plan_masks)roll(seed, 2);
		break;
	case VALUE_FD:
		*FIELD(p, k, int32_t) = (int32_t)(4 + roll(seed, 1000));
		break;
	case VALUE_I64:
		*FIELD(p, k, int64_t) = (int64_t)roll(seed, INT64_MAX);
		break;
	case VALUE_OOM:
		p->oom_score_adj = (int32_t)roll(seed, 2001) - 1000;
		p->has_oom_score_adj = true;
		break;
	case VALUE_HEX:
		*FIELD(p, k, uint64_t) = roll(seed, UINT64_MAX);
		break;
	case VALUE_BOOL:
		/* A sysctl may not reach the host's own namespaces. */
		*FIELD(p, k, bool) = !str_eq(k->name, "host-network");
		break;
	case VALUE_UMASK:
		p->umask = str_fmt("%d", (int)roll(seed, 8));
		break;
	case VALUE_PATH:
		*FIELD(p, k, char *) = random_text(seed, "/", ANY_TEXT);
		break;
	case VALUE_HOSTNAME:
		*FIELD(p, k, char *) = random_text(seed, "a", "bC-9.");
		break;
	default: /* VALUE_NAME, VALUE_TEXT */
		*FIELD(p, k, char *) = random_text(seed, "a", "b=:\\,/\xff");
		break;
	}
}

/* Keys that go together. */
static void make_consistent(struct plan *p, uint64_t *seed)
{
	bool has_list = p->masked.len || p->readonly_paths.len;

	if (p->pid != PLAN_PID_TARGET)
		p->pid_target_fd = -1;
	else if (p->pid_target_fd < 0)
		p->pid_target_fd = (int32_t)(4 + roll(seed, 1000));
	if (has_list) {
		p->masks = PLAN_MASKS_GIVEN;
		p->privileged = false;
	}
	p->ambient &= p->caps;
	p->inheritable &= p->caps;
	if (p->kind == PLAN_BUNDLE) {
		p->result_fd = 4;
		p->start_fd = 5;
		strv_free(&p->namespaces);
		strv_add(&p->namespaces, "network");
		strv_add(&p->namespaces, "uts:/x");
	}
	if (p->hooks_len && !p->bundle)
		p->bundle = random_text(seed, "/", ANY_TEXT);
	if (p->uid_map.len || p->gid_map.len)
		p->host_ipc = false;
	if (p->uid_map.len && !p->gid_map.len)
		add_random_ids(&p->gid_map, seed);
	if (!p->uid_map.len && p->gid_map.len)
		add_random_ids(&p->uid_map, seed);
	for (size_t i = 0; i < p->mounts_len; i++)
		if (!p->uid_map.len)
			p->mounts[i].is_mapped = p->mounts[i].uids.len > 0;
		else if (p->mounts[i].propagation == PLAN_SHARED)
			p->mounts[i].propagation = PLAN_SLAVE;
}

static void random_plan(struct plan *p, uint64_t *seed)
{
	plan_init(p);
	p->kind = (enum plan_kind)(PLAN_SANDBOX + roll(seed, 4));
	for (size_t i = 0; i < plan_keys_len; i++) {
		const struct plan_key *k = &plan_keys[i];
		bool is_needed = k->needed & 1U << p->kind;

		if (!(k->kinds & 1U << p->kind) || (!is_needed && roll(seed, 2)))
			continue;
		if (k->type < VALUE_PATHS)
			fill_scalar(p, k, seed);
		else
			for (uint64_t n = is_needed + roll(seed, 4); n > 0; n--)
				fill_list(p, k, seed);
	}
	make_consistent(p, seed);
}

static void assert_same_map(const struct plan_map *a, const struct plan_map *b)
{
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->at, b->at, a->len * sizeof(*a->at));
}

static void assert_same_mount(const struct plan_mount *a, const struct plan_mount *b)
{
	assert_string_equal(a->source, b->source);
	assert_string_equal(a->target, b->target);
	assert_int_equal(a->read_only, b->read_only);
	assert_int_equal(a->is_file, b->is_file);
	assert_int_equal(a->recursive_read_only, b->recursive_read_only);
	assert_int_equal(a->no_exec, b->no_exec);
	assert_int_equal(a->no_dev, b->no_dev);
	assert_int_equal(a->no_suid, b->no_suid);
	assert_int_equal(a->is_mapped, b->is_mapped);
	assert_same_map(&a->uids, &b->uids);
	assert_same_map(&a->gids, &b->gids);
	assert_int_equal(a->propagation, b->propagation);
	assert_int_equal(a->is_alone, b->is_alone);
	assert_int_equal(a->atime, b->atime);
	assert_true(str_eq(a->type, b->type) && str_eq(a->options, b->options));
}

static void assert_same_device(const struct plan_device *a, const struct plan_device *b)
{
	assert_string_equal(a->source, b->source);
	assert_string_equal(a->target, b->target);
	assert_int_equal(a->access, b->access);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
}

static void assert_same_hook(const struct plan_hook *a, const struct plan_hook *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->timeout_s, b->timeout_s);
	assert_string_equal(a->path, b->path);
	assert_int_equal(a->args.len, b->args.len);
	assert_int_equal(a->env.len, b->env.len);
	for (size_t i = 0; i < a->args.len; i++)
		assert_string_equal(a->args.at[i], b->args.at[i]);
	for (size_t i = 0; i < a->env.len; i++)
		assert_string_equal(a->env.at[i], b->env.at[i]);
}

static void test_random_plans_survive(void **state)
{
	enum { ROUNDS = 20000 };
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		CLEANUP(plan_free) struct plan p;
		CLEANUP(plan_free) struct plan again;
		CLEANUP(buf_free) struct buf first = { 0 };
		CLEANUP(buf_free) struct buf second = { 0 };
		struct err e = { 0 };

		random_plan(&p, &seed);
		plan_init(&again);
		plan_write(&p, &first);
		if (plan_parse(first.data, first.len, &again, &e) < 0)
			print_error("round %d: %s\n", i, e.text);
		plan_write(&again, &second);
		assert_same(&first, &second);
		assert_int_equal(p.args.len, again.args.len);
		assert_int_equal(p.pid, again.pid);
		assert_int_equal(p.masks, again.masks);
		assert_true(p.ambient == again.ambient);
		assert_int_equal(p.mounts_len, again.mounts_len);
		for (size_t k = 0; k < p.mounts_len; k++)
			assert_same_mount(&again.mounts[k], &p.mounts[k]);
		assert_int_equal(p.devices_len, again.devices_len);
		for (size_t k = 0; k < p.devices_len; k++)
			assert_same_device(&again.devices[k], &p.devices[k]);
		assert_int_equal(p.hooks_len, again.hooks_len);
		for (size_t k = 0; k < p.hooks_len; k++)
			assert_same_hook(&again.hooks[k], &p.hooks[k]);
	}
}

static void test_names_of_kinds(void **state)
{
	(void)state;
	assert_string_equal(plan_kind_name(PLAN_SANDBOX), "sandbox");
	assert_string_equal(plan_kind_name(PLAN_CONTAINER), "container");
	assert_string_equal(plan_kind_name(PLAN_EXEC), "exec");
	assert_string_equal(plan_kind_name(PLAN_BUNDLE), "bundle");
	assert_null(plan_kind_name((enum plan_kind)0));
	assert_null(plan_kind_name((enum plan_kind)(PLAN_BUNDLE + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writing_is_the_inverse),
		cmocka_unit_test(test_random_plans_survive),
		cmocka_unit_test(test_names_of_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
