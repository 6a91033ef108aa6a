/* test_import_fake.h - `candor import` against a daemon that writes down what it is told. */
#ifndef CANDOR_TEST_IMPORT_FAKE_H
#define CANDOR_TEST_IMPORT_FAKE_H

#include <fcntl.h>

#include "client/cli/base/cli.h"
#include "tests/unit/test_client_fake.h"

struct run {
	struct fake fake;
	uv_loop_t loop;
	struct cli cli;
	char path[96];
	int code;
	char words[16384]; /* what was said on stderr */
};

/* Written by the daemon's thread, read after it has ended. */
static struct buf told;

static inline void tell(const char *format, ...) PRINTF_LIKE(1, 2);

static inline void tell(const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_int_equal(buf_append(&told, text, (size_t)len), 0);
}

static inline void write_down(const struct candor_request *r)
{
	switch (r->type) {
	case CANDOR_REQ_CREATE_POOL: tell("create %s\n", r->pool); break;
	case CANDOR_REQ_POST_REPORTS:
		tell("report");
		for (size_t i = 0; i < r->n; i++)
			tell(" %s:%s=%g", r->reports[i].item, r->reports[i].labeler, r->reports[i].value);
		tell("\n");
		break;
	case CANDOR_REQ_CLOSE_ITEMS: tell("close %s\n", r->items[0]); break;
	case CANDOR_REQ_RESOLVE_ITEMS:
		tell(r->together ? "settle" : "resolve");
		for (size_t i = 0; i < r->n; i++)
			tell(" %s=%g", r->outcomes[i].item, r->outcomes[i].value);
		tell("\n");
		break;
	case CANDOR_REQ_GET_POOL: tell("look at %s\n", r->pool); break;
	default: break;
	}
}

static inline void answer(struct fake *f, const struct candor_request *r)
{
	struct candor_response made = {.id = r->id, .type = CANDOR_RES_POOL, .pool = {.name = r->pool}};
	write_down(r);
	if (r->type == CANDOR_REQ_CREATE_POOL)
		fake_respond(f, &made);
	else
		fake_answer(f, r);
}

/* ---- limits on rates ---- */

static size_t asked, refused_from, refused_until; /* requests after hello are counted from 1 */
static bool greetings_count; /* hello too */
static uint32_t retry_after_ms;

static inline void put_off(struct fake *f, const struct candor_request *r)
{
	const struct candor_response refusal = {.id = r->id,
						.code = CANDOR_RESOURCE_EXHAUSTED,
						.message = "too many reports a second",
						.retry_after_ms = retry_after_ms};
	fake_respond(f, &refusal);
}

/* Some are put off, whatever they are. */
static inline void answer_at_a_rate(struct fake *f, const struct candor_request *r)
{
	bool counts = r->type != CANDOR_REQ_HELLO || greetings_count;
	asked += counts;
	if (!counts || asked < refused_from || asked >= refused_until) {
		answer(f, r);
		return;
	}
	put_off(f, r);
	if (r->type == CANDOR_REQ_HELLO)
		fake_hang_up(f);
}

/* Imports `file` with further arguments (or NULL) from a daemon that answers so. */
static inline void import(struct run *run, fake_on_request *on_request, const char *file, char *more, char *server)
{
	*run = (struct run){.code = -1};
	told.len = 0;
	fake_start_thread(&run->fake, &run->loop, on_request);
	run->cli = (struct cli){.server = server ? server : run->fake.address, .command = &cli_import};
	snprintf(run->path, sizeof run->path, "%s/rows.csv", run->fake.dir);
	FILE *to = fopen(run->path, "w");
	assert_non_null(to);
	fputs(file, to);
	fclose(to);

	char words_path[128];
	snprintf(words_path, sizeof words_path, "%s/words", run->fake.dir);
	fflush(stderr);
	int saved = dup(STDERR_FILENO), words = open(words_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(saved >= 0 && words >= 0);
	dup2(words, STDERR_FILENO);
	char name[] = "import", pool[] = "p";
	char *argv[] = {name, pool, run->path, more, NULL};
	optind = 0;
	run->code = cli_import.run(&run->cli, more ? 4 : 3, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	ssize_t n = pread(words, run->words, sizeof run->words - 1, 0);
	assert_true(n >= 0);
	close(words);
	unlink(words_path);
	unlink(run->path);
	fake_stop_thread(&run->fake);
	assert_int_equal(buf_append(&told, "", 1), 0);
}

#define assert_told(text) assert_string_equal((const char *)told.data, text)
#define assert_says(run, text) assert_non_null(strstr((run).words, text))

#define HEAD "item,labeler,report,outcome\n"

#endif
