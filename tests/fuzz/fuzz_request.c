/* Any bytes as a request, such as a hostile peer sends. */
#include "tests/fuzz/codec.h"
#include "tests/lib/direct.h"
#include "tests/lib/good.h"
#include "tests/lib/samples.h"

static int decode(struct arena *a, const uint8_t *bytes, size_t len, void *into)
{
	require(direct_unpacks(bytes, len) != DIRECT_DIFFERS);
	return wire_decode_request(a, bytes, len, into);
}

static int encode(const void *message, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	return wire_encode_request(&((const struct wire_request *)message)->request, scratch, max_bytes, out);
}

static int encode_sample(unsigned which, struct arena *scratch, struct buf *out)
{
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	return wire_encode_request(&samples[which % n], scratch, CODEC_BYTES, out);
}

static bool is_good(const void *message)
{
	return good_request(message);
}

static bool is_whole(const void *message)
{
	const struct wire_request *w = message;
	return !w->fault && !w->row_fault;
}

static bool are_alike(const void *a, const void *b)
{
	const struct candor_request *x = &((const struct wire_request *)a)->request;
	const struct candor_request *y = &((const struct wire_request *)b)->request;
	return x->id == y->id && x->n == y->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct codec codec = {decode, encode, encode_sample, is_good, is_whole, are_alike};
	struct wire_request request, again;
	codec_feed(&codec, data, len, &request, &again);
	return 0;
}
