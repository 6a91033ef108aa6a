#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "tests/lib/certs.h"

struct certs_authority {
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
	long serial;
};

static char *text_of(BIO *bio)
{
	char *bytes;
	long n = BIO_get_mem_data(bio, &bytes);
	char *copy = strndup(bytes, (size_t)n);
	require(copy);
	BIO_free(bio);
	return copy;
}

static char *certificate_text(X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	require(bio && PEM_write_bio_X509(bio, x) == 1);
	return text_of(bio);
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	require(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *blank(EVP_PKEY *key, const char *name, long serial, int from_days, int until_days)
{
	X509 *x = X509_new();
	require(x && X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1);
	require(X509_time_adj_ex(X509_getm_notBefore(x), from_days, 0, NULL) &&
		X509_time_adj_ex(X509_getm_notAfter(x), until_days, 0, NULL));
	require(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)name,
					   -1, -1, 0) == 1);
	require(X509_set_pubkey(x, key) == 1);
	return x;
}

struct certs_authority *certs_authority_new(const char *name)
{
	struct certs_authority *a = calloc(1, sizeof *a);
	require(a);
	a->serial = 1;
	a->key = EVP_EC_gen("P-256");
	require(a->key);
	a->certificate = blank(a->key, name, a->serial, -1, 30);
	require(X509_set_issuer_name(a->certificate, X509_get_subject_name(a->certificate)) == 1);
	extend(a->certificate, a->certificate, NID_basic_constraints, "critical,CA:TRUE");
	extend(a->certificate, a->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
	extend(a->certificate, a->certificate, NID_subject_key_identifier, "hash");
	require(X509_sign(a->certificate, a->key, EVP_sha256()) > 0);
	a->pem = certificate_text(a->certificate);
	return a;
}

const char *certs_authority_pem(const struct certs_authority *a)
{
	return a->pem;
}

void certs_authority_free(struct certs_authority *a)
{
	X509_free(a->certificate);
	EVP_PKEY_free(a->key);
	free(a->pem);
	free(a);
}

struct certs_pair certs_make(struct certs_authority *a, const struct certs_wish *wish)
{
	struct certs_pair pair;
	char names[512];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	require(key);
	X509 *x = blank(key, wish->name, ++a->serial, wish->from_days, wish->until_days);
	X509 *issuer = wish->self_signed ? x : a->certificate;
	require(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1);
	snprintf(names, sizeof names, "DNS:%s%s%s", wish->name, wish->address ? ",IP:" : "",
		 wish->address ? wish->address : "");
	extend(x, issuer, NID_subject_alt_name, names);
	require(X509_sign(x, wish->self_signed ? key : a->key, EVP_sha256()) > 0);
	pair.certificate = certificate_text(x);
	BIO *bio = BIO_new(BIO_s_mem());
	require(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	pair.key = text_of(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return pair;
}

void certs_free(struct certs_pair *p)
{
	free(p->certificate);
	free(p->key);
	*p = (struct certs_pair){0};
}

static void put_revoked(X509_CRL *list, const char *certificate)
{
	BIO *bio = BIO_new_mem_buf(certificate, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509_REVOKED *entry = X509_REVOKED_new();
	require(x && entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x)) == 1);
	ASN1_TIME *now = X509_time_adj_ex(NULL, -1, 0, NULL);
	require(now && X509_REVOKED_set_revocationDate(entry, now) == 1);
	require(X509_CRL_add0_revoked(list, entry) == 1);
	ASN1_TIME_free(now);
	X509_free(x);
	BIO_free(bio);
}

static char *make_list(struct certs_authority *a, const char *certificate, int from_days, int until_days)
{
	X509_CRL *list = X509_CRL_new();
	require(list && X509_CRL_set_version(list, 1) == 1);
	require(X509_CRL_set_issuer_name(list, X509_get_subject_name(a->certificate)) == 1);
	ASN1_TIME *before = X509_time_adj_ex(NULL, from_days, 0, NULL),
		  *after = X509_time_adj_ex(NULL, until_days, 0, NULL);
	require(before && after && X509_CRL_set1_lastUpdate(list, before) == 1 &&
		X509_CRL_set1_nextUpdate(list, after) == 1);
	ASN1_TIME_free(before);
	ASN1_TIME_free(after);
	if (certificate)
		put_revoked(list, certificate);
	require(X509_CRL_sort(list) == 1 && X509_CRL_sign(list, a->key, EVP_sha256()) > 0);
	BIO *bio = BIO_new(BIO_s_mem());
	require(bio && PEM_write_bio_X509_CRL(bio, list) == 1);
	X509_CRL_free(list);
	return text_of(bio);
}

char *certs_revoke(struct certs_authority *a, const char *certificate)
{
	return make_list(a, certificate, -1, 30);
}

char *certs_revoke_long_ago(struct certs_authority *a, const char *certificate)
{
	return make_list(a, certificate, -31, -1);
}
