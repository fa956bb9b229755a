/* SPDX-License-Identifier: MIT */
/* The machine's limits: figures of a backend that follows a script, and the processor's own loops,
 * of which only what must hold on any machine is known. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "measure/environment.h"
#include "measure/peak_kernels.h"
#include "measure/roofline.h"

static const double script[] = {5e9, 1e9, 4e9, 2e9, 3e9, 9e9, 8e9};
static int n_asked, is_gpu, refused = -1;

static assay_status sample_peak(assay_device *device, int32_t peak, double *ret_per_second,
                                assay_error *error) {
    (void)device;
    if (peak == refused)
        return assay_fail(error, ASSAY_UNSUPPORTED, "peak", "scripted refusal");
    *ret_per_second = peak == ASSAY_PEAK_GEMM ? script[n_asked % 7] : 7.0 + peak;
    n_asked += peak == ASSAY_PEAK_GEMM;
    return ASSAY_OK;
}

static void device_info(assay_device *device, assay_device_info *ret_info) {
    (void)device;
    memset(ret_info, 0, sizeof *ret_info);
    strcpy(ret_info->name, is_gpu ? "a card" : "");
}

static as_peaks *peaks;
static assay_error error;
static assay_backend backend;

static as_peaks *open_peaks(int32_t dtype, int32_t threads) {
    as_peaks_config config = {.backend = &backend, .dtype = dtype, .threads = threads};
    as_peaks *made = NULL;
    cr_assert_eq(as_peaks_new(&config, &made, &error), ASSAY_OK);
    return made;
}

static void set_up(void) {
    backend = (assay_backend){.sample_peak = sample_peak, .device_info = device_info};
    peaks = open_peaks(ASSAY_DTYPE_F32, 2);
}

static void tear_down(void) {
    as_peaks_free(peaks);
}

TestSuite(roofline, .init = set_up, .fini = tear_down);

/* Operations/s of one chain of multiply-adds, each waiting for the one before: what any processor's
 * peak exceeds, be it an emulated one. The best of five. */
static double plain_rate(void) {
    enum { STEPS = 100000 };
    double best = 0;
    for (int round = 0; round < 5; round++) {
        volatile float factor = 0.999F;
        float x = 1, f = factor;
        int64_t start = as_clock_ns();
        for (int i = 0; i < STEPS; i++)
            x = x * f + 1;
        factor = x;
        best = fmax(best, 2.0 * STEPS * 1e9 / (double)(as_clock_ns() - start));
    }
    return best;
}

Test(roofline, a_processor_has_all_three_limits) {
    for (int i = 0; i < 3; i++)
        as_peaks_sample(peaks);
    double compute = as_peaks_figure(peaks, ASSAY_PEAK_COMPUTE, 0).value;
    double memory = as_peaks_figure(peaks, ASSAY_PEAK_MEMORY, 0).value;
    cr_assert_eq(as_peaks_count(peaks), 3);
    double plain = plain_rate(); /* a quarter: a busy machine may halve either */
    cr_assert(compute > plain / 4 && compute < 1e15, "%g operations/s, a plain loop %g", compute,
              plain);
    cr_assert(memory > 1e8 && memory < 1e13, "%g bytes/s", memory);
    cr_assert_null(as_peaks_problem(peaks, ASSAY_PEAK_COMPUTE));
    cr_assert_eq(as_peaks_figure(peaks, ASSAY_PEAK_GEMM, 0).value, 4e9); /* of 5, 1, 4 */
}

/* Order statistics need six samples for both ends; a section has its own. */
Test(roofline, figures_are_medians_of_a_section) {
    is_gpu = 1;
    for (int i = 0; i < 7; i++)
        as_peaks_sample(peaks);
    as_figure all = as_peaks_figure(peaks, ASSAY_PEAK_GEMM, 0);
    cr_assert_eq(all.value, 4e9);
    cr_assert_eq(all.low, 1e9);
    cr_assert_eq(all.high, 9e9);
    as_figure late = as_peaks_figure(peaks, ASSAY_PEAK_GEMM, 5);
    cr_assert(late.value == 8e9 && isnan(late.low));
    cr_assert(isnan(as_peaks_figure(peaks, ASSAY_PEAK_GEMM, 7).value));
    cr_assert_eq(as_peaks_figure(peaks, ASSAY_PEAK_MEMORY, 0).value, 9.0, "the card's own");
    /* quantiles of 1 2 3 4 5 8 9 at 0.9 and 0.1 */
    cr_assert_float_eq(as_peaks_spread(peaks, ASSAY_PEAK_GEMM), 8.4 / 1.6, 1e-12);
    cr_assert_float_eq(as_peaks_spread(peaks, ASSAY_PEAK_COMPUTE), 1, 1e-12);
}

