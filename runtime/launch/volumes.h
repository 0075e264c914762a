/* The volumes that a sandbox holds: file systems in memory, in the root of pause as /dev/shm is,
 * each copied into the containers that mount it.  So they need no place on the host, outlive every
 * container, and go with pause, whatever becomes of carpeld.
 */
#pragma once

#include "launch/job.h"

/* sandbox */
int volumes_make(struct job *j, struct err *e);        /* detached */
int volumes_make_places(struct job *j, struct err *e); /* in the empty root that is being made */
int volumes_attach(struct job *j, struct err *e);      /* to the root that is attached */

/* container: the copies that its mounts want, in the mount namespace of pause */
int volumes_copy(struct job *j, struct err *e);
