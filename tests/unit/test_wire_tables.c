/* The tables of lib/wire: every field of every message has its row and every member of a plain structure is in one. And
 * the documents list every request. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/wire/fields.h"
#include "tests/lib/direct.h"

enum { STRUCTURE_BYTES = 2048 };

/* Which bytes of a plain structure some row is of. */
struct cover {
	bool byte[STRUCTURE_BYTES];
};

static void see(const struct wire_table *table, struct cover *cover);

static const ProtobufCFieldDescriptor *field_at(const ProtobufCMessageDescriptor *message, size_t offset)
{
	for (unsigned i = 0; i < message->n_fields; i++)
		if (message->fields[i].offset == offset)
			return &message->fields[i];
	return NULL;
}

static size_t rows_at(const struct wire_table *table, size_t offset)
{
	size_t n = 0;
	for (size_t i = 0; i < table->n; i++)
		n += table->rows[i].message == offset;
	return n;
}

static bool is_kind(const ProtobufCFieldDescriptor *f, const struct wire_row *row)
{
	bool many = f->label == PROTOBUF_C_LABEL_REPEATED;
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32: return !many && (f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_ENUM);
	case WIRE_LIMIT: return !many && f->type == PROTOBUF_C_TYPE_UINT32;
	case WIRE_U64: return !many && f->type == PROTOBUF_C_TYPE_UINT64;
	case WIRE_REAL: return !many && f->type == PROTOBUF_C_TYPE_DOUBLE;
	case WIRE_BOOL: return !many && f->type == PROTOBUF_C_TYPE_BOOL;
	case WIRE_TEXT: return !many && f->type == PROTOBUF_C_TYPE_STRING;
	case WIRE_HASH:
	case WIRE_SECRET: return !many && f->type == PROTOBUF_C_TYPE_BYTES;
	case WIRE_RIGHTS: return many && f->descriptor == &candor__v1__right__descriptor;
	case WIRE_PART:
	case WIRE_LINK: return !many && f->type == PROTOBUF_C_TYPE_MESSAGE;
	case WIRE_ROWS: return many && f->type == PROTOBUF_C_TYPE_MESSAGE;
	case WIRE_TEXTS: return many && f->type == PROTOBUF_C_TYPE_STRING;
	case WIRE_REALS: return many && f->type == PROTOBUF_C_TYPE_DOUBLE && row->max > 0;
	}
	return false;
}

static void mark(struct cover *cover, size_t offset, size_t size)
{
	assert_true(offset + size <= STRUCTURE_BYTES);
	memset(&cover->byte[offset], true, size);
}

static void mark_row(struct cover *cover, const struct wire_row *row)
{
	static const size_t sizes[] = {
		[WIRE_U32] = sizeof(uint32_t),    [WIRE_U64] = sizeof(uint64_t),
		[WIRE_REAL] = sizeof(double),     [WIRE_BOOL] = sizeof(bool),
		[WIRE_TEXT] = sizeof(char *),     [WIRE_LIMIT] = sizeof(uint32_t),
		[WIRE_HASH] = sizeof(uint8_t *),  [WIRE_SECRET] = sizeof(char *),
		[WIRE_RIGHTS] = sizeof(unsigned), [WIRE_PART] = 0,
		[WIRE_LINK] = sizeof(void *),     [WIRE_ROWS] = sizeof(void *),
		[WIRE_TEXTS] = sizeof(char **),   [WIRE_REALS] = sizeof(double *),
	};
	mark(cover, row->plain, row->kind == WIRE_PART ? row->of->plain_size : sizes[row->kind]);
	if (row->flag)
		mark(cover, row->flag, sizeof(bool));
	if (row->plain_n)
		mark(cover, row->plain_n, sizeof(size_t));
}

/* What no row is of may be padding, which is less than a word; a member that was forgotten mostly is more. */
static void assert_covered(const struct cover *cover, size_t size, const char *structure)
{
	size_t gap = 0;
	assert_true(size <= STRUCTURE_BYTES);
	for (size_t i = 0; i < size; i++) {
		gap = cover->byte[i] ? 0 : gap + 1;
		if (gap >= sizeof(uint64_t))
			fail_msg("no row in lib/wire/tables.c is of byte %zu of the structure for %s", i, structure);
	}
}

static void assert_row_is_right(const struct wire_table *table, const struct wire_row *row)
{
	const ProtobufCFieldDescriptor *f = field_at(table->descriptor, row->message);
	const char *message = table->descriptor->short_name;
	if (!f || strcmp(f->name, row->name) != 0)
		fail_msg("the row of %s.%s is of another field, %s", message, row->name, f ? f->name : "none");
	if (!is_kind(f, row))
		fail_msg("the row of %s.%s has another kind than the field", message, row->name);
	if (f->label == PROTOBUF_C_LABEL_REPEATED && row->message_n != f->quantifier_offset)
		fail_msg("the row of %s.%s counts something else", message, row->name);
	bool optional = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
	if (optional != (row->number != 0) ||
	    (optional && (row->number != f->id || row->message_case != f->quantifier_offset)))
		fail_msg("the row of %s.%s has another presence than the field", message, row->name);
	if ((row->kind == WIRE_TEXT || row->kind == WIRE_TEXTS) && !row->text_fault)
		fail_msg("nobody checks the text of %s.%s", message, row->name);
	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		if (!row->of || row->of->descriptor != f->descriptor)
			fail_msg("the row of %s.%s has the table of another message", message, row->name);
		struct cover own = {0};
		see(row->of, &own);
		assert_covered(&own, row->of->plain_size, row->of->descriptor->short_name);
	}
}

