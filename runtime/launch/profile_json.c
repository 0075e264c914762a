#include "launch/profile_json.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "sys/caps.h"
#include "sys/seccomp_rules.h"

enum { ARG_INDEX_MAX = 5, NAMES_MAX = 4096 };

struct reader {
	const struct profile_host *host;
	struct seccomp_rules *rules;
};

/* ---- members -------------------------------------------------------------------------------- */

/* null is nothing. */
static const struct json *member(const struct json *object, const char *key)
{
	const struct json *j = json_get(object, key);

	return json_type(j) == JSON_NULL ? NULL : j;
}

/* The member as that type; NULL in *out: it is not there. */
static int typed(const struct json *object, const char *key, enum json_type type,
	const struct json **out, struct err *e)
{
	const struct json *j = member(object, key);

	if (j && json_type(j) != type)
		return err_say(e, EINVAL, "%s is a %s", key, json_type_name(j));
	*out = j;
	return 0;
}

/* "": it is not there. */
static int text_of(const struct json *object, const char *key, const char **out, struct err *e)
{
	const struct json *j = NULL;
	int rc = typed(object, key, JSON_STRING, &j, e);

	if (rc == 0)
		*out = j ? json_str(j) : "";
	return rc;
}

/* Element i of a list of texts. */
static int text_at(
	const struct json *list, size_t i, const char *key, const char **out, struct err *e)
{
	const struct json *j = json_at(list, i);

	if (json_type(j) != JSON_STRING)
		return err_say(e, EINVAL, "%s[%zu] is a %s", key, i, json_type_name(j));
	*out = json_str(j);
	return 0;
}

/* An object, and nothing in it that we do not know: it might be a restriction. */
static int check_keys(const struct json *j, const char *const *known, struct err *e)
{
	if (json_type(j) != JSON_OBJECT)
		return err_say(e, EINVAL, "want an object, not a %s", json_type_name(j));
	for (size_t i = 0; i < json_len(j); i++) {
		const char *key, *const *k = known;

		(void)json_member(j, i, &key);
		while (*k && !str_eq(*k, key))
			k++;
		if (!*k)
			return err_say(e, EINVAL, "unknown field \"%.64s\"", key);
	}
	return 0;
}

/* ---- actions -------------------------------------------------------------------------------- */

/* "EPERM" or "1". */
static int errno_of(const char *word, int64_t *out, struct err *e)
{
	enum { LAST = 133 };

	for (int n = 1; n <= LAST; n++)
		if (str_eq(strerrorname_np(n), word)) {
			*out = n;
			return 0;
		}
	return str_to_i64(word, 0, UINT16_MAX, out) < 0
		       ? err_say(e, EINVAL, "unknown errno \"%.64s\"", word)
		       : 0;
}

struct action_keys {
	const char *action, *number, *word;
};

/* The word of an errno counts before the number, as in Docker's profiles. */
static int read_action(
	const struct json *j, const struct action_keys *k, uint32_t *out, struct err *e)
{
	const struct json *number = NULL;
	const char *action = "", *word = "";
	int64_t data = SECCOMP_NO_DATA;
	int rc;

	if ((rc = text_of(j, k->action, &action, e)) < 0 ||
		(rc = text_of(j, k->word, &word, e)) < 0 ||
		(rc = typed(j, k->number, JSON_NUMBER, &number, e)) < 0)
		return rc;
	if (!*action)
		return err_say(e, EINVAL, "%s is missing", k->action);
	if (number && json_i64(number, 0, UINT16_MAX, &data) < 0)
		return err_say(e, ERANGE, "%s is %.32s", k->number, json_str(number));
	if (*word && (rc = errno_of(word, &data, e)) < 0)
		return rc;
	return seccomp_action(action, data, out, e);
}

/* ---- includes and excludes ------------------------------------------------------------------ */

static int has_arch(const struct reader *r, const struct json *list, bool *out, struct err *e)
{
	const char *word = "";
	int rc;

	*out = false;
	for (size_t i = 0; i < json_len(list); i++) {
		if ((rc = text_at(list, i, "arches", &word, e)) < 0)
			return rc;
		*out = *out || str_eq(word, r->host->arch);
	}
	return 0;
}

