/* Any method, path and query: what is taken makes a message of the route's kind, whose names, written as a path again, ask
 * for the same; what is refused has a sentence. */
#include "daemon/http/routes.h"
#include "lib/base/text.h"
#include "lib/wire/json.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/asked.h"

/* The text of a field; of a list of texts the only one. */
static const char *text_of(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *base = (const char *)m;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		require(*(const size_t *)(const void *)(base + f->quantifier_offset) == 1);
		return **(const char *const *const *)(const void *)(base + f->offset);
	}
	return *(const char *const *)(const void *)(base + f->offset);
}

/* The route's path with the message's names in it. */
static char *path_of(const struct route *r, const ProtobufCMessage *m)
{
	struct buf out = {0};
	for (const char *at = r->path; *at; at++) {
		if (*at != '{') {
			require(buf_append(&out, at, 1) == 0);
			continue;
		}
		char field[32] = "";
		const char *end = strchr(at, '}');
		memcpy(field, at + 1, (size_t)(end - at - 1));
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(m->descriptor, field);
		const char *name =
			text_of(m, f ? f : protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "items"));
		require(name && text_utf8((const uint8_t *)name, strlen(name) + 1) > 0);
		char *part = escaped(name, strlen(name));
		require(buf_printf(&out, "%s", part) == 0);
		free(part);
		at = end;
	}
	require(buf_append(&out, "", 1) == 0);
	return (char *)out.data;
}

static void check_found(const char *method, const char *query, struct route_match *m)
{
	struct buf packed = {0}, again = {0};
	int err = routes_pack(m, query, &packed);
	require(err == 0 || (err == ERR_MALFORMED && m->fault[0] && packed.len == 0));
	require(!text_fault(m->fault, strlen(m->fault)));
	if (err == 0 && m->route->kind) {
		ProtobufCMessage *message =
			protobuf_c_message_unpack(json_request_type(m->route->kind), NULL, packed.len, packed.data);
		require(message && protobuf_c_message_check(message));
		struct route_match second;
		char *path = path_of(m->route, message);
		require(routes_find(method, path, &second) == 0 && second.route == m->route);
		require(routes_pack(&second, query, &again) == 0);
		require(again.len == packed.len && (again.len == 0 || memcmp(again.data, packed.data, again.len) == 0));
		protobuf_c_message_free_unpacked(message, NULL);
		free(path);
	}
	buf_free(&packed);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"};
	struct meal in = {data, len};
	struct route_match m;
	const char *method = methods[eat_below(&in, sizeof methods / sizeof *methods)];
	const uint8_t *question = in.len ? memchr(in.data, '?', in.len) : NULL;
	struct meal first = eat_bytes(&in, question ? (size_t)(question - in.data) : in.len);
	(void)eat_byte(&in);
	char *path = fuzz_string(first), *query = fuzz_string(in);
	unsigned status = routes_find(method, path, &m);
	require(status == 0 || status == 400 || status == 404 || status == 405);
	require((status == 0) == (m.route != NULL) && (status == 405) == (m.allow[0] != '\0'));
	require((status == 0) == (m.fault[0] == '\0') && !text_fault(m.fault, strlen(m.fault)));
	if (status == 0)
		check_found(method, query, &m);
	free(path);
	free(query);
	return 0;
}
