// A trit a byte, as trit + 1, and four products an instruction and lane.
//
// A panel is two vectors of rows: [inputs / 4][2 LANES rows][4]. Sums of (trit + 1) code are the
// sum of all codes too large. Eight sums run side by side, as one takes several clocks.
#include "dot.h"
#include "kernel.h"

#ifdef HAVE_DOT

enum { PANEL = 2 * LANES, WAYS = 4, STEP = 4 * WAYS };

static void pack(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    int64_t width = padded(inputs, STEP);
    for (int64_t r = 0; r < padded(rows, PANEL); r++)
        for (int64_t k = 0; k < width; k++) {
            int trit = r < rows && k < inputs ? trits[r * inputs + k] : 0;
            weights[r / PANEL * PANEL * width + (k / 4 * PANEL + r % PANEL) * 4 + k % 4] =
                (uint8_t)(trit + 1);
        }
}

static void product(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out) {
    int64_t width = padded(inputs, STEP);
    const uint8_t *w = weights + from * width;
    for (int64_t r = from; r < to; r += PANEL) {
        vector total[WAYS][2];
        for (int n = 0; n < WAYS; n++) total[n][0] = total[n][1] = all_words(0);
        for (int64_t k = 0; k < width; k += STEP)
            for (int n = 0; n < WAYS; n++, w += 4 * PANEL) {
                fetch_ahead(w, 4 * PANEL);
                vector x = all_words(four_codes(codes + k + 4 * n));
                total[n][0] = dot(total[n][0], load(w), x);
                total[n][1] = dot(total[n][1], load(w + 4 * LANES), x);
            }
        for (int half = 0; half < 2; half++) {
            vector low = plus(total[0][half], total[1][half]);
            vector high = plus(total[2][half], total[3][half]);
            store(out + r + half * LANES, minus(plus(low, high), all_words(sum)));
        }
    }
}

const struct kernel kernel_bytes = {"bytes", PANEL, STEP, 1, pack, product};

#endif
