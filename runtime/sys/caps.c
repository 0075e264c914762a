#include "sys/caps.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

uint64_t caps_bit(const char *name)
{
	char text[40];
	cap_value_t value;

	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	if (snprintf(text, sizeof(text), "cap_%s", name) >= (int)sizeof(text))
		return 0;
	return cap_from_name(text, &value) == 0 && value < 64 ? UINT64_C(1) << value : 0;
}

uint64_t caps_default(void)
{
	return UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_DAC_OVERRIDE |
	       UINT64_C(1) << CAP_FSETID | UINT64_C(1) << CAP_FOWNER | UINT64_C(1) << CAP_SETGID |
	       UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETPCAP |
	       UINT64_C(1) << CAP_NET_BIND_SERVICE | UINT64_C(1) << CAP_KILL;
}

uint64_t caps_all(void)
{
	return (UINT64_C(1) << cap_max_bits()) - 1;
}
