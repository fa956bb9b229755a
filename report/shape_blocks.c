/* SPDX-License-Identifier: MIT */
/* Repeats in a list of nodes: at each place the period that folds most nodes away. Where a repeat
 * may begin at several places (its last nodes stand in front of the first layer, too), it begins
 * where the number in the parameters' names changes, as a layer does. */
#include "report/shape_blocks.h"

#include <string.h>

enum { LONGEST = 256 }; /* nodes of a block at most; bounds the search */

/* "layer.0.weight" and "layer.11.weight" are the same. */
static bool same_name(const char *a, const char *b) {
    static const char digits[] = "0123456789";
    while (*a && *b) {
        size_t n = strspn(a, digits), k = strspn(b, digits);
        if ((n > 0) != (k > 0) || (n == 0 && *a != *b))
            return false;
        a += n ? n : 1;
        b += k ? k : 1;
    }
    return *a == *b;
}

static bool same_parameters(const as_shape_node *a, const as_shape_node *b) {
    if (a->n_parameters != b->n_parameters || a->n_elements != b->n_elements)
        return false;
    for (size_t i = 0; i < a->n_parameters; i++) {
        const as_shape_parameter *p = &a->parameters[i], *q = &b->parameters[i];
        if (p->rank != q->rank || p->dims[0] != q->dims[0] || p->dims[1] != q->dims[1] ||
            p->trainable != q->trainable || p->shared != q->shared || !same_name(p->name, q->name))
            return false;
    }
    return true;
}

static bool same_reads(const as_shape_node *a, size_t i, const as_shape_node *b, size_t j) {
    if (a->n_reads != b->n_reads)
        return false;
    for (size_t k = 0; k < a->n_reads; k++) {
        const as_shape_input *x = &a->reads[k], *y = &b->reads[k];
        if (x->node < 0 || y->node < 0) {
            if (x->node != y->node || strcmp(x->name, y->name) != 0)
                return false;
        } else if (x->node != y->node && (int64_t)i - x->node != (int64_t)j - y->node) {
            return false;
        }
    }
    return true;
}

static bool same(const as_shape_map *map, size_t i, size_t j) {
    const as_shape_node *a = &map->nodes[i], *b = &map->nodes[j];
    return strcmp(a->operation, b->operation) == 0 && strcmp(a->note, b->note) == 0 &&
           a->of_rows == b->of_rows && a->channels == b->channels && same_parameters(a, b) &&
           same_reads(a, i, b, j);
}

/* Nodes from `first` that equal those `period` later, one after the other. */
static size_t run_length(const as_shape_map *map, size_t first, size_t period) {
    size_t n = 0;
    while (first + n + period < map->n_nodes && same(map, first + n, first + n + period))
        n++;
    return n;
}

/* The first number in the name of the node's first parameter, as text; "" where there is none. */
static const char *layer_of(const as_shape_node *node, size_t *ret_n) {
    const char *name = node->n_parameters ? node->parameters[0].name : "";
    name += strcspn(name, "0123456789");
    *ret_n = strspn(name, "0123456789");
    return name;
}

/* Does a block that begins at `first` stay in one layer? */
static bool is_one_layer(const as_shape_map *map, size_t first, size_t period) {
    const char *layer = NULL;
    size_t length = 0, n;
    for (size_t i = first; i < first + period; i++) {
        const char *other = layer_of(&map->nodes[i], &n);
        if (map->nodes[i].n_parameters == 0)
            continue;
        if (layer && (n != length || strncmp(layer, other, n) != 0))
            return false;
        layer = other;
        length = n;
    }
    return true;
}

/* The best block that begins at `first` or, shifted within its own repeats, a little later. */
static as_shape_block best_block(const as_shape_map *map, size_t first) {
    as_shape_block best = {first, 1, 1};
    size_t saved = 0, left = map->n_nodes - first;
    for (size_t period = 1; period <= LONGEST && 2 * period <= left; period++) {
        size_t same_nodes = run_length(map, first, period), times = same_nodes / period + 1;
        if ((times - 1) * period <= saved)
            continue;
        size_t shift = 0, shifts = same_nodes % period;
        while (shift < shifts && !is_one_layer(map, first + shift, period))
            shift++;
        if (!is_one_layer(map, first + shift, period))
            shift = 0;
        best = (as_shape_block){first + shift, period, times};
        saved = (times - 1) * period;
    }
    return best;
}

static void add_single(as_shape_block *list, size_t *n, size_t node) {
    as_shape_block *last = *n ? &list[*n - 1] : NULL;
    if (last && last->times == 1)
        last->n_nodes++;
    else
        list[(*n)++] = (as_shape_block){node, 1, 1};
}

as_shape_block *as_shape_blocks(as_arena *arena, const as_shape_map *map, size_t *ret_n) {
    as_shape_block *list = as_arena_alloc_array(arena, map->n_nodes, sizeof *list);
    size_t n = 0;
    for (size_t at = 0; list && at < map->n_nodes;) {
        as_shape_block block = best_block(map, at);
        for (; at < block.first; at++)
            add_single(list, &n, at);
        if (block.times == 1) {
            add_single(list, &n, at++);
            continue;
        }
        list[n++] = block;
        at += block.n_nodes * block.times;
    }
    *ret_n = n;
    return list;
}
