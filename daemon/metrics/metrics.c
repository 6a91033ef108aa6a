#include "daemon/metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/watch.h"
#include "daemon/metrics/choice.h"
#include "daemon/metrics/exposition.h"
#include "daemon/metrics/process.h"
#include "lib/base/heap.h"

#define SECOND_NS 1000000000u
#define SECOND_US 1000000u
#define SECOND_MS 1000u

/* Looked at with each piece, as long as not all are: some 0.3 ms. */
enum { POOLS_A_PIECE = 4096, DESCRIPTORS_A_PIECE = 256 };

struct page {
	struct body body; /* first */
	const struct metrics_source *source;
	struct exposition to;
	struct metrics_daemon daemon;
	struct process process;
	struct descriptor_count descriptors;
	struct choice pools; /* whose figures are told */
	size_t family; /* the next one, */
	bool begun; /* its head is written, */
	size_t at; /* and so many of its parts */
};

static const struct figures *figures_of(const struct page *p)
{
	return engine_figures(p->source->engine);
}

/* ---- families ---- */

/* Appends one part of a family, number p->at: a sample or a few. False: there are no more. */
typedef bool part(struct page *p);

#define LABEL(name, value) (&(const struct exposition_label){name, value}), 1
#define NO_LABEL NULL, 0

static bool tell(struct page *p, uint64_t value)
{
	if (p->at > 0)
		return false;
	exposition_number(&p->to, NO_LABEL, value);
	return true;
}

static bool tell_parts(struct page *p, uint64_t value, uint64_t of)
{
	if (p->at > 0)
		return false;
	exposition_parts(&p->to, NO_LABEL, value, of);
	return true;
}

static bool tell_buckets(struct page *p, const struct buckets *b, const uint64_t *bounds, uint64_t of)
{
	if (p->at > 0)
		return false;
	exposition_buckets(&p->to, NO_LABEL, b, bounds, of);
	return true;
}

static bool build(struct page *p)
{
	if (p->at > 0)
		return false;
	exposition_number(&p->to, LABEL("version", CANDOR_VERSION), 1);
	return true;
}

static bool start_time(struct page *p)
{
	return tell_parts(p, p->daemon.started_at, SECOND_MS);
}

static bool process_start_time(struct page *p)
{
	return tell_parts(p, p->daemon.began_at, SECOND_MS);
}

static bool processor(struct page *p)
{
	return tell_parts(p, p->process.processor_us, SECOND_US);
}

static bool virtual_memory(struct page *p)
{
	return tell(p, p->process.virtual_bytes);
}

static bool resident_memory(struct page *p)
{
	return tell(p, p->process.resident_bytes);
}

static bool max_descriptors(struct page *p)
{
	return tell(p, p->process.max_descriptors);
}

static bool open_descriptors(struct page *p)
{
	while (!process_count_descriptors(&p->descriptors, DESCRIPTORS_A_PIECE))
		;
	return tell(p, p->descriptors.n);
}

/* In the order of the oneof; what could not be read first. */
static const char *kind_name(size_t kind)
{
	static const char *const names[CANDOR_REQ_TYPES] = {
		[CANDOR_REQ_UNKNOWN] = "unknown",
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) [CANDOR_REQ_##NAME] = #field,
#include "lib/requests.def"
	};
	return names[kind];
}

/* Those that never came have no line; but OK begins with 0, for a rate needs a beginning. */
static bool requests(struct page *p)
{
	if (p->at == (size_t)CANDOR_REQ_TYPES)
		return false;
	for (size_t code = 0; code < FIGURES_CODES; code++) {
		uint64_t n = figures_of(p)->requests[p->at][code];
		const struct exposition_label labels[] = {{"kind", kind_name(p->at)},
							  {"code", candor_code_name((enum candor_code)code)}};
		if (n > 0 || (code == CANDOR_OK && p->at != CANDOR_REQ_UNKNOWN))
			exposition_number(&p->to, labels, 2, n);
	}
	return true;
}

