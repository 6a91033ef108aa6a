#include "daemon/http/parse.h"

#include <assert.h>
#include <errno.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/heap.h"
#include "lib/base/text.h"
#include "lib/base/wipe.h"

enum {
	EMPTY_LINES_MAX = 4, /* before a request: some clients send one behind a body */
};

/* Where a line of the head has a field: offsets in its text. */
struct line {
	uint16_t name, name_len, value, value_len;
};

enum stage {
	IN_HEAD,
	IN_BODY,
	COMPLETE, /* all of the request has come; PARSE_END may still have to be said */
	BROKEN,
};

struct parse {
	llhttp_t llhttp;
	enum stage stage;
	/* The head as it came; then with a NUL behind each text. */
	struct buf text;
	size_t line_start, first_len; /* of the line that is being read; and of the request line, 0: it is that line */
	unsigned n_lines, empty_lines;
	struct head head;
	uint8_t last; /* byte that was taken */
	bool is_paused; /* llhttp, behind a piece of the body: it may be able to go on without bytes */
	const uint8_t *piece;
	size_t piece_len;
	/* While the head is read. */
	struct line *lines;
	unsigned n_values;
	size_t url, url_len;
	unsigned status;
	const char *sentence;
};

static const char *const method_names[METHOD_COUNT] = {
	[METHOD_GET] = "GET",     [METHOD_HEAD] = "HEAD",     [METHOD_POST] = "POST",       [METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "",
};
static_assert(METHOD_COUNT == 8, "each method has a name");

const char *method_name(enum method m)
{
	return method_names[m];
}

/* What becomes of a field that is given in several lines. */
enum repeated { REFUSED, COMMA, SEMICOLON };

#define NAMED(name) name, sizeof name - 1

static const struct {
	const char *name;
	size_t len;
	enum repeated repeated;
} fields[FIELD_COUNT] = {
	[FIELD_ACCEPT] = {NAMED("accept"), COMMA},
	[FIELD_ACCEPT_ENCODING] = {NAMED("accept-encoding"), COMMA},
	[FIELD_AUTHORIZATION] = {NAMED("authorization"), REFUSED},
	[FIELD_CONNECTION] = {NAMED("connection"), COMMA},
	[FIELD_CONTENT_ENCODING] = {NAMED("content-encoding"), COMMA},
	[FIELD_CONTENT_LENGTH] = {NAMED("content-length"), REFUSED},
	[FIELD_CONTENT_TYPE] = {NAMED("content-type"), REFUSED},
	[FIELD_COOKIE] = {NAMED("cookie"), SEMICOLON},
	[FIELD_EXPECT] = {NAMED("expect"), REFUSED},
	[FIELD_HOST] = {NAMED("host"), REFUSED},
	[FIELD_LAST_EVENT_ID] = {NAMED("last-event-id"), REFUSED},
	[FIELD_ORIGIN] = {NAMED("origin"), REFUSED},
	[FIELD_SEC_FETCH_SITE] = {NAMED("sec-fetch-site"), REFUSED},
	[FIELD_TRANSFER_ENCODING] = {NAMED("transfer-encoding"), REFUSED},
	[FIELD_UPGRADE] = {NAMED("upgrade"), COMMA},
	[FIELD_USER_AGENT] = {NAMED("user-agent"), REFUSED},
};
static_assert(FIELD_COUNT == 16, "each field has a name");

static enum parse_event fail(struct parse *p, unsigned status, const char *sentence)
{
	/* The first fault counts: what llhttp says of it afterwards is less clear. */
	if (p->stage != BROKEN) {
		p->status = status;
		p->sentence = sentence;
	}
	p->stage = BROKEN;
	return PARSE_FAULT;
}

static const char not_framed[] =
	"the body is not framed as HTTP/1.1 has it: chunks have a length in hexadecimal digits, and "
	"neither extensions nor fields behind them are taken";

/* ---- what llhttp calls ---- */

static struct parse *of(llhttp_t *llhttp)
{
	return llhttp->data;
}

static size_t offset_of(const struct parse *p, const char *at)
{
	return (size_t)(at - (const char *)p->text.data);
}

static int on_url(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *p = of(llhttp);
	p->url = offset_of(p, at);
	p->url_len = len;
	return 0;
}

static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *p = of(llhttp);
	if (p->stage != IN_HEAD) {
		fail(p, 400, not_framed);
		return -1;
	}
	p->lines[p->n_values] = (struct line){
		.name = (uint16_t)offset_of(p, at),
		.name_len = (uint16_t)len,
	};
	return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *p = of(llhttp);
	/* Blanks behind it are no part of it. */
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	p->lines[p->n_values].value = (uint16_t)offset_of(p, at);
	p->lines[p->n_values].value_len = (uint16_t)len;
	return 0;
}

