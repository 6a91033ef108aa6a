#include "client/lab/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

/* An outcome on its way. */
struct post {
	uint64_t due; /* items that are closed before it comes */
	uint64_t block; /* place of the first item of its block */
	uint64_t place; /* of its item, in the order of closing */
	double outcome;
};

struct replayed {
	const struct dataset *d;
	const struct replay_options *o;
	struct replay *out;
	struct scheme *scheme;
	struct regret regret;
	uint64_t *order; /* [n_items] */
	struct scheme_item *items; /* [n_items] by place */
	bool *judged; /* likewise */
	struct post *posts; /* [n_posts] in the order in which they come */
	size_t n_posts, next;
	struct scheme_item **block; /* [n_posts] */
	double *outcomes; /* likewise */
	uint64_t checked; /* rounds after which the bound is looked at again */
};

const char *replay_fault(const struct dataset *d, uint64_t *item)
{
	for (*item = 0; *item < d->n_items && d->n_times > 0; ++*item)
		if (isnan(d->times[*item]))
			return "has no time, though other items have one";
	for (*item = 0; *item < d->n_items && d->n_known_at > 0; ++*item) {
		double known = d->known_at[*item];
		if (d->n_times > 0 && known < d->times[*item])
			return "has an outcome that was known before the item was closed";
		if (d->n_times == 0 && !isnan(known) && !(known >= 0 && known <= (double)UINT32_MAX))
			return "has an outcome that is known after a number of items that is not one from 0 to "
			       "4,294,967,295";
	}
	return NULL;
}

/* ---- the order of closing ---- */

struct timed {
	double time;
	uint64_t item;
};

static int earlier(const void *a, const void *b)
{
	const struct timed *x = a, *y = b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Whether the data set's moments count: an order that is asked for has none. */
static bool has_times(const struct replayed *r)
{
	return r->d->n_times > 0 && !r->o->order;
}

static int make_order(struct replayed *r)
{
	const uint64_t n = r->d->n_items;
	r->order = malloc((n + 1) * sizeof *r->order);
	if (!r->order)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++)
		r->order[i] = r->o->order ? r->o->order[i] : i;
	if (!has_times(r))
		return 0;
	struct timed *timed = malloc((n + 1) * sizeof *timed);
	if (!timed)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++)
		timed[i] = (struct timed){r->d->times[i], i};
	qsort(timed, n, sizeof *timed, earlier);
	for (uint64_t i = 0; i < n; i++)
		r->order[i] = timed[i].item;
	free(timed);
	return 0;
}

/* ---- when outcomes come ---- */

/* How many items are closed when the outcome of the one at a place comes. What becomes known at the moment when another
 * is closed comes before that. */
static uint64_t due_of(const struct replayed *r, uint64_t place)
{
	const double known = r->d->known_at[r->order[place]];
	uint64_t low = place + 1, high = r->d->n_items;
	if (!isnan(known) && !r->o->order && !has_times(r))
		low = known > (double)low ? (uint64_t)ceil(known) : low;
	if (!isnan(known) && has_times(r)) {
		while (low < high) {
			uint64_t middle = low + (high - low) / 2;
			if (r->d->times[r->order[middle]] < known)
				low = middle + 1;
			else
				high = middle;
		}
	}
	return low + r->o->delay;
}

