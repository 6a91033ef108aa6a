/* survey.h - figures of a pool that take a look at each of its labelers, kept for whoever watches the daemon.
 *
 * One labeler after another is looked at, in slices: so figures are as of some while ago, and of no one moment. A pool
 * is looked at anew when it has settled something, got other settings or new labelers since. One thread, the
 * loop's. */
#ifndef CANDOR_SURVEY_H
#define CANDOR_SURVEY_H

#include "daemon/engine/state.h"

/* So many labelers and pools are looked at with each call: some 0.5 ms. */
enum { SURVEY_STEPS = 32768 };

/* A slice. To be called about once a second. */
void engine_survey(struct engine *e);

/* Of the pool's labelers when they were last looked at; false: they never were, or it has none. */
bool engine_surveyed(const struct engine_pool *c, struct surveyed *out);

#endif
