/* What fits into an answer, and what an answer says where not all of it does. */
#include "tests/lib/unit.h"

#include "daemon/engine/state.h"
#include "tests/lib/talk.h"

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
			talk(w, r);
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
		peer_again(w);
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
		{.type = CANDOR_REQ_CREATE_TOKEN, .name = token, .expires_at = CANDOR_TIME_MAX},
		{.type = CANDOR_REQ_REVOKE_TOKEN, .name = token},
	};
	for (uint64_t id = 1; id <= sizeof requests / sizeof *requests; id++) {
		struct candor_request request = requests[id - 1];
		request.id = id;
		talk(w, request);
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

/* Who, what and about whom, with names as long as can be, is longer than a message. The longest is told in part. */
static void events_are_told_whatever_the_longest_message(void **state)
{
	struct peer_world *w = *state;
	static char name[256], client[256];
	struct identity owner = {.is_known = true, .is_owner = true};
	struct candor_response r;
	struct peer p;
	memset(name, 'n', 255);
	memset(client, 'c', 255);
	snprintf(owner.name, sizeof owner.name, "cert:CN=%.200s", name);
	w->limits.max_frame_bytes = w->f.limits.max_frame_bytes = 1024;
	peer_restart(w);
	char principal[256];
	snprintf(principal, sizeof principal, "cert:CN=%.200s", client);
	const struct candor_grant grant = {principal, name, name, CANDOR_RIGHT_REPORT};
	const struct candor_request requests[] = {
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .client = client},
		{.id = 2, .type = CANDOR_REQ_CREATE_POOL, .pool = name},
		{.id = 3, .type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant},
		{.id = 4, .type = CANDOR_REQ_LIST_EVENTS, .limit = 10},
	};
	peer_init_as(&p, &w->f, &w->limits, &owner);
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		peer_send(&p, &requests[i]);
		fake_settle(&w->f);
		size_t len = session_output(p.session)->len;
		assert_int_equal(peer_receive(&p, &r), 1);
		if (r.code != CANDOR_OK)
			print_error("'%s'\n", r.message);
		assert_int_equal(r.code, CANDOR_OK);
		assert_true(len <= 1024 + FRAME_HEAD_MAX);
	}
	assert_int_equal(r.n, 1);
	assert_string_equal(r.events[0].action, "grant");
	assert_string_equal(r.events[0].subject, principal);
	assert_memory_equal(r.events[0].by, owner.name, 100);
	assert_true(strlen(r.events[0].by) < 128);
	assert_true(r.next[0]);
	peer_end(&p);
}

/* ---- items and their reports, page by page ---- */

/* Asks for items with their reports until everything is there, as a client would: what came of each. */
struct reading {
	size_t n_reports[64]; /* of each name */
	size_t answers, rejected;
	double sum; /* of each report's place times its value */
};

static void read_all(struct peer_world *w, const char *const *names, size_t n, uint32_t limit, struct reading *out)
{
	struct candor_response r;
	*out = (struct reading){0};
	struct candor_request request = {.id = 1, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .with_reports = true};
	request.reports_limit = limit;
	for (size_t done = 0; done < n; out->answers++) {
		request.items = names + done;
		request.n = n - done;
		talk(w, request);
		fake_settle(&w->f);
		size_t len = session_output(w->p.session)->len;
		assert_int_equal(peer_receive(&w->p, &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
		assert_true(len <= w->limits.max_frame_bytes + FRAME_HEAD_MAX);
		assert_true(r.n + r.n_rejected > 0);
		size_t given = 0, at = done, bad = 0;
		for (size_t i = 0; i < r.n; i++, at++) {
			/* In the order requested, with those that are rejected between them. */
			for (; bad < r.n_rejected && done + r.rejected[bad].index == at; bad++)
				at++;
			assert_string_equal(r.items[i].item, names[at]);
			for (size_t k = 0; k < r.items[i].n_reports; k++) {
				const struct candor_item_report *report = &r.items[i].reports[k];
				size_t place = out->n_reports[at]++;
				out->sum += (double)(place + 1) * report->value;
				assert_true(report->weight > 0);
			}
			given += r.items[i].n_reports;
			bool is_cut = r.reports_next > 0 && at == done + r.rest;
			assert_int_equal(out->n_reports[at], is_cut ? r.reports_next : r.items[i].n);
		}
		out->rejected += r.n_rejected;
		assert_true(!limit || given <= limit);
		bool is_whole = r.rest == 0 && r.reports_next == 0;
		assert_true(is_whole || r.rest > 0 || r.reports_next > request.reports_from);
		done = is_whole ? n : done + r.rest;
		request.reports_from = r.reports_next;
	}
}

/* As many reports as the item's number, by labelers with names of all lengths; the first item and every fifth do not exist. */
static void fill(struct peer_world *w, const char *const *names, size_t n, double *sum)
{
	char labeler[256];
	*sum = 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < (i % 5 == 4 ? 0 : i); k++) {
			double value = (double)((i * 31 + k * 7) % 64) / 64;
			memset(labeler, 'l', sizeof labeler);
			snprintf(labeler, sizeof labeler, "%u-", (unsigned)k);
			labeler[strlen(labeler)] = 'l';
			labeler[3 + k * 37 % 250] = 0;
			assert_int_equal(fake_post(&w->f, "p", names[i], labeler, value), CANDOR_OK);
			*sum += (double)(k + 1) * value;
		}
		if (i % 3 == 1)
			fake_close(&w->f, "p", names[i]);
		if (i % 3 == 2)
			fake_resolve(&w->f, "p", names[i], 1);
	}
}

