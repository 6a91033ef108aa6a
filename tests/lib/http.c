#include "tests/lib/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/unit.h"

void http_answer_free(struct http_answer *a)
{
	free(a->head);
	buf_free(&a->body);
	*a = (struct http_answer){0};
}

const char *http_field(const struct http_answer *a, const char *name)
{
	static char value[1024];
	size_t len = strlen(name);
	for (const char *line = strstr(a->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, len) != 0 || line[2 + len] != ':')
			continue;
		const char *at = line + 2 + len + 1;
		at += strspn(at, " ");
		snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
		return value;
	}
	return NULL;
}

static void keep(struct buf *b, const uint8_t *bytes, size_t len)
{
	require(buf_append(b, bytes, len) == 0);
}

/* How many bytes; 0: more are needed. */
static size_t cut_chunks(const uint8_t *bytes, size_t len, struct http_answer *out)
{
	size_t at = 0;
	for (;;) {
		const uint8_t *end = memchr(bytes + at, '\n', len - at);
		if (!end)
			return 0;
		require(end > bytes + at && end[-1] == '\r');
		char *digits_end;
		size_t n = strtoull((const char *)bytes + at, &digits_end, 16);
		require((const uint8_t *)digits_end == end - 1 && digits_end > (const char *)bytes + at);
		at = (size_t)(end + 1 - bytes);
		if (len - at < n + 2)
			return 0;
		require(memcmp(bytes + at + n, "\r\n", 2) == 0);
		keep(&out->body, bytes + at, n);
		at += n + 2;
		if (n == 0)
			return at;
		out->chunks++;
	}
}

size_t http_cut(const uint8_t *bytes, size_t len, bool is_head, bool ended, struct http_answer *out)
{
	*out = (struct http_answer){0};
	const uint8_t *end = len > 0 ? memmem(bytes, len, "\r\n\r\n", 4) : NULL;
	if (!end)
		return 0;
	size_t at = (size_t)(end + 4 - bytes), taken = 0;
	out->head = strndup((const char *)bytes, at);
	require(out->head && strlen(out->head) == at);
	require(sscanf(out->head, "HTTP/1.1 %3u ", &out->status) == 1);
	const char *coding = http_field(out, "Transfer-Encoding");
	out->is_chunked = coding && strcmp(coding, "chunked") == 0;
	require(!coding || out->is_chunked);
	const char *connection = http_field(out, "Connection");
	out->closes = connection && strcmp(connection, "close") == 0;
	const char *length = http_field(out, "Content-Length");
	require(!length || !coding);
	size_t n = length ? strtoull(length, NULL, 10) : 0;
	if (is_head || out->status == 100 || out->status == 204) {
		taken = at;
	} else if (out->is_chunked) {
		size_t chunks = cut_chunks(bytes + at, len - at, out);
		taken = chunks ? at + chunks : 0;
	} else if (!length) {
		require(out->closes);
		taken = ended ? len : 0;
		keep(&out->body, bytes + at, len - at);
	} else if (len - at >= n) {
		keep(&out->body, bytes + at, n);
		taken = at + n;
	}
	if (taken == 0) {
		http_answer_free(out);
		return 0;
	}
	keep(&out->body, (const uint8_t *)"", 1);
	out->body.len--;
	return taken;
}

/* ---- a session ---- */

static void open_as(struct peer_world *w, const struct identity *identity)
{
	peer_end(&w->p);
	fake_settle(&w->f);
	peer_init_as(&w->p, &w->f, &w->limits, identity);
	require(session_open_door(w->p.session, false) == 0);
}

void http_open(struct peer_world *w)
{
	const struct identity owner = FAKE_OWNER;
	open_as(w, &owner);
}

void http_open_as_stranger(struct peer_world *w)
{
	const struct identity stranger = {.name = "tcp:127.0.0.1"};
	open_as(w, &stranger);
}

void http_push(struct peer_world *w, const char *format, ...)
{
	char *text;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	require(len >= 0);
	peer_push(&w->p, text, (size_t)len);
	free(text);
}

bool http_take(struct peer_world *w, bool is_head, struct http_answer *out)
{
	struct frame *input = &w->p.input;
	peer_take(&w->p);
	bool ended = session_is_over(w->p.session);
	size_t taken = http_cut(input->bytes.data + input->start, frame_pending(input), is_head, ended, out);
	input->start += taken;
	return taken > 0;
}

void http_expect(struct peer_world *w, unsigned status, const char *text)
{
	struct http_answer a;
	if (!http_take(w, false, &a)) {
		print_error("there is no answer instead of %u\n", status);
		fail();
	}
	if (a.status != status || (text && !strstr((const char *)a.body.data, text))) {
		print_error("the answer is not %u with \"%s\":\n%s%s\n", status, text ? text : "", a.head, a.body.data);
		fail();
	}
	http_answer_free(&a);
}

void http_expect_silence(struct peer_world *w)
{
	struct http_answer a;
	if (http_take(w, false, &a)) {
		print_error("there is an answer: %s%s\n", a.head, a.body.data);
		fail();
	}
	assert_int_equal(frame_pending(&w->p.input), 0);
}
