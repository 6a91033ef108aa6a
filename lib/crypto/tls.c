/* OpenSSL has a type of this name, which is not used here; an error of ours has it too. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/crypto/tls.h"

enum {
	CHUNK = 16 * 1024,
	CHAIN_BYTES_MAX = 16 * 1024, /* of a peer's certificates: they are held until the handshake is done */
	SUBJECT_MAX = 256,
	FAULT_MAX = 256,
	/* Measured with OpenSSL 3.0, as those of tls.h were: what an incomplete record adds. */
	RECORD_BYTES = 17 * 1024,
};

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *transport;
	enum tls_side side;
	size_t users; /* its maker, and channels */
};

struct tls {
	struct tls_context *context;
	SSL *ssl;
	/* During a call: what came from the peer and is not read yet, and where bytes for the peer go. */
	const char *input;
	size_t input_left;
	struct buf *output;
	bool no_memory, spoke;
	const char *protocol; /* NULL: none is chosen */
	enum tls_side side;
	int over; /* the error that ended the channel; 0: none */
	bool peer_closed; /* it sends nothing more, and may still be sent to */
	char fault[FAULT_MAX], subject[SUBJECT_MAX];
};

/* ---- the transport: reads what the call was given, and writes to its output ---- */

static int on_transport_read(BIO *bio, char *to, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	size_t got = (size_t)n < t->input_left ? (size_t)n : t->input_left;
	if (got == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, t->input, got);
	t->input += got;
	t->input_left -= got;
	return (int)got;
}

static int on_transport_write(BIO *bio, const char *bytes, int n)
{
	struct tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	t->spoke = true;
	if (buf_append(t->output, bytes, (size_t)n)) {
		t->no_memory = true;
		return -1;
	}
	return n;
}

static long on_transport_ctrl(BIO *bio, int what, long n, void *arg)
{
	(void)bio, (void)n, (void)arg;
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *transport_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "candor");
	if (m && BIO_meth_set_read(m, on_transport_read) == 1 && BIO_meth_set_write(m, on_transport_write) == 1 &&
	    BIO_meth_set_ctrl(m, on_transport_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- contexts ---- */

/* OpenSSL's first error in its own words; the others follow from it. */
static const char *complaint(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return reason ? reason : "cannot be read";
}

static int fail(char *fault, size_t size, const char *what)
{
	snprintf(fault, size, "%s: %s", what, complaint());
	return ERR_TLS;
}

static BIO *text(const char *pem)
{
	size_t n = strlen(pem);
	return n <= 1 << 24 ? BIO_new_mem_buf(pem, (int)n) : NULL;
}

/* Nobody is there to be asked for a password. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return 0;
}

/* The PEM reader says so in this way when there is no block, or no further one, of what it looks for. */
static bool at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
	if (end)
		ERR_clear_error();
	return end;
}

static bool use_chain(SSL_CTX *ssl, BIO *pem)
{
	X509 *own = PEM_read_bio_X509(pem, NULL, no_password, NULL), *next;
	bool good = own && SSL_CTX_use_certificate(ssl, own) == 1;
	X509_free(own);
	while (good && (next = PEM_read_bio_X509(pem, NULL, no_password, NULL))) {
		good = SSL_CTX_add1_chain_cert(ssl, next) == 1;
		X509_free(next);
	}
	return good && at_end();
}

static bool use_key(SSL_CTX *ssl, BIO *pem)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
	bool good = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;
	EVP_PKEY_free(key);
	return good;
}

static bool trust(SSL_CTX *ssl, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	X509 *ca;
	size_t n = 0;
	bool good = true;
	while (good && (ca = PEM_read_bio_X509(pem, NULL, no_password, NULL))) {
		/* A server tells clients whose certificates it takes. */
		good = X509_STORE_add_cert(store, ca) == 1 && SSL_CTX_add_client_CA(ssl, ca) == 1;
		X509_free(ca);
		n++;
	}
	return good && n > 0 && at_end();
}

static bool revoke(SSL_CTX *ssl, BIO *pem)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	X509_CRL *list;
	size_t n = 0;
	bool good = true;
	while (good && (list = PEM_read_bio_X509_CRL(pem, NULL, no_password, NULL))) {
		good = X509_STORE_add_crl(store, list) == 1;
		X509_CRL_free(list);
		n++;
	}
	return good && n > 0 && at_end() && X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}

/* The reader of keys of every kind says so in this way when it knows none of what is there. */
static bool is_no_key(void)
{
	unsigned long code = ERR_peek_last_error();
	return ERR_GET_LIB(code) == ERR_LIB_OSSL_DECODER && ERR_GET_REASON(code) == ERR_R_UNSUPPORTED;
}

