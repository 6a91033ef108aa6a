/* json.h - answers of the daemon as JSON: the field names of candor.proto, enumerations in lower case, all digits of
 * numbers. A number that JSON cannot say is null. What is returned belongs to the caller. */
#ifndef CANDOR_CLI_JSON_H
#define CANDOR_CLI_JSON_H

#include <jansson.h>

#include "client/candor.h"

json_t *cli_json_real(double x);
json_t *cli_json_count(uint64_t n);
json_t *cli_json_settings(const struct candor_settings *s);
json_t *cli_json_pool(const struct candor_pool *p);
json_t *cli_json_item(const struct candor_item *item);
json_t *cli_json_labeler(const struct candor_labeler *l);
json_t *cli_json_settlement(const struct candor_settlement *s);
json_t *cli_json_rejected(const struct candor_response *r);
json_t *cli_json_batch(const struct candor_response *r);
json_t *cli_json_grant(const struct candor_grant *g);
json_t *cli_json_token(const struct candor_token *t);
json_t *cli_json_event(const struct candor_event *e);
json_t *cli_json_info(const struct candor_info *i);

/* Names of enumerations; "unknown" for what this program does not know. */
const char *cli_rate_name(enum candor_rate rate);
const char *cli_state_name(enum candor_item_state state);

/* Puts a value into an object, or appends it to an array; takes the reference. Without memory the program ends. */
void cli_json_put(json_t *object, const char *key, json_t *value);
void cli_json_append(json_t *array, json_t *value);

/* On stdout with a newline, over several lines or on one; takes the reference. */
void cli_json_print(json_t *document);
void cli_json_print_line(json_t *document);

#endif
