/* SPDX-License-Identifier: MIT */
/* report/peers.h: cells that were measured in blocks in turn (assay run --interleave), compared
 * round by round: for each group and scenario the first of assay's own cells as the base, every
 * other own cell, and of each peer program the entry that was fastest in the scenario.
 *
 *     speed    of a throughput: real tokens per second of the block; of a latency: the median
 *              milliseconds of its queries
 *     ratio    of one round: how many times as fast the base is; shown is the median over rounds
 * with its order-statistic interval shares   of one round: operations per second, by the base's
 * graph, over the peak that the base measured right before and behind its block; shown is the
 * median over rounds */
#ifndef AS_REPORT_PEERS_H
#define AS_REPORT_PEERS_H

#include <stdio.h>

#include "results/record/record.h"

typedef struct as_peer_row {
    const char *name;        /* the program, or "gru, assay onednn" */
    const as_record *record; /* NULL: none of the program's entries was measured */
    const char *problem;     /* why not; NULL */
    size_t n_tried;          /* entries of the program */
    bool is_own, is_other;   /* is_other: its logits were not held against the base's */
    int32_t batch;
    as_figure speed; /* tokens/s, or ms */
    as_figure ratio; /* NaN for the base */
    as_figure share_of_gemm, share_of_compute;
} as_peer_row;

typedef struct as_peer_table {
    const as_record *base;
    const char *scenario;
    bool is_latency;
    as_peer_row *rows; /* [n_rows] own ones first, then programs in the suite's order */
    size_t n_rows;
    as_figure peak_gemm, peak_compute; /* operations/s, over the base's rounds */
} as_peer_table;

/* [any] No tables where nothing was interleaved. Everything lives in `arena` and points into `run`.
 */
ASSAY_MUST_USE assay_status as_peers_summarise(as_arena *arena, const as_run *run,
                                               as_peer_table **ret_tables, size_t *ret_n,
                                               assay_error *error);

/* [any] For the terminal. */
ASSAY_MUST_USE assay_status as_peers_print(as_arena *arena, const as_run *run, FILE *stream,
                                           int width, bool ascii, assay_error *error);

#endif
