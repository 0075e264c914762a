#include "cli/cri_select.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cli/cri_text.h"

void cri_select_free(struct cri_select *s)
{
	strv_free(&s->labels);
	*s = (struct cri_select){ 0 };
}

bool cri_select_is_empty(const struct cri_select *s)
{
	return !s->id && !s->pod && !s->state && !s->image && !s->name && !s->ns &&
	       s->labels.len == 0 && !s->is_latest && s->last == 0;
}

/* ---- what the server is asked ---- */

int cri_select_labels(const struct strv *labels, struct json **out, struct err *e)
{
	CLEANUP(cleanup_json) struct json *map = labels->len ? json_new_object() : NULL;

	for (size_t i = 0; i < labels->len; i++) {
		const char *text = labels->at[i], *equals = strchr(text, '=');
		CLEANUP(cleanup_free) char *key = NULL;

		if (!equals || equals == text)
			return err_say(e, EINVAL, "--label takes key=value, not \"%.100s\"", text);
		key = str_ndup(text, (size_t)(equals - text));
		json_set_str(map, key, equals + 1);
	}
	*out = TAKE(map);
	return 0;
}

/* The words of --state and the enum's names for them. */
struct state {
	const char *word, *name;
};

static int find_state(
	const struct state *states, size_t len, const char *word, const char **out, struct err *e)
{
	CLEANUP(buf_free) struct buf words = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (strcasecmp(states[i].word, word) == 0) {
			*out = states[i].name;
			return 0;
		}
		buf_addf(&words, "%s%s", i ? (i + 1 == len ? " or " : ", ") : "", states[i].word);
	}
	return err_say(e, EINVAL, "--state takes %s, not \"%.40s\"", words.data, word);
}

static void set_state(struct json *filter, const char *name)
{
	struct json *value = json_new_object();

	json_set_str(value, "state", name);
	json_set(filter, "state", value);
}

static int set_labels(struct json *filter, const struct cri_select *s, struct err *e)
{
	struct json *labels = NULL;
	int rc = cri_select_labels(&s->labels, &labels, e);

	if (labels)
		json_set(filter, "label_selector", labels);
	return rc;
}

int cri_select_pods(const struct cri_select *s, struct json **out, struct err *e)
{
	static const struct state states[] = {
		{ "ready", "SANDBOX_READY" },       /* */
		{ "notready", "SANDBOX_NOTREADY" }, /* */
	};
	CLEANUP(cleanup_json) struct json *filter = json_new_object();
	const char *state = NULL;
	int rc = s->state ? find_state(states, ARRAY_LEN(states), s->state, &state, e) : 0;

	if (rc == 0)
		rc = set_labels(filter, s, e);
	if (rc < 0)
		return rc;
	json_set_str(filter, "id", s->id);
	if (state)
		set_state(filter, state);
	*out = TAKE(filter);
	return 0;
}

int cri_select_containers(const struct cri_select *s, struct json **out, struct err *e)
{
	static const struct state states[] = {
		{ "created", "CONTAINER_CREATED" }, /* */
		{ "running", "CONTAINER_RUNNING" }, /* */
		{ "exited", "CONTAINER_EXITED" },   /* */
		{ "unknown", "CONTAINER_UNKNOWN" }, /* */
	};
	CLEANUP(cleanup_json) struct json *filter = json_new_object();
	const char *state = s->has_all ? NULL : "CONTAINER_RUNNING";
	int rc = s->state ? find_state(states, ARRAY_LEN(states), s->state, &state, e) : 0;

	if (rc == 0)
		rc = set_labels(filter, s, e);
	if (rc < 0)
		return rc;
	json_set_str(filter, "id", s->id);
	json_set_str(filter, "pod_sandbox_id", s->pod);
	/* The newest are the newest of all states. */
	if (state && !s->is_latest && s->last == 0)
		set_state(filter, state);
	*out = TAKE(filter);
	return 0;
}

/* ---- what is chosen here ---- */

int cri_regex(regex_t *out, const char *option, const char *pattern, struct err *e)
{
	char why[100];
	int rc = regcomp(out, pattern, REG_EXTENDED | REG_NOSUB);

	if (rc == 0)
		return 0;
	(void)regerror(rc, out, why, sizeof(why));
	return err_say(
		e, EINVAL, "%s: \"%.80s\" is no regular expression: %s", option, pattern, why);
}

struct patterns {
	bool has_name, has_ns;
	regex_t name, ns;
};

static void patterns_free(struct patterns *p)
{
	if (p->has_name)
		regfree(&p->name);
	if (p->has_ns)
		regfree(&p->ns);
}

static int patterns_read(struct patterns *p, const struct cri_select *s, struct err *e)
{
	int rc = 0;

	if (s->name && *s->name) {
		rc = cri_regex(&p->name, "--name", s->name, e);
		p->has_name = rc == 0;
	}
	if (rc == 0 && s->ns && *s->ns) {
		rc = cri_regex(&p->ns, "--namespace", s->ns, e);
		p->has_ns = rc == 0;
	}
	return rc;
}

struct pick {
	const struct json *item;
	int64_t created_ns;
	size_t order; /* of equal ones: as the server had them */
};

static int compare_picks(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns > y->created_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static bool is_wanted(const struct patterns *p, const struct json *item, const char *ns)
{
	if (json_type(json_get(item, "metadata")) != JSON_OBJECT)
		return false;
	if (p->has_name && regexec(&p->name, cri_str(item, "metadata.name"), 0, NULL, 0) != 0)
		return false;
	return !p->has_ns || regexec(&p->ns, ns, 0, NULL, 0) == 0;
}

int cri_select_apply(const struct cri_select *s, const struct json *items,
	const char *(*namespace_of)(const struct json *item), struct json **out, struct err *e)
{
	CLEANUP(patterns_free) struct patterns p = { 0 };
	CLEANUP(cleanup_free) struct pick *picks = NULL;
	size_t len = 0, want = SIZE_MAX;
	int rc = patterns_read(&p, s, e);

	if (rc < 0)
		return rc;
	picks = mem_resize(NULL, json_len(items) + 1, sizeof(*picks));
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json *item = json_at(items, i);

		if (is_wanted(&p, item, namespace_of(item)))
			picks[len++] = (struct pick){ item, cri_i64(item, "createdAt"), i };
	}
	qsort(picks, len, sizeof(*picks), compare_picks);
	if (s->is_latest)
		want = 1;
	if (s->last > 0)
		want = (size_t)s->last;
	*out = json_new_array();
	for (size_t i = 0; i < len && i < want; i++)
		json_push(*out, json_copy(picks[i].item));
	return 0;
}