static int sooner(const void *a, const void *b)
{
	const struct post *x = a, *y = b;
	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* A number for the block of posts[i], below n_blocks + n_posts. */
static size_t block_of(const struct replayed *r, size_t i)
{
	uint32_t named = r->d->blocks[r->order[r->posts[i].place]];
	if (r->o->together > 0)
		return i / r->o->together;
	return named == NAMES_NONE ? r->d->n_blocks + i : named;
}

/* Puts posts into blocks, of which each comes when the last of it does. */
static int make_blocks(struct replayed *r)
{
	struct post *blocks = calloc(r->d->n_blocks + r->n_posts + 1, sizeof *blocks);
	if (!blocks)
		return -ENOMEM;
	for (size_t i = r->n_posts; i-- > 0;) {
		struct post *b = &blocks[block_of(r, i)];
		b->place = r->posts[i].place;
		b->due = r->posts[i].due > b->due ? r->posts[i].due : b->due;
	}
	for (size_t i = 0; i < r->n_posts; i++) {
		const struct post *b = &blocks[block_of(r, i)];
		r->posts[i].block = b->place;
		r->posts[i].due = b->due;
	}
	free(blocks);
	qsort(r->posts, r->n_posts, sizeof *r->posts, sooner);
	return 0;
}

/* What is drawn of an item depends on the item, not on its place. */
static int make_posts(struct replayed *r)
{
	const struct dataset *d = r->d;
	struct random random;
	bool *audited = malloc((d->n_items + 1) * sizeof *audited),
	     *flipped = malloc((d->n_items + 1) * sizeof *flipped);
	r->judged = calloc(d->n_items + 1, sizeof *r->judged);
	r->posts = malloc((d->n_known + 1) * sizeof *r->posts);
	r->block = malloc((d->n_known + 1) * sizeof *r->block);
	r->outcomes = malloc((d->n_known + 1) * sizeof *r->outcomes);
	int err = audited && flipped && r->judged && r->posts && r->block && r->outcomes ? 0 : -ENOMEM;
	random_init(&random, r->o->seed, r->o->stream);
	for (uint64_t k = 0; k < d->n_items && err == 0; k++) {
		audited[k] = !random_chance(&random, r->o->unaudited);
		flipped[k] = random_chance(&random, r->o->flipped);
	}
	for (uint64_t i = 0; i < d->n_items && err == 0; i++) {
		uint64_t k = r->order[i];
		double y = d->outcomes[k];
		r->judged[i] = !isnan(y) && (r->o->unaudited > 0 ? !audited[k] : !r->o->class->late);
		if (!isnan(y) && audited[k])
			r->posts[r->n_posts++] =
				(struct post){.due = due_of(r, i), .place = i, .outcome = flipped[k] ? 1 - y : y};
	}
	if (err == 0)
		err = make_blocks(r);
	free(audited);
	free(flipped);
	return err;
}

/* ---- replaying ---- */

static void look_at_bound(struct replayed *r)
{
	const struct pool *p = scheme_pool(r->scheme);
	struct replay *out = r->out;
	if (!p)
		return;
	out->gain = NAN;
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		double gain = pool_labeler(p, id)->gain, bound = pool_bound(p, id);
		if (bound > 0)
			out->bound_used = fmax(out->bound_used, gain / bound);
		if (gain > bound && !(bound > 0))
			out->bound_used = INFINITY; /* only who was never settled has no bound */
		if (!(gain <= out->gain)) {
			out->gain = gain;
			out->bound = bound;
		}
	}
}

static void judge(struct replayed *r, uint64_t place, const double *forecasts)
{
	double truth = r->d->outcomes[r->order[place]];
	for (int f = 0; f < r->regret.n_forecasts; f++)
		score_add(&r->out->scores[f], forecasts[f], truth);
	regret_add(&r->regret, &r->items[place], forecasts, truth);
}

static int close_item(struct replayed *r, uint64_t place)
{
	const struct dataset *d = r->d;
	const uint64_t k = r->order[place];
	const bool late = r->o->class->late;
	struct scheme_item *item = &r->items[place];
	double forecasts[SCHEME_FORECASTS_MAX];
	*item = (struct scheme_item){
		.number = place,
		.n = d->first[k + 1] - d->first[k],
		.labelers = d->reporters + d->first[k],
		.reports = d->reports + d->first[k],
	};
	int err = r->o->class->close(r->scheme, item, forecasts);
	if (err)
		return err;
	if (r->judged[place] && !late)
		judge(r, place, forecasts);
	if (isnan(d->outcomes[k]) || (r->judged[place] && r->o->unaudited > 0 && !late))
		r->o->class->forget(r->scheme, item);
	return 0;
}

