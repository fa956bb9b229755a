/* SPDX-License-Identifier: MIT */
/* bench_rows.h: rows for the training benchmarks, from the JSON Lines of `assay data rows SUITE`
 * ("split", "label" and "ids" of each row) or made up. */
#ifndef BENCH_ROWS_H
#define BENCH_ROWS_H

#include "data/data.h"

/* Growing list of one split's rows, in the order of the file. */
typedef struct bench_split {
    as_row *rows;
    size_t n, room;
    int32_t longest;
    uint64_t n_tokens;
} bench_split;

typedef struct bench_rows {
    as_arena *arena; /* of the ids */
    bench_split splits[AS_SPLIT_COUNT];
    int32_t max_id, max_label; /* of all splits, as peer_torch.py sizes its models */
} bench_rows;

/* 1, or 0 after a message. */
int bench_read_rows(bench_rows *rows, const char *path);
/* n train rows of two classes with `tokens` ids each, or, with 0, of 60 to 256, below `vocabulary`;
 * 0: no memory. */
int bench_make_rows(bench_rows *rows, uint32_t n, int32_t tokens, int32_t vocabulary);
/* The split as batches are made of it: its first `most` rows, 0: all. */
as_split_rows bench_split_of(const bench_rows *rows, as_split split, uint32_t most);
void bench_rows_free(bench_rows *rows); /* the lists, not the arena */

#endif
