/* The order in which reads are served: by principal, by connection, with the owner before everybody. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/read_queue.h"
#include "lib/base/random.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { JOBS_MAX = 512 };

struct fixture {
	struct read_queue *queue;
	struct read_job jobs[JOBS_MAX];
	char names[JOBS_MAX]; /* of the jobs, for orders as text */
	size_t n;
	char order[JOBS_MAX + 1]; /* names of those taken */
	size_t taken;
};

static void start(struct fixture *x, unsigned readers, unsigned for_owner)
{
	*x = (struct fixture){0};
	assert_int_equal(read_queue_new(&x->queue, readers, for_owner), 0);
}

/* Connections are told apart by any address. */
static struct read_job *add(struct fixture *x, char name, const char *principal, int connection)
{
	static const char connections[64];
	assert_true(x->n < JOBS_MAX);
	struct read_job *job = &x->jobs[x->n];
	job->principal = principal;
	job->is_owner = strcmp(principal, "owner") == 0;
	job->connection = &connections[connection];
	x->names[x->n++] = name;
	assert_int_equal(read_queue_add(x->queue, job), 0);
	assert_null(read_queue_check(x->queue));
	return job;
}

static void add_some(struct fixture *x, const char *names, const char *principal, int connection)
{
	for (; *names; names++)
		add(x, *names, principal, connection);
}

/* NULL: none may be taken. */
static struct read_job *take(struct fixture *x)
{
	struct read_job *job = read_queue_take(x->queue);
	assert_null(read_queue_check(x->queue));
	if (job)
		x->order[x->taken++] = x->names[job - x->jobs];
	return job;
}

static void end(struct fixture *x, struct read_job *job)
{
	read_queue_end(x->queue, job, READ_QUANTUM_US);
	assert_null(read_queue_check(x->queue));
}

static void again(struct fixture *x, struct read_job *job)
{
	read_queue_again(x->queue, job, READ_QUANTUM_US);
	assert_null(read_queue_check(x->queue));
}

/* One reader serves all that waits. */
static const char *serve(struct fixture *x)
{
	struct read_job *job;
	x->taken = 0;
	while ((job = take(x)))
		end(x, job);
	x->order[x->taken] = 0;
	return x->order;
}

static void finish(struct fixture *x)
{
	serve(x);
	assert_int_equal(read_queue_waiting(x->queue), 0);
	read_queue_free(x->queue);
}

static void one_connection_is_served_in_order(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "12345", "ann", 0);
	assert_string_equal(serve(&x), "12345");
	finish(&x);
}

static void principals_take_turns_however_much_each_asks(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "aaaaaa", "ann", 0);
	add_some(&x, "bb", "bob", 1);
	add_some(&x, "c", "cleo", 2);
	assert_string_equal(serve(&x), "abcabaaaa");
	finish(&x);
}

/* With a connection more nobody gets more; within a principal each connection has its turn. */
static void connections_of_a_principal_share_its_turns(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "aaa", "ann", 0);
	add_some(&x, "AAA", "ann", 1);
	add_some(&x, "bbbb", "bob", 2);
	assert_string_equal(serve(&x), "abAbabAbaA");
	finish(&x);
}

static void who_comes_new_goes_before_those_who_had_many(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "aaaa", "ann", 0);
	add_some(&x, "bbbb", "bob", 1);
	for (int i = 0; i < 3; i++)
		end(&x, take(&x));
	/* ann has had two, bob one: this round is his. */
	add(&x, 'c', "cleo", 2);
	end(&x, take(&x));
	assert_memory_equal(x.order, "abac", 4);
	assert_string_equal(serve(&x), "babab");
	finish(&x);
}

/* Else one that asks anew whenever it is answered would always be new, and go before those who ask for much. */
static void who_had_one_is_new_only_in_the_next_round(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "aaaaaa", "ann", 0);
	add_some(&x, "bbbbbb", "bob", 1);
	for (int i = 0; i < 12; i++) {
		add(&x, 'c', "cleo", 2);
		struct read_job *job = take(&x);
		end(&x, job);
	}
	x.order[x.taken] = 0;
	size_t of[128] = {0};
	for (const char *p = x.order; *p; p++)
		of[(unsigned char)*p]++;
	assert_true(of['a'] >= 3 && of['b'] >= 3 && of['c'] >= 3);
	finish(&x);
}

static void no_principal_takes_a_second_reader_while_another_has_none(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 4, 0);
	add_some(&x, "aaaaaaaa", "ann", 0);
	struct read_job *slow[4];
	for (int i = 0; i < 4; i++)
		assert_non_null(slow[i] = take(&x));
	assert_null(take(&x));
	add_some(&x, "bbbb", "bob", 1);
	/* Each reader that ann gives back is bob's, until they have as many. */
	end(&x, slow[0]);
	struct read_job *first = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'b');
	end(&x, slow[1]);
	struct read_job *second = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'b');
	end(&x, first);
	first = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'b');
	end(&x, first);
	end(&x, second);
	assert_non_null(first = take(&x));
	assert_int_equal(x.order[x.taken - 1], 'b');
	assert_non_null(second = take(&x));
	end(&x, first);
	end(&x, second);
	end(&x, slow[2]);
	end(&x, slow[3]);
	finish(&x);
}

