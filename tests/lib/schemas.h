/* schemas.h - the campaigns in tests/schemas, as databases of earlier versions have them.
 *
 * What a campaign plays is never changed once a database of it stands in the tree: the present program plays it again,
 * and what it makes of it is what an upgraded database must hold. */
#ifndef CANDOR_TESTS_SCHEMAS_H
#define CANDOR_TESTS_SCHEMAS_H

#include "tests/lib/fake_owner.h"

enum { SCHEMAS_ARCHIVES = 2 };

/* The events of tests/schemas/VERSION.db. */
void schemas_play(struct fake_owner *f, long version);

/* Those of tests/schemas/VERSION-archived.db: of its pool "p" rounds were archived twice, and some follow. files: where
 * to write the archives; NULL: they are not made, and nothing is pruned. Versions from 5 on. */
void schemas_play_archived(struct fake_owner *f, long version, const char *const files[SCHEMAS_ARCHIVES]);

/* PRAGMA user_version, from the file's header: a connection would leave its files beside it. */
long schemas_of(const char *path);

#endif
