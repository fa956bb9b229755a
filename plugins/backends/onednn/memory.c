/* SPDX-License-Identifier: MIT */
/* onednn/memory.c: aligned memory, and areas that grow. */

#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "internal.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define LARGEST_PAGE ((size_t)64 << 10) /* of those that a system may have */

float *onednn_alloc(size_t n) {
    size_t bytes, alignment = ONEDNN_ALIGNMENT;
    if (n > (SIZE_MAX - HUGE_PAGE) / sizeof(float))
        return NULL;
    bytes = n * sizeof(float);
    if (bytes >= HUGE_PAGE)
        alignment = HUGE_PAGE;
    bytes = (bytes + alignment) / alignment * alignment;
    float *p = aligned_alloc(alignment, bytes);
    if (!p)
        return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment == HUGE_PAGE)
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* large tables: fewer TLB misses */
#endif
    memset(p, 0, bytes);
    return p;
}

void onednn_free(float *p) {
    free(p);
}

/* ---- areas --------------------------------------------------------------------------------- */

#ifdef __linux__
/* Whole huge pages, or for less than one of these whole pages of any processor; 0 for too many
 * floats. */
static size_t area_bytes(size_t n) {
    if (n > (SIZE_MAX - 2 * HUGE_PAGE) / sizeof(float))
        return 0;
    size_t page = n * sizeof(float) < HUGE_PAGE ? LARGEST_PAGE : HUGE_PAGE;
    return (n * sizeof(float) + page) / page * page;
}

/* An address range on a boundary of huge pages, that nothing can be read from yet. */
static char *reserve(size_t bytes) {
    char *p = mmap(NULL, bytes + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0)
        (void)munmap(p, before);
    if (before < HUGE_PAGE)
        (void)munmap(p + before + bytes, HUGE_PAGE - before);
    return p + before;
}

float *onednn_area_grow(float *area, size_t old, size_t n) {
    size_t bytes = area_bytes(n), old_bytes = area ? area_bytes(old) : 0;
    void *grown = MAP_FAILED;
    if (bytes == 0)
        return NULL;
    if (area)
        grown = mremap(area, old_bytes, bytes, 0);
    if (grown == MAP_FAILED) {
        char *target = reserve(bytes);
        if (!target)
            return NULL;
        grown = area ? mremap(area, old_bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target)
                     : mmap(target, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (grown == MAP_FAILED) {
            (void)munmap(target, bytes);
            return NULL;
        }
    }
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGE)
        (void)madvise(grown, bytes, MADV_HUGEPAGE); /* large tables: fewer TLB misses */
#endif
    return grown;
}

void onednn_area_free(float *area, size_t n) {
    if (area)
        (void)munmap(area, area_bytes(n));
}
#else
float *onednn_area_grow(float *area, size_t old, size_t n) {
    float *grown = onednn_alloc(n);
    if (grown && area) {
        memcpy(grown, area, old * sizeof *area);
        onednn_free(area);
    }
    return grown;
}

void onednn_area_free(float *area, size_t n) {
    (void)n;
    onednn_free(area);
}
#endif
