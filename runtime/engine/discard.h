/* What is no longer needed, removed without stopping the loop: a directory is moved out of the way
 * and removed by a child, a cgroup is tried again until the kernel has let go of its dead.
 */
#pragma once

struct engine;

void discard_dir(struct engine *g, const char *path);
void discard_cgroup(struct engine *g, const char *path);
void discard_all(struct engine *g); /* what an earlier supervisor left in the trash */
void discards_free(struct engine *g);
