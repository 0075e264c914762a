/* The record of a state on disk.  Complete and strict: what was written is read back as it was, so
 * a restarted carpeld takes the same steps; a record with a field missing, of another kind or out
 * of range is refused as a whole, since guessing would start or kill the wrong things.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "pod/lifecycle_step.h"

/* ---- writing -----------------------------------------------------------------------------------
 */

static struct json *end_to_json(const struct ctr_end *e)
{
	struct json *j;

	if (!e->is_set)
		return json_new_null();
	j = json_new_object();
	json_set_i64(j, "exitCode", e->exit_code);
	json_set_i64(j, "startedWallMs", e->started_wall_ms);
	json_set_i64(j, "finishedWallMs", e->finished_wall_ms);
	json_set_i64(j, "finishedBootMs", e->finished_boot_ms);
	json_set_str(j, "reason", e->reason);
	json_set_str(j, "message", e->message);
	json_set_str(j, "id", e->id);
	return j;
}

static struct json *ctr_to_json(const struct ctr_state *c)
{
	struct json *j = json_new_object();

	json_set_i64(j, "phase", c->phase);
	json_set_str(j, "id", c->id);
	json_set_i64(j, "attempt", c->attempt);
	json_set_i64(j, "restartCount", c->restart_count);
	json_set_i64(j, "startedWallMs", c->started_wall_ms);
	json_set_i64(j, "startedBootMs", c->started_boot_ms);
	json_set_bool(j, "started", c->started);
	json_set_bool(j, "ready", c->ready);
	json_set_i64(j, "startup", c->startup);
	json_set_i64(j, "liveness", c->liveness);
	json_set_i64(j, "readiness", c->readiness);
	json_set_str(j, "imageID", c->image_id);
	if (c->user)
		json_set(j, "user", json_copy(c->user));
	json_set_str(j, "waitingReason", c->waiting_reason);
	json_set_str(j, "waitingMessage", c->waiting_message);
	json_set(j, "last", end_to_json(&c->last));
	json_set(j, "before", end_to_json(&c->before));
	json_set_i64(j, "backoffMs", c->backoff_ms);
	json_set_i64(j, "lastStartBootMs", c->last_start_boot_ms);
	json_set_i64(j, "retryAtMs", c->retry_at_ms);
	json_set_i64(j, "killAtMs", c->kill_at_ms);
	json_set_bool(j, "killedByProbe", c->killed_by_probe);
	return j;
}

struct json *pod_state_to_json(const struct pod_state *s)
{
	struct json *j = json_new_object(), *ctrs = json_new_array(), *conds = json_new_array();

	json_set_i64(j, "sandbox", s->sandbox);
	json_set_i64(j, "sandboxAttempt", s->sandbox_attempt);
	json_set_str(j, "sandboxID", s->sandbox_id);
	json_set_i64(j, "sandboxRetryAtMs", s->sandbox_retry_at_ms);
	json_set_i64(j, "createdWallMs", s->created_wall_ms);
	json_set_i64(j, "deadlineBootMs", s->deadline_boot_ms);
	json_set_i64(j, "phase", s->phase);
	json_set_str(j, "reason", s->reason);
	json_set_str(j, "message", s->message);
	json_set_i64(j, "stop", s->stop);
	json_set_i64(j, "deleteWallMs", s->delete_wall_ms);
	json_set_i64(j, "graceSeconds", s->grace_seconds);
	json_set_i64(j, "stopBootMs", s->stop_boot_ms);
	json_set_i64(j, "killBootMs", s->kill_boot_ms);
	json_set_bool(j, "isForgotten", s->is_forgotten);
	for (size_t i = 0; i < s->ctrs_len; i++)
		json_push(ctrs, ctr_to_json(&s->ctrs[i]));
	json_set(j, "containers", ctrs);
	for (size_t i = 0; i < ARRAY_LEN(s->conditions); i++) {
		struct json *c = json_new_object();

		json_set_i64(c, "value", s->conditions[i].value);
		json_set_i64(c, "sinceWallMs", s->conditions[i].since_wall_ms);
		json_push(conds, c);
	}
	json_set(j, "conditions", conds);
	if (s->resize)
		json_set(j, "resize", resize_to_json(s->resize));
	return j;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* One object being read; the first thing that is wrong is kept, and all later reads do nothing. */
struct reader {
	const struct json *from;
	const char *wrong; /* name of the field, NULL while all is well */
};

static int64_t read_i64(struct reader *r, const char *key, int64_t min, int64_t max)
{
	const struct json *j = json_get(r->from, key);
	int64_t n = 0;

	if (!r->wrong && (json_type(j) != JSON_NUMBER || json_i64(j, min, max, &n) < 0))
		r->wrong = key;
	return n;
}

static int64_t read_time(struct reader *r, const char *key)
{
	return read_i64(r, key, -1, INT64_MAX / 4);
}

static bool read_bool(struct reader *r, const char *key)
{
	const struct json *j = json_get(r->from, key);

	if (!r->wrong && json_type(j) != JSON_BOOL)
		r->wrong = key;
	return json_is_true(j);
}

/* An absent text is NULL. */
static char *read_text(struct reader *r, const char *key)
{
	const struct json *j = json_get(r->from, key);

	if (!r->wrong && j && json_type(j) != JSON_STRING)
		r->wrong = key;
	return r->wrong ? NULL : str_dup(json_get_str(r->from, key));
}

/* An absent one is NULL. */
static struct json *read_object(struct reader *r, const char *key)
{
	const struct json *j = json_get(r->from, key);

