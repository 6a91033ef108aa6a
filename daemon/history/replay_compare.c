/* What was written against what a replay makes of the history: to the last bit. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/history/checkpoint.h"
#include "daemon/history/replay_internal.h"

void replay_differ(struct replay *r, const char *format, ...)
{
	char sentence[1024];
	va_list args;
	r->differences++;
	if (!r->source.differs)
		return;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	r->source.differs(r->source.arg, sentence);
}

void replay_compare(struct replay *r, const char *of, const char *what, double written, double replayed)
{
	if (memcmp(&written, &replayed, sizeof written) != 0)
		replay_differ(r, "%s: %s is %.17g, but the history gives %.17g", of, what, written, replayed);
}

void replay_compare_count(struct replay *r, const char *of, const char *what, uint64_t written, uint64_t replayed)
{
	if (written != replayed)
		replay_differ(r, "%s: %s is %" PRIu64 ", but the history gives %" PRIu64, of, what, written, replayed);
}

static bool same_bits(const double (*pairs)[2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(&pairs[i][0], &pairs[i][1], sizeof(double)) != 0)
			return false;
	return true;
}

static bool same_totals(const struct pool_totals *a, const struct pool_totals *b)
{
	const double numbers[][2] = {
		{a->total_weight, b->total_weight},
		{a->mean_loss, b->mean_loss},
		{a->median_loss, b->median_loss},
		{a->plain_mean_loss, b->plain_mean_loss},
		{a->plain_median_loss, b->plain_median_loss},
		{a->forecast_loss, b->forecast_loss},
		{a->bound.eta, b->bound.eta},
		{a->bound.weight, b->bound.weight},
		{a->bound.grown, b->bound.grown},
		{a->track.c, b->track.c},
		{a->track.u, b->track.u},
		{a->track.counts.n1, b->track.counts.n1},
		{a->track.counts.n0, b->track.counts.n0},
		{a->track.counts.a, b->track.counts.a},
		{a->track.counts.b, b->track.counts.b},
		{a->track.y, b->track.y},
	};
	return a->epoch == b->epoch && a->scored == b->scored && a->bound.stretch == b->bound.stretch &&
	       same_bits(numbers, sizeof numbers / sizeof *numbers) &&
	       memcmp(a->track.blend, b->track.blend, sizeof a->track.blend) == 0;
}

void replay_compare_checkpoint(struct replay *r, const struct archive_row *written)
{
	struct archive_row now;
	checkpoint_describe(r->pool, r->closes, r->head, &now);
	if (memcmp(now.state, written->state, DIGEST_BYTES) != 0 || memcmp(now.hash, written->hash, CHAIN_BYTES) != 0 ||
	    written->closes != now.closes || written->labelers != now.labelers ||
	    !same_totals(&written->totals, &now.totals))
		replay_differ(r, "the state after round %" PRIu64 " differs from the one stored with %s", written->last,
			      written->file);
}

/* ---- items ---- */

void replay_compare_aggregate(struct replay *r, const char *of, const struct aggregate *written,
			      const struct aggregate *replayed)
{
	replay_compare(r, of, "mean", written->mean, replayed->mean);
	replay_compare(r, of, "median", written->median, replayed->median);
	replay_compare(r, of, "plain mean", written->plain_mean, replayed->plain_mean);
	replay_compare(r, of, "plain median", written->plain_median, replayed->plain_median);
	replay_compare(r, of, "spread", written->spread, replayed->spread);
	replay_compare(r, of, "ess", written->ess, replayed->ess);
}

void replay_compare_forecast(struct replay *r, const struct item_row *written, const struct frozen *replayed)
{
	const struct aggregate *a = &written->aggregate, *b = &replayed->aggregate;
	const char *of = written->name;
	if (!written->has_forecast) {
		replay_differ(r, "%s: it was closed, but has no forecast", of);
		return;
	}
	replay_compare(r, of, "forecast", a->forecast, b->forecast);
	replay_compare(r, of, "regression", a->regression, b->regression);
	replay_compare(r, of, "evidence", a->evidence, b->evidence);
	replay_compare(r, of, "full evidence", a->evidence_full, b->evidence_full);
	replay_compare_count(r, of, "the round when it was closed", written->closed_round, replayed->closed_round);
}

int replay_compare_kept(struct replay *r, const struct item_row *moved, const struct frozen *replayed)
{
	struct item_row kept;
	arena_reset(&r->scratch);
	int found = db_item(r->source.db, &r->scratch, r->source.id, moved->name, &kept);
	if (found < 0)
		return found;
	if (found == 0) {
		replay_differ(r, "%s: it is archived, but missing in the database", moved->name);
		return 0;
	}
	replay_compare_aggregate(r, moved->name, &kept.aggregate, &moved->aggregate);
	if (!r->source.closed)
		replay_compare_forecast(r, &kept, replayed);
	const uint64_t pairs[][2] = {
		{kept.id, moved->id},
		{kept.state, moved->state},
		{kept.close_number, moved->close_number},
		{kept.closed, moved->closed},
		{kept.opened_at, moved->opened_at},
		{kept.closed_at, moved->closed_at},
		{kept.ended_at, moved->ended_at},
		{kept.aggregate.n, moved->aggregate.n},
		{kept.round, moved->round},
		{kept.block, moved->block},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (pairs[i][0] != pairs[i][1])
			replay_differ(r, "%s: its row in the database differs from the archive's", moved->name);
	replay_compare(r, moved->name, "outcome", kept.outcome, moved->outcome);
	replay_compare(r, moved->name, "eta", kept.eta, moved->eta);
	replay_compare(r, moved->name, "L", kept.weighted_loss, moved->weighted_loss);
	return 0;
}

int replay_compare_change(struct replay *r, const struct item_change_row *want, const char *name)
{
	struct item_change_row row = {0};
	int found = db_item_change(r->source.db, r->source.id, want->change, &row);
	if (found < 0)
		return found;
	if (found == 0 || row.item != want->item || row.state != want->state || row.round != want->round)
		replay_differ(r, "%s: change %" PRIu64 " of it is not in the list of changes", name, want->change);
	return 0;
}
