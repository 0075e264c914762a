/* The records on disk: whole ones are read back, all others are set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "pod/record.h"

struct fx {
	char path[40];
	int dir;
	uint64_t sum;    /* of the item seen last */
	struct buf seen; /* "item u1 {…};stale u2;" */
};

static void fx_close(struct fx *f)
{
	close(f->dir);
	buf_free(&f->seen);
	(void)fd_remove_tree(AT_FDCWD, f->path, NULL);
}

static struct fx fx_open(void)
{
	struct fx f = { .path = "/tmp/carpel-record.XXXXXX" };

	assert_non_null(mkdtemp(f.path));
	f.dir = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f.dir >= 0);
	return f;
}

static void on_item(void *arg, const char *uid, struct json *body, uint64_t sum)
{
	struct fx *f = arg;

	f->sum = sum;
	buf_addf(&f->seen, "item %s ", uid);
	json_write(body, JSON_COMPACT, &f->seen);
	buf_addc(&f->seen, ';');
	json_free(body);
}

static void on_stale(void *arg, const char *uid)
{
	struct fx *f = arg;

	buf_addf(&f->seen, "stale %s;", uid);
}

static const char *read_all(struct fx *f)
{
	const struct record_reader r = { .item = on_item, .stale = on_stale, .arg = f };
	struct err e = { 0 };

	buf_clear(&f->seen);
	buf_adds(&f->seen, "");
	assert_int_equal(records_read(f->dir, &r, &e), 0);
	return f->seen.data;
}

static void write_body(struct fx *f, const char *uid, const char *text)
{
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	struct err e = { 0 };
	uint64_t sum = 0;

	json_set_str(body, "text", text);
	assert_int_equal(record_write(f->dir, uid, body, &sum, &e), 0);
}

static ino_t inode(const struct fx *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->dir, name, &st, 0), 0);
	return st.st_ino;
}

static struct buf slurp(const struct fx *f, const char *name)
{
	struct buf b = { 0 };

	assert_int_equal(fd_read_file(f->dir, name, 1 << 20, &b, NULL), 0);
	return b;
}

static void spill(const struct fx *f, const char *name, const void *bytes, size_t len)
{
	assert_int_equal(fd_replace_file(f->dir, name, bytes, len, FD_SURVIVES_CRASH, NULL), 0);
}

static bool exists(const struct fx *f, const char *name)
{
	return faccessat(f->dir, name, F_OK, 0) == 0;
}

static void test_round_trip(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();
	struct err e = { 0 };

	(void)state;
	assert_string_equal(read_all(&f), "");
	write_body(&f, "u1", "old");
	write_body(&f, "u1", "new \xc3\xa4\n");
	assert_string_equal(read_all(&f), "item u1 {\"text\":\"new \xc3\xa4\\n\"};");
	assert_int_equal(record_remove(f.dir, "u1", &e), 0);
	assert_int_equal(record_remove(f.dir, "u1", &e), 0);
	assert_string_equal(read_all(&f), "");
}

/* However much of it reached the disk, half a record is none. */
static void test_torn(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	write_body(&f, "u1", "text");
	CLEANUP(buf_free) struct buf whole = slurp(&f, "u1");

	for (size_t len = 0; len < whole.len; len++) {
		spill(&f, "u1", whole.data, len);
		assert_string_equal(read_all(&f), "");
		assert_false(exists(&f, "u1"));
		assert_true(exists(&f, "u1.bad"));
	}
	spill(&f, "u1", whole.data, whole.len);
	assert_string_not_equal(read_all(&f), "");
	buf_addc(&whole, '\n'); /* nor is more than one */
	spill(&f, "u1", whole.data, whole.len);
	assert_string_equal(read_all(&f), "");
}