/* kind: of the blocks that are looked for; what: where. */
static int use(SSL_CTX *ssl, bool (*how)(SSL_CTX *ssl, BIO *pem), const char *pem, const char *kind, const char *what,
	       char *fault, size_t size)
{
	if (!pem)
		return 0;
	BIO *bio = text(pem);
	if (!bio)
		return -ENOMEM;
	ERR_clear_error();
	bool good = how(ssl, bio);
	BIO_free(bio);
	if (!good && (at_end() || is_no_key()))
		snprintf(fault, size, "%s: contains no PEM %s", what, kind);
	else if (!good)
		fail(fault, size, what);
	ERR_clear_error();
	return good ? 0 : ERR_TLS;
}

static const char *called(const char *name, const char *otherwise)
{
	return name ? name : otherwise;
}

static int set_up(SSL_CTX *ssl, const struct tls_identity *id, char *fault, size_t size)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_max_cert_list(ssl, CHAIN_BYTES_MAX);
	if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
		return fail(fault, size, "TLS");
	int err = use(ssl, use_chain, id->certificate, "certificate", called(id->from.certificate, "the certificate"),
		      fault, size);
	if (err == 0)
		err = use(ssl, use_key, id->key, "key", called(id->from.key, "the key of the certificate"), fault,
			  size);
	if (err == 0)
		err = use(ssl, trust, id->authorities, "certificate",
			  called(id->from.authorities, "the authorities' certificates"), fault, size);
	if (err == 0)
		err = use(ssl, revoke, id->revoked, "revocation list", called(id->from.revoked, "the revocation lists"),
			  fault, size);
	if (err)
		return err;
	if (id->side == TLS_CLIENT && !id->authorities && SSL_CTX_set_default_verify_paths(ssl) != 1)
		return fail(fault, size, "the system's authorities");
	/* A client may have no certificate when asked: then other means decide what it may do. */
	SSL_CTX_set_verify(ssl, id->side == TLS_CLIENT || id->authorities ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return 0;
}

/* offered: names, each with its length before it. */
static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
			unsigned len, void *arg)
{
	const struct tls *t = BIO_get_data(SSL_get_rbio(ssl));
	(void)arg;
	if (!t->protocol)
		return SSL_TLSEXT_ERR_NOACK;
	size_t wanted = strlen(t->protocol);
	for (unsigned at = 0; at < len && offered[at] < len - at; at += 1U + offered[at]) {
		if (offered[at] != wanted || memcmp(offered + at + 1, t->protocol, wanted) != 0)
			continue;
		*out = offered + at + 1;
		*out_len = offered[at];
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int tls_context_new(struct tls_context **out, const struct tls_identity *id, char *fault, size_t size)
{
	if (id->side == TLS_SERVER && (!id->certificate || !id->key)) {
		snprintf(fault, size, "a server needs a certificate and its key");
		return ERR_TLS;
	}
	if (!id->certificate != !id->key) {
		snprintf(fault, size, "a certificate and its key must be given together; one of them is missing");
		return ERR_TLS;
	}
	struct tls_context *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->side = id->side;
	c->users = 1;
	c->transport = transport_new();
	c->ssl = SSL_CTX_new(id->side == TLS_SERVER ? TLS_server_method() : TLS_client_method());
	int err = c->ssl && c->transport ? set_up(c->ssl, id, fault, size) : -ENOMEM;
	if (!err && c->side == TLS_SERVER)
		SSL_CTX_set_alpn_select_cb(c->ssl, on_protocols, NULL);
	if (err) {
		tls_context_free(c);
		return err;
	}
	*out = c;
	return 0;
}

bool tls_context_is_stale(const struct tls_context *c)
{
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c->ssl));
	for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
		const X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));
		const ASN1_TIME *end = list ? X509_CRL_get0_nextUpdate(list) : NULL;
		if (end && X509_cmp_current_time(end) < 0)
			return true;
	}
	return false;
}

struct tls_context *tls_context_keep(struct tls_context *c)
{
	c->users++;
	return c;
}

void tls_context_free(struct tls_context *c)
{
	if (!c || --c->users > 0)
		return;
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->transport);
	free(c);
}

/* ---- channels ---- */

/* The peer's certificate must be for this name or address. */
static bool expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, host, strlen(host)) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int tls_new(struct tls **out, struct tls_context *context, const char *host)
{
	require((context->side == TLS_CLIENT) == (host != NULL));
	if (host && !*host)
		return ERR_TLS;
	struct tls *t = calloc(1, sizeof *t);
	if (!t)
		return -ENOMEM;
	t->side = context->side;
	t->context = tls_context_keep(context);
	t->ssl = SSL_new(context->ssl);
	BIO *transport = BIO_new(context->transport);
	if (!t->ssl || !transport) {
		BIO_free(transport);
		tls_free(t);
		return -ENOMEM;
	}
	BIO_set_data(transport, t);
	BIO_set_init(transport, 1);
	SSL_set_bio(t->ssl, transport, transport); /* owned by ssl from now on */
	if (host && !expect(t->ssl, host)) {
		ERR_clear_error();
		tls_free(t);
		return ERR_TLS;
	}
	if (t->side == TLS_SERVER)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	*out = t;
	return 0;
}

