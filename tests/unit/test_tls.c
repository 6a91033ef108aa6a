/* Two ends of a channel in memory: bytes arrive as sent, and a peer with the wrong certificate gets nowhere. */
#include <stdlib.h>

#include "tests/lib/certs.h"
#include "tests/lib/unit.h"
#include "lib/crypto/tls.h"

struct world {
	struct certs_authority *ours, *foreign;
	struct certs_pair server, client;
};

static const struct certs_wish server_wish = {.name = "candor.test",
					      .address = "127.0.0.1",
					      .from_days = -1,
					      .until_days = 30},
			       client_wish = {.name = "platform", .from_days = -1, .until_days = 30};

static int set_up(void **state)
{
	static struct world w;
	w.ours = certs_authority_new("ours");
	w.foreign = certs_authority_new("foreign");
	w.server = certs_make(w.ours, &server_wish);
	w.client = certs_make(w.ours, &client_wish);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	certs_free(&w->server);
	certs_free(&w->client);
	certs_authority_free(w->ours);
	certs_authority_free(w->foreign);
	return 0;
}

/* ---- two ends ---- */

struct end {
	struct tls *tls;
	struct buf plain, cipher; /* what it understood, and what it has to say */
	int err;
};

struct link {
	struct tls_context *contexts[2];
	struct end server, client;
};

static void link_open(struct link *l, const struct tls_identity *server, const struct tls_identity *client,
		      const char *host)
{
	char fault[256] = "";
	*l = (struct link){0};
	assert_int_equal(tls_context_new(&l->contexts[0], server, fault, sizeof fault), 0);
	assert_int_equal(tls_context_new(&l->contexts[1], client, fault, sizeof fault), 0);
	assert_int_equal(tls_new(&l->server.tls, l->contexts[0], NULL), 0);
	assert_int_equal(tls_new(&l->client.tls, l->contexts[1], host), 0);
}

static void link_close(struct link *l)
{
	struct end *ends[] = {&l->server, &l->client};
	for (int i = 0; i < 2; i++) {
		tls_free(ends[i]->tls);
		buf_free(&ends[i]->plain);
		buf_free(&ends[i]->cipher);
		tls_context_free(l->contexts[i]);
	}
}

/* Moves what one end has to say to the other, `piece` bytes at a time. */
static void move(struct end *from, struct end *to, size_t piece)
{
	while (from->cipher.len > 0 && to->err == 0) {
		size_t n = from->cipher.len < piece ? from->cipher.len : piece;
		to->err = tls_receive(to->tls, from->cipher.data, n, &to->plain, &to->cipher);
		buf_consume(&from->cipher, n);
	}
}

/* Until neither has anything to say. */
static void talk(struct link *l, size_t piece)
{
	if (l->client.err == 0 && !tls_is_ready(l->client.tls) && l->client.cipher.len == 0)
		l->client.err = tls_receive(l->client.tls, NULL, 0, &l->client.plain, &l->client.cipher);
	for (int i = 0; i < 10; i++) {
		move(&l->client, &l->server, piece);
		move(&l->server, &l->client, piece);
	}
}

static struct tls_identity server_of(const struct world *w)
{
	return (struct tls_identity){.side = TLS_SERVER, .certificate = w->server.certificate, .key = w->server.key};
}

static struct tls_identity trusting(const struct certs_authority *a)
{
	return (struct tls_identity){.side = TLS_CLIENT, .authorities = certs_authority_pem(a)};
}

/* ---- what works ---- */

static void bytes_arrive_as_they_were_sent(void **state)
{
	struct world *w = *state;
	static const size_t pieces[] = {1 << 20, 1400, 1};
	static const char *const hosts[] = {"candor.test", "127.0.0.1"};
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	enum { LONG = 100000 };
	char *text = malloc(LONG);
	for (size_t i = 0; i < LONG; i++)
		text[i] = (char)(i * i >> 3);
	for (int i = 0; i < 6; i++) {
		struct link l;
		link_open(&l, &server, &client, hosts[i % 2]);
		talk(&l, pieces[i / 2]);
		assert_true(tls_is_ready(l.server.tls) && tls_is_ready(l.client.tls));
		assert_string_equal(tls_subject(l.client.tls), "CN=candor.test");
		assert_string_equal(tls_subject(l.server.tls), "");
		assert_int_equal(tls_send(l.client.tls, text, LONG, &l.client.cipher), 0);
		assert_int_equal(tls_send(l.server.tls, text, 5, &l.server.cipher), 0);
		talk(&l, pieces[i / 2]);
		assert_int_equal(l.server.plain.len, LONG);
		assert_memory_equal(l.server.plain.data, text, LONG);
		assert_int_equal(l.client.plain.len, 5);

		/* And the end is told. */
		assert_int_equal(tls_end(l.client.tls, &l.client.cipher), 0);
		talk(&l, pieces[i / 2]);
		assert_int_equal(l.server.err, ERR_CLOSED);
		link_close(&l);
	}
	free(text);
}

