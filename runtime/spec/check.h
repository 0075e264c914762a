/* What the files of the validation share: the texts of Kubernetes' rules, and the checks that more
 * than one of them makes.  All work on the arranged tree, where a missing value and an empty one
 * are the same.
 */
#pragma once

#include "base/json.h"
#include "spec/causes.h"
#include "spec/names.h"

struct check {
	const struct json *spec; /* of the pod */
	struct causes *causes;
	struct strv volumes; /* names of the volumes without an error: what a mount may name */
};

/* ---- parts, see validate.c for the order ---- */
void validate_volumes(struct check *k);
void validate_containers(struct check *k);
void validate_env(struct check *k, const struct json *env, const char *path);
void validate_resources(struct check *k, const struct json *resources, const char *path);
void validate_probes(struct check *k, const struct json *container, const char *path);
void validate_pod_security(struct check *k);
void validate_container_security(struct check *k, const struct json *sc, const char *path);
void validate_dns(struct check *k);
void validate_host_aliases(struct check *k);
void validate_annotations(struct check *k, const struct json *annotations);

/* ---- values ---- */
const char *text_at(const struct json *object, const char *key); /* "" when missing */
int64_t number_at(const struct json *object, const char *key);   /* 0 when missing */

/* "net/ipv4/conf/eth0.1" as "net.ipv4.conf.eth0/1"; owned. */
char *sysctl_dotted(const char *name);
bool sysctl_is_name(const char *name);  /* with dots or slashes, see its expression */
bool sysctl_is_ipc(const char *dotted); /* of an IPC namespace */

/* A set of texts that grows in O(log n) a text.  The texts are borrowed. */
struct seen {
	void *root;
};
bool seen_before(struct seen *s, const char *text); /* adds it */
void seen_free(struct seen *s);

/* One of a few words; empty values are refused too. */
void check_word(struct check *k, const struct json *object, const char *key, const char *path,
	const char *const *words);
/* What names.h finds wrong with a text, an error each.  Returns whether it is sound. */
typedef struct name_faults (*name_judge)(const char *text);
bool check_name(struct check *k, const char *text, const char *field, name_judge judge);
/* The same for a member of an object, where there is one. */
void check_name_at(struct check *k, const struct json *object, const char *key, const char *path,
	name_judge judge);
void check_at_least(struct check *k, int64_t n, int64_t min, const char *path);
void check_port(struct check *k, int64_t port, const char *path);
/* All rules that the name breaks, an error each. */
bool check_port_name(struct check *k, const char *name, const char *path);
bool has_back_step(const char *path); /* ".." is one of its parts */
/* Inside a volume: relative, no "..". */
void check_descending(struct check *k, const char *text, const char *path);
/* 0 to 2147483647, for uid and gid. */
void check_id(struct check *k, int64_t id, const char *path);
void check_id_at(struct check *k, const struct json *object, const char *key, const char *path);
