/* Hostile bytes into either end of a channel: into a fresh one, and between two ends that are shaking hands or talking,
 * cut, changed, doubled and dropped on the way. Whatever happens to them, what an end understands is the beginning of
 * what the other has said, and what a channel holds is bounded. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/crypto.h>
#undef ERR_STATE

#include "tests/fuzz/spoil.h"
#include "tests/lib/certs.h"
#include "lib/base/text.h"
#include "lib/crypto/tls.h"

enum { SERVER, CLIENT, MUTUAL, CONTEXTS };

static struct tls_context *contexts[CONTEXTS];

struct end {
	struct tls *tls;
	struct buf plain, cipher, said; /* what it understood; what it has to say; what it said, before encryption */
	bool ended; /* it has said its last word */
	int err;
};

struct link {
	struct end ends[2]; /* the client's first */
	bool tampered;
};

static void end_open(struct end *e, struct tls_context *context, const char *host)
{
	*e = (struct end){0};
	require(tls_new(&e->tls, context, host) == 0);
}

static void end_close(struct end *e)
{
	tls_free(e->tls);
	buf_free(&e->plain);
	buf_free(&e->cipher);
	buf_free(&e->said);
}

static void receive(struct end *e, struct meal bytes)
{
	uint8_t *exact = fuzz_exact(bytes);
	e->err = tls_receive(e->tls, exact, bytes.len, &e->plain, &e->cipher);
	free(exact);
	const char *fault = tls_fault(e->tls), *subject = tls_subject(e->tls);
	require(e->err == 0 || e->err == ERR_TLS || e->err == ERR_CLOSED);
	require((e->err == ERR_TLS) == (fault[0] != 0));
	require(text_fault(fault, strlen(fault)) == NULL);
	require(subject[0] == 0 || strcmp(subject, "CN=platform") == 0 || strcmp(subject, "CN=candor.test") == 0);
	require(tls_bytes(e->tls) < 256 * 1024);
}

/* Up to n of the bytes that one end has to say reach the other. */
static void deliver(struct link *l, unsigned from, size_t n)
{
	struct end *a = &l->ends[from], *b = &l->ends[!from];
	if (n > a->cipher.len)
		n = a->cipher.len;
	if (b->err == 0 && n > 0)
		receive(b, (struct meal){a->cipher.data, n});
	buf_consume(&a->cipher, n);
}

static void say(struct end *e, struct meal words)
{
	if (e->err || e->ended || !tls_is_ready(e->tls))
		return;
	require(tls_send(e->tls, words.data, words.len, &e->cipher) == 0);
	require(buf_append(&e->said, words.data, words.len) == 0);
}

static void check(struct link *l)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct buf *heard = &l->ends[i].plain, *said = &l->ends[!i].said;
		require(heard->len <= said->len);
		require(heard->len == 0 || memcmp(heard->data, said->data, heard->len) == 0);
		require(l->tampered || l->ends[i].err == 0 || l->ends[i].err == ERR_CLOSED);
	}
}

static void between_two(struct meal *in)
{
	struct link l = {0};
	unsigned side = eat_below(in, 2);
	end_open(&l.ends[0], contexts[side ? MUTUAL : CLIENT], "candor.test");
	end_open(&l.ends[1], contexts[SERVER], NULL);
	receive(&l.ends[0], (struct meal){NULL, 0});
	while (in->len > 0) {
		side = eat_below(in, 2);
		struct end *e = &l.ends[side];
		switch (eat_below(in, 8)) {
		case 0:
			l.tampered = true;
			fuzz_spoil(&e->cipher, in);
			break;
		case 1: say(e, eat_bytes(in, eat_byte(in))); break;
		case 2:
			require(tls_end(e->tls, &e->cipher) == 0);
			e->ended = true;
			break;
		case 3: deliver(&l, side, eat_byte(in)); break;
		case 4: deliver(&l, side, eat_u16(in)); break;
		default: deliver(&l, side, SIZE_MAX); deliver(&l, !side, SIZE_MAX);
		}
		check(&l);
	}
	/* All that is still on its way. */
	for (unsigned i = 0; i < 8; i++)
		deliver(&l, i % 2, SIZE_MAX);
	check(&l);
	end_close(&l.ends[0]);
	end_close(&l.ends[1]);
}

static void into_one(struct meal in, bool server)
{
	struct end e;
	end_open(&e, contexts[server ? SERVER : CLIENT], server ? NULL : "candor.test");
	receive(&e, (struct meal){NULL, 0});
	while (in.len > 0 && e.err == 0) {
		receive(&e, eat_bytes(&in, 1 + eat_byte(&in)));
		require(e.plain.len == 0 && !tls_is_ready(e.tls));
	}
	end_close(&e);
}

/* OpenSSL is not what is being tried, and half of the time would go into watching its memory. */
extern void *__libc_malloc(size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static void *take(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return __libc_malloc(size);
}

static void *take_anew(void *block, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return __libc_realloc(block, size);
}

static void give(void *block, const char *file, int line)
{
	(void)file, (void)line;
	__libc_free(block);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	static const struct certs_wish server = {.name = "candor.test", .from_days = -1, .until_days = 30},
				       client = {.name = "platform", .from_days = -1, .until_days = 30};
	char fault[256];
	require(CRYPTO_set_mem_functions(take, take_anew, give) == 1);
	struct certs_authority *a = certs_authority_new("ours");
	struct certs_pair ours = certs_make(a, &server), theirs = certs_make(a, &client);
	const char *trusted = certs_authority_pem(a);
	const struct tls_identity identities[CONTEXTS] = {
		[SERVER] = {.side = TLS_SERVER,
			    .certificate = ours.certificate,
			    .key = ours.key,
			    .authorities = trusted},
		[CLIENT] = {.side = TLS_CLIENT, .authorities = trusted},
		[MUTUAL] = {.side = TLS_CLIENT,
			    .certificate = theirs.certificate,
			    .key = theirs.key,
			    .authorities = trusted},
	};
	for (int i = 0; i < CONTEXTS; i++)
		require(tls_context_new(&contexts[i], &identities[i], fault, sizeof fault) == 0);
	certs_free(&ours);
	certs_free(&theirs);
	certs_authority_free(a);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct meal in = {data, len};
	unsigned how = eat_below(&in, 4);
	if (how < 2)
		into_one(in, how);
	else
		between_two(&in);
	return 0;
}
