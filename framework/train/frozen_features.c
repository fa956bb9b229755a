/* SPDX-License-Identifier: MIT */
/* Features: the frozen part runs once over all rows, on the backend, precision and threads of the
 * training; feature_file.c keeps what it gives; the head gets an engine of its own. */
#include "train/frozen_features.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "data/batches.h"
#include "train/engine.h"
#include "train/feature_file.h"

#define FEATURES "features" /* the parameter's name in as_graph_after */

struct as_features {
    as_arena *arena;
    as_features_config config;
    assay_value boundary; /* in the whole graph */
    as_feature_matrix matrix;
    as_prepared prepared;
    assay_graph *head;
    as_engine *engine; /* of the head */
    as_trainee *trainee;
    as_features_told told;
};

static const assay_graph_view *whole_view(const as_features *f) {
    return as_graph_view(as_engine_graph(f->config.engine));
}

static assay_status no_memory(const as_features *f, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, FEATURES, "no memory for those of %u rows",
                   (unsigned)f->told.n_rows);
}

/* ---- a part's engine ---------------------------------------------------------------------------
 */

static assay_status fill_features(void *context, uint32_t parameter, double *values,
                                  assay_error *error) {
    const as_features *f = context;
    (void)parameter; /* all others are the whole model's */
    (void)error;
    as_feature_matrix_widen(&f->matrix, values);
    return ASSAY_OK;
}

static assay_status open_part(as_features *f, const assay_graph *graph, int64_t max_tokens,
                              as_engine **ret_engine, assay_error *error) {
    as_engine_config config = *as_engine_configuration(f->config.engine);
    as_engine *engine = NULL;
    config.max_tokens = max_tokens;
    assay_status status = as_engine_new(&config, graph, &engine, error);
    if (status == ASSAY_OK)
        status = as_engine_fill_from(engine, f->config.engine, fill_features, f, error);
    if (status != ASSAY_OK) {
        as_engine_free(engine);
        return status;
    }
    *ret_engine = engine;
    return ASSAY_OK;
}

/* ---- computing ------------------------------------------------------------------------------- */

static void tell(const as_features *f, uint32_t n_done, int64_t *told_ns) {
    as_train_progress progress = {"features", 0,   0,   (double)n_done / f->told.n_rows,
                                  NAN,        NAN, NAN, 0};
    int64_t now_ns = as_clock_ns();
    if (!f->config.progress || now_ns - *told_ns < INT64_C(100000000))
        return;
    *told_ns = now_ns;
    f->config.progress(f->config.context, &progress);
}

/* The rows of a split from row `first` of the matrix on. */
static assay_status compute_split(const as_features *f, as_engine *engine, as_split which,
                                  uint32_t first, double *values, assay_error *error) {
    const as_split_rows *split = &f->config.data->splits[which];
    as_batches *batches = NULL;
    const assay_batch *next;
    int64_t told_ns = 0;
    uint32_t n_done = first;
    if (!split->n_rows)
        return ASSAY_OK;
    assay_status status = as_batches_new(f->arena, split, f->config.batch_rows, &batches, error);
    if (status != ASSAY_OK)
        return status;
    as_batches_by_length(batches);
    while (status == ASSAY_OK && (next = as_batches_next(batches))) {
        assay_batch batch = *next;
        const uint32_t *rows = as_batches_rows(batches);
        batch.labels = NULL; /* there is no loss */
        status = as_engine_forward(engine, &batch, values, NULL, error);
        for (int32_t b = 0; status == ASSAY_OK && b < batch.n_rows; b++)
            as_feature_matrix_set(&f->matrix, first + rows[b],
                                  values + (size_t)b * (size_t)f->matrix.channels);
        n_done += (uint32_t)batch.n_rows;
        tell(f, n_done, &told_ns);
    }
    return status;
}

