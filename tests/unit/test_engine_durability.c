/* The engine over a real database, with every commit and every read at the test's will: what is answered when, what is
 * on disk, what a restart finds, and what a full disk does. */
#include <stdlib.h>

#include "tests/lib/fake_owner.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

static bool is_durable(const struct ask *a)
{
	return a->settled && a->err == 0;
}

/* The answer to one request when nothing is left to do; lives until the next. */
static const struct candor_response *on_item(struct fake_owner *f, enum candor_request_type type, const char *item)
{
	return fake_call(
		f, &(struct candor_request){.type = type, .pool = "p", .n = 1, .items = &item, .with_reports = true});
}

static const struct candor_response *post_as(struct fake_owner *f, const char *item, const char *labeler, double value,
					     uint64_t sequence)
{
	const struct candor_report row = {item, labeler, value, sequence};
	return fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
}

static const struct candor_response *post(struct fake_owner *f, const char *item, const char *labeler, double value)
{
	return post_as(f, item, labeler, value, 0);
}

static const struct candor_response *resolve(struct fake_owner *f, const char *item, double outcome)
{
	const struct candor_outcome row = {item, outcome};
	return fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &row});
}

/* Starts anew with so many closed items in memory. */
static void keep_in_memory(struct fake_owner *f, unsigned items)
{
	f->limits.resident_items = items;
	fake_restart(f);
}

/* ---- answers and the disk ---- */

static void an_answer_depends_on_a_change_that_is_not_yet_on_disk(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	struct ask *r = fake_ask_post(f, "p", "a", "ann", 0.5);
	assert_false(r->replied); /* the item may be on disk */
	assert_int_equal(f->n_reads, 1);
	fake_read_done(f, 0);
	assert_true(r->replied);
	assert_true(r->change > engine_committed_change(f->engine));
	assert_false(r->settled);
	assert_true(fake_tick(f));
	assert_false(r->settled);

	/* While that commits, the same again: a duplicate that depends on what it repeats. */
	struct ask *again = fake_ask_post(f, "p", "a", "ann", 0.5);
	assert_int_equal(again->answer.batch.duplicates, 1);
	assert_false(again->settled);
	struct ask *query = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	assert_false(query->settled);
	fake_commit(f, 0);
	assert_true(is_durable(r));
	assert_true(is_durable(again));
	assert_true(is_durable(query));
	ask_free(r);
	ask_free(again);
	ask_free(query);
}

static void info_with_commit_waits_for_a_commit_that_changes_nothing(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_request info = {.type = CANDOR_REQ_INFO},
				    commit = {.type = CANDOR_REQ_INFO, .commit = true};
	fake_pool(f, "p", NULL);
	assert_int_equal(post(f, "a", "ann", 0.5)->batch.accepted, 1);
	assert_false(fake_tick(f));
	/* Without it there is nothing to wait for. */
	struct ask *at_once = fake_ask(f, &info);
	assert_true(is_durable(at_once));
	ask_free(at_once);
	/* Two come into one commit. */
	struct ask *one = fake_ask(f, &commit), *two = fake_ask(f, &commit);
	assert_false(one->settled || two->settled);
	assert_true(fake_tick(f));
	/* One that comes meanwhile waits for the next. */
	struct ask *three = fake_ask(f, &commit);
	fake_commit(f, 0);
	assert_true(is_durable(one) && is_durable(two));
	assert_false(three->settled);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_true(is_durable(three));
	assert_false(fake_tick(f));
	ask_free(one);
	ask_free(two);
	ask_free(three);
	/* It joins one that is to be made anyway. */
	struct ask *report = fake_ask_post(f, "p", "a", "bob", 0.5), *with = fake_ask(f, &commit);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_true(is_durable(report) && is_durable(with));
	assert_false(fake_tick(f));
	ask_free(report);
	ask_free(with);
	/* What it has taken is a number: history is as it was. */
	fake_restart(f);
	assert_int_equal(on_item(f, CANDOR_REQ_QUERY_ITEMS, "a")->items[0].n, 2);

	/* Where nothing can be written it says so: when that turns out, and as long as it is known. */
	struct ask *a = fake_ask(f, &commit);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_int_equal(a->err, ERR_DISK_FULL);
	ask_free(a);
	assert_int_equal(fake_call(f, &commit)->code, CANDOR_UNAVAILABLE);
	assert_int_equal(fake_call(f, &info)->code, CANDOR_OK);
	engine_probe(f->engine);
	fake_commit(f, 0);
	assert_int_equal(fake_call(f, &commit)->code, CANDOR_OK);
}

