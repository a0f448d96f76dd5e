// model/sampler.py and common/generator.py.
#include "sampler.h"

#include "integer.h"

static inline uint64_t step(uint64_t s) {
    s ^= s << STEP_A;
    s ^= s >> STEP_B;
    return s ^ s << STEP_C;
}

static uint64_t steps(uint64_t s, int64_t count) {
    for (int64_t n = 0; n < count; n++) s = step(s);
    return s;
}

static uint64_t jump(const struct sampler *s, uint64_t state) {
    uint64_t to = 0;
    for (int n = 0; n < JUMP_BYTES; n++) to ^= s->jump[n][state >> (8 * n) & 255];
    return to;
}

void sampler_prepare(struct sampler *s, int64_t vocabulary) {
    for (int n = 0; n < JUMP_BYTES; n++) {
        s->jump[n][0] = 0;
        for (int bit = 0; bit < 8; bit++) {
            uint64_t one = steps((uint64_t)1 << (8 * n + bit), vocabulary - s->part);
            for (int low = 0; low < 1 << bit; low++)
                s->jump[n][1 << bit | low] = s->jump[n][low] ^ one;
        }
    }
}

void sampler_seed(struct sampler *s, uint64_t state) {
    state = steps(state, s->from);
    for (int n = 0; n < STREAMS; n++) {
        s->state[n] = state;
        state = steps(state, s->part);
    }
}

// The uniforms of all logits of the run, and the states of the next token.
static void draw(struct sampler *s) {
    int64_t part = s->part;
    int32_t *uniform = s->uniform;
    uint64_t state[STREAMS];
    for (int n = 0; n < STREAMS; n++) state[n] = s->state[n];
    for (int64_t k = 0; k < part; k++)
        for (int n = 0; n < STREAMS; n++) {
            state[n] = step(state[n]);
            uniform[n * part + k] = (int32_t)(state[n] >> 32);
        }
    for (int n = 0; n < STREAMS; n++) s->state[n] = jump(s, state[n]);
}

static inline int32_t gumbel(const struct model *m, uint32_t u) {
    enum { FINE = 31 - GUMBEL_STEP_BITS };
    uint32_t upper = u >> 31, p = (upper ? ~u : u) << 1 | 1;
    uint32_t octave = (uint32_t)__builtin_clz(p), normal = (p << octave) & 0x7FFFFFFF;
    uint32_t place = (normal >> (FINE - GUMBEL_PLACE_BITS)) & ((1u << GUMBEL_PLACE_BITS) - 1);
    uint32_t index = (upper << GUMBEL_OCTAVE_BITS | octave) << GUMBEL_STEP_BITS | normal >> FINE;
    return m->gumbel_base[index] + (m->gumbel_slope[index] * (int32_t)place >> GUMBEL_PLACE_BITS);
}

// The first of the greatest.
static struct best greatest(const int32_t *score, int64_t from, int64_t to) {
    int32_t most = INT32_MIN;
    for (int64_t k = from; k < to; k++) most = score[k] > most ? score[k] : most;
    for (int64_t k = from; k < to; k++)
        if (score[k] == most) return (struct best){most, k};
    return (struct best){INT64_MIN, from};
}

struct best sample(struct sampler *s, const struct model *m, const int32_t *logits,
                   int32_t temperature) {
    if (temperature == 0) return greatest(logits, s->from, s->to);
    draw(s);
    struct best best = {INT64_MIN, 0};
    for (int64_t k = s->from; k < s->to; k++) {
        int64_t noise = gumbel(m, (uint32_t)s->uniform[k - s->from]);
        int64_t score = logits[k] + (temperature * noise >> NOISE_DROP);
        if (score > best.score) best = (struct best){score, k};
    }
    return best;
}
