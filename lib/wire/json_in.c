/* Each byte is looked at where it arrives. Structure becomes a step of a small state machine; a string, number or word
 * is read when it is whole, from where it arrived or, where a cut ran through it, from in->text. */
#include "lib/wire/json_in.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/base/similar.h"
#include "lib/base/wipe.h"
#include "lib/wire/json.h"
#include "lib/wire/json_put.h"
#include "lib/wire/json_string.h"

enum { PATH_BYTES = 480, FIELDS_MAX = 64 };

/* What comes next, but for blanks. */
enum state {
	FIRST, /* the object itself */
	NAME_OR_END,
	NAME,
	COLON,
	VALUE,
	ELEMENT_OR_END,
	ELEMENT,
	COMMA, /* or the end of the object or list */
	LAST, /* nothing more */
};

/* What arrives in several bytes. */
enum token { NO_TOKEN, STRING, NUMBER, WORD };

enum kind { OBJECT, LIST, TEXT, REAL, TRUE, FALSE, NOTHING, TRUE_OR_FALSE };

struct span {
	const uint8_t *data;
	size_t len;
	uint64_t at; /* its place in the text */
};

/* ---- faults ---- */

static int not_json(struct json_in *in, uint64_t at, const char *what)
{
	snprintf(in->fault, sizeof in->fault, "not valid JSON at byte %llu: %s", (unsigned long long)at, what);
	return in->err = ERR_MALFORMED;
}

static struct json_level *top(struct json_in *in)
{
	return &in->levels[in->depth - 1];
}

/* Of what is being read; or of the object that it is in. */
enum place { HERE, AROUND };

static void path_of(const struct json_in *in, enum place place, char *out, size_t size)
{
	size_t len = 0;
	*out = '\0';
	for (unsigned i = 0; i + place < in->depth && len < size; i++) {
		const struct json_level *l = &in->levels[i];
		if (!l->field)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "." : "", l->field->name);
		if (l->in_list && len < size)
			len += (size_t)snprintf(out + len, size - len, "[%zu]", l->index);
	}
}

