/* Failures as v1.Status: code, reason, message, details, causes, in Kubernetes' words and order of
 * keys. The kube_fail family answers the request; kube_status() makes the object for streams.
 */
#pragma once

#include "api/rest.h"

/* reason and details (taken) may be NULL. */
struct json *kube_status(int code, const char *reason, struct json *details, const char *message);

void kube_fail(const struct rest_request *r, int code, const char *reason, struct json *details,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void kube_bad_request(const struct rest_request *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void kube_not_found(const struct rest_request *r); /* the object that the path names */
void kube_no_such_path(const struct rest_request *r);
void kube_not_allowed(const struct rest_request *r);
void kube_conflict(const struct rest_request *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void kube_already_exists(const struct rest_request *r, const struct object *old);
void kube_too_large_version(const struct rest_request *r, uint64_t asked);
/* A limit of the socket was met, see h2_refusal(). */
void kube_refuse(const struct rest_request *r, int status);

/* 422; group: NULL for core. */
struct kube_subject {
	const char *kind, *group, *name;
};
void kube_invalid(const struct rest_request *r, const struct kube_subject *subject,
	const struct causes *causes);
void kube_invalid_field(const struct rest_request *r, const struct kube_subject *subject,
	const char *reason, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* What the backend answered: by errno, with e's text. */
void kube_fail_errno(const struct rest_request *r, int rc, const struct err *e);
int kube_code_of_errno(int rc, const char **out_reason);
