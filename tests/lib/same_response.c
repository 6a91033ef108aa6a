#include "tests/lib/same_response.h"

#include "tests/lib/unit.h"

static void assert_same_text(const char *got, const char *want)
{
	assert_non_null(got);
	assert_string_equal(got, want ? want : "");
}

#define SAME(field) assert_true(got->field == want->field)

static void assert_same_settings(const struct candor_settings *got, const struct candor_settings *want)
{
	SAME(rate);
	SAME(c);
	SAME(beta);
	SAME(eta);
	SAME(horizon);
	SAME(share);
	SAME(entry);
	SAME(wrong);
	SAME(scored);
	SAME(signs);
	assert_true(got->has_wrong && got->has_scored);
}

static void assert_same_best(const struct candor_best *got, const struct candor_best *want)
{
	assert_int_equal(!got, !want);
	if (!got)
		return;
	assert_same_text(got->labeler, want->labeler);
	SAME(scored);
	SAME(own_loss);
	SAME(mean_loss);
	SAME(regret);
	SAME(gain);
	SAME(bound);
}

static void assert_same_rechecks(const struct candor_rechecks *got, const struct candor_rechecks *want)
{
	assert_int_equal(!got, !want);
	if (!got)
		return;
	SAME(n);
	SAME(disagree);
	SAME(wrong);
	SAME(low);
	SAME(high);
}

static void assert_same_pool(const struct candor_pool *got, const struct candor_pool *want)
{
	assert_same_text(got->name, want->name);
	assert_same_settings(&got->settings, &want->settings);
	SAME(created_at);
	SAME(labelers);
	SAME(open_items);
	SAME(closed_items);
	SAME(resolved_items);
	SAME(void_items);
	SAME(round);
	SAME(epoch);
	SAME(eta);
	SAME(scored);
	SAME(t_eff);
	SAME(total_weight);
	SAME(mean_loss);
	SAME(median_loss);
	SAME(plain_mean_loss);
	SAME(plain_median_loss);
	SAME(archived);
	assert_int_equal(got->head != NULL, want->head != NULL);
	if (want->head)
		assert_memory_equal(got->head, want->head, CANDOR_HEAD_BYTES);
	assert_same_best(got->best, want->best);
	SAME(forecast_loss);
	assert_same_rechecks(got->rechecks, want->rechecks);
	SAME(n_blend);
	for (size_t i = 0; i < want->n_blend; i++)
		SAME(blend[i]);
}

static void assert_same_info(const struct candor_info *got, const struct candor_info *want)
{
	assert_same_text(got->version, want->version);
	assert_same_text(got->reason, want->reason);
	assert_same_text(got->database, want->database);
	SAME(protocol);
	SAME(uptime_ms);
	SAME(started_at);
	SAME(pools);
	SAME(labelers);
	SAME(open_items);
	SAME(connections);
	SAME(committed);
	SAME(reports);
	SAME(settlements);
	SAME(read_only);
	SAME(database_bytes);
	SAME(commits);
	SAME(resident_items);
	SAME(memory_bytes);
	SAME(memory_limit);
	SAME(resident_bytes);
	SAME(loop_turns);
	SAME(loop_p50_us);
	SAME(loop_p99_us);
	SAME(loop_max_us);
	SAME(wal_bytes);
	SAME(recent_commits);
	SAME(commit_p50_us);
	SAME(commit_p99_us);
}

static void assert_same_aggregates(const struct candor_aggregates *got, const struct candor_aggregates *want)
{
	assert_int_equal(!got, !want);
	if (!got)
		return;
	SAME(mean);
	SAME(median);
	SAME(plain_mean);
	SAME(plain_median);
	SAME(spread);
	SAME(ess);
	SAME(forecast);
	SAME(has_candidates);
	SAME(regression);
	SAME(evidence);
	SAME(evidence_full);
}

static void assert_same_item(const struct candor_item *got, const struct candor_item *want)
{
	assert_same_text(got->item, want->item);
	SAME(state);
	SAME(mean);
	SAME(median);
	SAME(plain_mean);
	SAME(plain_median);
	SAME(spread);
	SAME(ess);
	SAME(n);
	SAME(outcome);
	SAME(round);
	SAME(eta);
	SAME(weighted_loss);
	SAME(opened_at);
	SAME(closed_at);
	SAME(ended_at);
	SAME(n_reports);
	SAME(archived);
	SAME(forecast);
	SAME(has_candidates);
	SAME(regression);
	SAME(evidence);
	SAME(evidence_full);
	assert_same_aggregates(got->now, want->now);
	SAME(has_label);
	SAME(label);
	SAME(has_recheck);
	SAME(recheck);
	SAME(block);
	for (size_t i = 0; i < want->n_reports; i++) {
		assert_same_text(got->reports[i].labeler, want->reports[i].labeler);
		SAME(reports[i].value);
		SAME(reports[i].weight);
	}
}

