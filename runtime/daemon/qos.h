/* The cgroups between the root and the pods, one for each class of service but Guaranteed. */
#pragma once

#include "daemon/daemon.h"

/* Weighs the level of such pods anew, after one came or went: BestEffort as little as one pod can,
 * Burstable as much as its pods ask for together. */
void qos_weigh(struct daemon *d, enum qos_class qos);
/* When the instance goes. */
void qos_forget(const struct daemon *d);
