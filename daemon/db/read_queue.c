#include "daemon/db/read_queue.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hash.h"

enum { BUCKETS = 1024 };

/* A connection that has reads waiting or taken. */
struct read_lane {
	struct read_lane *chain; /* the next in its bucket */
	struct party *of;
	const void *connection;
	struct read_job *first, *last; /* that wait; one that has begun is the first, for it had its turn before */
	struct read_lane *next, *before; /* among those of the principal with reads waiting */
	unsigned taken;
};

struct party_list {
	struct party *first, *last;
};

/* A principal that has reads waiting or taken, or began one in this round. */
struct party {
	struct party *chain;
	struct party_list *list; /* fresh, due, served or idle; NULL: it has none waiting, and some taken */
	struct party *next, *before; /* in that list */
	struct read_lane *first, *last; /* with reads waiting, in the order of their turns */
	unsigned lanes, taken;
	uint64_t round; /* the newest in which it began one, */
	uint64_t spent_us; /* and what its reads of that round took; a whole quantum for one that is not done */
	char name[]; /* the principal; empty: the owner, under whatever name */
};

struct read_queue {
	unsigned readers, for_owner;
	unsigned taken, taken_by_others; /* by all, and by those who are not the owner */
	size_t waiting;
	size_t limit_bytes, begun_bytes; /* of memory, for jobs that have begun and are not done; 0: no limit */
	unsigned begun, begun_by_owner;
	uint64_t round;
	struct party_list fresh; /* came in this round, and may have more in it */
	struct party_list due; /* the same, and waited before */
	struct party_list served; /* had all that it may in this round */
	struct party_list idle; /* began something in this round, and nothing waits: known until the round is over */
	struct party *owner; /* NULL: not known */
	uint8_t key[HASH_KEY_BYTES]; /* of both tables */
	struct party *parties[BUCKETS];
	struct read_lane *lanes[BUCKETS];
};

/* ---- lists ---- */

static void leave(struct party *p)
{
	if (!p->list)
		return;
	*(p->before ? &p->before->next : &p->list->first) = p->next;
	*(p->next ? &p->next->before : &p->list->last) = p->before;
	p->list = NULL;
}

static void enter(struct party_list *list, struct party *p)
{
	leave(p);
	p->list = list;
	p->next = NULL;
	p->before = list->last;
	*(list->last ? &list->last->next : &list->first) = p;
	list->last = p;
}

static void append_lane(struct read_lane *lane)
{
	struct party *p = lane->of;
	lane->next = NULL;
	lane->before = p->last;
	*(p->last ? &p->last->next : &p->first) = lane;
	p->last = lane;
}

static void remove_lane(const struct read_lane *lane)
{
	struct party *p = lane->of;
	*(lane->before ? &lane->before->next : &p->first) = lane->next;
	*(lane->next ? &lane->next->before : &p->last) = lane->before;
}

/* ---- who is known ---- */

static struct party **party_bucket(struct read_queue *q, const char *name)
{
	return &q->parties[hash_bytes(q->key, name, strlen(name)) % BUCKETS];
}

static struct read_lane **lane_bucket(struct read_queue *q, const void *connection)
{
	return &q->lanes[hash_bytes(q->key, &connection, sizeof connection) % BUCKETS];
}

static struct party *find_party(struct read_queue *q, const char *name)
{
	struct party **bucket = party_bucket(q, name), *p = *bucket;
	while (p && strcmp(p->name, name) != 0)
		p = p->chain;
	if (p)
		return p;
	size_t size = strlen(name) + 1;
	p = calloc(1, sizeof *p + size);
	if (!p)
		return NULL;
	memcpy(p->name, name, size);
	p->chain = *bucket;
	*bucket = p;
	return p;
}

