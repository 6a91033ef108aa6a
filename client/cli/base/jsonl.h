/* jsonl.h - cuts JSON Lines into objects, as the bytes come.
 *
 * Each line is one object as RFC 8259 has it. The members that are asked for are kept, each up to JSONL_TEXT_MAX
 * bytes; of all others only the grammar is checked, so numbers of any size, escapes of any kind and text of any
 * length may stand in them. Objects and lists may be nested JSONL_DEPTH_MAX deep. A bad line is read to its end and
 * costs nothing else.
 *
 * Pure: no I/O, no input of its own. Without memory the program ends. */
#ifndef CANDOR_CLI_JSONL_H
#define CANDOR_CLI_JSONL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum { JSONL_MEMBERS_MAX = 8, JSONL_TEXT_MAX = 1024, JSONL_KEY_MAX = 64, JSONL_DEPTH_MAX = 1024 };

enum jsonl_result {
	JSONL_MORE, /* all bytes were taken, and no line is complete */
	JSONL_OBJECT,
	JSONL_BAD, /* a line; fault says what is wrong with it */
	JSONL_END,
};

enum jsonl_kind {
	JSONL_MISSING,
	JSONL_STRING,
	JSONL_NUMBER,
	JSONL_TRUE,
	JSONL_FALSE,
	JSONL_NULL,
	JSONL_ARRAY,
	JSONL_MAP,
};

struct jsonl_value {
	enum jsonl_kind kind;
	size_t start, len; /* of a string or a number, in jsonl.text; a zero byte follows */
	bool cut; /* it was longer than JSONL_TEXT_MAX, */
	bool is_broken; /* ... or has half of a surrogate pair */
};

/* The name of a member of the object itself: which of the values is its own, or -1. */
typedef int jsonl_on_key(void *arg, const char *key, size_t len);

enum jsonl_state {
	JSONL_BLANK, /* before the object */
	JSONL_FIRST_KEY, /* or the end of an empty object */
	JSONL_KEY,
	JSONL_COLON,
	JSONL_FIRST_VALUE, /* or the end of an empty list */
	JSONL_VALUE,
	JSONL_IN_STRING,
	JSONL_ESCAPE,
	JSONL_HEX,
	JSONL_IN_WORD, /* a number, true, false, null, or none of these */
	JSONL_AFTER, /* a value within something */
	JSONL_DONE, /* after the object */
	JSONL_SKIP, /* to the end of a bad line */
};

struct jsonl {
	/* The caller's to set, at first. */
	jsonl_on_key *on_key;
	void *arg;

	/* The line that was returned. */
	uint64_t first_line; /* from 1 */
	struct jsonl_value value[JSONL_MEMBERS_MAX];
	struct buf text;
	char fault[200];

	enum jsonl_state state;
	uint64_t line, column; /* of the next byte; column in bytes, from 0 */
	bool is_returned, had_cr;
	size_t depth;
	uint8_t is_map[JSONL_DEPTH_MAX / 8];
	struct jsonl_value *kept; /* where the current value is kept; NULL: nowhere */

	bool is_key; /* the string */
	char key[JSONL_KEY_MAX + 1]; /* the last one of the object itself, cut to this length */
	size_t key_len;
	char word[24];
	size_t word_len;
	int number; /* a state of its grammar */
	unsigned hex, hex_left, high; /* high: a surrogate that waits for the other; 0: none */
};

void jsonl_init(struct jsonl *j, jsonl_on_key *on_key, void *arg);
void jsonl_free(struct jsonl *j);

/* Takes bytes from data[len], *used of them, up to the end of a line. is_end: no others follow. */
enum jsonl_result jsonl_next(struct jsonl *j, const char *data, size_t len, bool is_end, size_t *used);

#endif
