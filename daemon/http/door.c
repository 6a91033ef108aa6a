#include "daemon/http/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/http/cookie.h"
#include "daemon/http/exchange.h"
#include "lib/base/arena.h"
#include "lib/base/heap.h"
#include "lib/base/wipe.h"
#include "lib/crypto/digest.h"
#include "lib/wire/wire.h"

enum {
	PROGRESS_BYTES = 64 * 1024, /* of a body that are as good as a head */
	LONG_BYTES = 8 * 1024, /* a body that is read only for those who may ask for something */
	UNSENT_MAX = 64 * 1024, /* above it no further piece is made */
};

struct door {
	const struct door_limits *limits;
	const struct door_host *host;
	void *owner;
	struct parse *parse; /* NULL: at rest, between two requests */
	struct buf input; /* what came behind the request that is being answered */
	struct exchange *x; /* NULL: none */
	uint64_t last_id, progress;
	size_t body_bytes; /* since it progressed */
	bool is_encrypted;
	bool is_over; /* nothing more is read */
	const char
		*ended; /* the peer sends no more: what to say of a request that is not complete; NULL: it may send */
	unsigned ended_status;
	bool is_token; /* the peer is whose token it showed: */
	uint8_t token[DIGEST_BYTES];
};

int door_new(struct door **out, const struct door_limits *limits, const struct door_host *host, void *owner)
{
	struct door *d = calloc(1, sizeof *d);
	if (!d)
		return -ENOMEM;
	d->limits = limits;
	d->host = host;
	d->owner = owner;
	*out = d;
	return 0;
}

static void rest(struct door *d)
{
	exchange_free(d->x);
	parse_free(d->parse);
	d->x = NULL;
	d->parse = NULL;
}

static void drop_input(struct door *d)
{
	if (d->input.data)
		wipe(d->input.data, d->input.len);
	buf_free(&d->input);
}

void door_free(struct door *d)
{
	if (!d)
		return;
	rest(d);
	drop_input(d);
	free(d);
}

void door_set_encrypted(struct door *d)
{
	d->is_encrypted = true;
}

/* Without memory nothing can be said any more. */
static void give_up(struct door *d)
{
	rest(d);
	drop_input(d);
	d->is_over = true;
}

static void check(struct door *d, int err)
{
	if (err)
		give_up(d);
}

/* ---- who asks ---- */

static bool is_bearer(const char *authorization)
{
	return strncasecmp(authorization, "Bearer ", 7) == 0;
}

static void refuse(struct door *d, const struct problem *p)
{
	check(d, exchange_refuse(d->x, p));
}

/* Says hello with the token, and goes on when it was taken. */
static void show_token(struct door *d, const char *token)
{
	struct arena scratch;
	struct buf frame = {0};
	const struct candor_request hello = {
		.id = ++d->last_id,
		.type = CANDOR_REQ_HELLO,
		.protocol = CANDOR_PROTOCOL,
		.token = token,
	};
	arena_init(&scratch, 64 * 1024);
	int err = wire_encode_request(&hello, &scratch, d->limits->max_frame_bytes, &frame);
	if (!err)
		err = d->host->submit(d->owner, frame.data, frame.len);
	if (frame.data)
		wipe(frame.data, frame.len);
	buf_free(&frame);
	arena_free(&scratch);
	d->x->hello_id = hello.id;
	if (!err)
		err = exchange_hold(d->x, true);
	check(d, err);
}

/* The peer is whose token this is, once it was checked; NULL: it is whom its transport knows. */
static void be(struct door *d, const char *token)
{
	uint8_t hash[DIGEST_BYTES];
	struct digest digest;
	if (!token && !d->is_token)
		return;
	if (token) {
		digest_init(&digest);
		digest_add_text(&digest, token);
		digest_end(&digest, hash);
		if (d->is_token && memcmp(hash, d->token, sizeof hash) == 0)
			return;
		memcpy(d->token, hash, sizeof hash);
	}
	d->is_token = false;
	int err = d->host->forget(d->owner);
	if (err)
		give_up(d);
	else if (token)
		show_token(d, token);
}

static void refuse_who(struct door *d, enum candor_code code, const char *sentence)
{
	const struct problem p = {.code = code, .detail = sentence};
	refuse(d, &p);
}

static bool changes_something(const struct head *h)
{
	return h->method != METHOD_GET && h->method != METHOD_HEAD && h->method != METHOD_OPTIONS;
}

