/* Volumes on the host: what is made, what is only checked, and that no link leads a sub path out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "pod/volume.h"

/* A pod with one volume "v" below a directory of its own. */
struct fx {
	char dir[48];
	struct place at;
	struct volume_spec volume;
	struct pod_spec pod;
	struct mount_spec mount;
	struct err e;
};

static struct fx fx_open(enum volume_kind kind)
{
	static char v[] = "v", uid[] = "u1", path[] = "/data", any[] = "";
	struct fx f = { .dir = "/tmp/carpel-volume.XXXXXX" };

	assert_non_null(mkdtemp(f.dir));
	f.at.dir = str_fmt("%s/pods/u1", f.dir);
	f.volume = (struct volume_spec){ .name = v, .kind = kind, .host_type = any };
	f.pod = (struct pod_spec){ .uid = uid, .fs_group = -1, .volumes_len = 1 };
	f.mount = (struct mount_spec){ .volume = v, .path = path };
	return f;
}

static void fx_close(struct fx *f)
{
	place_free(&f->at);
	free(f->volume.host_path);
	(void)fd_remove_tree(AT_FDCWD, f->dir, NULL);
}

static int make(struct fx *f)
{
	f->pod.volumes = &f->volume;
	f->e = (struct err){ 0 };
	return volumes_make(&f->at, &f->pod, &f->e);
}

static char *at(const struct fx *f, const char *name)
{
	return str_fmt("%s/%s", f->dir, name);
}

static mode_t mode_of(const struct fx *f, const char *name)
{
	CLEANUP(cleanup_free) char *path = at(f, name);
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static void touch(const struct fx *f, const char *name)
{
	CLEANUP(cleanup_free) char *path = at(f, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
}

/* ---- emptyDir ----------------------------------------------------------------------------------
 */

static void test_empty_dir(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_EMPTY_DIR);
	struct stat st;

	(void)state;
	assert_int_equal(make(&f), 0);
	assert_int_equal(mode_of(&f, "pods/u1/volumes/v"), S_IFDIR | 0777);
	touch(&f, "pods/u1/volumes/v/kept");
	assert_int_equal(make(&f), 0); /* again: what is in it stays */
	assert_int_equal(mode_of(&f, "pods/u1/volumes/v/kept"), S_IFREG | 0644);
	f.pod.fs_group = (int64_t)getgid();
	assert_int_equal(make(&f), 0);
	assert_int_equal(mode_of(&f, "pods/u1/volumes/v"), S_IFDIR | 02777);
	CLEANUP(cleanup_free) char *path = at(&f, "pods/u1/volumes/v");

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, getgid());
}

/* ---- hostPath ----------------------------------------------------------------------------------
 */

static void make_one_of_each(const struct fx *f)
{
	CLEANUP(cleanup_free)
	char *dir = at(f, "dir"), *sock = at(f, "sock"), *link = at(f, "link");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_fd) int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	touch(f, "file");
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(symlink("dir", link), 0);
	strcpy(addr.sun_path, sock);
	assert_int_equal(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

/* What follows the path in the error. */
#define ABSENT(what) "is not a " what ", unable to determine its type: path \"%s\" does not exist"
#define OTHER(what, is) "is not a " what ", it's a " is

/* "… failed: PATH is not …", or "… failed, PATH is not …" when there is nothing. */
static void expect_refusal(const struct fx *f, const char *want)
{
	const char *hole = strstr(want, "%s");
	CLEANUP(cleanup_free)
	char *head = str_ndup(want, hole ? (size_t)(hole - want) : strlen(want));
	CLEANUP(cleanup_free)
	char *text = str_fmt("MountVolume.SetUp failed for volume \"v\" : hostPath type check "
			     "failed%s %s %s%s%s",
		hole ? "," : ":", f->volume.host_path, head, hole ? f->volume.host_path : "",
		hole ? hole + 2 : "");

	assert_string_equal(f->e.text, text);
}

static void test_host_path_types(void **state)
{
	static const struct {
		const char *type, *path, *want; /* NULL: fine */
	} rows[] = {
		{ "", "/dir", NULL },                                         /* */
		{ "", "/file", NULL },                                        /* */
		{ "Directory", "/dir", NULL },                                /* */
		{ "Directory", "/link", NULL },                               /* */
		{ "Directory", "/file", OTHER("directory", "File") },         /* */
		{ "Directory", "/none", ABSENT("directory") },                /* */
		{ "DirectoryOrCreate", "/file", OTHER("directory", "File") }, /* */
		{ "File", "/file", NULL },                                    /* */
		{ "File", "/dir", OTHER("file", "Directory") },               /* */
		{ "File", "/none", ABSENT("file") },                          /* */
		{ "FileOrCreate", "/sock", OTHER("file", "Socket") },         /* */
		{ "Socket", "/sock", NULL },                                  /* */
		{ "Socket", "/dir", OTHER("socket file", "Directory") },      /* */
		{ "CharDevice", "/file", OTHER("character device", "File") }, /* */
		{ "BlockDevice", "/file", OTHER("block device", "File") },    /* */
		{ "BlockDevice", "/none", ABSENT("block device") },           /* */
	};
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_HOST_PATH);

	(void)state;
	make_one_of_each(&f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(cleanup_free) char *type = str_dup(rows[i].type);
		int rc;

		f.volume.host_path = at(&f, rows[i].path + 1);
		f.volume.host_type = type;
		rc = make(&f);
		if ((rc == 0) != (rows[i].want == NULL))
			fail_msg("%s %s: %d %s", type, rows[i].path, rc, f.e.text);
		if (rows[i].want)
			expect_refusal(&f, rows[i].want);
		free(f.volume.host_path);
		f.volume.host_path = NULL;
	}
}

