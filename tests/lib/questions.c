#include "tests/lib/questions.h"

#include <stdint.h>
#include <stdio.h>

#include "lib/wire/wire.h"
#include "tests/lib/calls.h"

enum { BIG = 3, OLD = 4, REPORTS = 6000, LONG_NAMES = 1000, WRONG_ROWS = 4000 };

const struct question questions[QUESTIONS] = {
	{"reports of open items", CANDOR_REQ_QUERY_ITEMS, 2, false},
	{"reports of items on disk, read ahead", CANDOR_REQ_QUERY_ITEMS, 30, true},
	{"the feed", CANDOR_REQ_LIST_ITEMS, 8, false},
	{"labelers", CANDOR_REQ_LIST_LABELERS, 8, false},
	{"a trajectory", CANDOR_REQ_GET_LABELER, 8, false},
	{"the audit", CANDOR_REQ_LIST_EVENTS, 8, false},
	{"wrong rows", CANDOR_REQ_POST_REPORTS, 4, false},
};

void questions_post(struct candor *c, const char *item, size_t n)
{
	static struct candor_report rows[1000];
	static char names[1000][80];
	for (size_t from = 0; from < n; from += 1000) {
		for (size_t i = 0; i < 1000; i++) {
			snprintf(names[i], sizeof names[i], "labeler-%05zu-%060d", from + i, 0);
			rows[i] = (struct candor_report){.item = item, .labeler = names[i], .value = 0.5};
		}
		call_ok(c, (struct candor_request){
				   .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1000, .reports = rows});
	}
}

void questions_fill(struct candor *c)
{
	char name[256];
	call_create_pool(c, "p");
	for (int i = 0; i < BIG + OLD; i++) {
		snprintf(name, sizeof name, i < BIG ? "big-%d" : "old-%d", i < BIG ? i : i - BIG);
		questions_post(c, name, REPORTS);
		if (i >= BIG)
			call_resolve(c, "p", name, 1);
	}
	for (int i = 0; i < LONG_NAMES; i++) {
		snprintf(name, sizeof name, "ended-%0200d", i);
		call_report(c, "p", name, "ann", 0.25);
		call_resolve(c, "p", name, i % 2);
	}
}

static void write_one(const struct question *q, unsigned id, struct buf *out)
{
	static const char *const big[BIG] = {"big-0", "big-1", "big-2"};
	static const char *const old[OLD] = {"old-0", "old-1", "old-2", "old-3"};
	static struct candor_report wrong[WRONG_ROWS];
	struct candor_request r = {.id = id, .type = q->type, .pool = "p", .limit = 1000};
	struct arena scratch;
	for (size_t i = 0; i < WRONG_ROWS; i++)
		wrong[i] = (struct candor_report){.item = "x", .labeler = "y", .value = 7};
	switch ((int)q->type) {
	case CANDOR_REQ_QUERY_ITEMS:
		r.with_reports = true;
		r.items = q->old ? &old[id % OLD] : big;
		r.n = q->old ? 1 : BIG;
		break;
	case CANDOR_REQ_GET_LABELER:
		r.labeler = "ann";
		r.history = true;
		break;
	case CANDOR_REQ_POST_REPORTS:
		r.reports = wrong;
		r.n = WRONG_ROWS;
		break;
	}
	arena_init(&scratch, SIZE_MAX / 2);
	require(wire_encode_request(&r, &scratch, SIZE_MAX, out) == 0);
	arena_free(&scratch);
}

void question_write(const struct question *q, struct buf *out)
{
	for (unsigned i = 0; i < q->times; i++)
		write_one(q, 2 + i, out);
}

void question_write_handshake(struct buf *out)
{
	static const uint8_t hello[16 * 1024] = {0x16, 3, 1, 0x3f, 0xf0, 1, 0, 0x3f, 0xec, 3, 3};
	require(buf_append(out, hello, sizeof hello - 100) == 0);
}
