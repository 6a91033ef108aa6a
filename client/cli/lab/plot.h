/* plot.h - plots of curves, drawn by gnuplot. */
#ifndef CANDOR_CLI_PLOT_H
#define CANDOR_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct plot_curve {
	const char *name;
	size_t n;
	const double *x, *y; /* [n]; where a log axis cannot show a point, or it is NaN, the curve has a gap */
	bool dashed; /* for those that the others are compared with */
};

struct plot {
	const char *title, *x_title, *y_title;
	bool log_x, log_y;
	size_t n;
	const struct plot_curve *curves; /* [n] */
};

/* NULL if a file can be drawn to, by its name; else a static sentence that says what it should end with. */
const char *plot_file_fault(const char *path);

/* 0 where gnuplot runs; -ENOENT where it is not installed; or another negative errno. */
MUST_CHECK int plot_available(void);

/* Points of a curve that can be drawn. */
size_t plot_points(const struct plot *p, const struct plot_curve *c);

/* Draws to a file .svg or .png, which it replaces; after an error there is none. 0, or a negative errno: -ENODATA where
 * no point can be shown, what opening the file says, or -EIO where gnuplot failed (its message goes to
 * stderr). */
MUST_CHECK int plot_draw(const struct plot *p, const char *path);

#endif
