#include "daemon/http/cookie.h"

#include <string.h>
#include <strings.h>

#include "lib/base/wipe.h"

#define NAME "candor_session"

enum { LIFE_S = 12 * 3600 };

enum cookie_state cookie_read(const struct seal_key *key, const char *cookies, uint64_t now_ms,
			      char token[CANDOR_TOKEN_MAX + 1])
{
	static const size_t name_len = sizeof NAME "=" - 1;
	char sealed[SEAL_BYTES(CANDOR_TOKEN_MAX)];
	for (const char *at = cookies; at && *at;) {
		at += strspn(at, " \t");
		size_t len = strcspn(at, ";");
		if (strncmp(at, NAME "=", name_len) != 0) {
			at += len + (at[len] == ';');
			continue;
		}
		if (len - name_len >= sizeof sealed)
			return COOKIE_BAD;
		memcpy(sealed, at + name_len, len - name_len);
		sealed[len - name_len] = 0;
		return seal_open(key, sealed, now_ms, token, CANDOR_TOKEN_MAX + 1) ? COOKIE_GOOD : COOKIE_BAD;
	}
	return COOKIE_NONE;
}

static int put(const char *value, long life_s, bool is_encrypted, struct buf *out)
{
	return buf_printf(out, "Set-Cookie: " NAME "=%s; Path=/; Max-Age=%ld; HttpOnly; SameSite=Strict%s\r\n", value,
			  life_s, is_encrypted ? "; Secure" : "");
}

int cookie_put(const struct seal_key *key, const char *token, uint64_t now_ms, bool is_encrypted, struct buf *out)
{
	char sealed[SEAL_BYTES(CANDOR_TOKEN_MAX)];
	seal_close(key, token, now_ms + LIFE_S * UINT64_C(1000), sealed, sizeof sealed);
	int err = put(sealed, LIFE_S, is_encrypted, out);
	wipe(sealed, sizeof sealed);
	return err;
}

int cookie_put_end(bool is_encrypted, struct buf *out)
{
	return put("", 0, is_encrypted, out);
}

bool cookie_is_same_origin(const struct head *h, bool must_be_said)
{
	const char *origin = h->fields[FIELD_ORIGIN], *site = h->fields[FIELD_SEC_FETCH_SITE],
		   *host = h->fields[FIELD_HOST];
	if (site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0)
		return false;
	if (origin) {
		const char *name = strstr(origin, "://");
		return name && host && strcasecmp(name + 3, host) == 0;
	}
	return !must_be_said || (site && strcasecmp(site, "same-origin") == 0);
}
