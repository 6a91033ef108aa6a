/* similar.h - "did you mean X?": which of the words that would do is most like one that will not. Pure.
 *
 *	struct similar s = {.word = given};
 *	for (each word that would do) similar_try(&s, word);
 *	printf("unknown word \"%s\"%s", given, similar_hint(&s, text, sizeof text));
 */
#ifndef CANDOR_SIMILAR_H
#define CANDOR_SIMILAR_H

#include <stddef.h>

struct similar {
	const char *word;
	const char *best; /* of those tried; NULL: none is like it */
	unsigned distance; /* between the two */
};

/* How many letters must be left out, added, replaced or swapped with their neighbour to make one of the other. Capital
 * letters are the same as small ones, and '_' is the same as '-'. Words longer than 63 bytes are like no other. */
unsigned similar_distance(const char *a, const char *b);

/* Alike are words with at most one such change in three letters, and a word with the beginning of one. Of several that
 * are equally alike the first counts. */
void similar_try(struct similar *s, const char *candidate);

/* "; did you mean BEFOREbest?", or "" if no word is like it. Written into out[size], which is returned. */
const char *similar_hint(const struct similar *s, const char *before, char *out, size_t size);

#endif
