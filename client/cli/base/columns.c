#include "client/cli/base/columns.h"

#include <stdbool.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/visible.h"
#include "lib/base/similar.h"

enum { IGNORED_MAX = 50, NEAR_MAX = 16 };

static const char *const names[] = {"item", "labeler", "report", "outcome", "sequence", "block", "time", "known"};
_Static_assert(sizeof names / sizeof *names == CLI_FIELDS, "a name for each field");

const char *cli_field_name(enum cli_field f)
{
	return names[f];
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum cli_field cli_field_exact(const char *name, size_t len)
{
	int f = 0;
	while (f < CLI_FIELDS && !(strlen(names[f]) == len && memcmp(names[f], name, len) == 0))
		f++;
	return (enum cli_field)f;
}

enum cli_field cli_field_loose(const char *name, size_t len)
{
	char bare[NEAR_MAX];
	while (len > 0 && (*name == ' ' || *name == '\t')) {
		name++;
		len--;
	}
	while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t'))
		len--;
	if (len > sizeof bare)
		return CLI_FIELDS;
	for (size_t i = 0; i < len; i++)
		bare[i] = lower(name[i]);
	return cli_field_exact(bare, len);
}

enum cli_field cli_field_near(const char *name, size_t len)
{
	char bare[NEAR_MAX + 1] = "";
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		const char c = lower(name[i]);
		const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (is_letter && n == NEAR_MAX)
			return CLI_FIELDS;
		if (is_letter)
			bare[n++] = c;
	}
	for (int f = 0; f < CLI_TIME; f++) {
		const size_t m = strlen(names[f]), most = m > 5 ? 2 : 1;
		if (n + most >= m && n <= m + most && similar_distance(bare, names[f]) <= most)
			return (enum cli_field)f;
	}
	return CLI_FIELDS;
}

void cli_ignored_add(struct cli_ignored *ignored, const char *name, size_t len)
{
	const struct cli_shown shown = cli_shown(name, len);
	const char *at = (const char *)ignored->names.data;
	for (size_t i = 0; i < ignored->n; i++, at += strlen(at) + 1)
		if (strcmp(at, shown.s) == 0)
			return;
	if (ignored->n == IGNORED_MAX) {
		ignored->beyond++;
		return;
	}
	if (buf_append(&ignored->names, shown.s, strlen(shown.s) + 1))
		cli_memory(NULL);
	ignored->n++;
}

void cli_ignored_free(struct cli_ignored *ignored)
{
	buf_free(&ignored->names);
}
