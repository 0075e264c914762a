/* A container, its pod, image and machine, for the tests of its translation into a plan. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "pod/container.h"
#include "sys/cgroup_tree.h"

/* Everything a plan is made from; tests change what they speak of. */
struct fx {
	struct place at;
	struct cgroups cgroups;
	struct pod_spec pod;
	struct container_spec ctr;
	struct image_record image;
	struct env_facts facts;
	struct plan plan;
	struct container_fds fds;
	struct err e;
	struct buf said;
};

static inline struct fx fx_open(void)
{
	static char dir[] = "/L/pods/u1", cgroup[] = "burstable/podu1", name[] = "web",
		    ns[] = "prod", uid[] = "u1", ctr[] = "app";
	static char host[] = "web-0", busybox[] = "busybox", root[] = "inst", v2[] = "/v2";
	static char cpu[] = "/v1/cpu", memory[] = "/v1/memory", layer[] = "/img/1",
		    base[] = "/img/0";
	static char *layers[] = { layer, base };
	struct fx f = { .at = { dir, cgroup } };

	f.cgroups = (struct cgroups){ .is_hybrid = true, .name = root, .v2 = v2 };
	f.cgroups.v1[CGROUP_CPU] = cpu;
	f.cgroups.v1[CGROUP_MEMORY] = memory;
	f.pod = (struct pod_spec){ .name = name, .namespace = ns, .uid = uid, .hostname = host };
	f.pod.qos = QOS_BURSTABLE;
	f.pod.fs_group = -1;
	f.ctr = (struct container_spec){ .name = ctr };
	f.ctr.security.run_as_user = f.ctr.security.run_as_group = -1;
	f.ctr.requests = f.ctr.limits = (struct resource_spec){ -1, -1, -1 };
	f.image = (struct image_record){ .name = busybox, .layers = { layers, 2 } };
	f.facts = (struct env_facts){ .node_name = "node1", .node_memory_bytes = 1000 };
	return f;
}

static inline void fx_close(struct fx *f)
{
	plan_free(&f->plan);
	container_fds_close(&f->fds);
	buf_free(&f->said);
}

static inline struct container_request request(const struct fx *f)
{
	return (struct container_request){ .at = &f->at,
		.dir = "/L/pods/u1/containers/app/3",
		.pod = &f->pod,
		.spec = &f->ctr,
		.image = &f->image,
		.facts = &f->facts,
		.id = "c0ffee" };
}

static inline int plan(struct fx *f)
{
	const struct container_request q = request(f);

	plan_free(&f->plan);
	container_fds_close(&f->fds);
	f->e = (struct err){ 0 };
	return container_plan(&q, &f->cgroups, 40, &f->plan, &f->fds, &f->e);
}

/* What a plan needs at least. */
static inline int plan_with_command(struct fx *f)
{
	static char sh[] = "sh";
	static char *command[] = { sh };

	f->ctr.command = (struct strv){ command, 1 };
	return plan(f);
}

static inline const char *joined(struct fx *f, const struct strv *v)
{
	buf_clear(&f->said);
	buf_adds(&f->said, "");
	for (size_t i = 0; i < v->len; i++)
		buf_addf(&f->said, "%s%s", i ? " " : "", v->at[i]);
	return f->said.data;
}
