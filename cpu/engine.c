// Makes and frees engines.
#include "api.h"

#include "engine.h"

#include <stdlib.h>
#include <string.h>

static void *zeros(int64_t count, size_t size) {
    size_t bytes = ((size_t)count * size + LINE - 1) / LINE * LINE + LINE;
    void *memory = aligned_alloc(LINE, bytes);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}

// The panels of `rows` rows that worker `number` of `threads` has.
static struct rows share(int64_t rows, int panel, int threads, int number) {
    int64_t panels = padded(rows, panel) / panel;
    struct rows r = {panels * number / threads * panel, panels * (number + 1) / threads * panel, 0};
    r.end = r.to < rows ? r.to : rows;
    return r;
}

static int prepare(struct worker *w, struct engine *e, int number) {
    const struct model *m = e->model;
    int panel = e->kernel->panel, ok = 1;
    int64_t most = padded(m->inner > m->hidden ? m->inner : m->hidden, PAD) + PAD;
    w->engine = e;
    w->number = number;
    w->hidden = share(m->hidden, panel, e->threads, number);
    w->inner = share(m->inner, panel, e->threads, number);
    w->vocabulary = share(m->vocabulary, panel, e->threads, number);
    ok &= (w->m.mantissa = zeros(most, 4)) != NULL;
    ok &= (w->v = zeros(most, 8)) != NULL;
    ok &= (w->codes.code = zeros(most, 1)) != NULL;
    for (int n = 0; n < 3; n++) ok &= (w->sums[n] = zeros(most, 4)) != NULL;
    ok &= (w->candidate = zeros(most, 4)) != NULL;
    w->sampler.from = w->vocabulary.from;
    w->sampler.to = w->vocabulary.end;
    w->sampler.part = (w->sampler.to - w->sampler.from + STREAMS - 1) / STREAMS;
    sampler_prepare(&w->sampler, m->vocabulary);
    return ok;
}

struct engine *engine_new(const struct model *model, int kernel, int threads) {
    struct engine *e = zeros(1, sizeof *e);
    if (e == NULL) return NULL;
    e->model = model;
    e->kernel = kernels[kernel];
    e->threads = e->barrier.threads = threads;
    e->width = padded(model->hidden, PAD);
    int64_t most = model->inner > model->hidden ? padded(model->inner, PAD) : e->width;
    int64_t vocabulary = padded(model->vocabulary, PAD);
    int ok = (e->residual = zeros(e->width, 8)) != NULL;
    ok &= (e->product = zeros(most, 8)) != NULL;
    ok &= (e->state = zeros(model->layers * e->width, 8)) != NULL;
    ok &= (e->head_sums = zeros(vocabulary, 4)) != NULL;
    ok &= (e->logits = zeros(vocabulary, 4)) != NULL;
    ok &= (e->workers = zeros(threads, sizeof *e->workers)) != NULL;
    for (int n = 0; ok && n < threads; n++) ok = prepare(&e->workers[n], e, n);
    if (ok) return e;
    engine_free(e);
    return NULL;
}

void engine_free(struct engine *e) {
    for (int n = 0; e->workers != NULL && n < e->threads; n++) {
        struct worker *w = &e->workers[n];
        free(w->m.mantissa), free(w->v), free(w->codes.code), free(w->candidate);
        for (int k = 0; k < 3; k++) free(w->sums[k]);
    }
    free(e->workers), free(e->residual), free(e->product), free(e->state);
    free(e->head_sums), free(e->logits);
    free(e);
}
