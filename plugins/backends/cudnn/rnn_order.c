/* SPDX-License-Identifier: MIT */
/* cudnn/rnn_order.c: the order in which cuDNN wants the tokens of packed sequences. */
#include "internal.h"

void gpu_order_by_time(const assay_batch *batch, int32_t *sorted, int32_t *order, int32_t *place) {
    const int32_t *offsets = batch->offsets;
    int32_t n = batch->n_rows, *rows = sorted + n, to = 0;
    /* Insertion: a batch has few rows and nothing may be allocated here; equals keep their order.
     */
    for (int32_t b = 0; b < n; b++) {
        int32_t length = offsets[b + 1] - offsets[b], i = b;
        for (; i > 0 && sorted[i - 1] < length; i--) {
            sorted[i] = sorted[i - 1];
            rows[i] = rows[i - 1];
        }
        sorted[i] = length;
        rows[i] = b;
    }
    for (int32_t t = 0; t < sorted[0]; t++) {
        for (int32_t i = 0; i < n && sorted[i] > t; i++, to++) {
            order[to] = offsets[rows[i]] + t;
            place[order[to]] = to;
        }
    }
}