static void a_client_is_known_by_its_certificate(void **state)
{
	struct world *w = *state;
	struct tls_identity server = server_of(w), client = trusting(w->ours);
	server.authorities = certs_authority_pem(w->ours);
	struct link l;
	link_open(&l, &server, &client, "candor.test");
	talk(&l, 4096);
	assert_true(tls_is_ready(l.server.tls));
	assert_string_equal(tls_subject(l.server.tls), "");
	link_close(&l);

	client.certificate = w->client.certificate;
	client.key = w->client.key;
	link_open(&l, &server, &client, "candor.test");
	talk(&l, 4096);
	assert_true(tls_is_ready(l.server.tls));
	assert_string_equal(tls_subject(l.server.tls), "CN=platform");
	link_close(&l);
}

/* ---- who is refused ---- */

/* The server shows this; the client must not take it. */
static void client_refuses(struct world *w, const struct certs_pair *shown, const char *host, const char *revoked,
			   const char *why)
{
	const struct tls_identity server = {.side = TLS_SERVER, .certificate = shown->certificate, .key = shown->key};
	struct tls_identity client = trusting(w->ours);
	client.revoked = revoked;
	struct link l;
	link_open(&l, &server, &client, host);
	talk(&l, 4096);
	assert_int_equal(l.client.err, ERR_TLS);
	assert_false(tls_is_ready(l.client.tls));
	assert_false(tls_is_ready(l.server.tls));
	assert_int_equal(l.server.err, ERR_TLS); /* the alert has told it */
	if (!strstr(tls_fault(l.client.tls), why))
		print_error("said: %s\n", tls_fault(l.client.tls));
	assert_non_null(strstr(tls_fault(l.client.tls), why));
	/* Nothing more comes of it. */
	assert_int_equal(tls_receive(l.client.tls, "x", 1, &l.client.plain, &l.client.cipher), ERR_TLS);
	link_close(&l);
}

/* The client shows this; the server must not take it. */
static void server_refuses(struct world *w, const struct certs_pair *shown, const char *revoked, const char *why)
{
	struct tls_identity server = server_of(w), client = trusting(w->ours);
	server.authorities = certs_authority_pem(w->ours);
	server.revoked = revoked;
	client.certificate = shown->certificate;
	client.key = shown->key;
	struct link l;
	link_open(&l, &server, &client, "candor.test");
	talk(&l, 4096);
	assert_int_equal(l.server.err, ERR_TLS);
	assert_false(tls_is_ready(l.server.tls));
	assert_string_equal(tls_subject(l.server.tls), "");
	if (!strstr(tls_fault(l.server.tls), why))
		print_error("said: %s\n", tls_fault(l.server.tls));
	assert_non_null(strstr(tls_fault(l.server.tls), why));
	link_close(&l);
}

static void a_peer_with_the_wrong_certificate_is_refused(void **state)
{
	struct world *w = *state;
	struct certs_wish wish = server_wish;
	wish.from_days = -30;
	wish.until_days = -1;
	struct certs_pair expired = certs_make(w->ours, &wish);
	wish.from_days = 1;
	wish.until_days = 30;
	struct certs_pair early = certs_make(w->ours, &wish);
	struct certs_pair foreign = certs_make(w->foreign, &server_wish);
	wish = server_wish;
	wish.self_signed = true;
	struct certs_pair self_signed = certs_make(w->ours, &wish);
	char *revoked = certs_revoke(w->ours, w->server.certificate), *none = certs_revoke(w->ours, NULL);
	char *client_revoked = certs_revoke(w->ours, w->client.certificate);

	client_refuses(w, &expired, "candor.test", NULL, "certificate has expired");
	client_refuses(w, &early, "candor.test", NULL, "not yet valid");
	client_refuses(w, &foreign, "candor.test", NULL, "unable to get local issuer");
	client_refuses(w, &self_signed, "candor.test", NULL, "self-signed certificate");
	client_refuses(w, &w->server, "other.test", NULL, "hostname mismatch");
	client_refuses(w, &w->server, "127.0.0.2", NULL, "IP address mismatch");
	client_refuses(w, &w->server, "candor.test", revoked, "certificate revoked");

	server_refuses(w, &expired, NULL, "certificate has expired");
	server_refuses(w, &foreign, NULL, "unable to get local issuer");
	server_refuses(w, &self_signed, NULL, "self-signed certificate");
	server_refuses(w, &w->client, client_revoked, "certificate revoked");

	/* With a list that does not name it, all is well. */
	const struct tls_identity server = server_of(w);
	struct tls_identity client = trusting(w->ours);
	client.revoked = none;
	struct link l;
	link_open(&l, &server, &client, "candor.test");
	talk(&l, 4096);
	assert_true(tls_is_ready(l.client.tls));
	link_close(&l);

	certs_free(&expired);
	certs_free(&early);
	certs_free(&foreign);
	certs_free(&self_signed);
	free(revoked);
	free(none);
	free(client_revoked);
}

