/* Layers that somebody has mounted, whatever becomes of the image's record: a name that is imported
 * anew or removed must not take the root file system away under a running container.  carpeld takes
 * a lease before it starts a container, and drops it when the container's mount is gone; a lease is
 * a file, so it survives carpeld.  carpel-image only reads them.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "image/record.h"

/* holder: letters, digits, '.', '_', '-', not first a '.'; taking again replaces.  -ENOENT and no
 * lease when a layer has just been removed: find the image again. */
int image_lease_take(
	const char *store, const char *holder, const struct image_record *r, struct err *e);
int image_lease_drop(const char *store, const char *holder, struct err *e); /* 0 also without one */
/* Adds the names below STORE/layers that any lease has; a name may come twice. */
int image_lease_list(const char *store, struct strv *out, struct err *e);
