// Threads wait for each other some hundred thousand times a second: they spin, and give their core
// away only when they have waited for long, as when there are more threads than cores.
#ifndef BARRIER_H
#define BARRIER_H

#include <sched.h>
#include <stdatomic.h>

struct barrier {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint round;
    int threads;
};

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline void barrier_wait(struct barrier *b) {
    if (b->threads == 1) return;
    unsigned round = atomic_load_explicit(&b->round, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == b->threads - 1) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&b->round, round + 1, memory_order_release);
        return;
    }
    for (int spins = 0; atomic_load_explicit(&b->round, memory_order_acquire) == round; spins++) {
        relax();
        if (spins > 1000) sched_yield();
    }
}

#endif
