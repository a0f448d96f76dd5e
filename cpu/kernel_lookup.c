// Tables instead of products: two trits are an index of four bits, and one shuffle looks up the
// sum of their two codes for a byte of every row.
//
// A panel is a row a byte of a vector: [inputs / 4][rows], the low four bits of a byte for the
// inputs k and k + 1, the high four for k + 2 and k + 3; an index is 3 (t0 + 1) + t1 + 1. Sums
// reach 254, so a table has low and high bytes; sums of 16 bits hold BLOCK inputs.
#include "dot.h"
#include "kernel.h"

#if defined(__AVX2__)

enum { STEP = 4, BLOCK = 256 };

#if defined(__AVX512BW__)
enum { PANEL = 64 };
typedef __m512i bytes;
#define AVX(name) _mm512_##name
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, x) _mm512_storeu_si512(p, x)
#define TABLE(p) _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(p)))
#define AND(a, b) _mm512_and_si512(a, b)
#else
enum { PANEL = 32 };
typedef __m256i bytes;
#define AVX(name) _mm256_##name
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define TABLE(p) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(p)))
#define AND(a, b) _mm256_and_si256(a, b)
#endif

static void pack(const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights) {
    int64_t width = padded(inputs, STEP);
    for (int64_t r = 0; r < padded(rows, PANEL); r++)
        for (int64_t k = 0; k < width; k += STEP) {
            int t[STEP];
            for (int n = 0; n < STEP; n++)
                t[n] = 1 + (r < rows && k + n < inputs ? trits[r * inputs + k + n] : 0);
            weights[(r / PANEL * width + k) / STEP * PANEL + r % PANEL] =
                (uint8_t)(3 * t[0] + t[1] + (3 * t[2] + t[3]) * 16);
        }
}

// Low bytes, then high bytes, of the nine sums of two codes.
static inline void make_table(const int8_t *codes, uint8_t *table) {
    for (int n = 0; n < 9; n++) {
        int sum = (n / 3 - 1) * codes[0] + (n % 3 - 1) * codes[1];
        table[n] = (uint8_t)sum;
        table[16 + n] = (uint8_t)(sum >> 8);
    }
}

// Adds what the indices of a panel select to its sums: rows 0-7 and 8-15 of every 16 apart.
static inline void add(bytes index, const uint8_t *table, bytes total[2]) {
    bytes low = AVX(shuffle_epi8)(TABLE(table), index);
    bytes high = AVX(shuffle_epi8)(TABLE(table + 16), index);
    total[0] = AVX(add_epi16)(total[0], AVX(unpacklo_epi8)(low, high));
    total[1] = AVX(add_epi16)(total[1], AVX(unpackhi_epi8)(low, high));
}

static void add_out(const bytes total[2], int32_t *out) {
    int16_t sums[2][PANEL / 2];
    STORE(sums[0], total[0]);
    STORE(sums[1], total[1]);
    for (int n = 0; n < PANEL; n++) out[n] += sums[n / 8 % 2][n / 16 * 8 + n % 8];
}

static void product(const uint8_t *weights, int64_t inputs, const int8_t *codes, int32_t sum,
                    int64_t from, int64_t to, int32_t *out) {
    (void)sum;
    int64_t width = padded(inputs, STEP);
    bytes low_bits = AVX(set1_epi8)(15);
    memset(out + from, 0, (size_t)(to - from) * sizeof *out);
    for (int64_t begin = 0; begin < width; begin += BLOCK) {
        int64_t count = width - begin < BLOCK ? width - begin : BLOCK;
        uint8_t tables[BLOCK / 2][32] = {{0}};
        for (int64_t k = 0; k < count; k += 2) make_table(codes + begin + k, tables[k / 2]);
        for (int64_t r = from; r < to; r += PANEL) {
            const uint8_t *w = weights + (r * width + begin * PANEL) / STEP;
            bytes even[2] = {AVX(set1_epi8)(0), AVX(set1_epi8)(0)}, odd[2] = {even[0], even[0]};
            for (int64_t k = 0; k < count; k += STEP, w += PANEL) {
                bytes index = LOAD(w);
                add(AND(index, low_bits), tables[k / 2], even);
                add(AND(AVX(srli_epi16)(index, 4), low_bits), tables[k / 2 + 1], odd);
            }
            add_out(even, out + r);
            add_out(odd, out + r);
        }
    }
}

const struct kernel kernel_lookup = {"lookup", PANEL, STEP, 4, pack, product};

#endif
