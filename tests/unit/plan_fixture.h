/* What the tests of a plan's parts share: plans written with a line a record. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "spec/plan.h"

/* text, a line a record, is changed for it. */
static inline int parse_text(char *text, struct plan *p, struct err *e)
{
	const size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	return plan_parse(text, len, p, e);
}