static void see(const struct wire_table *table, struct cover *cover)
{
	for (unsigned i = 0; i < table->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &table->descriptor->fields[i];
		if (rows_at(table, f->offset) != 1)
			fail_msg("%s.%s has %zu rows in lib/wire/tables.c, not one", table->descriptor->short_name,
				 f->name, rows_at(table, f->offset));
	}
	if (!direct_table_is_right(table))
		fail_msg("the rows of %s do not stand as lib/wire/direct.h wants them", table->descriptor->short_name);
	for (size_t i = 0; i < table->n; i++) {
		assert_row_is_right(table, &table->rows[i]);
		mark_row(cover, &table->rows[i]);
	}
}

#define MARK(cover, structure, member) \
	mark(cover, offsetof(struct structure, member), sizeof(((struct structure *)0)->member))

static void every_field_of_every_request_has_one_row(void **state)
{
	const ProtobufCMessageDescriptor *all = &candor__v1__request__descriptor;
	struct cover cover = {0};
	unsigned bodies = 0;
	(void)state;
	MARK(&cover, candor_request, id);
	MARK(&cover, candor_request, type);
	for (unsigned i = 0; i < all->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &all->fields[i];
		if (strcmp(f->name, "id") == 0)
			continue;
		enum candor_request_type type = wire_request_type(f->id);
		const struct wire_body *body = wire_request_body(type);
		if (!body)
			fail_msg("Request.%s has no row in lib/requests.def", f->name);
		assert_string_equal(candor_request_name(type), f->name);
		assert_int_equal(body->number, f->id);
		assert_ptr_equal(body->table->descriptor, f->descriptor);
		struct cover own = {0};
		see(body->table, body->table->list ? &own : &cover);
		if (body->table->list)
			assert_covered(&own, body->table->plain_size, f->name);
		bodies++;
	}
	assert_int_equal(bodies, CANDOR_REQ_TYPES - 1);
	assert_covered(&cover, sizeof(struct candor_request), "requests");
	assert_null(wire_request_body(CANDOR_REQ_UNKNOWN));
	assert_int_equal(wire_request_type(1), CANDOR_REQ_UNKNOWN);
}

static void every_field_of_every_answer_has_one_row(void **state)
{
	const ProtobufCMessageDescriptor *all = &candor__v1__response__descriptor;
	struct cover cover = {0};
	unsigned bodies = 0;
	(void)state;
	MARK(&cover, candor_response, id);
	MARK(&cover, candor_response, type);
	see(&wire_status, &cover);
	for (unsigned i = 0; i < all->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &all->fields[i];
		if (strcmp(f->name, "id") == 0 || strcmp(f->name, "status") == 0)
			continue;
		const struct wire_body *body = wire_answer_body(wire_answer_type(f->id));
		if (!body)
			fail_msg("Response.%s has no row in lib/requests.def", f->name);
		assert_int_equal(body->number, f->id);
		assert_ptr_equal(body->table->descriptor, f->descriptor);
		struct cover own = {0};
		see(body->table, body->place ? &own : &cover);
		if (body->place) {
			assert_covered(&own, body->table->plain_size, f->name);
			mark(&cover, body->place, body->table->plain_size);
		}
		bodies++;
	}
	assert_int_equal(bodies, CANDOR_RES_TYPES - 1);
	assert_covered(&cover, sizeof(struct candor_response), "answers");
	assert_null(wire_answer_body(CANDOR_RES_NONE));
	assert_int_equal(wire_answer_type(1), CANDOR_RES_NONE);
}

/* Whether a line of a table names it. */
static bool has_row(const char *path, const char *name)
{
	char line[1024], want[64];
	bool found = false;
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be read; tests run at the top of the tree", path);
	snprintf(want, sizeof want, "`%s`", name);
	while (!found && fgets(line, sizeof line, f))
		found = line[0] == '|' && strstr(line, want);
	fclose(f);
	return found;
}

static void every_request_is_in_the_documents(void **state)
{
	(void)state;
	static const char *const paths[] = {"docs/protocol.md", "docs/security.md"};
	for (int type = CANDOR_REQ_UNKNOWN + 1; type < CANDOR_REQ_TYPES; type++)
		for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
			const char *name = candor_request_name((enum candor_request_type)type);
			if (!has_row(paths[i], name))
				fail_msg("the table of requests in %s has no row for %s", paths[i], name);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_every_request_has_one_row),
		cmocka_unit_test(every_field_of_every_answer_has_one_row),
		cmocka_unit_test(every_request_is_in_the_documents),
	};
	return cmocka_run_group_tests_name("wire_tables", tests, NULL, NULL);
}
