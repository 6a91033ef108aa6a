/* Programs that were compiled with another version of candor.h than the library. */
#include <stddef.h>

#include "tests/unit/test_client_fake.h"

#include "client/candor_async.h"
#include "client/sized.h"

static char greeted_as[64];

static void note(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO)
		snprintf(greeted_as, sizeof greeted_as, "%s", request->client);
	fake_answer(f, request);
}

/* A copy of a structure's first bytes, with nothing behind them that may be read. */
static void *first_bytes(const void *structure, size_t size)
{
	void *copy = malloc(size);
	assert_non_null(copy);
	return memcpy(copy, structure, size);
}

static void an_older_program_passes_less_and_gets_the_rest_as_zero(void **state)
{
	const struct candor_options with_name = {.name = "old/1"};
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	const struct candor_response *response;
	size_t options_size = offsetof(struct candor_options, token);
	size_t request_size = offsetof(struct candor_request, cursor);
	struct candor_options *options = first_bytes(&with_name, options_size);
	struct candor_request *request = first_bytes(&info, request_size);
	struct candor *c = NULL;
	struct fake fake;
	uv_loop_t loop;
	(void)state;
	fake_start_thread(&fake, &loop, note);
	assert_int_equal(candor_open_sized(&c, fake.address, options, options_size), 0);
	assert_int_equal(candor_call_sized(c, request, request_size, &response), 0);
	assert_int_equal(response->type, CANDOR_RES_INFO);
	candor_close(c);
	fake_stop_thread(&fake);
	assert_string_equal(greeted_as, "old/1");
	free(options);
	free(request);
}

static void a_newer_program_may_pass_more_as_long_as_it_is_zero(void **state)
{
	struct {
		struct candor_options known;
		uint64_t newer;
	} options = {.known = {.name = "new/1"}};
	struct {
		struct candor_request known;
		uint64_t newer;
	} request = {.known = {.type = CANDOR_REQ_INFO}};
	const struct candor_response *response = NULL;
	struct candor *c = NULL;
	struct fake fake;
	uv_loop_t loop;
	(void)state;
	fake_start_thread(&fake, &loop, note);
	options.newer = 1;
	assert_int_equal(candor_open_sized(&c, fake.address, &options.known, sizeof options), CANDOR_ERR_NEWER);
	assert_null(c);
	options.newer = 0;
	assert_int_equal(candor_open_sized(&c, fake.address, &options.known, sizeof options), 0);
	request.newer = 1;
	assert_int_equal(candor_call_sized(c, &request.known, sizeof request, &response), CANDOR_ERR_NEWER);
	assert_null(response);
	request.newer = 0;
	assert_int_equal(candor_call_sized(c, &request.known, sizeof request, &response), 0);
	candor_close(c);
	fake_stop_thread(&fake);
	assert_string_equal(greeted_as, "new/1");
}

static void what_a_smaller_structure_lacks_reads_as_zero(void **state)
{
	const unsigned char from[4] = {1, 2, 3, 4};
	unsigned char to[4] = {9, 9, 9, 9};
	(void)state;
	assert_int_equal(sized_read(to, 4, from, 2), 0);
	assert_memory_equal(to, ((unsigned char[]){1, 2, 0, 0}), 4);
	assert_int_equal(sized_read(to, 4, from, 0), 0);
	assert_memory_equal(to, ((unsigned char[]){0, 0, 0, 0}), 4);
	assert_int_equal(sized_read(to, 3, from, 4), ERR_NEWER);
}

static void the_header_and_the_library_are_of_one_version(void **state)
{
	char version[32];
	(void)state;
	snprintf(version, sizeof version, "%d.%d.%d", CANDOR_VERSION_MAJOR, CANDOR_VERSION_MINOR, CANDOR_VERSION_PATCH);
	assert_string_equal(candor_version(), version);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_program_passes_less_and_gets_the_rest_as_zero),
		cmocka_unit_test(a_newer_program_may_pass_more_as_long_as_it_is_zero),
		cmocka_unit_test(what_a_smaller_structure_lacks_reads_as_zero),
		cmocka_unit_test(the_header_and_the_library_are_of_one_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
