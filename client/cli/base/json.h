/* json.h - documents on standard output, each on one line, written by the mapping of lib/wire/json.h. A document is
 * printed when it is whole. Without memory the program ends. */
#ifndef CANDOR_CLI_JSON_H
#define CANDOR_CLI_JSON_H

#include "client/candor.h"
#include "lib/wire/json.h"

struct cli_json {
	struct json_out j; /* to be written to */
	struct buf text;
	struct arena arena; /* of messages */
};

/* d must stay where it is. */
void cli_json_begin(struct cli_json *d);

/* Ends with one of these: prints what was written, and a newline; or forgets it. */
void cli_json_print(struct cli_json *d);
void cli_json_drop(struct cli_json *d);

/* An answer's body, until the next call. */
const ProtobufCMessage *cli_json_body(struct cli_json *d, const struct candor_response *r);

/* An answer's rows, into the list that is open. */
void cli_json_rows(struct cli_json *d, const struct candor_response *r);

/* A document {"KEY": [...]}, open for rows; its end, and whether it is printed. */
void cli_json_begin_list(struct cli_json *d, const char *key);
void cli_json_end_list(struct cli_json *d, bool is_printed);

/* Prints an answer's body as the only document; its rows, one a line; or the message in a field of it. */
void cli_json_answer(const struct candor_response *r);
void cli_json_lines(const struct candor_response *r);
void cli_json_part(const struct candor_response *r, const char *field);

/* Members of the object that is open. */
void cli_json_text(struct json_out *j, const char *key, const char *text);
void cli_json_count(struct json_out *j, const char *key, uint64_t n);
void cli_json_real(struct json_out *j, const char *key, double x);
void cli_json_bool(struct json_out *j, const char *key, bool yes);
void cli_json_open(struct json_out *j, const char *key, char bracket);

#endif
