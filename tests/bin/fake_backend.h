/* A backend of the API without kernels: pods appear in the store and stay as they were made, logs
 * are files of a folder, programs are a few words that are played.  For tests that drive the API
 * from outside, and for its fuzzer.
 *
 * Commands of exec: echo WORDS, cat, both (writes to both outputs), exit N, flood BYTES, count
 * (reads slowly, then says how much), deaf (never reads), size (tells each resize), broken (cannot
 * be run), busy (no container runs), now (ends within exec_start).  Attach is cat.
 *
 * Logs: DIR/POD_CONTAINER.log, DIR/POD_CONTAINER.previous.log; an instance is over when
 * DIR/POD_CONTAINER.over is there.
 *
 * /apis/carpel/v1/: state, later (answers after a while), missing (404), never (no answer), churn
 * (?name=&count=N changes a pod N times), status (?name=, the body becomes the pod's), reap (what
 * is being deleted is gone), stop (?grace=MS shuts the server down).
 */
#pragma once

#include "api/backend.h"
#include "api/server.h"
#include "base/loop.h"

struct fake;

/* log_dir: NULL when there are no logs; borrowed. */
struct fake *fake_new(struct loop *l, const char *log_dir, uint64_t first_rv);
void fake_free(struct fake *f); /* after the server */
const struct api_backend *fake_backend(const struct fake *f);
/* False once something was stored, or still runs: the fuzzer then begins with another one. */
bool fake_is_at(const struct fake *f, uint64_t rv);
/* For what a call asks of the server. */
void fake_set_server(struct fake *f, struct api_server *server);
