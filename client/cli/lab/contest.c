#include "client/cli/lab/contest.h"

#include <math.h>
#include <string.h>

#define ROW(its_name, its_class, its_rate, its_median, its_defaults, help) \
	{.name = its_name, .class = &its_class, .rate = its_rate, .median = its_median, .defaults = its_defaults},
const struct cli_contestant cli_contestants[CLI_CONTESTANTS_MAX] = {SCHEMES(ROW)};
#undef ROW

static void pick(const struct cli *c, const char *list, bool wanted[CLI_CONTESTANTS_MAX])
{
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ","), k = 0;
		while (k < CLI_CONTESTANTS_MAX &&
		       (strlen(cli_contestants[k].name) != len || memcmp(cli_contestants[k].name, at, len) != 0))
			k++;
		if (k == CLI_CONTESTANTS_MAX)
			cli_usage(c, "--schemes: unknown scheme \"%.*s\"", (int)len, at);
		wanted[k] = true;
		at += len;
		if (*at == '\0')
			break;
	}
}

size_t cli_contestants_of(const struct cli *c, const char *list, unsigned command, bool late,
			  const struct cli_contestant **out)
{
	bool wanted[CLI_CONTESTANTS_MAX] = {false};
	size_t n = 0;
	if (list)
		pick(c, list, wanted);
	for (size_t k = 0; k < CLI_CONTESTANTS_MAX; k++) {
		const struct cli_contestant *row = &cli_contestants[k];
		if (list ? wanted[k] : (row->defaults & command) != 0 && (late || !row->class->late))
			out[n++] = row;
	}
	return n;
}

struct candor_settings cli_contestant_settings(const struct cli_contestant *k, const struct candor_settings *given,
					       double t_eff)
{
	struct candor_settings s = {
		.rate = k->rate ? k->rate : given->rate,
		.share = given->share,
		.entry = given->entry,
		.wrong = given->wrong,
		.scored = given->scored,
		.signs = k->class->signs ? k->class->signs : given->signs,
	};
	if (s.rate == CANDOR_FIXED) {
		s.eta = given->eta > 0 ? given->eta : 0.1;
	} else {
		s.c = given->c;
		if (s.rate == CANDOR_HORIZON)
			s.horizon = given->horizon > 0 ? given->horizon : fmax(1, t_eff);
		else
			s.beta = given->beta;
	}
	mechanism_defaults(&s);
	require(!mechanism_settings_fault(&s));
	return s;
}

/* Whether one of them uses a setting that belongs to a rate: the mechanism is the only one that has any. */
static bool used(const struct cli_contestant *const *k, size_t n, const struct candor_settings *given, bool anytime,
		 bool horizon, bool fixed)
{
	for (size_t i = 0; i < n; i++) {
		if (!k[i]->class->mechanism)
			continue;
		enum candor_rate rate = cli_contestant_settings(k[i], given, 1).rate;
		if ((rate == CANDOR_ANYTIME && anytime) || (rate == CANDOR_HORIZON && horizon) ||
		    (rate == CANDOR_FIXED && fixed))
			return true;
	}
	return false;
}

void cli_check_contest(const struct cli *c, const struct candor_settings *given, const struct cli_contestant *const *k,
		       size_t n)
{
	const struct {
		const char *option;
		bool given, anytime, horizon, fixed;
	} settings[] = {
		{"--c", given->c > 0, true, true, false},
		{"--beta", given->beta > 0, true, false, false},
		{"--horizon", given->horizon > 0, false, true, false},
		{"--eta", given->eta > 0, false, false, true},
		{"--share", given->share > 0, true, true, true},
		{"--entry", given->entry > 0, true, true, true},
		{"--wrong", given->has_wrong, true, true, true},
		{"--scored", given->has_scored, true, true, true},
	};
	bool signs = false;
	for (size_t i = 0; i < n; i++)
		signs = signs || (k[i]->class->mechanism && k[i]->class != &scheme_candor && !k[i]->class->signs);
	if (given->signs && !signs)
		cli_usage(c, "--signs has no effect: it is of the forecast, and none of the compared schemes uses it");
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (settings[i].given &&
		    !used(k, n, given, settings[i].anytime, settings[i].horizon, settings[i].fixed))
			cli_usage(c, "%s has no effect: none of the compared schemes uses it at its rate",
				  settings[i].option);
}

bool cli_tells_weights(const struct cli_contestant *const *contestants, size_t n, size_t k)
{
	size_t teller = n;
	for (size_t i = n; i-- > 0;)
		if (contestants[i]->class->mechanism && contestants[i]->rate == contestants[k]->rate &&
		    (teller == n || contestants[teller]->class != &scheme_candor))
			teller = i;
	return teller == k;
}

const char *cli_forecast_name(const struct cli_contestant *k, int forecast)
{
	if (k->rate)
		return forecast == 0 ? k->name : k->median;
	return k->class->forecasts[forecast];
}
