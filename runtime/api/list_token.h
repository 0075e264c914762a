/* The continue token of a list: base64url of {"v":"meta.k8s.io/v1","rv":284,"start":"ns/name"},
 * opaque to clients.  Pure; a token that comes back is hostile.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct list_token {
	int64_t rv;      /* -1: go on with what there is now */
	char *ns, *name; /* the last object of the page before */
};

void list_token_write(const struct list_token *t, struct buf *out);
int list_token_read(const char *text, struct list_token *out, struct err *e); /* -EINVAL */
void list_token_free(struct list_token *t);
