// The engine: a model, a kernel, and one worker a thread.
//
// Every worker normalises whole vectors for itself, which is cheaper than to wait for others, and
// multiplies and finishes its own rows; so a layer needs four barriers.
#ifndef ENGINE_H
#define ENGINE_H

#include "barrier.h"
#include "kernel.h"
#include "norm.h"
#include "sampler.h"

struct rows {
    int64_t from, to, end; // whole panels; `end` leaves out the rows of padding
};

struct worker {
    struct engine *engine;
    int number;
    struct rows hidden, inner, vocabulary;
    // of its own: whole vectors
    struct mantissas m;
    int64_t *v;
    struct codes codes;
    int64_t squares;
    // of its own: its rows
    int32_t *sums[3], *candidate;
    struct sampler sampler;
    // what others read
    _Alignas(64) int64_t energy;
    struct best best;
};

struct engine {
    const struct model *model;
    const struct kernel *kernel;
    int threads;
    struct worker *workers;
    int64_t width;                       // d, padded
    int64_t *residual, *product, *state; // [d], [I], [L, width]
    int32_t *head_sums, *logits;         // [V]
    struct barrier barrier;
};

// Reads a token: residual and state, everything but the head.
void read_token(struct worker *w, int64_t token);

// The token that follows: head and sampler. The same for all workers.
int64_t next_token(struct worker *w, int32_t temperature);

// All products of a token and nothing else, with the codes that lie there.
void products_only(struct worker *w);

#endif
