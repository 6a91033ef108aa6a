/* A hostile daemon: commands of candor run against one that answers whatever the input makes it answer. Each ends with
 * an exit code of its own, waits no longer for a rate than it may, and prints nothing that a terminal could act upon:
 * lines of UTF-8 without control characters.
 *
 * Nobody sleeps: nanosleep() is defined here. Only `candor import` waits by libuv, and has a short --timeout. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/base/cli.h"
#include "tests/lib/files.h"
#include "tests/fuzz/spoil.h"
#include "tests/lib/samples.h"
#include "lib/base/text.h"
#include "lib/wire/wire.h"

enum { ARGS_MAX = 8, ROWS_MAX = 4, STRING_MAX = 300, RATE_MS = 60 * 1000, IMPORT_MS = 100 };

static char dir[64], address[128], csv[96], token[96], new_token[96];

static const struct {
	const struct cli_command *command;
	const char *args[ARGS_MAX];
} runs[] = {
	{&cli_ping, {"ping"}},
	{&cli_info, {"info"}},
	{&cli_pool, {"pool", "create", "p"}},
	{&cli_pool, {"pool", "show", "p"}},
	{&cli_pool, {"pool", "list"}},
	{&cli_labelers, {"labelers", "p"}},
	{&cli_labelers, {"labelers", "p", "--all", "--sort", "regret"}},
	{&cli_labeler, {"labeler", "p", "ann"}},
	{&cli_labeler, {"labeler", "p", "ann", "--history", "--all"}},
	{&cli_query, {"query", "p", "i0", "i1"}},
	{&cli_query, {"query", "p", "i0", "--reports"}},
	{&cli_feed, {"feed", "p"}},
	{&cli_feed, {"feed", "p", "--limit", "3"}},
	{&cli_export, {"export", "p"}},
	{&cli_export, {"export", "p", "--format", "jsonl"}},
	{&cli_report, {"report", "p", "i0", "ann", "0.5"}},
	{&cli_close, {"close", "p", "i0", "i1"}},
	{&cli_resolve, {"resolve", "p", "i0", "1"}},
	{&cli_void, {"void", "p", "i0"}},
	{&cli_import, {"import", "p", csv}},
	{&cli_info, {"info", "--token-file", token}},
	{&cli_audit, {"audit", "--pool", "p"}},
	{&cli_audit, {"audit", "--all"}},
	{&cli_grants, {"grants", "list"}},
	{&cli_grants, {"grants", "list", "--pool", "p"}},
	{&cli_grants, {"grants", "add", "token:t", "report", "--pool", "p", "--labelers", "a"}},
	{&cli_grants, {"grants", "remove", "uid:7"}},
	{&cli_token, {"token", "new", "t", "report", "--labelers", "a", "--expires", "2h"}},
	{&cli_token, {"token", "new", "t", "operator", "--out", new_token}},
	{&cli_token, {"token", "list", "--token-file", token}},
	{&cli_token, {"token", "revoke", "t"}},
};

/* ---- what the daemon says ---- */

struct eater {
	struct meal *in;
	struct arena *a;
};

static const char *eat_string(struct eater *e)
{
	static const char *const good[] = {
		"",
		"ann",
		"i0",
		"a name with blanks",
		"\xe6\x9d\x8e\xe6\x9d\x8e",
		"e\xcc\x81",
		"\xf0\x9f\x90\xa6\xe2\x80\x8d",
		"\"quoted\",\\",
		"\xe2\x80\xae<",
		"%s%n",
	};
	unsigned which = eat_byte(e->in);
	if (which < 180)
		return good[which % (sizeof good / sizeof *good)];
	char *text = arena_calloc(e->a, 1, STRING_MAX + 4);
	require(text);
	if (which < 220) {
		/* Long, of one character over and over. */
		const char *unit = good[which % 6 + 1];
		size_t most = eat_byte(e->in) + 40u;
		for (size_t len = 0; len + strlen(unit) <= most && len + strlen(unit) <= STRING_MAX;
		     len += strlen(unit))
			memcpy(text + len, unit, strlen(unit));
		return text;
	}
	struct meal raw = eat_bytes(e->in, which % 16);
	if (raw.len > 0)
		memcpy(text, raw.data, raw.len);
	return text;
}

