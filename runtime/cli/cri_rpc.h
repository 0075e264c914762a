/* CRI's calls by name. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "base/err.h"

struct cri_rpc {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
};

/* "StartContainer", "RuntimeService/StartContainer" or with the package before it.  -ENOENT. */
int cri_rpc_find(const char *name, struct cri_rpc *out, struct err *e);
/* The i-th of all, of both services; -ENOENT behind the last. */
int cri_rpc_at(size_t i, struct cri_rpc *out);
