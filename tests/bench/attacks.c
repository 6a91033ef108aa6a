/* What others notice of an attack: a row for each attack and each memory_limit.
 *
 * Each runs against a daemon of its own. Beside it another principal asks for info, reports on an open item and on a new
 * one, and asks for an item, again and again: the 99th percentiles. The owner connects anew over the Unix socket and asks
 * for info: the longest time. What the system says is resident is the most since the start, beyond memory_limit. The
 * longest turn of the loop is since the start too. An answer that is late counts again for the questions that it kept from
 * being asked.
 *
 * BENCH_ATTACK_S: seconds for each (3). BENCH_LIMITS: of memory, in MiB ("64 256 1024"). BENCH_ATTACKS: only attacks with
 * these words in their names. BENCH_LABELERS: how many labelers the large pool has (400000), less where memory is short. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/wire/wire.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/mob.h"
#include "tests/lib/questions.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"

enum { GOAL_MIB = 32, GOAL_MS = 50, GOAL_OWNER_MS = 100, SAMPLES_MAX = 100000, PRINCIPALS = 64, WAVE = 256 };

#define MIB (1024.0 * 1024)
#define PERIOD_S 0.01 /* between two questions of a kind */

/* ---- times ---- */

struct times {
	double s[SAMPLES_MAX];
	size_t n;
};

static void add_time(struct times *t, double s)
{
	for (; s > 0 && t->n < SAMPLES_MAX; s -= PERIOD_S)
		t->s[t->n++] = s;
}

static double p99_ms(struct times *t)
{
	return t->n > 0 ? 1000 * bench_p99(t->s, t->n) : 0;
}

/* ---- what an attack has ---- */

struct attack;

struct scene {
	const struct attack *attack;
	unsigned limit_mib;
	struct daemon daemon;
	struct secure_files files; /* where the daemon speaks TLS */
	struct candor *owner;
	char hostile[PRINCIPALS][TOKEN_TEXT_BYTES], good[TOKEN_TEXT_BYTES];
	struct buf ask;
	struct mob *mob;
};

struct attack {
	const char *name;
	void (*begin)(struct scene *s); /* makes what it needs, and lets the mob in */
	const struct question *question;
	size_t principals; /* that the mob is, 0 for strangers; how many connections it has; */
	size_t peers;
	bool tls;
	const char *max_connections; /* NULL: as usual */
};

static void write_ask(struct scene *s, const struct candor_request *r)
{
	struct arena scratch;
	arena_init(&scratch, (size_t)1 << 30);
	require(wire_encode_request(r, &scratch, (size_t)1 << 30, &s->ask) == 0);
	arena_free(&scratch);
}

static void let_in(struct scene *s, struct mob_shape shape)
{
	shape.address = s->attack->tls ? s->daemon.tls : s->daemon.tcp;
	shape.n = s->attack->peers;
	shape.secrets = (const char(*)[TOKEN_TEXT_BYTES])s->hostile;
	shape.n_secrets = s->attack->principals;
	shape.ask = s->ask.data;
	shape.ask_bytes = s->ask.len;
	s->mob = mob_start(&shape);
}

/* Many requests of the owner's, without waiting for each. */
static void ask_all(struct scene *s, size_t n, struct candor_request (*make)(size_t i))
{
	struct raw r;
	struct candor_response answer;
	raw_open(&r, s->daemon.address);
	for (size_t done = 0; done < n;) {
		size_t end = done + WAVE < n ? done + WAVE : n;
		for (size_t i = done; i < end; i++) {
			struct candor_request request = make(i);
			request.id = i + 1;
			raw_send_request(&r, &request);
		}
		for (; done < end; done++) {
			require(raw_receive(&r, &answer) == 1);
			if (answer.code != CANDOR_OK || answer.n_rejected > 0) {
				fprintf(stderr, "attacks: %s: %s\n", s->attack->name,
					answer.code ? answer.message : answer.rejected[0].message);
				exit(1);
			}
		}
	}
	raw_close(&r);
}

/* ---- attacks on memory ---- */

static void ask_and_not_read(struct scene *s)
{
	questions_fill(s->owner);
	question_write(s->attack->question, &s->ask);
	let_in(s, (struct mob_shape){.deaf = true});
}

static void shake_half_a_hand(struct scene *s)
{
	question_write_handshake(&s->ask);
	s->ask.len /= 2;
	let_in(s, (struct mob_shape){.once = true});
}

/* ---- attacks on time ---- */

static void fill_item(struct scene *s)
{
	call_create_pool(s->owner, "p");
	questions_post(s->owner, "full", 65000);
}

