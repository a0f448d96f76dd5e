// What happens to single elements: golden.scale, sigmoid, silu, mlgru, gate and energy.
#ifndef ELEMENTWISE_H
#define ELEMENTWISE_H

#include "integer.h"
#include "norm.h"

// What turns a matrix's sums into fixed point.
struct scale {
    int32_t mantissa;
    struct shift by;
};

static inline struct scale scale_of(const struct codes *codes, int frac) {
    int places = -(codes->exponent + frac);
    places = places < -8 ? -8 : places > 54 ? 54 : places;
    return (struct scale){codes->mantissa, shift_of(places)};
}

static inline int64_t scaled(int32_t sum, struct scale s, int bits) {
    return saturate(shift_round(times(sum, s.mantissa), s.by), bits);
}

// sigmoid(a) with SIGMOID_FRAC fraction bits; a piece of the table is slope << 32 | base.
static inline int32_t sigmoid(const int64_t *table, int32_t a) {
    enum { FINE = VALUE_FRAC + SIGMOID_RANGE_BITS - SIGMOID_INDEX_BITS };
    int32_t top = ((int32_t)1 << (VALUE_FRAC + SIGMOID_RANGE_BITS)) - 1;
    int32_t size = a < 0 ? -a : a;
    size = size < top ? size : top;
    int64_t piece = table[size >> FINE];
    int32_t y = (int32_t)piece +
                ((int32_t)(piece >> 32) * (size & (((int32_t)1 << FINE) - 1)) >> FINE);
    return a < 0 ? ((int32_t)1 << SIGMOID_FRAC) - y : y;
}

static inline int32_t silu(const int64_t *table, int32_t a) {
    return (int32_t)round_off(times(a, sigmoid(table, a)), SIGMOID_FRAC);
}

// 1 - forget gate: (1 - floor) sigmoid(-forget)
static inline int32_t renewal(const int64_t *table, int32_t forget, int32_t floors) {
    return (int32_t)round_off(times(floors, sigmoid(table, -forget)), FLOOR_BITS);
}

static inline int64_t mlgru(int32_t candidate, int32_t renewal, int64_t state) {
    enum { LIFT = STATE_FRAC - VALUE_FRAC };
    int64_t difference = saturate(round_off(shift_left(candidate, LIFT) - state, LIFT), VALUE_BITS);
    int64_t step = round_off(times((int32_t)difference, renewal),
                             VALUE_FRAC + SIGMOID_FRAC - STATE_FRAC);
    return saturate(state + step, STATE_BITS);
}

static inline int64_t gate(int32_t a, int32_t b) {
    return saturate(round_off(times(a, b), 2 * VALUE_FRAC - PRODUCT_FRAC), PRODUCT_BITS);
}

static inline int64_t energy_of(int32_t a) {
    int64_t e = saturate(round_off(a, VALUE_FRAC - ENERGY_FRAC), ENERGY_BITS);
    return times((int32_t)e, (int32_t)e);
}

#endif
