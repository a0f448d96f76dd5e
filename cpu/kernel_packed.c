// Four trits a byte, as trit + 1 in two bits each, multiplied where they lie.
//
// A panel is two vectors of rows: [inputs / 16][2 LANES rows][4], a byte of which has the inputs
// k, k + 4, k + 8 and k + 12 of its row. A mask leaves one of the four, 1, 4, 16 or 64 times as
// large; so are its sums, which are exact multiples and fit 32 bits up to 130,000 inputs.
#include "dot.h"
#include "kernel.h"

#ifdef HAVE_DOT

enum { PANEL = 2 * LANES, FIELDS = 4, STEP = 4 * FIELDS };

static void pack(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    int64_t width = padded(inputs, STEP);
    memset(weights, 0, (size_t)(padded(rows, PANEL) * width / FIELDS));
    for (int64_t r = 0; r < padded(rows, PANEL); r++) {
        uint8_t *panel = weights + r / PANEL * PANEL * width / FIELDS + r % PANEL * 4;
        for (int64_t k = 0; k < width; k++) {
            int trit = r < rows && k < inputs ? trits[r * inputs + k] : 0;
            panel[k / STEP * 4 * PANEL + k % 4] |= (uint8_t)((trit + 1) << (2 * (k % STEP / 4)));
        }
    }
}

static inline vector together(const vector *total) {
    vector low = plus(total[0], right(total[1], 2));
    return plus(low, plus(right(total[2], 4), right(total[3], 6)));
}

static void product(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out) {
    int64_t width = padded(inputs, STEP);
    const uint8_t *w = weights + from * width / FIELDS;
    vector mask[FIELDS];
    for (int n = 0; n < FIELDS; n++) mask[n] = all_words((int32_t)(0x03030303u << (2 * n)));
    for (int64_t r = from; r < to; r += PANEL) {
        vector total[2][FIELDS];
        for (int n = 0; n < FIELDS; n++) total[0][n] = total[1][n] = all_words(0);
        for (int64_t k = 0; k < width; k += STEP, w += 4 * PANEL) {
            fetch_ahead(w, 4 * PANEL);
            vector first = load(w), second = load(w + 4 * LANES);
            for (int n = 0; n < FIELDS; n++) {
                vector x = all_words(four_codes(codes + k + 4 * n));
                total[0][n] = dot(total[0][n], both(first, mask[n]), x);
                total[1][n] = dot(total[1][n], both(second, mask[n]), x);
            }
        }
        store(out + r, minus(together(total[0]), all_words(sum)));
        store(out + r + LANES, minus(together(total[1]), all_words(sum)));
    }
}

const struct kernel kernel_packed = {"packed", PANEL, STEP, FIELDS, pack, product};

#endif