static double eat_real(struct eater *e)
{
	static const double some[] = {0,        1,         0.5, -1,   1e-300, 1e300,    NAN,
				      INFINITY, -INFINITY, 0.1, -0.0, 1e18,   12345.678};
	unsigned which = eat_byte(e->in);
	double x;
	if (which < 250)
		return some[which % (sizeof some / sizeof *some)];
	struct meal raw = eat_bytes(e->in, sizeof x);
	if (raw.len < sizeof x)
		return 0;
	memcpy(&x, raw.data, sizeof x);
	return x;
}

static uint64_t eat_int(struct eater *e)
{
	static const uint64_t some[] = {
		0, 1, 2, 1000, UINT32_MAX, 1700000000000, UINT64_MAX, INT64_MAX, 253402300800000};
	unsigned which = eat_byte(e->in);
	return which < 128 ? some[which % (sizeof some / sizeof *some)] : (uint64_t)which << (eat_byte(e->in) % 57);
}

#define S eat_string(e)
#define R eat_real(e)
#define N eat_int(e)

static void eat_pool(struct eater *e, struct candor_pool *p)
{
	*p = (struct candor_pool){.name = S,
				  .settings = {(enum candor_rate)eat_below(e->in, 5), R, R, R, R, R, R},
				  .created_at = N,
				  .labelers = N,
				  .open_items = N,
				  .closed_items = N,
				  .resolved_items = N,
				  .void_items = N,
				  .round = N,
				  .epoch = (uint32_t)N,
				  .eta = R,
				  .scored = N,
				  .t_eff = R,
				  .total_weight = R,
				  .mean_loss = R,
				  .median_loss = R,
				  .plain_mean_loss = R,
				  .plain_median_loss = R,
				  .archived = N};
	if (eat_below(e->in, 2))
		p->head = arena_calloc(e->a, 1, CANDOR_HEAD_BYTES);
	if (eat_below(e->in, 2)) {
		struct candor_best *best = arena_calloc(e->a, 1, sizeof *best);
		require(best);
		*best = (struct candor_best){S, N, R, R, R, R, R};
		p->best = best;
	}
}

static void eat_labeler(struct eater *e, struct candor_labeler *l)
{
	*l = (struct candor_labeler){S, R, N, R, R, R, R};
}

static void eat_item(struct eater *e, struct candor_item *i)
{
	*i = (struct candor_item){.item = S,
				  .state = (enum candor_item_state)eat_below(e->in, 5),
				  .mean = R,
				  .median = R,
				  .plain_mean = R,
				  .plain_median = R,
				  .spread = R,
				  .ess = R,
				  .n = N,
				  .outcome = R,
				  .round = N,
				  .eta = R,
				  .weighted_loss = R,
				  .opened_at = N,
				  .closed_at = N,
				  .ended_at = N,
				  .archived = eat_below(e->in, 2)};
	struct candor_item_report *rows = arena_calloc(e->a, ROWS_MAX, sizeof *rows);
	require(rows);
	i->reports = rows;
	i->n_reports = eat_below(e->in, ROWS_MAX + 1);
	for (size_t k = 0; k < i->n_reports; k++)
		rows[k] = (struct candor_item_report){S, R, R};
}

static void eat_info(struct eater *e, struct candor_info *i)
{
	*i = (struct candor_info){.version = S,
				  .protocol = (uint32_t)N,
				  .uptime_ms = N,
				  .started_at = N,
				  .pools = N,
				  .labelers = N,
				  .open_items = N,
				  .connections = N,
				  .committed = N,
				  .reports = N,
				  .settlements = N,
				  .read_only = eat_below(e->in, 2),
				  .reason = S,
				  .database_bytes = N,
				  .commits = N,
				  .resident_items = N,
				  .database = S,
				  .memory_bytes = N,
				  .memory_limit = N,
				  .resident_bytes = N,
				  .loop_turns = N,
				  .loop_p50_us = N,
				  .loop_p99_us = N,
				  .loop_max_us = N,
				  .wal_bytes = N,
				  .recent_commits = N,
				  .commit_p50_us = N,
				  .commit_p99_us = N};
}

static void eat_token(struct eater *e, struct candor_token *t)
{
	*t = (struct candor_token){S, N, N, N};
}

static void eat_grant(struct eater *e, struct candor_grant *g)
{
	*g = (struct candor_grant){S, S, S, eat_byte(e->in)};
}

