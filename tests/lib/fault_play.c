#include "tests/lib/fault_play.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/db/internal.h"
#include "daemon/engine/state.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/proof.h"
#include "tests/lib/unit.h"

/* ---- the script ---- */

#define ITEMS(...)                                                                                       \
	.n = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), .items = (const char *const[]) \
	{                                                                                                \
		__VA_ARGS__                                                                              \
	}
#define REPORTS(...)                                                                             \
	.n = sizeof((const struct candor_report[]){__VA_ARGS__}) / sizeof(struct candor_report), \
	.reports = (const struct candor_report[])                                                \
	{                                                                                        \
		__VA_ARGS__                                                                      \
	}
#define OUTCOMES(...)                                                                              \
	.n = sizeof((const struct candor_outcome[]){__VA_ARGS__}) / sizeof(struct candor_outcome), \
	.outcomes = (const struct candor_outcome[])                                                \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define GRANTS(...)                                                                            \
	.n = sizeof((const struct candor_grant[]){__VA_ARGS__}) / sizeof(struct candor_grant), \
	.grants = (const struct candor_grant[])                                                \
	{                                                                                      \
		__VA_ARGS__                                                                    \
	}
#define ASK(TYPE, ...)                                              \
	{                                                           \
		.type = CANDOR_REQ_##TYPE, .pool = "p", __VA_ARGS__ \
	}
#define ONE(words, ...)                                            \
	{                                                          \
		.what = words, .n = 1, .requests = { __VA_ARGS__ } \
	}

/* Of the archive of the image's rounds. */
static uint8_t archived_state[DIGEST_BYTES], archived_digest[DIGEST_BYTES];

/* Item names: r* are resolved by the image, c* closed, o* open, n* new. */
static const struct play_step singles[] = {
	ONE("a new pool", {.type = CANDOR_REQ_CREATE_POOL, .pool = "q", .settings = {.share = 0.01}}),
	ONE("a first report of a new pool", {.type = CANDOR_REQ_POST_REPORTS, .pool = "q", REPORTS({"n", "x", 0.5})}),
	ONE("a new labeler on an open item", ASK(POST_REPORTS, REPORTS({"o1", "newcomer", 0.75}))),
	ONE("a new item", ASK(POST_REPORTS, REPORTS({"n1", "a", 0.25}))),
	ONE("a revision", ASK(POST_REPORTS, REPORTS({"o1", "newcomer", 0.125}))),
	ONE("a duplicate", ASK(POST_REPORTS, REPORTS({"o1", "newcomer", 0.125}))),
	ONE("closing", ASK(CLOSE_ITEMS, ITEMS("o1"))),
	ONE("an outcome of a closed item", ASK(RESOLVE_ITEMS, OUTCOMES({"o1", 1}))),
	{.what = "an outcome of an open item",
	 .halves = true,
	 .n = 1,
	 .requests = {ASK(RESOLVE_ITEMS, OUTCOMES({"o2", 0}))}},
	ONE("withdrawing an open item", ASK(VOID_ITEMS, ITEMS("o3"))),
	ONE("closing another", ASK(CLOSE_ITEMS, ITEMS("o4"))),
	ONE("the feed, with what items are now", ASK(LIST_ITEMS, .with_now = true, .limit = 5)),
	ONE("outcomes together", ASK(RESOLVE_ITEMS, .together = true, OUTCOMES({"o4", 1}, {"c0", 0}))),
	ONE("the same again", ASK(RESOLVE_ITEMS, .together = true, OUTCOMES({"c0", 0}, {"o4", 1}))),
	ONE("a recheck", ASK(RECHECK_ITEMS, OUTCOMES({"c0", 1}))),
	ONE("withdrawing a closed item that is on disk", ASK(VOID_ITEMS, ITEMS("c1"))),
	ONE("an outcome of an item on disk", ASK(RESOLVE_ITEMS, OUTCOMES({"c2", 0.5}))),
	ONE("new settings", ASK(UPDATE_POOL, .settings = {.c = 1.5})),
	ONE("a query of open items", ASK(QUERY_ITEMS, .with_reports = true, .with_now = true, ITEMS("n1", "o0"))),
	ONE("a query of items on disk", ASK(QUERY_ITEMS, .with_reports = true, ITEMS("r0", "r1", "c0", "nowhere"))),
	ONE("pruning", ASK(PRUNE_POOL, .round = 4, .state = archived_state, .digest = archived_digest, .file = "a.gz")),
	ONE("a query of items that are archived", ASK(QUERY_ITEMS, .with_reports = true, ITEMS("r2", "r3"))),
	ONE("the feed", ASK(LIST_ITEMS, .limit = 4)),
	ONE("what happened to items", ASK(LIST_CHANGES, .limit = 4)),
	ONE("a labeler's history", ASK(GET_LABELER, .labeler = "b", .history = true, .limit = 10)),
	ONE("the labelers", ASK(LIST_LABELERS, .limit = 10)),
	ONE("the pools", {.type = CANDOR_REQ_LIST_POOLS, .limit = 10}),
	ONE("a grant", {.type = CANDOR_REQ_ADD_GRANT, GRANTS({"uid:7", "p", "", CANDOR_RIGHT_READ})}),
	ONE("more of it", {.type = CANDOR_REQ_ADD_GRANT, GRANTS({"uid:7", "p", "", CANDOR_RIGHT_INSPECT})}),
	ONE("a grant to a group", {.type = CANDOR_REQ_ADD_GRANT, GRANTS({"gid:7", "", "x-", CANDOR_RIGHT_REPORT})}),
	{.what = "a token",
	 .once = true,
	 .n = 1,
	 .requests = {{.type = CANDOR_REQ_CREATE_TOKEN,
		       .name = "t",
		       GRANTS({"", "p", "", CANDOR_RIGHT_READ}, {"", "q", "", CANDOR_RIGHT_ADMIN})}}},
	ONE("less of a grant", {.type = CANDOR_REQ_REMOVE_GRANT, GRANTS({"uid:7", "p", "", CANDOR_RIGHT_READ})}),
	ONE("no more of a grant", {.type = CANDOR_REQ_REMOVE_GRANT, GRANTS({"gid:7", "", "x-", CANDOR_RIGHT_REPORT})}),
	ONE("the grants", {.type = CANDOR_REQ_LIST_GRANTS, .limit = 10}),
	ONE("the end of a token", {.type = CANDOR_REQ_REVOKE_TOKEN, .name = "t"}),
	ONE("the tokens", {.type = CANDOR_REQ_LIST_TOKENS, .limit = 10}),
	ONE("a report after all that", ASK(POST_REPORTS, REPORTS({"n2", "late", 1}))),
};

