// A whole token, as in model/golden.py.
#include "engine.h"

#include "elementwise.h"

static void meet(struct worker *w) { barrier_wait(&w->engine->barrier); }

static void multiply(struct worker *w, const struct matrix *m, struct rows r, int32_t *sums) {
    w->engine->kernel->product(m->weights, m->inputs, w->codes.code, w->codes.sum, r.from, r.to,
                               sums);
}

static void encode(struct worker *w, const struct norm *norm, int64_t n, int64_t energy) {
    make_codes(&w->m, n, norm, energy, &w->squares, w->v, &w->codes);
}

static void embed(struct worker *w, int64_t token) {
    const struct model *m = w->engine->model;
    const int32_t *embedding = m->embedding + token * m->hidden;
    for (int64_t r = w->hidden.from; r < w->hidden.end; r++)
        w->engine->residual[r] = shift_left(embedding[r], (int)m->embedding_shift);
}

static void silus(const int64_t *table, struct rows rows, const int32_t *sums, struct scale s,
                  int32_t *out) {
    for (int64_t r = rows.from; r < rows.to; r += WIDE)
        store_32(out + r, silu(table, scaled(sums + r, s, VALUE_BITS)));
}

static void mix(const int64_t *table, struct rows rows, const int32_t *candidate,
                const int32_t *sums, struct scale s, const int32_t *floors, int64_t *state) {
    for (int64_t r = rows.from; r < rows.to; r += WIDE) {
        wide forget = scaled(sums + r, s, VALUE_BITS);
        wide keep = renewal(table, forget, load_32(floors + r));
        store_64(state + r, mlgru(load_32(candidate + r), keep, load_64(state + r)));
    }
}

// product = g swish(state); returns the energy of g.
static int64_t gate_state(const int64_t *table, struct rows rows, const int64_t *state,
                          const int32_t *sums, struct scale s, int64_t *product) {
    wide energy = all(0);
    for (int64_t r = rows.from; r < rows.to; r += WIDE) {
        wide value = saturate(round_off(load_64(state + r), STATE_FRAC - VALUE_FRAC), VALUE_BITS);
        wide g = scaled(sums + r, s, VALUE_BITS);
        store_64(product + r, gate(g, silu(table, value)));
        energy += energy_of(g);
    }
    return sum_of(energy);
}

static void gate_halves(const int64_t *table, struct rows rows, const int32_t *left,
                        const int32_t *right, struct scale s, int64_t *product) {
    for (int64_t r = rows.from; r < rows.to; r += WIDE) {
        wide swish = silu(table, scaled(left + r, s, VALUE_BITS));
        store_64(product + r, gate(scaled(right + r, s, VALUE_BITS), swish));
    }
}

static void add_rows(struct rows rows, const int32_t *sums, struct scale s, int64_t *residual) {
    for (int64_t r = rows.from; r < rows.to; r += WIDE) {
        wide update = scaled(sums + r, s, RESIDUAL_BITS);
        store_64(residual + r, saturate(load_64(residual + r) + update, RESIDUAL_BITS));
    }
}

// residual += what the matrix makes of the codes
static void add(struct worker *w, const struct matrix *matrix) {
    multiply(w, matrix, w->hidden, w->sums[0]);
    struct scale s = scale_of(&w->codes, RESIDUAL_FRAC, RESIDUAL_BITS);
    add_rows(w->hidden, w->sums[0], s, w->engine->residual);
    meet(w);
}

static int64_t energy_of_all(const struct engine *e) {
    int64_t energy = 0;
    for (int n = 0; n < e->threads; n++) energy += e->workers[n].energy;
    return energy;
}

static void token_mixer(struct worker *w, const struct layer *layer, int64_t *state) {
    struct engine *e = w->engine;
    const int64_t *table = e->model->sigmoid, d = e->model->hidden;
    struct scale s[3];
    take_mantissas(e->residual, d, &w->m);
    for (int n = 0; n < 3; n++) {
        encode(w, &layer->norms[NORM_I + n], d, 0);
        s[n] = scale_of(&w->codes, VALUE_FRAC, VALUE_BITS);
        multiply(w, &layer->matrices[MATRIX_I + n], w->hidden, w->sums[n]);
    }
    silus(table, w->hidden, w->sums[0], s[0], w->candidate);
    mix(table, w->hidden, w->candidate, w->sums[1], s[1], layer->norms[NORM_F].floors, state);
    w->energy = gate_state(table, w->hidden, state, w->sums[2], s[2], e->product);
    meet(w);
    take_mantissas(e->product, d, &w->m);
    encode(w, &layer->norms[NORM_O], d, energy_of_all(e));
    add(w, &layer->matrices[MATRIX_O]);
}

static void channel_mixer(struct worker *w, const struct layer *layer) {
    struct engine *e = w->engine;
    take_mantissas(e->residual, e->model->hidden, &w->m);
    encode(w, &layer->norms[NORM_GATE], e->model->hidden, 0);
    struct scale s = scale_of(&w->codes, VALUE_FRAC, VALUE_BITS);
    multiply(w, &layer->matrices[GATE_A], w->inner, w->sums[0]);
    multiply(w, &layer->matrices[GATE_B], w->inner, w->sums[1]);
    gate_halves(e->model->sigmoid, w->inner, w->sums[0], w->sums[1], s, e->product);
    meet(w);
    take_mantissas(e->product, e->model->inner, &w->m);
    encode(w, &layer->norms[NORM_DOWN], e->model->inner, 0);
    add(w, &layer->matrices[MATRIX_DOWN]);
}

void read_token(struct worker *w, int64_t token) {
    const struct model *m = w->engine->model;
    embed(w, token);
    meet(w);
    for (int64_t n = 0; n < m->layers; n++) {
        token_mixer(w, &m->layer[n], w->engine->state + n * w->engine->width);
        channel_mixer(w, &m->layer[n]);
    }
}

int64_t next_token(struct worker *w, int32_t temperature) {
    struct engine *e = w->engine;
    take_mantissas(e->residual, e->model->hidden, &w->m);
    encode(w, &e->model->head_norm, e->model->hidden, 0);
    multiply(w, &e->model->head, w->vocabulary, e->head_sums);
    struct scale s = scale_of(&w->codes, LOGIT_FRAC, LOGIT_BITS);
    for (int64_t r = w->vocabulary.from; r < w->vocabulary.to; r += WIDE)
        store_32(e->logits + r, scaled(e->head_sums + r, s, LOGIT_BITS));
    w->best = sample(&w->sampler, e->model, e->logits, temperature);
    meet(w);
    struct best best = e->workers[0].best;
    for (int n = 1; n < e->threads; n++)
        if (e->workers[n].best.score > best.score) best = e->workers[n].best;
    return best.token;
}

void products_only(struct worker *w) {
    const struct model *m = w->engine->model;
    for (int64_t n = 0; n < m->layers; n++)
        for (int k = 0; k < MATRICES; k++)
            multiply(w, &m->layer[n].matrices[k], k == GATE_A || k == GATE_B ? w->inner : w->hidden,
                     w->sums[0]);
    multiply(w, &m->head, w->vocabulary, w->engine->head_sums);
    meet(w);
}
