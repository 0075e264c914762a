/* Writing one cause of a refusal in Kubernetes' words: "Invalid value: \"x\": why".  Texts are
 * quoted as Go quotes them, numbers and booleans are bare.
 */
#pragma once

#include "base/json.h"
#include "spec/manifest.h"

/* Each takes the field's path first; detail "" leaves the part out. */
void cause_required(struct causes *c, const char *field, const char *detail);
void cause_forbidden(struct causes *c, const char *field, const char *detail);
void cause_invalid(struct causes *c, const char *field, const char *value, const char *detail);
void cause_invalid_number(struct causes *c, const char *field, int64_t value, const char *detail);
/* raw: the value as JSON */
void cause_invalid_raw(struct causes *c, const char *field, const char *raw, const char *detail);
void cause_duplicate(struct causes *c, const char *field, const char *value);
void cause_not_found(struct causes *c, const char *field, const char *value);
void cause_too_long(struct causes *c, const char *field, int max_bytes);
/* supported: a NULL-closed list, in the order in which it is printed. */
void cause_unsupported(
	struct causes *c, const char *field, const char *value, const char *const *supported);
/* Kubernetes supports the value, carpel does not; raw as above. */
void cause_not_yet(struct causes *c, const char *field, const char *raw);
