/* Any bytes as a request, such as a hostile peer sends: decoding ends within its budget, and what it calls
 * good is good; what was decoded is encoded to bytes that decode to the same. The input is the bytes, or what is done
 * to those of a good one. */
#include "tests/fuzz/spoil.h"
#include "tests/lib/good.h"
#include "tests/lib/samples.h"

static const size_t budgets[] = {1 << 20, 1 << 16, 1 << 12};

static int decode(struct arena *a, struct meal in, struct wire_request *out)
{
	/* Nothing may point into the bytes afterwards. */
	uint8_t *exact = fuzz_exact(in);
	int err = wire_decode_request(a, exact, in.len, out);
	memset(exact, 0xff, in.len);
	free(exact);
	require(err == 0 || err == ERR_MALFORMED || err == ERR_BUDGET);
	require(a->used_bytes <= a->budget_bytes);
	require(err || good_request(out));
	return err;
}

/* The bytes of a sample, spoiled; to be freed. */
static struct buf spoiled(unsigned which, struct meal *in)
{
	struct arena scratch;
	struct buf bytes = {0};
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	arena_init(&scratch, 1 << 20);
	require(wire_encode_request(&samples[which % n], &scratch, 1 << 20, &bytes) == 0);
	buf_consume(&bytes, bytes.len - fuzz_body(&bytes).len);
	fuzz_spoil(&bytes, in);
	arena_free(&scratch);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	struct arena first, second, scratch;
	struct wire_request request, again;
	struct buf once = {0}, twice = {0};
	arena_init(&first, budgets[eat_below(&in, sizeof budgets / sizeof *budgets)]);
	arena_init(&second, 1 << 24);
	arena_init(&scratch, 1 << 24);
	unsigned which = eat_byte(&in);
	struct buf bytes = {0};
	if (which < 128) {
		bytes = spoiled(which, &in);
		in = (struct meal){bytes.data, bytes.len};
	}
	if (decode(&first, in, &request) == 0 && !request.fault && !request.row_fault) {
		require(wire_encode_request(&request.request, &scratch, 1 << 24, &once) == 0);
		require(decode(&second, fuzz_body(&once), &again) == 0 && !again.fault && !again.row_fault);
		require(again.request.n == request.request.n && again.request.id == request.request.id);
		require(wire_encode_request(&again.request, &scratch, 1 << 24, &twice) == 0);
		require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
		/* One byte less is too little, and then nothing is appended. */
		require(wire_encode_request(&request.request, &scratch, fuzz_body(&once).len - 1, &twice) != 0 ||
			fuzz_body(&once).len == 0);
		require(once.len == twice.len || fuzz_body(&once).len == 0);
	}
	buf_free(&bytes);
	buf_free(&once);
	buf_free(&twice);
	arena_free(&first);
	arena_free(&second);
	arena_free(&scratch);
	return 0;
}
