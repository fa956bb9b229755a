/* SPDX-License-Identifier: MIT */
/* onednn/memory.c: aligned memory, and the layout of an arena by life spans. */

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

/* ---- layout -------------------------------------------------------------------------------- */

static int overlaps_in_time(const onednn_block *block, uint32_t start, uint32_t end) {
    return block->start <= end && start <= block->end;
}

/* The lowest offset that is free in [start, end]. Blocks stand by offset: once the gap in front of
 * one is wide enough, those behind it are out of the way too. */
static size_t lowest_free(const onednn_layout *layout, size_t size, uint32_t start, uint32_t end) {
    size_t offset = 0;
    for (size_t i = 0; i < layout->n_blocks && layout->blocks[i].offset < offset + size; i++) {
        const onednn_block *block = &layout->blocks[i];
        if (overlaps_in_time(block, start, end) && offset < block->offset + block->size)
            offset = block->offset + block->size;
    }
    return offset;
}

/* Puts a block behind those of lower or equal offset. */
static void insert_block(onednn_layout *layout, onednn_block block) {
    size_t i = layout->n_blocks++;
    for (; i > 0 && layout->blocks[i - 1].offset > block.offset; i--)
        layout->blocks[i] = layout->blocks[i - 1];
    layout->blocks[i] = block;
}

assay_status onednn_layout_add(onednn_layout *layout, size_t size, uint32_t start, uint32_t end,
                               size_t *ret_offset, assay_error *error) {
    if (layout->n_blocks == layout->capacity) {
        size_t capacity = layout->capacity ? 2 * layout->capacity : 64;
        onednn_block *grown = realloc(layout->blocks, capacity * sizeof *grown);
        if (!grown)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, "onednn plan", "out of memory");
        layout->blocks = grown;
        layout->capacity = capacity;
    }
    size = (size + ONEDNN_ALIGNED_FLOATS - 1) / ONEDNN_ALIGNED_FLOATS * ONEDNN_ALIGNED_FLOATS;
    if (size == 0)
        size = ONEDNN_ALIGNED_FLOATS;
    size_t offset = lowest_free(layout, size, start, end);
    insert_block(layout,
                 (onednn_block){.offset = offset, .size = size, .start = start, .end = end});
    if (offset + size > layout->size)
        layout->size = offset + size;
    *ret_offset = offset;
    return ASSAY_OK;
}

void onednn_layout_done(onednn_layout *layout) {
    free(layout->blocks);
    *layout = (onednn_layout){0};
}
