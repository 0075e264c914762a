/* Grammars of names, labels and paths (RFC 1123 label, subdomain, qualified names). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Each returns NULL when the text is fine, else the first of Kubernetes' words for what is wrong
 * (static text). */
const char *name_check_label(const char *text);     /* container, volume, namespace names */
const char *name_check_subdomain(const char *text); /* pod names */
const char *name_check_qualified(const char *text); /* label and annotation keys */
const char *name_check_label_value(const char *text);

/* The same, with all that is wrong in Kubernetes' order: a text may be too long and have a bad
 * character, and Kubernetes tells both. */
enum { NAME_FAULTS_MAX = 4 };

struct name_faults {
	const char *at[NAME_FAULTS_MAX]; /* static texts */
	size_t len;
};
struct name_faults name_faults_label(const char *text);
struct name_faults name_faults_subdomain(const char *text);
struct name_faults name_faults_qualified(const char *text);
struct name_faults name_faults_label_value(const char *text);

/* Safe as one path component of ours: a subdomain of at most 253 bytes. Used before any path is
 * built. */
bool name_is_path_safe(const char *text);
