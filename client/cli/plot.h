/* plot.h - curves in a picture, drawn by gnuplot. */
#ifndef CANDOR_CLI_PLOT_H
#define CANDOR_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct plot_curve {
	const char *name;
	size_t n;
	const double *x, *y; /* [n]; points that a log axis cannot show, and NaN, are left out */
	bool dashed; /* for what the others are to be held against */
};

struct plot {
	const char *title, *x_title, *y_title;
	bool log_x, log_y;
	size_t n;
	const struct plot_curve *curves; /* [n] */
};

/* NULL if a file can be drawn to, by its name; else a static sentence that says what it should end with. */
const char *plot_file_fault(const char *path);

/* Draws to a file .svg or .png, which it replaces; after an error there is none. 0, or a negative errno and *why, a
 * phrase that lives until the next call of the C library: -ENODATA where no point can be shown; what opening the file
 * says; -ENOENT where gnuplot is not installed; -EIO where it could not draw (what it says goes to stderr). */
MUST_CHECK int plot_draw(const struct plot *p, const char *path, const char **why);

#endif
