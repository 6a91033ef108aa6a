/* settings.h - a pool's settings as options of a command. */
#ifndef CANDOR_CLI_SETTINGS_H
#define CANDOR_CLI_SETTINGS_H

#include "client/cli/base/cli.h"

enum {
	CLI_SET_RATE = 512, /* beyond every letter and every option that all commands have in common */
	CLI_SET_C,
	CLI_SET_BETA,
	CLI_SET_ETA,
	CLI_SET_HORIZON,
	CLI_SET_SHARE,
	CLI_SET_ENTRY,
	CLI_SET_WRONG,
	CLI_SET_SCORED,
	CLI_SET_SIGNS,
};

/* For a command's table of options. */
#define CLI_SETTING_OPTIONS                                                                                           \
	{"rate", required_argument, NULL, CLI_SET_RATE}, {"c", required_argument, NULL, CLI_SET_C},                   \
		{"beta", required_argument, NULL, CLI_SET_BETA}, {"eta", required_argument, NULL, CLI_SET_ETA},       \
		{"horizon", required_argument, NULL, CLI_SET_HORIZON},                                                \
		{"share", required_argument, NULL, CLI_SET_SHARE}, {"entry", required_argument, NULL, CLI_SET_ENTRY}, \
		{"wrong", required_argument, NULL, CLI_SET_WRONG},                                                    \
		{"scored", required_argument, NULL, CLI_SET_SCORED},                                                  \
	{                                                                                                             \
		"signs", required_argument, NULL, CLI_SET_SIGNS                                                       \
	}

/* "unknown" for one that this program does not know. */
const char *cli_rate_name(enum candor_rate rate);
const char *cli_signs_name(enum candor_signs signs);

/* Takes the option that cli_option() returned, and optarg, if it is one of those; wrong usage out of range. */
bool cli_setting(const struct cli *c, int opt, struct candor_settings *s);

#endif
