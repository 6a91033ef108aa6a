/* Any names put, looked for and removed in any order, against a plain list. */
#include "lib/pool/names.h"
#include "tests/fuzz/fuzz.h"

enum { MOST = 512 };

struct listed {
	struct meal name; /* len 0: no such id, or removed */
};

static uint32_t find(const struct listed *list, uint32_t n, struct meal name)
{
	for (uint32_t id = 0; id < n; id++)
		if (list[id].name.len == name.len && memcmp(list[id].name.data, name.data, name.len) == 0)
			return id;
	return NAMES_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	static const uint8_t key[NAMES_KEY_BYTES] = {2, 7, 1, 8};
	struct listed list[MOST] = {0};
	struct names *names;
	uint32_t n = 0, count = 0; /* ids ever given; names held */
	require(names_new(&names, key) == 0);
	while (in.len > 0) {
		unsigned what = eat_below(&in, 4);
		size_t size = 1 + eat_byte(&in) % (what == 3 ? 255 : 3);
		struct meal name = eat_bytes(&in, size);
		if (name.len == 0)
			break;
		uint8_t *exact = fuzz_exact(name);
		uint32_t want = find(list, n, name), id = 12345;
		require(names_find(names, (char *)exact, name.len) == want);
		if (what == 0 && want != NAMES_NONE) {
			names_remove(names, want);
			list[want].name = (struct meal){0};
			count--;
		} else if (what != 0 && n < MOST) {
			int added = names_put(names, (char *)exact, name.len, &id);
			require(added == (want == NAMES_NONE));
			require(added ? id <= n && (id == n || list[id].name.len == 0) : id == want);
			list[id].name = name;
			count += (uint32_t)added;
			n += id == n;
		}
		free(exact);
		require(names_count(names) == count);
	}
	for (uint32_t id = 0; id < n; id++) {
		size_t size;
		if (list[id].name.len == 0)
			continue;
		const char *text = names_text(names, id, &size);
		require(size == list[id].name.len && memcmp(text, list[id].name.data, size) == 0 && text[size] == '\0');
	}
	names_free(names);
	return 0;
}
