/* SPDX-License-Identifier: MIT */
/* isa.c: which of its own kernels a backend has chosen, as its `libraries` names them: run under
 * ONEDNN_MAX_CPU_ISA it must be those that the limit allows.
 *
 *     isa BACKEND generic|AVX2|AVX-512
 *
 * Skipped, with that reason, where the processor itself has less. */
#include <stdio.h>

#include "harness.h"

/* Whether this processor can run them. */
static bool has(const char *kernels) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(kernels, "AVX2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(kernels, "AVX-512") == 0)
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return strcmp(kernels, "generic") == 0;
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    char expected[64];
    tap_init(&argc, argv);
    if (argc != 3)
        tap_bail("usage: isa BACKEND generic|AVX2|AVX-512");
    const assay_backend *backend = load_backend(plugins, argv[1]);
    snprintf(expected, sizeof expected, "%s kernels", argv[2]);
    if (has(argv[2]))
        tap_ok(strstr(backend->libraries(), expected) != NULL, "%s: %s", backend->libraries(),
               argv[2]);
    else
        tap_skip(argv[2], "this processor has less");
    as_arena_free(plugins);
    return tap_done();
}
