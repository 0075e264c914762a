/* Images: records are read here, everything that touches an image's bytes is carpel-image's, run as
 * a child whose answer is one JSON object and whose failure is one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "engine/child.h"
#include "image/record.h"

enum { ANSWER_MAX = 1 << 20 };

/* A carpel-image at work for a client. */
struct image_job {
	struct daemon *d;
	struct api_call *call;
	struct loop_io out_io, err_io;
	struct buf out, err;
	int out_fd, err_fd;
};

int image_find(const struct daemon *d, const char *ref, struct image_record *out, struct err *e)
{
	return image_record_find(d->engine.layout.images, ref, out, e);
}

static void answer_list(struct daemon *d, struct api_call *c)
{
	CLEANUP(image_list_free) struct image_list list = { 0 };
	struct json *answer, *items;
	struct err e = { 0 };
	int rc = image_record_list(d->engine.layout.images, &list, &e);

	if (rc < 0) {
		api_call_fail(c, rc, &e);
		return;
	}
	answer = json_new_object();
	items = json_new_array();
	for (size_t i = 0; i < list.len; i++)
		json_push(items, image_record_json(&list.at[i]));
	json_set_str(answer, "kind", "ImageList");
	json_set_str(answer, "apiVersion", "carpel/v1");
	json_set(answer, "items", items);
	api_call_reply(c, 200, answer);
}

/* ---- carpel-image ---- */

