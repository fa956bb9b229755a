/* SPDX-License-Identifier: MIT */
/* Repeated layers of a shape map are folded, where and how often they stand there. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "report/shape_blocks.h"

enum { MOST = 64 };

typedef struct graph {
    as_shape_node nodes[MOST];
    as_shape_input reads[MOST][2];
    as_shape_parameter parameters[MOST];
    char names[MOST][32];
    as_shape_map map;
} graph;

/* Appends a node that reads the node before it and the one `back` before (0: no other); with a
 * parameter "layer.N.name" for layer >= 0. */
static void add(graph *g, const char *operation, int64_t channels, int64_t back, int layer) {
    size_t n = g->map.n_nodes++;
    as_shape_node *node = &g->nodes[n];
    *node = (as_shape_node){.operation = operation,
                            .reads = g->reads[n],
                            .n_reads = n == 0 ? 0
                                       : back ? 2
                                              : 1,
                            .channels = channels,
                            .note = "",
                            .parameters = &g->parameters[n]};
    g->reads[n][0] = (as_shape_input){(int64_t)n - 1, NULL};
    g->reads[n][1] = (as_shape_input){(int64_t)n - back, NULL};
    g->map.nodes = g->nodes;
    if (layer < 0)
        return;
    snprintf(g->names[n], sizeof g->names[n], "layer.%d.%s", layer, operation);
    g->parameters[n] =
        (as_shape_parameter){.name = g->names[n], .dims = {channels, 1}, .rank = 1, .n = channels};
    node->n_parameters = 1;
    node->n_elements = channels;
}

static void add_layer(graph *g, int layer, int64_t channels) {
    add(g, "linear", channels, 0, layer);
    add(g, "gelu", channels, 0, -1);
    add(g, "add", channels, 3, -1);
    add(g, "layer_norm", channels, 0, layer);
}

static as_shape_block *fold(const graph *g, as_arena *arena, size_t *ret_n) {
    as_shape_block *blocks = as_shape_blocks(arena, &g->map, ret_n);
    size_t n = 0;
    cr_assert_not_null(blocks);
    for (size_t i = 0; i < *ret_n; i++) {
        cr_assert_eq(blocks[i].first, n, "blocks cover the map without gap");
        n += blocks[i].n_nodes * blocks[i].times;
    }
    cr_assert_eq(n, g->map.n_nodes);
    return blocks;
}

Test(shape_blocks, twelve_layers_are_one_with_its_number) {
    static graph g;
    size_t n = 0;
    as_arena *arena = as_arena_new();
    add(&g, "embedding", 8, 0, -1);
    for (int layer = 0; layer < 12; layer++)
        add_layer(&g, layer, 8);
    add(&g, "linear", 2, 0, -1);
    as_shape_block *blocks = fold(&g, arena, &n);
    cr_assert_eq(n, 3);
    cr_assert(blocks[1].first == 1 && blocks[1].n_nodes == 4 && blocks[1].times == 12);
    as_arena_free(arena);
}

Test(shape_blocks, begin_where_a_layer_does) {
    static graph g;
    size_t n = 0;
    as_arena *arena = as_arena_new();
    add(&g, "embedding", 8, 0, -1);
    add(&g, "x", 8, 0, -1);
    add(&g, "add", 8, 2, -1);
    add(&g, "layer_norm", 8, 0, 99); /* the end of a layer stands in front of the first, too */
    for (int layer = 0; layer < 3; layer++) {
        add(&g, "linear", 8, 0, layer);
        add(&g, "add", 8, 2, -1);
        add(&g, "layer_norm", 8, 0, layer);
    }
    as_shape_block *blocks = fold(&g, arena, &n);
    cr_assert_eq(n, 2);
    cr_assert(blocks[1].first == 4 && blocks[1].n_nodes == 3 && blocks[1].times == 3);
    as_arena_free(arena);
}

Test(shape_blocks, layers_that_differ_are_shown_apart) {
    static graph g;
    size_t n = 0;
    as_arena *arena = as_arena_new();
    add(&g, "embedding", 8, 0, -1);
    add_layer(&g, 0, 8);
    add_layer(&g, 1, 8);
    add_layer(&g, 2, 8);
    add_layer(&g, 3, 8);
    g.parameters[1].trainable = g.parameters[5].trainable = true; /* of layers 0 and 1 */
    as_shape_block *blocks = fold(&g, arena, &n);
    cr_assert_eq(n, 3);
    cr_assert(blocks[1].times == 2 && blocks[2].times == 2 && blocks[2].first == 9);
    g.parameters[1].trainable = g.parameters[5].trainable = false;
    g.nodes[6].note = "probability 0.1"; /* in layer 1 */
    blocks = fold(&g, arena, &n);
    cr_assert_eq(blocks[n - 1].times, 2, "layers 2 and 3 are alike");
    cr_assert_eq(blocks[0].n_nodes, 9);
    as_arena_free(arena);
}

Test(shape_blocks, a_node_that_reads_elsewhere_is_another) {
    static graph g;
    size_t n = 0;
    as_arena *arena = as_arena_new();
    add(&g, "embedding", 8, 0, -1);
    add_layer(&g, 0, 8);
    add_layer(&g, 1, 8);
    g.reads[7][1].node = 0; /* the second residual comes from the embedding, the first did too */
    g.reads[3][1].node = 0;
    cr_assert_eq(fold(&g, arena, &n)[1].times, 2, "one and the same node before");
    g.reads[7][1].node = 1;
    cr_assert_eq((fold(&g, arena, &n), n), 1);
    as_arena_free(arena);
}
