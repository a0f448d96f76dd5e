// Single blocks for tests, which feed them what no text reaches.
#include "api.h"

#include "elementwise.h"
#include "kernel.h"

#include <stdlib.h>

int block_codes(const int64_t *x, int64_t n, const struct norm *norm, int64_t energy,
                int64_t *squares, int8_t *code, int64_t *scale) {
    size_t size = (size_t)padded(n, PAD);
    struct mantissas m = {calloc(size, 4), 0, 0};
    int64_t *v = calloc(size, 8);
    struct codes codes = {code, 0, 0, 0, 0};
    int ok = m.mantissa != NULL && v != NULL;
    if (ok) {
        take_mantissas(x, n, &m);
        make_codes(&m, n, norm, energy, squares, v, &codes);
        scale[0] = codes.mantissa, scale[1] = codes.exponent, scale[2] = codes.sum;
    }
    free(m.mantissa);
    free(v);
    return ok ? 0 : -1;
}

void block_scale(const int32_t *sums, int64_t n, int64_t inputs, int32_t mantissa, int exponent,
                 int frac, int bits, int64_t *out) {
    struct codes codes = {NULL, 0, inputs, mantissa, exponent};
    struct scale s = scale_of(&codes, frac, bits);
    for (int64_t k = 0; k < n; k += WIDE) store_64(out + k, scaled(sums + k, s, bits));
}

void block_elements(const struct model *m, int64_t n, const int32_t *a, const int32_t *b,
                    const int32_t *floors, const int64_t *state, int64_t *silus, int64_t *gates,
                    int64_t *states, int64_t *energies) {
    for (int64_t k = 0; k < n; k += WIDE) {
        wide x = load_32(a + k), y = load_32(b + k);
        wide keep = renewal(m->sigmoid, y, load_32(floors + k));
        store_64(silus + k, silu(m->sigmoid, x));
        store_64(gates + k, gate(x, y));
        store_64(states + k, mlgru(x, keep, load_64(state + k)));
        store_64(energies + k, energy_of(x));
    }
}
