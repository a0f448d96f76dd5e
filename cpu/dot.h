// Vectors of bytes and the product that all but the plain kernel is made of:
// dot(sum, w, x) adds to each 32-bit lane four products of unsigned w and signed x.
#ifndef DOT_H
#define DOT_H

#if defined(__AVX512VNNI__) || defined(__AVX2__)
#define HAVE_DOT 1
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

static inline int32_t four_codes(const int8_t *codes) {
    int32_t word;
    memcpy(&word, codes, 4);
    return word;
}

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
typedef __m512i vector;
enum { LANES = 16 };
static inline vector load(const void *p) { return _mm512_loadu_si512(p); }
static inline void store(void *p, vector x) { _mm512_storeu_si512(p, x); }
static inline vector both(vector a, vector b) { return _mm512_and_si512(a, b); }
static inline vector all_words(int32_t x) { return _mm512_set1_epi32(x); }
static inline vector plus(vector a, vector b) { return _mm512_add_epi32(a, b); }
static inline vector minus(vector a, vector b) { return _mm512_sub_epi32(a, b); }
static inline vector plus_bytes(vector a, vector b) { return _mm512_add_epi8(a, b); }
static inline vector average(vector a, vector b) { return _mm512_avg_epu8(a, b); }
#define right(x, places) _mm512_srai_epi32(x, places)
static inline vector dot(vector sum, vector w, vector x) { return _mm512_dpbusd_epi32(sum, w, x); }

#else
typedef __m256i vector;
enum { LANES = 8 };
static inline vector load(const void *p) { return _mm256_loadu_si256(p); }
static inline void store(void *p, vector x) { _mm256_storeu_si256(p, x); }
static inline vector both(vector a, vector b) { return _mm256_and_si256(a, b); }
static inline vector all_words(int32_t x) { return _mm256_set1_epi32(x); }
static inline vector plus(vector a, vector b) { return _mm256_add_epi32(a, b); }
static inline vector minus(vector a, vector b) { return _mm256_sub_epi32(a, b); }
static inline vector plus_bytes(vector a, vector b) { return _mm256_add_epi8(a, b); }
static inline vector average(vector a, vector b) { return _mm256_avg_epu8(a, b); }
#define right(x, places) _mm256_srai_epi32(x, places)
static inline vector dot(vector sum, vector w, vector x) {
#if defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(sum, w, x);
#else
    // two products fit 16 bits: w is at most 2 << 6, x at most 127
    __m256i pairs = _mm256_maddubs_epi16(w, x);
    return plus(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#endif
}
#endif
#endif
#endif
