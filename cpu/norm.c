// golden.normalise, golden.scalars and golden.quantise; elements behind the last, up to
// a whole vector, are zeros and stay so.
#include "norm.h"

#include "integer.h"
#include "kernel.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { LIMIT = (1 << (MANTISSA_BITS - 1)) - 1 };

// Shifts and clipping cost most of these loops, so each loop is there twice: `exactly` for vectors
// in which something may leave its range, or that are shifted to the left, and without for the
// others, which are nearly all. What may happen is known from the largest element.

static inline void shift_all(const int64_t *x, int64_t n, struct shift by, int exactly,
                             int32_t *mantissa) {
    for (int64_t k = 0; k < n; k += WIDE) {
        wide element = load_64(x + k);
        if (exactly)
            store_32(mantissa + k, clip_low(shift_round(element, by), LIMIT));
        else
            store_32(mantissa + k, (element + by.half) >> by.right);
    }
}

void take_mantissas(const int64_t *x, int64_t n, struct mantissas *m) {
    wide largest = all(0);
    for (int64_t k = 0; k < n; k += WIDE) {
        wide element = load_64(x + k);
        largest = most(largest, element ^ (element >> 63)); // -y - 1 counts as y
    }
    int64_t y = most_of(largest);
    m->exponent = bit_length(y) - (MANTISSA_BITS - 1);
    struct shift by = shift_of(m->exponent);
    m->largest = by.left ? LIMIT : (y + by.half) >> by.right;
    if (by.left || m->largest >= LIMIT)
        shift_all(x, n, by, 1, m->mantissa);
    else
        shift_all(x, n, by, 0, m->mantissa);
}

// u is not saturated: the product of two numbers within their limits is within them.
static inline int64_t squares_of(const int32_t *mantissa, const int32_t *gain, int64_t n,
                                 int exactly) {
    wide squares = all(0);
    for (int64_t k = 0; k < n; k += WIDE) {
        wide s = round_off(load_32(mantissa + k), SUM_DROP);
        if (exactly) s = clip_low(s, (int32_t)limit_of(SUM_MANTISSA_BITS));
        wide u = round_off(times(s, load_32(gain + k)), SUM_GAIN_BITS - 1);
        squares += times(u, u);
    }
    return sum_of(squares);
}

static int64_t sum_of_squares(const struct mantissas *m, const int32_t *gain, int64_t n) {
    if (m->largest > LIMIT - (1 << SUM_DROP)) return squares_of(m->mantissa, gain, n, 1);
    return squares_of(m->mantissa, gain, n, 0);
}

// v = mantissa * gain; returns the largest |v|.
static int64_t apply_gains(const int32_t *mantissa, const int32_t *gain, int64_t n, int64_t *v) {
    wide largest = all(0);
    for (int64_t k = 0; k < n; k += WIDE) {
        wide x = times(load_32(mantissa + k), load_32(gain + k)) >> CODE_INPUT_DROP;
        largest = most(largest, size_of(x));
        store_64(v + k, x);
    }
    return most_of(largest);
}

// code = round(127 v / largest)
static inline int32_t quantise(const int64_t *v, int64_t n, struct shift by, int64_t reciprocal,
                               int exactly, int8_t *code) {
    wide sum = all(0);
    for (int64_t k = 0; k < n; k += WIDE) {
        wide w = load_64(v + k);
        w = exactly ? clip_low(shift_round(w, by), LIMIT) : (w + by.half) >> by.right;
        wide c = round_off(times(w, all(reciprocal)), RECIPROCAL_FRAC);
        sum += c;
        store_8(code + k, c);
    }
    return (int32_t)sum_of(sum);
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
    if (norm->sum_gain != NULL) *squares = sum_of_squares(m, norm->sum_gain, n);
    int64_t largest = apply_gains(m->mantissa, norm->code_gain, n, v);
    int code_shift = bit_length(largest) - (MANTISSA_BITS - 1), half;
    struct shift by = shift_of(code_shift);
    int64_t top = (shift_left(largest, by.left) + by.half) >> by.right;
    int exactly = by.left || top > LIMIT;
    top = top < LIMIT ? top : LIMIT;
    int64_t reciprocal = top > 0 ? ((int64_t)127 << RECIPROCAL_FRAC) / top : 0;
    codes->inputs = n;
    codes->sum = exactly ? quantise(v, n, by, reciprocal, 1, codes->code)
                         : quantise(v, n, by, reciprocal, 0, codes->code);
    memset(codes->code + n, 0, (size_t)(padded(n, PAD) + PAD - n)); // of a longer vector before

    int64_t root = root_of(*squares, m->exponent, energy, norm, &half);
    int64_t quotient = (norm->factor.mantissa * top << 2) / (root > 0 ? root : 1);
    int spare = bit_length(quotient) - SCALE_BITS;
    spare = spare > 0 ? spare : 0;
    codes->mantissa = root > 0 ? (int32_t)(quotient >> spare) : 0;
    codes->exponent = (int)norm->factor.exponent + code_shift - half - 2 + spare;
}
