#include "engine/image_job.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/job.h"

int image_job_start(struct engine *g, const char *const *words,
	void (*done)(void *arg, int rc, const struct buf *out, const struct err *e), void *arg,
	struct err *e)
{
	CLEANUP(strv_free) struct strv all = { 0 };
	struct job *j = NULL;

	strv_add(&all, "carpel-image");
	strv_add(&all, "--store");
	strv_add(&all, g->layout.images);
	strv_add(&all, "--"); /* a name or path is no option, whatever it begins with */
	for (size_t i = 0; words[i]; i++)
		strv_add(&all, words[i]);
	return job_start(g, &(struct job_options){ .program = "carpel-image", .words = &all }, done,
		arg, &j, e);
}
