/* Grants by the command line, against the real candord, whose owner runs this. */
#include <stdlib.h>

#include "tests/lib/command.h"

static void grants_are_added_listed_and_removed(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "grants", "list");
	assert_string_equal(c->out, "");
	assert_says(c->err, "There are no grants yet");
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "grants", "add", "uid:4711", "operator", "--pool", "birds");
	assert_says(c->err, "uid:4711 may now read open items and inspect labelers in pool \"birds\"\n");
	assert_candor(c, 0, "grants", "add", "uid:4711", "inspect", "--pool", "birds");
	assert_says(c->err, "uid:4711 may already inspect labelers in pool \"birds\"\n");
	assert_candor(c, 0, "grants", "add", "cert:CN=web\\20shop", "report", "--labelers", "web/");
	assert_candor(c, 0, "grants", "add", "anonymous", "read", "--json");
	assert_number(c, "accepted", 1);
	assert_candor(c, 0, "grants", "add", "user:root", "read", "outcome", "inspect");
	assert_says(c->err, "uid:0 may now post outcomes, read closed items and inspect labelers in all pools\n");
	assert_candor(c, 0, "grants", "add", "group:root", "admin");
	assert_says(c->err, "gid:0 may now do everything in all pools\n");

	assert_candor(c, 0, "grants", "list");
	assert_string_equal(c->out, "principal           pool   rights                labelers\n"
				    "uid:4711            birds  operator              all\n"
				    "cert:CN=web\\20shop  all    platform              web/...\n"
				    "anonymous           all    trainer               all\n"
				    "uid:0               all    outcome,read,inspect  all\n"
				    "gid:0               all    admin                 all\n");
	assert_candor(c, 0, "grants", "list", "--json");
	json_t *o = command_document(c);
	assert_int_equal(json_array_size(command_at(o, "grants")), 5);
	assert_text_at(o, "grants.0.principal", "uid:4711");
	assert_text_at(o, "grants.0.pool", "birds");
	assert_text_at(o, "grants.0.rights.0", "read-open");
	assert_text_at(o, "grants.0.rights.1", "inspect");
	assert_text_at(o, "grants.1.prefix", "web/");
	assert_text_at(o, "grants.1.pool", "");
	json_decref(o);
	/* Those that count in a pool: its own and those for all. */
	assert_candor(c, 0, "pool", "create", "fish");
	assert_candor(c, 0, "grants", "list", "--pool", "fish", "--json");
	o = command_document(c);
	assert_int_equal(json_array_size(command_at(o, "grants")), 4);
	json_decref(o);

	assert_candor(c, 0, "grants", "remove", "user:root", "outcome", "read");
	assert_says(c->err, "uid:0 no longer has a grant to post outcomes and read closed items in all pools\n");
	assert_says(c->err, "uid:0 still has: inspect in all pools\n");
	assert_candor(c, 1, "grants", "remove", "uid:0", "outcome");
	assert_says(c->err, "uid:0 had no grant to post outcomes in all pools\n");
	/* Without rights all of that grant, and of no other. */
	assert_candor(c, 0, "grants", "remove", "uid:0");
	assert_string_equal(c->err, "uid:0 no longer has a grant for all pools\n");
	assert_candor(c, 1, "grants", "remove", "cert:CN=web\\20shop");
	assert_string_equal(c->err, "cert:CN=web\\20shop has no grant for all pools\n"
				    "cert:CN=web\\20shop still has: report for web/... in all pools\n");
	assert_candor(c, 0, "grants", "remove", "cert:CN=web\\20shop", "--labelers", "web/");
	assert_candor(c, 0, "grants", "remove", "uid:4711", "--pool", "birds");
	assert_candor(c, 0, "grants", "list", "--json");
	o = command_document(c);
	assert_int_equal(json_array_size(command_at(o, "grants")), 2);
	json_decref(o);
}

