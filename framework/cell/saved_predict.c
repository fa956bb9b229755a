/* SPDX-License-Identifier: MIT */
/* A saved cell at work: its weights on a backend, texts to probabilities. A batch's rows come
 * longest first, as evaluation has them (data/batches.h). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/saved.h"
#include "cell/saved_engine.h"
#include "cell/suite.h"
#include "train/engine.h"
#include "train/trainer.h"

typedef struct encoded {
    int32_t *ids; /* [max_tokens] */
    int32_t n_ids, n_padding;
    size_t text; /* its place among the texts; rows are sorted */
} encoded;

struct as_saved_engine {
    as_plugin backend;
    as_engine *engine;
    int32_t max_rows;
    encoded *rows;      /* [max_rows] */
    int32_t *ids;       /* [max_rows * max_tokens] of the batch */
    int32_t *positions; /* the same */
    float *weights;     /* the same; NULL: none */
    int32_t *offsets;   /* [max_rows + 1] */
    uint64_t *keys;     /* [max_rows] */
    double *logits;     /* [max_rows, n_classes] */
};

void as_saved_engine_free(struct as_saved_engine *engine) {
    if (!engine)
        return;
    as_engine_free(engine->engine);
    engine->engine = NULL;
}

/* ---- weights --------------------------------------------------------------------------------- */

static assay_status fill_parameter(void *context, uint32_t index, double *values,
                                   assay_error *error) {
    const as_saved_cell *cell = context;
    const assay_parameter_info *parameter = &as_graph_view(cell->graph)->parameters[index];
    const as_tensor *tensor = as_safetensors_find(cell->weights, parameter->name);
    assay_status status = as_tensor_check_finite(cell->weights, tensor, error);
    if (status == ASSAY_OK)
        status = as_tensor_read_f64(cell->weights, tensor, values, (uint64_t)parameter->n_elements,
                                    error);
    return status;
}

/* ---- the engine ------------------------------------------------------------------------------ */

static assay_status allocate(as_arena *arena, const as_saved_cell *cell, struct as_saved_engine *e,
                             assay_error *error) {
    size_t rows = (size_t)e->max_rows, tokens, n_logits;
    bool fits = as_mul_size(rows, (size_t)cell->max_tokens, &tokens) &&
                as_mul_size(rows, (size_t)cell->n_classes, &n_logits);
    e->rows = as_arena_alloc_array(arena, rows, sizeof *e->rows);
    e->offsets = as_arena_alloc_array(arena, rows + 1, sizeof *e->offsets);
    e->keys = as_arena_alloc_array(arena, rows, sizeof *e->keys);
    e->ids = fits ? as_arena_alloc_array(arena, tokens, sizeof *e->ids) : NULL;
    e->positions = fits ? as_arena_alloc_array(arena, tokens, sizeof *e->positions) : NULL;
    e->logits = fits ? as_arena_alloc_array(arena, n_logits, sizeof *e->logits) : NULL;
    bool weighted = fits && (cell->tokenizer->token_weights || cell->tokenizer->padded);
    e->weights = weighted ? as_arena_alloc_array(arena, tokens, sizeof *e->weights) : NULL;
    int32_t *ids = fits ? as_arena_alloc_array(arena, tokens, sizeof *ids) : NULL;
    if (!e->rows || !e->offsets || !e->keys || !e->ids || !e->positions || !e->logits || !ids ||
        (weighted && !e->weights))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, cell->folder,
                       "no memory for batches of %zu texts of %" PRId64 " tokens", rows,
                       cell->max_tokens);
    for (size_t i = 0; i < rows; i++)
        e->rows[i].ids = ids + i * (size_t)cell->max_tokens;
    return ASSAY_OK;
}

assay_status as_saved_cell_start(as_arena *arena, as_saved_cell *cell, const char *backend,
                                 int32_t threads, int32_t max_rows, assay_error *error) {
    struct as_saved_engine *e = as_arena_alloc(arena, sizeof *e);
    as_engine_config config = {.dtype = as_dtype_from_name(cell->dtype),
                               .threads = threads,
                               .max_rows = max_rows,
                               .max_tokens = cell->max_tokens};
    if (!e)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, cell->folder, "no memory for its engine");
    cell->engine = e;
    e->max_rows = max_rows;
    assay_status status = as_plugin_load(arena, ASSAY_PLUGIN_KIND_BACKEND,
                                         backend ? backend : cell->backend, &e->backend, error);
    if (status == ASSAY_OK && e->backend.descriptor->probe)
        status = e->backend.descriptor->probe(error);
    if (status == ASSAY_OK)
        status = as_plugin_backend(&e->backend, &config.backend, error);
    if (status == ASSAY_OK)
        status = as_engine_new(&config, cell->graph, &e->engine, error);
    if (status == ASSAY_OK)
        status = as_engine_fill(e->engine, fill_parameter, cell, error);
    if (status == ASSAY_OK)
        status = allocate(arena, cell, e, error);
    return status;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static int longest_first(const void *a, const void *b) {
    const encoded *x = a, *y = b;
    if (x->n_ids != y->n_ids)
        return x->n_ids > y->n_ids ? -1 : 1;
    return (x->text > y->text) - (x->text < y->text);
}

