/* The pods' records on disk, RUN/pods/<uid>: what a restarted supervisor needs to take a pod over.
 * Replaced as a whole before anything it speaks of is done.  They carry a checksum and the boot id:
 * pods do not outlive a reboot, so a power cut needs no fsync here, only kill -9 must find old or
 * new.
 */
#pragma once

#include <stdint.h>

#include "base/json.h"

/* body: {"object":…, "state":…, "runtime":…}. -ENOSPC and friends leave the old record.
 * *sum tells what is on disk, 0 that nothing is known of it: the same again is not written. */
int record_write(
	int pods_dir, const char *uid, const struct json *body, uint64_t *sum, struct err *e);
int record_remove(int pods_dir, const char *uid, struct err *e); /* a missing one is fine */

/* Calls item for each sound record of this boot.  Others are renamed to "<uid>.bad" (torn, unknown
 * version) or, from an earlier boot, handed to stale. The body belongs to item, and sum is for the
 * next record_write().  Fails, and leaves the record, when one cannot be read for another reason
 * (-EMFILE, -EIO). */
struct record_reader {
	void (*item)(void *arg, const char *uid, struct json *body, uint64_t sum);
	void (*stale)(void *arg, const char *uid);
	void *arg;
};
int records_read(int pods_dir, const struct record_reader *r, struct err *e);