static bool durations(struct page *p)
{
	if (p->at == (size_t)CANDOR_REQ_TYPES)
		return false;
	exposition_buckets(&p->to, LABEL("kind", kind_name(p->at)), &figures_of(p)->durations[p->at], buckets_of_time,
			   SECOND_NS);
	return true;
}

static bool reports(struct page *p)
{
#define RESULT_LABEL(NAME, label) label,
	static const char *const results[REPORT_RESULT_COUNT] = {REPORT_RESULTS(RESULT_LABEL)};
	if (p->at == REPORT_RESULT_COUNT)
		return false;
	exposition_number(&p->to, LABEL("result", results[p->at]), figures_of(p)->reports[p->at]);
	return true;
}

static bool commit_durations(struct page *p)
{
	return tell_buckets(p, &figures_of(p)->commit_durations, buckets_of_time, SECOND_NS);
}

static bool commit_rows(struct page *p)
{
	return tell_buckets(p, &figures_of(p)->commit_rows, buckets_of_count, 1);
}

static bool commits_failed(struct page *p)
{
	return tell(p, figures_of(p)->commits_failed);
}

static bool loop_lag(struct page *p)
{
	return tell_buckets(p, &p->daemon.lag, buckets_of_time, SECOND_NS);
}

static bool connections(struct page *p)
{
	char text[ADDRESS_TEXT_MAX];
	uint64_t n;
	if (!p->source->listener(p->source->owner, p->at, text, &n))
		return false;
	exposition_number(&p->to, LABEL("listener", text), n);
	return true;
}

/* The engine's reasons, then the connections'. */
static bool refused(struct page *p)
{
#define REFUSAL_LABEL(NAME, label) label,
	static const char *const reasons[ENGINE_REFUSAL_COUNT] = {ENGINE_REFUSALS(REFUSAL_LABEL)};
	const char *reason;
	uint64_t n;
	if (p->at < ENGINE_REFUSAL_COUNT) {
		reason = reasons[p->at];
		n = figures_of(p)->refused[p->at];
	} else if (!p->source->refusal(p->source->owner, p->at - ENGINE_REFUSAL_COUNT, &reason, &n)) {
		return false;
	}
	exposition_number(&p->to, LABEL("reason", reason), n);
	return true;
}

static bool auth_failures(struct page *p)
{
	return tell(p, figures_of(p)->auth_failures);
}

static bool read_only(struct page *p)
{
	static const struct {
		int err;
		const char *reason;
	} reasons[] = {{ERR_DISK_FULL, "disk_full"}, {ERR_BUSY, "locked"}};
	if (p->at == sizeof reasons / sizeof *reasons)
		return false;
	exposition_number(&p->to, LABEL("reason", reasons[p->at].reason),
			  engine_read_only(p->source->engine) == reasons[p->at].err);
	return true;
}

static bool database_size(struct page *p)
{
	return tell(p, p->daemon.database_bytes);
}

static bool wal_size(struct page *p)
{
	return tell(p, p->daemon.wal_bytes);
}

static bool disk_left(struct page *p)
{
	return tell(p, p->daemon.disk_bytes);
}

/* By share: what is taken, and what may be. 0: nothing is refused for it, what needs more waits or has less. */
static const char *memory_share(const struct page *p, size_t share, uint64_t *taken, uint64_t *most)
{
	struct watched_memory m;
	engine_watch_memory(p->source->engine, &m);
	const struct metrics_daemon *d = &p->daemon;
	const struct {
		const char *name;
		uint64_t taken, most;
	} shares[] = {
		{"pools", m.pools, m.pools_max},
		{"connections", d->connections_bytes, d->connections_max},
		{"batches", m.batches, 2 * (uint64_t)m.batch_max},
		{"reads", m.loads, 0},
		{"sqlite", d->sqlite_bytes, 0},
		{"grants", m.rights, 0},
		{"limits", m.quota, 0},
	};
	if (share == sizeof shares / sizeof *shares)
		return NULL;
	*taken = shares[share].taken;
	*most = shares[share].most;
	return shares[share].name;
}

