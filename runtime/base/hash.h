/* FNV-1a, 64 bits: for tables and against torn files; an attacker who may choose what is hashed can
 * make collisions, so nothing may depend on there being none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325U

static inline uint64_t hash_bytes(uint64_t h, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3U;
	return h;
}

/* With its end, so that "ab", "c" is not "a", "bc". */
static inline uint64_t hash_text(uint64_t h, const char *text)
{
	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3U;
	return (h ^ 0xff) * 0x100000001b3U;
}