static int on_value_complete(llhttp_t *llhttp)
{
	of(llhttp)->n_values++;
	return 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
	/* Nobody is obliged to change to another protocol. */
	llhttp->upgrade = 0;
	return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct parse *p = of(llhttp);
	p->piece = (const uint8_t *)at;
	p->piece_len = len;
	return len > 0 ? HPE_PAUSED : 0;
}

static int on_chunk_extension(llhttp_t *llhttp, const char *at, size_t len)
{
	(void)at;
	(void)len;
	fail(of(llhttp), 400, not_framed);
	return -1;
}

static int on_complete(llhttp_t *llhttp)
{
	of(llhttp)->stage = COMPLETE;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_chunk_extension_name = on_chunk_extension,
	.on_chunk_extension_value = on_chunk_extension,
	.on_message_complete = on_complete,
};

static enum parse_event refuse(struct parse *p, llhttp_errno_t err)
{
	/* What llhttp finds first depends on how the bytes are cut. */
	if (p->stage != IN_HEAD)
		return fail(p, 400, not_framed);
	switch ((int)err) {
	case HPE_INVALID_METHOD: return fail(p, 501, "the method is not known");
	case HPE_INVALID_VERSION: return fail(p, 505, "the version must be HTTP/1.1 or HTTP/1.0");
	case HPE_INVALID_URL: return fail(p, 400, "the target has characters that must be escaped");
	case HPE_INVALID_CONTENT_LENGTH:
	case HPE_UNEXPECTED_CONTENT_LENGTH: return fail(p, 400, "Content-Length must be one number of bytes");
	case HPE_INVALID_TRANSFER_ENCODING: return fail(p, 400, "Transfer-Encoding must be chunked");
	case HPE_INVALID_HEADER_TOKEN: return fail(p, 400, "a header line is malformed");
	}
	return fail(p, 400, "the request is not HTTP/1.1");
}

/* ---- the head ---- */