static void a_list_that_is_out_of_date_lets_nobody_in_and_says_so(void **state)
{
	struct world *w = *state;
	char *none = certs_revoke(w->ours, NULL), *stale = certs_revoke_long_ago(w->ours, NULL);
	struct tls_identity server = server_of(w);
	const char *const lists[] = {NULL, none, stale};
	char fault[256];
	server.authorities = certs_authority_pem(w->ours);
	for (size_t i = 0; i < 3; i++) {
		struct tls_context *c;
		server.revoked = lists[i];
		assert_int_equal(tls_context_new(&c, &server, fault, sizeof fault), 0);
		assert_int_equal(tls_context_is_stale(c), i == 2);
		tls_context_free(c);
	}
	server_refuses(w, &w->client, stale, "CRL has expired");
	free(none);
	free(stale);
}

static void bytes_that_are_not_tls_are_refused(void **state)
{
	struct world *w = *state;
	static const char *const words[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xffhello and more",
					    "\0\0\0\0\0\0\0"};
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	for (size_t i = 0; i < 3; i++) {
		struct link l;
		link_open(&l, &server, &client, "candor.test");
		assert_int_equal(tls_receive(l.server.tls, words[i], i < 2 ? strlen(words[i]) : 7, &l.server.plain,
					     &l.server.cipher),
				 ERR_TLS);
		assert_true(tls_fault(l.server.tls)[0]);
		/* And that is said in the clear, or what spoke TLS at first gets an alert of its own. */
		assert_int_equal(l.server.cipher.len, 7);
		assert_int_equal(l.server.cipher.data[0], 21);
		link_close(&l);
	}
}

/* What was said before the end came is understood, also where all of it comes at once: the peer is known first. */
static void everything_at_once_is_understood(void **state)
{
	struct world *w = *state;
	struct tls_identity server = server_of(w), client = trusting(w->ours);
	struct link l;
	server.authorities = certs_authority_pem(w->ours);
	client.certificate = w->client.certificate;
	client.key = w->client.key;
	link_open(&l, &server, &client, "candor.test");
	l.client.err = tls_receive(l.client.tls, NULL, 0, &l.client.plain, &l.client.cipher);
	move(&l.client, &l.server, 1 << 20);
	move(&l.server, &l.client, 1 << 20);
	assert_true(tls_is_ready(l.client.tls) && !tls_is_ready(l.server.tls));
	assert_int_equal(tls_send(l.client.tls, "hello", 5, &l.client.cipher), 0);
	assert_int_equal(tls_end(l.client.tls, &l.client.cipher), 0);
	move(&l.client, &l.server, 1 << 20);
	assert_int_equal(l.server.err, ERR_CLOSED);
	assert_int_equal(l.server.plain.len, 5);
	assert_string_equal(tls_subject(l.server.tls), "CN=platform");
	link_close(&l);
}

/* The rest of a record is awaited, and held; and what is held is given back. */
static void part_of_a_record_is_awaited(void **state)
{
	struct world *w = *state;
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	struct link l;
	link_open(&l, &server, &client, "candor.test");
	size_t shaking = tls_bytes(l.server.tls);
	talk(&l, 1 << 20);
	size_t rest = tls_bytes(l.server.tls);
	assert_true(shaking > rest && rest > TLS_REST_BYTES);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(tls_send(l.client.tls, "hello", 5, &l.client.cipher), 0);
		size_t n = l.client.cipher.len;
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(tls_awaits_rest(l.server.tls), i > 0);
			assert_int_equal(tls_bytes(l.server.tls) > rest, i > 0);
			assert_int_equal(tls_receive(l.server.tls, l.client.cipher.data + i, 1, &l.server.plain,
						     &l.server.cipher),
					 0);
			assert_int_equal(l.server.plain.len, i + 1 < n ? 5 * round : 5 * (round + 1));
		}
		l.client.cipher.len = 0;
		assert_false(tls_awaits_rest(l.server.tls));
		assert_int_equal(tls_bytes(l.server.tls), rest);
	}
	link_close(&l);
}

/* Contexts that were let go of live as long as their channels. */
static void a_channel_outlives_its_context(void **state)
{
	struct world *w = *state;
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	struct link l;
	link_open(&l, &server, &client, "candor.test");
	for (int i = 0; i < 2; i++) {
		tls_context_free(l.contexts[i]);
		l.contexts[i] = NULL;
	}
	talk(&l, 1 << 20);
	assert_true(tls_is_ready(l.server.tls) && tls_is_ready(l.client.tls));
	link_close(&l);
}