static void all_reports_can_be_read_whatever_the_longest_message(void **state)
{
	struct peer_world *w = *state;
	enum { NAMES = 40 };
	static char texts[NAMES][256];
	static const char *names[NAMES];
	static const size_t frames[] = {1024, 1500, 9000, 1 << 22};
	static const uint32_t limits[] = {0, 1, 7, 100000};
	double sum;
	struct reading got;
	for (size_t i = 0; i < NAMES; i++) {
		/* One of the longest names, and one that fits only into a page of its own. */
		memset(texts[i], 'i', i == 17 ? 255 : 12);
		snprintf(texts[i], 12, "%u-", (unsigned)i);
		texts[i][strlen(texts[i])] = 'i';
		names[i] = texts[i];
	}
	fill(w, names, NAMES, &sum);
	for (size_t k = 0; k < 4; k++) {
		w->limits.max_frame_bytes = w->f.limits.max_frame_bytes = frames[k];
		peer_restart(w);
		for (size_t j = 0; j < 4; j++) {
			/* The request must fit as well. */
			size_t n = k == 0 ? 30 : NAMES;
			read_all(w, names, n, limits[j], &got);
			size_t all = 0, unknown = 0;
			for (size_t i = 0; i < n; i++) {
				assert_int_equal(got.n_reports[i], i % 5 == 4 ? 0 : i);
				all += i % 5 == 4 ? 0 : i;
				unknown += i % 5 == 4 || i == 0;
			}
			assert_int_equal(got.rejected, unknown);
			assert_true(n < NAMES || got.sum == sum);
			assert_true(limits[j] == 0 || got.answers >= all / limits[j]);
			assert_true(k < 3 || j % 3 > 0 || got.answers == 1);
			assert_true(k > 0 || got.answers > 10);
		}
	}
}

/* Where an item grows between two pages, the new reports come last; one that is revised keeps its place. */
static void a_report_keeps_its_place_while_an_item_is_read(void **state)
{
	struct peer_world *w = *state;
	const char *const name = "i";
	char labeler[16];
	for (int k = 0; k < 10; k++) {
		snprintf(labeler, sizeof labeler, "l%d", k);
		assert_int_equal(fake_post(&w->f, "p", "i", labeler, k / 16.0), CANDOR_OK);
	}
	struct candor_request request = {
		.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &name, .with_reports = true};
	request.reports_limit = 4;
	unsigned next = 0;
	for (uint32_t from = 0; from < 12; from += 4) {
		request.reports_from = from;
		const struct candor_response *r = fake_call(&w->f, &request);
		assert_int_equal(r->items[0].n_reports, 4);
		for (size_t k = 0; k < 4; k++) {
			snprintf(labeler, sizeof labeler, "l%u", next++);
			assert_string_equal(r->items[0].reports[k].labeler, labeler);
		}
		/* l1, of the first page, and l6, of the second. */
		assert_same_bits(r->items[0].reports[2].value, (from == 4 ? 0.75 : (from + 2) / 16.0));
		assert_int_equal(r->rest, 0);
		assert_int_equal(r->reports_next, from == 8 ? 0 : from + 4);
		if (from == 0) {
			assert_int_equal(fake_post(&w->f, "p", "i", "l1", 1), CANDOR_OK);
			assert_int_equal(fake_post(&w->f, "p", "i", "l6", 0.75), CANDOR_OK);
			assert_int_equal(fake_post(&w->f, "p", "i", "l10", 10 / 16.0), CANDOR_OK);
			assert_int_equal(fake_post(&w->f, "p", "i", "l11", 11 / 16.0), CANDOR_OK);
		} else if (from == 4) {
			assert_int_equal(fake_resolve(&w->f, "p", "i", 1), CANDOR_OK);
		}
	}
	/* Behind the last one there is nothing, and that is no error. */
	request.reports_from = UINT32_MAX;
	const struct candor_response *r = fake_call(&w->f, &request);
	assert_int_equal(r->items[0].n, 12);
	assert_int_equal(r->items[0].n_reports, 0);
	assert_int_equal(r->reports_next, 0);
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
		TEST(events_are_told_whatever_the_longest_message),
		TEST(all_reports_can_be_read_whatever_the_longest_message),
		TEST(a_report_keeps_its_place_while_an_item_is_read),
		TEST(a_report_too_many_on_an_item_is_told_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
