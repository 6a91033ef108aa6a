/* Any text as JSON for any kind of message; and any message as JSON. What is read is JSON that another reader takes too;
 * what is written reads back as the same message, and as the same text. */
#include <jansson.h>
#include <math.h>

#include "candor.pb-c.h"
#include "lib/base/text.h"
#include "lib/wire/common.h"
#include "lib/wire/json.h"
#include "lib/wire/json_in.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/spoil.h"
#include "tests/lib/samples.h"

enum { BUDGET = 1 << 24 };

static const ProtobufCMessageDescriptor *const types[] = {
	&candor__v1__request__descriptor,      &candor__v1__response__descriptor,
	&candor__v1__post_reports__descriptor, &candor__v1__create_pool__descriptor,
	&candor__v1__create_token__descriptor, &candor__v1__list_labelers__descriptor,
	&candor__v1__prune_pool__descriptor,   &candor__v1__items__descriptor,
};

static int read_exact(struct arena *a, const void *text, size_t len, const ProtobufCMessageDescriptor *type,
		      ProtobufCMessage **out)
{
	uint8_t *exact = fuzz_exact((struct meal){text, len});
	struct buf bytes = {0};
	struct json_in in;
	json_in_init(&in, type, BUDGET, &bytes);
	int err = json_in_whole(&in, exact, len);
	free(exact);
	require(err == 0 || err == ERR_MALFORMED);
	require(err == 0 || text_fault(in.fault, strlen(in.fault)) == NULL);
	ProtobufCAllocator allocator = wire_allocator(a);
	if (err == 0)
		*out = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.data);
	require(err || *out || a->exhausted);
	json_in_free(&in);
	buf_free(&bytes);
	return err ? err : *out ? 0 : ERR_BUDGET;
}

static struct buf written(const ProtobufCMessage *m)
{
	struct buf out = {0};
	struct json_out j = {.out = &out};
	json_out_message(&j, m);
	require(j.err == 0 && j.depth == 0);
	return out;
}

/* jansson has no integers beyond those of 64 bits with a sign, and no reason to have doubles of the same digits. */
static void ask_another(const void *text, size_t len)
{
	json_error_t error;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	require(o || json_error_code(&error) == json_error_numeric_overflow);
	json_decref(o);
}

/* What was written says the same again. */
static void round_trip(const ProtobufCMessage *m)
{
	struct buf once = written(m), twice;
	struct arena a;
	ProtobufCMessage *again;
	arena_init(&a, BUDGET);
	ask_another(once.data, once.len);
	int err = read_exact(&a, once.data, once.len, m->descriptor, &again);
	require(err == 0);
	twice = written(again);
	require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	buf_free(&once);
	buf_free(&twice);
	arena_free(&a);
}

static void feed_text(struct meal in)
{
	static const size_t budgets[] = {1 << 20, 1 << 16, 1 << 12};
	struct arena a;
	ProtobufCMessage *m;
	unsigned chance = eat_byte(&in);
	arena_init(&a, budgets[chance % 3]);
	const ProtobufCMessageDescriptor *type = types[chance / 3 % (sizeof types / sizeof *types)];
	if (read_exact(&a, in.data, in.len, type, &m) == 0) {
		ask_another(in.data, in.len);
		round_trip(m);
	}
	arena_free(&a);
}

/* The bytes of a good message, spoiled. What is no number, and what an enum does not have, is written but not read. */
static void feed_bytes(struct meal in, bool is_request)
{
	struct arena a, scratch;
	struct buf bytes = {0};
	size_t n;
	arena_init(&a, BUDGET);
	arena_init(&scratch, BUDGET);
	unsigned which = eat_byte(&in);
	if (is_request) {
		const struct candor_request *samples = sample_requests(&n);
		require(wire_encode_request(&samples[which % n], &scratch, BUDGET, &bytes) == 0);
	} else {
		const struct candor_response *samples = sample_responses(&n);
		require(wire_encode_response(&samples[which % n], &scratch, BUDGET, &bytes) == 0);
	}
	buf_consume(&bytes, bytes.len - fuzz_body(&bytes).len);
	bool is_good = in.len == 0;
	fuzz_spoil(&bytes, &in);
	ProtobufCAllocator allocator = wire_allocator(&a);
	ProtobufCMessage *m = protobuf_c_message_unpack(is_request ? &candor__v1__request__descriptor
								   : &candor__v1__response__descriptor,
							&allocator, bytes.len, bytes.data);
	if (m) {
		struct buf text = written(m);
		ask_another(text.data, text.len);
		buf_free(&text);
	}
	if (is_good)
		round_trip(m);
	buf_free(&bytes);
	arena_free(&scratch);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	unsigned what = eat_byte(&in);
	if (what < 160)
		feed_text(in);
	else
		feed_bytes(in, what & 1);
	return 0;
}
