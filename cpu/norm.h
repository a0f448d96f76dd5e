// From a vector of the residual or of gated products to int8 codes and the scale of a matrix.
#ifndef NORM_H
#define NORM_H

#include "model.h"

// A vector by one exponent: x is about mantissa * 2^exponent.
struct mantissas {
    int32_t *mantissa; // [N]
    int exponent;
    int64_t largest; // that no mantissa exceeds
};

// What a matrix multiplies, and what its sums are multiplied with.
struct codes {
    int8_t *code;   // [N], 0 behind N up to PAD behind a multiple of PAD
    int32_t sum;    // of all codes
    int64_t inputs; // N
    int32_t mantissa;
    int exponent;
};

void take_mantissas(const int64_t *x, int64_t n, struct mantissas *m);

// The code inputs v [N] are scratch; `squares` is read where the norm has no gain of its sum.
void make_codes(const struct mantissas *m, int64_t n, const struct norm *norm, int64_t energy,
                int64_t *squares, int64_t *v, struct codes *codes);

#endif
