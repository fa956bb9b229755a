/* SPDX-License-Identifier: MIT */
/* graph.json of a cell: its model's shape map, as it is trained at the end. */
#include "base/error.h"
#include "cell/cell.h"
#include "cell/shape_map.h"

assay_status as_cell_write_graph(as_cell *cell, assay_error *error) {
    const assay_graph *last = NULL;
    as_shape_map map;
    int32_t epochs = cell->spec.entry->training.epochs;
    if (!cell->phases)
        return ASSAY_OK; /* an opaque model */
    assay_status status = as_phases_graph(cell->phases, epochs > 0 ? epochs : 1, &last, error);
    if (status == ASSAY_OK)
        status = as_shape_map_make(cell->arena, as_graph_view(last), &map, error);
    if (status != ASSAY_OK)
        return status;
    map.cell = cell->spec.name;
    map.entry = cell->spec.entry->name;
    map.model = cell->model.descriptor->id;
    return as_shape_map_write(&map, cell->work, error);
}
