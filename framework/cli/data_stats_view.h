/* SPDX-License-Identifier: MIT */
/* cli/data_stats_view.h: what `assay data stats` found, for the three that show it. */
#ifndef AS_CLI_DATA_STATS_VIEW_H
#define AS_CLI_DATA_STATS_VIEW_H

#include <stdio.h>

#include "data/cleaning/cleaning.h"
#include "data/resources/manifest.h"
#include "data/statistics/text_statistics.h"

typedef struct as_data_stats_view {
    const as_manifest *manifest;
    const as_dataset *dataset;
    const char *source;
    const as_statistics_config *config;
    const char *wordpiece;                   /* name of its vocabulary; NULL: none is used */
    const char *wordpiece_missing;           /* why none is, where one would be; or NULL */
    const char *stopwords;                   /* name of the list */
    const as_text_statistics *raw, *cleaned; /* cleaned NULL: not asked for */
    const char *cleaning;                    /* where the steps come from */
    const as_cleaning_counts *steps;
    size_t n_steps;
} as_data_stats_view;

/* [any] "not stated", "as its manifest states", "NOT what its manifest states". */
const char *as_data_identity(const as_data_stats_view *view);

/* [any] Foreign text for a terminal, a table or a figure, in `arena`: controls (C0, DEL, C1), line
 * and paragraph separators and the signs that turn the writing direction become "?"; at most
 * `width` characters (0: all), a cut text ends in "...". NULL when out of memory. */
const char *as_shown_text(as_arena *arena, const char *text, size_t width);

/* [main] Tables on `stream`, fitted to `width` columns (0: all). OUT_OF_MEMORY. */
ASSAY_MUST_USE assay_status as_data_stats_print(as_arena *arena, const as_data_stats_view *view,
                                                FILE *stream, int width, assay_error *error);

/* [main] The same as JSON; names and units: assay-data(1). OUT_OF_MEMORY. */
ASSAY_MUST_USE assay_status as_data_stats_print_json(const as_data_stats_view *view, FILE *stream,
                                                     assay_error *error);

/* [main] Lengths in words as a figure (.svg, .pdf or .png, by the end of its name), drawn by
 * gnuplot; written whole or not at all. UNAVAILABLE without gnuplot. */
ASSAY_MUST_USE assay_status as_data_stats_draw(as_arena *arena, const as_data_stats_view *view,
                                               const char *path, assay_error *error);

/* [any] Can it be drawn? INVALID_ARGUMENT when the file's ending is none of the three, UNAVAILABLE
 * without gnuplot: told before the work. */
ASSAY_MUST_USE assay_status as_data_stats_check_figure(const char *path, assay_error *error);

#endif
