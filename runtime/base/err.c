#include "base/err.h"

#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static int fill(
	struct err *e, int code, const char *cause, const char *fmt, va_list ap)
{
	int n;

	if (!e)
		return -code;
	e->code = code;
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	if (cause && n >= 0 && (size_t)n < sizeof(e->text))
		(void)snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %.*s",
			(int)sizeof(e->text) - n, cause);
	return -code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	/* Not strerror(): it may allocate, and this runs between clone and exec too. */
	const char *cause = strerrordesc_np(code);
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fill(e, code, cause ? cause : "unknown error", fmt, ap);
	va_end(ap);
	return rc;
}

int err_say(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fill(e, code, NULL, fmt, ap);
	va_end(ap);
	return rc;
}

int err_wrap(struct err *e, int rc, const char *fmt, ...)
{
	struct err cause;
	va_list ap;

	if (!e)
		return rc;
	cause = *e;
	va_start(ap, fmt);
	(void)fill(e, cause.code, cause.text, fmt, ap);
	va_end(ap);
	return rc;
}
