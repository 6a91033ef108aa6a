#include "client/cli/base/jsonl.h"

#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/visible.h"

void jsonl_init(struct jsonl *j, jsonl_on_key *on_key, void *arg)
{
	*j = (struct jsonl){.on_key = on_key, .arg = arg, .line = 1, .is_returned = true};
}

void jsonl_free(struct jsonl *j)
{
	buf_free(&j->text);
}

static void begin_line(struct jsonl *j)
{
	j->first_line = j->line;
	j->column = 0;
	j->is_returned = j->had_cr = false;
	j->state = JSONL_BLANK;
	j->depth = 0;
	j->kept = NULL;
	j->text.len = 0;
	memset(j->value, 0, sizeof j->value);
}

/* ---- what is wrong ---- */

static void PRINTF_LIKE(2, 3) spoil(struct jsonl *j, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(j->fault, sizeof j->fault, format, args);
	va_end(args);
	j->state = JSONL_SKIP;
}

static void find_stray(struct jsonl *j, const char *bytes, const char *wanted)
{
	spoil(j, "not valid JSON: \"%s\" at byte %" PRIu64 "; %s", cli_shown(bytes, 1).s, j->column + 1, wanted);
}

static void find_end(struct jsonl *j)
{
	if (j->state == JSONL_IN_STRING || j->state == JSONL_ESCAPE || j->state == JSONL_HEX)
		spoil(j, "not valid JSON: the line ends within a string");
	else
		spoil(j, "not valid JSON: the line ends within the object; each line must be a whole one");
}

/* ---- values ---- */

static bool in_map(const struct jsonl *j)
{
	return j->is_map[(j->depth - 1) / 8] >> (j->depth - 1) % 8 & 1;
}

static void keep(struct jsonl *j, const char *bytes, size_t len)
{
	struct jsonl_value *v = j->kept;
	if (!v || v->cut)
		return;
	if (v->len + len > JSONL_TEXT_MAX) {
		v->cut = true;
		return;
	}
	if (buf_append(&j->text, bytes, len))
		cli_memory(NULL);
	v->len += len;
}

static void end_value(struct jsonl *j)
{
	if (j->kept && buf_append(&j->text, "", 1))
		cli_memory(NULL);
	j->kept = NULL;
	j->state = j->depth > 0 ? JSONL_AFTER : JSONL_DONE;
}

/* A value begins; it is kept if it is that of a member which is asked for. False: the line is bad. */
static bool begin_value(struct jsonl *j, enum jsonl_kind kind)
{
	j->kept = NULL;
	const int i = j->depth == 1 ? j->on_key(j->arg, j->key, j->key_len) : -1;
	if (i < 0)
		return true;
	if (j->value[i].kind != JSONL_MISSING) {
		spoil(j, "\"%s\" is given twice", cli_shown(j->key, j->key_len).s);
		return false;
	}
	j->kept = &j->value[i];
	*j->kept = (struct jsonl_value){.kind = kind, .start = j->text.len};
	return true;
}

static void enter(struct jsonl *j, bool is_map)
{
	if (!begin_value(j, is_map ? JSONL_MAP : JSONL_ARRAY))
		return;
	j->kept = NULL;
	if (j->depth == JSONL_DEPTH_MAX) {
		spoil(j, "nested more than %d deep", JSONL_DEPTH_MAX);
		return;
	}
	const uint8_t bit = (uint8_t)(1u << j->depth % 8);
	if (is_map)
		j->is_map[j->depth / 8] |= bit;
	else
		j->is_map[j->depth / 8] &= (uint8_t)~bit;
	j->depth++;
	j->state = is_map ? JSONL_FIRST_KEY : JSONL_FIRST_VALUE;
}

static void leave(struct jsonl *j)
{
	j->depth--;
	end_value(j);
}

/* ---- strings ---- */

static void begin_string(struct jsonl *j, bool is_key)
{
	j->is_key = is_key;
	j->high = 0;
	if (!is_key && !begin_value(j, JSONL_STRING))
		return;
	if (is_key && j->depth == 1)
		j->key_len = 0;
	j->state = JSONL_IN_STRING;
}

/* Decoded bytes of the string. */
static void add(struct jsonl *j, const char *bytes, size_t len)
{
	if (!j->is_key) {
		keep(j, bytes, len);
		return;
	}
	for (size_t i = 0; i < len && j->depth == 1 && j->key_len < JSONL_KEY_MAX; i++)
		j->key[j->key_len++] = bytes[i];
}

/* A surrogate without its other half. */
static void drop_half(struct jsonl *j)
{
	if (j->high && j->kept)
		j->kept->is_broken = true;
	j->high = 0;
}

