/* SPDX-License-Identifier: MIT */
/* report/aggregate.h: a run's cells as rows of a table: one row per entry, backend and precision,
 * averaged over seeds. Definitions: docs/methodology.md. */
#ifndef AS_REPORT_AGGREGATE_H
#define AS_REPORT_AGGREGATE_H

#include "results/record/paired.h"
#include "results/record/record.h"

/* Means over seeds of operations per second (graph FLOPs), of their shares of the matrix peak, and
 * of the machine's limits; NaN where unknown. */
typedef struct as_row_efficiency {
    double training_flops_per_second, training_share;
    double offline_flops_per_second, offline_share;
    double single_stream_flops_per_second, single_stream_share;
    double peak_compute, peak_gemm, peak_memory;
} as_row_efficiency;

typedef struct as_row_summary {
    const char *name; /* the entry, with backend and precision where the run has several */
    const char *entry, *backend, *dtype;
    const as_record **records; /* [n_records] by seed as the run lists them */
    size_t n_records, n_ok;
    size_t place;        /* in the suite's order */
    const char *problem; /* NULL when every seed is ok; else what stands in place of figures */
    /* Means over seeds, intervals over texts and seeds. */
    as_figure accuracy, f1_macro, f1_weighted, precision_macro, recall_macro, precision_weighted,
        recall_weighted;
    double loss, validation_accuracy;
    int64_t parameters_total, parameters_trainable;
    double train_seconds, train_tokens_per_second; /* means over seeds */
    as_figure p50_ms;                              /* geometric mean over seeds */
    double offline_samples_per_second;             /* mean over seeds */
    double peak_mib;                               /* largest over seeds */
    as_row_efficiency efficiency;
    as_scores pooled; /* confusion and classes, all seeds' predictions together; no intervals */
    const uint16_t *right; /* [n_texts] seeds that are right on a text, by the texts' order; NULL:
                              without predictions */
    size_t n_texts;
    size_t texts; /* rows with the same number here answered the same texts, labels included */
    double *f1_resampled; /* [AS_BOOTSTRAP_RESAMPLES] macro F1 of every draw of texts and seeds */
    bool paired;          /* compared text by text with the best row */
    double p_best;        /* Holm-adjusted p of the difference from the best row; NaN for itself */
    bool is_best, marked; /* marked: best, or not separable from it */
    bool trusted;         /* equivalence passed, or needs none (own code, the reference itself) */
} as_row_summary;

/* One point of an entry's grid, as validation sees it. */
typedef struct as_grid_point {
    const char *name, *values; /* "lr 0.001, hidden 64" */
    double mean, low, high;    /* of the selecting figure over seeds; NaN: none */
    const char *problem;       /* NULL when every seed is ok */
    const as_record **records; /* [n_records] */
    size_t n_records;
    bool selected;
} as_grid_point;

typedef struct as_grid {
    const char *entry, *select; /* "validation.accuracy" */
    as_grid_point *points;      /* [n_points] in the suite's order */
    size_t n_points;
} as_grid;

typedef struct as_summary {
    /* complete ones by falling accuracy, then those with a problem; of a grid the selected point */
    as_row_summary *rows;
    size_t n_rows, n_complete;
    size_t n_seeds;        /* largest of any row */
    double separable;      /* smallest difference seen with 80 % power, share; NaN if unknown */
    const as_record *some; /* a record with data, for what all share; NULL when there is none */
    as_grid *grids;        /* [n_grids] */
    size_t n_grids;
} as_summary;

/* [any] Everything lives in `arena` and points into `run`. Raw rows must have been read where
 * intervals and marks are wanted. */
ASSAY_MUST_USE assay_status as_summarise(as_arena *arena, const as_run *run,
                                         as_summary *ret_summary, assay_error *error);

/* [any] Did both answer the same texts, all seeds of them? */
bool as_rows_same_texts(const as_row_summary *a, const as_row_summary *b);

/* [any] Two rows on the same texts, text by text: as_paired_discordance of their records. */
as_discordance as_rows_discordance(const as_row_summary *first, const as_row_summary *second);

/* [any] Did a cell before run->cells[cell] give the same warning? How many cells gave it? Those of
 * points that a grid passed over don't count: their warnings may hold test figures. */
bool as_warning_came_before(const as_run *run, const as_summary *summary, size_t cell,
                            const char *warning);
size_t as_warning_cells(const as_run *run, const as_summary *summary, const char *warning);

/* [any] Significant digits of a half-width in this run's tables: `given`, or where that is 0 the
 * suite's report.digits, or AS_NUMBER_DIGITS. */
int as_report_digits(const as_run *run, int given);

#endif
