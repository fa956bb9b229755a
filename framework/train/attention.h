/* SPDX-License-Identifier: MIT */
/* train/attention.h: which tokens a trained model attends to. The weights are the backend's own, in
 * its precision, of the last attention layer or the attention pooling before the logits
 * (graph/graph.h), dropout off; several heads are averaged. An engine of its own computes them, so
 * that the model's graph, plans and memory stay as they are.
 *
 *     as_attention_reader *reader;
 *     status = as_attention_open(arena, engine, &reader, error);
 *     if (status == ASSAY_OK)
 *         status = as_attention_read(reader, rows, n_rows, weights, error);
 *     as_attention_close(reader); */
#ifndef AS_TRAIN_ATTENTION_H
#define AS_TRAIN_ATTENTION_H

#include "train/train.h"

typedef struct as_attention_reader as_attention_reader;

/* [cell] With the parameters that the engine has now. NOT_FOUND: the graph has no attention;
 * UNSUPPORTED: the backend lacks an operation that reading takes. */
ASSAY_MUST_USE assay_status as_attention_open(as_arena *arena, as_engine *engine,
                                              as_attention_reader **ret_reader, assay_error *error);
void as_attention_close(as_attention_reader *reader); /* NULL allowed */

/* [any] What the weights are; node is that of the engine's graph. */
const as_attention *as_attention_of(const as_attention_reader *reader);

/* [any] "pool", "first", "last", "mean". */
const char *as_attention_query_name(as_attention_query query);

/* [cell] weights[i][n_ids] of rows[i]: at least 0, summing to 1 up to the precision. */
ASSAY_MUST_USE assay_status as_attention_read(as_attention_reader *reader,
                                              const as_row *const *rows, size_t n_rows,
                                              double *const *weights, assay_error *error);

#endif
