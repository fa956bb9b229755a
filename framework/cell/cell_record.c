/* SPDX-License-Identifier: MIT */
/* Fills the record of a cell, stage by stage, so that a cell that fails late still tells what it
 * knew. Strings and arrays are the cell's arena's; the record only borrows them. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/cell.h"
#include "data/batches.h"
#include "measure/environment.h"
#include "stats/intervals.h"
#include "train/engine.h"

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "record", "no memory");
}

void as_cell_warn(as_cell *cell, const char *format, ...) {
    char text[512];
    va_list arguments;
    as_record *record = cell->record;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char **more = as_arena_alloc_array(cell->arena, record->n_warnings + 1, sizeof *more);
    char *copy = as_arena_strdup(cell->arena, text);
    if (!more || !copy)
        return;
    for (size_t i = 0; i < record->n_warnings; i++)
        more[i] = record->warnings[i];
    more[record->n_warnings++] = copy;
    record->warnings = more;
    fprintf(cell->log, "warning: %s\n", text);
}

/* ---- before training ------------------------------------------------------------------------- */

/* Elements of the model's parameters, and of those that are trained. The loss's class weights are
 * no part of the model. */
static void count_parameters(const assay_graph *graph, int64_t *ret_total, int64_t *ret_trained) {
    const assay_graph_view *view = as_graph_view(graph);
    *ret_total = *ret_trained = 0;
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const assay_parameter_info *parameter = &view->parameters[i];
        if (parameter->values)
            continue;
        *ret_total += parameter->n_elements;
        if (parameter->gradient != ASSAY_NONE)
            *ret_trained += parameter->n_elements;
    }
}

/* The features of a frozen part, and what a reader of the times should know. */
static void describe_features(as_cell *cell) {
    if (!cell->features)
        return;
    as_features_told told = as_features_tell(cell->features);
    json_object_set_new(cell->strategy, "features",
                        json_pack("{s:I, s:I, s:I, s:b, s:f}", "rows", (json_int_t)told.n_rows,
                                  "channels", (json_int_t)told.channels, "bytes",
                                  (json_int_t)told.bytes, "from_cache", told.from_cache, "seconds",
                                  told.seconds));
    if (told.from_cache)
        as_cell_warn(cell,
                     "the frozen part's features came from the cache: the training time lacks "
                     "what computing them takes");
    if (told.cache_problem)
        as_cell_warn(cell, "the frozen part's features could not be cached: %s",
                     told.cache_problem);
    fprintf(cell->log, "features: %u texts, %lld channels, %s in %.3g s\n", told.n_rows,
            (long long)told.channels, told.from_cache ? "from the cache" : "computed",
            told.seconds);
}

/* From which epoch on which depths are trained, when that changes or there is anything below. */
static assay_status describe_strategy(as_cell *cell, assay_error *error) {
    const as_entry *entry = cell->spec.entry;
    json_t *phases = json_array();
    int32_t before = -1;
    assay_status status = ASSAY_OK;
    if (!entry->strategy_json) {
        json_decref(phases);
        return ASSAY_OK;
    }
    for (int32_t epoch = 1; status == ASSAY_OK && (epoch == 1 || epoch <= entry->training.epochs);
         epoch++) {
        const assay_graph *graph = NULL;
        int32_t lowest = as_phases_lowest(cell->phases, epoch);
        int64_t total, trained;
        if (lowest == before)
            continue;
        before = lowest;
        status = as_phases_graph(cell->phases, epoch, &graph, error);
        if (status != ASSAY_OK)
            break;
        count_parameters(graph, &total, &trained);
        json_array_append_new(phases,
                              json_pack("{s:i, s:i, s:I}", "from_epoch", (int)epoch, "lowest_depth",
                                        (int)lowest, "parameters_trained", (json_int_t)trained));
    }
    cell->strategy = json_deep_copy(entry->strategy_json);
    json_object_set_new(cell->strategy, "top_layer",
                        json_integer(as_phases_depths(cell->phases)->top));
    json_object_set_new(cell->strategy, "phases", phases);
    describe_features(cell);
    cell->record->training.strategy = cell->strategy;
    return status;
}

