/* number.h - numbers as people write and read them. Pure. */
#ifndef CANDOR_CLI_NUMBER_H
#define CANDOR_CLI_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/message.h"

/* A short text by value, so that it can stand in an argument list: printf("%s", cli_count(n).s). */
struct cli_text {
	char s[40];
};

/* Decimal notation, nothing before or after it, finite. */
bool cli_parse_real(const char *text, double *out);
bool cli_parse_count(const char *text, uint64_t *out);

struct cli_text cli_count(uint64_t n); /* 1,234,567 */
struct cli_text cli_weight(double w); /* 23.240, 0.056, 1.9e-07 */
struct cli_text cli_bytes(uint64_t n); /* 29.1 MB */
struct cli_text cli_time(uint64_t unix_ms); /* 2026-11-23 23:58:04, UTC; "-" for 0 */
struct cli_text cli_duration(uint64_t ms); /* 3d 4h, 4h 05m, 12m 07s, 4.2 s */
struct cli_text cli_exact(double x); /* 17 significant digits: reads back as the same number */

/* The mean per item, "-" if there are none. */
struct cli_text cli_mean(double sum, uint64_t n);

/* The head of a pool's chain of settlements as `candord --verify --head` takes it, POOL:ROUND:HASH; empty where it is
 * absent. */
struct cli_head {
	char s[CANDOR_NAME_MAX + 2 * CANDOR_HEAD_BYTES + 24];
};

struct cli_head cli_head(const struct candor_pool *p);

/* "s" unless n is 1. */
const char *cli_plural(uint64_t n);

#endif
