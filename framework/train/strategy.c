/* SPDX-License-Identifier: MIT */
/* Strategies: a suite's "strategy" object, and the depth of parameters by their names.
 *
 *     depth   0 embeddings, 1 .. top layers, top + 1 head
 *     lowest  freeze: top + 1;  hybrid: top + 1 - layers;  full: 0
 *             gradual: top + 1 - floor((epoch - 1) / every), at least 0
 *     rate    lr_factors[top + 1 - depth] (the last for all below), or lr_decay^(top + 1 - depth)
 */
#include "train/strategy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* A number of more digits is no layer's. */
enum { MOST_DIGITS = 4 };

const char *as_strategy_name(as_strategy_kind kind) {
    static const char *const names[AS_STRATEGY_COUNT] = {"full", "freeze", "hybrid", "gradual"};
    return (unsigned)kind < AS_STRATEGY_COUNT ? names[kind] : "?";
}

/* ---- a suite's strategy ---------------------------------------------------------------------- */

/* The fields of each kind; `kind` itself is everyone's. */
static const char *const fields_of[AS_STRATEGY_COUNT][6] = {
    [AS_STRATEGY_FULL] = {"lr_decay", "lr_factors"},
    [AS_STRATEGY_FREEZE] = {"frozen_dropout", "cache_features"},
    [AS_STRATEGY_HYBRID] = {"layers", "lr_decay", "lr_factors", "frozen_dropout"},
    [AS_STRATEGY_GRADUAL] = {"every", "lr_decay", "lr_factors", "frozen_dropout"},
};

static bool has_field(as_strategy_kind kind, const char *field) {
    bool found = strcmp(field, "kind") == 0;
    for (size_t i = 0; !found && fields_of[kind][i]; i++)
        found = strcmp(field, fields_of[kind][i]) == 0;
    return found;
}

static assay_status check_fields(const json_t *strategy, as_strategy_kind kind, const char *where,
                                 assay_error *error) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)strategy, key, value) {
        char list[128] = "";
        if (has_field(kind, key))
            continue;
        for (size_t i = 0; fields_of[kind][i]; i++) {
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", fields_of[kind][i]);
        }
        as_where place = as_where_join(where, "/", key);
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "means nothing for a strategy of kind \"%s\", which has %s",
                       as_strategy_name(kind), list);
    }
    return ASSAY_OK;
}

static assay_status kind_from_json(const json_t *strategy, const char *where,
                                   as_strategy_kind *ret_kind, assay_error *error) {
    const char *word = json_string_value(json_object_get(strategy, "kind"));
    as_where place = as_where_join(where, "/", "kind");
    for (int i = 0; word && i < AS_STRATEGY_COUNT; i++)
        if (strcmp(word, as_strategy_name((as_strategy_kind)i)) == 0) {
            *ret_kind = (as_strategy_kind)i;
            return ASSAY_OK;
        }
    return as_fail(error, ASSAY_BAD_DATA, place.text,
                   "found %s%s%s; expected \"full\", \"freeze\", \"hybrid\" or \"gradual\"",
                   word ? "\"" : "", word ? word : "none", word ? "\"" : "");
}

static assay_status factors_from_json(as_arena *arena, const json_t *list, const char *where,
                                      as_strategy *strategy, assay_error *error) {
    size_t n = json_array_size(list);
    double *factors = as_arena_alloc_array(arena, n, sizeof *factors);
    if (!factors)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for %zu factors", n);
    for (size_t i = 0; i < n; i++)
        factors[i] = json_number_value(json_array_get(list, i));
    strategy->lr_factors = factors;
    strategy->n_lr_factors = (int32_t)n;
    return ASSAY_OK;
}

static int32_t integer_or(const json_t *object, const char *key, int32_t otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? (int32_t)json_number_value(value) : otherwise;
}

