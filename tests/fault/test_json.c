/* Each allocation fails in turn, while JSON is read and written in pieces: it is said, and nothing comes out but what was
 * asked for. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "lib/wire/json.h"
#include "lib/wire/json_lines.h"
#include "lib/wire/json_pieces.h"
#include "tests/lib/fault.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/proof.h"

enum { MOST = 1 << 20 };

static const char long_name[] =
	"a name that is so long that a message with some of them outgrows its first block, twice";

/* A job that needs memory: 0 or -ENOMEM, and *out is what it came to. */
typedef int (*job)(struct buf *out);

/* The first job without a fault gives what it gives without any plan. */
static void every_allocation_fails(job do_it)
{
	struct buf want = {0}, out = {0};
	uint64_t nth = 1;
	int err;
	assert_int_equal(do_it(&want), 0);
	for (;; nth++) {
		const struct fault fault = {.kind = FAULT_MEMORY, .nth = nth};
		fault_arm(&fault);
		err = do_it(&out);
		bool injected = fault_injected() > 0;
		fault_arm(NULL);
		assert_int_equal(err, injected ? -ENOMEM : 0);
		if (!injected)
			break;
		buf_free(&out);
	}
	assert_true(nth > 3);
	proof_say("faults injected in memory, in what reads and writes JSON", nth - 1);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.data, want.data, want.len);
	buf_free(&out);
	buf_free(&want);
}

/* Cut everywhere, so that values are kept as well. */
static int read_document(struct buf *out)
{
	char text[2000] = "{\"name\":\"t\",\"grants\":[";
	struct json_in in;
	int err = 0;
	for (int i = 0; i < 8; i++) {
		size_t len = strlen(text);
		snprintf(text + len, sizeof text - len, "%s{\"prefix\":\"%s\",\"rights\":[\"report\"]}", i ? "," : "",
			 long_name);
	}
	size_t len = strlen(text);
	snprintf(text + len, sizeof text - len, "]}");
	json_in_init(&in, json_request_type(CANDOR_REQ_CREATE_TOKEN), MOST, out);
	for (const char *at = text; *at && !err; at++)
		err = json_in_push(&in, at, 1);
	if (!err)
		err = json_in_end(&in);
	json_in_free(&in);
	return err;
}

static int read_lines(struct buf *out)
{
	char line[200];
	struct json_lines l;
	int done = 0;
	json_lines_init(&l, json_request_type(CANDOR_REQ_POST_REPORTS), MOST, out);
	snprintf(line, sizeof line, "{\"item\":\"%s\",\"labeler\":\"l\",\"value\":1}\n", long_name);
	for (int i = 0; i < 8 && done >= 0; i++) {
		for (const char *at = line; *at && done >= 0; at++) {
			const uint8_t *bytes = (const uint8_t *)at;
			size_t len = 1;
			done = json_lines_next(&l, &bytes, &len);
		}
	}
	json_lines_free(&l);
	return done < 0 ? done : 0;
}

static int write_pieces(struct buf *out)
{
	struct buf bytes = {0};
	struct json_pieces p;
	fault_pause();
	assert_int_equal(read_lines(&bytes), 0);
	fault_resume();
	json_pieces_init(&p, json_request_type(CANDOR_REQ_POST_REPORTS), (struct view){bytes.data, bytes.len},
			 JSON_DOCUMENT);
	int more;
	while ((more = json_pieces_next(&p, 1, out)) > 0)
		;
	buf_free(&bytes);
	return more;
}

static void a_document_is_read(void **state)
{
	(void)state;
	every_allocation_fails(read_document);
}

static void lines_are_read(void **state)
{
	(void)state;
	every_allocation_fails(read_lines);
}

static void an_answer_is_written(void **state)
{
	(void)state;
	every_allocation_fails(write_pieces);
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_read),
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(an_answer_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
