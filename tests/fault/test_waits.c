/* Each allocation fails in turn, while a request waits for what happens to items, is woken and is answered. Either it is
 * refused for want of memory, or it is told; and who asks again misses nothing. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "daemon/engine/state.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/fault.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/proof.h"

enum { WAIT_MS = 1000 };

static const struct candor_request waits = {
	.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .limit = 100, .wait_ms = WAIT_MS};
static const struct candor_outcome outcome = {"a", 1};
static const struct candor_request resolves = {
	.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &outcome};

/* It was answered, or still waits because nothing could happen, and then its time is over one day. */
static void check_waiter(struct fake_owner *f, struct ask *a)
{
	if (!a->replied) {
		assert_true(engine_is_waiting(&a->call));
		f->now_ms += WAIT_MS;
		fake_settle(f);
	}
	assert_true(a->replied && a->settled);
	if (a->answer.code == CANDOR_OK)
		assert_true(a->answer.n <= 2 && a->answer.next[0]);
	else
		assert_int_equal(a->answer.code, CANDOR_RESOURCE_EXHAUSTED);
	ask_free(a);
}

/* How many faults struck. */
static uint64_t play(const struct fault *fault)
{
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	fault_pause();
	fake_init(&f, &limits);
	fake_pool(&f, "p", NULL);
	assert_int_equal(fake_post(&f, "p", "a", "ann", 0.5), CANDOR_OK);
	struct ask *waiter = fake_prepare(&f, &waits), *writer = fake_prepare(&f, &resolves);
	fault_arm(fault);
	fault_resume();
	fake_submit(waiter);
	fake_submit(writer);
	fake_settle(&f);
	fault_pause();
	fault_arm(NULL);
	uint64_t injected = fault_injected();
	fake_settle(&f);
	check_waiter(&f, waiter);
	assert_true(writer->replied && writer->settled);
	ask_free(writer);
	if (f.failed) {
		/* Memory could not be rebuilt. */
		assert_int_equal(f.failed, -ENOMEM);
		f.failed = 0;
		fake_crash(&f);
		fake_start(&f);
	}
	assert_int_equal(fake_resolve(&f, "p", "a", 1), CANDOR_OK);
	const struct candor_response *r = fake_call(&f, &waits);
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->n, 2);
	assert_int_equal(f.engine->waits.n, 0);
	assert_int_equal(fake_end(&f), 0);
	fault_resume();
	return injected;
}

static void each_allocation_of_a_wait_may_fail(void **state)
{
	uint64_t faults = 0;
	(void)state;
	for (int lasting = 0; lasting < 2; lasting++) {
		struct fault fault = {.kind = FAULT_MEMORY, .nth = 1, .lasting = lasting};
		for (uint64_t injected; (injected = play(&fault)) > 0; fault.nth++)
			faults += injected;
		assert_true(fault.nth > 10);
	}
	proof_say("faults injected in memory, while a request waits", faults);
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_of_a_wait_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
