/* SPDX-License-Identifier: MIT */
/* The whitelist. Sanitizers' options pass, since they change what is reported, not what is
 * computed; a limit of oneDNN's instructions, since what it leads to stands in the record (the
 * backend's libraries). */
#include "cell/environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Names, or prefixes where they end in '*'. */
static const char *const allowed[] = {"PATH",
                                      "HOME",
                                      "LANG",
                                      "LC_*",
                                      "TMPDIR",
                                      "TZ",
                                      "ASSAY_*",
                                      "XDG_*",
                                      "LD_LIBRARY_PATH",
                                      "ASAN_OPTIONS",
                                      "LSAN_OPTIONS",
                                      "UBSAN_OPTIONS",
                                      "CUDA_PATH",
                                      "CUDA_VISIBLE_DEVICES",
                                      "ONEDNN_MAX_CPU_ISA",
                                      "DNNL_MAX_CPU_ISA"};

static bool is_allowed(const char *pair) {
    size_t n_name = strcspn(pair, "=");
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        size_t n = strlen(allowed[i]);
        if (allowed[i][n - 1] == '*' ? strncmp(pair, allowed[i], n - 1) == 0
                                     : n == n_name && strncmp(pair, allowed[i], n) == 0)
            return true;
    }
    return false;
}

const char **as_cell_environment(as_arena *arena, int32_t threads) {
    size_t n = 0, size = 8; /* room for what is added below */
    for (char **pair = environ; *pair; pair++)
        size += is_allowed(*pair);
    const char **list = as_arena_alloc_array(arena, size, sizeof *list);
    if (!list)
        return NULL;
    for (char **pair = environ; *pair; pair++)
        if (is_allowed(*pair))
            list[n++] = *pair;
    char *count = as_arena_alloc(arena, 32), *parent = as_arena_alloc(arena, 40);
    if (!count || !parent)
        return NULL;
    snprintf(count, 32, "OMP_NUM_THREADS=%d", threads);
    snprintf(parent, 40, "ASSAY_CELL_PARENT=%ld", (long)getpid());
    list[n++] = count;
    list[n++] = parent;
    list[n++] = "OMP_DYNAMIC=false";
    list[n++] = "OMP_MAX_ACTIVE_LEVELS=1";
    /* Not bound: two runs on one machine would bind to the same cores. Idle threads spin for about
     * 10 us before they sleep: libgomp's default of milliseconds made a step 5 to 7 times slower as
     * soon as another process wanted a core. */
    list[n++] = "OMP_PROC_BIND=false";
    list[n++] = "GOMP_SPINCOUNT=2000";
    list[n] = NULL;
    return list;
}