static assay_status compute(as_features *f, const assay_graph *frozen, assay_error *error) {
    as_engine *engine = NULL;
    size_t rows = (size_t)f->config.batch_rows, channels = (size_t)f->matrix.channels;
    double *values = as_arena_alloc_array(f->arena, rows, channels * sizeof *values);
    if (!values)
        return no_memory(f, error);
    assay_status status =
        open_part(f, frozen, as_engine_configuration(f->config.engine)->max_tokens, &engine, error);
    if (status == ASSAY_OK)
        status = compute_split(f, engine, AS_SPLIT_TRAIN, 0, values, error);
    if (status == ASSAY_OK)
        status = compute_split(f, engine, AS_SPLIT_VALIDATION,
                               f->config.data->splits[AS_SPLIT_TRAIN].n_rows, values, error);
    as_engine_free(engine);
    return status;
}

/* From the cache, or computed and put there. */
static assay_status get_matrix(as_features *f, assay_error *error) {
    assay_graph *frozen = NULL;
    as_sha256_hex key;
    int64_t start_ns = as_clock_ns();
    const char *folder = f->config.cache_folder;
    char why_not[200] = "";
    assay_status status = as_graph_before(whole_view(f), f->boundary, &frozen, error);
    if (status == ASSAY_OK)
        status = as_feature_key(&f->config, as_graph_view(frozen), &key, error);
    if (status == ASSAY_OK && folder)
        f->told.from_cache = as_feature_file_read(folder, key.text, &f->matrix);
    if (status == ASSAY_OK && !f->told.from_cache)
        status = compute(f, frozen, error);
    if (status == ASSAY_OK && folder && !f->told.from_cache)
        as_feature_file_write(folder, key.text, &f->matrix, why_not);
    if (why_not[0])
        f->told.cache_problem = as_arena_strdup(f->arena, why_not);
    f->told.seconds = (double)(as_clock_ns() - start_ns) * 1e-9;
    as_graph_free(frozen);
    return status;
}

/* ---- the head -------------------------------------------------------------------------------- */

/* Rows of one token; batches are made by the texts' own lengths, as they would be without a cache.
 */
static assay_status derive_split(as_features *f, as_split which, int32_t first,
                                 assay_error *error) {
    as_split_rows *split = &f->prepared.splits[which];
    uint32_t n = split->n_rows;
    as_row *rows = as_arena_alloc_array(f->arena, n, sizeof *rows);
    int32_t *ids = as_arena_alloc_array(f->arena, n, sizeof *ids);
    int32_t *lengths = as_arena_alloc_array(f->arena, n, sizeof *lengths);
    if (!rows || !ids || !lengths)
        return no_memory(f, error);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = split->rows[i];
        ids[i] = first + (int32_t)i;
        lengths[i] = rows[i].n_ids;
        rows[i].ids = &ids[i];
        rows[i].n_ids = 1;
        rows[i].weights = NULL;
    }
    split->rows = rows;
    split->lengths = lengths;
    return ASSAY_OK;
}

static assay_status derive_rows(as_features *f, assay_error *error) {
    int32_t n_train = (int32_t)f->config.data->splits[AS_SPLIT_TRAIN].n_rows;
    f->prepared = *f->config.data;
    f->prepared.splits[AS_SPLIT_TEST] = (as_split_rows){.split = AS_SPLIT_TEST};
    assay_status status = derive_split(f, AS_SPLIT_TRAIN, 0, error);
    return status == ASSAY_OK ? derive_split(f, AS_SPLIT_VALIDATION, n_train, error) : status;
}