static void a_pool_exists_already_only_when_it_is_on_disk(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_POOL, .pool = "p"};
	struct ask *r = fake_ask(f, &request), *again = fake_ask(f, &request);
	assert_int_equal(again->answer.code, CANDOR_ALREADY_EXISTS);
	assert_true(fake_tick(f));
	assert_false(r->settled);
	assert_false(again->settled);
	fake_commit(f, 0);
	assert_true(is_durable(r));
	assert_true(is_durable(again));
	ask_free(r);
	ask_free(again);
}

static void a_full_disk_is_told_and_memory_is_as_the_disk_has_it(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(post(f, "a", "ann", 0.5)->batch.accepted, 1);
	struct candor_report rows[] = {{"a", "bob", 0.25}, {"b", "ann", 1}};
	struct ask *a = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 2, .reports = rows});
	while (f->n_reads > 0)
		fake_read_done(f, 0);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_true(a->settled);
	assert_int_equal(a->err, ERR_DISK_FULL);
	ask_free(a);
	assert_true(engine_is_read_only(f->engine));

	/* Reads go on, and see what is on disk; writes are refused. */
	const struct candor_response *r = on_item(f, CANDOR_REQ_QUERY_ITEMS, "a");
	assert_int_equal(r->n, 1);
	assert_int_equal(r->items[0].n, 1);
	assert_int_equal(on_item(f, CANDOR_REQ_QUERY_ITEMS, "b")->n, 0);
	assert_int_equal(post(f, "c", "ann", 1)->code, CANDOR_UNAVAILABLE);

	/* A probe that fails changes nothing; one that passes opens the doors. */
	engine_probe(f->engine);
	fake_commit(f, ERR_DISK_FULL);
	assert_true(engine_is_read_only(f->engine));
	engine_probe(f->engine);
	fake_commit(f, 0);
	assert_false(engine_is_read_only(f->engine));
	assert_int_equal(post(f, "a", "bob", 0.25)->batch.accepted, 1);
	assert_int_equal(f->failed, 0);
}

static void another_failure_of_the_database_ends_the_service(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	struct ask *a = fake_ask_post(f, "p", "a", "ann", 0.5);
	fake_read_done(f, 0);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DATABASE);
	assert_true(a->settled);
	assert_int_equal(a->err, ERR_DATABASE);
	assert_int_equal(f->failed, ERR_DATABASE);
	ask_free(a);
}

/* ---- items that are not in memory ---- */

static void closed_items_come_back_from_disk_when_they_are_named(void **state)
{
	struct fake_owner *f = *state;
	keep_in_memory(f, 0);
	fake_pool(f, "p", NULL);
	assert_int_equal(post(f, "a", "ann", 0.25)->batch.accepted, 1);
	assert_int_equal(post(f, "a", "bob", 0.75)->batch.accepted, 1);
	assert_int_equal(on_item(f, CANDOR_REQ_CLOSE_ITEMS, "a")->batch.accepted, 1);
	const struct candor_response *r = fake_call(f, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_int_equal(r->info.resident_items, 0);

	r = on_item(f, CANDOR_REQ_QUERY_ITEMS, "a");
	assert_int_equal(r->items[0].state, CANDOR_CLOSED);
	assert_int_equal(r->items[0].n_reports, 2);
	assert_same_bits(r->items[0].reports[1].value, 0.75);
	assert_same_bits(r->items[0].reports[1].weight, 1);
	assert_int_equal(post(f, "a", "ann", 0.25)->batch.duplicates, 1);
	r = post(f, "a", "cat", 0.25);
	assert_int_equal(r->n_rejected, 1);
	assert_non_null(strstr(r->rejected[0].message, "closed"));
	assert_int_equal(resolve(f, "a", 1)->batch.accepted, 1);
	assert_int_equal(resolve(f, "a", 1)->batch.duplicates, 1);
	r = resolve(f, "a", 0);
	assert_int_equal(r->n_rejected, 1);
	assert_int_equal(r->rejected[0].code, CANDOR_FAILED_PRECONDITION);
}

static void an_item_closed_while_a_read_was_under_way_does_not_come_back_as_new(void **state)
{
	struct fake_owner *f = *state;
	keep_in_memory(f, 0);
	fake_pool(f, "p", NULL);
	/* Both ask the disk, which knows nothing of the item. */
	struct ask *one = fake_ask_post(f, "p", "a", "ann", 0.25), *two = fake_ask_post(f, "p", "a", "bob", 0.75);
	assert_int_equal(f->n_reads, 2);
	fake_read_work(f, 1);
	fake_read_done(f, 0);
	assert_true(one->replied);
	/* The first has made it; it is closed and on disk before the second's read is looked at. */
	const char *item = "a";
	struct ask *closing = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = &item});
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_true(is_durable(closing));
	fake_read_done(f, 0);
	fake_settle(f);
	assert_int_equal(two->answer.batch.accepted, 0);
	assert_int_equal(two->answer.n_rejected, 1);
	assert_non_null(strstr(two->answer.rejected[0].message, "closed"));
	ask_free(one);
	ask_free(two);
	ask_free(closing);
}