/* How many of the list the container has; one that we do not know it has not. */
static int count_caps(const struct reader *r, const struct json *list, size_t *out, struct err *e)
{
	const char *word = "";
	int rc;

	*out = 0;
	for (size_t i = 0; i < json_len(list); i++) {
		if ((rc = text_at(list, i, "caps", &word, e)) < 0)
			return rc;
		*out += (caps_bit(word) & r->host->caps) != 0;
	}
	return 0;
}

/* "4.8" */
static int is_kernel_at_least(const struct reader *r, const char *word, bool *out, struct err *e)
{
	unsigned major = 0, minor = 0;
	char rest;

	if (strspn(word, "0123456789.") != strlen(word) ||
		sscanf(word, "%4u.%4u%c", &major, &minor, &rest) != 2)
		return err_say(e, EINVAL, "minKernel is \"%.32s\"", word);
	*out = r->host->kernel_major > major ||
	       (r->host->kernel_major == major && r->host->kernel_minor >= minor);
	return 0;
}

struct condition {
	bool has_arches, has_caps, has_kernel; /* that it asks */
	bool is_arch, is_kernel;
	size_t caps, held;
};

static int read_condition(const struct reader *r, const struct json *call, const char *key,
	struct condition *out, struct err *e)
{
	static const char *const known[] = { "arches", "caps", "minKernel", NULL };
	const struct json *j = member(call, key), *arches = NULL, *caps = NULL;
	const char *kernel = "";
	int rc;

	*out = (struct condition){ 0 };
	if (!j)
		return 0;
	if ((rc = check_keys(j, known, e)) < 0 ||
		(rc = typed(j, "arches", JSON_ARRAY, &arches, e)) < 0 ||
		(rc = typed(j, "caps", JSON_ARRAY, &caps, e)) < 0 ||
		(rc = text_of(j, "minKernel", &kernel, e)) < 0 ||
		(rc = has_arch(r, arches, &out->is_arch, e)) < 0 ||
		(rc = count_caps(r, caps, &out->held, e)) < 0 ||
		(*kernel && (rc = is_kernel_at_least(r, kernel, &out->is_kernel, e)) < 0))
		return err_wrap(e, rc, "%s", key);
	out->has_arches = json_len(arches) > 0;
	out->caps = json_len(caps);
	out->has_caps = out->caps > 0;
	out->has_kernel = *kernel;
	return 0;
}