/* Unless it has something, or had something in this round. */
static void forget_party(struct read_queue *q, struct party *p)
{
	if (p->lanes > 0 || p->round == q->round)
		return;
	struct party **at = party_bucket(q, p->name);
	leave(p);
	if (q->owner == p)
		q->owner = NULL;
	while (*at != p)
		at = &(*at)->chain;
	*at = p->chain;
	free(p);
}

static struct read_lane *find_lane(struct read_queue *q, struct party *p, const void *connection)
{
	struct read_lane **bucket = lane_bucket(q, connection), *lane = *bucket;
	while (lane && (lane->connection != connection || lane->of != p))
		lane = lane->chain;
	if (lane)
		return lane;
	lane = calloc(1, sizeof *lane);
	if (!lane)
		return NULL;
	*lane = (struct read_lane){.chain = *bucket, .of = p, .connection = connection};
	*bucket = lane;
	p->lanes++;
	return lane;
}

/* Unless it has something. */
static void forget_lane(struct read_queue *q, struct read_lane *lane)
{
	if (lane->first || lane->taken > 0)
		return;
	struct read_lane **at = lane_bucket(q, lane->connection);
	while (*at != lane)
		at = &(*at)->chain;
	*at = lane->chain;
	lane->of->lanes--;
	free(lane);
}

/* ---- waiting ---- */

static bool had_all(const struct read_queue *q, const struct party *p)
{
	return p->round == q->round && p->spent_us >= READ_QUANTUM_US;
}

/* Where the principal stands, after something of it has come or gone. */
static void place(struct read_queue *q, struct party *p, struct party_list *where)
{
	if (!p->first && p->round == q->round)
		enter(&q->idle, p);
	else if (!p->first)
		leave(p);
	else if (had_all(q, p) && p->list != &q->served)
		enter(&q->served, p);
	else if (!had_all(q, p) && p->list != &q->fresh && p->list != &q->due)
		enter(where, p);
}

static void link_job(struct read_queue *q, struct read_lane *lane, struct read_job *job, bool first)
{
	if (!lane->first)
		append_lane(lane);
	job->before = first ? NULL : lane->last;
	job->next = first ? lane->first : NULL;
	*(job->before ? &job->before->next : &lane->first) = job;
	*(job->next ? &job->next->before : &lane->last) = job;
	job->lane = lane;
	job->state = READ_WAITING;
	q->waiting++;
}

static void unlink_job(struct read_queue *q, struct read_job *job)
{
	struct read_lane *lane = job->lane;
	*(job->before ? &job->before->next : &lane->first) = job->next;
	*(job->next ? &job->next->before : &lane->last) = job->before;
	if (!lane->first)
		remove_lane(lane);
	job->next = job->before = NULL;
	q->waiting--;
}

/* ---- memory ---- */

static bool fits(const struct read_queue *q, const struct read_job *job)
{
	if (job->begun || job->bytes == 0 || q->limit_bytes == 0 || q->begun == 0)
		return true;
	return q->begun_bytes + job->bytes <= q->limit_bytes || (job->is_owner && q->begun_by_owner == 0);
}

/* Whoever's turn it is does not fit: the first lane of which the first job does. One that has begun must be found, for
 * it alone makes room; else it is enough to look at some. */
static struct read_lane *find_fitting(const struct read_queue *q)
{
	enum { SOME_LANES = 64 };
	const struct party_list *const lists[] = {&q->fresh, &q->due, &q->served};
	bool owner_only = q->taken_by_others >= q->readers - q->for_owner, begun_waits = q->begun > q->taken;
	size_t seen = 0;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (const struct party *p = lists[i]->first; p; p = p->next) {
			struct read_lane *lane = owner_only && p != q->owner ? NULL : p->first;
			for (; lane && (seen < SOME_LANES || begun_waits); lane = lane->next, seen++)
				if (fits(q, lane->first))
					return lane;
		}
	}
	return NULL;
}

