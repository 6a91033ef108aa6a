#include "daemon/net/conns.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/memory.h"
#include "daemon/net/peer.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"

enum {
	HOLDER_BYTES = 160, /* of a holder of connections, where each has one of its own */
	REFUSED_MAX = 256, /* connections at a time that are told why they are not served */
	READ_BYTES = 64 * 1024,
	KEPT_BYTES = 256 * 1024, /* of the buffers that all share */
	FEW_CONNECTIONS = 256,
	SEND_BUFFER_BYTES = 16 * 1024, /* for each connection above so many */
	MUCH_BYTES = 64 * 1024, /* that make it worth to end a connection without a word */
	PATIENCE_MS = 1000, /* with those who hold memory that others wait for */
	REFUSED_AT_ONCE = 64, /* in one turn of the loop, for the memory that they hold */
};

/* ---- lists ---- */

static void on_dirty(void *owner, struct conn *c)
{
	struct conns *all = owner;
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = all->dirty;
	all->dirty = c;
}

static void remove_dirty(struct conns *all, const struct conn *c)
{
	struct conn **at = &all->dirty;
	while (*at != c)
		at = &(*at)->next_dirty;
	*at = c->next_dirty;
}

static void add(struct conns *all, struct conn *c)
{
	c->after = all->first;
	if (all->first)
		all->first->before = c;
	all->first = c;
	all->n++;
	all->changed(all->owner);
}

static void on_closed(void *owner, struct conn *c)
{
	struct conns *all = owner;
	if (c->dirty)
		remove_dirty(all, c);
	*(c->before ? &c->before->after : &all->first) = c->after;
	if (c->after)
		c->after->before = c->before;
	admission_leave(&all->admission, &c->place);
	all->refused -= c->refused_ms > 0;
	--*c->count;
	free(c);
	all->n--;
	all->changed(all->owner);
}

/* ---- accepting ---- */

bool conns_are_full(const struct conns *all)
{
	return all->n >= all->most;
}

bool conns_have_room_for_owner(const struct conns *all)
{
	return !conns_are_full(all) || admission_owner_has_room(&all->admission);
}

/* Its reason goes out, and until then it takes a place among those who are told theirs. */
static void let_go(struct conns *all, struct conn *c, const char *why)
{
	admission_leave(&all->admission, &c->place);
	all->refused += c->refused_ms == 0;
	conn_refuse(c, CANDOR_RESOURCE_EXHAUSTED, why);
}

/* Without a word where too many are being told already, or it was told something else. */
static void refuse(struct conns *all, struct conn *c, const char *why)
{
	admission_leave(&all->admission, &c->place);
	if (all->refused >= all->refused_max || session_is_over(c->session)) {
		conn_close(c);
		return;
	}
	let_go(all, c, why);
}

static struct conn *conn_of(const struct place *p)
{
	return (struct conn *)((char *)(uintptr_t)p - offsetof(struct conn, place));
}

static bool is_quiet(const struct place *p)
{
	const struct conn *c = conn_of(p);
	return conn_is_closing(c) || session_is_quiet(c->session);
}

static int count_for_holder(struct conns *all, struct conn *c)
{
	const struct identity *who = session_identity(c->session);
	char origin[CANDOR_NAME_MAX + 1];
	if (who->is_owner)
		return admission_enter(&all->admission, &c->place, "", HOLDER_OWNER);
	if (who->is_known)
		return admission_enter(&all->admission, &c->place, who->name, HOLDER_PRINCIPAL);
	peer_origin(who, origin, sizeof origin);
	return admission_enter(&all->admission, &c->place, origin,
			       who->is_settled ? HOLDER_PRINCIPAL : HOLDER_STRANGER);
}

static void on_identified(void *owner, struct conn *c)
{
	/* One that is no longer served is not counted again. */
	if (c->place.of && count_for_holder(owner, c))
		conn_close(c);
}

