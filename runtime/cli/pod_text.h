/* A v1.Pod in the words of kubectl's table: READY, STATUS, RESTARTS and so on, by Kubernetes'
 * printer rules.  Pure: pods come from carpeld's answers or from tests.
 */
#pragma once

#include "base/json.h"
#include "cli/table.h"

struct pod_text {
	int64_t ready, total;
	char *status;             /* owned */
	char *restarts;           /* "0", "3", "3 (31s ago)"; owned */
	enum table_colour colour; /* of the status */
};

void pod_text_read(const struct json *pod, int64_t now_wall_ms, struct pod_text *out);
void pod_text_free(struct pod_text *t);

/* Entry of status.conditions of that type, or NULL. */
const struct json *pod_condition(const struct json *pod, const char *type);
bool pod_condition_is(const struct json *pod, const char *type, const char *status);
const char *pod_phase(const struct json *pod); /* "" while unknown */
bool pod_has_ended(const struct json *pod);    /* Succeeded or Failed */
/* Entry of a list of objects whose member "name" is this one. */
const struct json *named_entry(const struct json *list, const char *name);

/* "a=b,c=d"; "<none>" for none. */
void labels_text(const struct json *map, const char *separator, struct buf *out);
