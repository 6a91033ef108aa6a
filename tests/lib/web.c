#include "tests/lib/web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/wire/fields.h"
#include "lib/wire/json.h"
#include "lib/wire/json_in.h"
#include "lib/wire/put.h"
#include "lib/wire/wire.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"
#include "tests/lib/web_request.h"

enum { SILENCE_S = 30, MOST = 1 << 24 };

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "HTTP peer: %s: %s\n", what, strerror(errno));
	fail();
	abort();
}

/* ---- the connection ---- */

static void send_all(struct web *w, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(w->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* Who has heard enough may have closed, and said why. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		if (n < 0)
			give_up("send");
		p += n;
		len -= (size_t)n;
	}
}

static void send_plain(struct web *w, const struct buf *text)
{
	struct buf cipher = {0};
	if (!w->tls) {
		send_all(w, text->data, text->len);
		return;
	}
	if (tls_send(w->tls, text->data, text->len, &cipher) != 0)
		give_up("tls_send");
	send_all(w, cipher.data, cipher.len);
	buf_free(&cipher);
}

/* False: the end. */
static bool read_more(struct web *w)
{
	static uint8_t bytes[65536];
	struct buf cipher = {0};
	ssize_t n = recv(w->fd, bytes, sizeof bytes, 0);
	if (n < 0 && errno != ECONNRESET)
		give_up("recv");
	if (n <= 0)
		return false;
	if (!w->tls)
		return buf_append(&w->in, bytes, (size_t)n) == 0;
	int err = tls_receive(w->tls, bytes, (size_t)n, &w->in, &cipher);
	send_all(w, cipher.data, cipher.len);
	buf_free(&cipher);
	if (err == ERR_TLS)
		give_up(tls_fault(w->tls));
	return err == 0;
}

static void begin_tls(struct web *w, const struct web_options *o)
{
	char fault[256];
	struct buf cipher = {0};
	char ca[8192], cert[8192], key[8192];
	files_read_text(o->ca, ca, sizeof ca);
	if (o->cert) {
		files_read_text(o->cert, cert, sizeof cert);
		files_read_text(o->key, key, sizeof key);
	}
	const struct tls_identity identity = {.side = TLS_CLIENT,
					      .certificate = o->cert ? cert : NULL,
					      .key = o->cert ? key : NULL,
					      .authorities = ca};
	if (tls_context_new(&w->context, &identity, fault, sizeof fault) != 0)
		give_up(fault);
	if (tls_new(&w->tls, w->context, "127.0.0.1") != 0 || tls_receive(w->tls, "", 0, &w->in, &cipher) != 0)
		give_up("tls_new");
	send_all(w, cipher.data, cipher.len);
	while (!tls_is_ready(w->tls))
		if (!read_more(w))
			give_up("the handshake ended early");
	buf_free(&cipher);
}

void web_open(struct web *w, const char *address, const struct web_options *options)
{
	struct address a;
	const char *why;
	*w = (struct web){.fd = -1};
	arena_init(&w->arena, (size_t)1 << 28);
	snprintf(w->token, sizeof w->token, "%s", options->token ? options->token : "");
	if (address_parse(address, &a, &why))
		give_up(why);
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a.port)};
	snprintf(un.sun_path, sizeof un.sun_path, "%s", a.path);
	if (!a.is_unix && inet_pton(AF_INET, a.host, &in.sin_addr) != 1)
		give_up(address);
	w->fd = socket(a.is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *to = a.is_unix ? (const struct sockaddr *)&un : (const struct sockaddr *)&in;
	if (w->fd < 0 || connect(w->fd, to, a.is_unix ? sizeof un : sizeof in) != 0)
		give_up(address);
	struct timeval silence = {.tv_sec = SILENCE_S};
	setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
	if (options->ca)
		begin_tls(w, options);
}