static const struct play_step batches[] = {
	ONE("new items, new labelers", ASK(POST_REPORTS, REPORTS({"n1", "a", 0.25}, {"n1", "x", 0.5}, {"n2", "x", 1},
								 {"n2", "y", 0}, {"n1", "y", 1}))),
	{.what = "reports, a closing, settings",
	 .n = 3,
	 .requests = {ASK(POST_REPORTS, REPORTS({"n1", "a", 0.5}, {"o1", "x", 0.5}, {"o1", "z", 0.75})),
		      ASK(CLOSE_ITEMS, ITEMS("n1", "o1")), ASK(UPDATE_POOL, .settings = {.c = 1.5})}},
	{.what = "outcomes and withdrawings",
	 .n = 2,
	 .requests = {ASK(RESOLVE_ITEMS, OUTCOMES({"o2", 0}, {"n2", 1})), ASK(VOID_ITEMS, ITEMS("o3", "o4"))}},
	ONE("outcomes of items on disk", ASK(RESOLVE_ITEMS, OUTCOMES({"c1", 1}, {"c2", 0}))),
	ONE("outcomes together", ASK(RESOLVE_ITEMS, .together = true, OUTCOMES({"c0", 0}, {"n1", 1}))),
	ONE("rechecks", ASK(RECHECK_ITEMS, OUTCOMES({"c0", 1}, {"n1", 0.5}))),
	ONE("a query of items on disk", ASK(QUERY_ITEMS, .with_reports = true, ITEMS("r0", "c1", "nowhere"))),
};

static void fill(struct fake_owner *f)
{
	static const char *const labelers[] = {"a", "b", "c", "d"};
	char name[16];
	fake_pool(f, "p", NULL);
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof name, "%c%d", i < 4 ? 'r' : i < 7 ? 'c' : 'o', i < 4 ? i : i < 7 ? i - 4 : i - 7);
		for (int j = 0; j < 4; j++)
			require(fake_post(f, "p", name, labelers[j], (i * 7 + j * 3) % 8 / 8.0) == CANDOR_OK);
		if (i < 4)
			require(fake_resolve(f, "p", name, i % 2) == CANDOR_OK);
		else if (i < 7)
			require(fake_close(f, "p", name) == CANDOR_OK);
	}
}

