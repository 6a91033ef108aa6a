/* Each allocation fails in turn, once or from then on, while a door reads requests and makes answers: it says so or ends
 * the connection, and nothing half is said or submitted. */
#include "tests/lib/unit.h"

#include "tests/lib/doorman.h"
#include "tests/lib/fault.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/http.h"
#include "tests/lib/proof.h"

#define HOST "Host: x\r\n"
#define JSON "Content-Type: application/json\r\n"
#define LINES "Content-Type: application/x-ndjson\r\n"

static const char *const talks[] = {
	"GET /v1/pools HTTP/1.1\r\n" HOST "Accept: a\r\nAccept: b\r\n\r\nGET /v1/info HTTP/1.1\r\n" HOST "\r\n",
	"POST /v1/pools/p/reports HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
	"34\r\n{\"reports\":[{\"item\":\"a\",\"labeler\":\"l\",\"value\":0.5}]}\r\n0\r\n\r\n",
	"POST /v1/pools/p/reports HTTP/1.1\r\n" HOST LINES "Content-Length: 90\r\n\r\n"
	"{\"item\":\"a\",\"labeler\":\"l\",\"value\":0.5}\n{\n{\"item\":\"a\",\"labeler\":\"l\",\"value\":0.5}           ",
	"GET /v1/pools HTTP/1.1\r\n" HOST "Authorization: Bearer candor_x\r\n\r\nGET /v1/pools HTTP/1.1\r\n" HOST
	"\r\n",
	"POST /v1/pools HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 12\r\n\r\n{\"pool\":\"p\"}",
	"GET /v1/pools/p/changes HTTP/1.1\r\n" HOST "Accept: text/event-stream\r\n\r\n",
	"GET /v1/openapi.json HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
	"POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /nowhere HTTP/1.1\r\n" HOST "\r\n",
	"POST /v1/pools HTTP/1.1\r\n" HOST JSON "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
};

/* Whole answers, of which only the last may be cut. */
static size_t count_answers(const struct buf *said)
{
	size_t n = 0, taken;
	struct http_answer a;
	for (size_t at = 0; at < said->len; at += taken, n++) {
		taken = http_cut(said->data + at, said->len - at, false, false, &a);
		if (taken == 0)
			break;
		assert_true(a.status >= 100 && a.status < 600);
		http_answer_free(&a);
	}
	return n;
}

/* How often it failed. */
static uint64_t play(const char *talk, size_t cut, const struct fault *fault, size_t *answers)
{
	struct doorman h;
	fault_arm(fault);
	if (doorman_open(&h) == 0)
		doorman_play(&h, talk, strlen(talk), cut);
	uint64_t injected = fault_injected();
	fault_arm(NULL);
	*answers = count_answers(&h.said);
	doorman_close(&h);
	buf_free(&h.said);
	return injected;
}

static void each_allocation_fails(void **state)
{
	(void)state;
	uint64_t total = 0;
	for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
		for (int lasting = 0; lasting < 2; lasting++) {
			size_t most, some;
			play(talks[i], 30, NULL, &most);
			assert_true(most > 0);
			for (uint64_t nth = 1;; nth++) {
				const struct fault fault = {.kind = FAULT_MEMORY, .nth = nth, .lasting = lasting};
				if (play(talks[i], 30, &fault, &some) == 0)
					break;
				assert_true(some <= most);
				total++;
			}
			assert_int_equal(some, most);
		}
	}
	assert_true(total > 100);
	proof_say("faults injected in memory, in what reads and writes HTTP", total);
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
