#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "api/grpc_call.h"
#include "api/grpc_wire.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "spec/grpc_protoset.h"
#include "spec/reflection.pb-c.h"

/* grpc.reflection.v1 and v1alpha, which are the same bytes under two names.  The answers lie packed
 * in the faces' descriptor sets already (google/protobuf/descriptor.proto): they are found there
 * and sent as they are. */

/* ---- descriptor sets ---- */

enum kind { KIND_NONE = 0, KIND_FILE, KIND_MESSAGE, KIND_ENUM, KIND_SERVICE, KIND_LEAF, KINDS };
enum { NAME = 1, PACKAGE = 2, SET_FILE = 1, NUMBERS = 10 };

/* Which fields of a descriptor hold named descriptors, and of what kind. */
static const unsigned char members[KINDS][NUMBERS] = {
	[KIND_FILE] = { [4] = KIND_MESSAGE, [5] = KIND_ENUM, [6] = KIND_SERVICE },
	[KIND_MESSAGE] = { [2] = KIND_LEAF, [3] = KIND_MESSAGE, [4] = KIND_ENUM, [8] = KIND_LEAF },
	[KIND_ENUM] = { [2] = KIND_LEAF },
	[KIND_SERVICE] = { [2] = KIND_LEAF },
};

/* The bytes of a text in a descriptor; empty without one. */
static struct grpc_wire text_of(struct grpc_wire d, unsigned number)
{
	struct grpc_wire_field f;

	while (grpc_wire_next(&d, &f) > 0)
		if (f.number == number && f.is_bytes)
			return f.value;
	return (struct grpc_wire){ NULL, NULL };
}

/* What stands behind a whole word and, unless that was all, its dot; NULL: another word. */
static const char *behind(const char *symbol, struct grpc_wire word)
{
	size_t len = (size_t)(word.end - word.at);

	if (len == 0 || strncmp(symbol, (const char *)word.at, len) != 0)
		return NULL;
	if (symbol[len] == '.' && symbol[len + 1])
		return symbol + len + 1;
	return symbol[len] == '\0' ? symbol + len : NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): one level for each dot of a name that matches */
static bool has_symbol(enum kind kind, struct grpc_wire d, const char *symbol)
{
	struct grpc_wire_field f;

	while (grpc_wire_next(&d, &f) > 0) {
		enum kind member = f.number < NUMBERS && f.is_bytes ? members[kind][f.number] : 0;
		const char *rest = member ? behind(symbol, text_of(f.value, NAME)) : NULL;

		if (rest && (*rest == '\0' || has_symbol(member, f.value, rest)))
			return true;
	}
	return false;
}

static bool file_is_named(struct grpc_wire file, const char *name)
{
	const char *rest = behind(name, text_of(file, NAME));

	return rest && *rest == '\0';
}

static bool file_has_symbol(struct grpc_wire file, const char *symbol)
{
	struct grpc_wire package = text_of(file, PACKAGE);
	const char *rest = package.at ? behind(symbol, package) : symbol;

	return rest && *rest && has_symbol(KIND_FILE, file, rest);
}

static bool find_file(const struct grpc_server *g, const char *text,
	bool (*is_it)(struct grpc_wire file, const char *text), ProtobufCBinaryData *out)
{
	const struct grpc_face *face;
	struct grpc_wire_field f;

	for (size_t i = 0; (face = grpc_server_face(g, i)); i++) {
		struct grpc_wire set = { face->files, face->files + face->files_len };

		while (face->files && grpc_wire_next(&set, &f) > 0) {
			if (f.number != SET_FILE || !is_it(f.value, text))
				continue;
			out->len = (size_t)(f.value.end - f.value.at);
			out->data = (uint8_t *)(uintptr_t)f.value.at; /* only read */
			return true;
		}
	}
	return false;
}

/* ---- the calls ---- */

/* The generated names of a oneof's cases; there is no shorter way to them. */
#define QUESTION(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define ANSWER(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x

static void send(struct grpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *answer)
{
	if (grpc_send(c, &answer->base) == -ENOBUFS)
		grpc_finish(c, GRPC_RESOURCE_EXHAUSTED, "the answers are not read");
}