static assay_status from_object(as_arena *arena, const json_t *object, const char *where,
                                as_strategy *ret_strategy, assay_error *error) {
    const json_t *decay = json_object_get(object, "lr_decay"),
                 *factors = json_object_get(object, "lr_factors"),
                 *cache = json_object_get(object, "cache_features");
    as_strategy strategy = {.every = integer_or(object, "every", 1),
                            .layers = integer_or(object, "layers", 0),
                            .lr_decay = json_is_number(decay) ? json_number_value(decay) : 1,
                            .frozen_dropout =
                                json_is_true(json_object_get(object, "frozen_dropout"))};
    assay_status status = kind_from_json(object, where, &strategy.kind, error);
    if (status == ASSAY_OK)
        status = check_fields(object, strategy.kind, where, error);
    if (status != ASSAY_OK)
        return status;
    as_where place = as_where_join(where, "/", "lr_factors");
    if (decay && factors)
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "stands beside lr_decay %g; give one of them", strategy.lr_decay);
    if (json_array_size(factors))
        status = factors_from_json(arena, factors, place.text, &strategy, error);
    place = as_where_join(where, "/", "layers");
    if (strategy.kind == AS_STRATEGY_HYBRID && strategy.layers < 1)
        return as_fail(error, ASSAY_BAD_DATA, place.text,
                       "is missing: \"hybrid\" needs the number of upper layers that are trained, "
                       "at least 1");
    strategy.cache_features = strategy.kind == AS_STRATEGY_FREEZE && !json_is_false(cache);
    if (status == ASSAY_OK)
        *ret_strategy = strategy;
    return status;
}

assay_status as_strategy_from_json(as_arena *arena, const json_t *strategy, const char *where,
                                   as_strategy *ret_strategy, assay_error *error) {
    as_where place = as_where_join(where, "/", "strategy");
    if (strategy)
        return from_object(arena, strategy, place.text, ret_strategy, error);
    *ret_strategy = (as_strategy){.every = 1, .lr_decay = 1};
    return ASSAY_OK;
}

/* ---- depths ---------------------------------------------------------------------------------- */

enum { HEAD = -1, EMBEDDING = -2 }; /* instead of a layer's number */

/* The number that text begins with, its digits followed by `after` or, with '_', by the end; -1:
 * none. */
static int32_t number_before(const char *text, char after) {
    size_t n = strspn(text, "0123456789");
    bool ends = text[n] == after || (after == '_' && !text[n]);
    return n >= 1 && n <= MOST_DIGITS && ends ? (int32_t)strtol(text, NULL, 10) : -1;
}

/* N of "layer.N.", "layers.N." as whole components, else of "_lN" or "_lN_" in the last component;
 * -1: none. */
static int32_t layer_number(const char *name) {
    static const char *const words[] = {"layer.", "layers."};
    const char *last = name;
    for (const char *part = name; part; part = strchr(part, '.')) {
        part += *part == '.';
        last = part;
        for (size_t i = 0; i < 2; i++) {
            int32_t number = strncmp(part, words[i], strlen(words[i])) == 0
                                 ? number_before(part + strlen(words[i]), '.')
                                 : -1;
            if (number >= 0)
                return number;
        }
    }
    for (const char *mark = strstr(last, "_l"); mark; mark = strstr(mark + 2, "_l"))
        if (number_before(mark + 2, '_') >= 0)
            return number_before(mark + 2, '_');
    return -1;
}

static bool same_first_component(const char *a, const char *b) {
    size_t n = strcspn(a, ".");
    return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

/* Distinct numbers below `number`, so that layers count from 1 without gaps. */
static int32_t rank_of(const int32_t *numbers, uint32_t n, int32_t number) {
    int32_t rank = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool first = numbers[i] >= 0 && numbers[i] < number;
        for (uint32_t k = 0; first && k < i; k++)
            first = numbers[k] != numbers[i];
        rank += first;
    }
    return rank;
}

/* Depth of parameter i by the layers' numbers. */
static int32_t depth_of(const char *const *names, const int32_t *numbers, uint32_t n, uint32_t i,
                        int32_t top) {
    if (numbers[i] >= 0)
        return rank_of(numbers, n, numbers[i]) + 1;
    if (numbers[i] == EMBEDDING)
        return 0;
    for (uint32_t k = 0; k < n; k++)
        if (numbers[k] >= 0 && same_first_component(names[i], names[k]))
            return top;
    return top + 1;
}

