#include "engine/ctr_record.h"

#include <string.h>

#include "base/json.h"

void ctr_to_json(const struct ctr *c, struct json *body)
{
	json_set_i64(body, "pid", c->pid);
	json_set_i64(body, "endedPid", c->ended_pid);
	json_set_i64(body, "oomKills", (int64_t)c->oom_kills_before);
	json_set_bool(body, "logging", c->is_logging);
	json_set_str(body, "loggingID", c->logging_id);
	json_set_str(body, "logID", c->log_id);
	json_set_i64(body, "stopSignal", c->stop_signal);
	json_set_i64(body, "profileSum", (int64_t)c->profile_sum);
}

static void read_id(const struct json *body, const char *key, char out[65])
{
	const char *id = json_get_str(body, key);

	if (id && strlen(id) < 65)
		memcpy(out, id, strlen(id) + 1);
}

static int64_t number(const struct json *body, const char *key, int64_t min, int64_t max)
{
	int64_t n = 0;

	return json_i64(json_get(body, key), min, max, &n) == 0 ? n : 0;
}

void ctr_from_json(struct ctr *c, const struct json *body)
{
	c->pid = (int32_t)number(body, "pid", 0, INT32_MAX);
	c->ended_pid = (int32_t)number(body, "endedPid", 0, INT32_MAX);
	c->oom_kills_before = (uint64_t)number(body, "oomKills", 0, INT64_MAX);
	c->stop_signal = (int)number(body, "stopSignal", 0, INT32_MAX);
	c->profile_sum = (uint64_t)number(body, "profileSum", INT64_MIN, INT64_MAX);
	c->is_logging = json_is_true(json_get(body, "logging"));
	read_id(body, "loggingID", c->logging_id);
	read_id(body, "logID", c->log_id);
}