static int PRINTF_LIKE(3, 4) complain(struct json_in *in, enum place place, const char *format, ...)
{
	char path[PATH_BYTES], sentence[PATH_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	path_of(in, place, path, sizeof path);
	snprintf(in->fault, sizeof in->fault, "%s%s%s", path, *path ? ": " : "", sentence);
	return in->err = ERR_MALFORMED;
}

static int unknown_field(struct json_in *in, const ProtobufCMessageDescriptor *type, const char *name, size_t len)
{
	struct similar near = {.word = name};
	char hint[64], path[PATH_BYTES];
	if (len == 0 || !json_put_is_shown(name, len))
		return complain(in, AROUND, "has an unknown field");
	for (unsigned i = 0; i < type->n_fields; i++)
		similar_try(&near, type->fields[i].name);
	path_of(in, AROUND, path, sizeof path);
	snprintf(in->fault, sizeof in->fault, "%s%s%s: unknown field%s", path, *path ? "." : "", name,
		 similar_hint(&near, "", hint, sizeof hint));
	return in->err = ERR_MALFORMED;
}

/* ---- values ---- */

/* Takes note of how a value could be written. */
static void note(struct json_in *in, int err, const char *fault)
{
	if (err == ERR_MALFORMED)
		complain(in, HERE, "%s", fault);
	else if (err)
		in->err = err;
	else if (in->out->len > in->max_bytes)
		in->err = ERR_TOO_BIG;
}

/* What a string says is read into the memory behind what was written, where it mostly is to go. */
static uint8_t *read_string(struct json_in *in, const struct span *s, size_t *len)
{
	struct json_string_fault fault;
	uint8_t *to = buf_reserve(in->out, JSON_HEAD_MAX + s->len + 1);
	if (!to) {
		in->err = -ENOMEM;
		return NULL;
	}
	to += JSON_HEAD_MAX;
	ssize_t n = json_string_read(s->data, s->len, to, &fault);
	if (n < 0) {
		not_json(in, s->at + fault.at, fault.what);
		return NULL;
	}
	to[n] = '\0';
	*len = (size_t)n;
	return to;
}

/* ---- a field ---- */

static enum kind kind_of(const ProtobufCFieldDescriptor *f)
{
	const bool is_text = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES;
	if (is_text || f->type == PROTOBUF_C_TYPE_ENUM)
		return TEXT;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return OBJECT;
	return f->type == PROTOBUF_C_TYPE_BOOL ? TRUE_OR_FALSE : REAL;
}

static enum kind kind_wanted(const struct json_in *in)
{
	const struct json_level *l = in->depth > 0 ? &in->levels[in->depth - 1] : NULL;
	if (!l)
		return OBJECT;
	return l->field->label == PROTOBUF_C_LABEL_REPEATED && !l->in_list ? LIST : kind_of(l->field);
}

/* 0, or that another kind of value is wanted. */
static int check_kind(struct json_in *in, enum kind kind)
{
	static const char *const names[] = {
		[OBJECT] = "an object", [LIST] = "a list", [TEXT] = "a string", [REAL] = "a number",
		[TRUE] = "true",        [FALSE] = "false", [NOTHING] = "null",  [TRUE_OR_FALSE] = "true or false",
	};
	enum kind wanted = kind_wanted(in);
	if (kind == wanted || (wanted == TRUE_OR_FALSE && (kind == TRUE || kind == FALSE)))
		return 0;
	return complain(in, HERE, "must be %s, not %s", names[wanted], names[kind]);
}

/* These alone have no default that could be meant: what is left out would be read as 0, which is a report or an outcome
 * like any other. */
bool json_in_needs(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f)
{
	return strcmp(f->name, "value") == 0 &&
	       (strcmp(type->short_name, "Report") == 0 || strcmp(type->short_name, "Outcome") == 0);
}

static uint64_t needed_of(struct json_in *in, const ProtobufCMessageDescriptor *type)
{
	if (in->needed_type == type)
		return in->needed;
	in->needed_type = type;
	in->needed = 0;
	for (unsigned i = 0; i < type->n_fields; i++)
		in->needed |= (uint64_t)json_in_needs(type, &type->fields[i]) << i;
	return in->needed;
}

/* The message that is being read ends. What is missing is written as no number, which JSON cannot say: so that row is
 * rejected, and not all of them. */
static void fill_in(struct json_in *in)
{
	const struct json_level *l = top(in);
	for (uint64_t missing = needed_of(in, l->type) & ~l->given; missing && !in->err; missing &= missing - 1)
		note(in, json_put_nan(in->out, &l->type->fields[__builtin_ctzll(missing)]), "");
}

static void open_message(struct json_in *in)
{
	const bool is_row = in->depth == 0 && in->rows;
	const ProtobufCFieldDescriptor *f = is_row ? in->rows : in->depth > 0 ? top(in)->field : NULL;
	struct json_level l = {.type = f ? f->descriptor : in->type};
	if (in->depth == JSON_LEVELS_MAX) {
		complain(in, HERE, "is nested too deeply; the limit is %d levels", JSON_LEVELS_MAX);
		return;
	}
	require(l.type->n_fields <= FIELDS_MAX);
	if (f)
		note(in, json_put_begin(in->out, f, &l.start), "");
	in->levels[in->depth++] = l;
	in->state = NAME_OR_END;
}

static void close_message(struct json_in *in)
{
	const struct json_level *l = top(in);
	fill_in(in);
	in->depth--;
	if (in->depth > 0 || in->rows)
		note(in, json_put_end(in->out, l->start), "");
	in->state = in->depth > 0 ? COMMA : LAST;
}

static void open_list(struct json_in *in)
{
	struct json_level *l = top(in);
	l->in_list = true;
	l->index = 0;
	l->list_head = in->out->len;
	if (json_put_is_packed(l->field))
		note(in, json_put_begin(in->out, l->field, &l->list_start), "");
	in->state = ELEMENT_OR_END;
}

static void close_list(struct json_in *in)
{
	struct json_level *l = top(in);
	if (in->out->len == l->list_start && json_put_is_packed(l->field))
		in->out->len = l->list_head; /* an empty one is not written */
	else if (json_put_is_packed(l->field))
		note(in, json_put_end(in->out, l->list_start), "");
	l->in_list = false;
	in->state = COMMA;
}

static bool is_name(const ProtobufCFieldDescriptor *f, const struct span *s)
{
	const size_t len = strlen(f->name);
	return s->len == len + 2 && memcmp(s->data + 1, f->name, len) == 0;
}

/* Fields mostly come in their order. NULL: there is a fault. */
static const ProtobufCFieldDescriptor *find_field(struct json_in *in, const struct span *s)
{
	const struct json_level *l = top(in);
	const ProtobufCMessageDescriptor *type = l->type;
	const ProtobufCFieldDescriptor *next = l->field ? l->field + 1 : type->fields;
	size_t len;
	if (next < type->fields + type->n_fields && s->data[s->len - 1] == '"' && is_name(next, s))
		return next;
	const char *name = (const char *)read_string(in, s, &len);
	const ProtobufCFieldDescriptor *f =
		name && len < JSON_WORD_MAX ? protobuf_c_message_descriptor_get_field_by_name(type, name) : NULL;
	if (name && !f)
		unknown_field(in, type, name, len < JSON_WORD_MAX ? len : 0);
	return f;
}

static void read_name(struct json_in *in, const struct span *s)
{
	struct json_level *l = top(in);
	const ProtobufCFieldDescriptor *f = find_field(in, s);
	if (!f)
		return;
	const uint64_t bit = UINT64_C(1) << (f - l->type->fields);
	l->field = f;
	in->state = COLON;
	if (l->given & bit)
		complain(in, HERE, "is given twice");
	else if (in->depth == 1 && in->refused & bit)
		complain(in, HERE, "is given by the path; leave it out here");
	l->given |= bit;
}

/* Another member of the same oneof that was given; NULL: none. */
static const ProtobufCFieldDescriptor *rival(const struct json_level *l)
{
	if (!(l->field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		return NULL;
	for (unsigned i = 0; i < l->type->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &l->type->fields[i];
		if (l->given >> i & 1 && f != l->field && f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
		    f->quantifier_offset == l->field->quantifier_offset)
			return f;
	}
	return NULL;
}

static void read_colon(struct json_in *in)
{
	const ProtobufCFieldDescriptor *f = rival(top(in));
	in->state = VALUE;
	if (f)
		complain(in, HERE, "cannot be given together with %s", f->name);
}

/* ---- tokens that are whole ---- */

static void read_number(struct json_in *in, const struct span *s)
{
	char fault[JSON_SENTENCE_BYTES];
	struct json_number n;
	if (json_number_read(s->data, s->len, &n))
		note(in, json_put_number(in->out, top(in)->field, &n, fault), fault);
	else
		not_json(in, s->at, "not a valid JSON number");
}

static void read_text(struct json_in *in, const struct span *s)
{
	char fault[JSON_SENTENCE_BYTES];
	size_t len;
	uint8_t *text = read_string(in, s, &len);
	if (text)
		note(in, json_put_text(in->out, top(in)->field, text, len, fault), fault);
}

static const char *word_of(uint8_t first)
{
	return first == 't' ? "true" : first == 'f' ? "false" : "null";
}

static void read_word(struct json_in *in, const struct span *s)
{
	const char *word = word_of(*s->data);
	if (s->len < strlen(word) || memcmp(s->data, word, strlen(word)) != 0)
		not_json(in, s->at, "expected a value");
	else if (check_kind(in, *word == 't' ? TRUE : *word == 'f' ? FALSE : NOTHING) == 0)
		note(in, json_put_bool(in->out, top(in)->field, *word == 't'), "");
}

static void read_token(struct json_in *in, const struct span *s)
{
	const enum token token = in->token;
	in->token = NO_TOKEN;
	if (in->state == NAME) {
		read_name(in, s);
		return;
	}
	switch (token) {
	case STRING: read_text(in, s); break;
	case NUMBER: read_number(in, s); break;
	case WORD: read_word(in, s); break;
	case NO_TOKEN: break;
	}
	in->state = COMMA;
}

/* ---- tokens as they arrive ---- */

static void too_long(struct json_in *in)
{
	if (in->state == NAME)
		complain(in, AROUND, "has an unknown field");
	else if (in->token == NUMBER)
		complain(in, HERE, "is too long for a number; the limit is %d characters", JSON_NUMBER_MAX - 1);
	else
		complain(in, HERE, "is too long; the limit is %d bytes", JSON_VALUE_MAX);
}

/* Behind the token, or as much of it as is here. */
static const uint8_t *token_end(struct json_in *in, const uint8_t *at, const uint8_t *end, bool *is_whole)
{
	const size_t had = in->text.len;
	const uint8_t *to = at;
	size_t word;
	switch ((enum token)in->token) {
	case STRING:
		if (had == 0)
			in->is_escaped = false;
		to = json_string_end(at + (had == 0), end, &in->is_escaped);
		*is_whole = to != NULL;
		return to ? to : end;
	case NUMBER:
		while (to < end && json_number_has(*to))
			to++;
		*is_whole = to < end;
		return to;
	case WORD:
	case NO_TOKEN: break;
	}
	word = strlen(word_of(had > 0 ? *in->text.data : *at)) - had;
	*is_whole = (size_t)(end - at) >= word;
	return *is_whole ? at + word : end;
}

/* Returns what is behind. place: of `at` in the text. */
static const uint8_t *take_token(struct json_in *in, const uint8_t *at, const uint8_t *end, uint64_t place)
{
	bool is_whole;
	const uint8_t *to = token_end(in, at, end, &is_whole);
	const size_t had = in->text.len, n = (size_t)(to - at);
	if (had + n > (in->token == NUMBER ? JSON_NUMBER_MAX - 1 : JSON_VALUE_MAX)) {
		too_long(in);
		return to;
	}
	if (had == 0 && is_whole) {
		read_token(in, &(struct span){at, n, place});
		return to;
	}
	if (had == 0)
		in->text_at = place;
	in->err = buf_append(&in->text, at, n);
	if (!in->err && is_whole) {
		read_token(in, &(struct span){in->text.data, in->text.len, in->text_at});
		in->text.len = 0;
	}
	return to;
}

/* ---- structure ---- */

/* At the first byte of a value, which is taken where it is a bracket; what is to come otherwise is a token. */
static bool begin_value(struct json_in *in, uint8_t c, uint64_t place)
{
	if (c == '{' || c == '[') {
		if (check_kind(in, c == '{' ? OBJECT : LIST) != 0)
			return false;
		if (c == '{')
			open_message(in);
		else
			open_list(in);
		return true;
	}
	if (c == '"' && check_kind(in, TEXT) == 0)
		in->token = STRING;
	else if ((c == '-' || (c >= '0' && c <= '9')) && check_kind(in, REAL) == 0)
		in->token = NUMBER;
	else if (c == 't' || c == 'f' || c == 'n')
		in->token = WORD;
	else if (!in->err)
		not_json(in, place, "expected a value");
	return false;
}

static bool begin_name(struct json_in *in, uint8_t c, uint64_t place)
{
	if (c == '"') {
		in->state = NAME;
		in->token = STRING;
	} else {
		not_json(in, place, "expected a field name");
	}
	return false;
}

static const char *expected(struct json_in *in)
{
	return top(in)->in_list ? "expected \",\" or \"]\"" : "expected \",\" or \"}\"";
}

static bool read_comma(struct json_in *in, uint8_t c, uint64_t place)
{
	struct json_level *l = top(in);
	if (c == ',') {
		in->state = l->in_list ? ELEMENT : NAME;
		l->index++;
	} else if (c == (l->in_list ? ']' : '}')) {
		if (l->in_list)
			close_list(in);
		else
			close_message(in);
	} else {
		not_json(in, place, expected(in));
	}
	return true;
}

/* A byte that is no blank, outside of tokens: whether it was taken. */
static bool step(struct json_in *in, uint8_t c, uint64_t place)
{
	switch ((enum state)in->state) {
	case ELEMENT_OR_END:
		if (c == ']') {
			close_list(in);
			return true;
		}
		return begin_value(in, c, place);
	case FIRST:
	case VALUE:
	case ELEMENT: return begin_value(in, c, place);
	case NAME_OR_END:
		if (c == '}') {
			close_message(in);
			return true;
		}
		return begin_name(in, c, place);
	case NAME: return begin_name(in, c, place);
	case COLON:
		if (c == ':')
			read_colon(in);
		else
			not_json(in, place, "expected \":\"");
		return true;
	case COMMA: return read_comma(in, c, place);
	case LAST: not_json(in, place, "unexpected text after the object"); break;
	}
	return true;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void read_on(struct json_in *in, const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes, *const end = bytes + len;
	while (at < end && !in->err) {
		const uint64_t place = in->at + (uint64_t)(at - bytes);
		if (in->token)
			at = take_token(in, at, end, place);
		else if (is_blank(*at) || step(in, *at, place))
			at++;
	}
	in->at += len;
}

/* The text ends here. */
static void read_end(struct json_in *in)
{
	if (in->token && !in->err) {
		read_token(in, &(struct span){in->text.data, in->text.len, in->text_at});
		in->text.len = 0;
	}
	if (in->err)
		return;
	switch ((enum state)in->state) {
	case FIRST:
	case VALUE:
	case ELEMENT_OR_END:
	case ELEMENT: not_json(in, in->at, "unexpected end"); break;
	case NAME_OR_END:
	case NAME: not_json(in, in->at, "expected a field name"); break;
	case COLON: not_json(in, in->at, "expected \":\""); break;
	case COMMA: not_json(in, in->at, expected(in)); break;
	case LAST: break;
	}
}

/* ---- the whole ---- */

void json_in_init(struct json_in *in, const ProtobufCMessageDescriptor *type, size_t max_bytes, struct buf *out)
{
	require(type->n_fields <= FIELDS_MAX);
	memset(in, 0, sizeof *in);
	in->out = out;
	in->max_bytes = max_bytes;
	in->type = type;
}

void json_in_free(struct json_in *in)
{
	if (in->text.data)
		wipe(in->text.data, in->text.cap); /* it may have been a secret */
	buf_free(&in->text);
}

size_t json_in_bytes(const struct json_in *in)
{
	return heap_bytes(in->text.cap);
}

void json_in_init_row(struct json_in *in, const ProtobufCFieldDescriptor *list, size_t max_bytes, struct buf *out)
{
	json_in_init(in, list->descriptor, max_bytes, out);
	in->rows = list;
}

void json_in_next_row(struct json_in *in)
{
	in->depth = 0;
	in->state = FIRST;
	in->token = NO_TOKEN;
	in->text.len = 0;
	in->at = 0;
	in->err = 0;
}

bool json_in_is_begun(const struct json_in *in)
{
	return in->state != FIRST || in->token || in->err;
}

void json_in_refuse(struct json_in *in, const char *name)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(in->type, name);
	require(f);
	in->refused |= UINT64_C(1) << (f - in->type->fields);
}

int json_in_push(struct json_in *in, const void *bytes, size_t len)
{
	read_on(in, bytes, len);
	return in->err;
}

int json_in_end(struct json_in *in)
{
	read_end(in);
	return in->err;
}

int json_in_whole(struct json_in *in, const void *bytes, size_t len)
{
	read_on(in, bytes, len);
	read_end(in);
	return in->err;
}
