/* History that is archived and removed: what the engine goes on with is what it would have gone on with anyway, to the
 * last bit, whatever is pruned when and wherever it crashes; and nothing goes that is not in a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/offline/archive.h"
#include "daemon/offline/archive_file.h"
#include "daemon/engine/state.h"
#include "lib/base/random.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/pool_play.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { ARCHIVES_MAX = 16 };

/* An engine with a pool "p", and the archives of it. */
struct world {
	struct fake_owner f;
	struct pool_play play;
	char files[ARCHIVES_MAX][128];
	const char *named[ARCHIVES_MAX];
	size_t n_files;
};

static void set_up(struct world *w, uint64_t seed, uint32_t labelers)
{
	struct engine_limits limits = fake_roomy_limits();
	/* What is not open comes from disk, where it may be archived. */
	limits.resident_items = 4;
	memset(w, 0, sizeof *w);
	fake_init(&w->f, &limits);
	pool_play_init(&w->play, "p", labelers, seed);
	fake_pool(&w->f, "p", NULL);
	for (size_t i = 0; i < ARCHIVES_MAX; i++) {
		snprintf(w->files[i], sizeof w->files[i], "%s/%zu.gz", w->f.dir, i);
		w->named[i] = w->files[i];
	}
}

static void tear_down(struct world *w)
{
	for (size_t i = 0; i < ARCHIVES_MAX; i++)
		unlink(w->files[i]);
	fake_deinit(&w->f);
}

/* Rounds that many times, each on a few reports. */
static void play_rounds(struct world *w, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++, w->play.items++) {
		char item[24];
		snprintf(item, sizeof item, "r%u", w->play.items);
		w->f.now_ms++;
		fake_post(&w->f, "p", item, "ann", random_unit(&w->play.random));
		fake_post(&w->f, "p", item, "bob", random_unit(&w->play.random));
		fake_post(&w->f, "p", item, "bob", random_unit(&w->play.random));
		assert_int_equal(fake_resolve(&w->f, "p", item, i % 2), CANDOR_OK);
	}
}

/* Writes the next archive: whether there was anything for it. */
static bool write_archive(struct world *w, uint64_t before, struct archive_row *made)
{
	assert_true(w->n_files < ARCHIVES_MAX);
	assert_int_equal(fake_archive(&w->f, "p", before, w->named[w->n_files], made), 0);
	if (made->last < made->first)
		return false;
	w->n_files++;
	return true;
}

static void tell(struct world *w, const struct archive_row *made)
{
	const struct candor_request r = fake_prune_request("p", made, "a.gz");
	const struct candor_response *answer = fake_call(&w->f, &r);
	if (answer->code)
		print_error("%s\n", answer->message);
	assert_int_equal(answer->code, CANDOR_OK);
	assert_int_equal(answer->pool.archived, made->last);
}

static bool prune(struct world *w, uint64_t before)
{
	struct archive_row made;
	if (!write_archive(w, before, &made))
		return false;
	tell(w, &made);
	return true;
}

static const struct pool *pool_of(struct world *w)
{
	return w->f.engine->pools[0]->pool;
}

