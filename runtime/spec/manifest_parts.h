/* The stages between a document and a pod_spec, shared by the files of the manifest reader and by
 * nobody else.  Each stage takes what the one before it made:
 *
 *   decode     a document to a tree of known fields with the right types; Go's words for what is
 *              not.  Unknown and repeated fields are noted.
 *   default    adds what Kubernetes adds.
 *   arrange    the tree as an API server writes it: Kubernetes' order, no empty values, canonical
 *              numbers.  Nothing behind it has to tell an empty value from a missing one.
 *   validate   Kubernetes' rules, in its order and words.
 *   honour     fields and values that carpel does not honour; scheduling fields that it ignores.
 *   build      the pod_spec.  Cannot fail: whatever it could not carry was refused before.
 */
#pragma once

#include "base/json.h"
#include "base/str.h"

struct causes;
struct pod_spec;

/* strict: "unknown field \"spec.foo\"", "duplicate field …", in the order of the document, at most
 * as many as Kubernetes keeps.  Fails with -EINVAL; *message is the whole text. */
int decode_pod(const struct json *doc, const struct strv *dups, struct json **out,
	struct strv *strict, char **message);
void default_pod(struct json *pod);
struct json *arrange_pod(const struct json *pod);
void validate_pod(const struct json *pod, struct causes *c);
void honour_pod(const struct json *pod, struct causes *c, struct strv *warnings);
struct pod_spec *build_pod(const struct json *pod);
