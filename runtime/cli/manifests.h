/* The files of -f: YAML or JSON, several documents, v1 Pod or v1 List of them, checked as far as a
 * client can.  What the fields mean is carpeld's to say.
 */
#pragma once

#include "base/json.h"
#include "cli/cli.h"

struct manifest {
	struct json *pod;
	char *ns;
	const char
		*name; /* borrowed from pod; NULL when carpeld is to make one from generateName */
	char *where;   /* "pod.yaml: document 2", for messages */
};

struct manifests {
	struct manifest *at;
	size_t len;
};

/* Reads all files ("-" is standard input).  A file without any document is an error. */
int manifests_read(
	const struct cli *c, const struct strv *files, struct manifests *out, struct err *e);
void manifests_free(struct manifests *m);

/* One text, for tests. */
int manifests_parse(const struct cli *c, const char *file, const struct buf *text,
	struct manifests *out, struct err *e);
