/* What programs read: each command's documents have the keys they always had, and a failure is a document too. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/command.h"

/* Exactly these keys, separated by spaces; "?" behind one that may be missing. */
static void assert_keys(const json_t *o, const char *keys)
{
	char list[1024], *save, *rest = list;
	size_t n = 0;
	assert_true(json_is_object(o));
	snprintf(list, sizeof list, "%s", keys);
	for (char *key; (key = strtok_r(rest, " ", &save)); rest = NULL) {
		size_t len = strlen(key);
		bool optional = key[len - 1] == '?';
		key[len - optional] = 0;
		if (json_object_get(o, key))
			n++;
		else if (!optional)
			print_error("there is no \"%s\"\n", key);
		assert_true(optional || json_object_get(o, key));
	}
	assert_int_equal(json_object_size(o), n);
}

static const char pool_keys[] = "name settings created_at labelers open_items closed_items resolved_items void_items "
				"round epoch eta scored t_eff total_weight mean_loss median_loss plain_mean_loss "
				"plain_median_loss head? best? archived? forecast_loss rechecks? blend";
#define ITEM_KEYS                                                                                 \
	"item state mean? median? plain_mean? plain_median? spread? ess? n opened_at closed_at? " \
	"ended_at? outcome? round? eta? weighted_loss? reports archived? "                        \
	"forecast? regression? evidence? evidence_full? now? label? recheck? block?"
static const char item_keys[] = ITEM_KEYS, changed_item_keys[] = ITEM_KEYS " cursor";
static const char labeler_keys[] = "name weight scored own_loss mean_loss regret entry gain bound";
static const char settlement_keys[] =
	"round item report outcome loss weighted_loss mean eta weight epoch at hash salt block?";
static const char batch_keys[] = "accepted duplicates revised rejected";
static const char token_keys[] = "name created_at expires_at revoked_at";

static void check_document(struct command *c, const char *keys, const char *array, const char *row_keys)
{
	json_t *o = command_document(c), *row;
	size_t i;
	assert_keys(o, keys);
	if (array) {
		assert_true(json_array_size(json_object_get(o, array)) > 0);
		json_array_foreach(json_object_get(o, array), i, row) assert_keys(row, row_keys);
	}
	json_decref(o);
}

/* n lines, of which those from the first-th on, but the last `others`, have these keys. */
static void check_lines(struct command *c, size_t n, size_t first, size_t others, const char *keys)
{
	json_t *all = command_lines(c);
	assert_int_equal(json_array_size(all), n);
	for (size_t i = first; i < n - others; i++)
		assert_keys(json_array_get(all, i), keys);
	json_decref(all);
}

/* ---- each command ---- */

static void json_of_ping(struct command *c)
{
	assert_candor(c, 0, "--json", "ping");
	check_document(c, "server protocol round_trip_ms", NULL, NULL);
	assert_candor(c, 0, "ping", "--write", "--json");
	check_document(c, "server protocol round_trip_ms commit_ms", NULL, NULL);
}

static void json_of_info(struct command *c)
{
	assert_candor(c, 0, "info", "--json");
	check_document(
		c,
		"version protocol uptime_ms started_at pools labelers open_items connections committed reports "
		"settlements read_only reason database_bytes commits memory_bytes memory_limit resident_bytes resident_items "
		"loop_turns loop_p50_us loop_p99_us loop_max_us wal_bytes recent_commits commit_p50_us commit_p99_us "
		"database principal heads",
		NULL, NULL);
}

static void json_of_backup(struct command *c)
{
	char file[128];
	snprintf(file, sizeof file, "%s/copy", c->daemon.dir);
	assert_candor(c, 0, "backup", file, "--json");
	check_document(c, "file bytes changes reports", NULL, NULL);
}

static void json_of_prune(struct command *c)
{
	char file[128];
	snprintf(file, sizeof file, "%s/archive", c->daemon.dir);
	assert_candor(c, 0, "prune", "p", file, "--before", "2999-01-01", "--dry-run", "--json");
	check_document(c, "items reports first last", NULL, NULL);
	assert_candor(c, 0, "prune", "p", file, "--before", "1980-01-01", "--json");
	check_document(c, "items reports", NULL, NULL);
}

static void json_of_pool(struct command *c)
{
	assert_candor(c, 0, "pool", "create", "q", "--share", "0.01", "--json");
	check_document(c, pool_keys, NULL, NULL);
	assert_candor(c, 0, "pool", "set", "q", "--c", "0.5", "--json");
	check_document(c, pool_keys, NULL, NULL);
	assert_candor(c, 0, "pool", "list", "--json");
	check_document(c, "pools", "pools", pool_keys);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	check_document(c, pool_keys, NULL, NULL);
	json_t *o = command_document(c);
	assert_keys(json_object_get(o, "settings"), "rate c beta eta horizon share entry wrong scored signs");
	assert_keys(json_object_get(o, "best"), "labeler scored own_loss mean_loss regret bound gain");
	assert_text_at(o, "settings.rate", "anytime");
	json_decref(o);
}