static assay_status record_parameters(as_cell *cell, assay_error *error) {
    as_record *record = cell->record;
    if (cell->opaque_model)
        return ASSAY_OK; /* known after training: as_cell_record_training */
    const assay_graph *last = NULL;
    int32_t epochs = cell->spec.entry->training.epochs;
    assay_status status = as_phases_graph(cell->phases, epochs > 0 ? epochs : 1, &last, error);
    if (status != ASSAY_OK)
        return status;
    count_parameters(last, &record->model.parameters_total, &record->model.parameters_trainable);
    /* In bf16, mixed precision, parameters are f32. */
    static const int64_t bytes[ASSAY_DTYPE_COUNT] = {4, 8, 4, 4, 4};
    record->model.bytes =
        record->model.parameters_total * bytes[as_dtype_from_name(cell->spec.dtype)];
    return describe_strategy(cell, error);
}

/* What computes: the backend's libraries, or those that an opaque model tells of. */
static const char *libraries_of(const as_cell *cell) {
    const assay_model_libraries *own =
        cell->opaque_model ? cell->model.descriptor->get_interface(ASSAY_MODEL_LIBRARIES) : NULL;
    if (own && own->struct_size >= sizeof *own && own->libraries) {
        const char *text = own->libraries(as_trainee_opaque_model(cell->trainee));
        return text ? as_arena_strdup(cell->arena, text) : NULL;
    }
    return cell->backend.descriptor && cell->device->libraries ? cell->device->libraries() : NULL;
}

static assay_status record_plugins(as_cell *cell, assay_error *error) {
    as_record *record = cell->record;
    const assay_plugin *model = cell->model.descriptor, *backend = cell->backend.descriptor;
    record->model.id = model->id;
    record->model.version = model->version;
    record->model.path = cell->model.path;
    record->model.options = cell->options;
    record->model.weights = cell->weights;
    record->backend.id = backend ? backend->id : "own";
    record->backend.version = backend ? backend->version : model->version;
    record->backend.libraries = libraries_of(cell);
    record->backend.threads = cell->threads;
    assay_status status = record_parameters(cell, error);
    if (status != ASSAY_OK || !cell->model.path[0])
        return status; /* without a path it is linked into this program */
    as_sha256_hex hex;
    status = as_sha256_file(cell->model.path, &hex, error);
    if (status == ASSAY_OK && !(record->model.sha256 = as_arena_strdup(cell->arena, hex.text)))
        return no_memory(error);
    return status;
}

static void record_data(as_cell *cell) {
    as_record *record = cell->record;
    const as_prepared *data = cell->data;
    const as_split_rows *train = &data->splits[AS_SPLIT_TRAIN],
                        *test = &data->splits[AS_SPLIT_TEST];
    record->dataset.name = data->name;
    record->dataset.sha256 = data->sha256.text;
    record->dataset.rows_sha256 = data->rows_sha256.text;
    record->dataset.train = train->n_rows;
    record->dataset.validation = data->splits[AS_SPLIT_VALIDATION].n_rows;
    record->dataset.test = test->n_rows;
    record->dataset.labels = data->labels;
    record->dataset.n_labels = (int32_t)data->n_labels;
    const json_t *raw = json_object_get(json_object_get(data->report, "overlaps"), "raw");
    record->dataset.duplicates_within_train =
        json_integer_value(json_object_get(json_object_get(raw, "duplicates_within"), "train"));
    record->dataset.duplicates_validation_in_train =
        json_integer_value(json_object_get(raw, "validation_in_train"));
    record->dataset.duplicates_test_in_train =
        json_integer_value(json_object_get(raw, "test_in_train"));
    record->dataset.preparation = data->report;
    record->dataset.validation_is_test = data->validation_is_test;
    record->dataset.removals_csv = data->removals_csv;
    record->dataset.vocab_size = data->vocab_size;
    record->dataset.empty = 0;
    for (int split = 0; split < AS_SPLIT_COUNT; split++)
        record->dataset.empty += data->splits[split].n_empty;
    if (test->n_rows) {
        record->dataset.truncated_share = (double)test->n_truncated / test->n_rows;
        record->dataset.coverage = 1 - (double)test->n_unknown / (double)test->n_tokens;
    }
    if (train->n_rows)
        record->dataset.mean_tokens = (double)train->n_tokens / train->n_rows;
}

