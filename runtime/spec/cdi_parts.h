/* What the readers of CDI's objects share, and nobody else uses. */
#pragma once

#include "spec/cdi.h"

enum { CDI_AT_MAX = 512 };

/* Where a value stands: "devices[0].containerEdits". */
struct cdi_place {
	char text[CDI_AT_MAX];
};

/* Keys are of CDI's or short: what is cut is only shown. */
struct cdi_place cdi_below(const struct cdi_place *at, const char *key);
struct cdi_place cdi_element(const struct cdi_place *at, const char *key, size_t i);
int cdi_bad(const struct cdi_place *at, const char *key, const char *value, const char *why,
	struct err *e);
void cdi_refuse(
	struct cdi_edits *x, const struct cdi_place *at, const char *value, const char *why);

struct cdi_field {
	const char *key;
	enum json_type type;
	bool is_needed;
};

/* An object, and each field of it in the list, with its type. */
int cdi_check_fields(const struct json *object, const struct cdi_field *fields, size_t len,
	const struct cdi_place *at, struct err *e);
const char *cdi_text(const struct json *object, const char *key); /* "" when missing */
/* These leave *out as it is when the field is missing. */
int cdi_path(const struct json *object, const char *key, bool is_needed, const struct cdi_place *at,
	char **out, struct err *e);
int cdi_number(const struct json *object, const char *key, int64_t max, const struct cdi_place *at,
	int64_t *out, struct err *e);
int cdi_count(const struct json *list, const char *key, const struct cdi_place *at, struct err *e);
