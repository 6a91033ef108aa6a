/* elementary.h - exp and ln from + - * / and shifts of the exponent alone, so that they give the same bits with every
 * compiler and C library. Each is off by less than 5e-16 of the larger of 0.001 and the result. Pure. */
#ifndef CANDOR_ELEMENTARY_H
#define CANDOR_ELEMENTARY_H

/* e^x for x <= 0; 0 for x < -700. */
double elementary_exp(double x);

/* The natural logarithm of a normal x > 0. */
double elementary_ln(double x);

#endif
