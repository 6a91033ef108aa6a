/* command.h - the command line, against a daemon of its own or none: runs `candor`, and holds what it said.
 * For cmocka tests, around daemon.h: command_set_up() and command_tear_down() go around each, and the latter stops the
 * daemon, verifies its database if there is one, and removes everything, also after a failure. command_set_up_alone() starts
 * no daemon, and CANDOR_SERVER names nothing until a test does; command_tear_down_spoiled() does not verify. */
#ifndef CANDOR_TESTS_COMMAND_H
#define CANDOR_TESTS_COMMAND_H

#include <jansson.h>

#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

enum { COMMAND_TEXT_MAX = 1 << 18 };

struct command {
	struct daemon daemon;
	char out_path[DAEMON_PATH_MAX], err_path[DAEMON_PATH_MAX];
	char file[DAEMON_PATH_MAX]; /* for a test's own use */
	char out[COMMAND_TEXT_MAX], err[COMMAND_TEXT_MAX]; /* what the last command said */
};

int command_set_up(void **state);
int command_tear_down(void **state);
int command_set_up_alone(void **state);
int command_tear_down_spoiled(void **state);

/* Pool "p": two resolved items, one closed, one open, one void; three labelers. The rows of all but the last two are
 * in c->file. */
void command_fill(struct command *c);

/* `candor ARG...` (NULL-terminated), its standard input from a file (NULL: none): its exit code. */
int command_run(struct command *c, const char *input, const char *const *args);

/* `candord ARG...`, to its end: its exit code. */
int command_candord(struct command *c, const char *const *args);

/* What it said as JSON, the caller's: one document, which is one line; or an array of one document a line. */
json_t *command_document(const struct command *c);
json_t *command_lines(const struct command *c);

/* What stands in a document at a path like "items.0.n"; the number that stands there, in a document or in the one that
 * it said. */
const json_t *command_at(const json_t *document, const char *path);
double command_number_at(const json_t *document, const char *path);
double command_number(const struct command *c, const char *path);

/* With --json it failed: all that it printed, or its last line, is why, with this code; a sentence of it. */
void command_failed(const struct command *c, const char *code, const char *words);

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

#define assert_candor(c, code, ...)                                  \
	do {                                                         \
		int code_ = command_run(c, NULL, ARGS(__VA_ARGS__)); \
		if (code_ != (code))                                 \
			print_error("%s%s", (c)->out, (c)->err);     \
		assert_int_equal(code_, code);                       \
	} while (0)

#define assert_candord(c, code, ...)                               \
	do {                                                       \
		int code_ = command_candord(c, ARGS(__VA_ARGS__)); \
		if (code_ != (code))                               \
			print_error("%s%s", (c)->out, (c)->err);   \
		assert_int_equal(code_, code);                     \
	} while (0)

#define assert_says(text, words)                                                  \
	do {                                                                      \
		if (!strstr(text, words))                                         \
			print_error("\"%s\" does not say \"%s\"\n", text, words); \
		assert_non_null(strstr(text, words));                             \
	} while (0)

#define assert_text_at(document, path, want)                       \
	do {                                                       \
		const json_t *at_ = command_at(document, path);    \
		assert_true(json_is_string(at_));                  \
		assert_string_equal(json_string_value(at_), want); \
	} while (0)

#define assert_number(c, path, want) assert_near(command_number(c, path), want, 0)

#endif