/* Where there are too many, one goes: perhaps the newcomer itself. */
static void make_room(struct conns *all, struct conn *newcomer)
{
	struct place *goes;
	while ((goes = admission_choose(&all->admission, &newcomer->place, is_quiet)) && conn_is_closing(conn_of(goes)))
		admission_leave(&all->admission, goes);
	struct conn *c = goes ? conn_of(goes) : NULL;
	if (!c)
		return;
	if (c == newcomer) {
		all->shared.refused.n[NET_REFUSED_MAX_CONNECTIONS]++;
		refuse(all, c, "max_connections reached; try again later");
	} else if (admission_is_stranger(goes)) {
		/* It has not said a word, and there may be thousands. */
		log_debug("closing a connection: max_connections reached, and it did not say who it is");
		all->shared.refused.n[NET_REFUSED_UNIDENTIFIED]++;
		admission_leave(&all->admission, goes);
		conn_close(c);
	} else {
		all->shared.refused.n[NET_REFUSED_MOST_CONNECTIONS]++;
		refuse(all, c,
		       "max_connections reached, and this principal has the most of them; use fewer connections");
	}
}

static void admit(struct conns *all, struct conn *c)
{
	if (count_for_holder(all, c)) {
		conn_close(c);
		return;
	}
	if (!session_budget_takes_one(&all->budget) && !admission_is_reserved(&all->admission, &c->place)) {
		all->shared.refused.n[NET_REFUSED_MEMORY]++;
		refuse(all, c, "no memory for another connection; try again later");
	} else {
		make_room(all, c);
	}
}

/* Answers that peers do not read lie in the kernel first. For a few connections the kernel may choose how much; ten
 * thousand could hold gigabytes there. */
static void bound_send_buffer(const struct conns *all, int fd)
{
	const int little = SEND_BUFFER_BYTES;
	if (all->n > FEW_CONNECTIONS)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
}

/* Closes the descriptor where the stream does not take it. */
static int open_stream(struct conn *c, int fd, bool is_unix)
{
	int err = is_unix ? uv_pipe_open(&c->pipe, fd) : uv_tcp_open(&c->tcp, fd);
	if (err)
		close(fd);
	else if (!is_unix)
		err = uv_tcp_nodelay(&c->tcp, 1);
	return err;
}

void conns_accept(struct conns *all, int fd, const struct address *at, struct tls_context *context, uint64_t *count)
{
	const bool is_unix = at->is_unix;
	struct identity peer;
	peer_from_socket(fd, is_unix, &peer);
	if (conns_are_full(all) && !(peer.is_owner && admission_owner_has_room(&all->admission))) {
		close(fd);
		all->shared.refused.n[NET_REFUSED_MAX_CONNECTIONS]++;
		return;
	}
	struct conn *c = calloc(1, sizeof *c);
	int err = !c ? -ENOMEM : is_unix ? uv_pipe_init(all->loop, &c->pipe, 0) : uv_tcp_init(all->loop, &c->tcp);
	if (err) {
		close(fd);
		free(c);
		return;
	}
	c->shared = &all->shared;
	c->stream.data = c;
	c->count = count;
	++*count;
	add(all, c);
	bound_send_buffer(all, fd);
	err = open_stream(c, fd, is_unix);
	if (err == 0)
		err = conn_start(c, &peer, at->is_http, context);
	if (err)
		conn_close(c);
	else
		admit(all, c);
}

/* ---- memory ---- */

size_t conns_bytes(const struct conns *all)
{
	return READ_BYTES + all->shared.plain.cap + all->shared.cipher.cap + all->budget.used_bytes;
}

/* One large message is no reason to keep a large buffer. */
static void trim_buffer(struct buf *b)
{
	if (b->cap > KEPT_BYTES)
		buf_free(b);
}

/* What each may hold without being refused for it, whatever happens. */
static size_t fair_bytes(const struct conns *all)
{
	return all->budget.limit_bytes / 4 / all->budget.sessions;
}

/* A connection that was refused, holds more than `most`, and does not take it for a while, is cut off where others
 * need that. */
