#include "pod/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "spec/names.h"

enum { RECORD_VERSION = 1, RECORD_BYTES_MAX = 8 << 20, HEAD_MAX = 96 };

/* Against torn and flipped bytes, not against an attacker (the directory is root's, 0700).
 * Never 0, which stands for no record. */
static uint64_t checksum(const char *bytes, size_t len)
{
	uint64_t h = hash_bytes(HASH_START, bytes, len);

	return h ? h : 1;
}

/* "carpel-record 1 <boot id> <length> <checksum>\n", then the JSON text. */
static int write_head(char head[HEAD_MAX], const struct buf *text, uint64_t sum)
{
	char boot[37];
	int rc = clock_boot_id(boot);

	if (rc < 0)
		return rc;
	return snprintf(head, HEAD_MAX, "carpel-record %d %s %zu %016" PRIx64 "\n", RECORD_VERSION,
		boot, text->len, sum);
}

int record_write(
	int pods_dir, const char *uid, const struct json *body, uint64_t *sum, struct err *e)
{
	CLEANUP(buf_free) struct buf text = { 0 };
	CLEANUP(buf_free) struct buf whole = { 0 };
	char head[HEAD_MAX];
	uint64_t new;
	int rc;

	json_write(body, JSON_COMPACT, &text);
	new = checksum(text.data, text.len);
	if (new == *sum)
		return 0;
	*sum = 0; /* until it is there for certain */
	if ((rc = write_head(head, &text, new)) < 0)
		return err_set(e, -rc, "read the boot id");
	buf_adds(&whole, head);
	buf_add(&whole, text.data, text.len);
	rc = fd_replace_file(pods_dir, uid, whole.data, whole.len, FD_SURVIVES_CRASH, e);
	if (rc == 0)
		*sum = new;
	return rc;
}

int record_remove(int pods_dir, const char *uid, struct err *e)
{
	if (unlinkat(pods_dir, uid, 0) < 0 && errno != ENOENT)
		return err_set(e, errno, "remove record %s", uid);
	return 0;
}

/* 1: sound, 0: of an earlier boot, negative: not to be trusted. */
static int check_head(
	const struct buf *file, const char **out_body, size_t *out_len, uint64_t *out_sum)
{
	char boot[37], now[37];
	uint64_t sum;
	size_t len;
	int version, used = 0;

	if (!file->len || sscanf(file->data, "carpel-record %d %36s %zu %16" SCNx64 "%n", &version,
				  boot, &len, &sum, &used) != 4)
		return -EBADMSG;
	if (version != RECORD_VERSION || file->data[used] != '\n' ||
		file->len != (size_t)used + 1 + len)
		return -EBADMSG;
	if (checksum(file->data + used + 1, len) != sum)
		return -EBADMSG;
	*out_body = file->data + used + 1;
	*out_len = len;
	*out_sum = sum;
	return clock_boot_id(now) == 0 && str_eq(boot, now);
}

static void quarantine(int pods_dir, const char *uid, const char *why)
{
	CLEANUP(cleanup_free) char *bad = str_fmt("%s.bad", uid);

	log_warn("pod=%s record set aside as %s: %s", uid, bad, why);
	if (renameat(pods_dir, uid, pods_dir, bad) < 0)
		log_warn("pod=%s cannot set the record aside: %s", uid, strerror(errno));
}

/* Damage is this record's fault, any other failure is not and ends the whole. */
static int read_one(int pods_dir, const char *uid, const struct record_reader *r, struct err *e)
{
	CLEANUP(buf_free) struct buf file = { 0 };
	const struct json_options options = { .max_bytes = RECORD_BYTES_MAX };
	struct json *body = NULL;
	const char *text = NULL;
	size_t len = 0;
	uint64_t sum = 0;
	struct err why = { 0 };
	int rc = fd_read_file(pods_dir, uid, RECORD_BYTES_MAX, &file, e);

	if (rc < 0 && rc != -EFBIG && rc != -EISDIR)
		return rc == -ENOENT ? 0 : err_wrap(e, rc, "record of pod %s", uid);
	if (rc == 0 && (rc = check_head(&file, &text, &len, &sum)) == 0) {
		r->stale(r->arg, uid);
		return 0;
	}
	if (rc > 0)
		rc = json_parse(text, len, &options, &body, &why);
	if (rc < 0)
		quarantine(pods_dir, uid, why.text[0] ? why.text : "torn or of another version");
	else
		r->item(r->arg, uid, body, sum);
	return 0;
}

/* Names first: reading one may rename it.  Hidden files are what a writer that was killed left. */
static int list_records(int pods_dir, struct strv *out, struct err *e)
{
	int fd = openat(pods_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!d)
		return err_set(e, errno, "list the pod records");
	while ((entry = readdir(d))) {
		if (name_is_path_safe(entry->d_name) && !str_ends(entry->d_name, ".bad"))
			strv_add(out, entry->d_name);
		else if (entry->d_name[0] == '.' && entry->d_type == DT_REG)
			(void)unlinkat(pods_dir, entry->d_name, 0);
	}
	closedir(d);
	return 0;
}

int records_read(int pods_dir, const struct record_reader *r, struct err *e)
{
	struct strv names = { 0 };
	int rc = list_records(pods_dir, &names, e);

	for (size_t i = 0; rc == 0 && i < names.len; i++)
		rc = read_one(pods_dir, names.at[i], r, e);
	strv_free(&names);
	return rc;
}