/* false: at its end. */
static bool read_all(int fd, struct buf *out)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (out->len < ANSWER_MAX)
			buf_add(out, bytes, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

static void on_out(struct loop_io *io, unsigned events)
{
	struct image_job *j = io->arg;

	(void)events;
	if (!read_all(j->out_fd, &j->out))
		loop_io_stop(io);
}

static void on_err(struct loop_io *io, unsigned events)
{
	struct image_job *j = io->arg;

	(void)events;
	if (!read_all(j->err_fd, &j->err))
		loop_io_stop(io);
}

static void job_free(struct image_job *j)
{
	loop_io_stop(&j->out_io);
	loop_io_stop(&j->err_io);
	cleanup_fd(&j->out_fd);
	cleanup_fd(&j->err_fd);
	buf_free(&j->out);
	buf_free(&j->err);
	free(j);
}

/* Its exit code is the errno of the failure, so that a client gets the right status. */
static void fail(struct image_job *j, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	struct err e = { 0 };

	while (j->err.len > 0 && j->err.data[j->err.len - 1] == '\n')
		j->err.data[--j->err.len] = '\0';
	(void)err_say(
		&e, code, "%s", j->err.len ? j->err.data : "carpel-image ended without a word");
	api_call_fail(j->call, -code, &e);
}

static void on_ended(void *arg, int status)
{
	struct image_job *j = arg;
	struct json *answer = NULL;

	(void)read_all(j->out_fd, &j->out);
	(void)read_all(j->err_fd, &j->err);
	if (status != 0)
		fail(j, status);
	else if (json_parse(j->out.data ? j->out.data : "", j->out.len, NULL, &answer, NULL) == 0)
		api_call_reply(j->call, 200, answer);
	else
		api_call_reply(j->call, 200, json_new_object());
	job_free(j);
}

static int make_pipe(int *ours, int *theirs, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(e, errno, "make a pipe");
	*ours = fds[0];
	*theirs = fds[1];
	(void)fd_set_nonblock(fds[0]);
	return 0;
}

static int spawn_job(struct image_job *j, const struct strv *words, struct err *e)
{
	CLEANUP(cleanup_free) char *program = layout_program(&j->d->engine.layout, "carpel-image");
	CLEANUP(cleanup_free) char **argv = strv_argv(words);
	CLEANUP(cleanup_fd) int out = -1;
	CLEANUP(cleanup_fd) int err = -1;
	char *envp[] = { NULL };
	pid_t pid;
	int pidfd, rc;

	if ((rc = make_pipe(&j->out_fd, &out, e)) < 0 || (rc = make_pipe(&j->err_fd, &err, e)) < 0)
		return rc;

	const int fds[] = { -1, out, err };
	const struct spawn s = {
		.path = program, .argv = argv, .envp = envp, .fds = fds, .nfds = ARRAY_LEN(fds)
	};

	pidfd = spawn_process(&s, &pid, e);
	if (pidfd < 0)
		return pidfd;
	(void)child_watch(&j->d->engine, pidfd, pid, on_ended, j);
	loop_io_start(j->d->engine.loop, &j->out_io, j->out_fd, LOOP_READ, on_out, j);
	loop_io_start(j->d->engine.loop, &j->err_io, j->err_fd, LOOP_READ, on_err, j);
	if (cgroup_join(j->d->engine.cgroups, HELPERS_CGROUP, pid, e) < 0)
		log_warn("%s", e->text); /* it has ended already, or runs beside our cgroup */
	return 0;
}

/* words: what follows --store DIR; NULL-closed. */
static void run_job(struct daemon *d, struct api_call *c, const char *const *words)
{
	CLEANUP(strv_free) struct strv all = { 0 };
	struct image_job *j = mem_zalloc(sizeof(*j));
	struct err e = { 0 };
	int rc;

	*j = (struct image_job){ .d = d, .call = c, .out_fd = -1, .err_fd = -1 };
	strv_add(&all, "carpel-image");
	strv_add(&all, "--store");
	strv_add(&all, d->engine.layout.images);
	strv_add(&all, "--"); /* a name or path is no option, whatever it begins with */
	for (size_t i = 0; words[i]; i++)
		strv_add(&all, words[i]);
	rc = spawn_job(j, &all, &e);
	if (rc < 0) {
		job_free(j);
		api_call_fail(c, rc, &e);
	}
}

static void import(struct daemon *d, struct api_call *c)
{
	const struct json *body = api_call_body(c);
	const char *name = json_get_str(body, "name"), *path = json_get_str(body, "path");
	const char *words[] = { "import", name, path, NULL };
	struct err e = { 0 };

	if (!name || !*name)
		api_call_fail(c, err_say(&e, EINVAL, "name: Required value"), &e);
	else if (!path || path[0] != '/')
		api_call_fail(c, err_say(&e, EINVAL, "path: Required value: an absolute path"), &e);
	else
		run_job(d, c, words);
}

/* A pod that is here may start containers of its image again. */
static bool is_in_use(const struct daemon *d, const struct image_record *r)
{
	for (const struct pod *p = d->pods; p; p = p->next) {
		for (size_t i = 0; i < p->spec->containers_len; i++) {
			CLEANUP(image_record_free) struct image_record used = { 0 };

			if (!pod_is_over(p) &&
				image_find(d, p->spec->containers[i].image, &used, NULL) == 0 &&
				str_eq(used.ref, r->ref))
				return true;
		}
	}
	return false;
}

static void remove_image(struct daemon *d, struct api_call *c, const char *name)
{
	const char *words[] = { "rm", name, NULL };
	CLEANUP(image_record_free) struct image_record r = { 0 };
	struct err e = { 0 };
	int rc = image_find(d, name, &r, &e);

	if (rc == 0 && is_in_use(d, &r))
		rc = err_say(&e, EBUSY, "image \"%s\" is used by a pod", name);
	if (rc < 0)
		api_call_fail(c, rc, &e);
	else
		run_job(d, c, words);
}

void image_call(struct daemon *d, struct api_call *c, const char *name)
{
	const char *method = api_call_method(c);
	struct err e = { 0 };

	if (!name && str_eq(method, "GET"))
		answer_list(d, c);
	else if (!name && str_eq(method, "POST"))
		import(d, c);
	else if (name && str_eq(method, "DELETE"))
		remove_image(d, c, name);
	else
		api_call_fail(c, err_say(&e, EINVAL, "%s is not allowed on images", method), &e);
}
