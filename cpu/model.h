// A model as the engine has it; cpu/layout.py fills these in.
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

// A number mantissa * 2^exponent.
struct scalar {
    int64_t mantissa, exponent;
};

// One normalisation before a matrix; N gains and zeros up to a multiple of PAD.
struct norm {
    const int32_t *sum_gain; // NULL repeats the sum of squares of the norm before
    const int32_t *code_gain;
    const int32_t *floors; // of f alone: 1 - lower bound
    struct scalar factor, energy, constant;
};

// Trits, packed by the kernel that multiplies with them.
struct matrix {
    const uint8_t *weights;
    int64_t rows, inputs;
};

// GATE_A and GATE_B are the halves of mlp.gate_proj, which have one norm.
enum { MATRIX_I, MATRIX_F, MATRIX_G, MATRIX_O, GATE_A, GATE_B, MATRIX_DOWN, MATRICES };
enum { NORM_I, NORM_F, NORM_G, NORM_O, NORM_GATE, NORM_DOWN, NORMS };

struct layer {
    struct norm norms[NORMS];
    struct matrix matrices[MATRICES];
};

struct model {
    int64_t hidden, layers, inner, vocabulary;
    int64_t embedding_shift;
    const int32_t *embedding; // [V, d]
    const struct layer *layer; // [L]
    struct norm head_norm;
    struct matrix head;
    const int64_t *sigmoid; // slope << 32 | base of each piece
    const int32_t *gumbel_base, *gumbel_slope;
};

#endif
