/* SPDX-License-Identifier: MIT */
/* Cutting plots between their lines of panels. */
#include "report/plot_parts.h"

#include <stdio.h>
#include <string.h>

/* How many panels a part holds: whole lines, as many as fit. */
static size_t panels_of_part(as_arena *arena, const as_plot *plot) {
    size_t columns = plot->columns > 1 ? (size_t)plot->columns : 1;
    size_t n_lines = (plot->n_panels + columns - 1) / columns;
    double height = as_plot_layout(arena, plot).height;
    if (height <= AS_PART_HEIGHT || n_lines < 2)
        return plot->n_panels;
    size_t most = (size_t)((double)n_lines * AS_PART_HEIGHT / height);
    size_t n_parts = most ? (n_lines + most - 1) / most : n_lines;
    return (n_lines + n_parts - 1) / n_parts * columns; /* parts of like size */
}

static const char *part_id(as_arena *arena, const char *id, size_t part) {
    char text[200];
    snprintf(text, sizeof text, "%.150s-%zu", id, part + 1);
    return part ? as_arena_strdup(arena, text) : id;
}

const as_plot *as_plot_parts(as_arena *arena, const as_plot *plot, size_t *ret_n) {
    size_t each = panels_of_part(arena, plot);
    size_t n = each ? (plot->n_panels + each - 1) / each : 1;
    as_plot *parts = as_arena_alloc_array(arena, n, sizeof *parts);
    for (size_t i = 0; parts && i < n; i++) {
        size_t left = plot->n_panels - i * each;
        parts[i] = *plot;
        parts[i].panels = plot->panels + i * each;
        parts[i].n_panels = left < each ? left : each;
        parts[i].id = part_id(arena, plot->id, i);
        if (!parts[i].id)
            return NULL;
    }
    *ret_n = n;
    return parts;
}