static bool memory(struct page *p)
{
	uint64_t taken, most;
	const char *share = memory_share(p, p->at, &taken, &most);
	if (share)
		exposition_number(&p->to, LABEL("share", share), taken);
	return share;
}

static bool memory_share_limits(struct page *p)
{
	uint64_t taken, most;
	const char *share = memory_share(p, p->at, &taken, &most);
	if (share && most)
		exposition_number(&p->to, LABEL("share", share), most);
	return share;
}

static bool memory_limit(struct page *p)
{
	return tell(p, p->daemon.memory_limit);
}

static struct watched_totals totals_of(const struct page *p)
{
	struct watched_totals t;
	engine_watch_totals(p->source->engine, &t);
	return t;
}

static bool pools(struct page *p)
{
	return tell(p, totals_of(p).pools);
}

static bool labelers(struct page *p)
{
	return tell(p, totals_of(p).labelers);
}

static bool open_items(struct page *p)
{
	return tell(p, totals_of(p).open);
}

/* ---- families of pools ---- */

/* The next pool that was chosen, number p->at; NULL: there are no more. Where memory was rebuilt it may be gone. */
static const char *next_pool(struct page *p, struct watched_pool *out)
{
	while (!choice_look(&p->pools, p->source->engine, POOLS_A_PIECE))
		;
	if (p->at >= p->pools.n || p->pools.each[p->at].pool >= engine_watched_pools(p->source->engine))
		return NULL;
	engine_watch_pool(p->source->engine, p->pools.each[p->at].pool, out);
	return out->name;
}

#define POOL_LABEL(w) LABEL("pool", (w).name)

#define POOL_FAMILY(name, tell_it, has, value)                 \
	static bool name(struct page *p)                       \
	{                                                      \
		struct watched_pool w;                         \
		if (!next_pool(p, &w))                         \
			return false;                          \
		if (has)                                       \
			tell_it(&p->to, POOL_LABEL(w), value); \
		return true;                                   \
	}

/* The clock may have been set back. */
static uint64_t age_ms(const struct page *p, uint64_t since)
{
	return since && p->daemon.now > since ? p->daemon.now - since : 0;
}

static void tell_ms(struct exposition *x, const struct exposition_label *labels, size_t n, uint64_t ms)
{
	exposition_parts(x, labels, n, ms, SECOND_MS);
}

POOL_FAMILY(pool_labelers_now, exposition_number, true, w.labelers)
POOL_FAMILY(pool_oldest_open, tell_ms, true, age_ms(p, w.oldest_open_at))
POOL_FAMILY(pool_awaited, exposition_number, true, w.closed)
POOL_FAMILY(pool_settlements, exposition_number, true, w.resolved)
POOL_FAMILY(pool_regret_now, exposition_real, w.has_best, w.regret)
POOL_FAMILY(pool_gain, exposition_real, w.has_best, w.gain)
POOL_FAMILY(pool_regret_bound, exposition_real, w.has_best, w.bound)
POOL_FAMILY(pool_largest_share, exposition_real, w.has_weights, w.largest_share)
POOL_FAMILY(pool_effective, exposition_real, w.has_weights, w.effective)

static bool pool_items_now(struct page *p)
{
	struct watched_pool w;
	if (!next_pool(p, &w))
		return false;
	const struct {
		const char *state;
		uint64_t n;
	} states[] = {{"open", w.open}, {"closed", w.closed}, {"resolved", w.resolved}, {"void", w.voided}};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		const struct exposition_label labels[] = {{"pool", w.name}, {"state", states[i].state}};
		exposition_number(&p->to, labels, 2, states[i].n);
	}
	return true;
}

