// The integer operations that docs/numerics.md defines. Widths are macros with the names of
// common/formats.py, given by the compiler's command line.
#ifndef INTEGER_H
#define INTEGER_H

#include "wide.h"

#define BIG 62 // bits of the sum of squares

static inline int64_t limit_of(int bits) { return ((int64_t)1 << (bits - 1)) - 1; }

// x clipped to a symmetric signed range of `bits` bits.
static inline wide saturate(wide x, int bits) {
    return most(least(x, all(limit_of(bits))), all(-limit_of(bits)));
}

static inline int64_t shift_left(int64_t x, int places) { return (int64_t)((uint64_t)x << places); }

// x / 2^places, halves up; places at least 0, and known when this is compiled.
static inline wide round_off(wide x, int places) {
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

static inline wide shift_round(wide x, struct shift s) { return ((x << s.left) + s.half) >> s.right; }

// Position of the highest set bit of x >= 0, plus one; 0 for 0.
static inline int bit_length(int64_t x) { return x ? 64 - __builtin_clzll((uint64_t)x) : 0; }

// x >> places, or << for negative counts, of x >= 0; all ones where 62 bits do not hold it.
static inline int64_t shift_floor(int64_t x, int places) {
    int left = places < 0 ? (places < -BIG ? BIG : -places) : 0;
    if (bit_length(x) + left > BIG) return ((int64_t)1 << BIG) - 1;
    return places > 0 ? x >> (places > 63 ? 63 : places) : shift_left(x, left);
}

#endif
