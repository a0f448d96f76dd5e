// What happens to single elements: golden.scale, sigmoid, silu, mlgru, gate and energy.
#ifndef ELEMENTWISE_H
#define ELEMENTWISE_H

#include "integer.h"
#include "norm.h"

// What turns a matrix's sums into fixed point of some bits; a shift to the left is in the
// mantissa. `fits` says that no sum there can be leaves the bits.
struct scale {
    int64_t mantissa, half;
    int places, fits;
};

static inline struct scale scale_of(const struct codes *codes, int frac, int bits) {
    int places = -(codes->exponent + frac);
    struct scale s = {codes->mantissa, 0, 0, 0};
    if (places > 0) {
        s.places = places < 54 ? places : 54;
        s.half = (int64_t)1 << (s.places - 1);
    } else {
        s.mantissa = shift_left(s.mantissa, places < -8 ? 8 : -places);
    }
    s.fits = (127 * codes->inputs * s.mantissa + s.half) >> s.places < limit_of(bits);
    return s;
}

static inline wide scaled(const int32_t *sums, struct scale s, int bits) {
    wide x = (times(load_32(sums), all(s.mantissa)) + s.half) >> s.places;
    return s.fits ? x : saturate(x, bits);
}

// sigmoid(a) with SIGMOID_FRAC fraction bits; a piece of the table is slope << 32 | base.
static inline wide sigmoid(const int64_t *table, wide a) {
    enum { FINE = VALUE_FRAC + SIGMOID_RANGE_BITS - SIGMOID_INDEX_BITS };
    wide top = all(((int64_t)1 << (VALUE_FRAC + SIGMOID_RANGE_BITS)) - 1);
    wide size = least(size_of(a), top), piece = look_up(table, size >> FINE);
    wide rise = times(upper(piece), size & (((int64_t)1 << FINE) - 1)) >> FINE;
    wide y = (piece & 0xFFFFFFFF) + rise;
    return if_negative(a, ((int64_t)1 << SIGMOID_FRAC) - y, y);
}

static inline wide silu(const int64_t *table, wide a) {
    return round_off(times(a, sigmoid(table, a)), SIGMOID_FRAC);
}

// 1 - forget gate: (1 - floor) sigmoid(-forget)
static inline wide renewal(const int64_t *table, wide forget, wide floors) {
    return round_off(times(floors, sigmoid(table, -forget)), FLOOR_BITS);
}

static inline wide mlgru(wide candidate, wide renewal, wide state) {
    enum { LIFT = STATE_FRAC - VALUE_FRAC };
    wide difference = saturate(round_off((candidate << LIFT) - state, LIFT), VALUE_BITS);
    wide step = round_off(times(difference, renewal), VALUE_FRAC + SIGMOID_FRAC - STATE_FRAC);
    return saturate(state + step, STATE_BITS);
}

static inline wide gate(wide a, wide b) {
    return saturate(round_off(times(a, b), 2 * VALUE_FRAC - PRODUCT_FRAC), PRODUCT_BITS);
}

static inline wide energy_of(wide a) {
    wide e = saturate(round_off(a, VALUE_FRAC - ENERGY_FRAC), ENERGY_BITS);
    return times(e, e);
}

#endif
