/* SPDX-License-Identifier: MIT */
/* One cell: its record against its raw rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "results/record/raw_read.h"
#include "results/verify/derive.h"
#include "results/verify/verify.h"

/* The cell being verified. */
typedef struct checked_cell {
    as_verification *v;
    const char *folder; /* full path */
    char *result, *epochs, *predictions, *latency, *checkpoint, *graph,
        *attention; /* relative to the run */
    as_record *record;
    json_t *derived; /* all that was derived of result.json, for counting the rest */
} checked_cell;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
}

static bool has(const checked_cell *cell, const char *name) {
    char *path = as_path_join(cell->folder, name);
    bool there = path && as_path_exists(path);
    free(path);
    return there;
}

/* A file that cannot be read is a finding; other troubles stay errors. */
static assay_status unreadable(as_verification *v, assay_status status, const char *file,
                               const assay_error *why, assay_error *error) {
    if (status == ASSAY_OUT_OF_MEMORY || status == ASSAY_INTERNAL)
        return assay_fail(error, status, why->where, why->text);
    return as_verification_add(v, AS_FINDING_OFF, file, "", why->text, "a readable file", error);
}

/* Compares a derived tree with result.json and remembers it. */
static assay_status hold(checked_cell *cell, json_t *tree, as_nearness nearness,
                         assay_error *error) {
    assay_status status =
        as_verify_tree(cell->v, cell->result, "", cell->record->json, tree, nearness, error);
    if (status == ASSAY_OK && json_object_update_recursive(cell->derived, tree) != 0)
        status = no_memory(error);
    json_decref(tree);
    return status;
}

/* ---- predictions ----------------------------------------------------------------------------- */

static assay_status hold_loss(checked_cell *cell, const char *split, assay_error *error) {
    double loss = as_derive_loss(cell->record, split);
    if (isnan(loss))
        return ASSAY_OK;
    json_t *tree = json_pack("{s:{s:f}}", split, "loss", loss);
    return tree ? hold(cell, tree, AS_NEAR_FLOAT, error) : no_memory(error);
}

/* The predicted class has the largest probability, and probabilities sum to 1. */
static assay_status check_row(checked_cell *cell, size_t i, assay_error *error) {
    enum { BYTES = 120 };
    const as_prediction *p = &cell->record->predictions[i];
    int32_t k = cell->record->dataset.n_labels;
    float most = 0;
    double sum = 0;
    char field[BYTES], found[BYTES] = "", expected[BYTES] = "";
    for (int32_t c = 0; c < k; c++) {
        if (isnan(p->probabilities[c]))
            return ASSAY_OK;
        sum += (double)p->probabilities[c];
        most = p->probabilities[c] > most ? p->probabilities[c] : most;
    }
    if (p->probabilities[p->predicted] < most * (1 - 1e-6f)) {
        snprintf(found, sizeof found, "class %d with probability %.9g", (int)p->predicted,
                 (double)p->probabilities[p->predicted]);
        snprintf(expected, sizeof expected, "the class with %.9g", (double)most);
    } else if (fabs(sum - 1) > 1e-4) {
        snprintf(found, sizeof found, "probabilities that sum to %.9g", sum);
        snprintf(expected, sizeof expected, "1");
    } else {
        return ASSAY_OK;
    }
    snprintf(field, sizeof field, "row %zu (%s %lld)", i + 1, p->split, (long long)p->index);
    return as_verification_add(cell->v, AS_FINDING_OFF, cell->predictions, field, found, expected,
                               error);
}

