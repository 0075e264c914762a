#include "pod/backoff.h"

#include "pod/lifecycle.h"

static int64_t at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t backoff_retry_at(
	const struct lifecycle_config *cfg, const struct backoff *b, int64_t ended_boot_ms)
{
	int64_t void_at = b->allowed_boot_ms + cfg->backoff_reset_ms;

	/* An entry that is void by the end of the instance does not hold its restart. */
	if (b->wait_ms == 0 || void_at <= ended_boot_ms)
		return ended_boot_ms;
	return at_most(ended_boot_ms + b->wait_ms, void_at);
}

void backoff_advance(const struct lifecycle_config *cfg, struct backoff *b, int64_t now_boot_ms)
{
	/* A start at the very moment when the entry becomes void is one that the reset allowed. */
	if (b->wait_ms == 0 || now_boot_ms - b->allowed_boot_ms >= cfg->backoff_reset_ms)
		b->wait_ms = at_most(cfg->backoff_base_ms, cfg->backoff_max_ms);
	else
		b->wait_ms = at_most(b->wait_ms * 2, cfg->backoff_max_ms);
	b->allowed_boot_ms = now_boot_ms;
}
