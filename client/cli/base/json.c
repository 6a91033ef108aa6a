#include "client/cli/base/json.h"

#include <stdio.h>

#include "client/cli/base/cli.h"

enum { ARENA_BYTES = 1 << 30 }; /* the client library bounds what an answer unpacks to */

void cli_json_begin(struct cli_json *d)
{
	*d = (struct cli_json){.j = {.out = &d->text}};
	arena_init(&d->arena, ARENA_BYTES);
}

void cli_json_drop(struct cli_json *d)
{
	arena_free(&d->arena);
	buf_free(&d->text);
}

void cli_json_print(struct cli_json *d)
{
	if (d->j.err)
		cli_memory(NULL);
	require(d->j.depth == 0);
	fwrite(d->text.data, 1, d->text.len, stdout);
	putchar('\n');
	cli_json_drop(d);
}

const ProtobufCMessage *cli_json_body(struct cli_json *d, const struct candor_response *r)
{
	const ProtobufCMessage *body;
	arena_reset(&d->arena);
	if (json_body(r, &d->arena, &body))
		cli_memory(NULL);
	return body;
}

void cli_json_rows(struct cli_json *d, const struct candor_response *r)
{
	const ProtobufCMessage *const *rows;
	size_t n = json_rows(cli_json_body(d, r), &rows);
	for (size_t i = 0; i < n; i++)
		json_out_message(&d->j, rows[i]);
}

void cli_json_begin_list(struct cli_json *d, const char *key)
{
	cli_json_begin(d);
	json_out_open(&d->j, '{');
	cli_json_open(&d->j, key, '[');
}

void cli_json_end_list(struct cli_json *d, bool is_printed)
{
	json_out_close(&d->j, ']');
	json_out_close(&d->j, '}');
	if (is_printed)
		cli_json_print(d);
	else
		cli_json_drop(d);
}

void cli_json_answer(const struct candor_response *r)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_message(&d.j, cli_json_body(&d, r));
	cli_json_print(&d);
}

void cli_json_lines(const struct candor_response *r)
{
	struct cli_json d;
	const ProtobufCMessage *const *rows;
	cli_json_begin(&d);
	size_t n = json_rows(cli_json_body(&d, r), &rows);
	for (size_t i = 0; i < n; i++) {
		d.text.len = 0;
		d.j.follows = false;
		json_out_message(&d.j, rows[i]);
		if (d.j.err)
			cli_memory(NULL);
		fwrite(d.text.data, 1, d.text.len, stdout);
		putchar('\n');
	}
	cli_json_drop(&d);
}

void cli_json_part(const struct candor_response *r, const char *field)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_message(&d.j, json_part(cli_json_body(&d, r), field));
	cli_json_print(&d);
}

void cli_json_text(struct json_out *j, const char *key, const char *text)
{
	json_out_key(j, key);
	json_out_text(j, text);
}

void cli_json_count(struct json_out *j, const char *key, uint64_t n)
{
	json_out_key(j, key);
	json_out_count(j, n);
}

void cli_json_real(struct json_out *j, const char *key, double x)
{
	json_out_key(j, key);
	json_out_real(j, x);
}

void cli_json_bool(struct json_out *j, const char *key, bool yes)
{
	json_out_key(j, key);
	json_out_bool(j, yes);
}

void cli_json_open(struct json_out *j, const char *key, char bracket)
{
	json_out_key(j, key);
	json_out_open(j, bracket);
}
