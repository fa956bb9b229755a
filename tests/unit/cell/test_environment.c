/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cell/environment.h"

static int has(const char **list, const char *pair) {
    for (; *list; list++)
        if (strcmp(*list, pair) == 0)
            return 1;
    return 0;
}

static int has_name(const char **list, const char *name) {
    int n = 0;
    for (; *list; list++)
        n += strncmp(*list, name, strlen(name)) == 0 && (*list)[strlen(name)] == '=';
    return n;
}

Test(environment, only_the_whitelist_passes) {
    setenv("OMP_NUM_THREADS", "64", 1);
    setenv("DNNL_VERBOSE", "2", 1);
    setenv("LD_PRELOAD", "", 1);
    setenv("PATHOLOGY", "x", 1);
    setenv("PATH", "/bin", 1);
    setenv("LC_ALL", "C", 1);
    setenv("ASSAY_DATA_DIR", "/data", 1);
    as_arena *arena = as_arena_new();
    const char **list = as_cell_environment(arena, 3);
    cr_assert_not_null(list);
    cr_expect(has(list, "PATH=/bin"));
    cr_expect(has(list, "LC_ALL=C"));
    cr_expect(has(list, "ASSAY_DATA_DIR=/data"));
    cr_expect(has(list, "OMP_NUM_THREADS=3"));
    cr_expect_eq(has_name(list, "OMP_NUM_THREADS"), 1);
    cr_expect_eq(has_name(list, "DNNL_VERBOSE"), 0);
    cr_expect_eq(has_name(list, "LD_PRELOAD"), 0);
    cr_expect_eq(has_name(list, "PATHOLOGY"), 0);
    as_arena_free(arena);
}