/* The next block. */
static int post_block(struct replayed *r)
{
	const uint64_t block = r->posts[r->next].block;
	size_t n = 0;
	int err = 0;
	for (; r->next < r->n_posts && r->posts[r->next].block == block; r->next++) {
		r->block[n] = &r->items[r->posts[r->next].place];
		r->outcomes[n++] = r->posts[r->next].outcome;
	}
	for (size_t i = 0; i < n && r->o->apart && err == 0; i++)
		err = scheme_post(r->scheme, r->block + i, r->outcomes + i, 1);
	if (!r->o->apart)
		err = scheme_post(r->scheme, r->block, r->outcomes, n);
	/* After each doubling of the rounds: that is in time, and cheap. */
	if (r->next >= r->checked) {
		look_at_bound(r);
		r->checked = 2 * r->next;
	}
	return err;
}

static int play(struct replayed *r)
{
	int err = 0;
	for (uint64_t i = 0; i < r->d->n_items && err == 0; i++) {
		err = close_item(r, i);
		while (err == 0 && r->next < r->n_posts && r->posts[r->next].due <= i + 1)
			err = post_block(r);
		if (r->o->done)
			atomic_fetch_add_explicit(r->o->done, 1, memory_order_relaxed);
	}
	while (err == 0 && r->next < r->n_posts)
		err = post_block(r);
	for (uint64_t i = 0; i < r->d->n_items && err == 0 && r->o->class->late; i++) {
		double forecasts[SCHEME_FORECASTS_MAX];
		if (!r->judged[i])
			continue;
		err = r->o->class->now(r->scheme, &r->items[i], forecasts);
		if (err == 0)
			judge(r, i, forecasts);
	}
	return err;
}

static void conclude(struct replayed *r)
{
	const struct dataset *d = r->d;
	const struct pool *p = scheme_pool(r->scheme);
	struct replay *out = r->out;
	look_at_bound(r);
	out->t_eff = p ? pool_t_eff(p) : NAN;
	for (uint32_t id = 0; p && id < d->n_labelers; id++) {
		double w = pool_weight(p, pool_find_labeler(p, d->labelers[id], strlen(d->labelers[id])));
		if (out->heaviest == NAMES_NONE || w > out->heaviest_weight) {
			out->heaviest = id;
			out->heaviest_weight = w;
		}
		if (out->lightest == NAMES_NONE || w < out->lightest_weight) {
			out->lightest = id;
			out->lightest_weight = w;
		}
	}
	if (out->heaviest_weight == out->lightest_weight)
		out->heaviest = out->lightest = NAMES_NONE;
	for (int f = 0; f < r->regret.n_forecasts; f++) {
		out->regret[f] = regret_of(&r->regret, f, &out->best[f]);
		if (out->best[f] != NAMES_NONE) {
			const struct regret_account *a = &r->regret.accounts[out->best[f]];
			out->best_loss[f] = a->own / (double)a->n;
		}
	}
}

int replay_dataset(const struct dataset *d, const struct replay_options *o, struct replay *out)
{
	const struct scheme_options options = {
		.settings = o->settings, .labelers = d->n_labelers, .names = d->labelers};
	struct replayed r = {.d = d, .o = o, .out = out};
	uint64_t item;
	require(o->order || !replay_fault(d, &item));
	*out = (struct replay){
		.heaviest = NAMES_NONE, .lightest = NAMES_NONE, .gain = NAN, .bound = NAN, .bound_used = NAN};
	r.items = calloc(d->n_items + 1, sizeof *r.items);
	int err = r.items ? make_order(&r) : -ENOMEM;
	if (err == 0)
		err = make_posts(&r);
	if (err == 0)
		err = regret_init(&r.regret, d->n_labelers, scheme_forecasts(o->class));
	if (err == 0)
		err = o->class->make(&r.scheme, &options);
	if (err == 0)
		err = play(&r);
	if (err == 0)
		conclude(&r);
	if (r.scheme)
		o->class->free(r.scheme);
	regret_free(&r.regret);
	free(r.order);
	free(r.items);
	free(r.judged);
	free(r.posts);
	free(r.block);
	free(r.outcomes);
	return err;
}