assay_status as_depths_of(as_arena *arena, const assay_graph_view *view, as_depths *ret_depths,
                          assay_error *error) {
    uint32_t n = view->n_parameters;
    const char **names = as_arena_alloc_array(arena, n, sizeof *names);
    int32_t *numbers = as_arena_alloc_array(arena, n, sizeof *numbers);
    int32_t *depths = as_arena_alloc_array(arena, n, sizeof *depths), top = 0;
    if (!names || !numbers || !depths)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "strategy", "no memory for %u parameters",
                       (unsigned)n);
    for (uint32_t i = 0; i < n; i++) {
        names[i] = view->parameters[i].name;
        numbers[i] = layer_number(names[i]);
        if (numbers[i] < 0)
            numbers[i] = strstr(names[i], "embedding") ? EMBEDDING : HEAD;
    }
    for (uint32_t i = 0; i < n; i++) {
        int32_t depth = numbers[i] >= 0 ? rank_of(numbers, n, numbers[i]) + 1 : 0;
        top = depth > top ? depth : top;
    }
    for (uint32_t i = 0; i < n; i++)
        depths[i] = depth_of(names, numbers, n, i, top);
    *ret_depths = (as_depths){names, depths, n, top};
    return ASSAY_OK;
}

/* ---- what is trained ------------------------------------------------------------------------- */

/* A strategy that freezes needs something to freeze, and a head above it. */
static assay_status check_depths(const as_strategy *strategy, const as_depths *depths,
                                 assay_error *error) {
    bool has_head = false, has_body = false;
    for (uint32_t i = 0; i < depths->n; i++) {
        has_head = has_head || depths->depths[i] == depths->top + 1;
        has_body = has_body || depths->depths[i] <= depths->top;
    }
    if (has_head && has_body)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "strategy/kind",
                   "\"%s\" tells a head from layers and embeddings by the names of parameters "
                   "(layer.N., layers.N., _lN, embedding); this model has %s; use \"full\"",
                   as_strategy_name(strategy->kind), has_head ? "nothing but a head" : "no head");
}

assay_status as_strategy_lowest(const as_strategy *strategy, const as_depths *depths, int32_t epoch,
                                int32_t *ret_lowest, assay_error *error) {
    int32_t head = depths->top + 1, phase = (epoch - 1) / (strategy->every ? strategy->every : 1);
    assay_status status =
        strategy->kind == AS_STRATEGY_FULL ? ASSAY_OK : check_depths(strategy, depths, error);
    if (status != ASSAY_OK)
        return status;
    if (strategy->n_lr_factors > depths->top + 2)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "strategy/lr_factors",
                       "found %d factors; head, %d layers and embeddings take %d",
                       (int)strategy->n_lr_factors, (int)depths->top, (int)depths->top + 2);
    if (strategy->kind == AS_STRATEGY_HYBRID && strategy->layers > depths->top)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "strategy/layers",
                       "found %d; the model has %d layers", (int)strategy->layers,
                       (int)depths->top);
    switch (strategy->kind) {
    case AS_STRATEGY_FREEZE:
        *ret_lowest = head;
        break;
    case AS_STRATEGY_HYBRID:
        *ret_lowest = head - strategy->layers;
        break;
    case AS_STRATEGY_GRADUAL:
        *ret_lowest = phase < head ? head - phase : 0;
        break;
    default:
        *ret_lowest = 0;
    }
    return ASSAY_OK;
}

double as_strategy_rate(const as_strategy *strategy, const as_depths *depths, int32_t depth) {
    int32_t below = depths->top + 1 - depth;
    if (strategy->n_lr_factors)
        return strategy
            ->lr_factors[below < strategy->n_lr_factors ? below : strategy->n_lr_factors - 1];
    return pow(strategy->lr_decay, below);
}
