#include "lib/rights.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

struct name {
	const char *text;
	unsigned rights;
};

static const struct name rights[] = {
	{"report", CANDOR_RIGHT_REPORT},       {"outcome", CANDOR_RIGHT_OUTCOME}, {"read", CANDOR_RIGHT_READ},
	{"read-open", CANDOR_RIGHT_READ_OPEN}, {"inspect", CANDOR_RIGHT_INSPECT}, {"admin", CANDOR_RIGHT_ADMIN},
};

static const struct name roles[] = {
	{"platform", CANDOR_RIGHT_REPORT}, {"auditor", CANDOR_RIGHT_OUTCOME},
	{"trainer", CANDOR_RIGHT_READ},    {"operator", CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ_OPEN},
	{"admin", CANDOR_RIGHT_ADMIN},
};

enum { N_RIGHTS = sizeof rights / sizeof *rights, N_ROLES = sizeof roles / sizeof *roles };

static unsigned find(const struct name *all, size_t n, const char *text, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(all[i].text) == len && memcmp(all[i].text, text, len) == 0)
			return all[i].rights;
	return 0;
}

bool rights_parse(const char *text, unsigned *out)
{
	*out = 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned these = find(roles, N_ROLES, text, len);
		if (!these)
			these = find(rights, N_RIGHTS, text, len);
		if (!these)
			return false;
		*out |= these;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

void rights_format(unsigned set, char out[RIGHTS_TEXT_MAX])
{
	size_t len = 0;
	out[0] = 0;
	for (size_t i = 0; i < N_RIGHTS; i++)
		if (set & rights[i].rights)
			len += (size_t)snprintf(out + len, RIGHTS_TEXT_MAX - len, "%s%s", len ? "," : "",
						rights[i].text);
}

const char *rights_role(unsigned set)
{
	for (size_t i = 0; i < N_ROLES; i++)
		if (roles[i].rights == set)
			return roles[i].text;
	return NULL;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* A number in the one spelling that the daemon itself uses. The highest is no user's. */
static bool is_id(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	if (digits < 1 || digits > 10 || text[digits] || (digits > 1 && text[0] == '0'))
		return false;
	uint64_t id = 0;
	for (; *text; text++)
		id = 10 * id + (uint64_t)(*text - '0');
	return id < UINT32_MAX;
}

/* TYPE=VALUE, perhaps several. */
static bool is_subject(const char *text)
{
	return strcspn(text, "=") > 0 && strchr(text, '=');
}

const char *token_name_fault(const char *text, size_t len)
{
	const char *what = name_fault(text, len);
	if (what)
		return what;
	if (len > CANDOR_TOKEN_NAME_MAX)
		return "is too long; it must be 1 to 200 bytes long";
	return strchr(text, ' ') ? "contains a space; it must be one word" : NULL;
}

const char *principal_fault(const char *text, size_t len)
{
	const char *what = name_fault(text, len);
	if (what)
		return what;
	if (strchr(text, ' '))
		return "contains a space; write \\20 for each space in a certificate's subject";
	if (strcmp(text, RIGHTS_ANONYMOUS) == 0)
		return NULL;
	if (begins(text, "uid:") || begins(text, "gid:"))
		return is_id(text + 4) ? NULL : "is not a user or group id; write a number, as in uid:1000";
	if (begins(text, "cert:"))
		return is_subject(text + 5) ? NULL : "is not a certificate subject; write it as in cert:CN=platform";
	if (begins(text, "token:") && text[6])
		return NULL;
	return "is not a principal; it must be token:NAME, cert:SUBJECT, uid:N, gid:N or anonymous";
}

const char *grant_fault(const struct candor_grant *g)
{
	if (g->rights == 0 || (g->rights & ~(unsigned)CANDOR_RIGHTS_ALL))
		return "must name at least one right";
	if (g->prefix[0] && g->rights != CANDOR_RIGHT_REPORT)
		return "has a prefix, which applies only to the right to report; grant other rights separately";
	return NULL;
}
