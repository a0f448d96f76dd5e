// golden.normalise, golden.scalars and golden.quantise; each loop is one that compilers vectorise.
#include "norm.h"

#include "integer.h"
#include "kernel.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void take_mantissas(const int64_t *x, int64_t n, struct mantissas *m) {
    int64_t bits = 0;
    for (int64_t k = 0; k < n; k++) bits |= x[k] ^ (x[k] >> 63);
    m->exponent = bit_length(bits) - (MANTISSA_BITS - 1);
    struct shift by = shift_of(m->exponent);
    int32_t *mantissa = m->mantissa;
    for (int64_t k = 0; k < n; k++)
        mantissa[k] = (int32_t)saturate(shift_round(x[k], by), MANTISSA_BITS);
}

static int64_t sum_of_squares(const int32_t *mantissa, const int32_t *gain, int64_t n) {
    int64_t squares = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t s = saturate(round_off(mantissa[k], SUM_DROP), SUM_MANTISSA_BITS);
        int64_t u = round_off(times((int32_t)s, gain[k]), SUM_GAIN_BITS - 1);
        u = saturate(u, SUM_MANTISSA_BITS);
        squares += times((int32_t)u, (int32_t)u);
    }
    return squares;
}

// v = mantissa * gain; returns the largest |v|.
static int64_t apply_gains(const int32_t *mantissa, const int32_t *gain, int64_t n, int64_t *v) {
    int64_t largest = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t x = times(mantissa[k], gain[k]) >> CODE_INPUT_DROP;
        int64_t size = x < 0 ? -x : x;
        largest = size > largest ? size : largest;
        v[k] = x;
    }
    return largest;
}

// code = round(127 v / largest)
static int32_t quantise(const int64_t *v, int64_t n, int code_shift, int64_t reciprocal,
                        int8_t *code) {
    struct shift by = shift_of(code_shift);
    int32_t sum = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t w = saturate(shift_round(v[k], by), MANTISSA_BITS);
        int32_t c = (int32_t)round_off(times((int32_t)w, (int32_t)reciprocal), RECIPROCAL_FRAC);
        sum += c;
        code[k] = (int8_t)c;
    }
    return sum;
}

// The square root of the sum of squares with its eps, times 2^half.
static int64_t root_of(int64_t squares, int exponent, int64_t energy, const struct norm *norm,
                       int *half) {
    int64_t small = shift_floor(energy * norm->energy.mantissa, (int)-norm->energy.exponent);
    small += shift_floor(norm->constant.mantissa, (int)-norm->constant.exponent);
    int64_t limit = ((int64_t)1 << BIG) - 1, total = squares + shift_floor(small, 2 * exponent);
    total = total < limit ? total : limit;
    *half = (bit_length(total) - 2 * SCALE_BITS + 1) >> 1;
    return (int64_t)sqrt((double)shift_floor(total, 2 * *half)); // exact: at most 2^44
}

void make_codes(const struct mantissas *m, int64_t n, const struct norm *norm, int64_t energy,
                int64_t *squares, int64_t *v, struct codes *codes) {
    if (norm->sum_gain != NULL) *squares = sum_of_squares(m->mantissa, norm->sum_gain, n);
    int64_t largest = apply_gains(m->mantissa, norm->code_gain, n, v);
    int code_shift = bit_length(largest) - (MANTISSA_BITS - 1), half;
    int64_t top = saturate(shift_round(largest, shift_of(code_shift)), MANTISSA_BITS);
    int64_t reciprocal = top > 0 ? ((int64_t)127 << RECIPROCAL_FRAC) / top : 0;
    codes->sum = quantise(v, n, code_shift, reciprocal, codes->code);
    memset(codes->code + n, 0, (size_t)(padded(n, PAD) - n)); // of a longer vector before

    int64_t root = root_of(*squares, m->exponent, energy, norm, &half);
    int64_t quotient = root > 0 ? (norm->factor.mantissa * top << 2) / root : 0;
    int spare = bit_length(quotient) - SCALE_BITS;
    spare = spare > 0 ? spare : 0;
    codes->mantissa = (int32_t)(quotient >> spare);
    codes->exponent = (int)norm->factor.exponent + code_shift - half - 2 + spare;
}
