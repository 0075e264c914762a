/* What creating and changing have in common for pods and events: whose word counts in metadata,
 * names that the server makes, and what stands against a change.
 */
#pragma once

#include "api/rest.h"

/* Prepares a client's document for create: kind, namespace, generated name; what only the server
 * sets is dropped.  Answers and returns -1 when it cannot be. */
int write_prepare_create(const struct rest_request *r, struct json *doc);
/* The same against the stored object: names, versions, uid. */
int write_prepare_update(const struct rest_request *r, struct json *doc, const struct object *old);
/* The document a merge patch makes of the object; answers and returns NULL. */
struct json *write_patched(const struct rest_request *r, const struct object *old);
/* The same of a strategic merge patch, too: containers are told apart by their names. */
struct json *write_patched_pod(const struct rest_request *r, const struct object *old);
/* Reads a prepared document as a pod (pods.c); answers and returns -1 when it is none. */
int write_read_pod(const struct rest_request *r, const char *options_kind, const struct json *doc,
	const struct strv *dups, struct manifest_result *out);
/* A JSON object without version, kind first, as the answer to a dry run. */
void write_answer_dry(
	const struct rest_request *r, int code, struct json *object, const struct strv *warnings);
