#include "tests/lib/asked.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/json.h"

static void add_message(const struct route *r, const struct buf *packed, struct buf *out)
{
	struct json_out j = {.out = out};
	ProtobufCMessage *m = protobuf_c_message_unpack(json_request_type(r->kind), NULL, packed->len, packed->data);
	require(m);
	json_out_message(&j, m);
	require(j.err == 0);
	protobuf_c_message_free_unpacked(m, NULL);
}

char *asked(const char *method, const char *path, const char *query)
{
	struct route_match m;
	struct buf packed = {0}, out = {0};
	unsigned status = routes_find(method, path, &m);
	int err = status ? 0 : routes_pack(&m, query, &packed);
	require(err == 0 || err == ERR_MALFORMED);
	if (status) {
		require(!m.route);
		err = buf_printf(&out, "%u %s%s%s%s", status, m.fault, *m.allow ? " [" : "", m.allow,
				 *m.allow ? "]" : "");
	} else if (err) {
		require(packed.len == 0);
		err = buf_printf(&out, "query: %s", m.fault);
	} else {
		err = buf_printf(&out, "%s%s%s", m.is_head ? "HEAD " : "", routes_name(m.route),
				 m.route->page ? "" : " ");
		if (!m.route->page)
			add_message(m.route, &packed, &out);
	}
	require(err == 0 && buf_append(&out, "", 1) == 0);
	buf_free(&packed);
	return (char *)out.data;
}

char *escaped(const char *text, size_t len)
{
	char *out = malloc(3 * len + 1), *at = out;
	require(out);
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];
		bool plain = c < 0x80 && (isalnum(c) || strchr("-_~", c)) && c;
		at += snprintf(at, 4, plain ? "%c" : i % 2 ? "%%%02X" : "%%%02x", c);
	}
	*at = '\0';
	return out;
}