/* ---- listings ---- */

static void pages_hold_every_labeler_once_in_order(void **state)
{
	struct fake_owner *f = *state;
	enum { N = 50 };
	char names[N][24], items[20][24];
	fake_pool(f, "p", NULL);
	for (int i = 0; i < N; i++)
		snprintf(names[i], sizeof names[i], "labeler-%d", i * 37 % N);
	for (int i = 0; i < 20; i++) {
		snprintf(items[i], sizeof items[i], "item-%d", i);
		for (int k = 0; k < N - i; k++)
			post(f, items[i], names[k], (double)((i * 7 + k * 13) % 11) / 10);
		resolve(f, items[i], i % 2);
	}
	for (int sort = CANDOR_BY_WEIGHT; sort <= CANDOR_BY_NAME; sort++) {
		char cursor[256] = "";
		bool seen[N] = {false};
		char name[16];
		struct candor_labeler before = {.name = ""};
		size_t total = 0;
		do {
			const struct candor_response *r =
				fake_call(f, &(struct candor_request){.type = CANDOR_REQ_LIST_LABELERS,
								      .pool = "p",
								      .sort = (enum candor_sort)sort,
								      .limit = 7,
								      .cursor = cursor});
			for (size_t i = 0; i < r->n; i++, total++) {
				const struct candor_labeler *l = &r->labelers[i];
				unsigned number = (unsigned)strtoul(strchr(l->name, '-') + 1, NULL, 10);
				assert_false(seen[number]);
				seen[number] = true;
				if (total > 0)
					switch (sort) {
					case CANDOR_BY_WEIGHT: assert_true(l->weight <= before.weight); break;
					case CANDOR_BY_REGRET: assert_true(l->regret <= before.regret); break;
					case CANDOR_BY_LOSS:
						assert_true(l->own_loss / (double)l->scored >=
							    before.own_loss / (double)before.scored);
						break;
					case CANDOR_BY_SCORED: assert_true(l->scored <= before.scored); break;
					default: assert_true(strcmp(l->name, before.name) > 0);
					}
				before = *l;
				snprintf(name, sizeof name, "%s", l->name);
				before.name = name;
			}
			snprintf(cursor, sizeof cursor, "%s", r->next ? r->next : "");
		} while (cursor[0]);
		assert_int_equal(total, N);
	}
}

/* ---- restarts ---- */

/* Some random events on a few hundred items by a few dozen labelers. The same `random` gives the same events. */
static void random_events(struct fake_owner *f, struct random *random, int n)
{
	for (int i = 0; i < n; i++) {
		char item[24], labeler[24];
		snprintf(item, sizeof item, "item-%u", (unsigned)random_below(random, 300));
		snprintf(labeler, sizeof labeler, "labeler-%u", (unsigned)random_below(random, 30));
		double value = random_chance(random, 0.5) ? random_unit(random) : (double)random_chance(random, 0.5);
		uint64_t kind = random_below(random, 100);
		if (kind < 60)
			post(f, item, labeler, value);
		else if (kind < 80)
			post_as(f, item, labeler, value, 1 + random_below(random, 40));
		else if (kind < 86)
			on_item(f, CANDOR_REQ_CLOSE_ITEMS, item);
		else if (kind < 97)
			resolve(f, item, value);
		else if (kind < 99)
			on_item(f, CANDOR_REQ_VOID_ITEMS, item);
		else
			assert_int_equal(fake_call(f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
									       .pool = "p",
									       .settings = {.c = 0.5 + value,
											    .entry = 0.5 + value}})
						 ->code,
					 CANDOR_OK);
	}
}