static void what_is_not_finished_waits_for_its_next_turn(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	struct read_job *slow = add(&x, 's', "ann", 0);
	add(&x, 'a', "ann", 0);
	assert_ptr_equal(take(&x), slow);
	add_some(&x, "bb", "bob", 1);
	again(&x, slow);
	assert_ptr_equal(slow->lane == NULL, false);
	/* bob is new; then the rest of what ann began, before what she asked later. */
	assert_string_equal(serve(&x), "bsba");
	finish(&x);
}

/* A quantum is one long read or many short ones: who asks for little, again and again, need not wait for a round each
 * time. */
static void short_reads_share_a_turn(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	add_some(&x, "aaaaaa", "ann", 0);
	add_some(&x, "bbbbbb", "bob", 1);
	end(&x, take(&x));
	end(&x, take(&x));
	/* Four of a quarter of a quantum. */
	for (int i = 0; i < 8; i++) {
		add(&x, 'c', "cleo", 2);
		struct read_job *job = take(&x);
		read_queue_end(x.queue, job, x.names[job - x.jobs] == 'c' ? READ_QUANTUM_US / 4 : READ_QUANTUM_US);
		assert_null(read_queue_check(x.queue));
	}
	assert_memory_equal(x.order, "abccccabcc", 10);
	finish(&x);
}

static void the_owner_has_a_reader_and_the_first_turn(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 3, 1);
	add_some(&x, "aaaa", "ann", 0);
	add_some(&x, "bbbb", "bob", 1);
	struct read_job *a = take(&x), *b = take(&x);
	assert_null(take(&x));
	add_some(&x, "ooo", "owner", 2);
	struct read_job *o = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'o');
	assert_null(take(&x));
	/* Further ones are not before those of others. */
	end(&x, a);
	a = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'a');
	end(&x, o);
	o = take(&x);
	assert_int_equal(x.order[x.taken - 1], 'o');
	end(&x, o);
	end(&x, a);
	end(&x, b);
	/* Nobody else gets the owner's, even if nothing else is to be done. */
	end(&x, take(&x));
	a = take(&x);
	b = take(&x);
	assert_null(take(&x));
	end(&x, a);
	end(&x, b);
	finish(&x);
}

static void what_is_removed_is_not_served(void **state)
{
	struct fixture x;
	(void)state;
	start(&x, 1, 0);
	struct read_job *jobs[6];
	for (int i = 0; i < 6; i++)
		jobs[i] = add(&x, (char)('1' + i), i < 4 ? "ann" : "bob", i / 2);
	read_queue_remove(x.queue, jobs[0]);
	read_queue_remove(x.queue, jobs[3]);
	read_queue_remove(x.queue, jobs[4]);
	read_queue_remove(x.queue, jobs[5]);
	assert_null(read_queue_check(x.queue));
	assert_string_equal(serve(&x), "23");
	/* The same job may be added again. */
	jobs[0]->principal = "bob";
	assert_int_equal(read_queue_add(x.queue, jobs[0]), 0);
	assert_string_equal(serve(&x), "1");
	finish(&x);
}

/* ---- at random ---- */

enum { PRINCIPALS = 6, READERS = 3, OWNER = PRINCIPALS - 1, SHORT_ONES = READ_QUANTUM_US / READ_LEAST_US };

struct chance {
	struct fixture x;
	struct random random;
	struct read_job *reading[READERS];
	struct {
		unsigned waiting, reading;
		unsigned since[PRINCIPALS]; /* reads that others have begun while it waited and had no reader */
	} of[PRINCIPALS];
};

static const char *const principals[PRINCIPALS] = {"a", "b", "c", "d", "e", "owner"};

static unsigned who_is(const struct read_job *job)
{
	unsigned who = 0;
	while (job->principal != principals[who])
		who++;
	return who;
}

static void begins_to_wait(struct chance *c, unsigned who)
{
	if (c->of[who].waiting++ == 0)
		memset(c->of[who].since, 0, sizeof c->of[who].since);
}

static void add_or_remove(struct chance *c)
{
	struct read_job *job = &c->x.jobs[random_below(&c->random, JOBS_MAX)];
	if (job->state == READ_WAITING && random_below(&c->random, 8) == 0) {
		read_queue_remove(c->x.queue, job);
		c->of[who_is(job)].waiting--;
	} else if (job->state == READ_IDLE) {
		/* One asks for most. */
		unsigned who = random_below(&c->random, 2) ? 0 : (unsigned)random_below(&c->random, PRINCIPALS);
		job->principal = principals[who];
		job->is_owner = who == OWNER;
		job->connection = &c->x.jobs[random_below(&c->random, 4)];
		assert_int_equal(read_queue_add(c->x.queue, job), 0);
		begins_to_wait(c, who);
	}
}

