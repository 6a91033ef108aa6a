#include "client/cli/base/moment.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "client/cli/base/number.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes `n` digits as a number from low to high. */
static bool take_digits(const char **at, int n, int low, int high, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, ++*at) {
		if (!is_digit(**at))
			return false;
		*out = 10 * *out + (**at - '0');
	}
	return *out >= low && *out <= high;
}

static bool take(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

/* Since 1970-01-01, in the Gregorian calendar; a year begins with March here, so that leap days come last. */
static int64_t days_since_1970(int year, int month, int day)
{
	const int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool take_date(const char **at, double *out)
{
	int year, month, day;
	if (!take_digits(at, 4, 1, 9999, &year) || !take(at, '-') || !take_digits(at, 2, 1, 12, &month) ||
	    !take(at, '-') || !take_digits(at, 2, 1, days_in(year, month), &day))
		return false;
	*out = 86400.0 * (double)days_since_1970(year, month, day);
	return true;
}

/* "18:45", "18:45:00", "18:45:00.123" */
static bool take_time(const char **at, double *out)
{
	int hour, minute, second = 0;
	if (!take_digits(at, 2, 0, 23, &hour) || !take(at, ':') || !take_digits(at, 2, 0, 59, &minute))
		return false;
	if (take(at, ':') && !take_digits(at, 2, 0, 60, &second))
		return false;
	*out += 3600.0 * hour + 60.0 * minute + second;
	if (!take(at, '.'))
		return true;
	if (!is_digit(**at))
		return false;
	for (double unit = 0.1; is_digit(**at); unit /= 10, ++*at)
		*out += unit * (**at - '0');
	return true;
}

/* "Z", "+01:00", "-0730", or nothing. */
static bool take_offset(const char **at, double *out)
{
	int hour, minute;
	const char sign = **at;
	if (take(at, 'Z') || sign == '\0')
		return true;
	if (!take(at, '+') && !take(at, '-'))
		return false;
	if (!take_digits(at, 2, 0, 23, &hour))
		return false;
	(void)take(at, ':');
	if (!take_digits(at, 2, 0, 59, &minute))
		return false;
	*out -= (sign == '+' ? 1 : -1) * (3600.0 * hour + 60.0 * minute);
	return true;
}

enum cli_moment_form cli_parse_moment(const char *text, double *out)
{
	const char *at = text;
	if (cli_parse_real(text, out))
		return CLI_MOMENT_NUMBER;
	if (!take_date(&at, out))
		return CLI_MOMENT_NONE;
	if (*at == '\0')
		return CLI_MOMENT_DATE;
	if (!take(&at, 'T') && !take(&at, ' '))
		return CLI_MOMENT_NONE;
	if (!take_time(&at, out) || !take_offset(&at, out) || *at != '\0')
		return CLI_MOMENT_NONE;
	return CLI_MOMENT_DATE;
}
