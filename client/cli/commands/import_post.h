/* import_post.h - sends an import's requests in their order, and counts the answers.
 *
 * The daemon applies one connection's requests in order: they are all sent without waiting, up to a window. A
 * request sent this way takes effect even if an earlier one that it builds on is refused. So the first request of a
 * kind, reports or ends, is sent alone and its answer awaited: a user with only one of the two rights changes
 * nothing. After a refusal nothing more is sent, and the outstanding answers are counted.
 *
 * A daemon that limits rates may delay a request. Then nothing more is sent until all answers are there; what was
 * delayed is sent again when its time has come; and from then on each answer is awaited, so that nothing can
 * overtake a delayed request again.
 *
 * A block whose items cannot be settled together is listed like a rejected row, and the import goes on.
 *
 * Where an answer has no room for all rows that it rejects, those after the last one listed are sent again in halves,
 * to learn which they are: what was accepted is a duplicate by then.
 *
 * Lives on a loop, on its thread. */
#ifndef CANDOR_CLI_IMPORT_POST_H
#define CANDOR_CLI_IMPORT_POST_H

#include "client/candor_async.h"
#include "client/cli/base/progress.h"
#include "client/cli/commands/import.h"
#include "client/cli/commands/import_blocks.h"
#include "client/cli/commands/sent.h"

struct import_post {
	struct cli *cli;
	struct import_result *result;
	struct cli_progress *progress; /* a line that messages must remove first */
	void (*on_ready)(void *arg); /* more may be sent */
	void (*on_stop)(void *arg); /* nothing more happens; the client is being closed */
	bool (*is_superseded)(void *arg,
			      uint64_t line); /* a later row has its item and labeler: not to be sent again */
	void *arg;
	bool makes_pool; /* where it is not there */

	uv_loop_t *loop;
	uv_timer_t pause; /* until delayed requests may be sent again */
	struct candor_client *client;
	struct cli_sent
		*held; /* requests to be sent, or sent again, in order, once everything before them is answered */
	struct cli_sent *recheck; /* to be sent again when nothing else is left, and before anything new */
	bool limited; /* the daemon has delayed one: from then on all are held */
	bool on_trial; /* the first of its kind is in flight: nothing is sent after it */
	bool reports_allowed, ends_allowed; /* the daemon has taken one */
	bool refused; /* one was, finally: only answers are awaited */
	bool pool_looked; /* it was asked whether the pool is there */
	bool pool_known, stopped;
	uint64_t last_seq, pause_ms, waited_ms; /* waited_ms: since a request was last accepted */
};

/* Connects; the members up to arg are set. 0, or a negative error and then nothing was started. */
int import_post_start(struct import_post *p, uv_loop_t *loop);

/* Ends it with an exit code (CLI_DONE: with that of the result); the loop must still run until nothing is left. */
void import_post_stop(struct import_post *p, int code);
void import_post_free(struct import_post *p);

/* Whether more should not be sent until on_ready. */
bool import_post_is_full(const struct import_post *p);

/* Whether everything was answered. */
bool import_post_is_idle(const struct import_post *p);

/* lines: where its rows stand in the file. items: whose first row is in it. in_turn: only once all before it is
 * answered. block: of which items are closed or settled, which must live as long; NULL: of none. */
void import_post_send(struct import_post *p, const struct candor_request *request, const uint64_t *lines,
		      uint64_t items, bool in_turn, struct import_block *block);

/* Lists a line of the file that is not imported; code: "" or what the daemon says. */
void import_post_list(struct import_post *p, uint64_t line, const char *code, const char *words);

#endif