/* Over and over the last of many reports on an item. */
static void repeat_rows(struct scene *s)
{
	enum { ROWS = 100000, IN_A_REQUEST = 25000 };
	static struct candor_report rows[IN_A_REQUEST];
	char labeler[80];
	fill_item(s);
	snprintf(labeler, sizeof labeler, "labeler-%05d-%060d", 64999, 0);
	for (size_t i = 0; i < IN_A_REQUEST; i++)
		rows[i] = (struct candor_report){"full", labeler, 0.5};
	for (uint64_t id = 2; id < 2 + ROWS / IN_A_REQUEST; id++)
		write_ask(s, &(struct candor_request){.id = id,
						      .type = CANDOR_REQ_POST_REPORTS,
						      .pool = "p",
						      .n = IN_A_REQUEST,
						      .reports = rows});
	let_in(s, (struct mob_shape){0});
}

/* Settings that change with each settlement. */
static struct candor_request change_settings(size_t i)
{
	static char item[32];
	static const char *items[] = {item};
	static struct candor_report report;
	static struct candor_outcome outcome;
	snprintf(item, sizeof item, "i%zu", i / 3);
	report = (struct candor_report){items[0], "ann", 0.9};
	outcome = (struct candor_outcome){items[0], 1};
	struct candor_request r = {.pool = "p", .n = 1};
	if (i % 3 == 0) {
		r.type = CANDOR_REQ_POST_REPORTS;
		r.reports = &report;
	} else if (i % 3 == 1) {
		r.type = CANDOR_REQ_RESOLVE_ITEMS;
		r.outcomes = &outcome;
	} else {
		r.type = CANDOR_REQ_UPDATE_POOL;
		r.settings = (struct candor_settings){.rate = CANDOR_FIXED,
						      .eta = 0.01 + 0.4 * (double)(i * 7919 % 9973) / 9973};
	}
	return r;
}

static void ask_for_many_settings(struct scene *s)
{
	call_create_pool(s->owner, "p");
	ask_all(s, (size_t)3 * 4000, change_settings);
	write_ask(s, &(struct candor_request){.id = 2, .type = CANDOR_REQ_GET_POOL, .pool = "p"});
	let_in(s, (struct mob_shape){0});
}

static struct candor_request make_pool(size_t i)
{
	static char name[80];
	snprintf(name, sizeof name, "pool-with-a-long-common-beginning-%06zu", i);
	return (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = name};
}

static struct candor_request grant_pool(size_t i)
{
	static char pool[80];
	static struct candor_grant grant;
	snprintf(pool, sizeof pool, "pool-with-a-long-common-beginning-%06zu%s", i * 37, i % 2 ? "x" : "");
	grant = (struct candor_grant){"token:hostile-0", pool, "", CANDOR_RIGHT_READ};
	return (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant};
}

/* In many pools, with many grants. */
static void look_around(struct scene *s)
{
	const struct candor_grant all = {"token:hostile-0", "", "", CANDOR_RIGHTS_ALL};
	size_t fit = (size_t)s->limit_mib * 96;
	ask_all(s, fit < 100000 ? fit : 100000, make_pool);
	ask_all(s, 250, grant_pool);
	call_ok(s->owner, (struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &all});
	write_ask(s, &(struct candor_request){.id = 2, .type = CANDOR_REQ_INFO});
	write_ask(s, &(struct candor_request){.id = 3, .type = CANDOR_REQ_LIST_POOLS, .limit = 1000});
	let_in(s, (struct mob_shape){0});
}

/* A large item, many times in one request. */
static void ask_for_one_item(struct scene *s)
{
	static const char *items[36];
	fill_item(s);
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		items[i] = "full";
	write_ask(s, &(struct candor_request){.id = 2,
					      .type = CANDOR_REQ_QUERY_ITEMS,
					      .pool = "p",
					      .n = sizeof items / sizeof *items,
					      .items = items});
	let_in(s, (struct mob_shape){0});
}

/* As many labelers as leave some memory to others. */
static struct candor_request add_labelers(size_t i)
{
	enum { ROWS = 1000, ROWS_ON_AN_ITEM = 50000 };
	static struct candor_report rows[ROWS];
	static char names[ROWS][32], item[32];
	snprintf(item, sizeof item, "many-%zu", i * ROWS / ROWS_ON_AN_ITEM);
	for (size_t k = 0; k < ROWS; k++) {
		snprintf(names[k], sizeof names[k], "labeler-%08zu", i * ROWS + k);
		rows[k] = (struct candor_report){item, names[k], (double)k / ROWS};
	}
	return (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = ROWS, .reports = rows};
}