static char *describe(struct world *w)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	fake_describe_pool(pool_of(w), out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_verifies(struct world *w)
{
	assert_int_equal(fake_verify(&w->f), 0);
	assert_int_equal(fake_verify_with(&w->f, w->named, w->n_files), 0);
	for (size_t from = 1; from < w->n_files; from++)
		assert_int_equal(fake_verify_with(&w->f, w->named + from, w->n_files - from), 0);
}

static void assert_on_disk_as_in_memory(struct world *w)
{
	char *memory = fake_state(&w->f), *disk = fake_state_on_disk(&w->f);
	assert_string_equal(disk, memory);
	free(memory);
	free(disk);
}

/* ---- what goes on ---- */

static void a_pruned_pool_goes_on_as_if_nothing_had_been_pruned(void **state)
{
	uint64_t games = proof_size(2, 12, 60), prunes = 0, settlements = 0, blocks = 0, rechecks = 0;
	(void)state;
	for (uint64_t game = 0; game < games; game++) {
		struct world whole, pruned;
		struct random chance;
		random_init(&chance, game, 1);
		uint32_t labelers = 2 + (uint32_t)random_below(&chance, 30);
		set_up(&whole, game, labelers);
		set_up(&pruned, game, labelers);
		for (int part = 0; part < 6; part++) {
			int steps = 50 + (int)random_below(&chance, 400);
			pool_play_steps(&whole.play, &whole.f, steps);
			pool_play_steps(&pruned.play, &pruned.f, steps);
			/* Up to a while ago, so that some of what is settled stays; or up to now. */
			uint64_t before = pruned.f.now_ms + 1 - random_below(&chance, 2) * random_below(&chance, 200);
			prunes += prune(&pruned, before);
			if (random_chance(&chance, 0.4)) {
				fake_restart(&pruned.f);
			}
			char *a = describe(&whole), *b = describe(&pruned);
			assert_string_equal(b, a);
			free(a);
			free(b);
			assert_on_disk_as_in_memory(&pruned);
		}
		assert_verifies(&pruned);
		/* The feed is whole, and of an item all that is not its reports. */
		struct candor_request feed = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 1000};
		const struct candor_response *a = fake_call(&whole.f, &feed), *b = fake_call(&pruned.f, &feed);
		assert_int_equal(a->n, b->n);
		for (size_t i = 0; i < a->n; i++) {
			assert_string_equal(b->items[i].item, a->items[i].item);
			assert_int_equal(b->items[i].state, a->items[i].state);
			assert_same_bits(b->items[i].mean, a->items[i].mean);
			assert_same_bits(b->items[i].ess, a->items[i].ess);
			assert_same_bits(b->items[i].weighted_loss, a->items[i].weighted_loss);
			assert_same_bits(b->items[i].eta, a->items[i].eta);
			assert_same_bits(b->items[i].outcome, a->items[i].outcome);
			assert_int_equal(b->items[i].n, a->items[i].n);
			assert_int_equal(b->items[i].round, a->items[i].round);
			assert_int_equal(b->items[i].block, a->items[i].block);
			assert_same_bits(b->items[i].forecast, a->items[i].forecast);
			assert_int_equal(b->items[i].has_recheck, a->items[i].has_recheck);
			assert_same_bits(b->items[i].recheck, a->items[i].recheck);
		}
		blocks += pruned.play.blocks;
		rechecks += pruned.play.rechecks;
		settlements += pool_totals(pool_of(&pruned))->round;
		tear_down(&whole);
		tear_down(&pruned);
	}
	assert_true(prunes > games && blocks > games && rechecks > games);
	proof_say("prunes compared with a pool that was not pruned", prunes);
	proof_say("blocks that were settled together in them", blocks);
	proof_say("settlements of pruned pools replayed with and without their archives", settlements);
}

/* ---- what is left ---- */

