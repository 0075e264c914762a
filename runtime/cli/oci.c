/* `carpel oci`: another program's command line, which podman and containerd execute by itself. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/start.h"

int verb_oci(struct cli *c, char **argv)
{
	struct err e = { 0 };
	CLEANUP(cleanup_free) char *path = start_find_program("carpel-oci", &e);

	(void)c;
	if (!path)
		return cli_say("%s", e.text);
	execv(path, argv);
	return cli_say("execute %s: %s", path, strerror(errno));
}
