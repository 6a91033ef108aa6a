#include "lib/wire/json_number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIGITS_MAX = 19, /* as many always fit into 64 bits */
	EXACT_POWER = 22, /* 10^22 is the largest power of ten that is a double */
	SHORT_MAX = 17, /* digits that are written */
	BITS = 53, /* of a double's fraction */
};

/* 2^53: from here on not every whole number is a double. */
static const double EXACT_MAX = 9007199254740992.0;

static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
					       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool json_number_has(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

static const uint64_t tens[DIGITS_MAX + 1] = {1,
					      10,
					      100,
					      1000,
					      10000,
					      100000,
					      1000000,
					      10000000,
					      100000000,
					      1000000000,
					      10000000000,
					      100000000000,
					      1000000000000,
					      10000000000000,
					      100000000000000,
					      1000000000000000,
					      10000000000000000,
					      100000000000000000,
					      1000000000000000000,
					      10000000000000000000u};

/* ---- exact arithmetic, in 128 bits ---- */

#ifdef __SIZEOF_INT128__

enum { HAS_WIDE = true };
__extension__ typedef unsigned __int128 wide;

/* digits / 10^n, rounded as IEEE 754 wants it: half to even. 0 < digits, n <= 19. */
static double divide(uint64_t digits, unsigned n)
{
	const unsigned shift = 64 + (unsigned)__builtin_clzll(digits);
	const wide dividend = (wide)digits << shift, divisor = tens[n], quotient = dividend / divisor;
	const bool has_rest = quotient * divisor != dividend;
	const uint64_t high = (uint64_t)(quotient >> 64);
	const unsigned bits =
		high ? 128 - (unsigned)__builtin_clzll(high) : 64 - (unsigned)__builtin_clzll((uint64_t)quotient);
	const unsigned drop = bits - BITS; /* the quotient is above 2^63 */
	const wide half = (wide)1 << (drop - 1), rest = quotient & ((half << 1) - 1);
	uint64_t kept = (uint64_t)(quotient >> drop);
	kept += rest > half || (rest == half && (has_rest || kept % 2));
	return ldexp((double)kept, (int)drop - (int)shift);
}

/* The 17 digits of |x| as one number, and the power of ten of the first. False where they are not to be had this way:
 * 1e-4 <= x < 1e15 alone has room in 128 bits and is written without an exponent. */
static bool digits_of(double x, uint64_t *digits, int *power)
{
	enum { LEAST = -4, MOST = 15 };
	uint64_t bits;
	if (!(x >= 1e-4 && x < 1e15))
		return false;
	memcpy(&bits, &x, sizeof bits);
	/* As frexp() gives them: x is fraction / 2^53 * 2^exponent, and the fraction's first bit is not stored. */
	const uint64_t first = UINT64_C(1) << (BITS - 1), fraction = first | (bits & (first - 1));
	const int exponent = (int)(bits >> (BITS - 1)) - 1022;
	const unsigned drop = (unsigned)(BITS - exponent); /* 3 to 66 */
	const uint64_t least = tens[SHORT_MAX - 1];
	*power = (exponent - 1) * 1233 >> 12; /* log10(2) * 4096: right or one off */
	for (;; *power += *digits < least ? -1 : 1) {
		if (*power < LEAST || *power > MOST)
			return false;
		const unsigned n = (unsigned)(SHORT_MAX - 1 - *power);
		const wide scaled = (wide)fraction * (n > DIGITS_MAX ? tens[DIGITS_MAX] : tens[n]) *
				    (n > DIGITS_MAX ? tens[n - DIGITS_MAX] : 1);
		const wide half = (wide)1 << (drop - 1), rest = scaled & ((half << 1) - 1);
		*digits = (uint64_t)(scaled >> drop);
		*digits += rest > half || (rest == half && *digits % 2);
		if (*digits >= least && *digits < 10 * least)
			return true;
	}
}

#else

enum { HAS_WIDE = false };

static double divide(uint64_t digits, unsigned n)
{
	return (double)digits / powers[n]; /* never called */
}

static bool digits_of(double x, uint64_t *digits, int *power)
{
	(void)x, (void)digits, (void)power;
	return false;
}

#endif

/* ---- reading ---- */

/* What a number consists of: (-) digits * 10^exponent. */
struct parts {
	bool is_negative, is_real; /* is_real: with a point or an exponent */
	bool is_long; /* digits were left out, or the exponent is beyond any */
	uint64_t digits;
	unsigned n; /* of digits, without zeros before */
	long exponent;
};

/* How many digits are at `at`. */
static size_t count_digits(const uint8_t *at, const uint8_t *end)
{
	size_t n = 0;
	while (at + n < end && at[n] >= '0' && at[n] <= '9')
		n++;
	return n;
}

static void add_digits(struct parts *p, const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->n == 0 && at[i] == '0')
			continue;
		if (p->n < DIGITS_MAX)
			p->digits = p->digits * 10 + (at[i] - '0');
		p->n++;
	}
	p->is_long = p->n > DIGITS_MAX;
}