static void json_of_labelers(struct command *c)
{
	assert_candor(c, 0, "labelers", "p", "--json");
	check_document(c, "total total_weight labelers", "labelers", labeler_keys);
}

static void json_of_labeler(struct command *c)
{
	assert_candor(c, 0, "labeler", "p", "ann", "--json");
	check_document(c, labeler_keys, NULL, NULL);
	assert_candor(c, 0, "labeler", "p", "ann", "--history", "--json");
	check_lines(c, 1 + 2, 1, 0, settlement_keys);
	check_lines(c, 1 + 2, 0, 2, labeler_keys);
}

static void json_of_grants(struct command *c)
{
	assert_candor(c, 0, "grants", "add", "uid:1234", "operator", "--pool", "p", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 0, "grants", "list", "--json");
	check_document(c, "grants", "grants", "principal pool prefix rights");
	json_t *o = command_document(c);
	assert_text_at(o, "grants.0.rights.0", "read-open");
	assert_text_at(o, "grants.0.rights.1", "inspect");
	json_decref(o);
	assert_candor(c, 0, "grants", "remove", "uid:1234", "inspect", "--pool", "p", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 0, "grants", "remove", "uid:1234", "--all", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 1, "grants", "remove", "uid:1234", "--all", "--json");
	check_document(c, batch_keys, NULL, NULL);
}

static void json_of_token(struct command *c)
{
	char keys[64], file[128];
	snprintf(file, sizeof file, "%s/token", c->daemon.dir);
	snprintf(keys, sizeof keys, "%s secret", token_keys);
	assert_candor(c, 0, "token", "new", "acme", "read", "--json");
	check_document(c, keys, NULL, NULL);
	snprintf(keys, sizeof keys, "%s file", token_keys);
	assert_candor(c, 0, "token", "new", "bolt", "read", "--out", file, "--json");
	check_document(c, keys, NULL, NULL);
	snprintf(keys, sizeof keys, "%s state", token_keys);
	assert_candor(c, 0, "token", "list", "--json");
	check_document(c, "tokens", "tokens", keys);
	assert_candor(c, 0, "token", "revoke", "acme", "--json");
	check_document(c, batch_keys, NULL, NULL);
}

static void json_of_audit(struct command *c)
{
	assert_candor(c, 0, "audit", "--limit", "2", "--json");
	check_lines(c, 2, 0, 0, "change at by pool action subject detail");
}

static void json_of_report(struct command *c)
{
	assert_candor(c, 0, "report", "p", "open", "bob", "0.5", "--json");
	check_document(c, batch_keys, NULL, NULL);
}

static void json_of_close(struct command *c)
{
	assert_candor(c, 1, "close", "p", "open", "never", "--json");
	check_document(c, batch_keys, "rejected", "index code message");
	json_t *o = command_document(c);
	assert_text_at(o, "rejected.0.code", "not-found");
	json_decref(o);
}

static void json_of_resolve(struct command *c)
{
	assert_candor(c, 0, "resolve", "p", "open", "1", "--json");
	check_document(c, batch_keys, NULL, NULL);
}

static void json_of_recheck(struct command *c)
{
	assert_candor(c, 1, "recheck", "p", "never=1", "never-too=0", "--json");
	check_document(c, batch_keys, "rejected", "index code message");
}

static void json_of_void(struct command *c)
{
	assert_candor(c, 0, "void", "p", "c", "--json");
	check_document(c, batch_keys, NULL, NULL);
}

static void json_of_query(struct command *c)
{
	assert_candor(c, 0, "query", "p", "a", "c", "void", "--reports", "--json");
	check_document(c, "items", "items", item_keys);
	json_t *o = command_document(c);
	assert_text_at(o, "items.0.state", "resolved");
	assert_keys(command_at(o, "items.0.reports.0"), "labeler value weight");
	json_decref(o);
	assert_candor(c, 1, "query", "p", "never", "--json");
	check_document(c, "items", NULL, NULL);
}

static void json_of_import(struct command *c)
{
	assert_candor(c, 0, "void", "p", "c");
	assert_candor(c, 1, "import", "p", c->file, "--json"); /* what was voided takes no reports */
	check_document(
		c,
		"pool created blocks items accepted duplicates revised closed resolved rejected bad_lines skipped "
		"without_outcome regrouped ignored warnings complete seconds",
		NULL, NULL);
}

static void json_of_export(struct command *c)
{
	assert_candor(c, 0, "export", "p", "--json");
	check_lines(c, 3, 0, 0, item_keys);
	assert_candor(c, 0, "export", "p", "--format", "jsonl");
	check_lines(c, 3, 0, 0, item_keys);
}

