/* Any bytes as a response, such as a hostile daemon sends. */
#include "tests/fuzz/codec.h"
#include "tests/lib/direct.h"
#include "tests/lib/good.h"
#include "tests/lib/samples.h"

static int decode(struct arena *a, const uint8_t *bytes, size_t len, void *into)
{
	return wire_decode_response(a, bytes, len, into);
}

static int encode(const void *message, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	require(direct_packs(message) != DIRECT_DIFFERS);
	return wire_encode_response(message, scratch, max_bytes, out);
}

static int encode_sample(unsigned which, struct arena *scratch, struct buf *out)
{
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	return wire_encode_response(&samples[which % n], scratch, CODEC_BYTES, out);
}

static bool is_good(const void *message)
{
	return good_response(message);
}

static bool is_whole(const void *message)
{
	(void)message; /* one with a fault is not decoded */
	return true;
}

static bool are_alike(const void *a, const void *b)
{
	const struct candor_response *x = a, *y = b;
	return x->id == y->id && x->n == y->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct codec codec = {decode, encode, encode_sample, is_good, is_whole, are_alike};
	struct candor_response response, again;
	codec_feed(&codec, data, len, &response, &again);
	return 0;
}