static void eat_rows(struct eater *e, struct candor_response *r)
{
	static const uint8_t hash[CANDOR_HEAD_BYTES + 1] = {0xca, 0, 0xff};
	struct candor_pool *pools = arena_calloc(e->a, ROWS_MAX, sizeof *pools);
	struct candor_item *items = arena_calloc(e->a, ROWS_MAX, sizeof *items);
	struct candor_labeler *labelers = arena_calloc(e->a, ROWS_MAX, sizeof *labelers);
	struct candor_settlement *history = arena_calloc(e->a, ROWS_MAX, sizeof *history);
	struct candor_grant *grants = arena_calloc(e->a, ROWS_MAX, sizeof *grants);
	struct candor_token *tokens = arena_calloc(e->a, ROWS_MAX, sizeof *tokens);
	struct candor_event *events = arena_calloc(e->a, ROWS_MAX, sizeof *events);
	struct candor_rejected *rejected = arena_calloc(e->a, ROWS_MAX, sizeof *rejected);
	require(pools && items && labelers && history && grants && tokens && events && rejected);
	r->n = eat_below(e->in, ROWS_MAX + 1);
	for (size_t i = 0; i < r->n; i++) {
		if (r->type == CANDOR_RES_POOLS)
			eat_pool(e, &pools[i]);
		else if (r->type == CANDOR_RES_ITEMS)
			eat_item(e, &items[i]);
		else if (r->type == CANDOR_RES_LABELERS)
			eat_labeler(e, &labelers[i]);
		else if (r->type == CANDOR_RES_LABELER)
			history[i] = (struct candor_settlement){
				N, S, R, R, R, R, R, R, R, (uint32_t)N, N, hash, i % 2 ? NULL : hash + 1};
		else if (r->type == CANDOR_RES_GRANTS)
			eat_grant(e, &grants[i]);
		else if (r->type == CANDOR_RES_TOKENS)
			eat_token(e, &tokens[i]);
		else if (r->type == CANDOR_RES_EVENTS)
			events[i] = (struct candor_event){N, N, S, S, S, S, S};
	}
	r->n_rejected = eat_below(e->in, ROWS_MAX + 1);
	for (size_t i = 0; i < r->n_rejected; i++)
		rejected[i] = (struct candor_rejected){(uint32_t)N, (enum candor_code)eat_below(e->in, 20), S};
	r->pools = pools;
	r->items = items;
	r->labelers = labelers;
	r->history = history;
	r->grants = grants;
	r->tokens = tokens;
	r->events = events;
	r->rejected = rejected;
}

static struct candor_response eat_response(struct eater *e, const struct candor_request *request)
{
	struct candor_response r = {
		.id = request->id, .message = "", .type = wire_answer_of(request->type), .next = ""};
	unsigned odd = eat_byte(e->in);
	if (request->type == CANDOR_REQ_HELLO && odd < 250) {
		r.welcome = (struct candor_welcome){CANDOR_PROTOCOL, S, 1 << 20, 16, S};
		return r;
	}
	if (odd < 32) {
		r.code = odd < 16 ? CANDOR_RESOURCE_EXHAUSTED : (enum candor_code)eat_byte(e->in);
		r.retry_after_ms = odd % 2 ? (uint32_t)N : 0;
		r.message = S;
		r.id = odd < 4 ? 0 : r.id;
		r.type = CANDOR_RES_NONE;
		return r;
	}
	if (odd == 32)
		r.type = (enum candor_response_type)eat_below(e->in, CANDOR_RES_EVENTS + 1);
	r.welcome = (struct candor_welcome){(uint32_t)N, S, N, (uint32_t)N, S};
	if (r.type == CANDOR_RES_INFO)
		eat_info(e, &r.info);
	if (r.type == CANDOR_RES_POOL)
		eat_pool(e, &r.pool);
	if (r.type == CANDOR_RES_LABELER)
		eat_labeler(e, &r.labeler);
	if (r.type == CANDOR_RES_NEW_TOKEN) {
		eat_token(e, &r.token);
		r.secret = S;
	}
	eat_rows(e, &r);
	r.batch = (struct candor_batch){N, N, N};
	r.next = S;
	r.more = eat_below(e->in, 2);
	r.archived = eat_below(e->in, 2);
	r.total = N;
	r.total_weight = R;
	return r;
}

#undef S
#undef R
#undef N

/* Appends what is said to a request; false: that was its last word. A message that may not be whole is one, or the
 * client would wait for the rest of it. */