static void hang_up(struct web *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void web_close(struct web *w)
{
	hang_up(w);
	tls_free(w->tls);
	tls_context_free(w->context);
	buf_free(&w->in);
	arena_free(&w->arena);
}

bool web_ask(struct web *w, const char *method, const char *target, const char *headers, const char *body,
	     struct http_answer *out)
{
	struct buf text = {0};
	bool is_head = strcmp(method, "HEAD") == 0, more = true;
	size_t taken;
	int err = buf_printf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, target, headers);
	if (!err && *w->token)
		err = buf_printf(&text, "Authorization: Bearer %s\r\n", w->token);
	if (!err && body)
		err = buf_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	if (err || buf_printf(&text, "\r\n%s", body ? body : ""))
		give_up("no memory");
	if (w->fd >= 0)
		send_plain(w, &text);
	buf_free(&text);
	while ((taken = http_cut(w->in.data, w->in.len, is_head, !more, out)) == 0 && more)
		more = w->fd >= 0 && read_more(w);
	if (taken > 0)
		buf_consume(&w->in, taken);
	if (!more || (taken > 0 && out->closes))
		hang_up(w);
	return taken > 0;
}

/* ---- answers ---- */

static void read_document(struct web *w, enum candor_request_type type, const struct http_answer *a)
{
	const enum candor_response_type kind = wire_answer_of(type);
	struct buf body = {0}, whole = {0};
	struct json_in in;
	uint8_t *to;
	json_in_init(&in, json_answer_type(kind), MOST, &body);
	if (json_in_whole(&in, a->body.data, a->body.len) != 0)
		give_up(in.fault);
	json_in_free(&in);
	require(put_number(&whole, 1, 1) == 0);
	require((to = put_bytes(&whole, wire_answer_body(kind)->number, body.len)));
	if (body.len > 0)
		memcpy(to, body.data, body.len);
	if (wire_decode_response(&w->arena, whole.data, whole.len, &w->answer) != 0)
		give_up("the answer is not one of the protocol");
	buf_free(&body);
	buf_free(&whole);
}

static void read_problem(struct web *w, const struct http_answer *a)
{
	static const enum candor_code codes[] = {
		CANDOR_INVALID_ARGUMENT,  CANDOR_NOT_FOUND,          CANDOR_ALREADY_EXISTS,
		CANDOR_PERMISSION_DENIED, CANDOR_RESOURCE_EXHAUSTED, CANDOR_FAILED_PRECONDITION,
		CANDOR_INTERNAL,          CANDOR_UNAVAILABLE,        CANDOR_UNAUTHENTICATED};
	const char *type = http_field(a, "Content-Type");
	require(type && strcmp(type, "application/problem+json") == 0);
	json_t *doc = json_loadb((const char *)a->body.data, a->body.len, 0, NULL);
	const char *code = json_string_value(json_object_get(doc, "code"));
	require(code && (unsigned)json_integer_value(json_object_get(doc, "status")) == a->status);
	w->answer = (struct candor_response){.type = CANDOR_RES_NONE};
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(candor_code_name(codes[i]), code) == 0)
			w->answer.code = codes[i];
	require(w->answer.code != CANDOR_OK);
	w->answer.message = arena_strdup(&w->arena, json_string_value(json_object_get(doc, "detail")));
	require(w->answer.message);
	json_decref(doc);
}

const struct candor_response *web_call(struct web *w, const struct candor_request *r)
{
	struct web_request q;
	struct http_answer a;
	web_request_make(&q, r);
	bool answered = web_ask(w, q.method, q.target, "", q.body, &a);
	arena_reset(&w->arena);
	w->document = answered ? arena_strdup(&w->arena, (const char *)a.body.data) : NULL;
	if (answered && a.status == 200)
		read_document(w, r->type, &a);
	else if (answered)
		read_problem(w, &a);
	if (answered)
		http_answer_free(&a);
	web_request_free(&q);
	return answered ? &w->answer : NULL;
}
