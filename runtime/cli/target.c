#include "cli/target.h"

#include <errno.h>
#include <string.h>

#include "spec/names.h"

static bool is_word(const char *word, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && memcmp(word, *words, len) == 0)
			return true;
	return false;
}

static const char *const pod_words[] = { "pod", "pods", "po", NULL };
static const char *const event_words[] = { "event", "events", "ev", NULL };

static const char *const foreign_words[] = { "all", "no", "node", "nodes", "ns", "namespace",
	"namespaces", "deploy", "deployment", "deployments", "svc", "service", "services", "cm",
	"configmap", "configmaps", "secret", "secrets", "job", "jobs", "container", "containers",
	"image", "images", NULL };

bool target_is_foreign_word(const char *word)
{
	return is_word(word, strlen(word), foreign_words);
}

bool target_is_pod_word(const char *word)
{
	return is_word(word, strlen(word), pod_words);
}

bool target_is_event_word(const char *word)
{
	return is_word(word, strlen(word), event_words);
}

/* Kubernetes' sentence about names without its example and pattern: those would not fit. */
static int rule_len(const char *rule)
{
	const char *example = strstr(rule, " (e.g.");

	return example ? (int)(example - rule) : (int)strlen(rule);
}

int target_check_name(const char *name, struct err *e)
{
	const char *wrong = name_check_subdomain(name);

	if (name_is_path_safe(name))
		return 0;
	if (!wrong)
		wrong = "it is too long";
	return err_say(e, EINVAL, "\"%.40s\" cannot be the name of a pod: %.*s", name,
		rule_len(wrong), wrong);
}

/* "pod/NAME" or "NAME" to NAME, borrowed. */
static int bare_name(const char *word, const char **out, struct err *e)
{
	const char *slash = strchr(word, '/');

	if (slash) {
		if (!is_word(word, (size_t)(slash - word), pod_words))
			return err_say(e, EINVAL, "\"%.100s\" is not a pod: write pod/NAME", word);
		word = slash + 1;
	}
	*out = word;
	return target_check_name(word, e);
}

int target_add(const char *word, struct strv *out, struct err *e)
{
	const char *name = NULL;
	int rc = bare_name(word, &name, e);

	if (rc == 0)
		strv_add(out, name);
	return rc;
}

int target_names(char *const *words, size_t count, struct strv *out, struct err *e)
{
	size_t first = count > 0 && target_is_pod_word(words[0]);

	int rc = 0;

	for (size_t i = first; rc == 0 && i < count; i++)
		rc = target_add(words[i], out, e);
	return rc;
}

int target_one(
	char *const *words, size_t count, const char **out_name, size_t *out_used, struct err *e)
{
	size_t first = count > 1 && target_is_pod_word(words[0]);
	int rc;

	if (count <= first)
		return err_say(e, EINVAL, "the name of a pod is missing");
	rc = bare_name(words[first], out_name, e);
	if (rc == 0)
		*out_used = first + 1;
	return rc;
}

int target_check_namespace(const char *ns, struct err *e)
{
	const char *wrong = name_check_label(ns);

	if (!wrong)
		return 0;
	return err_say(
		e, EINVAL, "\"%.40s\" cannot be a namespace: %.*s", ns, rule_len(wrong), wrong);
}