static void archived_items_say_so_and_take_nothing_more(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 1, 2);
	play_rounds(&w, 3);
	fake_post(&w.f, "p", "closed", "ann", 0.5);
	fake_close(&w.f, "p", "closed");
	fake_post(&w.f, "p", "open", "ann", 0.5);
	fake_post(&w.f, "p", "void", "ann", 0.5);
	fake_close(&w.f, "p", "void");
	fake_void(&w.f, "p", "void");
	play_rounds(&w, 1);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	assert_int_equal(made.first, 1);
	assert_int_equal(made.last, 4);
	assert_int_equal(made.reports, 8);
	tell(&w, &made);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM settlements"), 0, 0);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM revisions"), 0, 0);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM reports"), 3, 0);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM items WHERE weights IS NULL AND reports = '[]'"), 4, 0);

	for (int restart = 0; restart < 2; restart++) {
		const struct candor_item *item = fake_query(&w.f, "p", "r1");
		assert_true(item->archived);
		assert_int_equal(item->n, 2);
		assert_int_equal(item->n_reports, 0);
		assert_int_equal(item->state, CANDOR_RESOLVED);
		assert_true(item->mean > 0 && item->ess > 0 && item->eta > 0);
		assert_false(fake_query(&w.f, "p", "closed")->archived);
		assert_int_equal(fake_query(&w.f, "p", "closed")->n_reports, 1);
		assert_int_equal(fake_post(&w.f, "p", "r1", "ann", 0.5), CANDOR_FAILED_PRECONDITION);
		assert_int_equal(fake_post(&w.f, "p", "r1", "zoe", 0.5), CANDOR_FAILED_PRECONDITION);
		assert_int_equal(fake_resolve(&w.f, "p", "r1", 1), CANDOR_OK);
		assert_int_equal(fake_resolve(&w.f, "p", "r1", 0), CANDOR_FAILED_PRECONDITION);
		assert_int_equal(fake_void(&w.f, "p", "r1"), CANDOR_FAILED_PRECONDITION);
		assert_int_equal(fake_close(&w.f, "p", "r1"), CANDOR_OK);
		const struct candor_request history = {
			.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "ann", .history = true};
		const struct candor_response *answer = fake_call(&w.f, &history);
		assert_int_equal(answer->n, 0);
		assert_true(answer->archived);
		assert_string_equal(answer->next, "");
		fake_restart(&w.f);
	}
	/* What was closed before is settled after. */
	assert_int_equal(fake_resolve(&w.f, "p", "closed", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(&w.f, "p", "open", 0), CANDOR_OK);
	const struct candor_response *answer = fake_call(
		&w.f, &(struct candor_request){
			      .type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "ann", .history = true});
	assert_int_equal(answer->n, 2);
	assert_true(answer->archived);
	assert_verifies(&w);
	tear_down(&w);
}

static void only_a_prefix_of_the_rounds_goes_and_only_what_is_older(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 2, 2);
	play_rounds(&w, 4);
	uint64_t then = w.f.now_ms + 1;
	w.f.now_ms += 10;
	play_rounds(&w, 2);
	/* A clock that was set back: these are behind younger ones and stay. */
	w.f.now_ms -= 100;
	play_rounds(&w, 2);
	assert_int_equal(fake_archive(&w.f, "p", then, NULL, &made), 0);
	assert_int_equal(made.last, 4);
	assert_int_equal(made.reports, 8);
	assert_int_equal(access(w.named[0], F_OK), -1);
	assert_true(prune(&w, then));
	assert_false(prune(&w, then));
	assert_near(fake_number(&w.f, "SELECT min(round) FROM settlements"), 5, 0);
	assert_true(prune(&w, UINT64_MAX));
	assert_verifies(&w);
	tear_down(&w);
}

/* ---- what is refused ---- */

static void expect(struct world *w, const struct candor_request *r, enum candor_code code, const char *words)
{
	const struct candor_response *answer = fake_call(&w->f, r);
	assert_int_equal(answer->code, code);
	if (words && !strstr(answer->message, words))
		print_error("\"%s\" does not say \"%s\"\n", answer->message, words);
	assert_true(!words || strstr(answer->message, words));
}

static void a_daemon_that_comes_to_another_state_removes_nothing(void **state)
{
	struct world w;
	struct archive_row made, other;
	(void)state;
	set_up(&w, 3, 2);
	play_rounds(&w, 5);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	other = made;
	other.state[7] ^= 1;
	struct candor_request r = fake_prune_request("p", &other, "a.gz");
	expect(&w, &r, CANDOR_FAILED_PRECONDITION, "does not match this database");
	other = made;
	other.last = 6;
	r = fake_prune_request("p", &other, "a.gz");
	expect(&w, &r, CANDOR_FAILED_PRECONDITION, "round 6 is not in the history");
	other.last = 4;
	r = fake_prune_request("p", &other, "a.gz");
	expect(&w, &r, CANDOR_FAILED_PRECONDITION, "does not match this database");
	assert_near(fake_number(&w.f, "SELECT count(*) FROM settlements"), 5, 0);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM archives"), 0, 0);

	/* The same again is no fault; another file of the same rounds is. */
	tell(&w, &made);
	tell(&w, &made);
	other = made;
	other.digest[0] ^= 1;
	r = fake_prune_request("p", &other, "a.gz");
	expect(&w, &r, CANDOR_FAILED_PRECONDITION, "other archives");
	assert_near(fake_number(&w.f, "SELECT count(*) FROM archives"), 1, 0);
	assert_verifies(&w);
	tear_down(&w);
}