static bool is_token(uint8_t c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+.^_`|~", c));
}

/* Whether a line that is complete, without its end, can be one of a header. */
static bool is_header_line(const uint8_t *line, size_t len)
{
	size_t n = 0;
	while (n < len && is_token(line[n]))
		n++;
	return n > 0 && n < len && line[n] == ':';
}

/* Two blanks, and none elsewhere. */
static bool is_request_line(const uint8_t *line, size_t len)
{
	const uint8_t *at = line, *end = line + len;
	size_t n = 0;
	for (; (at = memchr(at, ' ', (size_t)(end - at))); at++)
		n++;
	return n == 2 && !memchr(line, '\t', len);
}

/* A line is complete: PARSE_HEAD if the head is. */
static enum parse_event end_line(struct parse *p)
{
	static const char preface[] = "PRI * HTTP/2.0";
	const uint8_t *line = p->text.data + p->line_start;
	size_t len = p->text.len - p->line_start - 2;
	p->line_start = p->text.len;
	if (p->first_len == 0 && len == 0) {
		p->text.len = p->line_start = 0;
		return ++p->empty_lines > EMPTY_LINES_MAX ? fail(p, 400, "too many empty lines before the request")
							  : PARSE_MORE;
	}
	if (p->first_len == 0) {
		p->first_len = len;
		if (len == sizeof preface - 1 && memcmp(line, preface, len) == 0)
			return fail(p, 505, "HTTP/2 is not spoken here: the version must be HTTP/1.1 or HTTP/1.0");
		return is_request_line(line, len)
			       ? PARSE_MORE
			       : fail(p, 400,
				      "the request line must be a method, a path and HTTP/1.1, one blank between them");
	}
	if (len == 0)
		return PARSE_HEAD;
	if (!is_header_line(line, len))
		return fail(p, 400, "a header line must be a name, a colon and a value");
	return ++p->n_lines > PARSE_FIELDS_MAX ? fail(p, 431, "too many header fields: the limit is 64") : PARSE_MORE;
}

/* What the text has from `from` on that no head may have; NULL: nothing. If there is an LF, it is the last byte. */
static const char *fault_of_bytes(const struct parse *p, size_t from)
{
	const uint8_t *at = p->text.data + from, *end = p->text.data + p->text.len;
	bool after_cr = from > 0 && at[-1] == '\r';
	if (p->first_len > 0 && from == p->line_start && (*at == ' ' || *at == '\t'))
		return "header lines must not be folded";
	/* Nearly always it is a line of text. */
	if (!after_cr && end - at > 2 && end[-2] == '\r' && end[-1] == '\n' &&
	    !text_fault((const char *)at, (size_t)(end - at) - 2))
		return NULL;
	while (!after_cr && at < end && (*at >= 0x20 || *at == '\t' || *at == '\r') && *at != 0x7f)
		after_cr = *at++ == '\r';
	if (at == end)
		return NULL;
	if ((*at == '\n') != after_cr)
		return "lines must end with CR LF, and have neither elsewhere";
	return *at == '\n' ? NULL : "control characters are not taken";
}

/* How many more bytes it may have: of the first line, or of all others. */
static size_t room_of_head(const struct parse *p)
{
	size_t line = p->first_len > 0 ? p->first_len : PARSE_LINE_MAX;
	return line + 2 + (p->first_len > 0 ? PARSE_HEADERS_MAX : 0) - p->text.len;
}

/* Up to the end of a line. */
static enum parse_event take_line(struct parse *p, const uint8_t *bytes, size_t len, size_t *used)
{
	const size_t from = p->text.len, room = room_of_head(p), most = len < room + 1 ? len : room + 1;
	const uint8_t *end = memchr(bytes, '\n', most);
	const size_t taken = end ? (size_t)(end + 1 - bytes) : most;
	if (buf_append(&p->text, bytes, taken))
		return fail(p, 503, "out of memory: try again later");
	*used += taken;
	const char *fault = fault_of_bytes(p, from);
	if (fault)
		return fail(p, 400, fault);
	if (taken > room && p->first_len == 0)
		return fail(p, 414, "the request line is too long: the limit is 8192 bytes");
	if (taken > room)
		return fail(p, 431, "the header is too long: the limit is 16384 bytes");
	return end ? end_line(p) : PARSE_MORE;
}

static enum parse_event take_head(struct parse *p, const uint8_t *bytes, size_t len, size_t *used)
{
	enum parse_event event = PARSE_MORE;
	while (*used < len && event == PARSE_MORE)
		event = take_line(p, bytes + *used, len - *used, used);
	return event;
}

static enum method method_of(llhttp_method_t method)
{
	switch ((int)method) {
	case HTTP_GET: return METHOD_GET;
	case HTTP_HEAD: return METHOD_HEAD;
	case HTTP_POST: return METHOD_POST;
	case HTTP_PUT: return METHOD_PUT;
	case HTTP_PATCH: return METHOD_PATCH;
	case HTTP_DELETE: return METHOD_DELETE;
	case HTTP_OPTIONS: return METHOD_OPTIONS;
	}
	return METHOD_OTHER;
}

static int find_field(const char *name, size_t len)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (fields[i].len == len && strncasecmp(fields[i].name, name, len) == 0)
			return i;
	return -1;
}

/* A value behind the one that the field has: both together, at the end of the text. 0 or -ENOMEM. */
static int join(struct parse *p, size_t *at, const struct line *line, const char *between)
{
	const char *before = (const char *)p->text.data + *at;
	size_t len = strlen(before), size = len + 2 + line->value_len + 1;
	/* What is copied is in the same memory, which must not move meanwhile. */
	uint8_t *to = buf_reserve(&p->text, size);
	if (!to)
		return -ENOMEM;
	memcpy(to, p->text.data + *at, len);
	memcpy(to + len, between, 2);
	memcpy(to + len + 2, p->text.data + line->value, line->value_len);
	to[size - 1] = 0;
	*at = p->text.len;
	p->text.len += size;
	return 0;
}

/* The fields that are read, from the lines. */
static enum parse_event take_fields(struct parse *p)
{
	size_t at[FIELD_COUNT] = {0};
	for (unsigned i = 0; i < p->n_values; i++) {
		const struct line *line = &p->lines[i];
		int f = find_field((const char *)p->text.data + line->name, line->name_len);
		if (f < 0)
			continue;
		p->text.data[line->value + line->value_len] = 0;
		if (at[f] && fields[f].repeated == REFUSED)
			return fail(p, 400,
				    f == FIELD_HOST ? "Host must be given once"
				    : f == FIELD_CONTENT_LENGTH
					    ? "Content-Length must be given once"
					    : "a header field is given twice that must be given once");
		if (at[f] && join(p, &at[f], line, fields[f].repeated == COMMA ? ", " : "; "))
			return fail(p, 503, "out of memory: try again later");
		if (!at[f])
			at[f] = line->value;
	}
	for (int f = 0; f < FIELD_COUNT; f++)
		p->head.fields[f] = at[f] ? (const char *)p->text.data + at[f] : NULL;
	return PARSE_MORE;
}

static bool is_host(const char *host)
{
	static const char others[] = "-._~%!$&'()*+,;=:[]";
	for (; *host; host++)
		if (!((*host >= '0' && *host <= '9') || ((*host | 32) >= 'a' && (*host | 32) <= 'z') ||
		      strchr(others, *host)))
			return false;
	return true;
}

/* How the body is framed, and who the request is for: what two readers must not read in two ways. */
static enum parse_event check_fields(struct parse *p)
{
	const char *const *f = p->head.fields;
	const char *length = f[FIELD_CONTENT_LENGTH], *coding = f[FIELD_TRANSFER_ENCODING];
	if (!f[FIELD_HOST] && p->head.minor > 0)
		return fail(p, 400, "Host is missing");
	if (f[FIELD_HOST] && !is_host(f[FIELD_HOST]))
		return fail(p, 400, "Host must be a name or an address, and perhaps a port");
	if (length && coding)
		return fail(p, 400, "Content-Length and Transfer-Encoding exclude each other");
	if (length && (!*length || strlen(length) > 18 || length[strspn(length, "0123456789")]))
		return fail(p, 400, "Content-Length must be one number of bytes");
	if (coding && p->head.minor == 0)
		return fail(p, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return fail(p, 501, "Transfer-Encoding must be chunked");
	if (f[FIELD_EXPECT] && strcasecmp(f[FIELD_EXPECT], "100-continue") != 0)
		return fail(p, 417, "Expect must be 100-continue");
	return PARSE_MORE;
}

static enum parse_event take_target(struct parse *p)
{
	char *target = (char *)p->text.data + p->url;
	target[p->url_len] = 0;
	if (p->llhttp.method == HTTP_CONNECT)
		return fail(p, 501, "CONNECT is for proxies");
	if (target[0] != '/')
		return fail(p, 400, "the target must be a path; candord is no proxy");
	if (strchr(target, '#'))
		return fail(p, 400, "the target must not have a fragment");
	char *mark = strchr(target, '?');
	if (mark)
		*mark = 0;
	p->head.path = target;
	p->head.query = mark ? mark + 1 : "";
	return PARSE_MORE;
}

/* All lines have come. */
static enum parse_event end_head(struct parse *p)
{
	struct line lines[PARSE_FIELDS_MAX];
	p->lines = lines;
	llhttp_errno_t err = llhttp_execute(&p->llhttp, (const char *)p->text.data, p->text.len);
	bool complete = p->stage == COMPLETE;
	if (err != HPE_OK && !(err == HPE_PAUSED && complete))
		return refuse(p, err);
	if (p->llhttp.http_major != 1 || p->llhttp.http_minor > 1)
		return fail(p, 505, "the version must be HTTP/1.1 or HTTP/1.0");
	p->head = (struct head){
		.method = method_of((llhttp_method_t)p->llhttp.method),
		.minor = p->llhttp.http_minor,
		.has_body = !complete,
	};
	if (take_fields(p) == PARSE_FAULT || take_target(p) == PARSE_FAULT || check_fields(p) == PARSE_FAULT)
		return PARSE_FAULT;
	p->lines = NULL;
	struct head *h = &p->head;
	const char *connection = h->fields[FIELD_CONNECTION];
	/* Of a complete message llhttp has forgotten what its fields said of the connection. */
	bool closes = connection && strcasestr(connection, "close"),
	     keeps = connection && strcasestr(connection, "keep-alive");
	h->keeps_alive = h->minor > 0 ? !closes : keeps && !closes;
	h->is_chunked = h->fields[FIELD_TRANSFER_ENCODING];
	h->content_length = h->fields[FIELD_CONTENT_LENGTH] ? strtoull(h->fields[FIELD_CONTENT_LENGTH], NULL, 10) : 0;
	h->expects_continue = h->fields[FIELD_EXPECT] && h->has_body && h->minor > 0;
	if (!complete)
		p->stage = IN_BODY;
	return PARSE_HEAD;
}

/* ---- the body ---- */

static enum parse_event take_body(struct parse *p, const uint8_t *bytes, size_t len, size_t *used)
{
	p->piece_len = 0;
	llhttp_errno_t err = llhttp_execute(&p->llhttp, (const char *)bytes, len);
	if (err != HPE_OK && err != HPE_PAUSED)
		return refuse(p, err);
	*used = err == HPE_OK ? len : (size_t)(llhttp_get_error_pos(&p->llhttp) - (const char *)bytes);
	p->is_paused = err == HPE_PAUSED;
	if (p->is_paused)
		llhttp_resume(&p->llhttp);
	uint8_t before = *used > 1 ? bytes[*used - 2] : p->last;
	if (*used > 0)
		p->last = bytes[*used - 1];
	if (p->stage == COMPLETE && p->head.is_chunked && *used > 0 && (p->last != '\n' || before != '\r'))
		return fail(p, 400, not_framed);
	if (p->piece_len > 0)
		return PARSE_BODY;
	return p->stage == COMPLETE ? PARSE_END : PARSE_MORE;
}

/* ---- for the door ---- */

static void begin(struct parse *p)
{
	llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
	p->llhttp.data = p;
}

int parse_new(struct parse **out)
{
	struct parse *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	begin(p);
	*out = p;
	return 0;
}

/* It may contain a token. */
static void drop_text(struct parse *p)
{
	if (p->text.data)
		wipe(p->text.data, p->text.len);
	buf_free(&p->text);
}

void parse_free(struct parse *p)
{
	if (!p)
		return;
	drop_text(p);
	free(p);
}

enum parse_event parse_next(struct parse *p, const void *bytes, size_t len, size_t *used, const uint8_t **piece,
			    size_t *piece_len)
{
	enum parse_event event = PARSE_FAULT;
	*used = *piece_len = 0;
	*piece = NULL;
	switch (p->stage) {
	case IN_HEAD:
		event = take_head(p, bytes, len, used);
		if (event == PARSE_HEAD)
			event = end_head(p);
		break;
	case IN_BODY:
		event = take_body(p, len > 0 ? bytes : (const void *)"", len, used);
		*piece = p->piece;
		*piece_len = p->piece_len;
		break;
	case COMPLETE: event = PARSE_END; break;
	case BROKEN: break;
	}
	return event;
}

const struct head *parse_head(const struct parse *p)
{
	return &p->head;
}

unsigned parse_fault(const struct parse *p, const char **sentence)
{
	*sentence = p->sentence;
	return p->status;
}

bool parse_has_begun(const struct parse *p)
{
	return p->stage == IN_BODY || (p->stage == IN_HEAD && p->text.len > 0);
}

bool parse_is_new(const struct parse *p)
{
	return p->stage == IN_HEAD && p->text.len == 0 && p->empty_lines == 0;
}

bool parse_goes_on(const struct parse *p)
{
	return p->stage == COMPLETE || (p->stage == IN_BODY && p->is_paused);
}

void parse_reset(struct parse *p)
{
	drop_text(p);
	*p = (struct parse){0};
	begin(p);
}

size_t parse_bytes(const struct parse *p)
{
	return heap_bytes(sizeof *p) + heap_bytes(p->text.cap);
}
