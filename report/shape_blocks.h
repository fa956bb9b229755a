/* SPDX-License-Identifier: MIT */
/* report/shape_blocks.h: a shape map with its repeated layers folded. */
#ifndef AS_REPORT_SHAPE_BLOCKS_H
#define AS_REPORT_SHAPE_BLOCKS_H

#include "results/record/shape_map.h"

/* Nodes [first, first + n_nodes), and the same again, `times` in all. */
typedef struct as_shape_block {
    size_t first, n_nodes, times;
} as_shape_block;

/* [any] The whole map in blocks, in order; NULL: no memory. Two runs of nodes are the same when
 * operations, shapes, notes and parameters' shapes agree, parameters' names up to numbers, and each
 * reads what lies as far in front of it, or one and the same node before. */
as_shape_block *as_shape_blocks(as_arena *arena, const as_shape_map *map, size_t *ret_n);

#endif