static void make_labelers(struct scene *s)
{
	size_t n = bench_size("BENCH_LABELERS", 400000), fit = (size_t)s->limit_mib * 2048;
	call_create_pool(s->owner, "p");
	ask_all(s, (n < fit ? n : fit) / 1000, add_labelers);
	call_resolve(s->owner, "p", "many-0", 1);
}

static void change_a_large_pool(struct scene *s)
{
	make_labelers(s);
	for (uint64_t id = 2; id < 4; id++)
		write_ask(s, &(struct candor_request){.id = id,
						      .type = CANDOR_REQ_UPDATE_POOL,
						      .pool = "p",
						      .settings = {.share = id % 2 ? 0.01 : 0.02}});
	let_in(s, (struct mob_shape){0});
}

/* One after another, each with almost as many reports as an item takes. */
static void settle_full_items(struct scene *s)
{
	enum { ITEMS_MAX = 64, MIB_AN_ITEM = 16 };
	static char items[ITEMS_MAX][32];
	static struct candor_outcome outcomes[ITEMS_MAX];
	size_t fit = s->limit_mib / MIB_AN_ITEM, n = fit < ITEMS_MAX ? fit : ITEMS_MAX;
	call_create_pool(s->owner, "p");
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i], sizeof items[i], "full-%zu", i);
		questions_post(s->owner, items[i], 65000);
		outcomes[i] = (struct candor_outcome){items[i], 1};
		write_ask(s, &(struct candor_request){.id = 2 + i,
						      .type = CANDOR_REQ_RESOLVE_ITEMS,
						      .pool = "p",
						      .n = 1,
						      .outcomes = &outcomes[i]});
	}
	let_in(s, (struct mob_shape){0});
}

static void sort_labelers(struct scene *s)
{
	make_labelers(s);
	for (int by = CANDOR_BY_WEIGHT; by <= CANDOR_BY_NAME; by++)
		write_ask(s, &(struct candor_request){.id = 2 + (uint64_t)by,
						      .type = CANDOR_REQ_LIST_LABELERS,
						      .pool = "p",
						      .limit = 1000,
						      .sort = (enum candor_sort)by});
	let_in(s, (struct mob_shape){0});
}

/* From the disk, and they listen. */
static void read_slowly(struct scene *s)
{
	questions_fill(s->owner);
	question_write(s->attack->question, &s->ask);
	let_in(s, (struct mob_shape){0});
}

static void say_nothing(struct scene *s)
{
	let_in(s, (struct mob_shape){0});
}

static const struct attack attacks[] = {
	{"reports of open items, unread", ask_and_not_read, &questions[0], 1, 500},
	{"items on disk read ahead, unread", ask_and_not_read, &questions[1], 1, 500},
	{"the feed, unread", ask_and_not_read, &questions[2], 1, 500},
	{"labelers, unread", ask_and_not_read, &questions[3], 1, 500},
	{"a trajectory, unread", ask_and_not_read, &questions[4], 1, 500},
	{"the audit, unread", ask_and_not_read, &questions[5], 1, 500},
	{"wrong rows", ask_and_not_read, &questions[6], 1, 500},
	{"handshakes half done", shake_half_a_hand, NULL, 0, 2000, .tls = true},
	{"rows repeated on a full item", repeat_rows, NULL, 1, 4},
	{"a pool of 4000 settings", ask_for_many_settings, NULL, 1, 4},
	{"many pools, many grants", look_around, NULL, 1, 4},
	{"a full item 36 times a request", ask_for_one_item, NULL, 1, 4},
	{"settings of a large pool", change_a_large_pool, NULL, 1, 4},
	{"outcomes of full items", settle_full_items, NULL, 1, 4},
	{"a large pool's labelers, sorted", sort_labelers, NULL, 1, 4},
	{"slow reads by one principal", read_slowly, &questions[4], 1, 64},
	{"slow reads by 64 principals", read_slowly, &questions[4], PRINCIPALS, 64},
	{"silent strangers", say_nothing, NULL, 0, 4000, .max_connections = "1000"},
};

/* ---- those who behave ---- */

enum kind { ASK_INFO, REPORT, REPORT_NEW, QUERY, KINDS };

static const char *const kind_names[KINDS] = {"info", "report", "new", "query"};

struct visitor {
	struct raw raw; /* over plain TCP, with a token; */
	struct candor *candor; /* over TLS. NULL: not that */
	struct times times[KINDS];
	uint64_t rounds, refused;
	bool is_cut_off;
};