static bool answer(struct meal *in, const struct candor_request *request, struct buf *out)
{
	struct arena a;
	struct eater e = {in, &a};
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	struct candor_response r;
	struct meal raw;
	unsigned how = eat_below(in, 16);
	if (in->len == 0)
		return false;
	arena_init(&a, 1 << 24);
	switch (how) {
	case 0:
		raw = eat_bytes(in, eat_byte(in));
		require(buf_append(out, raw.data, raw.len) == 0);
		break;
	case 1:
	case 2:
		r = samples[eat_byte(in) % n];
		r.id = request->id;
		require(wire_encode_response(&r, &a, 1 << 24, out) == 0);
		if (how == 1)
			fuzz_spoil(out, in);
		break;
	default: r = eat_response(&e, request); require(wire_encode_response(&r, &a, 1 << 24, out) == 0);
	}
	arena_free(&a);
	return how > 1;
}

/* ---- the daemon, on a thread of its own ---- */

static int listener;
static struct sockaddr_un place; /* where it listens */
static struct meal script; /* what is left of the input */
static atomic_uint served; /* connections */

static atomic_uint taken; /* answers that did not put the request off to another time */

static bool puts_off(const struct buf *out)
{
	struct frame f;
	struct view message;
	struct arena a;
	struct candor_response r;
	frame_init(&f, 1 << 24);
	arena_init(&a, 1 << 24);
	require(frame_push(&f, out->data, out->len) == 0);
	bool off = frame_next(&f, &message) == 1 && wire_decode_response(&a, message.data, message.len, &r) == 0 &&
		   r.code == CANDOR_RESOURCE_EXHAUSTED && r.retry_after_ms > 0;
	frame_free(&f);
	arena_free(&a);
	return off;
}

static void serve(int fd)
{
	struct frame f;
	struct arena a;
	char bytes[4096];
	bool on = true;
	ssize_t n;
	frame_init(&f, 1 << 24);
	arena_init(&a, 1 << 24);
	while ((n = read(fd, bytes, sizeof bytes)) > 0) {
		struct view message;
		require(frame_push(&f, bytes, (size_t)n) == 0);
		while (on && frame_next(&f, &message) == 1) {
			struct wire_request request;
			struct buf out = {0};
			arena_reset(&a);
			require(wire_decode_request(&a, message.data, message.len, &request) == 0);
			on = answer(&script, &request.request, &out);
			if (out.len > 0 && !puts_off(&out))
				taken++;
			if (out.len > 0 && send(fd, out.data, out.len, MSG_NOSIGNAL) < 0)
				on = false;
			if (!on)
				shutdown(fd, SHUT_WR);
			buf_free(&out);
		}
	}
	frame_free(&f);
	arena_free(&a);
	served++;
	close(fd);
}

static void *run_daemon(void *arg)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		require(fd >= 0);
		serve(fd);
	}
	return arg;
}

/* Until each connection that there was is over: they are served one by one, and this is the last. */
static void await_daemon(void)
{
	char byte;
	unsigned before = served;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(fd >= 0 && TEMP_FAILURE_RETRY(connect(fd, (struct sockaddr *)&place, sizeof place)) == 0);
	require(shutdown(fd, SHUT_WR) == 0 && TEMP_FAILURE_RETRY(read(fd, &byte, 1)) == 0 && served != before);
	close(fd);
}

/* ---- waiting ---- */

static uint64_t most_ms; /* that one request may wait */
static uint64_t waited_ms; /* since something was taken */
static unsigned waited_at;

int nanosleep(const struct timespec *for_how_long, struct timespec *rest)
{
	(void)rest;
	if (waited_at != taken)
		waited_ms = 0;
	waited_at = taken;
	waited_ms += (uint64_t)for_how_long->tv_sec * 1000 + (uint64_t)for_how_long->tv_nsec / 1000000;
	require(waited_ms <= most_ms);
	return 0;
}

/* ---- what is printed ---- */

static FILE *catch (FILE **stream, char **text, size_t *len)
{
	FILE *real = *stream;
	require((*stream = open_memstream(text, len)));
	return real;
}

/* What candor itself says to a terminal, to write a line anew. */
static size_t without_own(char *text, size_t len)
{
	static const char own[] = "\r\033[K";
	enum { OWN = sizeof own - 1 };
	size_t kept = 0;
	for (size_t i = 0; i < len;) {
		if (len - i >= OWN && memcmp(text + i, own, OWN) == 0)
			i += OWN;
		else
			text[kept++] = text[i++];
	}
	return kept;
}