static void give_back(struct chance *c, struct read_job **reading)
{
	unsigned who = who_is(*reading);
	c->of[who].reading--;
	memset(c->of[who].since, 0, sizeof c->of[who].since);
	if (random_below(&c->random, 2)) {
		read_queue_again(c->x.queue, *reading, READ_QUANTUM_US);
		begins_to_wait(c, who);
	} else {
		read_queue_end(c->x.queue, *reading, random_below(&c->random, 2) ? READ_QUANTUM_US : 0);
	}
	*reading = NULL;
}

static void take_one(struct chance *c, struct read_job **reading)
{
	*reading = read_queue_take(c->x.queue);
	if (!*reading)
		return;
	unsigned who = who_is(*reading);
	c->of[who].waiting--;
	c->of[who].reading++;
	memset(c->of[who].since, 0, sizeof c->of[who].since);
	for (unsigned i = 0; i < PRINCIPALS; i++)
		/* The owner goes first, with a reader that nobody else could have. */
		if (i != who && who != OWNER && c->of[i].waiting > 0 && c->of[i].reading == 0)
			assert_true(++c->of[i].since[who] <= 2 * SHORT_ONES);
}

/* Whatever comes and goes, of those who wait without a reader none sees another one begin more than two quanta of
 * reads. */
static void nobody_who_waits_is_passed_over(void **state)
{
	enum { STEPS = 20000 };
	struct chance *c = calloc(1, sizeof *c);
	(void)state;
	assert_non_null(c);
	seed_random(&c->random, 1);
	start(&c->x, READERS, 1);
	memset(c->x.names, 'x', sizeof c->x.names);
	for (int step = 0; step < STEPS; step++) {
		struct read_job **reading = &c->reading[random_below(&c->random, READERS)];
		if (random_below(&c->random, 2))
			add_or_remove(c);
		else if (*reading)
			give_back(c, reading);
		else
			take_one(c, reading);
		assert_null(read_queue_check(c->x.queue));
	}
	for (size_t i = 0; i < READERS; i++)
		if (c->reading[i])
			read_queue_end(c->x.queue, c->reading[i], 0);
	finish(&c->x);
	free(c);
}

/* ---- memory ---- */

static struct read_job *add_sized(struct fixture *x, char name, const char *principal, size_t bytes)
{
	x->jobs[x->n].bytes = bytes;
	return add(x, name, principal, (int)x->n);
}

static void a_read_begins_only_where_its_memory_fits(void **state)
{
	(void)state;
	struct fixture x;
	start(&x, 5, 1);
	read_queue_limit(x.queue, 100);
	/* More than all is taken alone. */
	struct read_job *a = add_sized(&x, 'a', "ann", 150), *b = add_sized(&x, 'b', "bob", 60);
	assert_ptr_equal(take(&x), a);
	assert_null(take(&x));
	/* What takes next to nothing is not kept waiting by that. */
	struct read_job *c = add_sized(&x, 'c', "cal", 0);
	assert_ptr_equal(take(&x), c);
	end(&x, c);
	/* One that has begun goes on, and keeps its memory meanwhile. */
	again(&x, a);
	assert_ptr_equal(take(&x), a);
	assert_null(take(&x));
	end(&x, a);
	assert_ptr_equal(take(&x), b);
	struct read_job *d = add_sized(&x, 'd', "dan", 40), *e = add_sized(&x, 'e', "eve", 1);
	assert_ptr_equal(take(&x), d);
	assert_null(take(&x));
	end(&x, b);
	assert_ptr_equal(take(&x), e);
	end(&x, d);
	end(&x, e);
	finish(&x);
}

static void the_owners_first_read_begins_whatever_there_is(void **state)
{
	(void)state;
	struct fixture x;
	start(&x, 5, 1);
	read_queue_limit(x.queue, 100);
	struct read_job *a = add_sized(&x, 'a', "ann", 100);
	assert_ptr_equal(take(&x), a);
	struct read_job *o = add_sized(&x, 'o', "owner", 100), *p = add_sized(&x, 'p', "owner", 100);
	assert_ptr_equal(take(&x), o);
	assert_null(take(&x));
	/* Given up before it began: nothing was taken. */
	read_queue_remove(x.queue, p);
	end(&x, o);
	end(&x, a);
	finish(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_is_served_in_order),
		cmocka_unit_test(principals_take_turns_however_much_each_asks),
		cmocka_unit_test(connections_of_a_principal_share_its_turns),
		cmocka_unit_test(who_comes_new_goes_before_those_who_had_many),
		cmocka_unit_test(who_had_one_is_new_only_in_the_next_round),
		cmocka_unit_test(no_principal_takes_a_second_reader_while_another_has_none),
		cmocka_unit_test(what_is_not_finished_waits_for_its_next_turn),
		cmocka_unit_test(short_reads_share_a_turn),
		cmocka_unit_test(the_owner_has_a_reader_and_the_first_turn),
		cmocka_unit_test(what_is_removed_is_not_served),
		cmocka_unit_test(nobody_who_waits_is_passed_over),
		cmocka_unit_test(a_read_begins_only_where_its_memory_fits),
		cmocka_unit_test(the_owners_first_read_begins_whatever_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
