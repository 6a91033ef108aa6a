/* Any text as a cursor: what is read is what was written, and what was written is read. */
#include "daemon/engine/reply.h"
#include "tests/fuzz/fuzz.h"

enum { NUMBERS_MAX = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	size_t n = 1 + eat_below(&in, NUMBERS_MAX);
	char letter = "pwlifr"[eat_below(&in, 6)];
	uint64_t read[NUMBERS_MAX], again[NUMBERS_MAX], made[NUMBERS_MAX];
	struct arena a;
	arena_init(&a, 1 << 16);

	struct meal raw = in;
	for (size_t i = 0; i < n; i++) {
		made[i] = 0;
		for (unsigned k = 0; k < 8; k++)
			made[i] = made[i] << 8 | eat_byte(&raw);
	}
	const char *written = engine_write_cursor(&a, letter, made, n);
	require(written && engine_read_cursor(written, letter, read, n));
	require(memcmp(read, made, n * sizeof *made) == 0);
	require(!engine_read_cursor(written, letter == 'p' ? 'w' : 'p', again, n));
	require(n == NUMBERS_MAX || !engine_read_cursor(written, letter, again, n + 1));

	char *text = fuzz_string(in);
	if (text[0] && engine_read_cursor(text, letter, read, n)) {
		written = engine_write_cursor(&a, letter, read, n);
		require(written && strlen(written) <= strlen(text));
		require(engine_read_cursor(written, letter, again, n));
		require(memcmp(read, again, n * sizeof *read) == 0);
	}
	free(text);
	arena_free(&a);
	return 0;
}
