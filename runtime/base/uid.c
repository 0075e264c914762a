#include "base/uid.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void uid_make(char out[UID_LEN + 1])
{
	unsigned char b[16];
	char *to = out;

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort(); /* never for so few bytes, see man 2 getrandom */
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* RFC 9562's variant */
	for (size_t i = 0; i < sizeof(b); i++)
		to += snprintf(
			to, 4, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
}