/* What was settled together is not taken apart, by date or otherwise. */
static void a_cut_within_a_block_is_refused(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 3, 2);
	play_rounds(&w, 2);
	for (int i = 0; i < 3; i++) {
		char item[] = {'a', (char)('0' + i), 0};
		fake_post(&w.f, "p", item, "ann", 0.25);
		fake_post(&w.f, "p", item, "bob", 0.75);
	}
	const struct candor_outcome rows[] = {{"a0", 1}, {"a1", 0}, {"a2", 1}};
	const struct candor_request block = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = 3, .outcomes = rows};
	uint64_t before = ++w.f.now_ms;
	assert_int_equal(fake_call(&w.f, &block)->code, CANDOR_OK);
	w.f.now_ms++;
	play_rounds(&w, 1);
	assert_true(write_archive(&w, before, &made));
	assert_int_equal(made.last, 2);
	for (made.last = 3; made.last <= 4; made.last++) {
		const struct candor_request r = fake_prune_request("p", &made, "a.gz");
		expect(&w, &r, CANDOR_FAILED_PRECONDITION, "was settled together with those up to round 5");
	}
	assert_int_equal(unlink(w.files[--w.n_files]), 0);
	assert_true(prune(&w, before + 1));
	const struct candor_item *item = fake_query(&w.f, "p", "a1");
	assert_true(item->archived && item->block == 3);
	assert_verifies(&w);
	tear_down(&w);
}

static void only_the_daemons_user_and_root_may_prune(void **state)
{
	static const struct identity peers[] = {
		{.name = "uid:1000", .is_known = true, .is_local = true},
		{.name = "token:t", .is_known = true, .is_local = true},
		{.name = "cert:CN=t", .is_known = true},
		{.name = "tcp:10.0.0.1"},
	};
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 4, 2);
	play_rounds(&w, 2);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	const struct candor_request r = fake_prune_request("p", &made, "a.gz");
	for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
		const struct candor_grant all = {peers[i].name, "", "", CANDOR_RIGHT_ADMIN};
		struct grant_row row;
		assert_int_equal(grants_change(w.f.engine->grants, &all, true, &row), 1);
		struct ask *a = fake_prepare(&w.f, &r);
		a->identity = peers[i];
		fake_submit(a);
		fake_settle(&w.f);
		assert_int_equal(a->answer.code, peers[i].is_known ? CANDOR_PERMISSION_DENIED : CANDOR_UNAUTHENTICATED);
		ask_free(a);
	}
	tell(&w, &made);
	tear_down(&w);
}

static void two_at_a_time_are_not_begun_and_writes_go_on(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 5, 2);
	play_rounds(&w, 5);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	const struct candor_request r = fake_prune_request("p", &made, "a.gz");
	struct ask *first = fake_ask(&w.f, &r), *second = fake_ask(&w.f, &r);
	assert_false(first->replied);
	assert_int_equal(second->answer.code, CANDOR_UNAVAILABLE);
	ask_free(second);
	fake_read_work(&w.f, 0);
	/* While it has read and is not heard of yet, more is settled. */
	struct candor_report row = {"later", "ann", 0.5};
	struct ask *post = fake_ask(
		&w.f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	fake_settle(&w.f);
	assert_true(post->settled && first->settled);
	assert_int_equal(first->answer.pool.archived, 5);
	ask_free(post);
	ask_free(first);
	assert_int_equal(fake_resolve(&w.f, "p", "later", 1), CANDOR_OK);
	assert_verifies(&w);
	tear_down(&w);
}

/* ---- crashes ---- */