static void all_grants_of_a_principal_are_removed_at_once(void **state)
{
	struct command *c = *state;
	static const char *const shop = "cert:CN=web";
	char pool[16];
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "grants", "add", shop, "read", "inspect");
	assert_candor(c, 0, "grants", "add", shop, "report", "--pool", "birds", "--labelers", "web/");
	assert_candor(c, 0, "grants", "add", shop, "outcome", "--pool", "birds");
	assert_string_equal(c->err, "cert:CN=web may now post outcomes in pool \"birds\"\n");
	assert_candor(c, 0, "grants", "add", shop, "outcome", "--pool", "fish");
	assert_string_equal(c->err, "cert:CN=web may now post outcomes in pool \"fish\" (there is no such pool yet)\n");
	assert_candor(c, 0, "grants", "add", "uid:4711", "read", "--pool", "birds");

	assert_candor(c, 0, "grants", "remove", shop, "--all", "--pool", "birds");
	assert_says(c->err,
		    "cert:CN=web no longer has a grant to report for labelers whose names begin with \"web/\" in pool "
		    "\"birds\"\n");
	assert_says(c->err, "cert:CN=web no longer has a grant to post outcomes in pool \"birds\"\n");
	assert_says(c->err, "cert:CN=web still has: read,inspect in all pools\n");
	assert_says(c->err, "cert:CN=web still has: outcome in pool fish\n");
	assert_candor(c, 1, "grants", "remove", shop, "--all", "--pool", "birds");
	assert_says(c->err, "cert:CN=web has no grant in pool \"birds\"\n");
	for (int i = 0; i < 12; i++) {
		snprintf(pool, sizeof pool, "p%d", i);
		assert_candor(c, 0, "grants", "add", shop, "read", "--pool", pool);
	}
	assert_candor(c, 1, "grants", "remove", shop, "--pool", "birds");
	assert_says(c->err, "cert:CN=web has no grant in pool \"birds\"\n");
	assert_says(c->err, "... and 4 more\n");
	assert_candor(c, 0, "grants", "remove", shop, "--all", "--json");
	assert_number(c, "accepted", 14);
	assert_null(strstr(c->err, "still has"));
	assert_candor(c, 1, "grants", "remove", shop, "--all");
	assert_string_equal(c->err, "cert:CN=web has no grant\n");
	assert_candor(c, 0, "grants", "list", "--json");
	json_t *o = command_document(c);
	assert_int_equal(json_array_size(command_at(o, "grants")), 1);
	assert_text_at(o, "grants.0.principal", "uid:4711");
	json_decref(o);
	assert_candor(c, 0, "token", "new", "acme", "report", "--pool", "fish");
	assert_says(c->err, "may now report in pool \"fish\" (there is no such pool yet); it never expires\n");
	assert_candor(c, 3, "token", "revoke", "token:acme");
	assert_says(c->err, "Give the token's name without token:\n");
}

static void an_admin_of_one_pool_grants_rights_only_there(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "pool", "create", "birds");
	assert_candor(c, 0, "pool", "create", "fish");
	assert_candor(c, 0, "token", "new", "boss", "admin", "--pool", "birds", "--out", c->file);
	setenv("CANDOR_TOKEN_FILE", c->file, 1);
	assert_candor(c, 0, "grants", "add", "uid:4711", "auditor", "--pool", "birds");
	assert_candor(c, 0, "grants", "list", "--pool", "birds");
	assert_says(c->out, "uid:4711");
	assert_candor(c, 0, "audit", "--pool", "birds");
	assert_says(c->out, "token:boss");
	assert_candor(c, 3, "grants", "add", "uid:4711", "auditor", "--pool", "fish");
	assert_candor(c, 3, "grants", "add", "uid:4711", "auditor");
	assert_candor(c, 3, "grants", "list");
	assert_says(c->err, "--pool POOL lists the grants of one pool.\n");
	assert_candor(c, 3, "grants", "remove", "uid:4711", "--all");
	assert_says(c->err, "--pool POOL lists");
	assert_candor(c, 3, "token", "new", "more", "read");
	assert_candor(c, 3, "token", "list");
	assert_candor(c, 3, "audit");
	assert_says(c->err, "--pool POOL lists the events of one pool.\n");
	/* It sees what it may see. */
	assert_candor(c, 0, "grants", "add", "uid:4711", "read", "--pool", "birds");
	assert_candor(c, 0, "grants", "remove", "uid:4711", "read", "--pool", "birds");
	assert_string_equal(c->err, "uid:4711 no longer has a grant to read closed items in pool \"birds\"\n"
				    "uid:4711 still has: outcome in pool birds\n");
	assert_candor(c, 0, "grants", "remove", "uid:4711", "--all", "--pool", "birds");
	unsetenv("CANDOR_TOKEN_FILE");
}

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(grants_are_added_listed_and_removed),
		CLI(all_grants_of_a_principal_are_removed_at_once),
		CLI(an_admin_of_one_pool_grants_rights_only_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
