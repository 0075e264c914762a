/* A cgroup tree of plain files: what would be written and read can be seen, though no kernel
 * refuses anything, and a directory that is made here has no files.
 */
#pragma once

#include "fd_fixture.h"

#include "sys/cgroup_tree.h"

struct fake {
	struct cgroups c;
	int root;
};

static inline struct fake fake_v2(void **state)
{
	const char *root = *state;
	struct fake f = { .c = { .name = str_dup("ours"),
				  .v2 = str_fmt("%s/v2", root),
				  .v2_root = str_fmt("%s/v2/ours", root) },
		.root = open_root(state) };

	assert_int_equal(fd_mkdir_all(f.root, "v2/ours", 0700, NULL), 0);
	return f;
}

/* Each controller a hierarchy of its own, but for hugetlb, which is in the v2 tree. */
static inline struct fake fake_hybrid(void **state)
{
	const char *root = *state;
	struct fake f = fake_v2(state);

	f.c.is_hybrid = true;
	for (int i = 0; i < CGROUP_HUGETLB; i++) {
		CLEANUP(cleanup_free) char *ours = str_fmt("%s/ours", cgroup_controllers[i]);

		f.c.v1[i] = str_fmt("%s/%s", root, cgroup_controllers[i]);
		assert_int_equal(fd_mkdir_all(f.root, ours, 0700, NULL), 0);
	}
	return f;
}

static inline void fake_free(struct fake *f)
{
	free(f->c.name);
	free(f->c.v2);
	free(f->c.v2_root);
	for (int i = 0; i < CGROUP_ALL; i++)
		free(f->c.v1[i]);
	close(f->root);
}

/* The directory dir with such a file in it. */
static inline void fake_put(
	const struct fake *f, const char *dir, const char *file, const char *text)
{
	CLEANUP(cleanup_free) char *path = str_fmt("%s/%s", dir, file);

	assert_int_equal(fd_mkdir_all(f->root, dir, 0700, NULL), 0);
	put(f->root, path, text);
}