static assay_status record_environment(as_cell *cell, assay_error *error) {
    const as_fact *facts;
    size_t n;
    as_record *record = cell->record;
    assay_status status = as_environment(cell->arena, &facts, &n, error);
    if (status != ASSAY_OK)
        return status;
    as_text_pair *pairs = as_arena_alloc_array(cell->arena, n, sizeof *pairs);
    if (!pairs)
        return no_memory(error);
    for (size_t i = 0; i < n; i++) {
        char number[32];
        snprintf(number, sizeof number, "%.15g", facts[i].number);
        pairs[i].key = facts[i].key;
        pairs[i].value = facts[i].text ? facts[i].text : as_arena_strdup(cell->arena, number);
        if (!pairs[i].value)
            return no_memory(error);
    }
    record->environment = pairs;
    record->n_environment = n;
    return ASSAY_OK;
}

assay_status as_cell_record_setup(as_cell *cell, assay_error *error) {
    assay_status status = record_plugins(cell, error);
    if (status != ASSAY_OK)
        return status;
    record_data(cell);
    return record_environment(cell, error);
}

static int64_t or_unknown(uint64_t value) {
    return value ? (int64_t)value : -1;
}

void as_cell_record_device(as_cell *cell) {
    as_record *record = cell->record;
    assay_device_info info;
    if (!cell->engine || !cell->device->device_info)
        return;
    cell->device->device_info(as_engine_device(cell->engine), &info);
    if (!info.name[0])
        return;
    record->backend.device.name = as_arena_strdup(cell->arena, info.name);
    record->backend.device.driver =
        info.driver[0] ? as_arena_strdup(cell->arena, info.driver) : NULL;
    record->backend.device.memory_bytes = or_unknown(info.memory_bytes);
    record->backend.device.clock_mhz = or_unknown(info.clock_mhz);
    record->backend.device.clock_max_mhz = or_unknown(info.clock_max_mhz);
    record->backend.device.energy_joules = info.energy_joules >= 0 ? info.energy_joules : NAN;
    record->backend.device.throttled = info.throttled != 0;
    record->peak_device_bytes = or_unknown(info.peak_bytes);
    if (info.throttled)
        as_cell_warn(
            cell, "the device was slowed by heat or power while the cell ran: its times are high");
}

/* ---- training -------------------------------------------------------------------------------- */

static assay_status record_epochs(as_cell *cell, assay_error *error) {
    const as_train_result *trained = &cell->trained;
    size_t n = (size_t)trained->n_epochs;
    as_epoch *epochs = as_arena_alloc_array(cell->arena, n, sizeof *epochs);
    if (!epochs)
        return no_memory(error);
    for (size_t i = 0; i < n; i++) {
        const as_epoch_figures *from = &trained->epochs[i];
        epochs[i] = (as_epoch){.epoch = from->epoch,
                               .train_loss = from->train_loss,
                               .train_accuracy = from->train_accuracy,
                               .validation_loss = from->validation_loss,
                               .validation_accuracy = from->validation_accuracy,
                               .validation_f1_macro = from->validation_f1_macro,
                               .learning_rate = from->learning_rate,
                               .grad_norm = from->grad_norm,
                               .seconds = from->seconds,
                               .tokens = (int64_t)from->n_tokens,
                               .samples = (int64_t)from->n_rows,
                               .steps = from->steps};
        fprintf(cell->log, "epoch %d: train loss %.4f, validation loss %.4f, accuracy %.4f\n",
                from->epoch, from->train_loss, from->validation_loss, from->validation_accuracy);
    }
    cell->record->epochs = epochs;
    cell->record->n_epochs = n;
    return ASSAY_OK;
}

assay_status as_cell_record_training(as_cell *cell, assay_error *error) {
    const as_train_result *trained = &cell->trained;
    as_record *record = cell->record;
    record->training.n_epochs = trained->n_epochs;
    record->training.best_epoch = trained->best_epoch;
    record->training.seconds = trained->train_seconds;
    if (cell->features)
        record->training.seconds += as_features_tell(cell->features).seconds;
    record->training.samples_per_second = trained->samples_per_second;
    record->training.tokens_per_second = trained->tokens_per_second;
    record->training.stopped = as_stopped_name(trained->stopped);
    record->training.initial_loss = trained->initial_loss;
    record->training.n_resumed = trained->n_resumed;
    record->training.resumed_step = trained->resumed_step;
    if (trained->n_padded_tokens && trained->stopped != AS_STOPPED_DIVERGED)
        record->training.padding_share =
            1 - (double)trained->n_tokens / (double)trained->n_padded_tokens;
    record->host_seconds_per_batch = trained->host_seconds_per_batch;
    if (cell->engine) {
        assay_memory memory = as_engine_memory(cell->engine);
        if (cell->features) {
            assay_memory head = as_engine_memory(as_features_engine(cell->features));
            memory.parameter_bytes += head.parameter_bytes;
            memory.gradient_bytes = head.gradient_bytes;
            memory.optimizer_bytes = head.optimizer_bytes;
        }
        record->parameter_bytes = (int64_t)memory.parameter_bytes;
        record->gradient_bytes = (int64_t)memory.gradient_bytes;
        record->optimizer_bytes = (int64_t)memory.optimizer_bytes;
    }
    record->energy_joules = cell->joules;
    if (cell->engine && as_engine_loss_scale(cell->engine)->scale > 0) {
        record->training.loss_scale = as_engine_loss_scale(cell->engine)->scale;
        record->training.n_skipped = as_engine_loss_scale(cell->engine)->n_skipped;
    }
    if (cell->opaque_model)
        record->model.parameters_total = record->model.parameters_trainable =
            as_trainee_n_parameters(cell->trainee);
    char text[512];
    for (size_t i = 0; as_watched_text(&trained->watched, i, cell->data->labels, text, sizeof text);
         i++)
        as_cell_warn(cell, "%s", text);
    return record_epochs(cell, error);
}

