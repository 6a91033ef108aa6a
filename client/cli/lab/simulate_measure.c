/* What the games of a simulation came to, over its repeats. */
#include <math.h>
#include <stdlib.h>

#include "client/cli/lab/simulate.h"

struct quartiles simulation_quartiles(const struct simulation *s, size_t contestant, simulation_measure *m,
				      int forecast, size_t at)
{
	double *x = cli_memory(malloc(s->repeats * sizeof *x));
	for (uint32_t i = 0; i < s->repeats; i++)
		x[i] = m(simulation_result(s, contestant, i), forecast, at);
	struct quartiles q = stats_quartiles(x, s->repeats);
	free(x);
	return q;
}

void simulation_put(const struct simulation *s, struct json_out *j, const char *key, size_t contestant,
		    simulation_measure *m, int forecast)
{
	struct quartiles q = simulation_quartiles(s, contestant, m, forecast, 0);
	cli_json_open(j, key, '{');
	cli_json_real(j, "median", q.median);
	cli_json_real(j, "q1", q.low);
	cli_json_real(j, "q3", q.high);
	json_out_close(j, '}');
}

const struct game_result *simulation_bound(const struct simulation *s, size_t contestant)
{
	const struct game_result *most = NULL;
	for (uint32_t i = 0; i < s->repeats; i++) {
		const struct game_result *r = simulation_result(s, contestant, i);
		if (!isnan(r->bound_used) && !(most && r->bound_used <= most->bound_used))
			most = r;
	}
	return most;
}
