// Kernels and memory for Python.
#include "api.h"

#include "kernel.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

const char *kernel_name(int kernel) { return kernels[kernel] ? kernels[kernel]->name : NULL; }

int kernel_panel(int kernel) { return kernels[kernel]->panel; }

int64_t kernel_bytes_of(int kernel, int64_t rows, int64_t inputs) {
    return packed_bytes(kernels[kernel], rows, inputs);
}

void kernel_pack(int kernel, const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    kernels[kernel]->pack(trits, rows, inputs, weights);
}

void kernel_product(int kernel, const uint8_t *weights, int64_t inputs, const int8_t *codes,
                    int64_t from, int64_t to, int32_t *out) {
    int32_t sum = 0;
    for (int64_t k = 0; k < inputs; k++) sum += codes[k];
    kernels[kernel]->product(weights, inputs, codes, sum, from, to, out);
}

void *weights_new(int64_t bytes) {
    size_t size = (size_t)padded(bytes, (int64_t)LARGE_PAGE);
    void *memory = aligned_alloc(LARGE_PAGE, size);
#ifdef MADV_HUGEPAGE
    if (memory != NULL) madvise(memory, size, MADV_HUGEPAGE); // a wish: failing changes nothing
#endif
    return memory;
}

void weights_free(void *weights) { free(weights); }