static void assert_same_labeler(const struct candor_labeler *got, const struct candor_labeler *want)
{
	assert_same_text(got->name, want->name);
	SAME(weight);
	SAME(scored);
	SAME(own_loss);
	SAME(mean_loss);
	SAME(regret);
	SAME(entry);
	SAME(gain);
	SAME(bound);
}

static void assert_same_settlement(const struct candor_settlement *got, const struct candor_settlement *want)
{
	assert_same_text(got->item, want->item);
	SAME(round);
	SAME(report);
	SAME(outcome);
	SAME(loss);
	SAME(weighted_loss);
	SAME(mean);
	SAME(eta);
	SAME(weight);
	SAME(epoch);
	SAME(at);
	SAME(block);
	assert_int_equal(got->hash == NULL, want->hash == NULL);
	assert_int_equal(got->salt == NULL, want->salt == NULL);
	if (want->hash)
		assert_memory_equal(got->hash, want->hash, CANDOR_HEAD_BYTES);
	if (want->salt)
		assert_memory_equal(got->salt, want->salt, CANDOR_SALT_BYTES);
}

static void assert_same_grant(const struct candor_grant *got, const struct candor_grant *want)
{
	assert_same_text(got->principal, want->principal);
	assert_same_text(got->pool, want->pool);
	assert_same_text(got->prefix, want->prefix);
	SAME(rights);
}

static void assert_same_token(const struct candor_token *got, const struct candor_token *want)
{
	assert_same_text(got->name, want->name);
	SAME(created_at);
	SAME(expires_at);
	SAME(revoked_at);
}

static void assert_same_event(const struct candor_event *got, const struct candor_event *want)
{
	SAME(change);
	SAME(at);
	assert_same_text(got->by, want->by);
	assert_same_text(got->pool, want->pool);
	assert_same_text(got->action, want->action);
	assert_same_text(got->subject, want->subject);
	assert_same_text(got->detail, want->detail);
}

static void assert_same_rows(const struct candor_response *got, const struct candor_response *want)
{
	SAME(n);
	for (size_t i = 0; i < want->n; i++) {
		if (want->type == CANDOR_RES_POOLS)
			assert_same_pool(&got->pools[i], &want->pools[i]);
		else if (want->type == CANDOR_RES_ITEMS)
			assert_same_item(&got->items[i], &want->items[i]);
		else if (want->type == CANDOR_RES_LABELERS)
			assert_same_labeler(&got->labelers[i], &want->labelers[i]);
		else if (want->type == CANDOR_RES_GRANTS)
			assert_same_grant(&got->grants[i], &want->grants[i]);
		else if (want->type == CANDOR_RES_TOKENS)
			assert_same_token(&got->tokens[i], &want->tokens[i]);
		else if (want->type == CANDOR_RES_EVENTS)
			assert_same_event(&got->events[i], &want->events[i]);
		else
			assert_same_settlement(&got->history[i], &want->history[i]);
	}
	SAME(n_rejected);
	for (size_t i = 0; i < want->n_rejected; i++) {
		SAME(rejected[i].index);
		SAME(rejected[i].code);
		assert_same_text(got->rejected[i].message, want->rejected[i].message);
	}
}

void assert_same_response(const struct candor_response *got, const struct candor_response *want)
{
	SAME(id);
	SAME(code);
	SAME(type);
	assert_same_text(got->message, want->message);
	SAME(retry_after_ms);
	assert_same_text(got->next, want->next);
	SAME(more);
	SAME(rest);
	SAME(reports_next);
	SAME(archived);
	SAME(total);
	SAME(total_weight);
	if (want->type == CANDOR_RES_WELCOME) {
		assert_same_text(got->welcome.server, want->welcome.server);
		assert_same_text(got->welcome.principal, want->welcome.principal);
		SAME(welcome.protocol);
		SAME(welcome.max_frame_bytes);
		SAME(welcome.max_in_flight);
	}
	if (want->type == CANDOR_RES_INFO)
		assert_same_info(&got->info, &want->info);
	if (want->type == CANDOR_RES_POOL)
		assert_same_pool(&got->pool, &want->pool);
	if (want->type == CANDOR_RES_LABELER)
		assert_same_labeler(&got->labeler, &want->labeler);
	if (want->type == CANDOR_RES_NEW_TOKEN) {
		assert_same_token(&got->token, &want->token);
		assert_same_text(got->secret, want->secret);
	}
	SAME(batch.accepted);
	SAME(batch.duplicates);
	SAME(batch.revised);
	SAME(batch.rejected_omitted);
	assert_same_rows(got, want);
}