static void begin_visit(struct visitor *v, struct scene *s)
{
	const struct candor_options options = {.ca = s->files.ca, .token = s->good};
	v->candor = NULL;
	v->rounds = v->refused = 0;
	v->is_cut_off = false;
	if (s->attack->tls) {
		require(daemon_open(&s->daemon, &v->candor, s->daemon.tls, &options) == 0);
		return;
	}
	raw_open(&v->raw, s->daemon.tcp);
	raw_hello(&v->raw, s->good);
}

static void visit(struct visitor *v, enum kind kind)
{
	static const char *const open = "open item";
	char fresh[32];
	struct candor_response heard;
	const struct candor_response *answer = &heard;
	snprintf(fresh, sizeof fresh, "new-%llu", (unsigned long long)v->rounds);
	const struct candor_report report = {open, "labeler", (double)(v->rounds % 1000) / 1000},
				   first = {fresh, "labeler", 0.5};
	const struct candor_request requests[KINDS] = {
		[ASK_INFO] = {.id = 2, .type = CANDOR_REQ_INFO},
		[REPORT] = {.id = 2, .type = CANDOR_REQ_POST_REPORTS, .pool = "good", .n = 1, .reports = &report},
		[REPORT_NEW] = {.id = 2, .type = CANDOR_REQ_POST_REPORTS, .pool = "good", .n = 1, .reports = &first},
		[QUERY] = {.id = 2, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "good", .n = 1, .items = &open},
	};
	double began = clock_s();
	if (v->candor) {
		v->is_cut_off = candor_call(v->candor, &requests[kind], &answer) != 0;
	} else {
		raw_send_request(&v->raw, &requests[kind]);
		v->is_cut_off = raw_receive(&v->raw, &heard) != 1;
	}
	if (v->is_cut_off)
		return;
	v->refused += answer->code != CANDOR_OK || answer->n_rejected > 0;
	add_time(&v->times[kind], clock_s() - began);
}

static void go_on_visiting(struct visitor *v, double seconds)
{
	for (int k = 0; k < KINDS; k++)
		v->times[k].n = 0;
	for (double until = clock_s() + seconds; clock_s() < until && !v->is_cut_off; v->rounds++) {
		double began = clock_s();
		for (int k = 0; k < KINDS && !v->is_cut_off; k++)
			visit(v, (enum kind)k);
		double rest = PERIOD_S - (clock_s() - began);
		if (rest > 0)
			nap_ms(1000 * rest);
	}
}

struct owner {
	pthread_t thread;
	atomic_bool stop;
	const char *address;
	struct times times;
	unsigned failures;
};

static void *come_and_go(void *arg)
{
	struct owner *o = arg;
	while (!o->stop) {
		const struct candor_request info = {.type = CANDOR_REQ_INFO};
		const struct candor_response *answer;
		struct candor *c;
		double began = clock_s();
		bool is_served = candor_open(&c, o->address, NULL) == 0;
		if (is_served) {
			is_served = candor_call(c, &info, &answer) == 0 && answer->code == CANDOR_OK;
			candor_close(c);
		}
		o->failures += !is_served;
		add_time(&o->times, clock_s() - began);
		nap_ms(20);
	}
	return NULL;
}

/* ---- the whole ---- */

static void set_up(struct scene *s, const struct attack *a, unsigned limit_mib, const char *tls_dir)
{
	const char *options[20] = {"--listen", "tcp:127.0.0.1:0", "--resident-items", "0"};
	size_t n = 4;
	char limit[32], name[32];
	*s = (struct scene){.attack = a, .limit_mib = limit_mib};
	snprintf(limit, sizeof limit, "%uM", limit_mib);
	options[n++] = "--memory-limit";
	options[n++] = limit;
	if (a->max_connections) {
		options[n++] = "--max-connections";
		options[n++] = a->max_connections;
	}
	daemon_init(&s->daemon);
	if (a->tls) {
		struct certs_authority *ours = certs_authority_new("ours");
		secure_make(ours, tls_dir, &s->files);
		certs_authority_free(ours);
		options[n++] = "--tls-cert";
		options[n++] = s->files.cert;
		options[n++] = "--tls-key";
		options[n++] = s->files.key;
	}
	daemon_start(&s->daemon, options);
	s->owner = daemon_connect(&s->daemon);
	call_create_pool(s->owner, "good");
	allow_token(s->daemon.address, "good", CANDOR_RIGHTS_ALL, s->good);
	for (size_t i = 0; i < a->principals; i++) {
		snprintf(name, sizeof name, "hostile-%zu", i);
		allow_token(s->daemon.address, name, CANDOR_RIGHTS_ALL, s->hostile[i]);
	}
}

