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

// Variates of numbers of 32 bits.
static inline wide gumbel(const struct model *m, wide u) {
    enum { FINE = 31 - GUMBEL_STEP_BITS };
    wide upper = u >> 31, p = ((u ^ -upper) << 1 | 1) & 0xFFFFFFFF;
    wide octave = leading_zeros(p) - 32, normal = (p << octave) & 0x7FFFFFFF;
    wide place = (normal >> (FINE - GUMBEL_PLACE_BITS)) & ((1 << GUMBEL_PLACE_BITS) - 1);
    wide index = (upper << GUMBEL_OCTAVE_BITS | octave) << GUMBEL_STEP_BITS | normal >> FINE;
    return look_up_32(m->gumbel_base, index) +
           (times(look_up_32(m->gumbel_slope, index), place) >> GUMBEL_PLACE_BITS);
}

// The greatest score, of equal ones that of the first token.
static struct best first_of(wide score, wide token) {
    struct best best = {score[0], token[0]};
    for (int n = 1; n < WIDE; n++)
        if (score[n] > best.score || (score[n] == best.score && token[n] < best.token))
            best = (struct best){score[n], token[n]};
    return best;
}

static struct best draw(struct sampler *s, const struct model *m, const int32_t *logits,
                        int32_t temperature) {
    wide best = all(INT64_MIN / 2), best_token = all(0), token;
    unsigned_wide state;
    for (int n = 0; n < STREAMS; n++) token[n] = s->from + n * s->part, state[n] = s->state[n];
    for (int64_t k = 0; k < s->part; k++, token += 1) {
        state ^= state << STEP_A;
        state ^= state >> STEP_B;
        state ^= state << STEP_C;
        wide noise = times(all(temperature), gumbel(m, (wide)(state >> 32))) >> NOISE_DROP;
        wide inside = token - s->to, place = if_negative(inside, token, all(s->from));
        wide score = if_negative(inside, look_up_32(logits, place) + noise, best);
        best_token = if_negative(best - score, token, best_token);
        best = most(best, score);
    }
    for (int n = 0; n < STREAMS; n++) s->state[n] = jump(s, state[n]);
    return first_of(best, best_token);
}

static struct best greatest(const int32_t *logits, int64_t from, int64_t to) {
    wide best = all(INT64_MIN / 2), best_token = all(0), token;
    for (int n = 0; n < WIDE; n++) token[n] = from + n;
    int64_t k = from;
    for (; k + WIDE <= to; k += WIDE, token += WIDE) {
        wide score = load_32(logits + k);
        best_token = if_negative(best - score, token, best_token);
        best = most(best, score);
    }
    struct best found = first_of(best, best_token);
    for (; k < to; k++)
        if (logits[k] > found.score) found = (struct best){logits[k], k};
    return found;
}

struct best sample(struct sampler *s, const struct model *m, const int32_t *logits,
                   int32_t temperature) {
    if (temperature == 0) return greatest(logits, s->from, s->to);
    return draw(s, m, logits, temperature);
}
