// Runs an engine's workers, one a thread, the first in the caller's.
#include "api.h"

#include "engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
    void (*work)(struct worker *w, struct job *job);
    atomic_int gate; // 0: wait, 1: go, -1: the threads are not complete, give up
    const int64_t *prompt;
    int64_t prompt_count, count, bytes;
    int32_t temperature;
    uint64_t seed_state;
    int64_t *tokens;
    const uint8_t *memory;
    double *times;
};

struct start {
    struct worker *worker;
    struct job *job;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *enter(void *argument) {
    struct start *start = argument;
    int go;
    while (!(go = atomic_load_explicit(&start->job->gate, memory_order_acquire))) sched_yield();
    if (go > 0) start->job->work(start->worker, start->job);
    return NULL;
}

static int run(struct engine *e, struct job *job) {
    pthread_t *threads = malloc((size_t)e->threads * sizeof *threads);
    struct start *starts = malloc((size_t)e->threads * sizeof *starts);
    int started = 1;
    while (threads && starts && started < e->threads) {
        starts[started] = (struct start){&e->workers[started], job};
        if (pthread_create(&threads[started], NULL, enter, &starts[started])) break;
        started++;
    }
    int complete = threads && starts && started == e->threads;
    atomic_store_explicit(&job->gate, complete ? 1 : -1, memory_order_release);
    if (complete) job->work(&e->workers[0], job);
    for (int n = 1; n < started; n++) pthread_join(threads[n], NULL);
    free(threads);
    free(starts);
    return complete ? 0 : -1;
}

static void stamp(struct worker *w, struct job *job, int64_t place) {
    if (w->number == 0) job->times[place] = now();
}

static void generate(struct worker *w, struct job *job) {
    int64_t place = 0, token = 0;
    sampler_seed(&w->sampler, job->seed_state);
    barrier_wait(&w->engine->barrier);
    stamp(w, job, place++);
    for (int64_t n = 0; n < job->prompt_count - 1; n++) {
        read_token(w, job->prompt[n]);
        stamp(w, job, place++);
    }
    token = job->prompt[job->prompt_count - 1];
    for (int64_t n = 0; n < job->count; n++) {
        read_token(w, token);
        token = next_token(w, job->temperature);
        if (w->number == 0) job->tokens[n] = token;
        stamp(w, job, place++);
    }
}

static void multiply_only(struct worker *w, struct job *job) {
    barrier_wait(&w->engine->barrier);
    stamp(w, job, 0);
    for (int64_t n = 0; n < job->count; n++) {
        products_only(w);
        stamp(w, job, n + 1);
    }
}

// The sum is a result, so that no compiler leaves out the reading.
static uint64_t read_all(const uint8_t *memory, int64_t bytes) {
    uint64_t sum = 0, word;
    for (int64_t n = 0; n + 8 <= bytes; n += 8) {
        memcpy(&word, memory + n, 8);
        sum += word;
    }
    return sum;
}

static void read_only(struct worker *w, struct job *job) {
    int64_t part = job->bytes / w->engine->threads / 64 * 64;
    barrier_wait(&w->engine->barrier);
    stamp(w, job, 0);
    for (int64_t n = 0; n < job->count; n++) {
        w->energy = (int64_t)read_all(job->memory + w->number * part, part);
        barrier_wait(&w->engine->barrier);
        stamp(w, job, n + 1);
    }
}

int engine_generate(struct engine *e, const int64_t *prompt, int64_t prompt_count, int64_t count,
                    int32_t temperature, uint64_t seed_state, int64_t *tokens, double *times) {
    struct job job = {.work = generate, .prompt = prompt, .prompt_count = prompt_count,
                      .count = count, .temperature = temperature, .seed_state = seed_state,
                      .tokens = tokens, .times = times};
    memset(e->state, 0, (size_t)(e->model->layers * e->width) * sizeof *e->state);
    return run(e, &job);
}

int engine_products(struct engine *e, int64_t count, double *times) {
    struct job job = {.work = multiply_only, .count = count, .times = times};
    return run(e, &job);
}

int engine_read(struct engine *e, const uint8_t *memory, int64_t bytes, int64_t count,
                double *times) {
    struct job job = {.work = read_only, .memory = memory, .bytes = bytes, .count = count,
                      .times = times};
    return run(e, &job);
}

const int32_t *engine_logits(const struct engine *e) { return e->logits; }

const int64_t *engine_state(const struct engine *e, int64_t *width) {
    *width = e->width;
    return e->state;
}