/* ---- scores ---------------------------------------------------------------------------------- */

typedef struct predicted {
    int32_t *labels, *classes;
    as_prediction *rows; /* into the record's list */
} predicted;

/* Probabilities and classes of one split's rows from their logits. */
static assay_status fill_predictions(as_cell *cell, const as_split_rows *split, double *logits,
                                     predicted *out, assay_error *error) {
    size_t k = cell->data->n_labels, n = split->n_rows, size;
    if (!as_mul_size(n, k, &size))
        return no_memory(error);
    float *probabilities = as_arena_alloc_array(cell->arena, size, sizeof *probabilities);
    out->labels = as_arena_alloc_array(cell->arena, n, sizeof *out->labels);
    out->classes = as_arena_alloc_array(cell->arena, n, sizeof *out->classes);
    if (!probabilities || !out->labels || !out->classes)
        return no_memory(error);
    as_softmax_rows(logits, n, (int32_t)k);
    for (size_t i = 0; i < size; i++)
        probabilities[i] = (float)logits[i];
    for (size_t i = 0; i < n; i++) {
        out->labels[i] = split->rows[i].label;
        out->classes[i] = as_argmax(&logits[i * k], (int32_t)k);
        out->rows[i] = (as_prediction){.split = as_split_name(split->split),
                                       .index = split->rows[i].index,
                                       .label = out->labels[i],
                                       .predicted = out->classes[i],
                                       .probabilities = &probabilities[i * k]};
    }
    return ASSAY_OK;
}

static assay_status score_split(as_cell *cell, as_split which, as_prediction *rows,
                                as_scores *ret_scores, assay_error *error) {
    const as_split_rows *split = &cell->data->splits[which];
    size_t size, k = cell->data->n_labels;
    double loss = NAN;
    predicted out = {NULL, NULL, rows};
    if (split->n_rows == 0)
        return ASSAY_OK;
    as_cell_stage(cell, as_split_name(which));
    double *logits = as_mul_size(split->n_rows, k, &size)
                         ? as_arena_alloc_array(cell->arena, size, sizeof *logits)
                         : NULL;
    if (!logits)
        return no_memory(error);
    assay_status status =
        as_evaluate(cell->trainee, split, cell->spec.entry->training.batch, logits, &loss, error);
    for (size_t i = 0; status == ASSAY_OK && i < size; i++)
        if (!isfinite(logits[i]))
            return as_fail(error, ASSAY_DIVERGED, as_split_name(which),
                           "logits are not finite after training");
    if (status == ASSAY_OK)
        status = fill_predictions(cell, split, logits, &out, error);
    if (status == ASSAY_OK)
        status =
            as_scores_compute(cell->arena, out.labels, out.classes, split->n_rows,
                              cell->data->labels, (int32_t)k, cell->spec.seed, ret_scores, error);
    if (status == ASSAY_OK)
        ret_scores->loss = loss;
    return status;
}

/* No model should stay below a bag of words. */
static void compare_with_baseline(as_cell *cell) {
    const json_t *baseline = json_object_get(cell->data->report, "baseline");
    const json_t *test = json_object_get(baseline, "test");
    double found = json_number_value(json_object_get(test, "naive_bayes"));
    double ours = cell->record->test.accuracy.value;
    if (json_is_object(test) && cell->spec.entry->training.epochs > 0 && ours < found)
        as_cell_warn(cell,
                     "below the baseline: %.4f of the test texts right, where a bag of words with "
                     "naive Bayes gets %.4f",
                     ours, found);
}