/* All that is to be seen of the pool, for comparison. */
static void describe(struct fake_owner *f, FILE *out)
{
	const struct candor_response *r =
		fake_call(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	const struct candor_pool *p = &r->pool;
	fprintf(out, "%lu %lu %lu %lu %lu %u %lu %a %a %a %a %a %a\n", p->labelers, p->open_items, p->closed_items,
		p->resolved_items, p->void_items, p->epoch, p->scored, p->total_weight, p->mean_loss, p->median_loss,
		p->plain_mean_loss, p->plain_median_loss, p->eta);
	r = fake_call(f, &(struct candor_request){
				 .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 100, .sort = CANDOR_BY_NAME});
	for (size_t i = 0; i < r->n; i++) {
		const struct candor_labeler *l = &r->labelers[i];
		fprintf(out, "%s %a %lu %a %a %a\n", l->name, l->weight, l->scored, l->own_loss, l->mean_loss,
			l->entry);
	}
	for (int i = 0; i < 300; i++) {
		char item[24];
		snprintf(item, sizeof item, "item-%d", i);
		const struct candor_item *it = fake_query(f, "p", item);
		if (!it)
			continue;
		fprintf(out, "%s %d %a %a %a %lu %a %lu", item, it->state, it->mean, it->median, it->spread, it->n,
			it->outcome, it->round);
		for (size_t j = 0; j < it->n_reports; j++)
			fprintf(out, " %s=%a*%a", it->reports[j].labeler, it->reports[j].value, it->reports[j].weight);
		fprintf(out, "\n");
	}
}

static char *description(struct fake_owner *f)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	describe(f, out);
	fclose(out);
	return text;
}

static void a_restart_finds_every_bit_and_goes_on_alike(void **state)
{
	struct fake_owner *f = *state, other;
	struct random random;
	seed_random(&random, 30);
	fake_init(&other, &f->limits);
	fake_pool(f, "p", NULL);
	fake_pool(&other, "p", NULL);
	for (int part = 0; part < 5; part++) {
		struct random same = random;
		random_events(f, &random, SANITIZED ? 100 : 400);
		random_events(&other, &same, SANITIZED ? 100 : 400);
		/* One of the two starts anew, and keeps hardly anything in memory. */
		keep_in_memory(f, part % 2 ? 3 : 1000);
		char *restarted = description(f), *never = description(&other);
		assert_string_equal(restarted, never);
		free(restarted);
		free(never);
		assert_int_equal(fake_verify(f), 0);
	}
	fake_deinit(&other);
}

static void a_late_repeat_changes_nothing_before_and_after_a_restart(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(post_as(f, "i", "ann", 0.2, 1)->batch.accepted, 1);
	assert_int_equal(post_as(f, "i", "ann", 0.7, 2)->batch.revised, 1);
	assert_int_equal(post_as(f, "i", "bob", 0.5, 0)->batch.accepted, 1);
	/* The same value again under a higher sequence: what comes between is late. */
	assert_int_equal(post_as(f, "i", "ann", 0.7, 9)->batch.duplicates, 1);
	for (int restarted = 0; restarted < 2; restarted++) {
		assert_int_equal(post_as(f, "i", "ann", 0.2, 1)->batch.duplicates, 1);
		assert_int_equal(post_as(f, "i", "ann", 0.4, 8)->batch.duplicates, 1);
		assert_int_equal(post_as(f, "i", "ann", 0.4, 9)->batch.duplicates, 1);
		assert_same_bits(fake_query(f, "p", "i")->reports[0].value, 0.7);
		assert_int_equal(fake_number(f, "SELECT count(*) FROM report_log"), 4);
		fake_restart(f);
	}
	/* Only what replaced a value is a revision, and only what counted is a report. */
	assert_int_equal(fake_number(f, "SELECT count(*) FROM revisions"), 1);
	assert_int_equal(fake_number(f, "SELECT reports FROM progress"), 3);
	assert_int_equal(fake_number(f, "SELECT count(*) FROM report_log WHERE sequence IS NULL"), 1);
	/* Without a sequence it counts as ever, and the sequence stays. */
	assert_int_equal(post_as(f, "i", "ann", 0.3, 0)->batch.revised, 1);
	assert_int_equal(post_as(f, "i", "ann", 0.7, 9)->batch.duplicates, 1);
	assert_int_equal(post_as(f, "i", "ann", 0.7, 10)->batch.revised, 1);
	/* Of an item that has ended nothing of it is left. */
	assert_int_equal(resolve(f, "i", 1)->batch.accepted, 1);
	const struct candor_response *late = post_as(f, "i", "ann", 0.2, 1);
	assert_int_equal(late->n_rejected, 1);
	assert_int_equal(late->rejected[0].code, CANDOR_FAILED_PRECONDITION);
	assert_int_equal(fake_verify(f), 0);
}