static void test_the_same_is_not_written_again(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();
	CLEANUP(cleanup_json) struct json *body = json_new_object();
	struct err e = { 0 };
	uint64_t sum = 0, first;
	ino_t before;

	(void)state;
	json_set_str(body, "text", "a");
	assert_int_equal(record_write(f.dir, "u1", body, &sum, &e), 0);
	first = sum;
	assert_int_not_equal(first, 0);
	before = inode(&f, "u1");
	assert_int_equal(record_write(f.dir, "u1", body, &sum, &e), 0);
	assert_int_equal(inode(&f, "u1"), before);
	/* Whoever reads it goes on from there. */
	(void)read_all(&f);
	assert_int_equal(f.sum, first);
	json_set_str(body, "text", "b");
	assert_int_equal(record_write(f.dir, "u1", body, &sum, &e), 0);
	assert_int_not_equal(sum, first);
	assert_string_equal(read_all(&f), "item u1 {\"text\":\"b\"};");
	/* What could not be written is not taken for written. */
	assert_int_equal(record_write(-1, "u1", body, &sum, &e), 0);
	json_set_str(body, "text", "c");
	assert_true(record_write(-1, "u1", body, &sum, &e) < 0);
	assert_int_equal(sum, 0);
	assert_int_equal(record_write(f.dir, "u1", body, &sum, &e), 0);
	assert_string_equal(read_all(&f), "item u1 {\"text\":\"c\"};");
}

/* A flipped bit anywhere: never an item; in the boot id it may pass as an earlier boot's. */
static void test_flipped_bits(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	write_body(&f, "u1", "text");
	CLEANUP(buf_free) struct buf whole = slurp(&f, "u1");

	for (size_t i = 0; i < whole.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			whole.data[i] = (char)(whole.data[i] ^ 1 << bit);
			spill(&f, "u1", whole.data, whole.len);
			const char *seen = read_all(&f);

			whole.data[i] = (char)(whole.data[i] ^ 1 << bit);
			/* Digits of the checksum and the blanks have more than one spelling. */
			if (seen[0] && strcmp(seen, "stale u1;") != 0)
				assert_string_equal(seen, "item u1 {\"text\":\"text\"};");
			if (i > strlen("carpel-record 1 ") + 36 + strlen(" 15 0123456789abcdef"))
				assert_string_equal(seen, "");
		}
	}
}

/* The same text as of another boot. */
static void test_other_boot(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();
	char boot[37];

	(void)state;
	assert_int_equal(clock_boot_id(boot), 0);
	write_body(&f, "u1", "text");
	CLEANUP(buf_free) struct buf file = slurp(&f, "u1");
	char *id = strstr(file.data, boot);

	assert_non_null(id);
	memcpy(id, "00000000-0000-0000-0000-000000000000", 36);
	spill(&f, "u1", file.data, file.len);
	write_body(&f, "u2", "text");
	const char *seen = read_all(&f);

	assert_non_null(strstr(seen, "stale u1;"));
	assert_non_null(strstr(seen, "item u2 "));
	assert_true(exists(&f, "u1")); /* whoever was told removes it */
}

static void test_other_version(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	write_body(&f, "u1", "text");
	CLEANUP(buf_free) struct buf file = slurp(&f, "u1");

	file.data[strlen("carpel-record ")] = '2';
	spill(&f, "u1", file.data, file.len);
	assert_string_equal(read_all(&f), "");
	assert_true(exists(&f, "u1.bad"));
	assert_string_equal(read_all(&f), ""); /* and is not looked at again */
}

/* Only names that could be a uid are looked at; what a killed writer left is removed. */
static void test_other_files(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();

	(void)state;
	spill(&f, ".u1.77.0", "half", 4);
	spill(&f, "u1.bad", "bad", 3);
	spill(&f, "No", "bad", 3);
	assert_string_equal(read_all(&f), "");
	assert_false(exists(&f, ".u1.77.0"));
	assert_false(exists(&f, "u1.bad.bad"));
	assert_false(exists(&f, "No.bad"));
}

static void hoard(void *arg, const char *uid, struct json *body, uint64_t sum)
{
	(void)uid;
	(void)sum;
	json_free(body);
	*(int *)arg = dup(STDIN_FILENO);
}

/* A record that cannot be read now is not a bad one: the pod would be lost. */
static void test_no_descriptors(void **state)
{
	CLEANUP(fx_close) struct fx f = fx_open();
	int hoarded = -1, rc, top = dup(STDIN_FILENO);
	const struct record_reader r = { .item = hoard, .stale = on_stale, .arg = &hoarded };
	struct err e = { 0 };
	struct rlimit before, few;

	(void)state;
	write_body(&f, "u1", "text");
	write_body(&f, "u2", "text");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(top >= 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)top + 1, .rlim_max = before.rlim_max };
	close(top); /* one is free, until the first record has been taken */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = records_read(f.dir, &r, &e);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(rc, -EMFILE);
	assert_true(hoarded >= 0);
	close(hoarded);
	assert_true(exists(&f, "u1") && exists(&f, "u2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_the_same_is_not_written_again),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_other_boot),
		cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_other_files),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