static void json_of_feed(struct command *c)
{
	assert_candor(c, 0, "feed", "p", "--json");
	check_lines(c, 3 + 1, 0, 1, item_keys);
	check_lines(c, 3 + 1, 3, 0, "next");
	/* Each line can be gone on from. */
	assert_candor(c, 0, "feed", "p", "--changes", "--json");
	check_lines(c, 6 + 1, 0, 1, changed_item_keys);
	check_lines(c, 6 + 1, 6, 0, "next");
}

static void json_of_simulate(struct command *c)
{
	assert_candor(c, 0, "simulate", "--items", "50", "--schemes", "candor,plain", "--json");
	check_document(c, "campaign seed repeats best_loss schemes", "schemes",
		       "scheme settings? brier of_best accuracy log_loss calibration_error regret influence "
		       "groups_standing bound_used gain? bound? curve");
}

static void json_of_evaluate(struct command *c)
{
	assert_candor(c, 0, "evaluate", c->file, "--schemes", "candor,plain", "--json");
	check_document(c, "order repeats outcomes files geometric_mean_ratio_to_mean", "files",
		       "file items known_outcomes labelers reports t_eff schemes");
}

static void json_has_stable_keys_for_every_command(void **state)
{
	static void (*const checks[])(struct command * c) = {
#define COMMAND(name) json_of_##name,
#include "client/cli/base/commands.def"
	};
	struct command *c = *state;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (i > 0) {
			command_tear_down(state);
			command_set_up(state);
			c = *state;
		}
		command_fill(c);
		checks[i](c);
	}
}

/* ---- the mapping, from end to end ---- */

static void bytes_are_hexadecimal(void **state)
{
	struct command *c = *state;
	char head[CANDOR_NAME_MAX + 2 * CANDOR_HEAD_BYTES + 24];
	command_fill(c);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	json_t *pool = command_document(c);
	assert_candor(c, 0, "info", "--json");
	json_t *info = command_document(c);
	snprintf(head, sizeof head, "p:2:%s", json_string_value(json_object_get(pool, "head")));
	assert_text_at(info, "heads.0", head);
	json_decref(pool);
	json_decref(info);
}

/* Both call an item `item`, and an outcome alone is something to import. */
static void what_export_writes_import_reads(void **state)
{
	struct command *c = *state;
	static char rows[COMMAND_TEXT_MAX];
	command_fill(c);
	assert_candor(c, 0, "export", "p");
	snprintf(rows, sizeof rows, "%s", c->out);
	files_write_text(c->file, rows);
	assert_candor(c, 0, "import", "p", c->file, "--format", "csv", "--json");
	assert_number(c, "items", 2);
	assert_number(c, "resolved", 0);
	assert_number(c, "skipped", 1); /* c has no outcome yet */
	assert_candor(c, 0, "export", "p", "--json");
	json_t *lines = command_lines(c);
	assert_text_at(lines, "2.item", "c");
	assert_null(command_at(lines, "2.outcome"));
	json_decref(lines);
}

static void a_feed_that_is_followed_ends_with_the_cursor(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct command *c = *state;
	command_fill(c);
	for (size_t i = 0; i < 2 * (sizeof signals / sizeof *signals); i++) {
		const bool changes = i % 2;
		const size_t rows = changes ? 6 : 3;
		const char *const argv[] = {"candor", "feed", "p", "--follow", "--json", changes ? "--changes" : NULL,
					    NULL};
		files_write_text(c->out_path, "");
		pid_t pid = daemon_begin(argv, NULL, c->out_path, c->err_path);
		c->out[0] = 0;
		for (int left_ms = 30000; left_ms > 0 && !strchr(c->out, '\n'); left_ms -= 20) {
			usleep(20000);
			files_read_text(c->out_path, c->out, COMMAND_TEXT_MAX);
		}
		assert_int_equal(kill(pid, signals[i / 2]), 0);
		assert_int_equal(daemon_wait_for(pid), 0);
		files_read_text(c->out_path, c->out, COMMAND_TEXT_MAX);
		check_lines(c, rows + 1, 0, 1, changes ? changed_item_keys : item_keys);
		check_lines(c, rows + 1, rows, 0, "next");
	}
}

/* ---- failures ---- */

static void wrong_usage_is_a_document_wherever_the_option_stands(void **state)
{
	struct command *c = *state;
	assert_candor(c, 2, "--json", "frobnicate");
	command_failed(c, "invalid-argument", "unknown command \"frobnicate\"");
	assert_candor(c, 2, "frobnicate", "--json");
	command_failed(c, "invalid-argument", "frobnicate");
	assert_candor(c, 2, "ping", "--frob", "--json");
	command_failed(c, "invalid-argument", "--frob");
	assert_candor(c, 2, "report", "p", "a", "ann", "1.5", "--json");
	command_failed(c, "invalid-argument", "from 0 to 1");
	assert_candor(c, 2, "ping", "--frob");
	assert_string_equal(c->out, "");
}

