#include "client/cli/base/settings.h"

#include <string.h>

const char *cli_rate_name(enum candor_rate rate)
{
	switch (rate) {
	case CANDOR_RATE_UNSPECIFIED: break;
	case CANDOR_ANYTIME: return "anytime";
	case CANDOR_HORIZON: return "horizon";
	case CANDOR_FIXED: return "fixed";
	}
	return "unknown";
}

static enum candor_rate parse_rate(const struct cli *c, const char *text)
{
	for (int rate = CANDOR_ANYTIME; rate <= CANDOR_FIXED; rate++)
		if (strcmp(text, cli_rate_name((enum candor_rate)rate)) == 0)
			return (enum candor_rate)rate;
	cli_usage(c, "--rate is \"%s\"; it must be anytime, horizon or fixed", text);
}

const char *cli_signs_name(enum candor_signs signs)
{
	switch (signs) {
	case CANDOR_SIGNS_UNSPECIFIED: break;
	case CANDOR_POSITIVE: return "positive";
	case CANDOR_FREE: return "free";
	}
	return "unknown";
}

static enum candor_signs parse_signs(const struct cli *c, const char *text)
{
	for (int signs = CANDOR_POSITIVE; signs <= CANDOR_FREE; signs++)
		if (strcmp(text, cli_signs_name((enum candor_signs)signs)) == 0)
			return (enum candor_signs)signs;
	cli_usage(c, "--signs is \"%s\"; it must be positive or free", text);
}

bool cli_setting(const struct cli *c, int opt, struct candor_settings *s)
{
	switch (opt) {
	case CLI_SET_RATE: s->rate = parse_rate(c, optarg); return true;
	case CLI_SET_C: s->c = cli_real(c, "--c", optarg, 1e-9, 100); return true;
	case CLI_SET_BETA: s->beta = cli_real(c, "--beta", optarg, 1e-9, 0.5); return true;
	case CLI_SET_ETA: s->eta = cli_real(c, "--eta", optarg, 1e-9, 0.5); return true;
	case CLI_SET_HORIZON: s->horizon = cli_real(c, "--horizon", optarg, 1, 1e15); return true;
	case CLI_SET_SHARE: s->share = cli_real(c, "--share", optarg, 1e-9, 0.5); return true;
	case CLI_SET_ENTRY: s->entry = cli_real(c, "--entry", optarg, 1e-6, 1e6); return true;
	case CLI_SET_WRONG:
		s->wrong = cli_real(c, "--wrong", optarg, 0, 0.49);
		s->has_wrong = true;
		return true;
	case CLI_SET_SCORED:
		s->scored = (uint32_t)cli_count_of(c, "--scored", optarg, 0, UINT32_MAX);
		s->has_scored = true;
		return true;
	case CLI_SET_SIGNS: s->signs = parse_signs(c, optarg); return true;
	default: return false;
	}
}