static void answer_error(struct grpc_call *c,
	Grpc__Reflection__V1__ServerReflectionResponse *answer, enum grpc_code code,
	const char *text)
{
	Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
	CLEANUP(cleanup_free)
	char *message = str_fmt(
		"%s: %.200s", code == GRPC_NOT_FOUND ? "not found" : "not implemented", text);

	error.error_code = (int32_t)code;
	error.error_message = message;
	answer->message_response_case = ANSWER(ERROR_RESPONSE);
	answer->error_response = &error;
	send(c, answer);
}

static void answer_file(struct grpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *answer,
	const char *text, bool (*is_it)(struct grpc_wire file, const char *text))
{
	Grpc__Reflection__V1__FileDescriptorResponse file =
		GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData bytes;

	if (!find_file(c->g, text, is_it, &bytes)) {
		answer_error(c, answer, GRPC_NOT_FOUND, text);
		return;
	}
	file.n_file_descriptor_proto = 1;
	file.file_descriptor_proto = &bytes;
	answer->message_response_case = ANSWER(FILE_DESCRIPTOR_RESPONSE);
	answer->file_descriptor_response = &file;
	send(c, answer);
}

static void answer_services(
	struct grpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *answer)
{
	enum { SERVICES_MAX = 32 };
	Grpc__Reflection__V1__ListServiceResponse list =
		GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	Grpc__Reflection__V1__ServiceResponse service[SERVICES_MAX], *at[SERVICES_MAX];
	const struct grpc_face *face;
	size_t n = 0;

	for (size_t i = 0; (face = grpc_server_face(c->g, i)); i++)
		for (size_t j = 0; j < face->services_len && n < SERVICES_MAX; j++, n++) {
			const char *name = face->services[j].descriptor->name;

			grpc__reflection__v1__service_response__init(&service[n]);
			service[n].name = (char *)(uintptr_t)name; /* only read */
			at[n] = &service[n];
		}
	list.n_service = n;
	list.service = at;
	answer->message_response_case = ANSWER(LIST_SERVICES_RESPONSE);
	answer->list_services_response = &list;
	send(c, answer);
}

static void asked(void *arg, const ProtobufCMessage *m)
{
	Grpc__Reflection__V1__ServerReflectionResponse answer =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	const Grpc__Reflection__V1__ServerReflectionRequest *q = (const void *)m;
	struct grpc_call *c = arg;

	if (!m) {
		grpc_finish(c, GRPC_OK, NULL);
		return;
	}
	answer.valid_host = q->host;
	/* Only packed, never written. */
	answer.original_request = (void *)(uintptr_t)m;
	if (q->message_request_case == QUESTION(LIST_SERVICES))
		answer_services(c, &answer);
	else if (q->message_request_case == QUESTION(FILE_BY_FILENAME))
		answer_file(c, &answer, q->file_by_filename, file_is_named);
	else if (q->message_request_case == QUESTION(FILE_CONTAINING_SYMBOL))
		answer_file(c, &answer, q->file_containing_symbol, file_has_symbol);
	else /* proto3 has no extensions */
		answer_error(c, &answer, GRPC_UNIMPLEMENTED, "this question");
}

static void asker_gone(void *arg, enum grpc_gone why)
{
	(void)arg;
	(void)why; /* nothing is kept for it */
}

static void info(void *ctx, struct grpc_call *c)
{
	(void)ctx;
	grpc_on_gone(c, asker_gone, NULL);
	grpc_on_message(c, asked, c);
}

static const struct grpc_method methods[] = {
	{ "ServerReflectionInfo", info, .is_bidi = true },
};

struct grpc_service grpc_reflection_service(void)
{
	return (struct grpc_service){
		.descriptor = &grpc__reflection__v1__server_reflection__descriptor,
		.methods = methods,
		.methods_len = ARRAY_LEN(methods),
	};
}

struct grpc_service grpc_reflection_old_service(void)
{
	static ProtobufCServiceDescriptor old;

	old = grpc__reflection__v1__server_reflection__descriptor;
	old.name = "grpc.reflection.v1alpha.ServerReflection";
	return (struct grpc_service){
		.descriptor = &old,
		.methods = methods,
		.methods_len = ARRAY_LEN(methods),
	};
}

void grpc_reflection_files(struct grpc_face *own)
{
	own->files = grpc_protoset;
	own->files_len = sizeof(grpc_protoset);
}
