#include "image/digest.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

struct digest digest_end(struct sha256_ctx *ctx)
{
	struct digest d = { DIGEST_PREFIX };
	uint8_t bytes[SHA256_DIGEST_SIZE];
	char *hex = d.text + strlen(DIGEST_PREFIX);

	sha256_digest(ctx, sizeof(bytes), bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)sprintf(hex + 2 * i, "%02x", bytes[i]);
	return d;
}

struct digest digest_of(const void *bytes, size_t len)
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, len, bytes);
	return digest_end(&ctx);
}

struct digest digest_chain(const char *below, const char *diff)
{
	CLEANUP(cleanup_free) char *both = below ? str_fmt("%s %s", below, diff) : NULL;
	struct digest d;

	if (both)
		return digest_of(both, strlen(both));
	(void)snprintf(d.text, sizeof(d.text), "%s", diff);
	return d;
}

const char *digest_hex(const char *digest)
{
	return digest + strlen(DIGEST_PREFIX);
}