void tls_speak(struct tls *t, const char *protocol)
{
	t->protocol = protocol;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	tls_context_free(t->context);
	free(t);
}

static const char *why_broken(const struct tls *t, char *room, size_t size)
{
	long verified = SSL_get_verify_result(t->ssl);
	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	if (ERR_GET_LIB(code) != ERR_LIB_SSL || reason <= SSL_AD_REASON_OFFSET)
		return complaint();
	/* The peer sent an alert. */
	snprintf(room, size, "the peer reported: %s", SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	return room;
}

static int broken(struct tls *t)
{
	char room[FAULT_MAX];
	t->over = ERR_TLS;
	snprintf(t->fault, sizeof t->fault, "%s", why_broken(t, room, sizeof room));
	ERR_clear_error();
	return ERR_TLS;
}

static void read_subject(struct tls *t)
{
	X509 *peer = SSL_get0_peer_certificate(t->ssl);
	BIO *bio = peer && SSL_get_verify_result(t->ssl) == X509_V_OK ? BIO_new(BIO_s_mem()) : NULL;
	if (!bio)
		return;
	char *bytes;
	long n = 0;
	if (X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(bio, &bytes);
	/* One that is too long counts as none, because its beginning may be another's. */
	if (n > 0 && n < SUBJECT_MAX)
		memcpy(t->subject, bytes, (size_t)n);
	BIO_free(bio);
}

/* What OpenSSL's result means: 0 if it only needs more bytes. */
static int after(struct tls *t, int result)
{
	switch (SSL_get_error(t->ssl, result)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return 0;
	case SSL_ERROR_ZERO_RETURN: t->peer_closed = true; return ERR_CLOSED;
	default: return broken(t);
	}
}

static int shake(struct tls *t)
{
	ERR_clear_error();
	int result = SSL_do_handshake(t->ssl);
	if (result == 1) {
		read_subject(t);
		return 0;
	}
	return after(t, result);
}

static int take_plain(struct tls *t, struct buf *plain)
{
	for (;;) {
		uint8_t *room = buf_reserve(plain, CHUNK);
		if (!room)
			return -ENOMEM;
		ERR_clear_error();
		int n = SSL_read(t->ssl, room, CHUNK);
		if (n <= 0)
			return after(t, n);
		plain->len += (size_t)n;
	}
}

/* OpenSSL sends nothing to a peer that does not speak TLS at all. This is a fatal alert in the clear: unexpected
 * message. */
static int turn_away(struct tls *t, struct buf *cipher)
{
	static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 10};
	return t->spoke || t->side == TLS_CLIENT ? 0 : buf_append(cipher, alert, sizeof alert);
}

int tls_receive(struct tls *t, const void *bytes, size_t n, struct buf *plain, struct buf *cipher)
{
	if (t->over)
		return t->over;
	if (t->peer_closed)
		return ERR_CLOSED;
	int err = 0;
	t->input = bytes;
	t->input_left = n;
	t->output = cipher;
	if (!SSL_is_init_finished(t->ssl))
		err = shake(t);
	if (err == 0 && SSL_is_init_finished(t->ssl))
		err = take_plain(t, plain);
	if (t->no_memory)
		return -ENOMEM;
	if (err == ERR_TLS && turn_away(t, cipher))
		return -ENOMEM;
	return err;
}

int tls_send(struct tls *t, const void *bytes, size_t n, struct buf *cipher)
{
	require(tls_is_ready(t) || t->over);
	if (t->over)
		return t->over;
	t->output = cipher;
	for (size_t done = 0; done < n;) {
		int piece = n - done < CHUNK ? (int)(n - done) : CHUNK;
		ERR_clear_error();
		int sent = SSL_write(t->ssl, (const char *)bytes + done, piece);
		if (t->no_memory)
			return -ENOMEM;
		if (sent <= 0)
			return broken(t);
		done += (size_t)sent;
	}
	return 0;
}

int tls_end(struct tls *t, struct buf *cipher)
{
	t->output = cipher;
	ERR_clear_error();
	if (SSL_is_init_finished(t->ssl) && !t->over)
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	return t->no_memory ? -ENOMEM : 0;
}

bool tls_awaits_rest(const struct tls *t)
{
	/* OpenSSL does not count a record of which it has exactly the header as pending. */
	return !t->over && !t->peer_closed && (SSL_has_pending(t->ssl) || strcmp(SSL_rstate_string(t->ssl), "RB") == 0);
}

size_t tls_bytes(const struct tls *t)
{
	size_t more = !SSL_is_init_finished(t->ssl) ? TLS_HANDSHAKE_BYTES : tls_awaits_rest(t) ? RECORD_BYTES : 0;
	return heap_bytes(sizeof *t) + TLS_REST_BYTES + more;
}

bool tls_is_ready(const struct tls *t)
{
	return !t->over && SSL_is_init_finished(t->ssl);
}

const char *tls_fault(const struct tls *t)
{
	return t->fault;
}

const char *tls_subject(const struct tls *t)
{
	return t->subject;
}