/* By a browser's cookie, where it has one. */
static void identify_by_cookie(struct door *d)
{
	const struct head *h = d->x->head;
	const struct door_ops *ops = d->limits->ops;
	char token[CANDOR_TOKEN_MAX + 1];
	enum cookie_state state =
		ops ? cookie_read(&ops->cookie_key, h->fields[FIELD_COOKIE], ops->now_ms(ops->owner), token)
		    : COOKIE_NONE;
	if (changes_something(h) && !cookie_is_same_origin(h, state == COOKIE_GOOD))
		refuse_who(d, CANDOR_PERMISSION_DENIED,
			   "a browser may change something only from a page of the same origin");
	else if (state == COOKIE_BAD)
		refuse_who(d, CANDOR_UNAUTHENTICATED, "the session has ended; POST /v1/session begins another");
	else
		be(d, state == COOKIE_GOOD ? token : NULL);
	wipe(token, sizeof token);
}

/* Each request may be somebody else's: a proxy sends those of many over one connection. */
static void identify(struct door *d)
{
	const char *authorization = d->x->head->fields[FIELD_AUTHORIZATION];
	enum route_page page = d->x->match.route->page;
	if (page == ROUTE_LIVEZ || page == ROUTE_READYZ || page == ROUTE_OPENAPI)
		return;
	if (page == ROUTE_SESSION_BEGIN || page == ROUTE_SESSION_END) {
		/* Who begins a session says so in the body, and who ends one need not be anybody. */
		if (!cookie_is_same_origin(d->x->head, false))
			refuse_who(d, CANDOR_PERMISSION_DENIED,
				   "a browser may change something only from a page of the same origin");
		return;
	}
	if (!authorization) {
		identify_by_cookie(d);
		return;
	}
	size_t blanks = is_bearer(authorization) ? strspn(authorization + 6, " ") : 0;
	const char *token = authorization + 6 + blanks;
	if (blanks == 0 || !*token || strlen(token) > CANDOR_TOKEN_MAX)
		refuse_who(d, CANDOR_UNAUTHENTICATED, "Authorization must be Bearer and a token");
	else
		be(d, token);
}

/* Whatever is wrong with the token, nothing is done as somebody else. */
static void take_hello(struct door *d, const struct wire_answer *e)
{
	struct exchange *x = d->x;
	x->hello_id = 0;
	if (e->code == CANDOR_OK) {
		d->is_token = true;
		int err = exchange_hold(x, false);
		if (!err && x->is_complete && !exchange_has_answer(x))
			err = exchange_go(x);
		check(d, err);
		return;
	}
	struct wire_answer refusal = *e;
	refusal.id = 0;
	if (e->code == CANDOR_INVALID_ARGUMENT || e->code == CANDOR_FAILED_PRECONDITION)
		refusal.code = CANDOR_UNAUTHENTICATED;
	x->answer.closes = true;
	check(d, exchange_answered(x, &refusal, NULL));
}

/* ---- requests ---- */

static void end_request(struct door *d)
{
	int err = 0;
	d->x->is_complete = true;
	const char *token = exchange_has_answer(d->x) ? NULL : exchange_token(d->x, &err);
	check(d, err);
	if (token)
		be(d, token);
	if (d->x && !exchange_has_answer(d->x) && d->x->hello_id == 0)
		check(d, exchange_go(d->x));
}

/* Reading a long body is work, which not everybody can ask for. Rows in lines are looked at request by request. */
static void check_length(struct door *d)
{
	struct exchange *x = d->x;
	uint64_t bytes = x->head->is_chunked ? x->body_bytes : x->head->content_length;
	uint32_t retry_after_ms = 0;
	struct problem p = {0};
	if (x->is_worth_it || x->upload || x->hello_id > 0 || bytes <= LONG_BYTES || !d->host->refuses)
		return;
	x->is_worth_it = true;
	p.detail = d->host->refuses(d->owner, (size_t)bytes, &p.code, &retry_after_ms);
	p.retry_after_ms = retry_after_ms;
	if (p.detail)
		refuse(d, &p);
}