static void the_log_is_trimmed_and_long_open_items_keep_their_reports(void **state)
{
	struct fake_owner *f = *state;
	enum { ITEMS = 40, ROWS = 2500 };
	static char names[ROWS][24];
	static struct candor_report rows[ROWS];
	fake_pool(f, "p", NULL);
	post_as(f, "long-open", "first", 0.125, 7);
	for (int i = 0; i < ROWS; i++)
		snprintf(names[i], sizeof names[i], "labeler-%d", i);
	for (int k = 0; k < ITEMS; k++) {
		char item[24];
		snprintf(item, sizeof item, "item-%d", k);
		for (int i = 0; i < ROWS; i++)
			rows[i] = (struct candor_report){item, names[i], (double)((i + k) % 9) / 9};
		const struct candor_request post_all = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = ROWS, .reports = rows};
		assert_int_equal(fake_call(f, &post_all)->code, CANDOR_OK);
		/* A report now and then on the item that stays open, so that it has rows in every part of the log. */
		post_as(f, "long-open", names[k], (double)k / ITEMS, k % 3);
		if (k > 0)
			post(f, "long-open", names[k - 1], 0.5);
		on_item(f, CANDOR_REQ_CLOSE_ITEMS, item);
	}
	struct progress_row progress;
	assert_int_equal(db_progress(f->reader, &progress), 0);
	assert_true(progress.reports > ITEMS * ROWS);
	assert_true(progress.log_rows < ITEMS * ROWS);

	char *before = fake_state(f), *after;
	fake_restart(f);
	after = fake_state(f);
	assert_string_equal(after, before);
	free(before);
	free(after);
	assert_int_equal(post_as(f, "long-open", "first", 0.25, 7)->batch.duplicates, 1);
	const struct candor_item *it = fake_query(f, "p", "long-open");
	assert_non_null(it);
	assert_int_equal(it->n_reports, ITEMS + 1);
	assert_same_bits(it->reports[0].value, 0.125);
	for (int k = 0; k < ITEMS; k++) {
		assert_string_equal(it->reports[k + 1].labeler, names[k]);
		assert_same_bits(it->reports[k + 1].value, k < ITEMS - 1 ? 0.5 : (double)k / ITEMS);
	}
}

#define ENGINE(test) cmocka_unit_test_setup_teardown(test, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE(an_answer_depends_on_a_change_that_is_not_yet_on_disk),
		ENGINE(info_with_commit_waits_for_a_commit_that_changes_nothing),
		ENGINE(a_pool_exists_already_only_when_it_is_on_disk),
		ENGINE(a_full_disk_is_told_and_memory_is_as_the_disk_has_it),
		ENGINE(another_failure_of_the_database_ends_the_service),
		ENGINE(closed_items_come_back_from_disk_when_they_are_named),
		ENGINE(an_item_closed_while_a_read_was_under_way_does_not_come_back_as_new),
		ENGINE(pages_hold_every_labeler_once_in_order),
		ENGINE(a_restart_finds_every_bit_and_goes_on_alike),
		ENGINE(a_late_repeat_changes_nothing_before_and_after_a_restart),
		ENGINE(the_log_is_trimmed_and_long_open_items_keep_their_reports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
