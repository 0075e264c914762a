/* The filters of `carpel cri`: what the server is asked for, and what is chosen from its answer
 * here, since CRI has no word for it (names, namespaces, the newest ones).  Pure; every verb that
 * lists calls it.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* As the command line gave them; NULL, empty and 0: not given. */
struct cri_select {
	const char *id, *pod, *state, *image;
	const char *name, *ns; /* extended regular expressions */
	struct strv labels;    /* key=value */
	bool is_latest, has_all;
	int64_t last;
};
void cri_select_free(struct cri_select *s);
bool cri_select_is_empty(const struct cri_select *s);

/* PodSandboxFilter and ContainerFilter.  Containers are the running ones unless more is asked for.
 * -EINVAL: a state that there is none of, a label without "=". */
int cri_select_pods(const struct cri_select *s, struct json **out, struct err *e);
int cri_select_containers(const struct cri_select *s, struct json **out, struct err *e);
/* {key: value}; NULL for none. */
int cri_select_labels(const struct strv *labels, struct json **out, struct err *e);

/* A new array of what is wanted of the items, the newest first.  Items without metadata are left
 * out.  namespace_of finds an item's namespace. -EINVAL: no regular expression. */
int cri_select_apply(const struct cri_select *s, const struct json *items,
	const char *(*namespace_of)(const struct json *item), struct json **out, struct err *e);

/* A regular expression with an error that tells the option. */
int cri_regex(regex_t *out, const char *option, const char *pattern, struct err *e);
