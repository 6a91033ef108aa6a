/* What fits into an answer, and what an answer says where not all of it does. */
#include "tests/lib/unit.h"

#include "daemon/engine/state.h"
#include "tests/lib/peer.h"

static void start_again(struct peer_world *w)
{
	peer_end(&w->p);
	fake_settle(&w->f);
	peer_init(&w->p, &w->f, &w->limits);
}

static void send(struct peer_world *w, struct candor_request r)
{
	peer_send(&w->p, &r);
}

static void assert_answer(struct peer_world *w, uint64_t id, enum candor_code code)
{
	struct candor_response r;
	assert_int_equal(peer_receive(&w->p, &r), 1);
	if (r.code != code)
		print_error("'%s'\n", r.message);
	assert_int_equal(r.id, id);
	assert_int_equal(r.code, code);
}

/* What has changed something is answered with OK, whatever there is to say beside that. */
static void a_list_of_rejected_rows_is_cut_to_what_fits(void **state)
{
	struct peer_world *w = *state;
	enum { ROWS = 3000 };
	static struct candor_report reports[ROWS];
	static struct candor_outcome outcomes[ROWS];
	static const char *names[ROWS];
	static char unknown[ROWS][16];
	/* Requests take less room than what is to be said about them. */
	static const size_t frames[] = {1024, 5000, 1 << 22}, rows[] = {30, 160, ROWS};
	for (size_t i = 1; i < ROWS; i++) {
		snprintf(unknown[i], sizeof unknown[i], "u%u", (unsigned)i);
		reports[i] = (struct candor_report){.item = "i", .labeler = "a", .value = 7};
		outcomes[i] = (struct candor_outcome){unknown[i], 1};
		names[i] = unknown[i];
	}
	for (size_t k = 0; k < 3; k++) {
		char item[16];
		snprintf(item, sizeof item, "good%u", (unsigned)k);
		reports[0] = (struct candor_report){.item = item, .labeler = "a", .value = 1};
		outcomes[0] = (struct candor_outcome){item, 1};
		names[0] = item;
		const struct candor_request requests[] = {
			{.type = CANDOR_REQ_POST_REPORTS, .reports = reports},
			{.type = CANDOR_REQ_CLOSE_ITEMS, .items = names},
			{.type = CANDOR_REQ_RESOLVE_ITEMS, .outcomes = outcomes},
			{.type = CANDOR_REQ_VOID_ITEMS, .items = names},
		};
		w->limits.max_frame_bytes = w->f.limits.max_frame_bytes = frames[k];
		peer_restart(w);
		for (uint64_t id = 1; id <= 4; id++) {
			struct candor_request r = requests[id - 1];
			struct candor_response got;
			r.id = id;
			r.pool = "p";
			r.n = rows[k];
			send(w, r);
			fake_settle(&w->f);
			size_t len = session_output(w->p.session)->len;
			assert_int_equal(peer_receive(&w->p, &got), 1);
			assert_int_equal(got.code, CANDOR_OK);
			assert_int_equal(got.batch.accepted, id == 4 ? 0 : 1);
			assert_int_equal(got.batch.accepted + got.n_rejected + got.batch.rejected_omitted, rows[k]);
			assert_int_equal(got.rejected[0].index, id == 4 ? 0 : 1);
			for (size_t i = 1; i < got.n_rejected; i++)
				assert_int_equal(got.rejected[i].index, got.rejected[i - 1].index + 1);
			/* No list is shorter than it must be. */
			assert_true(got.batch.rejected_omitted == 0 || len + 160 > frames[k]);
			assert_int_equal(got.batch.rejected_omitted == 0, k == 2);
		}
	}
}

