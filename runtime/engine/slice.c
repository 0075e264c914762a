#include "engine/slice.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/systemctl.h"
#include "sys/systemd.h"

static void tell(struct slice_weight *w);

static void on_told(void *arg, int status)
{
	struct slice_weight *w = arg;

	w->is_telling = false;
	if (status != 0) {
		log_warn("systemd does not weigh %s", w->unit); /* its systemctl has said why */
		w->told = 0;
	} else if (w->told != w->wanted) {
		tell(w);
	}
}

static void tell(struct slice_weight *w)
{
	CLEANUP(cleanup_free) char *weight = str_fmt("CPUWeight=%" PRIu64, w->wanted);
	CLEANUP(strv_free) struct strv words = { 0 };
	struct err e = { 0 };

	strv_add(&words, "set-property");
	strv_add(&words, "--runtime");
	strv_add(&words, w->unit);
	strv_add(&words, weight);
	if (systemctl_run(w->engine, &words, on_told, w, &e) < 0) {
		log_warn("cannot weigh %s: %s", w->unit, e.text);
		return;
	}
	w->told = w->wanted;
	w->is_telling = true;
}

void slice_weigh(struct slice_weight *w, struct engine *g, const char *unit, uint64_t weight)
{
	w->engine = g;
	(void)snprintf(w->unit, sizeof(w->unit), "%s", unit);
	w->wanted = weight;
	if (!w->is_telling && w->told != weight)
		tell(w);
}

void slice_forget(const char *unit)
{
	struct err e = { 0 };

	if (systemd_forget(unit, &e) < 0)
		log_warn("%s", e.text);
}
