/* Any text as an address: what is taken is written in a form that is taken for the same; directories fit. */
#include "lib/address.h"
#include "tests/fuzz/fuzz.h"

static void check_state_dir(struct meal in)
{
	struct meal first = eat_bytes(&in, eat_byte(&in));
	char *xdg = fuzz_string(first), *home = fuzz_string(in);
	char dir[64];
	struct address own;
	if (address_state_dir(first.len ? xdg : NULL, home, dir, sizeof dir) == 0) {
		require(dir[0] == '/' && strlen(dir) < sizeof dir);
		require(address_default(dir, &own) == 0 && own.is_unix && own.path[0] == '/');
	}
	free(xdg);
	free(home);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	struct address a, again;
	const char *why;
	char *text = fuzz_string(in), out[ADDRESS_TEXT_MAX], twice[ADDRESS_TEXT_MAX];
	int err = address_parse(text, &a, &why);
	require(err == 0 || (err == ERR_ADDRESS && why && why[0]));
	if (err == 0) {
		require(a.is_unix ? a.path[0] && !a.is_tls : a.host[0]);
		address_format(&a, out, sizeof out);
		require(address_parse(out, &again, &why) == 0);
		require(again.is_unix == a.is_unix && again.is_tls == a.is_tls && again.port == a.port);
		require(strcmp(again.host, a.host) == 0 && strcmp(again.path, a.path) == 0);
		address_format(&again, twice, sizeof twice);
		require(strcmp(out, twice) == 0);
	}
	free(text);
	check_state_dir(in);
	return 0;
}