/* Prunes with a crash after so many commits: whether the prune was over before. */
static bool prune_and_crash(uint64_t seed, int commits, uint64_t *removed)
{
	struct world w;
	struct archive_row made;
	set_up(&w, seed, 6);
	play_rounds(&w, 600);
	pool_play_steps(&w.play, &w.f, 100);
	assert_true(write_archive(&w, w.f.now_ms - 20, &made));
	char *before = describe(&w);
	const struct candor_request r = fake_prune_request("p", &made, "a.gz");
	struct ask *ask = fake_ask(&w.f, &r);
	fake_read_done(&w.f, 0);
	bool over = false;
	for (int i = 0; i < commits && !over; i++) {
		over = !fake_tick(&w.f);
		if (!over)
			fake_commit(&w.f, 0);
	}
	bool told = ask->settled && ask->err == 0;
	fake_crash(&w.f);
	ask_free(ask);
	/* Before anything else is done, and after what was begun is done. */
	uint64_t left = (uint64_t)fake_number(&w.f, "SELECT count(*) FROM settlements");
	assert_int_equal(fake_verify(&w.f), 0);
	if (fake_number(&w.f, "SELECT count(*) FROM archives") > 0)
		assert_int_equal(fake_verify_with(&w.f, w.named, 1), 0);
	else
		assert_false(told || left < made.last);
	fake_start(&w.f);
	char *after = describe(&w);
	assert_string_equal(after, before);
	free(after);
	fake_settle(&w.f);
	tell(&w, &made);
	assert_near(fake_number(&w.f, "SELECT coalesce(min(round), 1e9) FROM settlements"),
		    pool_totals(pool_of(&w))->round > made.last ? (double)made.last + 1 : 1e9, 0);
	assert_near(fake_number(&w.f, "SELECT min(removed) FROM archives"), 1, 0);
	after = describe(&w);
	assert_string_equal(after, before);
	assert_verifies(&w);
	free(after);
	free(before);
	tear_down(&w);
	*removed += made.last;
	return over;
}

static void a_crash_between_any_two_commits_loses_nothing(void **state)
{
	uint64_t crashes = 0, removed = 0;
	(void)state;
	for (uint64_t seed = 0; seed < proof_size(1, 2, 10); seed++) {
		int commits = 0;
		while (!prune_and_crash(seed, commits, &removed))
			commits++;
		/* The boundary, three pieces of the rounds, one of the revisions. */
		assert_true(commits >= 5);
		crashes += (uint64_t)commits + 1;
	}
	proof_say("crashes between the commits of a prune", crashes);
}

static void a_removal_that_goes_on_after_a_restart_loses_no_number(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 5, 4);
	play_rounds(&w, 30);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	const struct candor_request request = fake_prune_request("p", &made, "a.gz");
	struct ask *a = fake_ask(&w.f, &request);
	fake_read_done(&w.f, 0);
	assert_true(fake_tick(&w.f));
	fake_commit(&w.f, 0);
	assert_true(a->settled && a->answer.code == CANDOR_OK);
	ask_free(a);
	fake_crash(&w.f);
	fake_start(&w.f);

	/* This commit has nothing but a piece of the removal. */
	uint64_t committed = engine_committed_change(w.f.engine);
	assert_true(committed > 0);
	assert_true(fake_tick(&w.f));
	fake_commit(&w.f, 0);
	assert_int_equal(engine_committed_change(w.f.engine), committed);
	/* What is on disk need not be waited for. */
	const struct candor_request events = {.type = CANDOR_REQ_LIST_EVENTS};
	a = fake_ask(&w.f, &events);
	assert_int_equal(w.f.n_reads, 1);
	fake_read_done(&w.f, 0);
	assert_true(a->settled && a->answer.code == CANDOR_OK);
	ask_free(a);
	engine_quiesce(w.f.engine);
	tear_down(&w);
}

