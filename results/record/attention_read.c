/* SPDX-License-Identifier: MIT */
/* Reads attention.json. Nothing in it is trusted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/attention.h"
#include "results/record/cell_file.h"

enum { MAX_TEXTS = 10000, MAX_TOKENS = 1 << 16 };

/* null, or [begin, end] within the text */
static void read_span(as_json_reader *r, const json_t *span, int64_t n_bytes,
                      as_attended_token *token) {
    token->begin = token->end = -1;
    if (json_is_null(span))
        return;
    const json_t *begin = json_array_get(span, 0), *end = json_array_get(span, 1);
    bool good = json_array_size(span) == 2 && json_is_integer(begin) && json_is_integer(end) &&
                json_integer_value(begin) >= 0 &&
                json_integer_value(begin) <= json_integer_value(end) &&
                json_integer_value(end) <= n_bytes;
    as_field_need(r, good, "spans", "null or a begin and an end within the text");
    if (good) {
        token->begin = (int64_t)json_integer_value(begin);
        token->end = (int64_t)json_integer_value(end);
    }
}

static void read_tokens(as_json_reader *r, const json_t *o, as_attended_text *text) {
    size_t n_spans = 0, n_weights = 0, n = 0;
    const json_t *ids = as_field_array(r, o, "ids", MAX_TOKENS, &n);
    const json_t *spans = as_field_array(r, o, "spans", MAX_TOKENS, &n_spans);
    const json_t *weights = as_field_array(r, o, "weights", MAX_TOKENS, &n_weights);
    as_field_need(r, n > 0 && n_spans == n && n_weights == n, "ids",
                  "one for each token, as spans and weights");
    text->tokens = as_field_alloc(r, n, sizeof *text->tokens, "ids");
    for (size_t i = 0; r->status == ASSAY_OK && i < n; i++) {
        const json_t *id = json_array_get(ids, i), *weight = json_array_get(weights, i);
        as_attended_token *token = &text->tokens[i];
        as_field_need(r,
                      json_is_integer(id) && json_integer_value(id) >= 0 &&
                          json_integer_value(id) <= INT32_MAX,
                      "ids", "whole numbers from 0");
        as_field_need(r, json_is_number(weight) && json_number_value(weight) >= 0, "weights",
                      "numbers from 0");
        token->id = (int32_t)json_integer_value(id);
        token->weight = json_number_value(weight);
        read_span(r, json_array_get(spans, i), text->n_bytes, token);
    }
    text->n_tokens = n;
}

static void read_text(as_json_reader *r, const json_t *o, as_attended_text *text) {
    text->index = as_field_count(r, o, "index");
    text->label = as_field_count32(r, o, "label");
    text->predicted = as_field_count32(r, o, "predicted");
    text->probability = as_field_real(r, o, "probability");
    text->n_bytes = as_field_count(r, o, "n_bytes");
    as_field_need(
        r, text->index >= 0 && text->label >= 0 && text->predicted >= 0 && text->n_bytes >= 0,
        "index", "a whole number from 0, as label, predicted and n_bytes");
    as_field_need(r, text->probability >= 0 && text->probability <= 1.0001, "probability",
                  "a number from 0 to 1");
    read_tokens(r, o, text);
}

static bool is_one_of(const char *text, const char *const *choices, size_t n) {
    for (size_t i = 0; text && i < n; i++)
        if (strcmp(text, choices[i]) == 0)
            return true;
    return false;
}

static void read_attended(as_json_reader *r, const json_t *root, void *into) {
    as_attended *a = into;
    static const char *const operations[] = {"attention", "attention_pool"};
    static const char *const queries[] = {"pool", "first", "last", "mean"};
    a->cell = as_field_text(r, root, "cell");
    a->entry = as_field_text(r, root, "entry");
    a->model = as_field_text(r, root, "model");
    a->operation = as_field_text(r, root, "operation");
    a->node = as_field_count(r, root, "node");
    a->heads = as_field_count(r, root, "heads");
    a->query = as_field_text(r, root, "query");
    as_field_need(r, a->model != NULL, "model", "a text");
    as_field_need(r, is_one_of(a->operation, operations, 2), "operation",
                  "attention or attention_pool");
    as_field_need(r, is_one_of(a->query, queries, 4), "query", "pool, first, last or mean");
    as_field_need(r, a->node >= 0 && a->heads >= 1, "node",
                  "a whole number from 0, and heads from 1");
    const json_t *texts = as_field_array(r, root, "texts", MAX_TEXTS, &a->n_texts);
    a->texts = as_field_alloc(r, a->n_texts, sizeof *a->texts, "texts");
    for (size_t i = 0; r->status == ASSAY_OK && i < a->n_texts; i++) {
        const json_t *text = as_field_enter_item(r, texts, "texts", i);
        read_text(r, text, &a->texts[i]);
        as_field_leave(r);
    }
}

assay_status as_attended_read(const char *folder, as_attended **ret_attended, assay_error *error) {
    static const as_cell_file file = {"attention.json", AS_ATTENTION_SCHEMA_VERSION, read_attended};
    as_attended *attended = calloc(1, sizeof *attended);
    if (!attended)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory for its attention.json");
    assay_status status =
        as_cell_file_read(&file, folder, attended, &attended->arena, &attended->json, error);
    if (status == ASSAY_OK)
        *ret_attended = attended;
    else
        as_attended_free(attended);
    return status;
}

void as_attended_free(as_attended *attended) {
    if (!attended)
        return;
    json_decref(attended->json);
    as_arena_free(attended->arena);
    free(attended);
}

assay_status as_run_attended(const as_run *run, const as_record *cell, as_attended **ret_attended,
                             assay_error *error) {
    char *folder = NULL;
    assay_status status = as_cell_file_folder(run, cell, "attention.json", &folder, error);
    if (status == ASSAY_OK)
        status = as_attended_read(folder, ret_attended, error);
    free(folder);
    return status;
}
