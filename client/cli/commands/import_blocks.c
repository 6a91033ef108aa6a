#include "client/cli/commands/import_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/number.h"
#include "client/cli/base/visible.h"

enum { OUTCOME_BYTES = 15 /* at most, of an outcome in a request beside its item's name */ };

struct import_kept {
	double y;
	uint64_t line;
	uint32_t next; /* item of the block, in order */
};

static void count(struct import_blocks *b, uint32_t item)
{
	const struct cli_survey_item *i = cli_survey_item(b->survey, item);
	size_t len;
	if (i->block == NAMES_NONE || !i->has_outcome)
		return;
	struct import_block *of = &b->all[i->block];
	names_text(b->survey->items.all, item, &len);
	of->bytes += OUTCOME_BYTES + len;
	of->reports += i->rows;
	of->n++;
}

void import_blocks_init(struct import_blocks *b, const struct cli_survey *survey)
{
	const uint32_t n_items = names_count(survey->items.all);
	*b = (struct import_blocks){.survey = survey, .n = names_count(survey->blocks.all)};
	if (b->n == 0)
		return;
	b->all = cli_memory(calloc(b->n, sizeof *b->all));
	b->kept = cli_memory(calloc(n_items + 1, sizeof *b->kept));
	for (uint32_t i = 0; i < b->n; i++)
		b->all[i].name = names_text(survey->blocks.all, i, NULL);
	for (uint32_t i = 0; i < n_items; i++)
		count(b, i);
}

void import_blocks_free(struct import_blocks *b)
{
	free(b->all);
	free(b->kept);
}

static bool fits(const struct import_block *b, size_t head, size_t most, char *out, size_t size)
{
	const struct cli_shown name = cli_shown(b->name, strlen(b->name));
	if (b->n > CANDOR_BLOCK_MAX)
		snprintf(out, size, "block \"%s\" has %s outcomes; at most %s can be settled together", name.s,
			 cli_count(b->n).s, cli_count(CANDOR_BLOCK_MAX).s);
	else if (b->reports > CANDOR_BLOCK_REPORTS_MAX)
		snprintf(out, size,
			 "block \"%s\" has %s rows of reports on its items; items with at most %s reports in all can "
			 "be settled together",
			 name.s, cli_count(b->reports).s, cli_count(CANDOR_BLOCK_REPORTS_MAX).s);
	else if (b->n > 1 && b->bytes + head > most)
		snprintf(out, size,
			 "block \"%s\" has %s outcomes, which take up to %s in the one request that settles them; the "
			 "daemon takes %s (max_frame_bytes)",
			 name.s, cli_count(b->n).s, cli_bytes(b->bytes + head).s, cli_bytes(most).s);
	else
		return true;
	return false;
}

bool import_blocks_fit(const struct import_blocks *b, size_t head_bytes, size_t most_bytes, char *out, size_t size)
{
	size_t i = 0;
	while (i < b->n && fits(&b->all[i], head_bytes, most_bytes, out, size))
		i++;
	return i == b->n;
}

struct import_block *import_blocks_find(const struct import_blocks *b, const char *item)
{
	const uint32_t id = b->n > 0 ? cli_names_find(&b->survey->items, item) : NAMES_NONE;
	if (id == NAMES_NONE)
		return NULL; /* of a file with blocks: it is changing */
	const struct cli_survey_item *i = cli_survey_item(b->survey, id);
	const bool is_part = i->block != NAMES_NONE && i->has_outcome && b->all[i->block].n > 1;
	return is_part ? &b->all[i->block] : NULL;
}

bool import_blocks_keep(struct import_blocks *b, struct import_block *of, const char *item, double y, uint64_t line)
{
	const uint32_t id = cli_names_find(&b->survey->items, item);
	b->kept[id] = (struct import_kept){.y = y, .line = line};
	if (of->kept++ == 0)
		of->first = id;
	else
		b->kept[of->last].next = id;
	of->last = id;
	return of->kept == of->n;
}

void import_blocks_rows(const struct import_blocks *b, const struct import_block *of, struct candor_outcome *outcomes,
			uint64_t *lines)
{
	uint32_t item = of->first;
	for (uint32_t i = 0; i < of->n; i++, item = b->kept[item].next) {
		outcomes[i] = (struct candor_outcome){
			.item = names_text(b->survey->items.all, item, NULL),
			.value = b->kept[item].y,
		};
		lines[i] = b->kept[item].line;
	}
}

bool import_blocks_are_left(const struct import_blocks *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->all[i].kept > 0 && b->all[i].kept < b->all[i].n)
			return true;
	return false;
}