static void a_full_disk_holds_a_removal_up_and_no_more(void **state)
{
	struct world w;
	struct archive_row made;
	(void)state;
	set_up(&w, 7, 2);
	play_rounds(&w, 600);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	char *before = describe(&w);
	const struct candor_request r = fake_prune_request("p", &made, "a.gz");
	for (int fails = 0; fails < 3; fails++) {
		struct ask *ask = fake_ask(&w.f, &r);
		if (!ask->replied)
			fake_read_done(&w.f, 0);
		for (int i = 0; i < fails && fake_tick(&w.f); i++)
			fake_commit(&w.f, 0);
		assert_true(fake_tick(&w.f));
		fake_commit(&w.f, ERR_DISK_FULL);
		assert_true(engine_is_read_only(w.f.engine));
		assert_false(fake_tick(&w.f));
		char *after = describe(&w);
		assert_string_equal(after, before);
		free(after);
		ask_free(ask);
		engine_probe(w.f.engine);
		fake_commit(&w.f, 0);
		if (fails < 2)
			fake_crash(&w.f), fake_start(&w.f);
	}
	fake_settle(&w.f);
	tell(&w, &made);
	assert_near(fake_number(&w.f, "SELECT count(*) FROM settlements"), 0, 0);
	assert_verifies(&w);
	free(before);
	tear_down(&w);
}

/* ---- the files ---- */

static void every_bit_and_every_byte_of_an_archive_counts(void **state)
{
	struct world w;
	struct archive_row made;
	uint8_t digest[DIGEST_BYTES], byte;
	uint64_t faults = 0;
	(void)state;
	set_up(&w, 8, 2);
	play_rounds(&w, 3);
	assert_true(write_archive(&w, UINT64_MAX, &made));
	int fd = open(w.named[0], O_RDWR);
	assert_true(fd >= 0);
	off_t size = lseek(fd, 0, SEEK_END);
	assert_int_equal(archive_file_digest(fd, digest), 0);
	assert_memory_equal(digest, made.digest, DIGEST_BYTES);
	for (off_t at = 0; at < size; at++) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		const uint8_t bad = byte ^ (uint8_t)(1u << (at % 8));
		assert_int_equal(pwrite(fd, &bad, 1, at), 1);
		int err = archive_file_digest(fd, digest);
		assert_true(err == ERR_DAMAGED || err == ERR_MALFORMED);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		faults++;
	}
	assert_int_equal(archive_file_digest(fd, digest), 0);
	tell(&w, &made);
	assert_verifies(&w);
	while (--size >= 0) {
		assert_int_equal(ftruncate(fd, size), 0);
		int err = archive_file_digest(fd, digest);
		assert_true(err == ERR_DAMAGED || err == ERR_MALFORMED);
		faults++;
	}
	assert_int_equal(fake_verify_with(&w.f, w.named, 1), ERR_DAMAGED);
	assert_int_equal(fake_verify(&w.f), 0);
	close(fd);
	proof_say("damaged and cut archives found", faults);
	tear_down(&w);
}

static void archives_must_be_this_databases_and_without_a_gap(void **state)
{
	struct world w, other;
	(void)state;
	set_up(&w, 9, 2);
	set_up(&other, 10, 2);
	for (int i = 0; i < 3; i++) {
		play_rounds(&w, 4);
		assert_true(prune(&w, UINT64_MAX));
	}
	play_rounds(&w, 2);
	play_rounds(&other, 4);
	assert_true(prune(&other, UINT64_MAX));
	assert_verifies(&w);
	const char *const *a = w.named;
	/* In any order, if they are all there from one on. */
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[2], a[0], a[1]}, 3), 0);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[2], a[1]}, 2), 0);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[0], a[2]}, 2), ERR_HISTORY);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[0]}, 1), ERR_HISTORY);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[2], a[2]}, 2), ERR_HISTORY);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){a[0], a[1], a[2], a[1]}, 4), ERR_HISTORY);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){other.named[0]}, 1), ERR_HISTORY);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){w.f.path}, 1), ERR_DAMAGED);
	assert_int_equal(fake_verify_with(&w.f, (const char *const[]){"/nowhere"}, 1), -ENOENT);
	tear_down(&w);
	tear_down(&other);
}

