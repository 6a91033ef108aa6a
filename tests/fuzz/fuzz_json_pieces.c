/* JSON in pieces, both ways: however a text is cut, it is read as the whole would be; lines are read as each by itself
 * would be; and what pieces an answer's bytes are written in makes the text that its message has. */
#include <stdio.h>

#include "candor.pb-c.h"
#include "lib/base/heap.h"
#include "lib/base/text.h"
#include "lib/wire/common.h"
#include "lib/wire/envelope.h"
#include "lib/wire/json.h"
#include "lib/wire/json_lines.h"
#include "lib/wire/json_pieces.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/spoil.h"
#include "tests/lib/samples.h"

enum { BUDGET = 1 << 24, MOST = 1 << 16 };

/* ---- reading ---- */

struct result {
	int err;
	struct buf bytes;
	char fault[JSON_FAULT_BYTES];
};

/* cut: pieces of 1 to 16 bytes, by chance of its own; 0: in one piece. */
static size_t piece_of(unsigned *cut, size_t len)
{
	if (*cut == 0)
		return len;
	*cut = *cut * 1103515245 + 12345;
	size_t n = 1 + (*cut >> 16) % 16;
	return n < len ? n : len;
}

static struct result read_text(const ProtobufCMessageDescriptor *type, struct meal in, size_t most, unsigned cut)
{
	struct result r = {0};
	struct json_in j;
	json_in_init(&j, type, most, &r.bytes);
	while (in.len > 0 && r.err == 0) {
		struct meal piece = eat_bytes(&in, piece_of(&cut, in.len));
		uint8_t *exact = fuzz_exact(piece);
		r.err = json_in_push(&j, exact, piece.len);
		free(exact);
	}
	if (r.err == 0)
		r.err = json_in_end(&j);
	require(r.err == 0 || r.err == ERR_MALFORMED || r.err == ERR_TOO_BIG);
	require(r.err || r.bytes.len <= most);
	require(json_in_bytes(&j) <= heap_bytes(JSON_VALUE_MAX));
	if (r.err == ERR_MALFORMED)
		memcpy(r.fault, j.fault, sizeof r.fault);
	require(text_fault(r.fault, strlen(r.fault)) == NULL);
	json_in_free(&j);
	return r;
}

static void require_same(const struct buf *a, const struct buf *b)
{
	require(a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0));
}

static void feed_text(struct meal in)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&candor__v1__request__descriptor,       &candor__v1__post_reports__descriptor,
		&candor__v1__create_pool__descriptor,   &candor__v1__create_token__descriptor,
		&candor__v1__list_labelers__descriptor, &candor__v1__items__descriptor,
	};
	unsigned chance = eat_byte(&in), cut = eat_byte(&in) + 1u;
	const ProtobufCMessageDescriptor *type = types[chance % 6];
	size_t most = chance / 6 % 4 == 0 ? 40 : MOST;
	struct result whole = read_text(type, in, most, 0), pieces = read_text(type, in, most, cut);
	require(whole.err == pieces.err && strcmp(whole.fault, pieces.fault) == 0);
	if (whole.err == 0)
		require_same(&whole.bytes, &pieces.bytes);
	buf_free(&whole.bytes);
	buf_free(&pieces.bytes);
}

/* Appends what became of a line. */
static void note(struct buf *log, uint64_t line, int done, const char *fault)
{
	require(done == 1 || done == ERR_MALFORMED || done == ERR_TOO_BIG);
	require(buf_printf(log, "%llu %d %s\n", (unsigned long long)line, done, done == ERR_MALFORMED ? fault : "") ==
		0);
}