static bool pool_losses(struct page *p)
{
	struct watched_pool w;
	if (!next_pool(p, &w))
		return false;
	const struct {
		const char *aggregate;
		double loss;
	} losses[] = {
		{"mean", w.mean_loss},
		{"median", w.median_loss},
		{"plain_mean", w.plain_mean_loss},
		{"plain_median", w.plain_median_loss},
		{"forecast", w.forecast_loss},
	};
	for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
		const struct exposition_label labels[] = {{"pool", w.name}, {"aggregate", losses[i].aggregate}};
		exposition_real(&p->to, labels, 2, losses[i].loss);
	}
	return true;
}

/* ---- the table ---- */

#define COUNTER EXPOSITION_COUNTER
#define GAUGE EXPOSITION_GAUGE
#define HISTOGRAM EXPOSITION_HISTOGRAM

static const struct {
	const char *name;
	enum exposition_type type;
	const char *help;
	part *part;
} families[] = {
	{"candor_build_info", GAUGE, "The daemon's version; always 1.", build},
	{"candor_start_time_seconds", GAUGE, "When the daemon had its state, in seconds since 1970.", start_time},
	{"candor_requests", COUNTER, "Answers handed over, by kind of request and code.", requests},
	{"candor_request_duration_seconds", HISTOGRAM,
	 "From when a request's bytes were read until its answer was handed over, by kind.", durations},
	{"candor_reports", COUNTER, "Reports judged, by what became of them.", reports},
	{"candor_commit_duration_seconds", HISTOGRAM,
	 "From when a batch was handed to the writer until it was on disk.", commit_durations},
	{"candor_commit_rows", HISTOGRAM, "Changes in a commit.", commit_rows},
	{"candor_commits_failed", COUNTER, "Commits that failed, probes while writes are refused included.",
	 commits_failed},
	{"candor_loop_lag_seconds", HISTOGRAM, "Work of one turn of the loop: how long everybody waited for it.",
	 loop_lag},
	{"candor_connections", GAUGE, "Open connections, by listener.", connections},
	{"candor_refused", COUNTER, "Requests refused and connections refused or cut off, by reason.", refused},
	{"candor_auth_failures", COUNTER, "Tokens presented that are unknown, revoked or expired.", auth_failures},
	{"candor_read_only", GAUGE, "1 while writes are refused, by reason.", read_only},
	{"candor_database_bytes", GAUGE, "Size of the database file.", database_size},
	{"candor_wal_bytes", GAUGE, "Size of the write-ahead log's file.", wal_size},
	{"candor_disk_available_bytes", GAUGE, "Space left on the database's disk.", disk_left},
	{"candor_memory_bytes", GAUGE, "Memory in use, by the daemon's own account, by share of memory_limit.", memory},
	{"candor_memory_share_limit_bytes", GAUGE, "What a share may take before something is refused.",
	 memory_share_limits},
	{"candor_memory_limit_bytes", GAUGE, "The setting memory_limit.", memory_limit},
	{"candor_pools", GAUGE, "Pools.", pools},
	{"candor_labelers", GAUGE, "Labelers of all pools.", labelers},
	{"candor_open_items", GAUGE, "Open items of all pools.", open_items},
	{"process_cpu_seconds", COUNTER, "Processor time, user and system.", processor},
	{"process_start_time_seconds", GAUGE, "When the process began, in seconds since 1970.", process_start_time},
	{"process_virtual_memory_bytes", GAUGE, "Virtual memory.", virtual_memory},
	{"process_resident_memory_bytes", GAUGE, "Resident memory.", resident_memory},
	{"process_max_fds", GAUGE, "File descriptors that may be open.", max_descriptors},
	{"process_open_fds", GAUGE, "Open file descriptors.", open_descriptors},
	{"candor_pool_labelers", GAUGE, "Labelers of a pool.", pool_labelers_now},
	{"candor_pool_items", GAUGE, "Items of a pool, by state.", pool_items_now},
	{"candor_pool_oldest_open_item_age_seconds", GAUGE, "Age of a pool's oldest open item; 0: none is open.",
	 pool_oldest_open},
	{"candor_pool_outcomes_awaited", GAUGE, "Items of a pool that are closed and have no outcome yet.",
	 pool_awaited},
	{"candor_pool_settlements", COUNTER, "Items settled, over the pool's life.", pool_settlements},
	{"candor_pool_loss", COUNTER, "Cumulative Brier loss over the pool's life, by aggregate.", pool_losses},
	{"candor_pool_regret", GAUGE, "Loss of the weighted mean less that of the best labeler, on the same items.",
	 pool_regret_now},
	{"candor_pool_gain", GAUGE, "What settlements have moved that labeler's weight by, as a sum.", pool_gain},
	{"candor_pool_regret_bound", GAUGE, "The bound that is proven for that labeler's gain.", pool_regret_bound},
	{"candor_pool_largest_weight_ratio", GAUGE, "The largest weight of a labeler as a part of all weight.",
	 pool_largest_share},
	{"candor_pool_effective_labelers", GAUGE, "As many labelers of equal weight would be as spread out.",
	 pool_effective},
};