static void tampering_with_what_is_kept_is_found(void **state)
{
	static const struct {
		const char *sql;
		bool alone; /* also found without the archives */
	} tampering[] = {
		{"UPDATE archives SET mean_loss = mean_loss + 1e-12 WHERE last = 8", true},
		{"UPDATE archives SET stretch = stretch + 1 WHERE last = 8", true},
		{"UPDATE archives SET closes = closes + 1 WHERE last = 8", true},
		{"UPDATE archives SET hash = zeroblob(32) WHERE last = 8", true},
		{"UPDATE archives SET state = zeroblob(32) WHERE last = 4", false},
		{"UPDATE archives SET digest = zeroblob(32) WHERE last = 4", false},
		{"UPDATE archives SET labelers = labelers - 1 WHERE last = 8", true},
		{"UPDATE checkpoints SET states = zeroblob(length(states))", true},
		{"UPDATE checkpoints SET states = substr(states, 1, 48)", true},
		{"DELETE FROM checkpoints", true},
		{"DELETE FROM items WHERE round = 3", true},
		{"UPDATE items SET mean = mean * (1 + 1e-12) WHERE round = 3", false},
		{"UPDATE items SET outcome = 0.5 WHERE round = 3", false},
		{"UPDATE items SET eta = 0.25 WHERE round = 3", false},
		{"UPDATE items SET n = 3 WHERE round = 3", false},
		{"UPDATE items SET closed_at = 3 WHERE round = 3", false},
		{"UPDATE items SET name = 'another' WHERE round = 3", false},
		{"UPDATE items SET reports = '[]', weights = NULL WHERE round = 9", true},
		{"DELETE FROM archives WHERE last = 8", true},
		{"UPDATE settings SET c = 0.9", true},
	};
	struct world w;
	char copy[160];
	(void)state;
	set_up(&w, 11, 2);
	for (int i = 0; i < 2; i++) {
		play_rounds(&w, 4);
		assert_true(prune(&w, UINT64_MAX));
	}
	play_rounds(&w, 2);
	fake_stop(&w.f);
	snprintf(copy, sizeof copy, "VACUUM INTO '%s/original'", w.f.dir);
	fake_sql(&w.f, copy);
	snprintf(copy, sizeof copy, "%s/original", w.f.dir);
	struct fake_owner other = w.f;
	snprintf(other.path, sizeof other.path, "%s/tampered", w.f.dir);
	for (size_t i = 0; i < sizeof tampering / sizeof *tampering; i++) {
		struct fake_owner original = w.f;
		char sql[192];
		snprintf(original.path, sizeof original.path, "%s/original", w.f.dir);
		snprintf(sql, sizeof sql, "VACUUM INTO '%s'", other.path);
		fake_sql(&original, sql);
		assert_int_equal(fake_verify_with(&other, w.named, 2), 0);
		fake_sql(&other, tampering[i].sql);
		int alone = fake_verify(&other), with = fake_verify_with(&other, w.named, 2);
		if (with == 0 || (alone != 0) != tampering[i].alone)
			print_error("%s: %d alone, %d with the archives\n", tampering[i].sql, alone, with);
		assert_true(with != 0);
		assert_int_equal(alone != 0, tampering[i].alone);
		unlink(other.path);
	}
	unlink(copy);
	fake_start(&w.f);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pruned_pool_goes_on_as_if_nothing_had_been_pruned),
		cmocka_unit_test(archived_items_say_so_and_take_nothing_more),
		cmocka_unit_test(only_a_prefix_of_the_rounds_goes_and_only_what_is_older),
		cmocka_unit_test(a_daemon_that_comes_to_another_state_removes_nothing),
		cmocka_unit_test(a_cut_within_a_block_is_refused),
		cmocka_unit_test(only_the_daemons_user_and_root_may_prune),
		cmocka_unit_test(two_at_a_time_are_not_begun_and_writes_go_on),
		cmocka_unit_test(a_crash_between_any_two_commits_loses_nothing),
		cmocka_unit_test(a_removal_that_goes_on_after_a_restart_loses_no_number),
		cmocka_unit_test(a_full_disk_holds_a_removal_up_and_no_more),
		cmocka_unit_test(every_bit_and_every_byte_of_an_archive_counts),
		cmocka_unit_test(archives_must_be_this_databases_and_without_a_gap),
		cmocka_unit_test(tampering_with_what_is_kept_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
