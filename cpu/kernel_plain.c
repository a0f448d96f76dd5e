// A trit a byte and plain C, which any compiler turns into what vectors its processor has.
//
// A panel is 16 rows: [inputs][16].
#include "kernel.h"

#include <string.h>

enum { PANEL = 16 };

static void pack(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    for (int64_t r = 0; r < padded(rows, PANEL); r++)
        for (int64_t k = 0; k < inputs; k++)
            weights[(r / PANEL * inputs + k) * PANEL + r % PANEL] =
                r < rows ? (uint8_t)trits[r * inputs + k] : 0;
}

static void product(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out) {
    (void)sum;
    for (int64_t r = from; r < to; r += PANEL) {
        const int8_t *w = (const int8_t *)weights + r * inputs;
        int32_t total[PANEL] = {0};
        for (int64_t k = 0; k < inputs; k++, w += PANEL)
            for (int n = 0; n < PANEL; n++) total[n] += w[n] * codes[k];
        memcpy(out + r, total, sizeof total);
    }
}

const struct kernel kernel_plain = {"plain", PANEL, 1, 1, pack, product};
