// Vectors of int64 for what happens to every element: one processor register with AVX-512, what
// the compiler makes of it elsewhere. Operators + - & ^ << >> are those of GCC's vectors.
#ifndef WIDE_H
#define WIDE_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512CD__)
#define WIDE_512 1
#include <immintrin.h>
enum { WIDE = 8 };
#else
#if defined(__AVX2__)
#include <immintrin.h>
#endif
enum { WIDE = 4 };
#endif

typedef int64_t wide __attribute__((vector_size(WIDE * 8)));
typedef uint64_t unsigned_wide __attribute__((vector_size(WIDE * 8)));

static inline wide all(int64_t x) { return (wide){0} + x; }

static inline wide load_64(const int64_t *p) {
    wide x;
    memcpy(&x, p, sizeof x);
    return x;
}

static inline void store_64(int64_t *p, wide x) { memcpy(p, &x, sizeof x); }

// Signed elements of 32 bits.
static inline wide load_32(const int32_t *p) {
#ifdef WIDE_512
    return (wide)_mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)p));
#elif defined(__AVX2__)
    return (wide)_mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)p));
#else
    wide x;
    for (int n = 0; n < WIDE; n++) x[n] = p[n];
    return x;
#endif
}

static inline void store_32(int32_t *p, wide x) {
#ifdef WIDE_512
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi64_epi32((__m512i)x));
#else
    for (int n = 0; n < WIDE; n++) p[n] = (int32_t)x[n];
#endif
}

#ifdef WIDE_512

static inline wide least(wide a, wide b) { return (wide)_mm512_min_epi64((__m512i)a, (__m512i)b); }
static inline wide most(wide a, wide b) { return (wide)_mm512_max_epi64((__m512i)a, (__m512i)b); }
static inline wide size_of(wide a) { return (wide)_mm512_abs_epi64((__m512i)a); }

// Products of the low 32 bits, which are signed.
static inline wide times(wide a, wide b) { return (wide)_mm512_mul_epi32((__m512i)a, (__m512i)b); }

// a where `test` is negative, else b.
static inline wide if_negative(wide test, wide a, wide b) {
    __mmask8 negative = _mm512_cmplt_epi64_mask((__m512i)test, _mm512_setzero_si512());
    return (wide)_mm512_mask_blend_epi64(negative, (__m512i)b, (__m512i)a);
}

// A mask of all elements that the compiler does not see through: it would leave out the zeros
// that a gather is to go into, and the gather would wait for what was in its register before.
static inline __mmask8 every(void) {
    __mmask8 mask = 0xFF;
    __asm__("" : "+k"(mask));
    return mask;
}

static inline wide look_up(const int64_t *table, wide index) {
    __m512i zeros = _mm512_setzero_si512();
    return (wide)_mm512_mask_i64gather_epi64(zeros, every(), (__m512i)index, table, 8);
}

static inline wide look_up_32(const int32_t *table, wide index) {
    __m256i zeros = _mm256_setzero_si256();
    return (wide)_mm512_cvtepi32_epi64(
        _mm512_mask_i64gather_epi32(zeros, every(), (__m512i)index, table, 4));
}

// The upper 32 bits, for times(); the port that shifts is the busiest.
static inline wide upper(wide a) {
    return (wide)_mm512_shuffle_epi32((__m512i)a, _MM_PERM_DDBB);
}

// Zeros above the highest one of 64 bits.
static inline wide leading_zeros(wide a) { return (wide)_mm512_lzcnt_epi64((__m512i)a); }

static inline void store_8(int8_t *p, wide x) {
    _mm_storel_epi64((__m128i *)p, _mm512_cvtepi64_epi8((__m512i)x));
}

static inline int64_t sum_of(wide x) { return _mm512_reduce_add_epi64((__m512i)x); }
static inline int64_t most_of(wide x) { return _mm512_reduce_max_epi64((__m512i)x); }

// Clipped between -limit and limit; the elements fit 32 bits, the upper halves are then void.
static inline wide clip_low(wide x, int32_t limit) {
    __m512i high = _mm512_min_epi32((__m512i)x, _mm512_set1_epi32(limit));
    return (wide)_mm512_max_epi32(high, _mm512_set1_epi32(-limit));
}

#else

static inline wide if_negative(wide test, wide a, wide b) {
    wide mask = test >> 63;
    return (mask & a) | (~mask & b);
}

static inline wide least(wide a, wide b) { return if_negative(a - b, a, b); }
static inline wide most(wide a, wide b) { return if_negative(a - b, b, a); }

static inline wide size_of(wide a) {
    wide sign = a >> 63;
    return (a ^ sign) - sign;
}

static inline wide times(wide a, wide b) {
#ifdef __AVX2__
    return (wide)_mm256_mul_epi32((__m256i)a, (__m256i)b);
#else
    wide product;
    for (int n = 0; n < WIDE; n++) product[n] = (int64_t)(int32_t)a[n] * (int32_t)b[n];
    return product;
#endif
}

static inline wide look_up(const int64_t *table, wide index) {
    wide found;
    for (int n = 0; n < WIDE; n++) found[n] = table[index[n]];
    return found;
}

static inline wide look_up_32(const int32_t *table, wide index) {
    wide found;
    for (int n = 0; n < WIDE; n++) found[n] = table[index[n]];
    return found;
}

static inline wide upper(wide a) { return a >> 32; }

static inline wide leading_zeros(wide a) {
    wide zeros;
    for (int n = 0; n < WIDE; n++) zeros[n] = a[n] ? __builtin_clzll((uint64_t)a[n]) : 64;
    return zeros;
}

static inline void store_8(int8_t *p, wide x) {
    for (int n = 0; n < WIDE; n++) p[n] = (int8_t)x[n];
}

static inline int64_t sum_of(wide x) {
    int64_t sum = 0;
    for (int n = 0; n < WIDE; n++) sum += x[n];
    return sum;
}

static inline int64_t most_of(wide x) {
    int64_t found = x[0];
    for (int n = 1; n < WIDE; n++) found = x[n] > found ? x[n] : found;
    return found;
}

static inline wide clip_low(wide x, int32_t limit) { return most(least(x, all(limit)), all(-limit)); }

#endif
#endif