assay_status as_cell_record_scores(as_cell *cell, assay_error *error) {
    as_record *record = cell->record;
    size_t n_validation = cell->data->splits[AS_SPLIT_VALIDATION].n_rows;
    size_t n = n_validation + cell->data->splits[AS_SPLIT_TEST].n_rows;
    as_prediction *rows = as_arena_alloc_array(cell->arena, n, sizeof *rows);
    if (!rows)
        return no_memory(error);
    assay_status status = score_split(cell, AS_SPLIT_VALIDATION, rows, &record->validation, error);
    if (status == ASSAY_OK)
        status = score_split(cell, AS_SPLIT_TEST, rows + n_validation, &record->test, error);
    if (status != ASSAY_OK)
        return status;
    record->predictions = rows;
    record->n_predictions = n;
    compare_with_baseline(cell);
    return ASSAY_OK;
}

/* ---- speed ----------------------------------------------------------------------------------- */

as_scenario_config as_cell_scenario_config(as_cell *cell) {
    return (as_scenario_config){.min_seconds = cell->suite->measure_seconds,
                                .batch = cell->spec.entry->training.batch,
                                .seed = cell->spec.seed,
                                .training = &cell->spec.entry->training,
                                .observer = {cell, as_cell_on_progress, NULL, NULL},
                                .pause = as_cell_peaks_pause,
                                .pause_context = cell,
                                .view = cell->graph ? as_graph_view(cell->graph) : NULL};
}

assay_status as_cell_add_queries(as_cell *cell, const char *scenario, int32_t round,
                                 const as_timed_query *from, size_t n_from, assay_error *error) {
    as_record *record = cell->record;
    size_t n;
    if (!as_add_size(record->n_queries, n_from, &n))
        return no_memory(error);
    as_query *queries = as_arena_alloc_array(cell->arena, n, sizeof *queries);
    if (!queries)
        return no_memory(error);
    if (record->n_queries)
        memcpy(queries, record->queries, record->n_queries * sizeof *queries);
    for (size_t i = 0; i < n_from; i++)
        queries[record->n_queries + i] =
            (as_query){scenario, from[i].n_rows, from[i].n_tokens, from[i].ns, round};
    record->queries = queries;
    record->n_queries = n;
    return ASSAY_OK;
}

assay_status as_cell_record_latency(as_cell *cell, assay_error *error) {
    const as_record *record = cell->record;
    as_latency_summary *latency = &cell->record->single_stream;
    size_t n = 0;
    double sum = 0, *ms = as_arena_alloc_array(cell->arena, record->n_queries, sizeof *ms);
    if (!ms)
        return no_memory(error);
    for (size_t i = 0; i < record->n_queries; i++) {
        if (strcmp(record->queries[i].scenario, "single_stream") != 0)
            continue;
        ms[n] = (double)record->queries[i].nanoseconds * 1e-6;
        sum += ms[n++];
    }
    if (n == 0)
        return ASSAY_OK;
    as_sort_doubles(ms, n);
    latency->count = (int64_t)n;
    latency->mean_ms = sum / (double)n;
    latency->p50_ms = as_percentile(ms, n, 0.50);
    latency->p90_ms = as_percentile(ms, n, 0.90);
    latency->p95_ms = as_percentile(ms, n, 0.95);
    latency->p99_ms = as_percentile(ms, n, 0.99);
    return ASSAY_OK;
}

/* Operations of all epochs, each by the graph that it was trained on. */
static assay_status flops_of_epochs(const as_cell *cell, double *ret_flops, assay_error *error) {
    const as_split_rows *train = &cell->data->splits[AS_SPLIT_TRAIN];
    double epoch = 0, sum = 0;
    int32_t before = -1;
    assay_status status = ASSAY_OK;
    for (int32_t e = 1; status == ASSAY_OK && e <= cell->trained.n_epochs; e++) {
        const assay_graph *graph = NULL;
        if (as_phases_lowest(cell->phases, e) != before)
            status = as_phases_graph(cell->phases, e, &graph, error);
        if (status == ASSAY_OK && graph)
            status = as_split_flops(as_graph_view(graph), 1, train, &epoch, error);
        before = as_phases_lowest(cell->phases, e);
        sum += epoch;
    }
    if (status == ASSAY_OK)
        *ret_flops = sum;
    return status;
}

