// What Python calls, by cpu/library.py. Times are those of a monotonic clock, in seconds.
#ifndef API_H
#define API_H

#include "model.h"

struct engine;

// Kernels by number, from 0; NULL behind the last.
const char *kernel_name(int kernel);
int64_t kernel_bytes_of(int kernel, int64_t rows, int64_t inputs);
int kernel_panel(int kernel);
void kernel_pack(int kernel, const int8_t *trits, int64_t rows, int64_t inputs, uint8_t *weights);

// Sums of rows [from, to), whole panels, of a packed matrix; codes are padded with zeros as
// kernel.h says.
void kernel_product(int kernel, const uint8_t *weights, int64_t inputs, const int8_t *codes,
                    int64_t from, int64_t to, int32_t *out);

// Memory for packed weights in large pages where the system has them, and its end.
void *weights_new(int64_t bytes);
void weights_free(void *weights);

// NULL without memory. The model must outlive the engine.
struct engine *engine_new(const struct model *model, int kernel, int threads);
void engine_free(struct engine *e);

// Reads the prompt from a zero state and samples `count` tokens. times[prompt_count + count] has
// the start, then the end of each token. 0, or -1 if the threads do not start.
int engine_generate(struct engine *e, const int64_t *prompt, int64_t prompt_count, int64_t count,
                    int32_t temperature, uint64_t seed_state, int64_t *tokens, double *times);

// Logits of the last sampled token, and the state [L, width].
const int32_t *engine_logits(const struct engine *e);
const int64_t *engine_state(const struct engine *e, int64_t *width);

// times[count + 1] of the products of a token alone, `count` times.
int engine_products(struct engine *e, int64_t count, double *times);

// times[count + 1] of reading `bytes` bytes, each thread its part.
int engine_read(struct engine *e, const uint8_t *memory, int64_t bytes, int64_t count,
                double *times);

// Blocks alone, for tests. All vectors have zeros up to a multiple of PAD; room for codes is PAD
// more.
// scale[3]: mantissa and exponent of the scale, sum of the codes. -1 without memory.
int block_codes(const int64_t *x, int64_t n, const struct norm *norm, int64_t energy,
                int64_t *squares, int8_t *code, int64_t *scale);
void block_scale(const int32_t *sums, int64_t n, int64_t inputs, int32_t mantissa, int exponent,
                 int frac, int bits, int64_t *out);
// silu(a), gate(a, b), the state after candidate a and forget gate b, and the energy of a.
void block_elements(const struct model *m, int64_t n, const int32_t *a, const int32_t *b,
                    const int32_t *floors, const int64_t *state, int64_t *silus, int64_t *gates,
                    int64_t *states, int64_t *energies);

#endif
