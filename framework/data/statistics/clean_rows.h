/* SPDX-License-Identifier: MIT */
/* data/statistics/clean_rows.h: a whole data set's rows after cleaning, for the statistics of what
 * cleaning leaves. */
#ifndef AS_DATA_STATISTICS_CLEAN_ROWS_H
#define AS_DATA_STATISTICS_CLEAN_ROWS_H

#include "data/cleaning/cleaning.h"
#include "data/dataset.h"
#include "data/statistics/workers.h"

typedef struct as_cleaned_rows {
    as_dataset_row *rows;       /* [n_rows] as the ones given, with other texts */
    as_cleaning_counts *counts; /* [n_steps] */
    size_t n_steps;
    as_arena *arenas[AS_MAX_WORKERS], *own; /* the texts', and the rows' */
    as_cleaner *names;                      /* owns the steps' names */
} as_cleaned_rows;

/* [cell] Applies `steps` (see cleaning.h; `where` is their place for errors) to every row. A
 * failure on a text names the text. Release with as_cleaned_rows_done. */
ASSAY_MUST_USE assay_status as_clean_rows(const as_dataset_row *rows, uint32_t n_rows,
                                          const json_t *steps, const char *where, int threads,
                                          as_cleaned_rows *ret_rows, assay_error *error);
void as_cleaned_rows_done(as_cleaned_rows *rows);

#endif
