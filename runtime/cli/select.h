/* The pods that a verb acts on: by name, by label selector, or all of a namespace. */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

struct choice {
	const char *labels; /* -l, NULL none */
	const char *fields; /* --field-selector, NULL none */
	bool is_all;        /* --all */
};

/* The list as carpeld answers it. ns NULL: all namespaces. */
int select_list(struct cli *c, const char *plural, const struct choice *by, struct json **out,
	struct err *e);

/* {name, ns} of each pod that args or by name; without a selector the names are taken as they are,
 * whether they exist or not. */
struct chosen {
	char *ns, *name;
};
struct chosen_list {
	struct chosen *at;
	size_t len;
};
int select_pods(struct cli *c, const struct arguments *args, const struct choice *by,
	struct chosen_list *out, struct err *e);
void chosen_add(struct chosen_list *l, const char *ns, const char *name);
void chosen_free(struct chosen_list *l);
