/* The programs that the fake backend plays, see fake_backend.h; only fake_backend.c includes it. */
#pragma once

#include "api/backend.h"
#include "base/loop.h"

struct fake_execs;

struct fake_execs *fake_execs_new(struct loop *l);
void fake_execs_free(struct fake_execs *x);
bool fake_execs_are_over(const struct fake_execs *x);
/* Adds how many run, how many were cancelled, and how much waited at most. */
void fake_execs_tell(const struct fake_execs *x, struct json *out);
int fake_exec_start(struct fake_execs *x, const struct exec_request *q, struct exec_peer *p,
	struct exec_session **out, struct err *e);
void fake_exec_calls(struct api_backend *b); /* all but exec_start */