static assay_status make_head(as_features *f, assay_error *error) {
    assay_status status = as_graph_after(whole_view(f), f->boundary, f->told.n_rows,
                                         as_phases_options(f->config.phases, 1), &f->head, error);
    if (status == ASSAY_OK)
        status = open_part(f, f->head, 1, &f->engine, error);
    if (status == ASSAY_OK)
        status = as_trainee_new_graph(f->engine, &f->trainee, error);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static assay_status set_up(as_features *f, assay_error *error) {
    const as_split_rows *splits = f->config.data->splits;
    uint64_t n = (uint64_t)splits[AS_SPLIT_TRAIN].n_rows + splits[AS_SPLIT_VALIDATION].n_rows;
    if (n > INT32_MAX)
        return as_fail(error, ASSAY_LIMIT, FEATURES, "%llu rows; at most %d", (unsigned long long)n,
                       INT32_MAX);
    f->told.n_rows = (uint32_t)n;
    f->told.channels = whole_view(f)->values[f->boundary].dims[0];
    bool wide = as_engine_configuration(f->config.engine)->dtype == ASSAY_DTYPE_F64;
    if (!as_feature_matrix_init(&f->matrix, f->told.n_rows, f->told.channels, wide))
        return no_memory(f, error);
    f->told.bytes = as_feature_matrix_bytes(&f->matrix);
    assay_status status = get_matrix(f, error);
    if (status == ASSAY_OK)
        status = derive_rows(f, error);
    if (status == ASSAY_OK)
        status = make_head(f, error);
    as_feature_matrix_done(&f->matrix); /* the head's engine has it */
    return status;
}

assay_status as_features_open(const as_features_config *config, as_features **ret_features,
                              assay_error *error) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(config->engine));
    bool trains =
        as_phases_epochs(config->phases) > 0 && config->data->splits[AS_SPLIT_TRAIN].n_rows > 0;
    assay_value boundary = ASSAY_NONE;
    if (trains && as_phases_strategy(config->phases)->cache_features)
        boundary = as_graph_frozen_rows(view);
    if (boundary == ASSAY_NONE) {
        *ret_features = NULL;
        return ASSAY_OK;
    }
    as_arena *arena = as_arena_new();
    as_features *f = arena ? as_arena_alloc(arena, sizeof *f) : NULL;
    if (!f) {
        as_arena_free(arena);
        return as_fail(error, ASSAY_OUT_OF_MEMORY, FEATURES, "no memory to begin");
    }
    f->arena = arena;
    f->config = *config;
    f->boundary = boundary;
    assay_status status = set_up(f, error);
    if (status != ASSAY_OK) {
        as_features_free(f);
        return status;
    }
    *ret_features = f;
    return ASSAY_OK;
}

void as_features_free(as_features *f) {
    if (!f)
        return;
    as_trainee_free(f->trainee);
    as_engine_free(f->engine);
    as_graph_free(f->head);
    as_feature_matrix_done(&f->matrix);
    as_arena_free(f->arena); /* the features themselves live in it */
}

const as_trainee *as_features_trainee(const as_features *f) {
    return f->trainee;
}

const as_prepared *as_features_prepared(const as_features *f) {
    return &f->prepared;
}

as_engine *as_features_engine(const as_features *f) {
    return f->engine;
}

as_features_told as_features_tell(const as_features *f) {
    return f->told;
}

assay_status as_features_finish(as_features *f, assay_error *error) {
    const assay_graph_view *head = as_graph_view(f->head);
    double *values = NULL;
    size_t largest = 0;
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < head->n_parameters; i++)
        if (head->parameters[i].gradient != ASSAY_NONE &&
            (size_t)head->parameters[i].n_elements > largest)
            largest = (size_t)head->parameters[i].n_elements;
    if (!(values = calloc(largest ? largest : 1, sizeof *values)))
        return no_memory(f, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < head->n_parameters; i++) {
        int64_t to = as_find_parameter(whole_view(f), head->parameters[i].name);
        if (head->parameters[i].gradient == ASSAY_NONE || to < 0)
            continue;
        status = as_engine_get_parameter(f->engine, ASSAY_STATE_PARAMETER, i, values, error);
        if (status == ASSAY_OK)
            status = as_engine_set_parameter(f->config.engine, ASSAY_STATE_PARAMETER, (uint32_t)to,
                                             values, error);
    }
    free(values);
    return status;
}