static void check_printed(char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - (text + at)) : len - at;
		const char *fault = text_fault(text + at, n);
		if (fault)
			fprintf(stderr, "a line that was printed %s: %.*s\n", fault, (int)n, text + at);
		require(!fault);
		at += n + 1;
	}
	free(text);
}

/* Everything that was written to it past stdio, and where it was written to before. */
static int terminal, raw;

static void begin_raw(void)
{
	fflush(stdout);
	require((terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0 && ftruncate(raw, 0) == 0);
	require(lseek(raw, 0, SEEK_SET) == 0 && dup2(raw, STDOUT_FILENO) >= 0);
}

static void end_raw(void)
{
	off_t len = lseek(raw, 0, SEEK_END);
	char *text = malloc((size_t)len + 1);
	require(len >= 0 && text && pread(raw, text, (size_t)len, 0) == len);
	require(dup2(terminal, STDOUT_FILENO) >= 0 && close(terminal) == 0);
	check_printed(text, (size_t)len);
}

/* ---- the commands ---- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	require(file && fputs(text, file) >= 0 && fchmod(fileno(file), 0600) == 0 && fclose(file) == 0);
}

static void clean_up(void)
{
	unlink(csv);
	unlink(token);
	unlink(address + strlen("unix:"));
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	static const char rows[] = "item,labeler,report,outcome\na,ann,0.5,1\na,bob,1,\nb,ann,0,\nb,bob,2,\n";
	pthread_t thread;
	files_new_dir(dir, sizeof dir);
	snprintf(csv, sizeof csv, "%s/rows.csv", dir);
	snprintf(token, sizeof token, "%s/token", dir);
	snprintf(new_token, sizeof new_token, "%s/new.token", dir);
	snprintf(address, sizeof address, "unix:%s/s", dir);
	place.sun_family = AF_UNIX;
	snprintf(place.sun_path, sizeof place.sun_path, "%.100s", address + strlen("unix:"));
	atexit(clean_up);
	write_file(csv, rows);
	write_file(token, "candor_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	require((raw = memfd_create("stdout", MFD_CLOEXEC)) >= 0);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(listener >= 0 && bind(listener, (struct sockaddr *)&place, sizeof place) == 0 &&
		listen(listener, 8) == 0);
	/* libFuzzer's clock is not for it. */
	sigset_t all, old;
	sigfillset(&all);
	require(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
	require(pthread_create(&thread, NULL, run_daemon, NULL) == 0);
	require(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	unsigned which = eat_byte(&in) % (sizeof runs / sizeof *runs), how = eat_byte(&in);
	struct cli c = {.server = address, .json = how & 1, .command = runs[which].command};
	c.term = (struct cli_term){.out_tty = how & 2, .err_tty = how & 4, .utf8 = how & 8, .width = 40 + how / 4};
	char *argv[ARGS_MAX + 1] = {0}, *out, *err;
	size_t out_len, err_len;
	int argc = 0;
	for (; argc < ARGS_MAX && runs[which].args[argc]; argc++)
		require((argv[argc] = strdup(runs[which].args[argc])));
	char *copies[ARGS_MAX];
	memcpy(copies, argv, sizeof copies); /* getopt_long() moves them about */

	script = in;
	bool imports = c.command == &cli_import, makes_token = c.command == &cli_token;
	c.timeout_ms = imports ? IMPORT_MS : how & 16 ? 5000 : 0;
	most_ms = c.timeout_ms ? c.timeout_ms : RATE_MS;
	waited_ms = 0;
	if (makes_token)
		begin_raw();
	FILE *real_out = catch (&stdout, &out, &out_len), *real_err = catch (&stderr, &err, &err_len);
	optind = 0;
	int code = c.command->run(&c, argc, argv);
	candor_close(c.daemon);
	await_daemon();
	require(fclose(stdout) == 0 && fclose(stderr) == 0);
	stdout = real_out;
	stderr = real_err;
	if (makes_token) {
		end_raw();
		unlink(new_token);
	}
	check_printed(out, out_len);
	check_printed(err, c.term.err_tty ? without_own(err, err_len) : err_len);
	require(code >= CLI_DONE && code <= CLI_UNREACHABLE);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
	return 0;
}
