/* The store's directory, as carpel-image alone changes it:
 *
 *	lock             flock(2)ed shared by who unpacks, exclusively by who sweeps
 *	tmp/             what is being made; under the exclusive lock all of it is garbage
 *	layers/HEX       complete, verified, never changed again; HEX is the chain id
 *	images/REF.json  records (image/record.h)
 *	leases/HOLDER    layers that a container has mounted (image/lease.h)
 *
 * A record is written last, so a crash at any time leaves layers that no record names, or things in
 * tmp: the next sweep removes both.  A sweep happens before and after every command, if nobody else
 * is at work; nobody ever waits long for anybody.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "image/record.h"

struct store {
	const char *path; /* absolute; borrowed */
	int fd, lock;
};
#define STORE_EMPTY                                                                                \
	{                                                                                          \
		.fd = -1, .lock = -1                                                               \
	}

int store_open(const char *path, struct store *out, struct err *e);
void store_close(struct store *s); /* accepts the empty form; releases the lock */

/* Sweeps, if nobody works, then holds the shared lock: nothing that we make is swept. */
int store_begin(struct store *s, struct err *e);
/* Sweeps, if nobody else works; gives the lock up.  Garbage is no failure. */
void store_end(struct store *s);

/* A new directory below tmp.  Returns its descriptor; the caller frees *out_name. */
int store_make_temporary(struct store *s, char **out_name, struct err *e);
/* -ENOENT when the store does not have it. */
int store_open_layer(const struct store *s, const char *hex, struct err *e);
/* The temporary directory becomes the layer, unless somebody else was faster: then it goes. */
int store_publish(const struct store *s, const char *temporary, const char *hex, struct err *e);

/* Everything that was published reaches the disk before the record does. */
int store_add_record(const struct store *s, const struct image_record *r, struct err *e);
int store_remove_record(const struct store *s, const char *ref, struct err *e);
