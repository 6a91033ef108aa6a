#include "lib/base/similar.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LETTERS_MAX = 63 };

static char letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? '-' : c;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: row i has the distances of a's first i letters from each beginning of b. */
unsigned similar_distance(const char *a, const char *b)
{
	unsigned rows[3][LETTERS_MAX + 1];
	size_t n = strlen(a), m = strlen(b);
	if (n > LETTERS_MAX || m > LETTERS_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			char x = letter(a[i - 1]), y = letter(b[j - 1]);
			row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == letter(b[j - 2]) && letter(a[i - 2]) == y)
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[n % 3][m];
}

static bool begins(const char *candidate, const char *word)
{
	while (*word && letter(*candidate) == letter(*word)) {
		candidate++;
		word++;
	}
	return !*word;
}

void similar_try(struct similar *s, const char *candidate)
{
	size_t len = strlen(s->word);
	unsigned distance = similar_distance(s->word, candidate);
	if (len >= 2 && begins(candidate, s->word))
		distance = distance > 0;
	if (len < 2 || distance > (len + 2) / 3 || (s->best && distance >= s->distance))
		return;
	s->best = candidate;
	s->distance = distance;
}

const char *similar_hint(const struct similar *s, const char *before, char *out, size_t size)
{
	snprintf(out, size, s->best ? "; did you mean %s%s?" : "", before, s->best);
	return out;
}
