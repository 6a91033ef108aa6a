#include "daemon/db/words.h"

#include <string.h>

const char *db_rate_word(enum candor_rate rate)
{
	switch (rate) {
	case CANDOR_RATE_UNSPECIFIED: break;
	case CANDOR_ANYTIME: return "anytime";
	case CANDOR_HORIZON: return "horizon";
	case CANDOR_FIXED: return "fixed";
	}
	return "";
}

enum candor_rate db_rate_of(const char *word)
{
	for (enum candor_rate rate = CANDOR_ANYTIME; word && rate <= CANDOR_FIXED; rate++)
		if (strcmp(word, db_rate_word(rate)) == 0)
			return rate;
	return CANDOR_RATE_UNSPECIFIED;
}

const char *db_signs_word(enum candor_signs signs)
{
	switch (signs) {
	case CANDOR_SIGNS_UNSPECIFIED: break;
	case CANDOR_POSITIVE: return "positive";
	case CANDOR_FREE: return "free";
	}
	return "";
}

enum candor_signs db_signs_of(const char *word)
{
	for (enum candor_signs signs = CANDOR_POSITIVE; word && signs <= CANDOR_FREE; signs++)
		if (strcmp(word, db_signs_word(signs)) == 0)
			return signs;
	return CANDOR_SIGNS_UNSPECIFIED;
}

const char *db_state_word(enum candor_item_state state)
{
	switch (state) {
	case CANDOR_STATE_UNSPECIFIED:
	case CANDOR_OPEN: break;
	case CANDOR_CLOSED: return "closed";
	case CANDOR_RESOLVED: return "resolved";
	case CANDOR_VOID: return "void";
	}
	return "";
}

enum candor_item_state db_state_of(const char *word)
{
	for (enum candor_item_state state = CANDOR_CLOSED; word && state <= CANDOR_VOID; state++)
		if (strcmp(word, db_state_word(state)) == 0)
			return state;
	return CANDOR_STATE_UNSPECIFIED;
}