static void print_verdict(struct visitor *v, const struct owner *o, const double p99[KINDS], double owner_ms,
			  double beyond_mib)
{
	bool missed = false;
	for (int k = 0; k < KINDS; k++)
		if (p99[k] > GOAL_MS)
			missed = printf("%s %s", missed ? "" : "  missed:", kind_names[k]) > 0;
	if (beyond_mib > GOAL_MIB)
		missed = printf("%s memory", missed ? "" : "  missed:") > 0;
	if (owner_ms > GOAL_OWNER_MS || o->failures > 0)
		missed = printf("%s owner", missed ? "" : "  missed:") > 0;
	if (v->refused > 0)
		missed = printf("%s %llu refused", missed ? "" : "  missed:", (unsigned long long)v->refused) > 0;
	if (v->is_cut_off)
		missed = printf("%s cut off", missed ? "" : "  missed:") > 0;
	printf("%s\n", missed ? "" : "  met");
	fflush(stdout);
}

static void measure(const struct attack *a, unsigned limit_mib, double seconds)
{
	static struct scene s;
	static struct visitor v;
	static struct owner o;
	char tls_dir[64] = "";
	double p99[KINDS], owner_ms = 0;
	struct mob_count count;
	if (a->tls)
		files_new_dir(tls_dir, sizeof tls_dir);
	set_up(&s, a, limit_mib, tls_dir);
	o = (struct owner){.address = s.daemon.address};
	begin_visit(&v, &s);
	go_on_visiting(&v, 0.2);
	a->begin(&s);
	if (pthread_create(&o.thread, NULL, come_and_go, &o) != 0)
		exit(1);
	go_on_visiting(&v, seconds);
	o.stop = true;
	pthread_join(o.thread, NULL);
	double beyond_mib = daemon_peak_kib(s.daemon.pid) / 1024 - limit_mib;
	for (int k = 0; k < KINDS; k++)
		p99[k] = p99_ms(&v.times[k]);
	for (size_t i = 0; i < o.times.n; i++)
		owner_ms = 1000 * o.times.s[i] > owner_ms ? 1000 * o.times.s[i] : owner_ms;
	mob_stop(s.mob, &count);
	double loop_ms = (double)call_info(s.owner)->loop_max_us / 1000;
	printf("%-34s %5u %9.1f %8.1f %8.1f %8.1f %8.1f %8.1f %8.1f %9.1f", a->name, limit_mib, beyond_mib,
	       p99[ASK_INFO], p99[REPORT], p99[REPORT_NEW], p99[QUERY], owner_ms, loop_ms,
	       (double)count.heard_bytes / MIB);
	print_verdict(&v, &o, p99, owner_ms, beyond_mib);
	if (!v.candor)
		raw_close(&v.raw);
	buf_free(&s.ask);
	if (daemon_stop(&s.daemon))
		exit(1);
	daemon_deinit(&s.daemon);
	if (a->tls)
		files_remove_dir(tls_dir);
}

int main(void)
{
	const char *limits = getenv("BENCH_LIMITS"), *words = getenv("BENCH_ATTACKS");
	double seconds = (double)bench_size("BENCH_ATTACK_S", 3);
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 5000) {
		printf("attacks: not measured, the system gives too few file descriptors\n");
		return 0;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	printf("%-34s %5s %9s %35s %8s %8s %9s\n%-34s %5s %9s %8s %8s %8s %8s %8s %8s %9s\n", "", "limit", "resident",
	       "another client's p99 in ms", "owner", "loop", "answers", "attack", "MiB", "beyond it", "info", "report",
	       "new item", "query", "max ms", "max ms", "MiB");
	printf("%-34s %5s %9d %8d %8d %8d %8d %8d\n", "goal, at most", "", GOAL_MIB, GOAL_MS, GOAL_MS, GOAL_MS, GOAL_MS,
	       GOAL_OWNER_MS);
	for (const char *at = limits ? limits : "64 256 1024"; *at;) {
		char *end;
		unsigned mib = (unsigned)strtoul(at, &end, 10);
		if (end == at || mib < 64) {
			fprintf(stderr, "BENCH_LIMITS: numbers of MiB, at least 64\n");
			return 2;
		}
		for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
			if (!words || strstr(attacks[i].name, words))
				measure(&attacks[i], mib, seconds);
		at = end;
	}
	return 0;
}
