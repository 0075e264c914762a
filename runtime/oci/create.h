/* Making a container, for create and run. */
#pragma once

#include "oci/oci.h"
#include "oci/record.h"
#include "oci/streams.h"

struct create_options {
	const char *bundle; /* NULL: the current directory */
	struct stream_options streams;
};

/* *out is locked, and its process waits for start. */
int create_container(const struct oci *o, const char *id, const struct create_options *options,
	struct container *out, struct err *e);
/* Runs what the process waits for; -ENOEXEC … with its reason. */
int start_container(const struct oci *o, struct container *c, struct err *e);
/* All of it is undone; poststop hooks are run when there was a process. */
int remove_container(const struct oci *o, struct container *c, struct err *e);
/* The maps of its user namespace, for another process of it. */
int container_maps(
	const struct container *c, const struct json *config, struct plan *p, struct err *e);
/* config.json as it was. */
int saved_config(const struct container *c, struct config *out, struct err *e);