static void add_code_point(struct jsonl *j, unsigned c)
{
	char out[4];
	size_t n = 0;
	if (c < 0x80) {
		out[n++] = (char)c;
	} else if (c < 0x800) {
		out[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		out[n++] = (char)(0xe0 | c >> 12);
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		out[n++] = (char)(0xf0 | c >> 18);
		out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		out[n++] = (char)(0x80 | (c & 0x3f));
	add(j, out, n);
}

/* A code unit of UTF-16. */
static void add_unit(struct jsonl *j, unsigned unit)
{
	if (unit >= 0xdc00 && unit <= 0xdfff && j->high) {
		add_code_point(j, 0x10000 + ((j->high - 0xd800) << 10) + (unit - 0xdc00));
		j->high = 0;
		return;
	}
	drop_half(j);
	j->high = unit >= 0xd800 && unit <= 0xdfff ? unit : 0;
	if (unit >= 0xdc00 && unit <= 0xdfff)
		drop_half(j);
	else if (!j->high)
		add_code_point(j, unit);
}

static void take_escape(struct jsonl *j, const char *byte)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *at = *byte ? strchr(letters, *byte) : NULL;
	j->state = JSONL_IN_STRING;
	if (at) {
		drop_half(j);
		add(j, &meanings[at - letters], 1);
	} else if (*byte == 'u') {
		j->state = JSONL_HEX;
		j->hex = 0;
		j->hex_left = 4;
	} else {
		find_stray(j, byte, "after \\ there must be one of \"\\/bfnrtu");
	}
}

static void take_hex(struct jsonl *j, const char *byte)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = *byte ? strchr(digits, *byte) : NULL;
	if (!at) {
		find_stray(j, byte, "after \\u there must be four hexadecimal digits");
		return;
	}
	const unsigned digit = (unsigned)(at - digits);
	j->hex = j->hex << 4 | (digit < 16 ? digit : digit - 6);
	if (--j->hex_left > 0)
		return;
	j->state = JSONL_IN_STRING;
	add_unit(j, j->hex);
}

static void end_string(struct jsonl *j)
{
	drop_half(j);
	if (j->is_key)
		j->state = JSONL_COLON;
	else
		end_value(j);
}

/* Bytes of a string: how many. */
static size_t take_string(struct jsonl *j, const char *data, size_t len)
{
	size_t n = 0;
	while (n < len && (unsigned char)data[n] >= 0x20 && data[n] != '"' && data[n] != '\\')
		n++;
	if (n > 0) {
		drop_half(j);
		add(j, data, n);
		return n;
	}
	if (*data == '"')
		end_string(j);
	else if (*data == '\\')
		j->state = JSONL_ESCAPE;
	else
		find_stray(j, data, "in a string it must be escaped");
	return 1;
}

/* ---- numbers and words ---- */

enum number {
	NUMBER_NONE,
	NUMBER_SIGN,
	NUMBER_ZERO,
	NUMBER_WHOLE,
	NUMBER_POINT,
	NUMBER_PART,
	NUMBER_E,
	NUMBER_E_SIGN,
	NUMBER_POWER
};

/* The state after a byte of a number. */
static enum number number_after(enum number s, char c)
{
	const bool digit = c >= '0' && c <= '9', e = c == 'e' || c == 'E';
	switch (s) {
	case NUMBER_NONE: break;
	case NUMBER_SIGN: return c == '0' ? NUMBER_ZERO : digit ? NUMBER_WHOLE : NUMBER_NONE;
	case NUMBER_ZERO: return c == '.' ? NUMBER_POINT : e ? NUMBER_E : NUMBER_NONE;
	case NUMBER_WHOLE: return digit ? s : c == '.' ? NUMBER_POINT : e ? NUMBER_E : NUMBER_NONE;
	case NUMBER_POINT: return digit ? NUMBER_PART : NUMBER_NONE;
	case NUMBER_PART: return digit ? s : e ? NUMBER_E : NUMBER_NONE;
	case NUMBER_E:
		if (c == '+' || c == '-')
			return NUMBER_E_SIGN;
		return digit ? NUMBER_POWER : NUMBER_NONE;
	case NUMBER_E_SIGN:
	case NUMBER_POWER: return digit ? NUMBER_POWER : NUMBER_NONE;
	}
	return NUMBER_NONE;
}

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' ||
	       c == '.' || c == '_';
}

static void add_word_byte(struct jsonl *j, const char *byte)
{
	if (j->word_len < sizeof j->word)
		j->word[j->word_len++] = *byte;
	keep(j, byte, 1);
}

static void begin_word(struct jsonl *j, const char *first)
{
	j->word_len = 0;
	j->number = *first == '-' ? NUMBER_SIGN : number_after(NUMBER_SIGN, *first);
	if (!begin_value(j, JSONL_NUMBER))
		return;
	j->state = JSONL_IN_WORD;
	add_word_byte(j, first);
}

