// Ternary products: what a kernel offers.
//
// A kernel packs the trits of a matrix in its own way, in panels of `panel` rows, and multiplies
// any run of whole panels with a vector of codes. All sums are exact; those of rows that only fill
// a panel are 0.
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

// Vectors are padded to multiples of PAD elements. Codes behind the last input are 0, up to PAD
// elements behind that, for kernels whose steps are no powers of two.
#define PAD 64

struct kernel {
    const char *name;
    int panel;      // rows
    int inputs;     // of a step: inputs are padded to a multiple, with any trits
    int trits_byte; // in a byte of packed weights
    void (*pack)(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights);
    // out[r] = sum over k of trit[r][k] codes[k], rows from..to; `sum` is that of all codes
    void (*product)(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out);
};

extern const struct kernel kernel_plain, kernel_bytes, kernel_packed, kernel_fives,
    kernel_lookup;

// Kernels that this processor runs, the last one NULL.
extern const struct kernel *const kernels[];

static inline int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Asks for bytes that are read AHEAD later: the processor's own guess begins anew with each matrix,
// but the matrices of a token lie in order. What lies behind the last one is not read.
enum { LINE = 64, AHEAD = 4096 };

static inline void fetch_ahead(const uint8_t *weights, int bytes) {
    for (int n = 0; n < bytes; n += LINE) __builtin_prefetch(weights + AHEAD + n);
}

// Bytes of a packed matrix.
static inline int64_t packed_bytes(const struct kernel *k, int64_t rows, int64_t inputs) {
    return padded(rows, k->panel) * padded(inputs, k->inputs) / k->trits_byte;
}

#endif