/* Of the four rounds that the image has, and of nothing else: what comes later does not change it. */
static void make_archive(const struct fake_owner *image)
{
	struct archive_row made;
	char path[sizeof image->path + 8];
	snprintf(path, sizeof path, "%s.gz", image->path);
	int err = fake_archive(image, "p", UINT64_MAX, path, &made);
	if (err)
		print_error("the image cannot be archived: %s\n", candor_strerror(err));
	assert_int_equal(err, 0);
	assert_true(made.first == 1 && made.last == 4);
	memcpy(archived_state, made.state, sizeof archived_state);
	memcpy(archived_digest, made.digest, sizeof archived_digest);
	require(unlink(path) == 0);
}

void play_make_image(struct fake_owner *f)
{
	struct engine_limits limits = fake_roomy_limits();
	/* What is no longer open leaves memory soon. */
	limits.resident_items = 2;
	limits.quota.open_items = 1000; /* never met, but counted */
	fake_init(f, &limits);
	fill(f);
	fake_stop(f);
}

/* ---- a round ---- */

struct round {
	const struct play *play;
	const struct fault *fault;
	struct fake_owner f;
	const struct play_step *step;
	struct ask *asks[PLAY_BATCH_MAX];
	struct buf answers;
};

#define demand(r, condition, ...)                                                                          \
	do {                                                                                               \
		if (!(condition)) {                                                                        \
			print_error("%s; %s: ", (r)->fault->nth ? fault_describe((r)->fault) : "no fault", \
				    (r)->step ? (r)->step->what : "the end");                              \
			print_error(__VA_ARGS__);                                                          \
			print_error("\n");                                                                 \
			fail();                                                                            \
		}                                                                                          \
	} while (0)

static void begin(struct round *r)
{
	fault_pause();
	fake_place_copy(&r->f, &r->play->image);
	fake_start(&r->f);
	/* So that the log is brought home in the middle of it. */
	require(sqlite3_exec(r->f.writer->handle, "PRAGMA wal_autocheckpoint = 12", NULL, NULL, NULL) == SQLITE_OK);
	fault_resume();
}

static void take_answer(struct round *r, const struct ask *a)
{
	struct arena scratch;
	arena_init(&scratch, SIZE_MAX / 2);
	require(wire_encode_response(&a->answer, &scratch, 1 << 30, &r->answers) == 0);
	arena_free(&scratch);
}

/* A refusal must say what is the matter, and blame neither the history nor whoever asked. */
static void check_refusal(const struct round *r, const struct ask *a)
{
	static const int wrong[] = {ERR_HISTORY, ERR_SCHEMA, ERR_DAMAGED, ERR_LOCKED, ERR_MALFORMED};
	const struct candor_response *answer = &a->answer;
	enum candor_code code = answer->n_rejected ? answer->rejected[0].code : answer->code;
	const char *words = answer->n_rejected ? answer->rejected[0].message : answer->message;
	bool of_memory = r->fault->kind >= FAULT_FILE_KINDS;
	if (a->err == 0 && code != CANDOR_OK)
		demand(r,
		       code == CANDOR_RESOURCE_EXHAUSTED ||
			       (!of_memory && (code == CANDOR_INTERNAL || code == CANDOR_UNAVAILABLE)) || r->f.failed,
		       "it is refused with %d: %s", (int)code, words);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		demand(r, a->err != wrong[i] && !strstr(words, candor_strerror(wrong[i])) && r->f.failed != wrong[i],
		       "it is refused, or the engine ends, with: %s", candor_strerror(wrong[i]));
	if (of_memory && a->err)
		demand(r, a->err == -ENOMEM, "lack of memory is reported as: %s", candor_strerror(a->err));
	if (of_memory && r->f.failed)
		demand(r, r->f.failed == -ENOMEM, "lack of memory ends it as: %s", candor_strerror(r->f.failed));
}