/* Each byte of a whole conversation is changed in turn: nothing that was not said is ever understood. */
static void no_changed_byte_is_understood(void **state)
{
	struct world *w = *state;
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	static const char said[] = "this was said";
	enum { STEPS = SANITIZED ? 40 : 400 };
	size_t changed = 0;
	for (size_t i = 0; i < STEPS; i++) {
		struct link l;
		size_t moved = 0;
		link_open(&l, &server, &client, "candor.test");
		l.client.err = tls_receive(l.client.tls, NULL, 0, &l.client.plain, &l.client.cipher);
		for (int turn = 0; turn < 6; turn++) {
			struct end *from = turn % 2 ? &l.server : &l.client, *to = turn % 2 ? &l.client : &l.server;
			if (turn == 2 && tls_is_ready(l.client.tls))
				assert_int_equal(tls_send(l.client.tls, said, sizeof said, &l.client.cipher), 0);
			size_t at = (i * 7 + 5) % (STEPS * 7);
			if (at >= moved && at - moved < from->cipher.len) {
				from->cipher.data[at - moved] ^= (uint8_t)(1 << i % 8);
				changed++;
			}
			moved += from->cipher.len;
			move(from, to, 1 << 20);
		}
		if (l.server.plain.len > 0)
			assert_memory_equal(l.server.plain.data, said, sizeof said);
		link_close(&l);
	}
	assert_true(changed > STEPS / 4);
}

/* A handshake that ends in the middle leaves nothing behind, and no more is held than was sent. */
static void a_truncated_handshake_holds_little(void **state)
{
	struct world *w = *state;
	const struct tls_identity server = server_of(w), client = trusting(w->ours);
	for (size_t cut = 0; cut < 300; cut += 13) {
		struct link l;
		link_open(&l, &server, &client, "candor.test");
		l.client.err = tls_receive(l.client.tls, NULL, 0, &l.client.plain, &l.client.cipher);
		assert_true(l.client.cipher.len > 150);
		l.client.cipher.len = l.client.cipher.len < cut ? l.client.cipher.len : cut;
		bool whole = l.client.cipher.len < cut;
		move(&l.client, &l.server, 1 << 20);
		assert_int_equal(l.server.err, 0);
		assert_false(tls_is_ready(l.server.tls));
		assert_true(whole || l.server.cipher.len == 0);
		link_close(&l);
	}
}

static void a_wrong_identity_says_what_is_wrong(void **state)
{
	struct world *w = *state;
	struct certs_pair other = certs_make(w->ours, &server_wish);
	const char *ca = certs_authority_pem(w->ours);
	const struct {
		struct tls_identity identity;
		const char *says;
	} rows[] = {
		{{.side = TLS_SERVER}, "a server needs a certificate and its key"},
		{{.side = TLS_SERVER, .certificate = w->server.certificate}, "a server needs"},
		{{.side = TLS_CLIENT, .key = w->client.key}, "given together"},
		{{.side = TLS_SERVER, .certificate = "nonsense", .key = w->server.key}, "the certificate: "},
		{{.side = TLS_SERVER, .certificate = w->server.certificate, .key = "nonsense"}, "the key of the"},
		{{.side = TLS_SERVER, .certificate = w->server.certificate, .key = other.key}, "the key of the"},
		{{.side = TLS_CLIENT, .authorities = ""}, "the authorities' certificates: "},
		{{.side = TLS_CLIENT, .authorities = ca, .revoked = ca}, "the revocation lists: "},
		{{.side = TLS_CLIENT, .authorities = "", .from = {.authorities = "ca.pem"}}, "ca.pem: "},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tls_context *c;
		char fault[256] = "";
		assert_int_equal(tls_context_new(&c, &rows[i].identity, fault, sizeof fault), ERR_TLS);
		if (!strstr(fault, rows[i].says))
			print_error("row %zu says: %s\n", i, fault);
		assert_non_null(strstr(fault, rows[i].says));
	}
	certs_free(&other);
}

#define TLS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS(bytes_arrive_as_they_were_sent),
		TLS(a_client_is_known_by_its_certificate),
		TLS(a_peer_with_the_wrong_certificate_is_refused),
		TLS(a_list_that_is_out_of_date_lets_nobody_in_and_says_so),
		TLS(bytes_that_are_not_tls_are_refused),
		TLS(everything_at_once_is_understood),
		TLS(part_of_a_record_is_awaited),
		TLS(a_channel_outlives_its_context),
		TLS(no_changed_byte_is_understood),
		TLS(a_truncated_handshake_holds_little),
		TLS(a_wrong_identity_says_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
