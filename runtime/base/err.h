/* Errors as values.  A failing function returns a negative errno; what a user could ask "why" about
 * also fills the caller's record, always the last parameter.  The record needs no heap, so it can
 * be filled after clone() and travels over a socket as it is.
 */
#pragma once

#include <stdarg.h>

enum { ERR_TEXT_MAX = 240 };

struct err {
	int code; /* positive errno, 0 when nothing failed */
	char text[ERR_TEXT_MAX];
};

/* Fills *e with "<formatted>: <strerror(code)>" and returns -code.  e may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same without the errno text, for failures that no system call reported. */
int err_say(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "<formatted>: " before the text that is there and returns rc.  Cuts at the end, never the
 * cause's head. */
int err_wrap(struct err *e, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