/* True: all is acknowledged, and r->answers has the answers. Faults are paused when it returns. */
static bool attempt(struct round *r)
{
	const struct play_step *s = r->step;
	bool acknowledged = true;
	fault_pause();
	r->answers.len = 0;
	for (size_t i = 0; i < s->n; i++)
		r->asks[i] = fake_prepare(&r->f, &s->requests[i]);
	fault_resume();
	for (size_t i = 0; i < s->n; i++)
		fake_submit(r->asks[i]);
	fake_settle(&r->f);
	fault_pause();
	for (size_t i = 0; i < s->n; i++) {
		const struct ask *a = r->asks[i];
		demand(r, a->replied && a->settled, "it is never answered");
		bool good = a->err == 0 && a->answer.code == CANDOR_OK &&
			    (a->answer.n_rejected == 0 || a->answer.rejected[0].code == CANDOR_NOT_FOUND);
		if (good)
			take_answer(r, a);
		else
			check_refusal(r, a);
		acknowledged = acknowledged && good;
	}
	return acknowledged;
}

static void drop_asks(struct round *r)
{
	for (size_t i = 0; i < r->step->n; i++)
		ask_free(r->asks[i]);
}

static bool is_state(struct round *r, size_t i, const char *text)
{
	return strcmp(r->play->states[i], text) == 0;
}

/* What whoever comes after a crash at this moment would find: the state before the step (`old`), or after it (`new`). */
static void check_crash(struct round *r, size_t i, bool old, bool new)
{
	struct fake_owner after;
	fake_place_copy(&after, &r->f);
	demand(r, fake_verify(&after) == 0, "after a crash it does not open, or does not verify");
	char *text = fake_state_on_disk(&after);
	bool fits = (old && is_state(r, i, text)) || (new &&is_state(r, i + 1, text)) || (old && r->step->halves);
	if (!fits)
		print_error("%s\nbefore: %s\nafter: %s\n", text, r->play->states[i], r->play->states[i + 1]);
	demand(r, fits, "after a crash another state is found");
	free(text);
	fake_deinit(&after);
}

/* The engine has ended: another one begins. Whether the step stands. */
static bool begin_anew(struct round *r, size_t i, bool acknowledged)
{
	fault_arm(NULL);
	fake_crash(&r->f);
	int err = fake_try_start(&r->f);
	demand(r, err == 0, "it does not start again: %s", candor_strerror(err));
	char *text = fake_state(&r->f);
	demand(r, is_state(r, i + 1, text) || (!acknowledged && (is_state(r, i, text) || r->step->halves)),
	       "it starts again with another state:\n%s", text);
	bool stands = is_state(r, i + 1, text);
	free(text);
	return stands;
}

/* Memory has the state before the step, and disk the same. */
static void check_refused(struct round *r, size_t i)
{
	char *memory = fake_state(&r->f), *disk = fake_state_on_disk(&r->f);
	demand(r, strcmp(memory, disk) == 0, "memory and disk differ:\n%s\n%s", memory, disk);
	demand(r, r->step->halves || is_state(r, i, memory), "it is refused, and has had an effect:\n%s", memory);
	free(memory);
	free(disk);
}

static void check_acknowledged(struct round *r, size_t i)
{
	char *memory = fake_state(&r->f);
	demand(r, is_state(r, i + 1, memory), "it is acknowledged, and the state is another:\n%s\nnot\n%s", memory,
	       r->play->states[i + 1]);
	free(memory);
}

static void check_answers(struct round *r, size_t i)
{
	const struct buf *want = &r->play->answers[i];
	demand(r, r->answers.len == want->len && memcmp(r->answers.data, want->data, want->len) == 0,
	       "the answer is another");
}

static void play_step(struct round *r, size_t i)
{
	r->step = &r->play->steps[i];
	uint64_t before = fault_injected();
	bool acknowledged = attempt(r);
	bool no_room = r->asks[0]->err == ERR_DISK_FULL;
	if (acknowledged && !r->step->once)
		check_answers(r, i);
	if (fault_injected() > before)
		check_crash(r, i, !acknowledged, !no_room);
	bool failed = r->f.failed != 0, stands = false;
	bool for_room = r->fault->kind == FAULT_WRITE || r->fault->kind == FAULT_SHM_MAP;
	demand(r, !failed || r->fault->how == FAULT_BROKEN || !for_room, "for want of room it ends: %s",
	       candor_strerror(r->f.failed));
	if (failed)
		stands = begin_anew(r, i, acknowledged);
	else if (!acknowledged && engine_is_read_only(r->f.engine)) {
		if (r->fault->lasting)
			fault_arm(NULL);
		engine_probe(r->f.engine);
		fake_settle(&r->f);
		demand(r, !engine_is_read_only(r->f.engine), "it stays read-only when there is room");
	}
	drop_asks(r);
	if (acknowledged) {
		check_acknowledged(r, i);
		fault_resume();
		return;
	}
	if (!failed)
		check_refused(r, i);
	if (r->fault->lasting)
		fault_arm(NULL);
	fault_resume();
	if (r->step->once && stands)
		return;
	demand(r, attempt(r), "asked again it is refused: %s", r->asks[0]->answer.message);
	drop_asks(r);
	check_acknowledged(r, i);
	fault_resume();
}

