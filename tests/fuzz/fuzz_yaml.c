/* The manifest reader's YAML half on hostile text: it must end soon, within its limits, and what is
 * written from what was read must read back as the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "cli/yaml_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct json *value)
{
	CLEANUP(yaml_documents_free) struct yaml_documents again = { 0 };
	CLEANUP(buf_free) struct buf text = { 0 };
	struct err e;

	yaml_write(value, &text);
	/* Aliases written out and indentation may pass the limit of a text; nothing else may fail.
	 */
	if (text.len > YAML_BYTES_MAX)
		return;
	if (yaml_parse(text.data, text.len, &again, &e) < 0 || again.len != 1 ||
		!json_equal(value, again.at[0].value))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(yaml_documents_free) struct yaml_documents docs = { 0 };
	struct err e;

	if (yaml_parse((const char *)data, size, &docs, &e) < 0)
		return 0;
	for (size_t i = 0; i < docs.len; i++)
		check_round_trip(docs.at[i].value);
	return 0;
}
