/* Any bytes as HTTP, cut anywhere: the same answers as when all come at once. What a door submits are requests of the
 * protocol, each within its limit, and what it says is HTTP: one answer for each request, and nothing behind an end. */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/doorman.h"
#include "tests/lib/http.h"

/* Answers one behind the other, up to the first that ends the connection. What follows an answer to HEAD is
 * not looked at, for it has no body whatever it says. */
static void check_said(const struct buf *said, bool has_head)
{
	size_t at = 0, n;
	struct http_answer a;
	while (!has_head && at < said->len) {
		n = http_cut(said->data + at, said->len - at, false, true, &a);
		require(n > 0 && a.status >= 100 && a.status < 600);
		at += n;
		require(!a.closes || at == said->len);
		http_answer_free(&a);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal m = {data, len};
	size_t cut = 1 + eat_byte(&m) % 64;
	struct doorman whole, parts;
	bool has_head = m.len > 0 && memmem(m.data, m.len, "HEAD", 4);
	require(doorman_open(&whole) == 0 && doorman_open(&parts) == 0);
	doorman_play(&whole, m.data, m.len, SIZE_MAX);
	doorman_play(&parts, m.data, m.len, cut);
	check_said(&whole.said, has_head);
	require(whole.said.len == parts.said.len && whole.requests == parts.requests);
	require(whole.said.len == 0 || memcmp(whole.said.data, parts.said.data, whole.said.len) == 0);
	buf_free(&whole.said);
	buf_free(&parts.said);
	doorman_close(&whole);
	doorman_close(&parts);
	return 0;
}
