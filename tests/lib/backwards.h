/* backwards.h - how many honest labelers a forecast with `signs = free` counts backwards. */
#ifndef CANDOR_TESTS_BACKWARDS_H
#define CANDOR_TESTS_BACKWARDS_H

#include <stdint.h>

/* Plays `repeats` campaigns in which everybody is truthful and answers every item. The part of the labelers whose reports
 * count against their own side in the regression at the end: the median over campaigns. Failures end the program. */
double experiment_backwards(uint64_t items, uint32_t labelers, uint32_t repeats);

#endif
