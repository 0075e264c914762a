/* From CRI v1 (cri.proto, spec/cri.md §5 and §7) to the one model of pod.h: the counterpart of
 * manifest.h.  Pure: no system state is looked at, so what is refused here is refused everywhere.
 * Called by the CRI face for RunPodSandbox, CreateContainer and UpdateContainerResources, and again
 * when it reads its records after a restart.
 *
 * A message is hostile: every text, list and number has a bound.  What carpel cannot do is refused
 * by name with -EOPNOTSUPP, what makes no sense with -EINVAL, what is too much with -E2BIG; the
 * text of the error begins with the field as crictl's files spell it: `config.mounts[0].host_path:
 * …`. What has no effect here although clients always send it is accepted, where it is read, with
 * the reason.  Nothing is ignored without one, but fields that a newer proto may have.
 */
#pragma once

#include "base/err.h"
#include "spec/cri.pb-c.h"
#include "spec/pod.h"

/* RunPodSandbox: the pod without containers.  Its name, namespace and uid are safe as file names
 * but, unlike those of a manifest, may hold upper case and '_'.  Where the config has no host name,
 * the pod's name is it.  pod_spec_free() it. */
int cri_read_sandbox(const Runtime__V1__PodSandboxConfig *c, const char *runtime_handler,
	struct pod_spec **out, struct err *e);

/* CreateContainer.  sandbox: what the container's sandbox was run with, which cri_read_sandbox()
 * accepted; what the client sends again beside the container is no source.  pull is PULL_NEVER and
 * there is no message_path: both are the client's business.  container_spec_free() it. */
int cri_read_container(const Runtime__V1__ContainerConfig *c,
	const Runtime__V1__PodSandboxConfig *sandbox, struct container_spec **out, struct err *e);

/* at: where the message stands in the request, for errors: "config.linux.resources", "linux".
 * linux_resources_clear() it. */
int cri_read_resources(const Runtime__V1__LinuxContainerResources *r, const char *at,
	struct linux_resources *out, struct err *e);
/* UpdateContainerResources: what the update gives replaces what is there, one by one of huge pages
 * and unified files; the rest stays.  -EINVAL, and nothing has changed, when the two together make
 * no sense. */
int cri_merge_resources(
	struct linux_resources *into, const struct linux_resources *update, struct err *e);

/* CRI numbers signals on its own.  0 is 0: the image's, or SIGTERM. */
int cri_signal_number(Runtime__V1__Signal s);  /* -EINVAL when it is none */
Runtime__V1__Signal cri_signal_of(int number); /* ContainerStatus.stop_signal; 0 when it is none */
