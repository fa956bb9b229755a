/* SPDX-License-Identifier: MIT */
/* cell/shape_map.h: from a closed graph to the nodes of graph.json; also what `assay show --json`
 * prints. */
#ifndef AS_CELL_SHAPE_MAP_H
#define AS_CELL_SHAPE_MAP_H

#include "graph/graph.h"
#include "results/record/shape_map.h"

/* [any] The forward nodes that the logits depend on, with their parameters and sums; cell, entry
 * and model are left NULL. Everything lives in `arena`, names point into the view. */
ASSAY_MUST_USE assay_status as_shape_map_make(as_arena *arena, const assay_graph_view *view,
                                              as_shape_map *ret_map, assay_error *error);

#endif
