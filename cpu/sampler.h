// The greatest of logit + temperature * Gumbel variate, over a run of the vocabulary.
#ifndef SAMPLER_H
#define SAMPLER_H

#include "model.h"
#include "wide.h"

enum { STREAMS = WIDE, JUMP_BYTES = 8 };

// The generator takes one step a logit. A thread's run of logits is cut into STREAMS equal parts,
// each with a state of its own, which then jumps over the other logits to the next token.
struct sampler {
    int64_t from, to, part;
    uint64_t state[STREAMS];
    uint64_t jump[JUMP_BYTES][256];
};

struct best {
    int64_t score, token;
};

// The jump is linear over bits: one table a byte of the state.
void sampler_prepare(struct sampler *s, int64_t vocabulary);

// Begins at the generator's first state.
void sampler_seed(struct sampler *s, uint64_t state);

// The best of logits [from, to); temperature 0 draws nothing.
struct best sample(struct sampler *s, const struct model *m, const int32_t *logits,
                   int32_t temperature);

#endif
