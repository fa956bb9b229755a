/* SPDX-License-Identifier: MIT */
/* The model's forward part as a list; the loss and what the host adds for it are left out. */
#include "cell/shape_map.h"

#include "base/error.h"

typedef struct maker {
    as_arena *arena;
    const assay_graph_view *view;
    int64_t *place; /* [n_nodes] in the list; -1: none */
    bool *counted;  /* [n_parameters] at an earlier node */
    as_shape_map map;
} maker;

static bool is_of_model(const assay_graph_view *view, uint32_t n) {
    return n < view->n_forward_nodes && view->nodes[n].op != ASSAY_OP_CROSS_ENTROPY;
}

static void add_parameter(maker *m, as_shape_node *node, int32_t index) {
    const assay_parameter_info *from = &m->view->parameters[index];
    as_shape_parameter *p = &node->parameters[node->n_parameters++];
    *p = (as_shape_parameter){.name = from->name,
                              .dims = {from->dims[0], from->rank == 2 ? from->dims[1] : 1},
                              .rank = from->rank,
                              .n = from->n_elements,
                              .trainable = from->gradient != ASSAY_NONE,
                              .shared = m->counted[index]};
    if (p->shared)
        return;
    m->counted[index] = true;
    node->n_elements += p->n;
    m->map.parameters_total += p->n;
    m->map.parameters_trainable += p->trainable ? p->n : 0;
}

static void add_input(maker *m, as_shape_node *node, assay_value value) {
    const assay_value_info *info = &m->view->values[value];
    if (info->parameter >= 0)
        add_parameter(m, node, info->parameter);
    else if (info->input >= 0)
        node->reads[node->n_reads++] = (as_shape_input){-1, as_graph_input_name(info->input)};
    else
        node->reads[node->n_reads++] = (as_shape_input){m->place[info->node], NULL};
}

static assay_status add_node(maker *m, uint32_t n, assay_error *error) {
    enum { NOTE_BYTES = 256 };
    const assay_node *from = &m->view->nodes[n];
    const assay_value_info *result = &m->view->values[from->outputs[0]];
    as_shape_node *node = &m->map.nodes[m->map.n_nodes];
    char note[NOTE_BYTES];
    as_node_attributes_text(from, note, sizeof note);
    *node = (as_shape_node){
        .operation = as_op_name(from->op),
        .reads = as_arena_alloc_array(m->arena, from->n_inputs, sizeof *node->reads),
        .of_rows = result->domain == ASSAY_DOMAIN_ROWS,
        .channels = result->dims[0],
        .parameters = as_arena_alloc_array(m->arena, from->n_inputs, sizeof *node->parameters),
        .note = as_arena_strdup(m->arena, note)};
    if (!node->reads || !node->parameters || !node->note)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "graph", "no memory for its nodes");
    for (uint32_t i = 0; i < from->n_inputs; i++)
        if (from->inputs[i] != ASSAY_NONE)
            add_input(m, node, from->inputs[i]);
    m->place[n] = (int64_t)m->map.n_nodes++;
    return ASSAY_OK;
}

assay_status as_shape_map_make(as_arena *arena, const assay_graph_view *view, as_shape_map *ret_map,
                               assay_error *error) {
    maker m = {.arena = arena,
               .view = view,
               .place = as_arena_alloc_array(arena, view->n_nodes, sizeof *m.place),
               .counted = as_arena_alloc_array(arena, view->n_parameters, sizeof *m.counted)};
    m.map.nodes = as_arena_alloc_array(arena, view->n_forward_nodes, sizeof *m.map.nodes);
    if (!m.place || !m.counted || !m.map.nodes)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "graph", "no memory for its nodes");
    assay_status status = ASSAY_OK;
    for (uint32_t n = 0; status == ASSAY_OK && n < view->n_nodes; n++) {
        m.place[n] = -1;
        if (is_of_model(view, n))
            status = add_node(&m, n, error);
    }
    if (status == ASSAY_OK)
        *ret_map = m.map;
    return status;
}
