/* Bytes that went wrong on the way: cut, flipped, doubled, swapped. Decoding must come to an end within its budget,
 * read nothing that is not there, and what it calls good must be good. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/wire/frame.h"
#include "tests/lib/good.h"
#include "tests/lib/samples.h"
#include "tests/lib/seed.h"
#include "lib/wire/wire.h"

enum { BUDGET = 256 * 1024, SAMPLES_MAX = 32, LONGEST = 4096, MUTATIONS = SANITIZED ? 150000 : 400000 };

struct message {
	uint8_t bytes[LONGEST];
	size_t len;
};

struct messages {
	struct message at[SAMPLES_MAX];
	size_t n;
	bool responses;
};

static void take(struct messages *m, struct buf *bytes)
{
	uint8_t head[FRAME_HEAD_MAX];
	size_t len = bytes->len;
	while (len + frame_head(len, head) != bytes->len)
		len--;
	assert_true(len <= LONGEST && m->n < SAMPLES_MAX);
	struct message *to = &m->at[m->n++];
	memcpy(to->bytes, bytes->data + bytes->len - len, len);
	to->len = len;
	buf_free(bytes);
}

static struct messages *encoded(bool responses)
{
	struct messages *m = calloc(1, sizeof *m);
	struct arena a;
	size_t n;
	const struct candor_response *r = sample_responses(&n);
	const struct candor_request *q = responses ? NULL : sample_requests(&n);
	assert_non_null(m);
	m->responses = responses;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < n; i++) {
		struct buf bytes = {0};
		assert_int_equal(responses ? wire_encode_response(&r[i], &a, LONGEST, &bytes)
					   : wire_encode_request(&q[i], &a, LONGEST, &bytes),
				 0);
		take(m, &bytes);
	}
	arena_free(&a);
	return m;
}

/* Decodes from a block of just that size, so that a sanitizer sees a read beyond it. Returns decode's result. */
static int decode(const struct messages *m, struct arena *a, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct wire_request request;
	struct candor_response response;
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	arena_reset(a);
	int err = m->responses ? wire_decode_response(a, exact, len, &response)
			       : wire_decode_request(a, exact, len, &request);
	/* Nothing may still point into the bytes. */
	memset(exact, 0xff, len);
	free(exact);
	assert_true(err == 0 || err == ERR_MALFORMED || err == ERR_BUDGET);
	assert_true(a->used_bytes <= a->budget_bytes);
	if (err == 0)
		assert_true(m->responses ? good_response(&response) : good_request(&request));
	return err;
}

static void cut_everywhere(bool responses)
{
	struct messages *m = encoded(responses);
	struct arena a;
	size_t malformed = 0;
	arena_init(&a, BUDGET);
	for (size_t i = 0; i < m->n; i++)
		for (size_t len = 0; len <= m->at[i].len; len++)
			malformed += decode(m, &a, m->at[i].bytes, len) == ERR_MALFORMED;
	assert_true(malformed > 0);
	arena_free(&a);
	free(m);
}

static void mutate(struct random *r, const struct messages *all, struct message *m)
{
	static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x42};
	size_t at = m->len ? random_below(r, m->len) : 0, run = 1 + random_below(r, 12);
	if (run > m->len - at)
		run = m->len - at;
	switch (random_below(r, 7)) {
	case 0: m->bytes[at] ^= (uint8_t)(1 << random_below(r, 8)); break;
	case 1: m->bytes[at] = special[random_below(r, sizeof special)]; break;
	case 2: m->bytes[at] = (uint8_t)random_below(r, 256); break;
	case 3: /* a run is lost */
		memmove(m->bytes + at, m->bytes + at + run, m->len - at - run);
		m->len -= run;
		break;
	case 4: /* a run comes twice */
		if (m->len + run > LONGEST)
			return;
		memmove(m->bytes + at + run, m->bytes + at, m->len - at);
		m->len += run;
		break;
	case 5: m->len = at; break;
	default: { /* another message follows: protobuf merges the two */
		const struct message *other = &all->at[random_below(r, all->n)];
		if (m->len + other->len > LONGEST)
			return;
		memcpy(m->bytes + m->len, other->bytes, other->len);
		m->len += other->len;
	}
	}
}

static void mutate_many(bool responses, uint64_t seed)
{
	struct messages *m = encoded(responses);
	struct message *copy = malloc(sizeof *copy);
	struct random r;
	struct arena a;
	size_t good = 0, malformed = 0;
	assert_non_null(copy);
	seed_random(&r, seed);
	arena_init(&a, BUDGET);
	for (int i = 0; i < MUTATIONS; i++) {
		*copy = m->at[random_below(&r, m->n)];
		for (uint64_t times = 1 + random_below(&r, 4); times > 0; times--)
			mutate(&r, m, copy);
		int err = decode(m, &a, copy->bytes, copy->len);
		good += err == 0;
		malformed += err == ERR_MALFORMED;
	}
	/* Both ways were walked, each often. */
	assert_true(good > MUTATIONS / 20 && malformed > MUTATIONS / 20);
	arena_free(&a);
	free(copy);
	free(m);
}

static void requests_cut_anywhere_are_malformed_or_decode(void **state)
{
	(void)state;
	cut_everywhere(false);
}

static void responses_cut_anywhere_are_malformed_or_decode(void **state)
{
	(void)state;
	cut_everywhere(true);
}

static void mutated_requests_are_refused_or_good(void **state)
{
	(void)state;
	mutate_many(false, 31);
}

static void mutated_responses_are_refused_or_good(void **state)
{
	(void)state;
	mutate_many(true, 32);
}

static void noise_is_refused_or_good(void **state)
{
	struct random r;
	struct arena a;
	struct messages requests = {.n = 0}, responses = {.responses = true};
	uint8_t bytes[256];
	(void)state;
	seed_random(&r, 33);
	arena_init(&a, BUDGET);
	for (int i = 0; i < MUTATIONS / 4; i++) {
		size_t len = random_below(&r, sizeof bytes);
		random_bytes(&r, bytes, len);
		decode(&requests, &a, bytes, len);
		decode(&responses, &a, bytes, len);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_cut_anywhere_are_malformed_or_decode),
		cmocka_unit_test(responses_cut_anywhere_are_malformed_or_decode),
		cmocka_unit_test(mutated_requests_are_refused_or_good),
		cmocka_unit_test(mutated_responses_are_refused_or_good),
		cmocka_unit_test(noise_is_refused_or_good),
	};
	return cmocka_run_group_tests_name("wire_mutations", tests, NULL, NULL);
}