/* Ids of the texts that have any, sorted; the others are answered. */
static assay_status encode_texts(as_saved_cell *cell, const as_text *texts, size_t n_texts,
                                 as_text_prediction *predictions, size_t *ret_n,
                                 assay_error *error) {
    encoded *rows = cell->engine->rows;
    size_t n = 0;
    for (size_t i = 0; i < n_texts; i++) {
        as_encoding encoding;
        assay_status status = as_encoder_encode(cell->tokenizer->encoder, texts[i].bytes,
                                                texts[i].n_bytes, rows[n].ids, &encoding, error);
        if (status != ASSAY_OK)
            return status;
        predictions[i].label = -1;
        predictions[i].n_tokens = encoding.n_tokens;
        predictions[i].n_unknown = encoding.empty ? 0 : encoding.n_unknown;
        predictions[i].truncated = encoding.truncated;
        if (encoding.empty)
            continue;
        rows[n].n_ids = encoding.n_ids;
        rows[n].n_padding = encoding.n_padding;
        rows[n++].text = i;
    }
    qsort(rows, n, sizeof *rows, longest_first);
    *ret_n = n;
    return ASSAY_OK;
}

/* A row's token weights: TF-IDF, or 1 of words and 0 of padding. */
static void weigh(as_saved_cell *cell, const encoded *row, float *weights) {
    if (cell->tokenizer->token_weights) {
        as_tfidf_weights(cell->tokenizer->token_weights, row->ids, row->n_ids, weights);
        return;
    }
    for (int32_t i = 0; i < row->n_ids; i++)
        weights[i] = i < row->n_ids - row->n_padding ? 1 : 0;
}

static assay_batch pack(as_saved_cell *cell, size_t n_rows) {
    struct as_saved_engine *e = cell->engine;
    int32_t at = 0;
    for (size_t row = 0; row < n_rows; row++) {
        const encoded *r = &e->rows[row];
        e->offsets[row] = at;
        e->keys[row] = row;
        memcpy(e->ids + at, r->ids, (size_t)r->n_ids * sizeof *e->ids);
        for (int32_t i = 0; i < r->n_ids; i++)
            e->positions[at + i] = i;
        if (e->weights)
            weigh(cell, r, e->weights + at);
        at += r->n_ids;
    }
    e->offsets[n_rows] = at;
    return (assay_batch){.struct_size = sizeof(assay_batch),
                         .n_rows = (int32_t)n_rows,
                         .n_tokens = at,
                         .ids = e->ids,
                         .positions = e->positions,
                         .offsets = e->offsets,
                         .row_keys = e->keys,
                         .token_weights = e->weights};
}

assay_status as_saved_cell_predict(as_saved_cell *cell, const as_text *texts, size_t n_texts,
                                   as_text_prediction *predictions, assay_error *error) {
    struct as_saved_engine *e = cell->engine;
    size_t n = 0, k = (size_t)cell->n_classes;
    if (n_texts > (size_t)e->max_rows)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "texts", "%zu at once; at most %d", n_texts,
                       e->max_rows);
    assay_status status = encode_texts(cell, texts, n_texts, predictions, &n, error);
    if (status != ASSAY_OK || n == 0)
        return status;
    const assay_batch batch = pack(cell, n);
    status = as_engine_forward(e->engine, &batch, e->logits, NULL, error);
    for (size_t i = 0; status == ASSAY_OK && i < n * k; i++)
        if (!isfinite(e->logits[i]))
            return as_fail(error, ASSAY_BAD_DATA, cell->folder,
                           "the model's logits are not finite: its weights are of no use");
    if (status != ASSAY_OK)
        return status;
    for (size_t row = 0; row < n; row++) {
        as_text_prediction *p = &predictions[e->rows[row].text];
        p->label = as_argmax(e->logits + row * k, cell->n_classes);
        memcpy(p->probabilities, e->logits + row * k, k * sizeof *p->probabilities);
        if (p->logits)
            memcpy(p->logits, e->logits + row * k, k * sizeof *p->logits);
        as_softmax_rows(p->probabilities, 1, cell->n_classes);
    }
    return ASSAY_OK;
}