/* Included: all that it asks; excluded: any of it. */
static int applies(const struct reader *r, const struct json *call, bool *out, struct err *e)
{
	struct condition in = { 0 }, ex = { 0 };
	int rc;

	if ((rc = read_condition(r, call, "includes", &in, e)) < 0 ||
		(rc = read_condition(r, call, "excludes", &ex, e)) < 0)
		return rc;
	*out = (!in.has_arches || in.is_arch) && (!in.has_caps || in.held == in.caps) &&
	       (!in.has_kernel || in.is_kernel) && !ex.is_arch && !ex.held && !ex.is_kernel;
	return 0;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int read_u64(
	const struct json *j, const char *key, uint64_t max, uint64_t *out, struct err *e)
{
	const struct json *number = NULL;
	int rc = typed(j, key, JSON_NUMBER, &number, e);

	if (rc < 0)
		return rc;
	*out = 0;
	if (number && str_to_u64(json_str(number), max, out) < 0)
		return err_say(e, ERANGE, "%s is %.32s", key, json_str(number));
	return 0;
}

static int read_arg(const struct json *j, struct seccomp_arg *out, struct err *e)
{
	static const char *const known[] = { "index", "value", "valueTwo", "op", NULL };
	const char *op = "";
	uint64_t index = 0;
	int rc;

	if ((rc = check_keys(j, known, e)) < 0 ||
		(rc = read_u64(j, "index", ARG_INDEX_MAX, &index, e)) < 0 ||
		(rc = read_u64(j, "value", UINT64_MAX, &out->value, e)) < 0 ||
		(rc = read_u64(j, "valueTwo", UINT64_MAX, &out->value_two, e)) < 0 ||
		(rc = text_of(j, "op", &op, e)) < 0)
		return rc;
	out->index = (unsigned)index;
	return seccomp_op(op, &out->op, e);
}

static int read_args(const struct json *call, struct seccomp_arg args[SECCOMP_ARGS_MAX],
	size_t *len, struct err *e)
{
	const struct json *list = NULL;
	int rc = typed(call, "args", JSON_ARRAY, &list, e);

	if (rc < 0)
		return rc;
	if (json_len(list) > SECCOMP_ARGS_MAX)
		return err_say(e, E2BIG, "more than %d args", SECCOMP_ARGS_MAX);
	for (size_t i = 0; i < json_len(list); i++)
		if ((rc = read_arg(json_at(list, i), &args[i], e)) < 0)
			return err_wrap(e, rc, "args[%zu]", i);
	*len = json_len(list);
	return 0;
}

static int add_names(const struct reader *r, const struct json *call, uint32_t action,
	const struct seccomp_arg *args, size_t args_len, struct err *e)
{
	const struct json *names = NULL;
	const char *name = "";
	int rc;

	if ((rc = typed(call, "names", JSON_ARRAY, &names, e)) < 0 ||
		(rc = text_of(call, "name", &name, e)) < 0)
		return rc;
	if ((json_len(names) > 0) == (*name != '\0'))
		return err_say(e, EINVAL, "want either names or name");
	if (json_len(names) > NAMES_MAX)
		return err_say(e, E2BIG, "more than %d names", NAMES_MAX);
	if (*name)
		return seccomp_rules_add(r->rules, name, action, args, args_len, e);
	for (size_t i = 0; i < json_len(names); i++)
		if ((rc = text_at(names, i, "names", &name, e)) < 0 ||
			(rc = seccomp_rules_add(r->rules, name, action, args, args_len, e)) < 0)
			return rc;
	return 0;
}

/* What does not apply here is read all the same: it may apply elsewhere. */
static int add_call(const struct reader *r, const struct json *call, struct err *e)
{
	static const char *const known[] = { "name", "names", "action", "errnoRet", "errno", "args",
		"includes", "excludes", "comment", NULL };
	static const struct action_keys keys = { "action", "errnoRet", "errno" };
	struct seccomp_arg args[SECCOMP_ARGS_MAX];
	size_t args_len = 0;
	uint32_t action = 0;
	bool is_ours = false;
	int rc;

	if ((rc = check_keys(call, known, e)) < 0 ||
		(rc = read_action(call, &keys, &action, e)) < 0 ||
		(rc = read_args(call, args, &args_len, e)) < 0 ||
		(rc = applies(r, call, &is_ours, e)) < 0)
		return rc;
	return is_ours ? add_names(r, call, action, args, args_len, e) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int add_arch_list(
	const struct reader *r, const struct json *list, const char *key, struct err *e)
{
	const char *word = "";
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(list); i++) {
		rc = text_at(list, i, key, &word, e);
		if (rc == 0)
			rc = seccomp_rules_add_arch(r->rules, word, e);
	}
	return rc;
}

static int add_arch_entry(const struct reader *r, const struct json *entry, struct err *e)
{
	static const char *const known[] = { "architecture", "subArchitectures", NULL };
	const struct json *subs = NULL;
	const char *word = "";
	int rc;

	if ((rc = check_keys(entry, known, e)) < 0 ||
		(rc = text_of(entry, "architecture", &word, e)) < 0 ||
		(rc = typed(entry, "subArchitectures", JSON_ARRAY, &subs, e)) < 0)
		return rc;
	return str_eq(word, r->host->native_arch) ? add_arch_list(r, subs, "subArchitectures", e)
						  : 0;
}

static int add_archs(const struct reader *r, const struct json *root, struct err *e)
{
	const struct json *list = NULL, *map = NULL;
	int rc;

	if ((rc = typed(root, "architectures", JSON_ARRAY, &list, e)) < 0 ||
		(rc = typed(root, "archMap", JSON_ARRAY, &map, e)) < 0)
		return rc;
	if (json_len(list) && json_len(map))
		return err_say(e, EINVAL, "want either architectures or archMap");
	for (size_t i = 0; i < json_len(map); i++)
		if ((rc = add_arch_entry(r, json_at(map, i), e)) < 0)
			return err_wrap(e, rc, "archMap[%zu]", i);
	return add_arch_list(r, list, "architectures", e);
}

/* A filter is loaded without flags, by the one thread that there is. */
static int check_flags(const struct json *root, struct err *e)
{
	const struct json *list = NULL;
	const char *word = "";
	int rc;

	if ((rc = typed(root, "flags", JSON_ARRAY, &list, e)) < 0)
		return rc;
	for (size_t i = 0; i < json_len(list); i++) {
		if ((rc = text_at(list, i, "flags", &word, e)) < 0)
			return rc;
		if (!str_eq(word, "SECCOMP_FILTER_FLAG_TSYNC"))
			return err_say(e, ENOTSUP, "flag \"%.64s\" is not supported", word);
	}
	return 0;
}

static int add_all(struct reader *r, const struct json *root, struct err *e)
{
	const struct json *calls = NULL;
	int rc;

	if ((rc = add_archs(r, root, e)) < 0 ||
		(rc = typed(root, "syscalls", JSON_ARRAY, &calls, e)) < 0)
		return rc;
	for (size_t i = 0; i < json_len(calls); i++)
		if ((rc = add_call(r, json_at(calls, i), e)) < 0)
			return err_wrap(e, rc, "syscalls[%zu]", i);
	return 0;
}

static int compile(
	const struct json *root, const struct profile_host *h, struct buf *out, struct err *e)
{
	static const char *const known[] = { "defaultAction", "defaultErrnoRet", "defaultErrno",
		"architectures", "archMap", "flags", "syscalls", NULL };
	static const struct action_keys keys = { "defaultAction", "defaultErrnoRet",
		"defaultErrno" };
	CLEANUP(seccomp_rules_free) struct seccomp_rules *rules = NULL;
	struct reader r = { .host = h };
	uint32_t action = 0;
	int rc;

	if ((rc = check_keys(root, known, e)) < 0 || (rc = check_flags(root, e)) < 0 ||
		(rc = read_action(root, &keys, &action, e)) < 0 ||
		(rc = seccomp_rules_open(action, &rules, e)) < 0)
		return rc;
	r.rules = rules;
	rc = add_all(&r, root, e);
	return rc < 0 ? rc : seccomp_rules_compile(rules, out, e);
}

int profile_json_compile(
	const char *text, size_t len, const struct profile_host *h, struct buf *out, struct err *e)
{
	const struct json_options options = { .max_bytes = PROFILE_BYTES_MAX };
	CLEANUP(cleanup_json) struct json *root = NULL;
	int rc = json_parse(text, len, &options, &root, e);

	if (rc == 0)
		rc = compile(root, h, out, e);
	return rc < 0 ? err_wrap(e, rc, "profile") : 0;
}

/* The library needs a time that grows steeply with the comparisons of one call. */
static _Noreturn void give_up(int sig)
{
	static const char text[] = "carpel-launch: error: profile: it takes too long to compile\n";

	(void)sig;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(1);
}

static int limit_time(struct err *e)
{
	const struct rlimit cpu = { .rlim_cur = PROFILE_CPU_S, .rlim_max = PROFILE_CPU_S + 1 };

	if (signal(SIGXCPU, give_up) == SIG_ERR || setrlimit(RLIMIT_CPU, &cpu) < 0)
		return err_set(e, errno, "limit our processor time");
	return 0;
}

int profile_json_convert(uint64_t caps, struct err *e)
{
	struct profile_host h = {
		.caps = caps,
#if defined(__x86_64__)
		.arch = "amd64",
		.native_arch = "SCMP_ARCH_X86_64"
#else
		.arch = "arm64",
		.native_arch = "SCMP_ARCH_AARCH64"
#endif
	};
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf program = { 0 };
	struct utsname name;
	int rc;

	if (uname(&name) < 0 ||
		sscanf(name.release, "%4u.%4u", &h.kernel_major, &h.kernel_minor) != 2)
		return err_say(e, EINVAL, "the kernel's release is no number");
	if ((rc = limit_time(e)) < 0)
		return rc;
	if ((rc = fd_read_all(STDIN_FILENO, PROFILE_BYTES_MAX, &text, e)) < 0)
		return err_wrap(e, rc, "profile");
	rc = profile_json_compile(text.data ? text.data : "", text.len, &h, &program, e);
	if (rc < 0)
		return rc;
	rc = fd_write_all(STDOUT_FILENO, program.data, program.len);
	return rc < 0 ? err_set(e, -rc, "write the filter") : 0;
}