static void close_if_patience_ends(const struct conns *all, struct conn *c, size_t most)
{
	if (c->refused_ms && all->shared.now_ms - c->refused_ms > PATIENCE_MS && conn_held_bytes(c) > most)
		conn_close(c);
}

/* Who goes first where the connections hold too much: the one that holds much that only its peer can free, and for
 * long. The beginning of a frame waits for its rest. Answers wait to be read: soon, or never. And requests that have
 * come in full are soon done. So somebody who asks fast, and reads, does not pay for those who never read. */
enum { LEVELS = 64 };

struct shedding {
	size_t fair;
	size_t held; /* but for what those hold who are refused: that is on its way out. They themselves still count */
	size_t leaving; /* what those hold */
	size_t at[LEVELS]; /* of held, what those hold who may go, from the last to the first to go */
};

/* Its level; -1: it does not go. */
static int level_of(const struct shedding *s, struct conn *c)
{
	if (conn_is_closing(c) || session_is_over(c->session) || conn_held_bytes(c) <= s->fair)
		return -1;
	uint64_t held = conn_held_bytes(c), part = session_part_bytes(c->session), stuck = conn_stuck_ms(c);
	uint64_t weight = part * PATIENCE_MS + (held - part) * (1 + (stuck < PATIENCE_MS ? stuck : PATIENCE_MS));
	int level = 0;
	while ((weight >>= 1) > 0)
		level++;
	return level;
}

static void weigh(const struct conns *all, struct shedding *s)
{
	*s = (struct shedding){.fair = fair_bytes(all), .held = all->budget.base_bytes};
	for (struct conn *c = all->first; c; c = c->after) {
		if (conn_is_closing(c))
			continue;
		if (session_is_over(c->session)) {
			s->leaving += session_bytes(c->session) - session_idle_bytes(c->session);
			close_if_patience_ends(all, c, s->fair + MUCH_BYTES);
			continue;
		}
		session_trim(c->session);
		int level = level_of(s, c);
		s->held += session_bytes(c->session) - session_idle_bytes(c->session);
		if (level >= 0)
			s->at[level] += conn_held_bytes(c);
	}
}

/* Refuses those who go first, until the others hold so much less, or it is enough for now. What the refused ones still
 * hold is on its way out, or with at_once is dropped with the connection. */
static size_t refuse_first(struct conns *all, const struct shedding *s, size_t excess, bool at_once)
{
	static const char why[] = "memory for connections is full, and this one holds much of it; send less at a time, "
				  "read the answers sooner, or raise memory_limit";
	size_t refused = 0;
	int last = LEVELS - 1; /* of the levels to go; of it only as many as must */
	for (; last > 0 && excess > s->at[last]; last--)
		excess -= s->at[last];
	for (struct conn *c = all->first; c && refused < REFUSED_AT_ONCE; c = c->after) {
		int level = level_of(s, c);
		if (level < last || (level == last && excess == 0))
			continue;
		size_t held = conn_held_bytes(c);
		if (level == last)
			excess -= held < excess ? held : excess;
		refused++;
		let_go(all, c, why);
		if (at_once && conn_held_bytes(c) > s->fair + MUCH_BYTES)
			conn_close(c);
	}
	return refused;
}

/* Sees to it that those who are not refused hold no more than `goal`. True: more must go, in the next turn. */
static bool shed(struct conns *all, size_t goal, bool at_once)
{
	struct shedding s;
	weigh(all, &s);
	size_t refused = s.held > goal ? refuse_first(all, &s, s.held - goal, at_once) : 0;
	all->shared.refused.n[NET_REFUSED_MEMORY] += refused;
	if (refused > 0) {
		log_warning("memory for connections is full: %zu connections refused", refused);
		return refused == REFUSED_AT_ONCE;
	}
	/* It is those who were refused that hold the rest, or requests that are worked on: these end by themselves. */
	if (s.leaving <= all->budget.limit_bytes / 16)
		return false;
	for (struct conn *c = all->first; c; c = c->after)
		if (!conn_is_closing(c))
			close_if_patience_ends(all, c, s.fair);
	return false;
}

