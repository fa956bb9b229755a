/* SPDX-License-Identifier: MIT */
/* PyTorch's figures of a golden file against an engine's, for the tests that hold models against
 * them; on top of pretrained.h. A difference is taken relative to its tensor's scale, the largest
 * of its values, as the equivalence check does (docs/methodology.md). */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <math.h>

#include "base/json.h"
#include "pretrained.h"

enum { MAX_TOKENS = 64, MOST_OPTIONS = 16 };

typedef struct rows {
    assay_batch batch;
    int32_t ids[MAX_TOKENS], positions[MAX_TOKENS], offsets[MAX_ROWS + 1], labels[MAX_ROWS];
    uint64_t keys[MAX_ROWS];
    float weights[MAX_TOKENS];
} rows;

/* A case's "options" as a suite would give them. */
static inline size_t options_of(const json_t *json, as_option_value *values) {
    const char *name;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, value) {
        cr_assert_lt(n, MOST_OPTIONS);
        values[n++] = (as_option_value){.name = name,
                                        .kind = json_is_string(value)    ? AS_OPTION_TEXT
                                                : json_is_boolean(value) ? AS_OPTION_BOOL
                                                                         : AS_OPTION_NUMBER,
                                        .number = json_is_boolean(value) ? json_is_true(value)
                                                                         : json_number_value(value),
                                        .text = json_string_value(value)};
    }
    return n;
}

/* "ids", "labels" and maybe "weights" of the batch's rows. */
static inline void read_rows(const json_t *json, rows *r) {
    const json_t *ids = json_object_get(json, "ids"), *labels = json_object_get(json, "labels");
    const json_t *weights_of = json_object_get(json, "weights");
    int32_t n = 0, n_rows = (int32_t)json_array_size(ids);
    cr_assert(n_rows >= 1 && n_rows <= MAX_ROWS);
    r->offsets[0] = 0;
    for (int32_t b = 0; b < n_rows; b++) {
        const json_t *row = json_array_get(ids, (size_t)b);
        const json_t *weighted = json_array_get(weights_of, (size_t)b);
        for (size_t t = 0; t < json_array_size(row); t++) {
            cr_assert_lt(n, MAX_TOKENS);
            r->ids[n] = (int32_t)json_integer_value(json_array_get(row, t));
            r->weights[n] = (float)json_number_value(json_array_get(weighted, t));
            r->positions[n++] = (int32_t)t;
        }
        r->offsets[b + 1] = n;
        r->labels[b] = (int32_t)json_integer_value(json_array_get(labels, (size_t)b));
        r->keys[b] = (uint64_t)b;
    }
    r->batch = (assay_batch){.struct_size = sizeof(assay_batch),
                             .n_rows = n_rows,
                             .n_tokens = n,
                             .ids = r->ids,
                             .positions = r->positions,
                             .offsets = r->offsets,
                             .labels = r->labels,
                             .row_keys = r->keys,
                             .token_weights = weights_of ? r->weights : NULL};
}

static inline double largest(const json_t *list) {
    double most = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        most = fmax(most, fabs(json_number_value(json_array_get(list, i))));
    return most;
}

/* The true gradient of a key's bias is zero, as that of an attention score's: it moves all scores
 * of a row alike. What rounding leaves of it is held against the query's, or the score's weight. */
static inline double scale_of(const json_t *gradients, const char *name) {
    static const char *const keys[][2] = {{"k_lin.bias", "q_lin.bias"},
                                          {"key.bias", "query.bias"},
                                          {"attention.bias", "attention.weight"},
                                          {"attention.score.bias", "attention.score.weight"}};
    char other[128];
    for (int i = 0; i < 4; i++) {
        size_t n = strlen(name), m = strlen(keys[i][0]);
        if (n < m || strcmp(name + n - m, keys[i][0]) != 0)
            continue;
        snprintf(other, sizeof other, "%.*s%s", (int)(n - m), name, keys[i][1]);
        name = other;
        break;
    }
    return largest(json_object_get(gradients, name));
}

/* The engine's gradients: of every parameter that PyTorch has one of, and of no other. */
static inline void check_gradients(const json_t *gradients, double bound, const char *what) {
    uint64_t n = as_engine_n_elements(engine);
    double *found = as_arena_alloc_array(arena, n, sizeof *found);
    size_t n_trained = 0;
    OK(as_engine_get(engine, ASSAY_STATE_GRADIENT, found, n, &error));
    for (uint32_t i = 0; i < view->n_parameters; i++) {
        const char *name = view->parameters[i].name;
        const json_t *expected = json_object_get(gradients, name);
        size_t size = (size_t)view->parameters[i].n_elements;
        bool is_trained = view->parameters[i].gradient != ASSAY_NONE;
        double scale = scale_of(gradients, name);
        cr_assert_eq(json_array_size(expected), is_trained ? size : 0, "%s: %s", what, name);
        cr_assert(!is_trained || scale > 0, "%s: %s", what, name);
        for (size_t k = 0; is_trained && k < size; k++)
            cr_assert_leq(fabs(found[k] - json_number_value(json_array_get(expected, k))),
                          bound * scale, "%s: %s[%zu]: %g for %g", what, name, k, found[k],
                          json_number_value(json_array_get(expected, k)));
        n_trained += is_trained;
        found += size;
    }
    cr_assert_eq(json_object_size(gradients), n_trained);
}

/* One batch forward and backward: PyTorch's "logits" and "loss" in `expected`. */
static inline void check_batch(const assay_batch *batch, const json_t *expected, double bound,
                               const char *what) {
    const assay_step step = {(uint32_t)sizeof step, 0, 0, 1, 0, 1, 0};
    const json_t *right = json_object_get(expected, "logits");
    double logits[MAX_ROWS * CLASSES], loss = 0, scale = 0;
    double right_loss = json_number_value(json_object_get(expected, "loss"));
    OK(as_engine_accumulate(engine, batch, &step, logits, &loss, &error));
    cr_assert_eq((int32_t)json_array_size(right), batch->n_rows);
    for (size_t b = 0; b < json_array_size(right); b++)
        scale = fmax(scale, largest(json_array_get(right, b)));
    for (size_t b = 0; b < json_array_size(right); b++) {
        const json_t *row = json_array_get(right, b);
        size_t n = json_array_size(row);
        for (size_t k = 0; k < n; k++)
            cr_assert_leq(fabs(logits[b * n + k] - json_number_value(json_array_get(row, k))),
                          bound * scale, "%s: row %zu", what, b);
    }
    cr_assert_gt(right_loss, 0);
    cr_assert_leq(fabs(loss - right_loss), bound * right_loss, "%s", what);
}

#endif
