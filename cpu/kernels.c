// The kernels that this processor runs.
#include "dot.h"
#include "kernel.h"

#include <stddef.h>

const struct kernel *const kernels[] = {
    &kernel_plain,
#ifdef HAVE_DOT
    &kernel_bytes,
    &kernel_packed,
    &kernel_fives,
#endif
#ifdef __AVX2__
    &kernel_lookup,
#endif
    NULL};
