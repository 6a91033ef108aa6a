/* admission.h - who has how many of the connections, and who gives way when there are no more.
 *
 * Connections belong to holders: a principal that is known, or an address whose peers have not said yet who they are
 * (strangers). Nobody is limited before all connections are taken. Then whoever comes gets in all the same as long as
 * another has more than its share: strangers give way while they have more than a quarter of all, those of the address
 * that has the most first, and of these the oldest; else the principal that has the most. The daemon's owner has a few
 * connections beside all others, which nobody can take.
 *
 * Pure: closes nothing by itself. The loop's thread only. */
#ifndef CANDOR_NET_ADMISSION_H
#define CANDOR_NET_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/hash.h"

enum { ADMISSION_FOR_OWNER = 8 };

struct holder;

/* What was done for a holder in one turn of the loop; the owner of the connections counts it. */
struct holder_work {
	uint64_t turn, done;
};

/* A connection among those of its holder. All zero: it is not counted. */
struct place {
	struct holder *of;
	struct place *older, *newer; /* of the same holder */
	struct place *stranger_older, *stranger_newer; /* of all strangers */
};

struct holder_heap {
	struct holder **each; /* the one with the most first */
	size_t n, cap;
};

enum { ADMISSION_BUCKETS = 1024 };

struct admission {
	uint64_t max; /* at least 1 */
	uint64_t n; /* all that are counted */
	uint64_t strangers;
	struct place *oldest_stranger, *newest_stranger;
	struct holder_heap principals, addresses;
	struct holder *owner; /* NULL: it has none */
	uint8_t key[HASH_KEY_BYTES];
	struct holder *buckets[ADMISSION_BUCKETS];
};

enum holder_kind { HOLDER_STRANGER, HOLDER_PRINCIPAL, HOLDER_OWNER };

/* Nobody is there. max: as in the structure; it may be changed later. */
void admission_init(struct admission *a, uint64_t max);

/* Counts a connection from now on, or under another holder than before. name: of the principal, or of the address; the
 * owner is one under whatever name. 0; or -ENOMEM, and then it is not counted. */
MUST_CHECK int admission_enter(struct admission *a, struct place *p, const char *name, enum holder_kind kind);

/* Counts it no longer; nothing where it is not counted. */
void admission_leave(struct admission *a, struct place *p);

/* Whether it is one of the owner's few. */
bool admission_is_reserved(const struct admission *a, const struct place *p);

/* Whether the owner may have another one of these. */
bool admission_owner_has_room(const struct admission *a);

/* That of its holder; NULL: it is not counted. */
struct holder_work *admission_work(const struct place *p);

bool admission_is_stranger(const struct place *p);

/* After a newcomer has entered: the connection that is to end, since there are too many; perhaps the newcomer itself.
 * NULL: there is room. is_quiet: of a principal's, those which wait for nothing go first. */
struct place *admission_choose(const struct admission *a, struct place *newcomer,
			       bool (*is_quiet)(const struct place *p));

/* When nobody is there. */
void admission_free(struct admission *a);

/* For tests and for builds that check: NULL, or what does not fit together. */
const char *admission_check(const struct admission *a);

#endif
