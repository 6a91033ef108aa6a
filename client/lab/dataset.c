#include "client/lab/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int dataset_init(struct dataset *d)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {0};
	*d = (struct dataset){0};
	int err = names_new(&d->labeler_names, key);
	if (err == 0)
		err = names_new(&d->item_names, key);
	if (err == 0)
		err = names_new(&d->block_names, key);
	if (err)
		dataset_free(d);
	return err;
}

void dataset_free(struct dataset *d)
{
	names_free(d->labeler_names);
	names_free(d->item_names);
	names_free(d->block_names);
	free(d->labelers);
	free(d->first);
	free(d->outcomes);
	free(d->blocks);
	free(d->times);
	free(d->known_at);
	free(d->reporters);
	free(d->reports);
	free(d->places);
	*d = (struct dataset){0};
}

static int grow(void *array, size_t size, uint64_t cap)
{
	void *bytes, *grown;
	memcpy(&bytes, array, sizeof bytes);
	grown = realloc(bytes, cap * size);
	if (!grown)
		return -ENOMEM;
	memcpy(array, &grown, sizeof grown);
	return 0;
}

static int reserve_item(struct dataset *d)
{
	uint64_t cap = 2 * d->items_cap + 256;
	if (d->n_items + 1 < d->items_cap)
		return 0;
	if (grow(&d->first, sizeof *d->first, cap) || grow(&d->outcomes, sizeof *d->outcomes, cap) ||
	    grow(&d->blocks, sizeof *d->blocks, cap) || grow(&d->times, sizeof *d->times, cap) ||
	    grow(&d->known_at, sizeof *d->known_at, cap))
		return -ENOMEM;
	d->items_cap = cap;
	return 0;
}

static int reserve(struct dataset *d)
{
	if (names_count(d->labeler_names) == d->labelers_cap) {
		uint64_t cap = 2 * d->labelers_cap + 64;
		uint64_t *places = realloc(d->places, cap * sizeof *places);
		if (!places)
			return -ENOMEM;
		memset(places + d->labelers_cap, 0, (cap - d->labelers_cap) * sizeof *places);
		d->places = places;
		d->labelers_cap = cap;
	}
	if (d->n_reports == d->reports_cap) {
		uint64_t cap = 2 * d->reports_cap + 1024;
		uint32_t *reporters = realloc(d->reporters, cap * sizeof *reporters);
		if (reporters)
			d->reporters = reporters;
		double *reports = realloc(d->reports, cap * sizeof *reports);
		if (reports)
			d->reports = reports;
		if (!reporters || !reports)
			return -ENOMEM;
		d->reports_cap = cap;
	}
	return reserve_item(d);
}

/* Whether a labeler has reported on the last item: a place before the item's first report belongs to another item. */
static bool has_reported(const struct dataset *d, uint32_t who)
{
	return who != NAMES_NONE && d->places[who] > d->first[d->n_items - 1];
}

/* Whether a row may come next; changes nothing. 0 or an error. *begins: it is the first row of a new item. */
static int check(const struct dataset *d, const char *item, const char *labeler, double outcome, bool *begins)
{
	uint32_t id = names_find(d->item_names, item, strlen(item));
	*begins = id == NAMES_NONE;
	if (*begins)
		return 0;
	if (id + 1 != d->n_items)
		return ERR_STATE;
	double known = d->outcomes[id];
	if (!isnan(outcome) && !isnan(known) && known != outcome)
		return ERR_CONFLICT;
	if (d->n_reports - d->first[id] < ITEM_REPORTS_MAX)
		return 0;
	/* A full item still accepts revisions. */
	return has_reported(d, names_find(d->labeler_names, labeler, strlen(labeler))) ? 0 : ERR_FULL;
}

static void put_report(struct dataset *d, uint32_t who, double report)
{
	if (!has_reported(d, who)) {
		d->reporters[d->n_reports++] = who;
		d->places[who] = d->n_reports;
	}
	d->reports[d->places[who] - 1] = report;
}

int dataset_add(struct dataset *d, const char *item, const char *labeler, double report, double outcome)
{
	bool begins;
	uint32_t who, id;
	int err = check(d, item, labeler, outcome, &begins);
	if (err == 0)
		err = reserve(d);
	if (err == 0)
		err = names_put(d->labeler_names, labeler, strlen(labeler), &who);
	if (err >= 0 && begins)
		err = names_put(d->item_names, item, strlen(item), &id);
	if (err < 0)
		return err;
	if (begins) {
		d->first[d->n_items] = d->n_reports;
		d->blocks[d->n_items] = NAMES_NONE;
		d->times[d->n_items] = d->known_at[d->n_items] = NAN;
		d->outcomes[d->n_items++] = NAN;
	}
	if (!isnan(outcome) && isnan(d->outcomes[d->n_items - 1])) {
		d->outcomes[d->n_items - 1] = outcome;
		d->n_known++;
	}
	put_report(d, who, report);
	return 0;
}

/* False where something else was said before. */
static bool take_moment(double *kept, double said, uint64_t *n)
{
	if (isnan(said))
		return true;
	if (!isnan(*kept))
		return *kept == said;
	*kept = said;
	++*n;
	return true;
}

int dataset_place(struct dataset *d, const char *block, double time, double known_at, const char **field)
{
	const uint64_t item = d->n_items - 1;
	uint32_t id = NAMES_NONE;
	if (block && names_put(d->block_names, block, strlen(block), &id) < 0)
		return -ENOMEM;
	d->n_blocks = names_count(d->block_names);
	*field = NULL;
	if (block && d->blocks[item] != NAMES_NONE && d->blocks[item] != id)
		*field = "block";
	else if (!take_moment(&d->times[item], time, &d->n_times))
		*field = "time";
	else if (!take_moment(&d->known_at[item], known_at, &d->n_known_at))
		*field = "known";
	else if (block)
		d->blocks[item] = id;
	return *field ? ERR_CONFLICT : 0;
}

int dataset_finish(struct dataset *d)
{
	int err = reserve(d);
	d->n_labelers = names_count(d->labeler_names);
	d->labelers = calloc(d->n_labelers + 1, sizeof *d->labelers);
	if (err || !d->labelers)
		return -ENOMEM;
	d->first[d->n_items] = d->n_reports;
	for (uint32_t id = 0; id < d->n_labelers; id++)
		d->labelers[id] = names_text(d->labeler_names, id, NULL);
	return 0;
}

double dataset_t_eff(const struct dataset *d)
{
	uint64_t scored = 0;
	for (uint64_t i = 0; i < d->n_items; i++)
		if (!isnan(d->outcomes[i]))
			scored += d->first[i + 1] - d->first[i];
	return d->n_labelers ? (double)scored / d->n_labelers : 0;
}
