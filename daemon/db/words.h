/* words.h - the words that stand in the database for numbers of our own. Pure. */
#ifndef CANDOR_DB_WORDS_H
#define CANDOR_DB_WORDS_H

#include "lib/message.h"

/* A static word; "" for none. */
const char *db_rate_word(enum candor_rate rate);

/* CANDOR_RATE_UNSPECIFIED if it is no such word; NULL is allowed. */
enum candor_rate db_rate_of(const char *word);

/* The same for what signs the forecast allows. */
const char *db_signs_word(enum candor_signs signs);
enum candor_signs db_signs_of(const char *word);

/* The same for the state of an item that is not open. */
const char *db_state_word(enum candor_item_state state);
enum candor_item_state db_state_of(const char *word);

#endif
