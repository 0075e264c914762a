/* hook= of a plan: see plan.h for the grammar. */
#include "spec/plan_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum { TIMEOUT_MAX_S = 24 * 3600 };

static const char *const kinds[] = {
	[PLAN_HOOK_PRESTART] = "prestart",
	[PLAN_HOOK_CREATE_RUNTIME] = "createRuntime",
	[PLAN_HOOK_CREATE_CONTAINER] = "createContainer",
};
static const char arg_prefix[] = "arg=", env_prefix[] = "env=", timeout_prefix[] = "timeout=";

const char *plan_hook_name(enum plan_hook_kind kind)
{
	return kinds[kind];
}

static const char *read_head(const char *value, struct plan *p)
{
	static const char want[] =
		"want prestart, createRuntime or createContainer, [timeout=SECONDS,] and /PATH";
	struct plan_hook h = { 0 };
	const char *at = value;

	for (unsigned i = PLAN_HOOK_PRESTART; !h.kind && i < ARRAY_LEN(kinds); i++)
		if (plan_take_word(&at, kinds[i]))
			h.kind = i;
	if (str_starts(at, timeout_prefix)) {
		const char *number = at + strlen(timeout_prefix);
		CLEANUP(cleanup_free) char *text = str_ndup(number, strcspn(number, ","));
		int64_t seconds;

		if (str_to_i64(text, 1, TIMEOUT_MAX_S, &seconds) < 0 || !number[strlen(text)])
			return "want a timeout from 1 to 86400";
		h.timeout_s = (int32_t)seconds;
		at = number + strlen(text) + 1;
	}
	if (!h.kind || !plan_is_path(at))
		return want;
	if (p->hooks_len == PLAN_HOOKS_MAX)
		return "want no more than 64 hooks";
	h.path = str_dup(at);
	p->hooks = mem_resize(p->hooks, p->hooks_len + 1, sizeof(*p->hooks));
	p->hooks[p->hooks_len++] = h;
	return NULL;
}

const char *plan_read_hook(const char *value, struct plan *p)
{
	const bool is_arg = str_starts(value, arg_prefix);
	struct plan_hook *last = p->hooks_len ? &p->hooks[p->hooks_len - 1] : NULL;

	if (!is_arg && !str_starts(value, env_prefix))
		return read_head(value, p);
	if (!last)
		return "there is no hook before it";
	value += strlen(arg_prefix);
	if (!is_arg && (value[0] == '=' || !strchr(value, '=')))
		return "want env=NAME=VALUE";
	strv_add(is_arg ? &last->args : &last->env, value);
	return NULL;
}

static void write_texts(const char *prefix, const struct strv *texts, struct buf *out)
{
	for (size_t i = 0; i < texts->len; i++) {
		buf_addf(out, "hook=%s%s", prefix, texts->at[i]);
		buf_addc(out, '\0');
	}
}

void plan_write_hooks(const struct plan *p, struct buf *out)
{
	for (size_t i = 0; i < p->hooks_len; i++) {
		const struct plan_hook *h = &p->hooks[i];

		buf_addf(out, "hook=%s,", kinds[h->kind]);
		if (h->timeout_s)
			buf_addf(out, "%s%" PRId32 ",", timeout_prefix, h->timeout_s);
		buf_adds(out, h->path);
		buf_addc(out, '\0');
		write_texts(arg_prefix, &h->args, out);
		write_texts(env_prefix, &h->env, out);
	}
}

void plan_free_hooks(struct plan *p)
{
	for (size_t i = 0; i < p->hooks_len; i++) {
		free(p->hooks[i].path);
		strv_free(&p->hooks[i].args);
		strv_free(&p->hooks[i].env);
	}
	free(p->hooks);
}
