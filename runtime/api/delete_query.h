/* DeleteOptions of a request: from its query or, winning, from its body. */
#pragma once

#include "api/rest.h"

struct delete_query {
	struct delete_options options; /* its texts are borrowed from body */
	struct json *body;             /* NULL without one */
};

/* Answers and returns -1 for options that are wrong. */
int delete_query_read(const struct rest_request *r, struct delete_query *out);
void delete_query_free(struct delete_query *q);
/* The preconditions against the stored object; answers 409 and returns -1. */
int delete_query_check(
	const struct rest_request *r, const struct delete_query *q, const struct object *o);
