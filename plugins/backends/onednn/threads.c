/* SPDX-License-Identifier: MIT */
/* onednn/threads.c: what a call changes in its threads and puts back: how many oneDNN sees, and
 * whether denormals count as zero (FTZ and DAZ of MXCSR: Intel SDM volume 1, 10.2.3), which a
 * product hundreds of times slower with them asks for. */

#ifdef _OPENMP
#include <omp.h>
#endif

#include "internal.h"

int onednn_thread(void) {
#ifdef _OPENMP
    return omp_get_thread_num();
#else
    return 0;
#endif
}

void onednn_use_threads(const assay_device *device, int serial) {
#ifdef _OPENMP
    omp_set_num_threads(serial ? 1 : device->threads);
#else
    (void)device;
    (void)serial;
#endif
}

int onednn_enter(const assay_device *device) {
#ifdef _OPENMP
    int before = omp_get_max_threads();
    onednn_use_threads(device, 0);
    return before;
#else
    (void)device;
    return 1;
#endif
}

void onednn_leave(int before) {
#ifdef _OPENMP
    omp_set_num_threads(before);
#else
    (void)before;
#endif
}

#if defined(__x86_64__) || defined(__i386__)
#define DENORMALS_ARE_ZERO 0x8040u

static _Thread_local unsigned int mode_before;

void onednn_flush_denormals(int threads) {
    ONEDNN_PARALLEL(
        threads, SIZE_MAX, for (int part = 0; part < threads; part++) {
            mode_before = __builtin_ia32_stmxcsr();
            __builtin_ia32_ldmxcsr(mode_before | DENORMALS_ARE_ZERO);
        });
}

void onednn_restore_denormals(int threads) {
    ONEDNN_PARALLEL(threads, SIZE_MAX,
                    for (int part = 0; part < threads; part++)
                        __builtin_ia32_ldmxcsr(mode_before););
}
#else
void onednn_flush_denormals(int threads) {
    (void)threads;
}

void onednn_restore_denormals(int threads) {
    (void)threads;
}
#endif
