/* SPDX-License-Identifier: MIT */
/* cudnn/layout.c: the layout of the activation arena by life spans: first fit by offset. */
#include <stdlib.h>

#include "internal.h"

static int overlaps_in_time(const gpu_block *block, uint32_t start, uint32_t end) {
    return block->start <= end && start <= block->end;
}

/* The lowest offset that is free in [start, end]. Blocks stand by offset: once the gap in front of
 * one is wide enough, those behind it are out of the way too. */
static size_t lowest_free(const gpu_layout *layout, size_t size, uint32_t start, uint32_t end) {
    size_t offset = 0;
    for (size_t i = 0; i < layout->n_blocks && layout->blocks[i].offset < offset + size; i++) {
        const gpu_block *block = &layout->blocks[i];
        if (overlaps_in_time(block, start, end) && offset < block->offset + block->size)
            offset = block->offset + block->size;
    }
    return offset;
}

/* Puts a block behind those of lower or equal offset. */
static void insert_block(gpu_layout *layout, gpu_block block) {
    size_t i = layout->n_blocks++;
    for (; i > 0 && layout->blocks[i - 1].offset > block.offset; i--)
        layout->blocks[i] = layout->blocks[i - 1];
    layout->blocks[i] = block;
}

assay_status gpu_layout_add(gpu_layout *layout, size_t size, uint32_t start, uint32_t end,
                            size_t *ret_offset, assay_error *error) {
    if (layout->n_blocks == layout->capacity) {
        size_t capacity = layout->capacity ? 2 * layout->capacity : 64;
        gpu_block *grown = realloc(layout->blocks, capacity * sizeof *grown);
        if (!grown)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn plan", "out of memory");
        layout->blocks = grown;
        layout->capacity = capacity;
    }
    size = (size + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
    if (size == 0)
        size = GPU_ALIGNMENT;
    size_t offset = lowest_free(layout, size, start, end);
    insert_block(layout, (gpu_block){.offset = offset, .size = size, .start = start, .end = end});
    if (offset + size > layout->size)
        layout->size = offset + size;
    *ret_offset = offset;
    return ASSAY_OK;
}

void gpu_layout_done(gpu_layout *layout) {
    free(layout->blocks);
    *layout = (gpu_layout){0};
}