static assay_status hold_predictions(checked_cell *cell, assay_error *error) {
    json_t *tree = json_object();
    if (!tree)
        return no_memory(error);
    assay_status status = as_derive_scores(cell->record, tree, error);
    if (status != ASSAY_OK) {
        json_decref(tree);
        return status;
    }
    status = hold(cell, tree, AS_NEAR_EXACT, error);
    if (status == ASSAY_OK)
        status = hold_loss(cell, "test", error);
    if (status == ASSAY_OK)
        status = hold_loss(cell, "validation", error);
    for (size_t i = 0; i < cell->record->n_predictions && status == ASSAY_OK; i++)
        status = check_row(cell, i, error);
    return status;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static bool is_weighted(const as_record *r) {
    return json_integer_value(json_object_get(r->training.settings, "accumulate")) > 1;
}

/* Line i of epochs.jsonl against the steps of its epoch; the rest is taken as recorded. */
static assay_status hold_epoch(checked_cell *cell, size_t i, const json_t *line,
                               const as_step_totals *totals, assay_error *error) {
    char path[40];
    json_t *expected = totals ? as_derive_epoch(totals, is_weighted(cell->record)) : json_object();
    if (!expected || json_object_set_new(expected, "epoch", json_integer((json_int_t)i + 1)) != 0) {
        json_decref(expected);
        return no_memory(error);
    }
    /* A loss that the model did not tell, or the features' epochs, have no steps to hold it to. */
    if (totals && json_is_null(json_object_get(expected, "train_loss")))
        json_object_del(expected, "train_loss");
    if (totals && json_is_null(json_object_get(expected, "grad_norm")))
        json_object_del(expected, "grad_norm");
    snprintf(path, sizeof path, "line %zu", i + 1);
    assay_status status =
        as_verify_tree(cell->v, cell->epochs, path, line, expected, AS_NEAR_FLOAT, error);
    if (status == ASSAY_OK)
        status = as_verify_count_recorded(cell->v, "epochs.jsonl", line, expected, error);
    json_decref(expected);
    return status;
}

static assay_status hold_epochs(checked_cell *cell, assay_error *error) {
    char *steps = as_path_join(cell->folder, "steps.jsonl");
    char *path = as_path_join(cell->folder, "epochs.jsonl"), *text = NULL;
    as_step_totals *totals = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = steps && path ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK && as_path_exists(steps)) {
        assay_status read =
            as_derive_steps(steps, cell->v->arena, cell->record->n_epochs, &totals, &why);
        if (read != ASSAY_OK)
            status = unreadable(cell->v, read, cell->epochs, &why, error);
    }
    if (status == ASSAY_OK)
        status = as_file_read(path, (size_t)64 << 20, &text, NULL, error);
    size_t i = 0;
    for (char *at = text, *end; status == ASSAY_OK && *at; at = end, i++) {
        size_t length = strcspn(at, "\n");
        json_t *line = NULL;
        end = at + length + (at[length] == '\n');
        status = as_json_parse(at, length, cell->epochs, &line, error);
        if (status == ASSAY_OK)
            status = hold_epoch(cell, i, line, totals && totals[i].n ? &totals[i] : NULL, error);
        json_decref(line);
    }
    free(text);
    free(path);
    free(steps);
    return status;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static assay_status hold_training(checked_cell *cell, assay_error *error) {
    int64_t n_elements = -1;
    assay_error why = ASSAY_ERROR_INIT;
    json_t *tree = json_object();
    assay_status status = tree ? ASSAY_OK : no_memory(error);
    if (status == ASSAY_OK && has(cell, "checkpoint.safetensors")) {
        char *path = as_path_join(cell->folder, "checkpoint.safetensors");
        assay_status read =
            path ? as_checkpoint_elements(path, &n_elements, &why) : ASSAY_OUT_OF_MEMORY;
        free(path);
        if (read != ASSAY_OK)
            status = unreadable(cell->v, read, cell->checkpoint, &why, error);
    }
    if (status == ASSAY_OK)
        status = as_derive_training(cell->record, n_elements, tree, error);
    if (status != ASSAY_OK) {
        json_decref(tree);
        return status;
    }
    return hold(cell, tree, AS_NEAR_EXACT, error);
}

/* The record's counts were held against the graph's. */
static assay_status note_parameters(checked_cell *cell, assay_error *error) {
    json_t *tree =
        json_pack("{s:{s:{s:b, s:b}}}", "model", "parameters", "total", 1, "trainable", 1);
    bool good = tree && json_object_update_recursive(cell->derived, tree) == 0;
    json_decref(tree);
    return good ? ASSAY_OK : no_memory(error);
}

/* *ret_map stays NULL where it cannot be read, which is a finding. */
static assay_status hold_graph(checked_cell *cell, as_shape_map **ret_map, assay_error *error) {
    assay_error why = ASSAY_ERROR_INIT;
    json_t *header = NULL;
    char *checkpoint = as_path_join(cell->folder, "checkpoint.safetensors");
    if (!checkpoint)
        return no_memory(error);
    assay_status status = ASSAY_OK, read = as_shape_map_read(cell->folder, ret_map, &why);
    if (read != ASSAY_OK)
        status = unreadable(cell->v, read, cell->graph, &why, error);
    /* A checkpoint that cannot be read is hold_training's finding. */
    if (*ret_map && as_path_exists(checkpoint) &&
        as_checkpoint_header(checkpoint, &header, &why) != ASSAY_OK)
        header = NULL;
    if (*ret_map && status == ASSAY_OK)
        status = as_verify_graph(cell->v, cell->graph, *ret_map, cell->record, header, error);
    if (*ret_map && status == ASSAY_OK)
        status = note_parameters(cell, error);
    json_decref(header);
    free(checkpoint);
    return status;
}

static assay_status hold_attention(checked_cell *cell, const as_shape_map *map,
                                   assay_error *error) {
    assay_error why = ASSAY_ERROR_INIT;
    as_attended *attended = NULL;
    assay_status read = as_attended_read(cell->folder, &attended, &why);
    assay_status status =
        read == ASSAY_OK
            ? as_verify_attention(cell->v, cell->attention, attended, cell->record, map, error)
            : unreadable(cell->v, read, cell->attention, &why, error);
    as_attended_free(attended);
    return status;
}

static assay_status hold_model(checked_cell *cell, assay_error *error) {
    as_shape_map *map = NULL;
    assay_status status = ASSAY_OK;
    if (has(cell, "graph.json"))
        status = hold_graph(cell, &map, error);
    if (status == ASSAY_OK && has(cell, "attention.json"))
        status = hold_attention(cell, map, error);
    as_shape_map_free(map);
    return status;
}

/* Queries follow one another, so together they cannot take longer than their scenario. */
static assay_status check_offline_seconds(checked_cell *cell, assay_error *error) {
    const as_record *r = cell->record;
    double busy = 0;
    char found[60], expected[60];
    for (size_t i = 0; i < r->n_queries; i++)
        if (strcmp(r->queries[i].scenario, "offline") == 0)
            busy += (double)r->queries[i].nanoseconds * 1e-9;
    if (busy == 0 || busy <= r->offline.seconds)
        return ASSAY_OK;
    snprintf(found, sizeof found, "%.17g", r->offline.seconds);
    snprintf(expected, sizeof expected, "at least %.9g, which its queries took", busy);
    return as_verification_add(cell->v, AS_FINDING_OFF, cell->result, "latency.offline.seconds",
                               found, expected, error);
}

static assay_status hold_latency(checked_cell *cell, assay_error *error) {
    json_t *tree = json_object();
    if (!tree)
        return no_memory(error);
    assay_status status = as_derive_latency(cell->record, tree, error);
    if (status != ASSAY_OK) {
        json_decref(tree);
        return status;
    }
    status = hold(cell, tree, AS_NEAR_EXACT, error);
    return status == ASSAY_OK ? check_offline_seconds(cell, error) : status;
}

/* Raw files that the record's figures need; a record without figures needs none. */
static assay_status check_present(checked_cell *cell, assay_error *error) {
    const as_record *r = cell->record;
    const struct {
        bool needed;
        const char *name, *file, *what;
    } files[] = {
        {r->test.n > 0 || r->validation.n > 0, "predictions.csv", cell->predictions, "scores"},
        {r->single_stream.count > 0 || r->offline.samples > 0, "latency.csv", cell->latency,
         "latency"},
        {r->training.n_epochs > 0, "epochs.jsonl", cell->epochs, "training"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assay_status status = ASSAY_OK;
        if (files[i].needed && !has(cell, files[i].name))
            status = as_verification_add(cell->v, AS_FINDING_MISSING, files[i].file, files[i].what,
                                         "no file", "the rows it was made of", error);
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

static assay_status hold_all(checked_cell *cell, assay_error *error) {
    assay_error why = ASSAY_ERROR_INIT;
    assay_status status = check_present(cell, error);
    if (status != ASSAY_OK)
        return status;
    assay_status raw = as_record_read_raw(cell->folder, cell->record, false, &why);
    if (raw != ASSAY_OK) {
        const char *name = strrchr(why.where, '/');
        status = unreadable(cell->v, raw,
                            name && strcmp(name, "/epochs.jsonl") == 0  ? cell->epochs
                            : name && strcmp(name, "/latency.csv") == 0 ? cell->latency
                                                                        : cell->predictions,
                            &why, error);
        return status;
    }
    if (cell->record->n_predictions)
        status = hold_predictions(cell, error);
    if (status == ASSAY_OK && has(cell, "epochs.jsonl"))
        status = hold_epochs(cell, error);
    if (status == ASSAY_OK)
        status = hold_training(cell, error);
    if (status == ASSAY_OK && cell->record->n_queries)
        status = hold_latency(cell, error);
    if (status == ASSAY_OK)
        status = hold_model(cell, error);
    if (status == ASSAY_OK)
        status = as_verify_count_recorded(cell->v, "result.json", cell->record->json, cell->derived,
                                          error);
    return status;
}

static char *inside_path(as_arena *arena, const char *inside, const char *name) {
    char *joined = as_path_join(inside, name),
         *copy = joined ? as_arena_strdup(arena, joined) : NULL;
    free(joined);
    return copy;
}

assay_status as_verify_cell(as_verification *v, const char *run_folder, const char *inside,
                            as_answers *ret_answers, assay_error *error) {
    assay_error why = ASSAY_ERROR_INIT;
    checked_cell cell = {.v = v,
                         .result = inside_path(v->arena, inside, "result.json"),
                         .epochs = inside_path(v->arena, inside, "epochs.jsonl"),
                         .predictions = inside_path(v->arena, inside, "predictions.csv"),
                         .latency = inside_path(v->arena, inside, "latency.csv"),
                         .checkpoint = inside_path(v->arena, inside, "checkpoint.safetensors"),
                         .graph = inside_path(v->arena, inside, "graph.json"),
                         .attention = inside_path(v->arena, inside, "attention.json"),
                         .derived = json_object()};
    char *folder = as_path_join(run_folder, inside);
    assay_status status = folder && cell.result && cell.epochs && cell.predictions &&
                                  cell.latency && cell.checkpoint && cell.graph && cell.attention &&
                                  cell.derived
                              ? ASSAY_OK
                              : no_memory(error);
    cell.folder = folder;
    if (status == ASSAY_OK) {
        assay_status read = as_record_read(folder, 0, &cell.record, &why);
        status = read == ASSAY_OK ? hold_all(&cell, error)
                                  : unreadable(v, read, cell.result, &why, error);
    }
    if (status == ASSAY_OK && cell.record)
        status = as_answers_of(v->arena, cell.record, ret_answers, error);
    as_record_free(cell.record);
    json_decref(cell.derived);
    free(folder);
    return status;
}
