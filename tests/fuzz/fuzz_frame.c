/* Any bytes in any chunks: the messages that come out are those that a reader of all the bytes at once would find. */
#include "lib/wire/frame.h"
#include "tests/fuzz/fuzz.h"

static const size_t limits[] = {1, 16, 300, 70000, 1 << 22, (size_t)1 << 31};

struct found {
	struct meal message;
	int end; /* got no message, but this: 0 or an error */
};

/* By the definition of a varint and nothing else. */
static struct found find(struct meal *rest, size_t max_bytes)
{
	uint64_t len = 0;
	for (size_t i = 0; i < rest->len; i++) {
		len += (uint64_t)(rest->data[i] % 128) << (7 * i);
		if (rest->data[i] < 128) {
			if (len > max_bytes)
				return (struct found){.end = ERR_TOO_BIG};
			if (len > rest->len - i - 1)
				return (struct found){.end = 0};
			struct meal message = {rest->data + i + 1, (size_t)len};
			*rest = (struct meal){message.data + len, rest->len - i - 1 - (size_t)len};
			return (struct found){message, 1};
		}
		if (i + 1 == FRAME_HEAD_MAX)
			return (struct found){.end = ERR_MALFORMED};
	}
	return (struct found){.end = 0};
}

static void check_prefix(const struct view *message)
{
	uint8_t head[FRAME_HEAD_MAX];
	size_t n = frame_head(message->len, head);
	/* A longer way of writing the length is allowed, so the prefix need not be this one. */
	require(n >= 1 && n <= FRAME_HEAD_MAX && n <= 1 + message->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	size_t max_bytes = limits[eat_below(&in, sizeof limits / sizeof *limits)];
	unsigned chance = eat_u16(&in);
	struct meal rest = in;
	struct frame f;
	bool broken = false;
	frame_init(&f, max_bytes);
	for (;;) {
		chance = chance * 1103515245 + 12345;
		size_t before = in.len;
		struct meal chunk = eat_bytes(&in, (chance >> 20) % 2 ? (chance >> 16) % 4 : (chance >> 16) % 400);
		uint8_t *exact = fuzz_exact(chunk);
		require(frame_push(&f, exact, chunk.len) == 0);
		free(exact);
		struct meal known = {rest.data, rest.len - in.len};
		for (;;) {
			struct view message;
			struct meal next = known;
			size_t pending = frame_pending(&f);
			int got = frame_next(&f, &message);
			struct found want = find(&next, max_bytes);
			require(got == want.end);
			if (got != 1) {
				broken = got < 0;
				require(frame_pending(&f) == pending && pending == known.len);
				break;
			}
			require(message.len == want.message.len);
			require(message.len == 0 || memcmp(message.data, want.message.data, message.len) == 0);
			size_t span = known.len - next.len;
			require(frame_span(message.data - (span - message.len), pending) == span);
			check_prefix(&message);
			rest.data += span;
			rest.len -= span;
			known = next;
		}
		if (broken || (in.len == 0 && before == 0))
			break;
		if ((chance >> 24) % 4 == 0)
			frame_trim(&f);
	}
	frame_free(&f);
	return 0;
}