static void begin_job(struct read_queue *q, struct read_job *job)
{
	if (job->begun)
		return;
	job->begun = true;
	q->begun++;
	q->begun_by_owner += job->is_owner;
	q->begun_bytes += job->bytes;
}

static void end_job(struct read_queue *q, struct read_job *job)
{
	if (!job->begun)
		return;
	job->begun = false;
	q->begun--;
	q->begun_by_owner -= job->is_owner;
	q->begun_bytes -= job->bytes;
}

int read_queue_add(struct read_queue *q, struct read_job *job)
{
	require(job->state == READ_IDLE && job->principal);
	struct party *p = find_party(q, job->is_owner ? "" : job->principal);
	if (!p)
		return -ENOMEM;
	if (job->is_owner)
		q->owner = p;
	struct read_lane *lane = find_lane(q, p, job->connection);
	if (!lane) {
		forget_party(q, p);
		return -ENOMEM;
	}
	link_job(q, lane, job, false);
	place(q, p, &q->fresh);
	return 0;
}

void read_queue_remove(struct read_queue *q, struct read_job *job)
{
	require(job->state == READ_WAITING);
	struct read_lane *lane = job->lane;
	struct party *p = lane->of;
	unlink_job(q, job);
	end_job(q, job);
	job->state = READ_IDLE;
	job->lane = NULL;
	forget_lane(q, lane);
	place(q, p, &q->due);
	forget_party(q, p);
}

/* ---- being taken ---- */

/* Everybody has had one: those who wait are due again, and the others are forgotten. */
static void begin_round(struct read_queue *q)
{
	require(!q->fresh.first && !q->due.first);
	q->round++;
	while (q->served.first)
		enter(&q->due, q->served.first);
	while (q->idle.first) {
		struct party *p = q->idle.first;
		leave(p);
		forget_party(q, p);
	}
}

/* The first with the fewest readers. Few can have any, so this looks at few. */
static struct party *fewest(const struct party_list *list, struct party *best)
{
	for (struct party *p = list->first; p && (!best || best->taken > 0); p = p->next)
		if (!best || p->taken < best->taken)
			best = p;
	return best;
}

static struct party *choose(const struct read_queue *q)
{
	struct party *owner = q->owner && q->owner->first ? q->owner : NULL;
	if (q->taken >= q->readers)
		return NULL;
	if (q->taken_by_others >= q->readers - q->for_owner || (owner && owner->taken == 0))
		return owner;
	return fewest(&q->served, fewest(&q->due, fewest(&q->fresh, NULL)));
}

struct read_job *read_queue_take(struct read_queue *q)
{
	struct party *p = choose(q);
	if (!p)
		return NULL;
	struct read_lane *lane = p->first;
	if (!fits(q, lane->first) && !(lane = find_fitting(q)))
		return NULL;
	p = lane->of;
	struct read_job *job = lane->first;
	begin_job(q, job);
	unlink_job(q, job);
	if (lane->first) {
		remove_lane(lane);
		append_lane(lane);
	}
	job->state = READ_TAKEN;
	lane->taken++;
	p->taken++;
	q->taken++;
	q->taken_by_others += p != q->owner;
	if (p->round != q->round)
		p->spent_us = 0;
	job->round = p->round = q->round;
	p->spent_us += READ_QUANTUM_US;
	leave(p); /* it may have stood among those served already, and goes to their end */
	place(q, p, &q->due);
	if (!q->fresh.first && !q->due.first)
		begin_round(q);
	return job;
}

/* No reader works on it any more. */
static void give_back(struct read_queue *q, struct read_job *job, uint64_t took_us)
{
	struct read_lane *lane = job->lane;
	struct party *p = lane->of;
	if (took_us < READ_LEAST_US)
		took_us = READ_LEAST_US;
	if (job->round == q->round && took_us < READ_QUANTUM_US)
		p->spent_us -= READ_QUANTUM_US - took_us;
	require(job->state == READ_TAKEN);
	job->state = READ_IDLE;
	lane->taken--;
	p->taken--;
	q->taken--;
	q->taken_by_others -= p != q->owner;
}

