/* sha256 as images write it: "sha256:" and 64 hexadecimal digits. */
#pragma once

#include <nettle/sha2.h>
#include <stddef.h>

#define DIGEST_PREFIX "sha256:"

struct digest {
	char text[sizeof(DIGEST_PREFIX) + 2 * SHA256_DIGEST_SIZE]; /* NUL-closed */
};

struct digest digest_end(struct sha256_ctx *ctx); /* ctx starts anew */
struct digest digest_of(const void *bytes, size_t len);
/* What identifies a layer together with all below it.  below: NULL for the lowest. */
struct digest digest_chain(const char *below, const char *diff);
const char *digest_hex(const char *digest); /* the part behind the prefix */