Test(roofline, what_cannot_be_measured_is_missing_with_a_reason) {
    is_gpu = 1;
    refused = ASSAY_PEAK_MEMORY;
    as_peaks_sample(peaks);
    cr_assert(isnan(as_peaks_figure(peaks, ASSAY_PEAK_MEMORY, 0).value));
    cr_assert_str_eq(as_peaks_problem(peaks, ASSAY_PEAK_MEMORY), "scripted refusal");
    cr_assert_null(as_peaks_problem(peaks, ASSAY_PEAK_GEMM));
    backend.sample_peak = NULL;
    as_peaks_sample(peaks);
    cr_assert_not_null(as_peaks_problem(peaks, ASSAY_PEAK_GEMM));
}

Test(roofline, a_copy_leaves_room_under_a_memory_limit) {
    as_peaks_config config = {.backend = &backend,
                              .dtype = ASSAY_DTYPE_F32,
                              .threads = 1,
                              .memory_limit_bytes = 256u << 20};
    as_peaks *limited = NULL;
    cr_assert_eq(as_peaks_new(&config, &limited, &error), ASSAY_OK);
    as_peaks_sample(limited);
    cr_assert(isnan(as_peaks_figure(limited, ASSAY_PEAK_MEMORY, 0).value));
    cr_assert_not_null(strstr(as_peaks_problem(limited, ASSAY_PEAK_MEMORY), "memory limit"));
    cr_assert(as_peaks_figure(limited, ASSAY_PEAK_COMPUTE, 0).value > 0);
    as_peaks_free(limited);
}

Test(roofline, a_sample_is_due_after_the_interval) {
    as_peaks_config config = {
        .backend = &backend, .dtype = ASSAY_DTYPE_F32, .threads = 1, .min_interval_seconds = 3600};
    as_peaks *rare = NULL;
    is_gpu = 1; /* nothing is really measured */
    cr_assert_eq(as_peaks_new(&config, &rare, &error), ASSAY_OK);
    cr_assert_eq(as_peaks_begin(rare), 0);
    for (int i = 0; i < 100; i++)
        as_peaks_sample_if_due(rare);
    cr_assert_eq(as_peaks_count(rare), 1);
    cr_assert_eq(as_peaks_begin(rare), 1, "a piece of work has its own");
    as_peaks_free(rare);
    as_peaks_begin(peaks); /* without a least interval a fiftieth of the time decides */
    for (int i = 0; i < 1000 && as_peaks_count(peaks) < 3; i++) {
        const struct timespec time = {0, 10000000};
        nanosleep(&time, NULL);
        as_peaks_sample_if_due(peaks);
    }
    cr_assert_eq(as_peaks_count(peaks), 3);
}

Test(roofline, samples_do_not_raise_the_peak_of_memory) {
    size_t size = 64u << 20; /* long gone when the samples come */
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    memset(memory, 1, size);
    munmap(memory, size);
    int64_t before = as_peak_rss_bytes();
    if (!as_peak_rss_hide_begin())
        cr_skip("the kernel cannot set the peak back");
    as_peak_rss_hide_end(true);
    as_peaks_sample(peaks);
    cr_assert_geq(as_peak_rss_bytes(), before, "a peak stays");
    cr_assert_leq(as_peak_rss_bytes(), before + (8 << 20));
}

/* A block's result depends on every product, and is a number that none of them spoilt. */
Test(roofline, kernels_run_in_every_precision_that_has_one) {
    cr_assert_null(as_peak_kernel_for(ASSAY_DTYPE_FP16));
    for (int32_t dtype = 0; dtype < ASSAY_DTYPE_COUNT; dtype++) {
        const as_peak_kernel *kernel = as_peak_kernel_for(dtype);
        if (!kernel)
            continue;
        cr_assert(kernel->prepare());
        cr_assert(isfinite(kernel->block()) && kernel->block() != 0, "%s", kernel->name);
        cr_assert_gt(kernel->flops, 0);
        kernel->finish();
    }
}

Test(roofline, a_copy_is_exact_both_ways) {
    static _Alignas(64) unsigned char from[4096], to[4096];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i * 7 + i / 256);
    for (int past = 0; past < 2; past++) {
        memset(to, 0, sizeof to);
        as_peak_copy(to, from, sizeof to - 64, past);
        cr_assert_arr_eq(to, from, sizeof to - 64);
        cr_assert_eq(to[sizeof to - 1], 0);
    }
}
