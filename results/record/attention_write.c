/* SPDX-License-Identifier: MIT */
/* attention.json. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "results/record/attention.h"

enum { DIGITS = 9 }; /* what an IEEE single needs */

void as_attended_name(const as_attended *attended, char *text, size_t size) {
    const char *from = strcmp(attended->query, "first") == 0  ? "from the first token"
                       : strcmp(attended->query, "last") == 0 ? "from the last token"
                                                              : "mean over its queries";
    if (strcmp(attended->operation, "attention_pool") == 0)
        snprintf(text, size, "attention pooling");
    else
        snprintf(text, size, "last attention layer, mean over %lld head%s, %s",
                 (long long)attended->heads, attended->heads == 1 ? "" : "s", from);
}

static bool append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

static json_t *text_json(const as_attended_text *text) {
    json_t *ids = json_array(), *spans = json_array(), *weights = json_array();
    bool good = ids && spans && weights;
    for (size_t i = 0; good && i < text->n_tokens; i++) {
        const as_attended_token *token = &text->tokens[i];
        good = append(ids, json_integer(token->id)) &&
               append(spans, token->begin < 0 ? json_null()
                                              : json_pack("[I, I]", (json_int_t)token->begin,
                                                          (json_int_t)token->end)) &&
               append(weights, json_real(token->weight));
    }
    json_t *json =
        good ? json_pack("{s:I, s:i, s:i, s:f, s:I, s:O, s:O, s:O}", "index",
                         (json_int_t)text->index, "label", (int)text->label, "predicted",
                         (int)text->predicted, "probability", text->probability, "n_bytes",
                         (json_int_t)text->n_bytes, "ids", ids, "spans", spans, "weights", weights)
             : NULL;
    json_decref(ids);
    json_decref(spans);
    json_decref(weights);
    return json;
}

static json_t *attended_json(const as_attended *a) {
    json_t *texts = json_array();
    bool good = texts != NULL;
    for (size_t i = 0; good && i < a->n_texts; i++)
        good = append(texts, text_json(&a->texts[i]));
    json_t *json =
        good ? json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:O}", "schema_version",
                         AS_ATTENTION_SCHEMA_VERSION, "cell", a->cell, "entry", a->entry, "model",
                         a->model, "operation", a->operation, "node", (json_int_t)a->node, "heads",
                         (json_int_t)a->heads, "query", a->query, "texts", texts)
             : NULL;
    json_decref(texts);
    return json;
}

assay_status as_attended_write(const as_attended *attended, const char *folder,
                               assay_error *error) {
    json_t *json = attended_json(attended);
    char *path = as_path_join(folder, "attention.json");
    char *text = json ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS)) : NULL;
    assay_status status = path && text ? as_file_write(path, text, strlen(text), error)
                                       : as_fail(error, ASSAY_OUT_OF_MEMORY, "attention.json",
                                                 "no memory to write it");
    json_decref(json);
    free(text);
    free(path);
    return status;
}