/* The same where the head was trained on features: these once, unless the cache had them, and the
 * head's epochs. */
static assay_status flops_with_features(const as_cell *cell, double *ret_flops,
                                        assay_error *error) {
    const assay_graph_view *head =
        as_graph_view(as_engine_graph(as_features_engine(cell->features)));
    const as_prepared *rows = as_features_prepared(cell->features);
    double epoch = 0, once[2] = {0, 0};
    assay_status status = as_split_flops(head, 1, &rows->splits[AS_SPLIT_TRAIN], &epoch, error);
    if (status == ASSAY_OK && !as_features_tell(cell->features).from_cache)
        status = as_split_flops(as_graph_view(cell->graph), 0, &cell->data->splits[AS_SPLIT_TRAIN],
                                &once[0], error);
    if (status == ASSAY_OK && !as_features_tell(cell->features).from_cache)
        status = as_split_flops(as_graph_view(cell->graph), 0,
                                &cell->data->splits[AS_SPLIT_VALIDATION], &once[1], error);
    if (status == ASSAY_OK)
        *ret_flops = epoch * cell->trained.n_epochs + once[0] + once[1];
    return status;
}

static assay_status record_flops(as_cell *cell, assay_error *error) {
    as_record *record = cell->record;
    const as_split_rows *test = &cell->data->splits[AS_SPLIT_TEST];
    double forward, training = 0;
    assay_status status = as_split_flops(as_graph_view(cell->graph), 0, test, &forward, error);
    if (status == ASSAY_OK)
        status = cell->features ? flops_with_features(cell, &training, error)
                                : flops_of_epochs(cell, &training, error);
    if (status != ASSAY_OK)
        return status;
    if (test->n_rows)
        record->flops_forward_per_sample = forward / test->n_rows;
    record->flops_training = training;
    if (record->training.seconds > 0)
        record->achieved_flops_per_second = record->flops_training / record->training.seconds;
    as_cell_record_training_share(cell);
    return ASSAY_OK;
}

static void record_offline(as_record *record, const as_scenario_result *result) {
    record->offline.samples_per_second = result->samples_per_second;
    record->offline.tokens_per_second = result->tokens_per_second;
    record->offline.samples = (int64_t)result->n_rows;
    record->offline.seconds = result->seconds;
}

/* One scenario by itself. What the model or the texts don't allow is a warning. */
static assay_status run_scenario(as_cell *cell, const as_scenario *scenario, assay_error *error) {
    as_scenario_config config = as_cell_scenario_config(cell);
    as_scenario_result result;
    as_cell_stage(cell, scenario->name);
    size_t from = as_cell_peaks_begin(cell);
    assay_status status =
        as_scenario_run(scenario, cell->arena, cell->trainee, &cell->data->splits[scenario->split],
                        &config, &result, error);
    if (status == ASSAY_UNSUPPORTED && as_cell_may_lack(scenario)) {
        as_cell_warn(cell, "%s is not measured: %s", scenario->name, error->text);
        return ASSAY_OK;
    }
    if (status != ASSAY_OK)
        return status;
    if (!result.complete)
        as_cell_warn(cell, "%s: only %zu queries in %.3g s; its percentiles are rough",
                     scenario->name, result.n_queries, result.seconds);
    if (!result.steady)
        as_cell_warn(cell, "%s: not steady after %.3g s of warm-up; times may be high",
                     scenario->name, result.warmup_seconds);
    if (scenario == as_scenario_find("offline"))
        record_offline(cell->record, &result);
    as_cell_peaks_sample(cell);
    status = as_cell_record_rate(cell, scenario->name, result.flops, result.seconds, from, error);
    if (status != ASSAY_OK)
        return status;
    return as_cell_add_queries(cell, scenario->name, 0, result.queries, result.n_queries, error);
}

assay_status as_cell_record_speed(as_cell *cell, assay_error *error) {
    assay_status status = cell->graph ? record_flops(cell, error) : ASSAY_OK;
    if (status == ASSAY_OK && cell->mode == AS_CELL_IN_TURN)
        return as_cell_take_turns(cell, error);
    if (cell->data->splits[AS_SPLIT_TEST].n_rows == 0)
        return status;
    for (size_t i = 0; status == ASSAY_OK && i < cell->suite->n_scenarios; i++)
        status = run_scenario(cell, cell->suite->scenarios[i], error);
    return status == ASSAY_OK ? as_cell_record_latency(cell, error) : status;
}