/* What stands in that table, but for change numbers: what was refused and asked again has another. */
static char *events_of(const struct fake_owner *f)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	require(out);
	require(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	require(sqlite3_prepare_v2(db, "SELECT by, action, pool, subject, detail FROM events ORDER BY change", -1, &s,
				   NULL) == SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int i = 0; i < 5; i++)
			fprintf(out, "%s%s", (const char *)sqlite3_column_text(s, i), i < 4 ? " | " : "\n");
	require(sqlite3_finalize(s) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
	fclose(out);
	return text;
}

uint64_t play_round(struct play *p, const struct fault *fault)
{
	struct round r = {.play = p, .fault = fault};
	begin(&r);
	fault_arm(fault);
	for (size_t i = 0; i < p->n; i++)
		play_step(&r, i);
	fault_arm(NULL);
	r.step = NULL;
	fake_stop(&r.f);
	demand(&r, fake_verify(&r.f) == 0, "it does not verify");
	char *text = fake_state_on_disk(&r.f);
	demand(&r, is_state(&r, p->n, text), "the state on disk is another:\n%s", text);
	free(text);
	text = events_of(&r.f);
	demand(&r, strcmp(text, p->events) == 0, "who did what is another:\n%snot\n%s", text, p->events);
	free(text);
	fake_deinit(&r.f);
	buf_free(&r.answers);
	return fault_injected();
}

/* ---- without a fault ---- */

void play_init(struct play *p, bool many)
{
	static const struct fault none;
	*p = (struct play){.steps = many ? batches : singles};
	p->n = many ? sizeof batches / sizeof *batches : sizeof singles / sizeof *singles;
	fault_arm(NULL);
	play_make_image(&p->image);
	make_archive(&p->image);
	p->states = calloc(p->n + 1, sizeof *p->states);
	p->answers = calloc(p->n, sizeof *p->answers);
	require(p->states && p->answers);

	struct round r = {.play = p, .fault = &none};
	begin(&r);
	p->states[0] = fake_state(&r.f);
	for (size_t i = 0; i < p->n; i++) {
		r.step = &p->steps[i];
		demand(&r, attempt(&r), "it is refused: %s", r.asks[0]->answer.message);
		fault_resume();
		drop_asks(&r);
		p->answers[i] = r.answers;
		r.answers = (struct buf){0};
		p->states[i + 1] = fake_state(&r.f);
	}
	fake_stop(&r.f);
	p->events = events_of(&r.f);
	fake_deinit(&r.f);
}

void play_deinit(struct play *p)
{
	for (size_t i = 0; i <= p->n; i++)
		free(p->states[i]);
	for (size_t i = 0; i < p->n; i++)
		buf_free(&p->answers[i]);
	free(p->states);
	free(p->answers);
	free(p->events);
	fake_deinit(&p->image);
}

/* ---- all of them ---- */

static uint64_t all_injected;

void play_every(enum fault_kind kind, enum fault_how how, bool lasting, bool many)
{
	static uint64_t calls;
	/* Where not every n is tried, each call begins with another one. */
	uint64_t step = proof_size(53, 9, 1);
	struct fault fault = {kind, how, 1 + calls++ % step, lasting};
	struct play p;
	play_init(&p, many);
	for (uint64_t struck = 1; struck > 0; fault.nth += step)
		all_injected += struck = play_round(&p, &fault);
	/* Else whoever is to count them does not. */
	assert_true(fault_count(kind) > 0);
	play_deinit(&p);
}

uint64_t play_injected(void)
{
	return all_injected;
}

int play_set_up(void **state)
{
	(void)state;
	fault_vfs_install();
	return 0;
}

int play_tear_down(void **state)
{
	(void)state;
	fault_vfs_remove();
	return 0;
}

int play_reset(void **state)
{
	(void)state;
	fault_reset();
	return 0;
}
