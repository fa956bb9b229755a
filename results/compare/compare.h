/* SPDX-License-Identifier: MIT */
/* results/compare/compare.h: is a new run worse than a base run? Cells are matched by entry,
 * backend, precision and seed; every check has an interval, a margin that the suite states, and a
 * verdict:
 *
 *     same    the interval excludes a loss beyond the margin
 *     better  and excludes no gain
 *     WORSE   the interval lies wholly beyond the margin
 *     open    neither can be said; `advice` tells what would decide
 *
 * Definitions of the intervals: docs/methodology.md.
 *
 *     as_comparison comparison;
 *     status = as_compare(arena, base, new_, AS_GATES_DEFAULT, &comparison, error);
 *     return as_comparison_exit_code(&comparison);                                             */
#ifndef AS_RESULTS_COMPARE_H
#define AS_RESULTS_COMPARE_H

#include "results/record/record.h"

typedef enum as_check_kind {
    AS_CHECK_ACCURACY,   /* change: share of texts, new - base */
    AS_CHECK_THROUGHPUT, /* of training, tokens per second; change: new / base - 1 */
    AS_CHECK_LATENCY,    /* median of single texts; change: new / base - 1 */
    AS_CHECK_MEMORY,     /* peak resident memory; change: new / base - 1 */
    AS_CHECK_COUNT
} as_check_kind;

/* [any] "accuracy", "throughput", "latency", "memory". */
const char *as_check_kind_name(as_check_kind kind);

/* Bits 1 << as_check_kind. */
enum {
    AS_GATES_DEFAULT = 1 << AS_CHECK_ACCURACY | 1 << AS_CHECK_THROUGHPUT | 1 << AS_CHECK_LATENCY,
};

typedef enum as_verdict {
    AS_VERDICT_SAME,
    AS_VERDICT_BETTER,
    AS_VERDICT_OPEN,
    AS_VERDICT_WORSE
} as_verdict;

/* [any] "same", "better", "open", "WORSE". */
const char *as_verdict_name(as_verdict verdict);

typedef struct as_check {
    as_check_kind kind;
    double base, new_; /* accuracy: shares; tokens/s; ms; bytes */
    as_figure change;  /* with its 95 % interval; memory: smallest and largest over seeds */
    double p;          /* accuracy: exact McNemar (sign test over texts); else NaN */
    double p_holm;     /* the same, adjusted over the comparison's entries */
    double margin;     /* loss allowed, > 0; of latency at least a microsecond */
    as_verdict verdict;
    const char *advice; /* open: why, and what would decide; else NULL */
} as_check;

/* Difference of macro F1 on the same texts, by a paired bootstrap over texts and seeds. */
typedef struct as_f1_change {
    double base, new_; /* means over seeds; NaN: not compared */
    as_figure change;  /* with its 95 % interval */
    double p, p_holm;
} as_f1_change;

/* One of the report's figures on both sides: means over the matched seeds. Shown, not judged. */
typedef struct as_compared_figure {
    const char *name; /* as the report's columns: "f1_weighted" */
    bool is_share;    /* a fraction of 1, whose difference is told in points */
    double base, new_;
} as_compared_figure;

enum { AS_COMPARED_FIGURES = 11 };

typedef struct as_compared_entry {
    const char *name; /* the entry, with backend and precision where a run has several */
    const char *entry, *backend, *dtype;
    size_t n_seeds;
    as_check checks[AS_CHECK_COUNT];
    size_t n_checks;
    as_f1_change f1;
    as_compared_figure figures[AS_COMPARED_FIGURES];
} as_compared_entry;

typedef struct as_comparison {
    const as_run *base, *new_;
    const char
        *against; /* within one run: the entry that the others are compared with; else NULL */
    as_compared_entry *entries; /* in the base's order */
    size_t n_entries;
    unsigned gates;
    const char **problems; /* why something could not be compared: exit 3 */
    size_t n_problems;
    const char **notes; /* what a reader should know, without effect on the exit code */
    size_t n_notes;
    bool same_data, same_machine;
    size_t n_checks, n_by_verdict[4];
} as_comparison;

/* [any] Compares two runs whose raw rows were read. Everything lives in `arena` and points into the
 * runs. What cannot be compared is a problem in the result, not an error. */
ASSAY_MUST_USE assay_status as_compare(as_arena *arena, const as_run *base, const as_run *new_,
                                       unsigned gates, as_comparison *ret_comparison,
                                       assay_error *error);

/* [any] Compares entries of one run with the first of them, cell by cell of the same backend,
 * precision and seed (a model with its own code stands against any). The others are the new side.
 * INVALID_ARGUMENT: fewer than two entries, one twice, or one that the run does not have. */
ASSAY_MUST_USE assay_status as_compare_entries(as_arena *arena, const as_run *run,
                                               const char *const *entries, size_t n_entries,
                                               unsigned gates, as_comparison *ret_comparison,
                                               assay_error *error);

/* [any] 3 with problems, else 1 with a regression, else 2 with an open check, else 0. */
int as_comparison_exit_code(const as_comparison *comparison);

/* [any] For programs; the caller owns *ret_json. */
ASSAY_MUST_USE assay_status as_comparison_json(const as_comparison *comparison, json_t **ret_json,
                                               assay_error *error);

#endif
