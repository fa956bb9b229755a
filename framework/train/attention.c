/* SPDX-License-Identifier: MIT */
/* Runs the probe (graph/attention.c) window by window: in window w a head's channels tell the
 * weights of tokens w D .. (w + 1) D - 1. */
#include "train/attention.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/engine.h"

struct as_attention_reader {
    as_attention attention;
    assay_graph *probe;
    as_engine *engine;
    uint32_t window; /* parameter of the probe */
    int64_t max_tokens;
    double *units;      /* [max_tokens, channels] */
    double *result;     /* [channels] */
    int32_t *positions; /* [max_tokens] */
};

static assay_status make_buffers(as_arena *arena, as_attention_reader *reader, assay_error *error) {
    size_t n = (size_t)reader->max_tokens, channels = (size_t)reader->attention.channels, size;
    reader->units = as_mul_size(n, channels, &size)
                        ? as_arena_alloc_array(arena, size, sizeof *reader->units)
                        : NULL;
    reader->result = as_arena_alloc_array(arena, channels, sizeof *reader->result);
    reader->positions = as_arena_alloc_array(arena, n, sizeof *reader->positions);
    if (!reader->units || !reader->result || !reader->positions)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "attention", "no memory for its weights");
    for (size_t i = 0; i < n; i++)
        reader->positions[i] = (int32_t)i;
    return ASSAY_OK;
}

static assay_status open_probe(as_attention_reader *reader, as_engine *engine, assay_error *error) {
    as_engine_config config = *as_engine_configuration(engine);
    config.max_rows = 1;
    assay_status status =
        as_graph_attention_probe(as_graph_view(as_engine_graph(engine)), &reader->attention,
                                 reader->max_tokens, &reader->probe, error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, reader->probe, &reader->engine, error);
    if (status == ASSAY_OK)
        status = as_engine_fill_from(reader->engine, engine, NULL, NULL, error);
    if (status == ASSAY_OK)
        reader->window =
            (uint32_t)as_find_parameter(as_graph_view(reader->probe), AS_ATTENTION_WINDOW);
    return status;
}

assay_status as_attention_open(as_arena *arena, as_engine *engine, as_attention_reader **ret_reader,
                               assay_error *error) {
    as_attention attention;
    if (!as_graph_find_attention(as_graph_view(as_engine_graph(engine)), &attention))
        return as_fail(error, ASSAY_NOT_FOUND, "attention", "the model has none");
    as_attention_reader *reader = as_arena_alloc(arena, sizeof *reader);
    if (!reader)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "attention", "no memory to begin");
    *reader = (as_attention_reader){.attention = attention,
                                    .max_tokens = as_engine_configuration(engine)->max_tokens};
    assay_status status = make_buffers(arena, reader, error);
    if (status == ASSAY_OK)
        status = open_probe(reader, engine, error);
    if (status != ASSAY_OK) {
        as_attention_close(reader);
        return status;
    }
    *ret_reader = reader;
    return ASSAY_OK;
}

void as_attention_close(as_attention_reader *reader) {
    if (!reader)
        return;
    as_engine_free(reader->engine);
    as_graph_free(reader->probe);
    reader->engine = NULL;
    reader->probe = NULL;
}

const as_attention *as_attention_of(const as_attention_reader *reader) {
    return &reader->attention;
}

const char *as_attention_query_name(as_attention_query query) {
    static const char *const names[] = {"pool", "first", "last", "mean"};
    return names[query];
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Unit vectors of the tokens from `first` on, the same for each head; zero for all others. */
static assay_status set_window(as_attention_reader *reader, int64_t first, assay_error *error) {
    const as_attention *a = &reader->attention;
    memset(reader->units, 0, (size_t)(reader->max_tokens * a->channels) * sizeof *reader->units);
    for (int64_t j = 0; j < a->window && first + j < reader->max_tokens; j++)
        for (int32_t h = 0; h < a->heads; h++)
            reader->units[(first + j) * a->channels + h * a->window + j] = 1;
    return as_engine_set_parameter(reader->engine, ASSAY_STATE_PARAMETER, reader->window,
                                   reader->units, error);
}

/* The weights of a row's tokens from `first` on, those of a window. */
static assay_status read_window(as_attention_reader *reader, const as_row *row, int64_t first,
                                double *weights, assay_error *error) {
    const as_attention *a = &reader->attention;
    const int32_t offsets[2] = {0, row->n_ids};
    const uint64_t key = row->index;
    const assay_batch batch = {.struct_size = sizeof batch,
                               .n_rows = 1,
                               .n_tokens = row->n_ids,
                               .ids = row->ids,
                               .positions = reader->positions,
                               .offsets = offsets,
                               .row_keys = &key,
                               .token_weights = row->weights};
    assay_status status = as_engine_forward(reader->engine, &batch, reader->result, NULL, error);
    for (int64_t j = 0; status == ASSAY_OK && j < a->window && first + j < row->n_ids; j++) {
        double sum = 0;
        for (int32_t h = 0; h < a->heads; h++)
            sum += reader->result[h * a->window + j];
        weights[first + j] = sum / a->heads;
    }
    return status;
}

assay_status as_attention_read(as_attention_reader *reader, const as_row *const *rows,
                               size_t n_rows, double *const *weights, assay_error *error) {
    int64_t longest = 0;
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n_rows; i++)
        longest = rows[i]->n_ids > longest ? rows[i]->n_ids : longest;
    for (int64_t first = 0; status == ASSAY_OK && first < longest;
         first += reader->attention.window) {
        status = set_window(reader, first, error);
        for (size_t i = 0; status == ASSAY_OK && i < n_rows; i++)
            if (first < rows[i]->n_ids)
                status = read_window(reader, rows[i], first, weights[i], error);
    }
    return status;
}
