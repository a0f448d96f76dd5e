// The integer operations that docs/numerics.md defines. Widths are macros with the names of
// common/formats.py, given by the compiler's command line.
#ifndef INTEGER_H
#define INTEGER_H

#include <stdint.h>

#define BIG 62 // bits of the sum of squares

// x clipped to a symmetric signed range of `bits` bits.
static inline int64_t saturate(int64_t x, int bits) {
    int64_t limit = ((int64_t)1 << (bits - 1)) - 1;
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}

static inline int64_t shift_left(int64_t x, int places) { return (int64_t)((uint64_t)x << places); }

// x / 2^places, halves up; places at least 0, and known when this is compiled.
static inline int64_t round_off(int64_t x, int places) {
    return places ? (x + ((int64_t)1 << (places - 1))) >> places : x;
}

// The same by a distance of either sign that is one for a whole vector.
struct shift {
    int left, right;
    int64_t half;
};

static inline struct shift shift_of(int places) {
    struct shift s = {places < 0 ? -places : 0, places > 0 ? places : 0, 0};
    s.half = s.right ? (int64_t)1 << (s.right - 1) : 0;
    return s;
}

static inline int64_t shift_round(int64_t x, struct shift s) {
    return (shift_left(x, s.left) + s.half) >> s.right;
}

// Position of the highest set bit of x >= 0, plus one; 0 for 0.
static inline int bit_length(int64_t x) { return x ? 64 - __builtin_clzll((uint64_t)x) : 0; }

// x >> places, or << for negative counts, of x >= 0; all ones where 62 bits do not hold it.
static inline int64_t shift_floor(int64_t x, int places) {
    int left = places < 0 ? (places < -BIG ? BIG : -places) : 0;
    if (bit_length(x) + left > BIG) return ((int64_t)1 << BIG) - 1;
    return places > 0 ? x >> (places > 63 ? 63 : places) : shift_left(x, left);
}

// A product whose factors fit 32 bits: one instruction where int64 times int64 is three.
static inline int64_t times(int32_t a, int32_t b) { return (int64_t)a * b; }

#endif