	if (!r->wrong && j && json_type(j) != JSON_OBJECT)
		r->wrong = key;
	return r->wrong || !j ? NULL : json_copy(j);
}

static void read_id(struct reader *r, const char *key, char out[65])
{
	const char *text = json_get_str(r->from, key);

	if (!r->wrong && (!text || strlen(text) > 64))
		r->wrong = key;
	if (!r->wrong)
		memcpy(out, text, strlen(text) + 1);
}

static void read_end(struct reader *outer, const char *key, struct ctr_end *e)
{
	struct reader r = { .from = json_get(outer->from, key) };

	if (outer->wrong || json_type(r.from) == JSON_NULL)
		return;
	e->is_set = true;
	e->exit_code = (int32_t)read_i64(&r, "exitCode", INT32_MIN, INT32_MAX);
	e->started_wall_ms = read_time(&r, "startedWallMs");
	e->finished_wall_ms = read_time(&r, "finishedWallMs");
	e->finished_boot_ms = read_time(&r, "finishedBootMs");
	e->reason = read_text(&r, "reason");
	e->message = read_text(&r, "message");
	read_id(&r, "id", e->id);
	if (r.wrong)
		outer->wrong = key;
}

static void read_ctr(struct reader *outer, size_t i, struct ctr_state *c)
{
	struct reader r = { .from = json_at(json_get(outer->from, "containers"), i) };

	c->phase = (enum ctr_phase)read_i64(&r, "phase", CTR_WAITING, CTR_PHASES - 1);
	read_id(&r, "id", c->id);
	c->attempt = (uint32_t)read_i64(&r, "attempt", 0, UINT32_MAX);
	c->restart_count = (uint32_t)read_i64(&r, "restartCount", 0, UINT32_MAX);
	c->started_wall_ms = read_time(&r, "startedWallMs");
	c->started_boot_ms = read_time(&r, "startedBootMs");
	c->started = read_bool(&r, "started");
	c->ready = read_bool(&r, "ready");
	c->startup = (int8_t)read_i64(&r, "startup", -1, 1);
	c->liveness = (int8_t)read_i64(&r, "liveness", -1, 1);
	c->readiness = (int8_t)read_i64(&r, "readiness", -1, 1);
	c->image_id = read_text(&r, "imageID");
	c->user = read_object(&r, "user");
	c->waiting_reason = read_text(&r, "waitingReason");
	c->waiting_message = read_text(&r, "waitingMessage");
	read_end(&r, "last", &c->last);
	read_end(&r, "before", &c->before);
	c->backoff_ms = read_time(&r, "backoffMs");
	c->last_start_boot_ms = read_time(&r, "lastStartBootMs");
	c->retry_at_ms = read_time(&r, "retryAtMs");
	c->kill_at_ms = read_time(&r, "killAtMs");
	c->killed_by_probe = read_bool(&r, "killedByProbe");
	if (r.wrong && !outer->wrong)
		outer->wrong = r.wrong;
}

static void read_conditions(struct reader *outer, struct pod_state *s)
{
	const struct json *list = json_get(outer->from, "conditions");

	for (size_t i = 0; i < ARRAY_LEN(s->conditions); i++) {
		struct reader r = { .from = json_at(list, i) };

		s->conditions[i].value = (int8_t)read_i64(&r, "value", -1, 1);
		s->conditions[i].since_wall_ms = read_time(&r, "sinceWallMs");
		if (r.wrong && !outer->wrong)
			outer->wrong = r.wrong;
	}
}

static void read_pod(struct reader *r, struct pod_state *s)
{
	s->sandbox = (enum sandbox_phase)read_i64(r, "sandbox", SANDBOX_NONE, SANDBOX_PHASES - 1);
	s->sandbox_attempt = (uint32_t)read_i64(r, "sandboxAttempt", 0, UINT32_MAX);
	read_id(r, "sandboxID", s->sandbox_id);
	s->sandbox_retry_at_ms = read_time(r, "sandboxRetryAtMs");
	s->created_wall_ms = read_time(r, "createdWallMs");
	s->deadline_boot_ms = read_time(r, "deadlineBootMs");
	s->phase = (enum pod_phase)read_i64(r, "phase", POD_PENDING, POD_PHASES - 1);
	s->reason = read_text(r, "reason");
	s->message = read_text(r, "message");
	s->stop = (enum stop_cause)read_i64(r, "stop", STOP_NONE, STOP_CAUSES - 1);
	s->delete_wall_ms = read_time(r, "deleteWallMs");
	s->grace_seconds = read_i64(r, "graceSeconds", 0, INT32_MAX);
	s->stop_boot_ms = read_time(r, "stopBootMs");
	s->kill_boot_ms = read_time(r, "killBootMs");
	s->is_forgotten = read_bool(r, "isForgotten");
}

static void free_state(struct pod_state **s)
{
	pod_state_free(*s);
}

int pod_state_from_json(
	const struct json *j, const struct pod_spec *spec, struct pod_state **out, struct err *e)
{
	CLEANUP(free_state) struct pod_state *s = pod_state_new(spec, (struct moment){ 0 });
	struct reader r = { .from = j };

	if (json_len(json_get(j, "containers")) != s->ctrs_len)
		r.wrong = "containers";
	read_pod(&r, s);
	for (size_t i = 0; i < s->ctrs_len; i++)
		read_ctr(&r, i, &s->ctrs[i]);
	read_conditions(&r, s);
	if (resize_from_json(json_get(j, "resize"), spec, &s->resize) < 0)
		r.wrong = "resize";
	if (r.wrong)
		return err_say(e, EINVAL, "pod state: %s is missing or wrong", r.wrong);
	*out = TAKE(s);
	return 0;
}
