/* older.h - databases of schema 5 of any size, for upgrades.
 *
 * Made of one that the present program wrote, so that what the upgrade has to give is known: that one. */
#ifndef CANDOR_TESTS_OLDER_H
#define CANDOR_TESTS_OLDER_H

/* Writes what the database at `from` has, as far as schema 5 knows it, into a new one of schema 5 at `to`. Nobody has
 * `from` open; nothing was settled together in it, rechecked or archived. What cannot be done ends the program. */
void older_make(const char *from, const char *to);

/* NULL if the rows of two databases of the present schema are the same, bit by bit, or in which table they are not;
 * the caller frees it. b: was of the schema `version` once, which did not keep some. Nor are compared what labelers'
 * and pools' rows say, which may lag behind (fake_state() has that), and of settlements what an older program does
 * not write. */
char *older_difference(const char *a, const char *b, long version);

#endif
