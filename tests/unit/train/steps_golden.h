/* SPDX-License-Identifier: MIT */
/* steps_golden.h: a golden file of optimizer steps on a few small texts (tests/golden/recipes.json,
 * strategies.json): "rows" of token ids, "labels", and parameters by name. */
#ifndef STEPS_GOLDEN_H
#define STEPS_GOLDEN_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/engine.h"
#include "train/trainer.h"

enum { VOCABULARY = 5, CHANNELS = 4, N_ROWS = 4, MOST_TOKENS = 4 };

/* Read once, kept to the end of the program. */
static inline json_t *golden_file(const char *name) {
    static json_t *root;
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", getenv("AS_GOLDEN"), name);
    if (!root)
        root = json_load_file(path, 0, &error);
    cr_assert_not_null(root, "%s", path);
    return root;
}

static inline double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    cr_assert(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static inline const double *numbers(as_arena *arena, const json_t *list, size_t n) {
    double *values = as_arena_alloc_array(arena, n, sizeof *values);
    cr_assert_eq(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        values[i] = json_number_value(json_array_get(list, i));
    return values;
}

/* The file's N_ROWS texts as training rows of two classes. */
static inline as_prepared golden_texts(as_arena *arena, const json_t *golden) {
    as_prepared data;
    as_row *rows = as_arena_alloc_array(arena, N_ROWS, sizeof *rows);
    as_split_rows *train = &data.splits[AS_SPLIT_TRAIN];
    memset(&data, 0, sizeof data);
    for (size_t i = 0; i < N_ROWS; i++) {
        const json_t *text = json_array_get(json_object_get(golden, "rows"), i),
                     *label = json_array_get(json_object_get(golden, "labels"), i);
        int32_t n = (int32_t)json_array_size(text);
        int32_t *ids = as_arena_alloc_array(arena, MOST_TOKENS, sizeof *ids);
        for (int32_t t = 0; t < n; t++)
            ids[t] = (int32_t)json_integer_value(json_array_get(text, (size_t)t));
        rows[i] = (as_row){.text = "",
                           .name = "",
                           .ids = ids,
                           .n_ids = n,
                           .label = (int32_t)json_integer_value(label),
                           .index = (uint32_t)i};
        train->n_tokens += (uint64_t)n;
        train->longest = n > train->longest ? n : train->longest;
    }
    train->split = AS_SPLIT_TRAIN;
    train->n_rows = N_ROWS;
    train->rows = rows;
    data.n_labels = 2;
    data.max_tokens = MOST_TOKENS;
    return data;
}

/* Largest difference of the parameters but constants, in units of the largest value of each. */
static inline double golden_difference(as_arena *arena, as_engine *engine, const json_t *expected) {
    const assay_graph_view *view = as_graph_view(as_engine_graph(engine));
    uint64_t n = as_engine_n_elements(engine);
    double *values = as_arena_alloc_array(arena, n, sizeof *values), worst = 0;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_engine_get(engine, ASSAY_STATE_PARAMETER, values, n, &error), ASSAY_OK);
    for (uint32_t p = 0; p < view->n_parameters; p++) {
        const assay_parameter_info *one = &view->parameters[p];
        size_t size = (size_t)one->n_elements;
        double scale = 1e-3;
        if (!one->values) {
            const double *right = numbers(arena, json_object_get(expected, one->name), size);
            for (size_t i = 0; i < size; i++)
                scale = fmax(scale, fabs(right[i]));
            for (size_t i = 0; i < size; i++)
                worst = fmax(worst, fabs(values[i] - right[i]) / scale);
        }
        values += size;
    }
    return worst;
}

#endif
