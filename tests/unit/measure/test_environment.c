/* SPDX-License-Identifier: MIT */
/* What the machine tells. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/environment.h"

Test(environment, facts_have_distinct_keys_and_values) {
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    const as_fact *facts = NULL;
    size_t n = 0;
    bool has_memory = false, has_kernel = false, has_compiler = false;
    cr_assert_eq(as_environment(arena, &facts, &n, &error), ASSAY_OK);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            cr_assert_str_neq(facts[i].key, facts[k].key);
        cr_assert(facts[i].text ? facts[i].text[0] != '\0' : facts[i].number > 0, "%s",
                  facts[i].key);
        has_memory = has_memory || (strcmp(facts[i].key, "memory_bytes") == 0 &&
                                    facts[i].number > 1 << 26 && !facts[i].text);
        has_kernel =
            has_kernel || (strcmp(facts[i].key, "kernel") == 0 && strstr(facts[i].text, "Linux"));
        has_compiler = has_compiler || strcmp(facts[i].key, "compiler") == 0;
    }
    cr_assert(has_memory && has_kernel && has_compiler);
    as_arena_free(arena);
}

Test(environment, peak_memory_follows_what_is_touched) {
    size_t size = 64u << 20;
    int64_t before = as_peak_rss_bytes();
    volatile char *memory = malloc(size);
    cr_assert_gt(before, 0);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    cr_assert_geq(as_peak_rss_bytes(), before + (int64_t)(size / 2));
    free((char *)memory);
    cr_assert_geq(as_peak_rss_bytes(), before + (int64_t)(size / 2)); /* a peak stays */
}

static int count_runtimes(const char *maps, char *names, size_t size) {
    char path[] = "/tmp/assay-maps-XXXXXX";
    int descriptor = mkstemp(path), n;
    cr_assert_geq(descriptor, 0);
    cr_assert_eq(write(descriptor, maps, strlen(maps)), (ssize_t)strlen(maps));
    close(descriptor);
    n = as_openmp_runtimes_in(path, names, size);
    unlink(path);
    return n;
}

#define MAP(path) "7f0000000000-7f0000001000 r-xp 00000000 08:01 1234    " path "\n"

Test(environment, openmp_runtimes_are_counted_by_path) {
    char names[256];
    cr_assert_eq(count_runtimes(MAP("/usr/lib/libm.so.6") MAP("[heap]"), names, sizeof names), 0);
    cr_assert_str_eq(names, "");
    cr_assert_eq(count_runtimes(MAP("/usr/lib/libgomp.so.1") MAP("/usr/lib/libgomp.so.1")
                                    MAP("/usr/lib/libompute.so") MAP("/opt/libgompress.so"),
                                names, sizeof names),
                 1);
    cr_assert_str_eq(names, "/usr/lib/libgomp.so.1");
    cr_assert_eq(count_runtimes(MAP("/usr/lib/libgomp.so.1.0.0") MAP("/opt/libiomp5.so")
                                    MAP("/usr/lib/libomp.so.5") MAP("/x/libgomp-a34b.so.1"),
                                names, sizeof names),
                 4);
    cr_assert(strstr(names, "/usr/lib/libgomp.so.1.0.0; /opt/libiomp5.so"));
    cr_assert_eq(count_runtimes(MAP("/usr/lib/libomp5-15.so.5"), NULL, 0), 1);
}

Test(environment, names_are_cut_at_the_size) {
    char names[8] = "xxxxxxx";
    cr_assert_eq(count_runtimes(MAP("/usr/lib/libgomp.so.1") MAP("/opt/libiomp5.so"), names, 8), 2);
    cr_assert_str_eq(names, "/usr/li");
    cr_assert_eq(as_openmp_runtimes_in("/nowhere/maps", names, sizeof names), -1);
}

Test(environment, this_process_has_at_most_one_openmp_runtime) {
    int n = as_openmp_runtimes(NULL, 0);
    cr_assert(n == 0 || n == 1, "%d", n);
}

Test(environment, energy_is_nan_or_grows) {
    as_energy energy;
    as_energy_start(&energy);
    double first = as_energy_joules(&energy), second = as_energy_joules(&energy);
    cr_assert(energy.n_packages == 0 ? isnan(first) : first >= 0 && second >= first);
}