static void end_word(struct jsonl *j)
{
	static const struct {
		const char *word;
		enum jsonl_kind kind;
	} words[] = {{"true", JSONL_TRUE}, {"false", JSONL_FALSE}, {"null", JSONL_NULL}};
	const enum number n = (enum number)j->number;
	bool is_value = n == NUMBER_ZERO || n == NUMBER_WHOLE || n == NUMBER_PART || n == NUMBER_POWER;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (j->word_len != strlen(words[i].word) || memcmp(j->word, words[i].word, j->word_len) != 0)
			continue;
		is_value = true;
		if (j->kept)
			j->kept->kind = words[i].kind;
	}
	if (is_value)
		end_value(j);
	else if (j->depth == 1)
		spoil(j,
		      "not valid JSON: \"%s\" is %s; a value must be a number, a string, true, false, null, {} or []",
		      cli_shown(j->key, j->key_len).s, cli_shown(j->word, j->word_len).s);
	else
		spoil(j, "not valid JSON: %s is not a value", cli_shown(j->word, j->word_len).s);
}

/* ---- bytes ---- */

static void take_value(struct jsonl *j, const char *byte)
{
	if (*byte == '"') {
		begin_string(j, false);
	} else if (*byte == '{' || *byte == '[') {
		enter(j, *byte == '{');
	} else if (*byte == ']' && j->state == JSONL_FIRST_VALUE) {
		leave(j);
	} else if (is_word_byte(*byte)) {
		begin_word(j, byte);
	} else {
		find_stray(j, byte, "there must be a value");
	}
}

static void take_after(struct jsonl *j, const char *byte)
{
	const bool is_map = in_map(j);
	if (*byte == ',')
		j->state = is_map ? JSONL_KEY : JSONL_VALUE;
	else if (*byte == (is_map ? '}' : ']'))
		leave(j);
	else
		find_stray(j, byte,
			   is_map ? "after a value there must be , or }" : "after a value there must be , or ]");
}

/* A byte outside of strings and words that is not blank. */
static void take_mark(struct jsonl *j, const char *byte)
{
	switch (j->state) {
	case JSONL_BLANK:
		if (*byte == '{')
			enter(j, true);
		else
			spoil(j, "not a JSON object; each line must be one");
		break;
	case JSONL_FIRST_KEY:
	case JSONL_KEY:
		if (*byte == '"')
			begin_string(j, true);
		else if (*byte == '}' && j->state == JSONL_FIRST_KEY)
			leave(j);
		else
			find_stray(j, byte, "there must be a name in quotes");
		break;
	case JSONL_COLON:
		if (*byte == ':')
			j->state = JSONL_VALUE;
		else
			find_stray(j, byte, "after a name there must be :");
		break;
	case JSONL_FIRST_VALUE:
	case JSONL_VALUE: take_value(j, byte); break;
	case JSONL_AFTER: take_after(j, byte); break;
	case JSONL_DONE:
		if (j->had_cr)
			spoil(j, "text follows the object; lines must end with a line feed, not with a carriage return "
				 "alone");
		else
			spoil(j, "text follows the object; each line must be one object");
		break;
	case JSONL_IN_STRING:
	case JSONL_ESCAPE:
	case JSONL_HEX:
	case JSONL_IN_WORD:
	case JSONL_SKIP: break;
	}
}

/* Bytes of a line: how many. */
static size_t take(struct jsonl *j, const char *data, size_t len)
{
	switch (j->state) {
	case JSONL_IN_STRING: return take_string(j, data, len);
	case JSONL_ESCAPE: take_escape(j, data); return 1;
	case JSONL_HEX: take_hex(j, data); return 1;
	case JSONL_IN_WORD:
		if (is_word_byte(*data)) {
			j->number = (int)number_after((enum number)j->number, *data);
			add_word_byte(j, data);
			return 1;
		}
		end_word(j);
		return 0;
	case JSONL_SKIP: {
		const char *end = memchr(data, '\n', len);
		return end ? (size_t)(end - data) : len;
	}
	case JSONL_BLANK:
	case JSONL_FIRST_KEY:
	case JSONL_KEY:
	case JSONL_COLON:
	case JSONL_FIRST_VALUE:
	case JSONL_VALUE:
	case JSONL_AFTER:
	case JSONL_DONE: break;
	}
	if (*data == '\r')
		j->had_cr = true;
	else if (*data != ' ' && *data != '\t')
		take_mark(j, data);
	return 1;
}

static enum jsonl_result end_line(struct jsonl *j)
{
	if (j->state == JSONL_IN_WORD)
		end_word(j);
	if (j->state != JSONL_DONE && j->state != JSONL_SKIP)
		find_end(j);
	j->is_returned = true;
	return j->state == JSONL_DONE ? JSONL_OBJECT : JSONL_BAD;
}

enum jsonl_result jsonl_next(struct jsonl *j, const char *data, size_t len, bool is_end, size_t *used)
{
	size_t i = 0;
	if (j->is_returned)
		begin_line(j);
	while (i < len) {
		if (data[i] != '\n') {
			const size_t n = take(j, data + i, len - i);
			i += n;
			j->column += n;
			continue;
		}
		i++;
		j->line++;
		if (j->state != JSONL_BLANK) {
			*used = i;
			return end_line(j);
		}
		begin_line(j);
	}
	*used = i;
	if (!is_end)
		return JSONL_MORE;
	return j->state == JSONL_BLANK ? JSONL_END : end_line(j);
}