static bool split_exponent(struct parts *p, const uint8_t *at, const uint8_t *end)
{
	enum { LONGEST = 6 };
	bool is_below = at < end && *at == '-';
	at += at < end && (*at == '-' || *at == '+');
	size_t n = count_digits(at, end);
	long exponent = 0;
	for (size_t i = 0; i < n && i < LONGEST; i++)
		exponent = exponent * 10 + (at[i] - '0');
	p->is_long |= n > LONGEST;
	p->exponent += is_below ? -exponent : exponent;
	return n > 0 && at + n == end;
}

static bool split(const uint8_t *at, const uint8_t *end, struct parts *p)
{
	*p = (struct parts){.is_negative = at < end && *at == '-'};
	at += p->is_negative;
	size_t n = count_digits(at, end);
	if (n == 0 || (n > 1 && *at == '0'))
		return false;
	add_digits(p, at, n);
	at += n;
	p->is_real = at < end;
	if (at < end && *at == '.') {
		at++;
		n = count_digits(at, end);
		if (n == 0)
			return false;
		add_digits(p, at, n);
		p->exponent = -(long)n;
		at += n;
	}
	return at == end || ((*at | 32) == 'e' && split_exponent(p, at + 1, end));
}

static double real_of(const struct parts *p, const char *text)
{
	const bool is_plain = FLT_EVAL_METHOD == 0 && !p->is_long;
	double size;
	if (is_plain && p->exponent == 0)
		size = (double)p->digits;
	else if (is_plain && p->digits <= (uint64_t)EXACT_MAX && labs(p->exponent) <= EXACT_POWER)
		size = p->exponent < 0 ? (double)p->digits / powers[-p->exponent]
				       : (double)p->digits * powers[p->exponent];
	else if (HAS_WIDE && is_plain && p->digits > 0 && p->exponent < 0 && p->exponent >= -DIGITS_MAX)
		size = divide(p->digits, (unsigned)-p->exponent);
	else
		size = fabs(strtod(text, NULL));
	return p->is_negative ? -size : size;
}

bool json_number_read(const uint8_t *number, size_t len, struct json_number *out)
{
	struct parts p;
	char text[JSON_NUMBER_MAX];
	if (len >= sizeof text || !split(number, number + len, &p))
		return false;
	memcpy(text, number, len);
	text[len] = '\0';
	*out = (struct json_number){.is_negative = p.is_negative, .real = real_of(&p, text)};
	if (p.is_real) {
		double size = fabs(out->real);
		out->is_whole = size <= EXACT_MAX && size == floor(size);
		out->magnitude = out->is_whole ? (uint64_t)size : 0;
		return true;
	}
	errno = 0;
	out->magnitude = p.is_long ? strtoull(text + p.is_negative, NULL, 10) : p.digits;
	out->is_whole = errno == 0;
	return true;
}

/* ---- writing ---- */

/* From 00 to 99. */
static const char pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
	"4950515253545556575859606162636465666768697071727374757677787980818283848586878889909192939495"
	"96979899";

/* Of a number that is written without an exponent. */
static size_t place_digits(uint64_t digits, int power, char *out)
{
	char text[SHORT_MAX];
	size_t n = SHORT_MAX, len = 0;
	for (size_t i = SHORT_MAX - 2; digits >= 10; i -= 2, digits /= 100) {
		const char *pair = pairs + 2 * (digits % 100);
		text[i] = pair[0];
		text[i + 1] = pair[1];
	}
	text[0] = (char)('0' + digits);
	while (n > 1 && text[n - 1] == '0')
		n--;
	if (power < 0) {
		memcpy(out, "0.0000", 6);
		len = 1 + (size_t)-power;
		memcpy(out + len, text, n);
		return len + n;
	}
	const size_t whole = (size_t)power + 1;
	for (; len < whole; len++)
		out[len] = len < n ? text[len] : '0';
	out[len++] = '.';
	if (n <= whole) {
		out[len++] = '0';
		return len;
	}
	memcpy(out + len, text + whole, n - whole);
	return len + n - whole;
}

/* "1e-09" is written as 1e-9, and "1e+20" as 1e20. */
static size_t write_slowly(double x, char *out)
{
	snprintf(out, JSON_NUMBER_MAX, "%.17g", x);
	char *exponent = strchr(out, 'e');
	if (exponent) {
		char *from = exponent + 1, *to = from;
		if (*from == '-')
			to++;
		from++;
		from += strspn(from, "0");
		memmove(to, from, strlen(from) + 1);
	} else if (!strchr(out, '.')) {
		strncat(out, ".0", JSON_NUMBER_MAX - strlen(out) - 1);
	}
	return strlen(out);
}

size_t json_number_write(double x, char out[JSON_NUMBER_MAX])
{
	uint64_t digits;
	int power;
	if (x == 0) {
		const char *zero = signbit(x) ? "-0.0" : "0.0";
		return strlen(memcpy(out, zero, strlen(zero) + 1));
	}
	if (!digits_of(fabs(x), &digits, &power))
		return write_slowly(x, out);
	const size_t sign = x < 0;
	out[0] = '-';
	return sign + place_digits(digits, power, out + sign);
}
