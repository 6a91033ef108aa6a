/* mechanism.h - settings, the rate eta, the epochs and the loss.
 *
 * The weighted-score update of Freeman, Pennock, Podimata and Wortman Vaughan (arXiv 2002.08837) with the soft resets
 * and the fixed share that docs/mechanism.md describes; the formulas there are these. Pure functions of their
 * arguments. Sums run in array order, so the same calls give the same bits. */
#ifndef CANDOR_MECHANISM_H
#define CANDOR_MECHANISM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/message.h"

/* What a field of 0 means at creation; every field that the rate does not use stays 0. */
void mechanism_defaults(struct candor_settings *s);

/* NULL if complete settings are in range, else a static sentence naming the field and the range. */
const char *mechanism_settings_fault(const struct candor_settings *s);

/* The rate in (0, 1/2]. labelers: those that have reported (the formula uses at least 2). */
double mechanism_eta(const struct candor_settings *s, uint64_t labelers, unsigned epoch);

enum { EPOCH_MAX = 62 };

/* The epoch after a settlement: max(epoch, floor(log2(scored / labelers))) once scored >= labelers; unchanged where
 * the rate has no epochs. scored: reports that met an outcome, all labelers together. */
unsigned mechanism_epoch(const struct candor_settings *s, unsigned epoch, uint64_t scored, uint64_t labelers);

/* A weight after `resets` soft resets toward its entry weight: entry + (1-beta)^resets (w - entry). */
double mechanism_reset(double w, double entry, double beta, unsigned resets);

/* The Brier loss of a probability p against an outcome y: in [0, 1]. */
double mechanism_loss(double p, double y);

#endif
