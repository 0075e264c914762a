/* The volumes of a pod on the host: emptyDir directories below its place, hostPath checks.  Those
 * in memory are its sandbox's (spec/plan.h). */
#pragma once

#include "pod/layout.h"

/* Makes what the pod owns and checks what it borrows. Can be repeated. The error is a FailedMount
 * text. */
int volumes_make(const struct place *at, const struct pod_spec *pod, struct err *e);

/* The host path to mount for m: its host_path, made as a directory when missing; or the volume, or
 * the sub path below it, resolved inside the volume whatever links it holds (made as a directory
 * when missing).  *out_fd keeps a sub path's descriptor open; -1 without one; *out_path then names
 * it as /proc/self/fd/N of the process that inherits it as descriptor fd_number. */
int volume_source(const struct place *at, const struct pod_spec *pod, const struct mount_spec *m,
	int fd_number, int *out_fd, char **out_path, bool *out_is_file, struct err *e);

const struct volume_spec *volume_find(const struct pod_spec *pod, const char *name); /* NULL */