static void test_host_path_or_create(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_HOST_PATH);
	char dir[] = "DirectoryOrCreate", file[] = "FileOrCreate", any[] = "";

	(void)state;
	f.volume.host_path = at(&f, "a/b");
	f.volume.host_type = file;
	assert_int_equal(make(&f), -ENOENT); /* its parent is not made */
	f.volume.host_type = any;
	assert_int_equal(make(&f), -ENOENT);
	f.volume.host_type = dir;
	assert_int_equal(make(&f), 0);
	assert_int_equal(mode_of(&f, "a/b"), S_IFDIR | 0755);
	free(f.volume.host_path);
	f.volume.host_path = at(&f, "a/file");
	f.volume.host_type = file;
	assert_int_equal(make(&f), 0);
	assert_int_equal(mode_of(&f, "a/file"), S_IFREG | 0644);
	assert_int_equal(make(&f), 0);
}

/* ---- sub paths ---------------------------------------------------------------------------------
 */

struct source {
	int fd;
	char *path;
	bool is_file;
};

static void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
}

static int source_of(struct fx *f, const char *sub, struct source *s)
{
	CLEANUP(cleanup_free) char *sub_path = str_dup(sub);

	f->pod.volumes = &f->volume;
	f->mount.sub_path = sub_path;
	f->e = (struct err){ 0 };
	*s = (struct source){ .fd = -1 };
	return volume_source(&f->at, &f->pod, &f->mount, 17, &s->fd, &s->path, &s->is_file, &f->e);
}

static void test_whole_volume(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_EMPTY_DIR);
	CLEANUP(source_close) struct source s;
	CLEANUP(cleanup_free) char *want = at(&f, "pods/u1/volumes/v");

	(void)state;
	assert_int_equal(source_of(&f, NULL, &s), -ENOENT); /* not made yet */
	assert_int_equal(make(&f), 0);
	assert_int_equal(source_of(&f, NULL, &s), 0);
	assert_string_equal(s.path, want);
	assert_int_equal(s.fd, -1);
	assert_false(s.is_file);
}

static bool is_same(int fd, const struct fx *f, const char *name)
{
	CLEANUP(cleanup_free) char *path = at(f, name);
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

#define V "pods/u1/volumes/v"

/* Missing parts are made, with the mode of the volume's root. */
static void test_sub_path_is_made(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_EMPTY_DIR);
	CLEANUP(source_close) struct source dir;
	CLEANUP(source_close) struct source file;
	mode_t mask = umask(0);

	(void)state;
	assert_int_equal(make(&f), 0);
	assert_int_equal(source_of(&f, "a//b/", &dir), 0);
	umask(mask);
	assert_string_equal(dir.path, "/proc/self/fd/17");
	assert_false(dir.is_file);
	assert_true(is_same(dir.fd, &f, V "/a/b"));
	assert_int_equal(mode_of(&f, V "/a"), S_IFDIR | 0777);
	assert_int_equal(mode_of(&f, V "/a/b"), S_IFDIR | 0777);
	touch(&f, V "/a/file");
	assert_int_equal(source_of(&f, "a/file", &file), 0);
	assert_true(file.is_file);
	assert_true(is_same(file.fd, &f, V "/a/file"));
}

/* A link is followed as the container sees it: its / is the volume's root. */
static void test_links_stay_inside(void **state)
{
	static const struct {
		const char *to, *sub, *leads_to; /* NULL: refused */
	} rows[] = {
		{ "/", "link", V },                                 /* */
		{ "/etc", "link", NULL },                           /* not there inside */
		{ "/in", "link", V "/in" },                         /* */
		{ "in", "link/x", V "/in/x" },                      /* */
		{ "../../../../../../../../", "link/in", V "/in" }, /* */
		{ "../../outside", "link", NULL },                  /* */
		{ "link", "link", NULL },                           /* a loop */
		{ "/proc/self/root", "link", NULL },                /* */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(fx_close) struct fx f = fx_open(VOLUME_EMPTY_DIR);
		CLEANUP(source_close) struct source s;
		CLEANUP(cleanup_free) char *in = at(&f, V "/in"), *link = at(&f, V "/link");
		CLEANUP(cleanup_free) char *out = at(&f, "pods/u1/outside");
		int rc;

		assert_int_equal(make(&f), 0);
		assert_int_equal(mkdir(in, 0755), 0);
		assert_int_equal(mkdir(out, 0755), 0);
		assert_int_equal(symlink(rows[i].to, link), 0);
		rc = source_of(&f, rows[i].sub, &s);
		if (!rows[i].leads_to && rc < 0)
			continue;
		if (rc < 0 || !rows[i].leads_to || !is_same(s.fd, &f, rows[i].leads_to))
			fail_msg("%s by %s: %d %s", rows[i].to, rows[i].sub, rc, f.e.text);
		assert_false(is_same(s.fd, &f, "pods/u1/outside"));
	}
}

/* A part of the path that is a file has nothing below it. */
static void test_file_in_between(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open(VOLUME_EMPTY_DIR);
	CLEANUP(source_close) struct source s;

	(void)state;
	assert_int_equal(make(&f), 0);
	touch(&f, V "/file");
	assert_int_equal(source_of(&f, "file/x", &s), -ENOTDIR);
	assert_true(str_starts(
		f.e.text, "failed to prepare subPath for volumeMount \"v\": make sub path file/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_dir),
		cmocka_unit_test(test_host_path_types),
		cmocka_unit_test(test_host_path_or_create),
		cmocka_unit_test(test_whole_volume),
		cmocka_unit_test(test_sub_path_is_made),
		cmocka_unit_test(test_links_stay_inside),
		cmocka_unit_test(test_file_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