static void begin_exchange(struct door *d, struct buf *out)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	d->progress++;
	d->body_bytes = 0;
	d->x = exchange_new(d->limits, d->host, d->owner, &d->last_id, parse_head(d->parse));
	if (!d->x) {
		give_up(d);
		return;
	}
	d->x->is_encrypted = d->is_encrypted;
	check(d, exchange_begin(d->x));
	if (d->x && !exchange_has_answer(d->x))
		identify(d);
	if (d->x && !exchange_has_answer(d->x))
		check_length(d);
	if (d->x && d->x->is_complete)
		end_request(d);
	else if (d->x && !exchange_has_answer(d->x) && d->x->head->expects_continue)
		check(d, buf_append(out, go_on, sizeof go_on - 1));
}

/* What came cannot be read: that is said, and then the connection ends. */
static void say_last(struct door *d, unsigned status, enum candor_code code, const char *sentence, bool unanswered)
{
	static const struct head none = {.minor = 1};
	const struct problem p = {.status = status, .code = code, .detail = sentence};
	d->is_over = true;
	drop_input(d);
	if (!d->x && !(d->x = exchange_new(d->limits, d->host, d->owner, &d->last_id, &none))) {
		give_up(d);
		return;
	}
	if (exchange_has_answer(d->x))
		return;
	d->x->answer.closes = true;
	check(d, exchange_break_off(d->x, &p, unanswered));
}

static enum candor_code code_of(unsigned status)
{
	return status == 503 || status == 408 ? CANDOR_UNAVAILABLE
	       : status == 413                ? CANDOR_RESOURCE_EXHAUSTED
					      : CANDOR_INVALID_ARGUMENT;
}

static bool reads(const struct door *d)
{
	const struct exchange *x = d->x;
	if (x && !exchange_has_answer(x) && !exchange_wants_body(x))
		return false;
	return !d->is_over && (!x || (!x->is_complete && (!exchange_has_answer(x) || x->is_drained)));
}

/* There is an answer, and it may go out. */
static bool answers(const struct door *d)
{
	return d->x && exchange_has_answer(d->x) && !reads(d);
}

/* Reads on, up to the end of a request: how many bytes it took. */
static size_t take(struct door *d, const uint8_t *bytes, size_t len, struct buf *out)
{
	size_t taken = 0, used, piece_len;
	const uint8_t *piece;
	const char *sentence;
	for (bool more = true; more && reads(d); taken += used) {
		used = 0;
		if (!d->parse && parse_new(&d->parse)) {
			give_up(d);
			break;
		}
		unsigned status;
		enum parse_event event = parse_next(d->parse, bytes + taken, len - taken, &used, &piece, &piece_len);
		switch (event) {
		case PARSE_MORE: more = false; break;
		case PARSE_HEAD: begin_exchange(d, out); break;
		case PARSE_BODY:
			d->body_bytes += piece_len;
			d->progress += d->body_bytes / PROGRESS_BYTES;
			d->body_bytes %= PROGRESS_BYTES;
			d->x->body_bytes += piece_len;
			if (!exchange_has_answer(d->x))
				check_length(d);
			if (d->x)
				check(d, exchange_take(d->x, piece, piece_len));
			break;
		case PARSE_END: end_request(d); break;
		case PARSE_FAULT:
			status = parse_fault(d->parse, &sentence);
			say_last(d, status, code_of(status), sentence, false);
			break;
		}
	}
	if (d->parse && !d->x && parse_is_new(d->parse))
		rest(d);
	return taken;
}

int door_push(struct door *d, const void *bytes, size_t len, struct buf *out)
{
	if (d->is_over)
		return 0;
	size_t taken = d->input.len == 0 ? take(d, bytes, len, out) : 0;
	return d->is_over || taken == len ? 0 : buf_append(&d->input, (const uint8_t *)bytes + taken, len - taken);
}

/* ---- answers ---- */

void door_answer(struct door *d, struct buf *frame)
{
	struct wire_answer e;
	bool good = frame->len > 0 && wire_open_answer(exchange_inside(frame), &e) == 0;
	if (d->x && good && e.id > 0 && e.id == d->x->hello_id) {
		take_hello(d, &e);
	} else if (d->x && good && (!exchange_has_answer(d->x) || d->x->events) &&
		   (e.id == 0 || d->x->upload || e.id == d->x->id)) {
		d->x->answer.closes = d->x->answer.closes || e.id == 0;
		check(d, exchange_answered(d->x, &e, frame));
	}
	buf_free(frame);
}