/* Something large has waited for long, and nothing large went meanwhile: what others hold is not on its way out. */
static bool is_stuck(struct conns *all)
{
	const struct turns *t = &all->shared.turns;
	uint64_t now = all->shared.now_ms;
	if (!t->large.first) {
		all->room_since_ms = 0;
	} else if (!all->room_since_ms || all->released_before != t->large_released) {
		all->room_since_ms = now;
		all->released_before = t->large_released;
	}
	return all->room_since_ms && now - all->room_since_ms > PATIENCE_MS;
}

/* That what has waited fits, and more to come; but not below what connections take that do nothing, or everybody would
 * go who holds anything, for nothing. */
static size_t goal_for_large(const struct conns *all)
{
	size_t limit = all->budget.limit_bytes, least = all->budget.base_bytes + limit / 16;
	size_t most = session_leaves(all->shared.turns.large.first->session);
	size_t goal = limit / 4 > least ? limit / 4 : least;
	return goal < most ? goal : most;
}

/* Sees to it that those who wait for memory get some. True: some was freed. */
static bool free_some(struct conns *all)
{
	size_t limit = all->budget.limit_bytes;
	if (session_budget_pressure(&all->budget) == PRESSURE_CRITICAL) {
		shed(all, limit / 16 * 15, false);
		return true;
	}
	if (!is_stuck(all))
		return false;
	if (!shed(all, goal_for_large(all), true))
		all->room_since_ms = 0;
	return true;
}

/* ---- the beat ---- */

/* Sends answers together, and hands changes to the store. */
static void flush(struct conns *all)
{
	do {
		while (all->dirty) {
			struct conn *c = all->dirty;
			all->dirty = c->next_dirty;
			c->dirty = false;
			conn_flush(c);
		}
		engine_tick(all->shared.engine);
	} while (all->dirty);
}

/* Peers are not to blame for the time in which this process was stopped or did something else: what they sent meanwhile
 * is still in the kernel. The loop sleeps a beat at most, so of the time since it last looked no more than that counts,
 * and it does not count before the loop has looked again. */
static void advance_clock(struct conns *all)
{
	uint64_t now = uv_now(all->loop), passed = now - all->looked_ms;
	all->shared.now_ms += passed < all->beat_ms ? passed : all->beat_ms;
	all->looked_ms = now;
}

void conns_serve(struct conns *all)
{
	advance_clock(all);
	flush(all);
	turns_give(&all->shared.turns, all->shared.engine, &all->budget, all->shared.loop_turn.until);
	engine_go_on(all->shared.engine);
	flush(all);
	if (free_some(all))
		flush(all);
	if (all->n <= FEW_CONNECTIONS)
		require_sound(conns_check(all));
	loop_turn_begin(&all->shared.loop_turn, all->budget.work);
}

bool conns_are_due(const struct conns *all)
{
	return turns_are_due(&all->shared.turns, all->shared.engine) || engine_has_more(all->shared.engine);
}

void conns_tick(struct conns *all)
{
	for (struct conn *c = all->first; c; c = c->after) {
		if (conn_is_closing(c))
			continue;
		session_trim(c->session);
		const char *why = conn_overdue(c);
		if (why) {
			log_debug("closing a connection: %s", why);
			conn_close(c);
		}
	}
	trim_buffer(&all->shared.plain);
	trim_buffer(&all->shared.cipher);
	require_sound(conns_check(all));
}

/* ---- start and end ---- */

/* Often enough for the shortest time limit, and at least once a second for everything else. */
static uint64_t beat_ms(const struct config *config)
{
	uint64_t beat = 1000;
	if (config->frame_ms && config->frame_ms / 4 < beat)
		beat = config->frame_ms / 4 + 1;
	if (config->idle_ms && config->idle_ms / 4 < beat)
		beat = config->idle_ms / 4 + 1;
	return beat;
}

