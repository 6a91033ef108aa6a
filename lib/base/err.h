/* err.h - one space of error numbers, and require() for broken invariants.
 *
 * Functions that can fail return 0 (or a count) or a negative number: errno and libuv values as they are, ours below
 * -20000. candor_strerror() has a phrase for each of them. A peer's mistake is an error; only a bug of our own is an
 * invariant, and require() is never compiled out. */
#ifndef CANDOR_ERR_H
#define CANDOR_ERR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

enum {
	ERR_TOO_BIG = -20001, /* a frame longer than the limit */
	ERR_MALFORMED = -20002, /* bytes that do not follow the protocol */
	ERR_BUDGET = -20003, /* a message needs more memory than allowed */
	ERR_FULL = -20004, /* a capacity limit is reached */
	ERR_STATE = -20005, /* the item's state does not allow it */
	ERR_DATABASE = -20006, /* SQLite failed; the log says how */
	ERR_DISK_FULL = -20007, /* no space left for the database */
	ERR_SCHEMA = -20008, /* not a candor database, or one of a newer version */
	ERR_LOCKED = -20009, /* another daemon is using the database */
	ERR_ADDRESS = -20010, /* not an address */
	ERR_CONFLICT = -20011, /* a different outcome is already recorded */
	ERR_CLOSED = -20012, /* the connection ended before the answer came */
	ERR_PROTOCOL = -20013, /* the peer's answer does not fit the request */
	ERR_HISTORY = -20014, /* the history contradicts itself */
	ERR_DAMAGED = -20015, /* the database file is not as it was written */
	ERR_TLS = -20016, /* the encrypted channel failed, or the peer's certificate is not accepted */
	ERR_NEWER = -20017, /* a caller's structure has a field set that the library does not know */
	ERR_BUSY = -20018, /* another program keeps the database locked */
	ERR_MOVED = -20019, /* the database's files are not where they were */
	ERR_UPGRADE = -20020, /* an older database cannot be upgraded; the log says why */
};

/* A phrase for `err` (0 or negative), static, never NULL. Exported by libcandor. */
__attribute__((visibility("default"))) const char *candor_strerror(int err);

_Noreturn void require_failed(const char *condition, const char *file, int line);
#define require(condition) ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))

/* For the check of a whole structure, which says what is wrong with it, or NULL. The variants debug, asan and fuzz are
 * built with CANDOR_CHECKS and make it after each event; elsewhere it costs nothing. */
#ifdef CANDOR_CHECKS
#define require_sound(check)                                                                                           \
	do {                                                                                                           \
		const char *fault_ = (check);                                                                          \
		if (fault_)                                                                                            \
			require_failed(fault_, __FILE__, __LINE__);                                                    \
	} while (0)
#else
#define require_sound(check) ((void)0)
#endif

#endif
