/* SPDX-License-Identifier: MIT */
/* batch.c: refuses a batch that would make a kernel read out of bounds. */
#include <stdio.h>

#include "reference.h"

/* "batch.FIELD": "INDEX of FIELD is FOUND; expected at least LOW and below HIGH" */
static assay_status out_of_range(assay_error *error, const char *field, int32_t index,
                                 int64_t found, int64_t low, int64_t high) {
    char where[64], text[160];
    snprintf(where, sizeof where, "batch.%s[%d]", field, (int)index);
    snprintf(text, sizeof text, "found %lld; expected at least %lld and below %lld",
             (long long)found, (long long)low, (long long)high);
    return assay_fail(error, ASSAY_INVALID_ARGUMENT, where, text);
}

static assay_status check_indices(assay_error *error, const char *field, const int32_t *indices,
                                  int32_t n, int64_t limit) {
    if (!indices)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, field, "is NULL, but the graph reads it");
    for (int32_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= limit)
            return out_of_range(error, field, i, indices[i], 0, limit);
    return ASSAY_OK;
}

static assay_status check_rows(const reference_bounds *bounds, const assay_batch *batch,
                               assay_error *error) {
    char text[160];
    if (!batch->offsets)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.offsets", "is NULL");
    if (batch->n_rows < 1 || batch->n_rows > bounds->max_rows || batch->n_tokens < batch->n_rows ||
        batch->n_tokens > bounds->max_tokens) {
        snprintf(
            text, sizeof text,
            "found %d rows and %d tokens; expected 1 to %d rows of at least one token, at most "
            "%d tokens; compile a larger plan",
            (int)batch->n_rows, (int)batch->n_tokens, (int)bounds->max_rows,
            (int)bounds->max_tokens);
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", text);
    }
    if (batch->offsets[0] != 0)
        return out_of_range(error, "offsets", 0, batch->offsets[0], 0, 1);
    for (int32_t b = 0; b < batch->n_rows; b++) {
        int64_t low = (int64_t)batch->offsets[b] + 1, high = (int64_t)batch->n_tokens + 1;
        if (batch->offsets[b + 1] < low || batch->offsets[b + 1] >= high)
            return out_of_range(error, "offsets", b + 1, batch->offsets[b + 1], low, high);
    }
    if (batch->offsets[batch->n_rows] != batch->n_tokens)
        return out_of_range(error, "offsets", batch->n_rows, batch->offsets[batch->n_rows],
                            batch->n_tokens, (int64_t)batch->n_tokens + 1);
    return ASSAY_OK;
}

assay_status reference_check_batch(const reference_bounds *bounds, const assay_batch *batch,
                                   assay_error *error) {
    assay_status status;
    if (!batch)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch", "is NULL; the plan needs one");
    status = check_rows(bounds, batch, error);
    if (!status && bounds->n_ids > 0)
        status = check_indices(error, "ids", batch->ids, batch->n_tokens, bounds->n_ids);
    if (!status && bounds->n_positions > 0)
        status = check_indices(error, "positions", batch->positions, batch->n_tokens,
                               bounds->n_positions);
    if (!status && (bounds->needs_labels || batch->labels))
        status = check_indices(error, "labels", batch->labels, batch->n_rows, bounds->n_classes);
    if (!status && bounds->needs_token_weights &&
        (!ASSAY_HAS_FIELD(batch, assay_batch, token_weights) || !batch->token_weights))
        status = assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.token_weights",
                            "is NULL, but the graph reads it; give each token its weight");
    if (!status && bounds->needs_row_keys && !batch->row_keys)
        status = assay_fail(error, ASSAY_INVALID_ARGUMENT, "batch.row_keys",
                            "is NULL; dropout needs a key for each row");
    return status;
}