int conns_init(struct conns *all, uv_loop_t *loop, const struct config *config, void (*changed)(void *owner),
	       void *owner)
{
	static const struct conn_ops ops = {.dirty = on_dirty, .identified = on_identified, .closed = on_closed};
	struct memory_shares shares;
	memory_share(config->memory_limit, &shares);
	/* One request at a time is unpacked, and one answer encoded, beside what is held. */
	size_t held = shares.connections - config->max_unpacked_bytes - config->max_frame_bytes;
	*all = (struct conns){
		.loop = loop,
		.refused_max = REFUSED_MAX,
		.most = config->max_connections + REFUSED_MAX,
		.changed = changed,
		.owner = owner,
		.beat_ms = beat_ms(config),
		.budget.limit_bytes = held,
		.budget.base_limit_bytes = held / 8 * 7 - held / 16 - config->max_frame_bytes,
		.has_channels = config->tls_cert[0],
		.shared = {.admission = &all->admission,
			   .limits = {config->idle_ms, config->frame_ms},
			   .now_ms = 1,
			   .read_bytes = READ_BYTES,
			   .read_buffer = malloc(READ_BYTES),
			   .ops = &ops,
			   .owner = all},
	};
	admission_init(&all->admission, config->max_connections);
	loop_turn_begin(&all->shared.loop_turn, 0);
	all->shared.session_limits = (struct session_limits){
		.max_frame_bytes = config->max_frame_bytes,
		.max_unpacked_bytes = config->max_unpacked_bytes,
		.max_in_flight = (uint32_t)config->max_in_flight,
		.max_unsent_bytes = config->max_unsent_bytes,
		.base_bytes = heap_bytes(sizeof(struct conn)) + HOLDER_BYTES, /* and the channel's, see conn.c */
		.budget = &all->budget,
	};
	/* A quarter of what is held. */
	size_t handshake = heap_bytes(sizeof(struct conn)) + TLS_REST_BYTES + TLS_HANDSHAKE_BYTES;
	all->shared.handshakes_max = held / 4 / handshake;
	return all->shared.read_buffer ? 0 : -ENOMEM;
}

void conns_fit(struct conns *all, uint64_t descriptors)
{
	if (descriptors >= all->most + ADMISSION_FOR_OWNER)
		return;
	uint64_t left = descriptors > ADMISSION_FOR_OWNER ? descriptors - ADMISSION_FOR_OWNER : 1;
	all->most = left;
	all->refused_max = left / 4 < REFUSED_MAX ? left / 4 : REFUSED_MAX;
	all->admission.max = left - all->refused_max;
}

void conns_free(struct conns *all)
{
	require(!all->first && !all->dirty);
	admission_free(&all->admission);
	session_budget_free(&all->budget);
	buf_free(&all->shared.plain);
	buf_free(&all->shared.cipher);
	free(all->shared.read_buffer);
}

void conns_stop(struct conns *all)
{
	for (struct conn *c = all->first; c; c = c->after) {
		if (conn_is_closing(c))
			continue;
		session_stop(c->session);
		on_dirty(all, c);
	}
}

void conns_close(struct conns *all, bool at_once)
{
	for (struct conn *c = all->first; c; c = c->after)
		if (!conn_is_closing(c) && (at_once || conn_is_done(c)))
			conn_close(c);
}

const char *conns_check(const struct conns *all)
{
	uint64_t n = 0, marked = 0, dirty = 0;
	const struct conn *before = NULL;
	for (const struct conn *c = all->first; c; before = c, c = c->after, n++) {
		const char *fault = conn_check(c);
		if (fault)
			return fault;
		if (c->before != before)
			return "a connection is not linked with its neighbors";
		marked += c->dirty;
	}
	for (const struct conn *c = all->dirty; c; c = c->next_dirty)
		dirty++;
	if (n != all->n)
		return "the list of connections is not as long as their count";
	const char *wrong = admission_check(&all->admission);
	if (wrong)
		return wrong;
	if (dirty != marked)
		return "the list of connections to flush is not that of those marked so";
	const char *fault = turns_check(&all->shared.turns);
	return fault ? fault : session_budget_check(&all->budget);
}