static void feed_lines(struct meal in)
{
	const ProtobufCMessageDescriptor *type = &candor__v1__post_reports__descriptor;
	struct buf out = {0}, log = {0}, out_each = {0}, log_each = {0};
	unsigned cut = eat_byte(&in) + 1u;
	struct meal left = in;
	struct json_lines l;
	int done;
	json_lines_init(&l, type, MOST, &out);
	while (left.len > 0) {
		struct meal piece = eat_bytes(&left, piece_of(&cut, left.len));
		uint8_t *exact = fuzz_exact(piece);
		const uint8_t *at = exact;
		while ((done = json_lines_next(&l, &at, &piece.len)) != 0)
			note(&log, l.line, done, l.in.fault);
		require(piece.len == 0);
		free(exact);
	}
	if ((done = json_lines_end(&l)) != 0)
		note(&log, l.line, done, l.in.fault);
	json_lines_free(&l);
	/* Each by itself. */
	for (uint64_t line = 1; in.len > 0; line++) {
		const uint8_t *end = memchr(in.data, '\n', in.len);
		struct meal text = eat_bytes(&in, end ? (size_t)(end - in.data) : in.len);
		eat_bytes(&in, 1);
		struct json_in j;
		const size_t before = out_each.len;
		json_in_init_row(&j, &type->fields[1], MOST, &out_each);
		int err = text.len > 0 ? json_in_push(&j, text.data, text.len) : 0;
		if (json_in_is_begun(&j)) {
			err = err ? err : json_in_end(&j);
			note(&log_each, line, err ? err : 1, j.fault);
		}
		if (err)
			out_each.len = before;
		json_in_free(&j);
	}
	require_same(&out, &out_each);
	require_same(&log, &log_each);
	buf_free(&out);
	buf_free(&out_each);
	buf_free(&log);
	buf_free(&log_each);
}

/* ---- writing ---- */

static int write_pieces(const ProtobufCMessageDescriptor *type, struct view bytes, enum json_form form, unsigned cut,
			struct buf *out, uint64_t *rows)
{
	struct json_pieces p;
	int more;
	json_pieces_init(&p, type, bytes, form);
	do {
		const size_t before = out->len, want = cut ? piece_of(&cut, 64) : 1 << 20;
		more = json_pieces_next(&p, want, out);
		require(more <= 0 || out->len - before >= want);
		/* A byte of the message is at most six of the text, and each step is one value. */
		require(out->len - before <= want + 6 * bytes.len + 1024);
	} while (more > 0);
	require(more == 0 || more == ERR_MALFORMED);
	*rows = p.rows;
	return more;
}

/* What is no number, and what an enum does not have, is written but not read. */
static void check_answer(const struct wire_answer *a, unsigned cut, bool is_good)
{
	const ProtobufCMessageDescriptor *type = json_answer_type(a->type);
	struct arena arena;
	struct buf text = {0}, want = {0}, lines = {0}, want_lines = {0};
	uint64_t rows;
	arena_init(&arena, BUDGET);
	ProtobufCAllocator allocator = wire_allocator(&arena);
	const ProtobufCMessage *m = protobuf_c_message_unpack(type, &allocator, a->body.len, a->body.data);
	int err = write_pieces(type, a->body, JSON_DOCUMENT, cut, &text, &rows);
	require(!is_good || (m && err == 0));
	if (m && err == 0) {
		const ProtobufCMessage *const *each;
		struct json_out j = {.out = &want};
		json_out_message(&j, m);
		require(buf_append(&want, "\n", 1) == 0);
		require_same(&text, &want);
		size_t n = json_rows(m, &each);
		for (size_t i = 0; i < n; i++) {
			j = (struct json_out){.out = &want_lines};
			json_out_message(&j, each[i]);
			require(buf_append(&want_lines, "\n", 1) == 0);
		}
		require(write_pieces(type, a->body, JSON_ROWS, cut, &lines, &rows) == 0);
		require(rows == n && json_count_rows(type, a->body) == n);
		require_same(&lines, &want_lines);
	}
	buf_free(&text);
	buf_free(&want);
	buf_free(&lines);
	buf_free(&want_lines);
	arena_free(&arena);
}

static void feed_answer(struct meal in)
{
	struct arena scratch;
	struct buf bytes = {0};
	struct wire_answer answer;
	size_t n;
	arena_init(&scratch, BUDGET);
	const struct candor_response *samples = sample_responses(&n);
	unsigned which = eat_byte(&in), cut = eat_byte(&in);
	require(wire_encode_response(&samples[which % n], &scratch, BUDGET, &bytes) == 0);
	buf_consume(&bytes, bytes.len - fuzz_body(&bytes).len);
	bool is_good = in.len == 0;
	fuzz_spoil(&bytes, &in);
	uint8_t *exact = fuzz_exact((struct meal){bytes.data, bytes.len});
	int err = wire_open_answer((struct view){exact, bytes.len}, &answer);
	require(err == ERR_MALFORMED || err == 0);
	if (err == 0 && answer.type != CANDOR_RES_NONE)
		check_answer(&answer, cut, is_good);
	free(exact);
	buf_free(&bytes);
	arena_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	switch (eat_below(&in, 3)) {
	case 0: feed_text(in); break;
	case 1: feed_lines(in); break;
	case 2: feed_answer(in); break;
	}
	return 0;
}
