/* SPDX-License-Identifier: MIT */
/* attention.json against predictions.csv, graph.json and itself: weights of a text sum to 1. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "results/verify/verify.h"

static const as_prediction *find_row(const as_record *record, int64_t index) {
    for (size_t i = 0; i < record->n_predictions; i++)
        if (record->predictions[i].index == index &&
            strcmp(record->predictions[i].split, "test") == 0)
            return &record->predictions[i];
    return NULL;
}

/* Of weights rounded to the cell's precision, over a text. */
static double sum_bound(const as_record *record) {
    bool half =
        record->dtype && (strcmp(record->dtype, "bf16") == 0 || strcmp(record->dtype, "fp16") == 0);
    return half ? 1e-2 : 1e-4;
}

static assay_status off(as_verification *v, const char *file, size_t text, const char *key,
                        double found, double expected, assay_error *error) {
    char field[100], a[40], b[40];
    snprintf(field, sizeof field, "texts[%zu].%s", text, key);
    snprintf(a, sizeof a, "%.9g", found);
    snprintf(b, sizeof b, "%.9g", expected);
    return as_verification_add(v, AS_FINDING_OFF, file, field, a, b, error);
}

static assay_status hold_sum(as_verification *v, const char *file, size_t i,
                             const as_attended_text *text, const as_record *record,
                             assay_error *error) {
    double sum = 0;
    for (size_t k = 0; k < text->n_tokens; k++)
        sum += text->tokens[k].weight;
    v->n_derived++;
    return fabs(sum - 1) <= sum_bound(record)
               ? ASSAY_OK
               : off(v, file, i, "weights, their sum", sum, 1, error);
}

static assay_status hold_text(as_verification *v, const char *file, size_t i,
                              const as_attended_text *text, const as_record *record,
                              assay_error *error) {
    const as_prediction *row = find_row(record, text->index);
    assay_status status = ASSAY_OK;
    v->n_derived += 4;
    if (!row)
        return off(v, file, i, "index, in the test rows of predictions.csv", (double)text->index,
                   NAN, error);
    const struct {
        const char *key;
        double found, expected;
    } pairs[] = {{"label", text->label, row->label},
                 {"predicted", text->predicted, row->predicted},
                 {"probability", text->probability, as_prediction_share(row)}};
    for (size_t k = 0; status == ASSAY_OK && k < sizeof pairs / sizeof pairs[0]; k++)
        if (!(fabs(pairs[k].found - pairs[k].expected) <= 1e-6))
            status = off(v, file, i, pairs[k].key, pairs[k].found, pairs[k].expected, error);
    return status == ASSAY_OK ? hold_sum(v, file, i, text, record, error) : status;
}

/* The node is of that operation, with those heads. */
static assay_status hold_node(as_verification *v, const char *file, const as_attended *a,
                              const as_shape_map *map, assay_error *error) {
    char heads[40];
    const as_shape_node *node =
        map && a->node < (int64_t)map->n_nodes ? &map->nodes[a->node] : NULL;
    int n = snprintf(heads, sizeof heads, "heads %lld,", (long long)a->heads);
    v->n_derived += 2;
    if (node && strcmp(node->operation, a->operation) == 0 &&
        (strcmp(a->operation, "attention") == 0 ? strncmp(node->note, heads, (size_t)n) == 0
                                                : a->heads == 1))
        return ASSAY_OK;
    return as_verification_add(v, AS_FINDING_OFF, file, "node", a->operation,
                               node ? node->note : "a node of graph.json", error);
}

/* What is derived: the weights' sum alone says little of each of them. */
static json_t *derived_tree(size_t n_texts) {
    json_t *texts = json_array();
    bool good = texts != NULL;
    for (size_t i = 0; good && i < n_texts; i++)
        good = json_array_append_new(texts, json_pack("{s:b, s:b, s:b, s:b}", "index", 1, "label",
                                                      1, "predicted", 1, "probability", 1)) == 0;
    json_t *tree =
        good ? json_pack("{s:b, s:b, s:O}", "node", 1, "heads", 1, "texts", texts) : NULL;
    json_decref(texts);
    return tree;
}

assay_status as_verify_attention(as_verification *v, const char *file, const as_attended *attended,
                                 const as_record *record, const as_shape_map *map,
                                 assay_error *error) {
    json_t *derived = derived_tree(attended->n_texts);
    if (!derived)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "verify", "no memory");
    assay_status status =
        as_verify_count_recorded(v, "attention.json", attended->json, derived, error);
    json_decref(derived);
    if (status == ASSAY_OK)
        status = hold_node(v, file, attended, map, error);
    for (size_t i = 0; status == ASSAY_OK && i < attended->n_texts; i++)
        status = hold_text(v, file, i, &attended->texts[i], record, error);
    return status;
}
