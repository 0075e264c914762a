#include "oci/signals.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/str.h"

static int real_time(const char *name)
{
	int64_t n = 0;

	if (strncasecmp(name, "RTMIN", 5) == 0 &&
		(!name[5] || (name[5] == '+' && str_to_i64(name + 6, 0, 64, &n) == 0)))
		n += SIGRTMIN;
	else if (strncasecmp(name, "RTMAX", 5) == 0 &&
		 (!name[5] || (name[5] == '-' && str_to_i64(name + 6, 0, 64, &n) == 0)))
		n = SIGRTMAX - n;
	else
		return -1;
	return n >= SIGRTMIN && n <= SIGRTMAX ? (int)n : -1;
}

int signal_number(const char *text)
{
	int64_t number;

	if (str_to_i64(text, 0, SIGRTMAX, &number) == 0)
		return (int)number;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *name = sigabbrev_np(sig);

		if (name && strcasecmp(name, text) == 0)
			return sig;
	}
	return real_time(text);
}
