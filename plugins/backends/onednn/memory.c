/* SPDX-License-Identifier: MIT */
/* onednn/memory.c: aligned memory, and the layout of an arena by life spans. */

#include <stdint.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "internal.h"

#define HUGE_PAGE ((size_t)2 << 20)

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
