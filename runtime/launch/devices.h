/* /dev of a container: the few nodes that everybody gets, and the host's for privileged ones. */
#pragma once

#include "launch/job.h"

int devices_list(struct job *j, struct err *e); /* host's view; privileged containers only */
int devices_make(struct job *j, int dev, struct err *e); /* in the new, still empty /dev */
