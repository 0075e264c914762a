/* Which objects a command line means: `pod NAME`, `pod/NAME`, `NAME`.  Every name is checked here,
 * before any request or path is made of it.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Words of a list of names. count may be 0. -EINVAL for a name that cannot be one. */
int target_names(char *const *words, size_t count, struct strv *out, struct err *e);
int target_add(const char *word, struct strv *out, struct err *e); /* one word: pod/NAME or NAME */
/* Exactly one pod at the head of words; *out_used says how many words it took (1 or 2).  The name
 * is borrowed. */
int target_one(
	char *const *words, size_t count, const char **out_name, size_t *out_used, struct err *e);
bool target_is_pod_word(const char *word);   /* pod, pods, po */
bool target_is_event_word(const char *word); /* event, events, ev */
/* A kind that kubectl, docker or crictl would show.  A pod may have such a name all the same. */
bool target_is_foreign_word(const char *word);
int target_check_name(const char *name, struct err *e); /* of a pod */
int target_check_namespace(const char *ns, struct err *e);
