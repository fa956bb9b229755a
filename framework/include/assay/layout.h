/* SPDX-License-Identifier: MIT */
/* assay/layout.h: for backends: places of blocks in an arena by their life spans. Blocks that never
 * live at the same time may share memory.
 *
 *     assay_layout layout = {.alignment = 64};
 *     status = assay_layout_add(&layout, bytes, first_node, last_node, &offset, error);
 *     ... an arena of layout.size ...
 *     assay_layout_done(&layout);
 *
 * First fit in the order of the calls: each block gets the lowest offset that is free during its
 * life (greedy by appearance; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", arXiv 2001.03288, compare such orders). */
#ifndef ASSAY_LAYOUT_H
#define ASSAY_LAYOUT_H

#include <stdlib.h>

#include "assay/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct assay_block {
    size_t offset, size;
    uint32_t start, end;
} assay_block;

typedef struct assay_layout {
    size_t alignment; /* of offsets and sizes, in the caller's unit (bytes, floats), at least 1 */
    size_t size;      /* needed in all */
    assay_block *blocks; /* [n_blocks] by offset */
    size_t n_blocks, capacity;
} assay_layout;

/* The lowest offset that is free in [start, end]. Blocks stand by offset: once the gap in front of
 * one is wide enough, those behind it are out of the way too. */
static inline size_t assay_layout_lowest_free(const assay_layout *layout, size_t size,
                                              uint32_t start, uint32_t end) {
    size_t offset = 0;
    for (size_t i = 0; i < layout->n_blocks && layout->blocks[i].offset < offset + size; i++) {
        const assay_block *block = &layout->blocks[i];
        int both_live = block->start <= end && start <= block->end;
        if (both_live && offset < block->offset + block->size)
            offset = block->offset + block->size;
    }
    return offset;
}

/* Puts a block behind those of lower or equal offset; there is room. */
static inline void assay_layout_insert(assay_layout *layout, assay_block block) {
    size_t i = layout->n_blocks++;
    for (; i > 0 && layout->blocks[i - 1].offset > block.offset; i--)
        layout->blocks[i] = layout->blocks[i - 1];
    layout->blocks[i] = block;
}

/* [cell] A place for a block that lives from node `start` to node `end`, both included.
 * ASSAY_OUT_OF_MEMORY also where all blocks together are more than memory can be. */
ASSAY_MUST_USE static inline assay_status assay_layout_add(assay_layout *layout, size_t size,
                                                           uint32_t start, uint32_t end,
                                                           size_t *ret_offset, assay_error *error) {
    const size_t most = SIZE_MAX / 16; /* in any unit up to 16 bytes */
    if (layout->n_blocks == layout->capacity) {
        size_t capacity = layout->capacity ? 2 * layout->capacity : 64;
        assay_block *grown =
            (assay_block *)realloc(layout->blocks, capacity * sizeof *layout->blocks);
        if (!grown)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, "layout", "out of memory");
        layout->blocks = grown;
        layout->capacity = capacity;
    }
    if (size > most - layout->alignment || layout->size > most - size - layout->alignment)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "layout",
                          "the plan's values need more than memory can be; use smaller batches");
    size = size ? (size + layout->alignment - 1) / layout->alignment * layout->alignment
                : layout->alignment;
    assay_block block;
    block.offset = assay_layout_lowest_free(layout, size, start, end);
    block.size = size;
    block.start = start;
    block.end = end;
    assay_layout_insert(layout, block);
    if (block.offset + size > layout->size)
        layout->size = block.offset + size;
    *ret_offset = block.offset;
    return ASSAY_OK;
}

/* [any] Empties it. */
static inline void assay_layout_done(assay_layout *layout) {
    free(layout->blocks);
    layout->blocks = NULL;
    layout->n_blocks = layout->capacity = layout->size = 0;
}

#ifdef __cplusplus
}
#endif
#endif
