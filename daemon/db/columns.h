/* columns.h - the columns of a row that a statement stands on, one after the other. For the files of daemon/db that
 * read rows. A value that the row cannot have (a number below 0 or too large for its member, an array of another
 * length, a word that is none) is an error of the row. */
#ifndef CANDOR_DB_COLUMNS_H
#define CANDOR_DB_COLUMNS_H

#include "daemon/db/internal.h"
#include "daemon/db/words.h"

struct columns {
	struct db *db;
	sqlite3_stmt *s;
	int next;
	struct arena *arena; /* takes what a row points to */
	int err; /* the first, but lack of memory comes before all else: it may look like a row that makes no sense */
};

void columns_fail(struct columns *c, int err);

/* NULL reads as 0. */
uint64_t columns_int(struct columns *c, uint64_t max);
double columns_real(struct columns *c);

/* Until the next step, or NULL. */
const char *columns_word(struct columns *c);

/* A copy, never NULL but for want of memory. */
const char *columns_text(struct columns *c);

/* A blob of n values; NULL where the column is. */
const void *columns_array(struct columns *c, size_t n, size_t size);

/* Of so many values of that size as *n then says. */
const void *columns_counted(struct columns *c, size_t *n, size_t size);
void columns_bytes(struct columns *c, uint8_t *out, size_t size);

/* Whether there was one: false for NULL, which reads as 0. */
bool columns_real_if(struct columns *c, double *out);

/* Whether there were any: false for NULL. */
bool columns_bytes_if(struct columns *c, uint8_t *out, size_t size);
void columns_reports(struct columns *c, struct packed_reports *out);
void columns_states(struct columns *c, const struct labeler **states, size_t *n);
enum candor_item_state columns_state(struct columns *c);
void columns_rights(struct columns *c, unsigned *out);

/* The column that was read last must be NULL unless the row meets a condition. */
void columns_check_null(struct columns *c, bool has_value);

/* What happened to the row: 0, or an error; logged where it is the history's fault. */
MUST_CHECK int columns_error(const struct columns *c);

/* A column of each kind, from the columns c into the row r; see rows.def. Integers are unsigned. */
#define GET_INTEGER(field) r->field = (__typeof__(r->field))columns_int(c, (__typeof__(r->field))-1);
#define GET_INTEGER_IF(field, condition) \
	GET_INTEGER(field)               \
	columns_check_null(c, condition);
#define GET_REAL(field) r->field = columns_real(c);
#define GET_REAL_IF(field, condition) \
	GET_REAL(field)               \
	columns_check_null(c, condition);
#define GET_REAL_HAS(field, has) r->has = columns_real_if(c, &r->field);
#define GET_TEXT(field) r->field = columns_text(c);
#define GET_BYTES(field) columns_bytes(c, r->field, sizeof r->field);
#define GET_BYTES_IF(field, has) r->has = columns_bytes_if(c, r->field, sizeof r->field);
#define GET_ARRAY(field, n) r->field = columns_array(c, n, sizeof *r->field);
#define GET_COUNTED(field, n) r->field = columns_counted(c, &(n), sizeof *r->field);
#define GET_REPORTS(field) columns_reports(c, &r->field);
#define GET_STATES(field, n) columns_states(c, &r->field, &(n));
#define GET_RATE(field) r->field = db_rate_of(columns_word(c));
#define GET_SIGNS(field) r->field = db_signs_of(columns_word(c));
#define GET_ITEM_STATE(field) r->field = columns_state(c);
#define GET_RIGHTS(field) columns_rights(c, &r->field);

#define GET(column, KIND, ...) GET_##KIND(__VA_ARGS__)

#endif