void read_queue_again(struct read_queue *q, struct read_job *job, uint64_t took_us)
{
	struct read_lane *lane = job->lane;
	give_back(q, job, took_us);
	link_job(q, lane, job, true);
	place(q, lane->of, &q->due);
}

void read_queue_end(struct read_queue *q, struct read_job *job, uint64_t took_us)
{
	struct read_lane *lane = job->lane;
	struct party *p = lane->of;
	give_back(q, job, took_us);
	end_job(q, job);
	job->lane = NULL;
	forget_lane(q, lane);
	place(q, p, &q->fresh);
	forget_party(q, p);
}

/* ---- life ---- */

int read_queue_new(struct read_queue **out, unsigned readers, unsigned for_owner)
{
	require(for_owner < readers);
	struct read_queue *q = calloc(1, sizeof *q);
	if (!q)
		return -ENOMEM;
	q->readers = readers;
	q->for_owner = for_owner;
	q->round = 1;
	hash_new_key(q->key);
	*out = q;
	return 0;
}

void read_queue_limit(struct read_queue *q, size_t bytes)
{
	q->limit_bytes = bytes;
}

void read_queue_free(struct read_queue *q)
{
	if (!q)
		return;
	require(q->waiting == 0 && q->taken == 0);
	begin_round(q);
	free(q);
}

size_t read_queue_waiting(const struct read_queue *q)
{
	return q->waiting;
}

/* ---- checks ---- */

struct counts {
	size_t waiting, taken, by_others, lanes;
};

static const char *check_lane(const struct read_lane *lane, struct counts *n)
{
	const struct read_job *before = NULL;
	for (const struct read_job *job = lane->first; job; before = job, job = job->next, n->waiting++)
		if (job->before != before || job->lane != lane || job->state != READ_WAITING)
			return "a read that waits is not linked with its neighbors";
	if (lane->last != before)
		return "a connection's reads do not end where it says";
	if (!lane->first && lane->taken == 0)
		return "a connection without reads is known";
	n->lanes++;
	n->taken += lane->taken;
	return NULL;
}

static const char *check_party(const struct read_queue *q, const struct party *p, struct counts *n)
{
	const struct read_lane *before = NULL;
	for (const struct read_lane *lane = p->first; lane; before = lane, lane = lane->next)
		if (lane->before != before || lane->of != p || !lane->first)
			return "a connection that waits is not linked with its neighbors";
	if (p->last != before)
		return "a principal's connections do not end where it says";
	const struct party_list *list = p->list;
	bool right = !p->first       ? list == (p->round == q->round ? &q->idle : NULL)
		     : had_all(q, p) ? list == &q->served
				     : list == &q->fresh || list == &q->due;
	if (!right)
		return "a principal stands in the wrong list";
	n->by_others += p == q->owner ? 0 : p->taken;
	return NULL;
}

const char *read_queue_check(const struct read_queue *q)
{
	struct counts n = {0};
	size_t lanes = 0;
	const char *fault = NULL;
	for (size_t i = 0; i < BUCKETS && !fault; i++) {
		for (const struct party *p = q->parties[i]; p && !fault; lanes += p->lanes, p = p->chain)
			fault = check_party(q, p, &n);
		for (const struct read_lane *lane = q->lanes[i]; lane && !fault; lane = lane->chain)
			fault = check_lane(lane, &n);
	}
	if (fault)
		return fault;
	if (q->begun < q->taken || (q->begun == 0 && q->begun_bytes > 0))
		return "reads that have begun are not as many as their count says";
	if (n.waiting != q->waiting || n.taken != q->taken || n.by_others != q->taken_by_others || n.lanes != lanes)
		return "reads are not as many as their counts say";
	return q->taken > q->readers ? "more reads are taken than there are readers" : NULL;
}