/* Unknown fields fill the request's memory, so that nothing is left for its answer. */
static void what_was_changed_is_told_without_memory_for_the_answer(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_unpacked_bytes = 64 * 1024;
	unsigned told = 0, refused = 0;
	for (size_t junk = 0; junk < 66000; junk += 500) {
		char pool[16];
		struct buf bytes = {0}, body = {0};
		uint8_t head[FRAME_HEAD_MAX];
		struct candor_response r;
		start_again(w);
		snprintf(pool, sizeof pool, "q%u", (unsigned)junk);
		const struct candor_request request = {.id = 1, .type = CANDOR_REQ_CREATE_POOL, .pool = pool};
		peer_write(&body, &request);
		/* Field 99 of the request, which stands behind it. */
		assert_int_equal(buf_append(&bytes, "\x9a\x06", 2), 0);
		assert_int_equal(buf_append(&bytes, head, frame_head(junk, head)), 0);
		uint8_t *fill = buf_reserve(&bytes, junk + 1);
		assert_non_null(fill);
		memset(fill, 'x', junk);
		bytes.len += junk;
		peer_push(&w->p, head, frame_head(body.len - 1 + bytes.len, head));
		peer_push(&w->p, body.data + 1, body.len - 1);
		peer_push(&w->p, bytes.data, bytes.len);
		fake_settle(&w->f);
		assert_int_equal(peer_receive(&w->p, &r), 1);
		bool is_there = engine_find(w->f.engine, pool) != NULL;
		assert_int_equal(r.code == CANDOR_OK, is_there);
		told += is_there;
		refused += !is_there;
		buf_free(&bytes);
		buf_free(&body);
	}
	assert_true(told > 0 && refused > 0);
}

/* Names, settings and sentences as long as they may be, at the smallest frame that can be set. */
static void no_answer_to_a_change_and_no_refusal_is_too_long_for_any_frame(void **state)
{
	struct peer_world *w = *state;
	static char name[256], token[201];
	const double pi = 0.1415926535897931;
	struct candor_response r;
	memset(name, '\'', 255);
	memset(token, 't', 200);
	w->limits.max_frame_bytes = w->f.limits.max_frame_bytes = 1024;
	peer_restart(w);
	const struct candor_request requests[] = {
		{.type = CANDOR_REQ_CREATE_POOL, .pool = name, .settings = {CANDOR_ANYTIME, pi, pi, 0, 0, pi, pi}},
		{.type = CANDOR_REQ_UPDATE_POOL, .pool = name, .settings = {.c = pi / 2}},
		{.type = CANDOR_REQ_GET_POOL, .pool = name},
		{.type = CANDOR_REQ_CREATE_TOKEN, .name = token, .expires_at = UINT64_MAX},
		{.type = CANDOR_REQ_REVOKE_TOKEN, .name = token},
	};
	for (uint64_t id = 1; id <= sizeof requests / sizeof *requests; id++) {
		struct candor_request request = requests[id - 1];
		request.id = id;
		send(w, request);
		fake_settle(&w->f);
		assert_answer(w, id, CANDOR_OK);
	}
	/* How to grant it names the principal and the pool, each quoted for a shell. */
	struct identity nobody = {.is_known = true};
	struct peer other;
	const struct candor_request denied = {.id = 1, .type = CANDOR_REQ_UPDATE_POOL, .pool = name};
	snprintf(nobody.name, sizeof nobody.name, "cert:CN=%.200s", name);
	peer_init_as(&other, &w->f, &w->limits, &nobody);
	peer_send(&other, &denied);
	size_t len = session_output(other.session)->len;
	assert_int_equal(peer_receive(&other, &r), 1);
	assert_int_equal(r.code, CANDOR_PERMISSION_DENIED);
	assert_true(len <= 1024 && strlen(r.message) > 200);
	peer_end(&other);
}

/* ---- limits ---- */

static void a_report_too_many_on_an_item_is_told_the_limit(void **state)
{
	struct peer_world *w = *state;
	enum { ROWS = 65536, PART = 8192 };
	static char names[ROWS][8];
	static struct candor_report rows[ROWS];
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(names[i], sizeof names[i], "l%x", (unsigned)i);
		rows[i] = (struct candor_report){.item = "i", .labeler = names[i], .value = 0.5};
	}
	for (size_t i = 0; i < ROWS; i += PART) {
		const struct candor_response *r = fake_call(
			&w->f, &(struct candor_request){
				       .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = PART, .reports = rows + i});
		bool is_last = i + PART == ROWS;
		assert_int_equal(r->batch.accepted, is_last ? PART - 1 : PART);
		assert_int_equal(r->n_rejected, is_last);
		if (!is_last)
			continue;
		assert_int_equal(r->rejected[0].code, CANDOR_RESOURCE_EXHAUSTED);
		assert_non_null(strstr(r->rejected[0].message, "an item takes at most 65535 reports"));
	}
	/* Whoever has reported may still repeat and revise. */
	assert_int_equal(fake_post(&w->f, "p", "i", "l7", 0.25), CANDOR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_of_rejected_rows_is_cut_to_what_fits),
		TEST(what_was_changed_is_told_without_memory_for_the_answer),
		TEST(no_answer_to_a_change_and_no_refusal_is_too_long_for_any_frame),
		TEST(a_report_too_many_on_an_item_is_told_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
