/* fields.h - which field of a message is which member of a plain structure: a table for each pair of them, a row for
 * each field, and one walk in each direction.
 *
 * A field that is added to candor.proto and message.h is a row in tables.c and nothing else in lib/wire. What a row
 * says of types is checked when it is compiled; tests/unit/test_wire_tables.c checks that every field has its row. */
#ifndef CANDOR_WIRE_FIELDS_H
#define CANDOR_WIRE_FIELDS_H

#include <protobuf-c/protobuf-c.h>

#include "lib/wire/wire.h"

enum wire_kind {
	WIRE_U32, /* enumerations are such */
	WIRE_U64,
	WIRE_REAL,
	WIRE_BOOL,
	WIRE_TEXT,
	WIRE_LIMIT, /* of rows in a page: 0 is read as the default */
	WIRE_HASH, /* 32 bytes, or as many as `max` says; NULL: none */
	WIRE_SECRET, /* bytes that are text; what was unpacked is wiped */
	WIRE_RIGHTS, /* repeated numbers that are bits */
	WIRE_REALS, /* repeated real numbers, as many as `max` says or none */
	WIRE_PART, /* a message that is a structure within */
	WIRE_LINK, /* a message that is pointed to; NULL: none */
	WIRE_ROWS, /* repeated messages */
	WIRE_TEXTS, /* repeated text */
};

struct wire_table;
struct wire_reader;

/* What is checked is checked when a message is read. A fault makes an answer malformed; of a request it is a sentence
 * that begins with the field's name. */
struct wire_row {
	const char *name; /* as in the proto */
	const char *subject; /* TEXTS: what the sentence on one of them begins with */
	uint8_t kind;
	bool strict; /* PART, HASH: may not be absent. RIGHTS: all must be known */
	bool own_faults; /* ROWS, TEXTS: a fault in one of them is of that row alone */
	uint16_t message, plain; /* offsets: where it is in each, */
	uint16_t message_n, plain_n; /* and how many there are. */
	uint16_t message_case, number; /* of an optional field: it is there when that is its number. 0: not optional */
	uint16_t flag; /* of an optional field: the member that says so. 0: there is none */
	bool (*is_present)(
		const void *plain); /* of an optional field; NULL: as `flag` says; or unless it is 0 or NULL */
	const char *zero_fault; /* of an optional field of a request: what is wrong with one that is there and 0 */
	const char *(*text_fault)(const char *text, size_t len); /* TEXT, TEXTS: what is wrong, or NULL */
	const char *(*value_fault)(const void *member); /* U32 to BOOL, likewise */
	size_t max; /* ROWS, TEXTS, SECRET: more than that, or than so many bytes, are `too_many`; 0: no limit */
	const char *too_many;
	const struct wire_table *of; /* PART, LINK, ROWS */
};

struct wire_table {
	const ProtobufCMessageDescriptor *descriptor;
	size_t plain_size;
	const struct wire_row *rows;
	size_t n;
	/* What is wrong with a structure whose members are right, or NULL; and what the sentence begins with. */
	const char *(*fault)(const void *plain);
	const char *subject;
	uint16_t list; /* of a request that is one row itself: the member that points to it. 0: it is none */
	/* Of rows that a message has many of: the walk with this very table compiled in. Else NULL. */
	void (*read)(struct wire_reader *d, const void *message, void *plain);
	int (*write)(struct arena *a, const void *plain, void *message);
	/* Of requests, and of answers, that go without protobuf-c where they can, and of their rows: see direct.h. Else
	 * NULL. */
	bool (*unpack)(struct arena *a, const uint8_t *data, size_t len, void *message);
	size_t (*size)(const void *plain, bool *unusual);
	uint8_t *(*pack)(const void *plain, uint8_t *end);
};

struct wire_reader {
	struct arena *arena;
	struct wire_request *request; /* what is read; NULL: it is an answer */
	int err; /* to be looked at, at the end */
	const char **row_fault;
	const char *last_subject, *last_what, *last_sentence; /* of the row before: many tend to have the same fault */
	size_t row;
	bool in_row;
};

/* What is read stays where it was unpacked, into the reader's arena. *plain is all zero before. */
void wire_read(struct wire_reader *d, const struct wire_table *table, const void *message, void *plain);

/* *message need not be initialized; it will point into *plain and the arena. 0, ERR_BUDGET or -ENOMEM. */
MUST_CHECK int wire_write(struct arena *a, const struct wire_table *table, const void *plain, void *message);

/* A fault of what is being read; the first one counts. */
void wire_fault(struct wire_reader *d, const char *subject, const char *what);

/* ---- the tables ---- */

/* A member of a oneof. */
struct wire_body {
	uint32_t number; /* of the field */
	uint16_t place; /* in struct candor_response */
	const struct wire_table *table;
};

/* NULL for a type that is none. */
const struct wire_body *wire_request_body(enum candor_request_type type);
const struct wire_body *wire_answer_body(enum candor_response_type type);

/* The type that a field of the oneof is of; UNKNOWN or NONE for one that it does not have. */
enum candor_request_type wire_request_type(uint32_t number);
enum candor_response_type wire_answer_type(uint32_t number);

extern const struct wire_table wire_settings, wire_status;

#endif