static void a_refusal_is_a_document(void **state)
{
	struct command *c = *state;
	command_fill(c);
	assert_candor(c, 3, "pool", "show", "q", "--json");
	command_failed(c, "not-found", "");
	assert_candor(c, 3, "pool", "create", "p", "--json");
	command_failed(c, "already-exists", "");
	assert_candor(c, 3, "pool", "create", "r", "--rate", "fixed", "--json");
	command_failed(c, "invalid-argument", "settings.eta");
	const char *const *const commands[] = {
		ARGS("pool", "set", "q", "--c", "1", "--json"),
		ARGS("labelers", "q", "--json"),
		ARGS("labeler", "p", "nobody", "--json"),
		ARGS("labeler", "q", "ann", "--history", "--json"),
		ARGS("report", "q", "a", "ann", "1", "--json"),
		ARGS("close", "q", "a", "--json"),
		ARGS("resolve", "q", "a", "1", "--json"),
		ARGS("void", "q", "a", "--json"),
		ARGS("query", "q", "a", "--json"),
		ARGS("feed", "q", "--json"),
		ARGS("export", "q", "--json"),
		ARGS("token", "revoke", "nobody", "--json"),
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		assert_int_equal(command_run(c, NULL, commands[i]), 3);
		command_failed(c, "not-found", "");
		assert_ptr_equal(strchr(c->out, '\n'), c->out + strlen(c->out) - 1);
	}
}

static void an_absent_daemon_is_a_document(void **state)
{
	struct command *c = *state;
	char nowhere[128];
	snprintf(nowhere, sizeof nowhere, "unix:%s/nowhere", c->daemon.dir);
	files_write_text(c->file, "item,labeler,report\na,ann,1\n");
	assert_candor(c, 4, "--server", nowhere, "ping", "--json");
	command_failed(c, "unavailable", nowhere);
	assert_candor(c, 4, "--server", nowhere, "import", "p", c->file, "--json");
	command_failed(c, "unavailable", nowhere);
	assert_candor(c, 4, "--server", nowhere, "feed", "p", "--json");
	command_failed(c, "unavailable", nowhere);
}

static void a_file_that_cannot_be_used_is_a_document(void **state)
{
	struct command *c = *state;
	assert_candor(c, 2, "import", "p", "/nonexistent/answers.csv", "--json");
	command_failed(c, "not-found", "/nonexistent/answers.csv: ");
	assert_candor(c, 2, "evaluate", "/nonexistent/answers.csv", "--json");
	command_failed(c, "not-found", "/nonexistent/answers.csv: ");
	assert_candor(c, 2, "token", "new", "acme", "read", "--out", "/nonexistent/token", "--json");
	command_failed(c, "not-found", "/nonexistent/token: ");
	assert_candor(c, 2, "token", "new", "acme", "read", "--out", c->daemon.db, "--json");
	command_failed(c, "already-exists", c->daemon.db);
	assert_candor(c, 2, "backup", c->daemon.db, "--json");
	command_failed(c, "failed-precondition", "standard error");
	files_write_text(c->file, "item,worker,report\na,ann,1\n");
	assert_candor(c, 2, "import", "p", c->file, "--json");
	command_failed(c, "invalid-argument", "labeler");
}

/* It did something before it was refused: one document says both. */
static void an_import_that_is_refused_says_so_in_its_own_document(void **state)
{
	struct command *c = *state;
	char token[128];
	command_fill(c);
	snprintf(token, sizeof token, "%s/token", c->daemon.dir);
	assert_candor(c, 0, "token", "new", "acme", "report", "--pool", "p", "--out", token);
	files_write_text(c->file, "item,labeler,report\nd,ann,1\n");
	assert_candor(c, 3, "--token-file", token, "import", "p", c->file, "--json");
	json_t *o = command_document(c);
	assert_text_at(o, "error.code", "permission-denied");
	assert_number(c, "accepted", 1);
	assert_true(json_is_false(json_object_get(o, "complete")));
	json_decref(o);
}

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(json_has_stable_keys_for_every_command),
		CLI(bytes_are_hexadecimal),
		CLI(what_export_writes_import_reads),
		CLI(a_feed_that_is_followed_ends_with_the_cursor),
		CLI(wrong_usage_is_a_document_wherever_the_option_stands),
		CLI(a_refusal_is_a_document),
		CLI(an_absent_daemon_is_a_document),
		CLI(a_file_that_cannot_be_used_is_a_document),
		CLI(an_import_that_is_refused_says_so_in_its_own_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