/* ---- the body ---- */

/* Appends one part, or the end. False: that was all. */
static bool add_part(struct page *p)
{
	if (p->family == sizeof families / sizeof *families) {
		exposition_end(&p->to);
		return false;
	}
	if (!p->begun) {
		exposition_family(&p->to, families[p->family].name, families[p->family].type, families[p->family].help);
		p->at = 0;
	}
	p->begun = families[p->family].part(p);
	p->family += !p->begun;
	p->at++;
	return true;
}

/* What is looked at in the background of the first pieces: with each of these only a part is appended, so that all is
 * done in time without a piece that takes long. */
static bool look_around(struct page *p)
{
	bool counted = process_count_descriptors(&p->descriptors, DESCRIPTORS_A_PIECE);
	return choice_look(&p->pools, p->source->engine, POOLS_A_PIECE) && counted;
}

static int next(struct body *b, size_t want, struct buf *out)
{
	struct page *p = (struct page *)b;
	size_t before = out->len;
	bool all = look_around(p), more = true;
	p->to.out = out;
	while (more && p->to.err == 0 && out->len - before < (all ? want : 1))
		more = add_part(p);
	return p->to.err ? p->to.err : more;
}

static size_t bytes(const struct body *b)
{
	const struct page *p = (const struct page *)b;
	return heap_bytes(sizeof *p) + choice_bytes(&p->pools);
}

static void free_page(struct body *b)
{
	struct page *p = (struct page *)b;
	process_stop_counting(&p->descriptors);
	choice_free(&p->pools);
	free(p);
}

/* ---- the format ---- */

/* Prometheus names OpenMetrics first where it takes both; who does not name it, or refuses it, gets the older one. */
static bool takes_open_metrics(const char *accept)
{
	static const char name[] = "application/openmetrics-text";
	const char *at = strstr(accept, name);
	if (!at)
		return false;
	const char *q = at + strlen(name);
	size_t len = strcspn(q, ",");
	const char *weight = strstr(q, "q=");
	if (!weight || weight >= q + len)
		return true;
	return strtod(weight + 2, NULL) > 0;
}

int metrics_new(struct body **out, const struct metrics_source *source, const char *accept, const char **type)
{
	struct page *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->body = (struct body){.next = next, .free = free_page, .bytes = bytes};
	p->source = source;
	p->to.open_metrics = takes_open_metrics(accept);
	p->pools.max = (size_t)source->pools_max;
	source->look(source->owner, &p->daemon);
	process_look(&p->process);
	*type = p->to.open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				   : "text/plain; version=0.0.4; charset=utf-8";
	*out = &p->body;
	return 0;
}
