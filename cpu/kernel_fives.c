// Five trits a byte, as dense as in the tape of the hardware, for models that memory feeds.
//
// A panel is two vectors of rows: [inputs / 20][2 LANES rows][4], a byte of which has the inputs
// k, k + 4, ... k + 16 of its row. A byte y is a fraction whose leading digit to base 3 is
// trit + 1: the two upper bits of 3/4 y, which two averages make. 3 y + 2 brings up the next digit;
// the 2 makes up for the averages' rounding, so that all 243 combinations have a byte. Digits
// count 64 times, which is exact and fits 32 bits up to 130,000 inputs.
#include "dot.h"
#include "kernel.h"

#ifdef HAVE_DOT

enum { PANEL = 2 * LANES, FIELDS = 5, STEP = 4 * FIELDS, COMBINATIONS = 243 };

static unsigned half_up(unsigned a, unsigned b) { return (a + b + 1) >> 1; }

// Digits of a byte as one number, the first digit the highest; COMBINATIONS or more if one is 3.
static unsigned digits_of(unsigned y) {
    unsigned digits = 0;
    for (int n = 0; n < FIELDS; n++) {
        unsigned digit = half_up(y, half_up(y, 0)) >> 6;
        digits = digit < 3 ? 3 * digits + digit : 2 * COMBINATIONS;
        y = (3 * y + 2) & 255;
    }
    return digits;
}

static void pack(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    int64_t width = padded(inputs, STEP);
    uint8_t code[COMBINATIONS] = {0};
    for (unsigned y = 0; y < 256; y++)
        if (digits_of(y) < COMBINATIONS) code[digits_of(y)] = (uint8_t)y;
    for (int64_t r = 0; r < padded(rows, PANEL); r++)
        for (int64_t k = 0; k < width / FIELDS; k++) {
            int64_t first = k / 4 * STEP + k % 4;
            int digits = 0;
            for (int64_t n = first; n < first + STEP; n += 4)
                digits = 3 * digits + 1 + (r < rows && n < inputs ? trits[r * inputs + n] : 0);
            weights[r / PANEL * PANEL * width / FIELDS + (k / 4 * PANEL + r % PANEL) * 4 + k % 4] =
                code[digits];
        }
}

static void product(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out) {
    int64_t width = padded(inputs, STEP);
    const uint8_t *w = weights + from * width / FIELDS;
    vector upper = all_words((int32_t)0xC0C0C0C0), two = all_words(0x02020202);
    vector none = all_words(0);
    for (int64_t r = from; r < to; r += PANEL) {
        vector total[2][FIELDS];
        for (int n = 0; n < FIELDS; n++) total[0][n] = total[1][n] = none;
        for (int64_t k = 0; k < width; k += STEP, w += 4 * PANEL) {
            vector y[2] = {load(w), load(w + 4 * LANES)};
            fetch_ahead(w, 4 * PANEL);
            for (int n = 0; n < FIELDS; n++) {
                vector x = all_words(four_codes(codes + k + 4 * n));
                for (int half = 0; half < 2; half++) {
                    vector digit = both(average(y[half], average(y[half], none)), upper);
                    total[half][n] = dot(total[half][n], digit, x);
                    y[half] = plus_bytes(plus_bytes(y[half], y[half]), plus_bytes(y[half], two));
                }
            }
        }
        for (int half = 0; half < 2; half++) {
            vector all = plus(plus(total[half][0], total[half][1]),
                              plus(plus(total[half][2], total[half][3]), total[half][4]));
            store(out + r + half * LANES, minus(right(all, 6), all_words(sum)));
        }
    }
}

const struct kernel kernel_fives = {"fives", PANEL, STEP, FIELDS, pack, product};

#endif