/* All of the answer is in the output. */
static void end_exchange(struct door *d)
{
	bool closes = d->x->answer.closes || !d->x->is_complete;
	rest(d);
	if (!closes)
		return;
	d->is_over = true;
	drop_input(d);
}

/* The peer sends no more, and all that came was read. */
static void end_input(struct door *d)
{
	if ((d->parse && parse_has_begun(d->parse)) || (d->x && !d->x->is_complete))
		say_last(d, d->ended_status, code_of(d->ended_status), d->ended, false);
	else
		d->is_over = true;
}

bool door_has_step(const struct door *d, size_t unsent, bool may_read)
{
	if (answers(d))
		return unsent < UNSENT_MAX && !exchange_is_dry(d->x);
	return may_read && reads(d) && (d->input.len > 0 || d->ended || (d->parse && parse_goes_on(d->parse)));
}

int door_step(struct door *d, size_t unsent, bool may_read, struct buf *out, size_t *work)
{
	const struct door_ops *ops = d->limits->ops;
	*work = 0;
	if (!door_has_step(d, unsent, may_read))
		return 0;
	if (!answers(d)) {
		const uint8_t *bytes = d->input.data ? d->input.data : (const uint8_t *)"";
		size_t taken = take(d, bytes, d->input.len, out);
		if (taken < d->input.len)
			buf_consume(&d->input, taken);
		else
			drop_input(d);
		if (d->ended && d->input.len == 0 && reads(d))
			end_input(d);
		return 0;
	}
	d->x->answer.closes = d->x->answer.closes || !d->x->is_complete || d->is_over;
	size_t before = d->x->answer.work;
	int err = answer_next(&d->x->answer, ops && ops->now_ms ? ops->now_ms(ops->owner) : 0, out);
	*work = d->x->answer.work - before;
	if (err)
		give_up(d);
	else if (d->x->answer.is_done)
		end_exchange(d);
	else
		check(d, exchange_go_on(d->x));
	return err == -ENOMEM ? err : 0;
}

/* ---- for the session ---- */

bool door_wants_bytes(const struct door *d)
{
	return !d->is_over && !d->ended && d->input.len == 0;
}

bool door_awaits_rest(const struct door *d)
{
	return reads(d) && d->parse && parse_has_begun(d->parse);
}

uint64_t door_progress(const struct door *d)
{
	return d->progress;
}

bool door_is_quiet(const struct door *d)
{
	return !d->x || (!exchange_waits(d->x) && !exchange_has_answer(d->x));
}

bool door_is_over(const struct door *d)
{
	return d->is_over && !d->x;
}

void door_finish(struct door *d, unsigned status, const char *sentence)
{
	if (d->ended)
		return;
	d->ended = sentence;
	d->ended_status = status;
	if (!d->x)
		return;
	/* What came behind the request is still answered. */
	d->x->answer.closes = d->x->answer.closes || d->input.len == 0;
	exchange_end_stream(d->x);
}

void door_close(struct door *d, const char *sentence)
{
	d->is_over = true;
	drop_input(d);
	if (d->x && d->x->upload && !sentence)
		say_last(d, 503, CANDOR_UNAVAILABLE, "the daemon is stopping: try again later", false);
	if (d->x && !d->x->upload && !exchange_waits(d->x) && !exchange_has_answer(d->x))
		rest(d);
	if (d->x) {
		d->x->answer.closes = true;
		exchange_end_stream(d->x);
	}
	if (d->x && sentence && !exchange_has_answer(d->x))
		say_last(d, 503, CANDOR_UNAVAILABLE, sentence, true);
}

bool door_refuse(struct door *d, enum candor_code code, const char *sentence, struct buf *out)
{
	const struct problem p = {.status = 503, .code = code, .detail = sentence, .retry_after_ms = 1000};
	bool has_begun = d->x && d->x->answer.has_begun;
	struct answer a = {.minor = 1, .closes = true};
	give_up(d);
	int err = has_begun ? 0 : answer_set_problem(&a, &p);
	if (!err && !has_begun)
		err = answer_next(&a, 0, out);
	answer_free(&a);
	return !err && !has_begun;
}

size_t door_rest_bytes(void)
{
	return heap_bytes(sizeof(struct door));
}

size_t door_bytes(const struct door *d)
{
	return (d->parse ? parse_bytes(d->parse) : 0) + heap_bytes(d->input.cap) + (d->x ? exchange_bytes(d->x) : 0);
}
