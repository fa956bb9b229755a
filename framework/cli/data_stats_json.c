/* SPDX-License-Identifier: MIT */
/* `assay data stats --json`. Names: assay-data(1). Numbers stand in full; what does not exist is
 * left out or null. */
#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/data_stats_view.h"

static json_t *count_of(uint64_t n) {
    return json_integer((json_int_t)n);
}

static json_t *summary(const as_length_summary *s) {
    return json_pack("{s:f, s:f, s:I, s:f, s:f, s:f, s:I, s:I}", "mean", s->mean, "std", s->std,
                     "min", (json_int_t)s->min, "q1", s->q1, "median", s->median, "q3", s->q3,
                     "max", (json_int_t)s->max, "total", (json_int_t)s->total);
}

static bool used(const as_text_statistics *t, int split) {
    return t->n_split[split] > 0;
}

/* {"train": n, ...} of the splits there are, `except` left out (-1: none). */
static json_t *by_split(const as_text_statistics *t, const uint32_t *counts, int except) {
    json_t *object = json_object();
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        if (used(t, s) && s != except)
            json_object_set_new(object, as_split_name((as_split)s), count_of(counts[s]));
    return object;
}

/* ---- lengths --------------------------------------------------------------------------------- */

static json_t *longer(const uint32_t *counts, uint64_t n) {
    json_t *object = json_object();
    for (int c = 0; c < AS_STATISTICS_CUTS; c++) {
        char name[16];
        snprintf(name, sizeof name, "%u", as_statistics_cuts[c]);
        json_object_set_new(object, name, json_real((double)counts[c] / (double)n));
    }
    return object;
}

static json_t *token_lengths(const as_data_stats_view *v, const as_text_statistics *t, size_t i) {
    const as_token_lengths *tokens = &t->tokens[i];
    const as_statistics_tokenizer *tokenizer = &v->config->tokenizers[i];
    json_t *all = summary(&tokens->lengths.all), *splits = json_object();
    json_object_set_new(all, "truncated", longer(tokens->n_longer, t->n_texts));
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++) {
        if (!used(t, s))
            continue;
        json_t *split = summary(&tokens->lengths.splits[s]);
        json_object_set_new(split, "truncated", longer(tokens->n_longer_split[s], t->n_split[s]));
        json_object_set_new(splits, as_split_name((as_split)s), split);
    }
    return json_pack("{s:s, s:s?, s:o, s:o}", "tokenizer", tokenizer->kind, "vocabulary",
                     tokenizer->wordpiece ? v->wordpiece : NULL, "all", all, "splits", splits);
}

static json_t *split_of(const as_data_stats_view *v, const as_text_statistics *t, int s) {
    json_t *classes = json_object(), *in = by_split(t, t->exact.n_across[s], s);
    for (uint32_t k = 0; k < t->n_labels; k++)
        json_object_set_new(classes, v->dataset->labels[k], count_of(t->counts[s][k]));
    json_t *split =
        json_pack("{s:I, s:o, s:I, s:o, s:o, s:I, s:I, s:o}", "rows", (json_int_t)t->n_split[s],
                  "classes", classes, "blank", (json_int_t)t->n_blank_split[s], "characters",
                  summary(&t->characters.splits[s]), "words", summary(&t->words.splits[s]),
                  "duplicates", (json_int_t)t->exact.n_within[s], "in_train",
                  (json_int_t)t->exact.n_across[s][AS_SPLIT_TRAIN], "also_in", in);
    if (t->n_tokenizers)
        json_object_set_new(split, "empty", count_of(t->tokens[0].n_empty[s]));
    return split;
}

static json_t *label_of(const as_text_statistics *t, uint32_t k) {
    return json_pack("{s:I, s:I, s:o, s:o}", "rows", (json_int_t)t->words.labels[k].n, "blank",
                     (json_int_t)t->n_blank_label[k], "characters",
                     summary(&t->characters.labels[k]), "words", summary(&t->words.labels[k]));
}

/* ---- words ----------------------------------------------------------------------------------- */

/* [["the", 667993], ...] */
static json_t *common_words(const as_common_words *common) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < common->n; i++)
        json_array_append_new(
            list, json_pack("[s, I]", common->words[i].word, (json_int_t)common->words[i].count));
    return list;
}

static json_t *label_words(const as_data_stats_view *v, const as_common_words *labels) {
    json_t *object = json_object();
    for (uint32_t k = 0; k < v->dataset->n_labels; k++)
        json_object_set_new(object, v->dataset->labels[k], common_words(&labels[k]));
    return object;
}

static json_t *commonest(const as_data_stats_view *v, const as_common_words *all,
                         const as_common_words *labels) {
    return json_pack("{s:o, s:o}", "all", common_words(all), "labels", label_words(v, labels));
}

static json_t *coverage(const as_word_statistics *w, int s) {
    static const char *const names[] = {"5000", "10000", "20000", "50000", "all"};
    json_t *object = json_object();
    for (int i = 0; i < AS_STATISTICS_SIZES; i++)
        json_object_set_new(object, names[i],
                            w->split_words[s]
                                ? json_real((double)w->known[s][i] / (double)w->split_words[s])
                                : json_null());
    return object;
}

static void add_words(const as_data_stats_view *v, const as_text_statistics *t, json_t *to) {
    const as_word_statistics *w = &t->vocabulary;
    json_t *splits = json_object();
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        if (used(t, s))
            json_object_set_new(splits, as_split_name((as_split)s), coverage(w, s));
    json_object_set_new(
        to, "vocabulary",
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "tokenizer", w->kind, "split",
                  as_split_name(w->vocabulary), "words", (json_int_t)w->n_vocabulary, "words_all",
                  (json_int_t)w->n_distinct, "tokens", (json_int_t)w->n_words, "coverage", splits));
    json_object_set_new(to, "commonest", commonest(v, &w->common, w->label_common));
    if (v->stopwords)
        json_object_set_new(to, "commonest_without_stopwords",
                            json_pack("{s:s, s:o*}", "list", v->stopwords, "words",
                                      commonest(v, &w->common_without_stopwords,
                                                w->label_common_without_stopwords)));
}

/* ---- duplicates ------------------------------------------------------------------------------ */

static json_t *across(const as_text_statistics *t, const uint32_t (*counts)[AS_STATISTICS_SPLITS]) {
    json_t *object = json_object();
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        if (used(t, s))
            json_object_set_new(object, as_split_name((as_split)s), by_split(t, counts[s], s));
    return object;
}

static json_t *exact(const as_text_statistics *t) {
    const as_exact_statistics *e = &t->exact;
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I}", "texts", (json_int_t)e->n_repeated, "within",
                     by_split(t, e->n_within, -1), "across", across(t, e->n_across), "sets",
                     (json_int_t)e->n_groups, "sets_with_different_labels",
                     (json_int_t)e->n_conflicts, "texts_with_different_labels",
                     (json_int_t)e->n_conflict_texts);
}

static json_t *near(const as_text_statistics *t) {
    const as_near_statistics *n = &t->near;
    return json_pack("{s:f, s:i, s:f, s:I, s:I, s:I, s:o, s:o}", "threshold", n->threshold,
                     "shingle_words", 5, "expected_recall", n->expected_recall, "pairs",
                     (json_int_t)n->n_pairs, "pairs_with_different_labels",
                     (json_int_t)n->n_conflicts, "texts", (json_int_t)n->n_texts, "within",
                     by_split(t, n->n_within, -1), "across", across(t, n->n_across));
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void add_statistics(const as_data_stats_view *v, const as_text_statistics *t, json_t *to) {
    json_t *splits = json_object(), *labels = json_object(), *tokens = json_array();
    for (int s = 0; s < AS_STATISTICS_SPLITS; s++)
        if (used(t, s))
            json_object_set_new(splits, as_split_name((as_split)s), split_of(v, t, s));
    for (uint32_t k = 0; k < t->n_labels; k++)
        json_object_set_new(labels, v->dataset->labels[k], label_of(t, k));
    for (size_t i = 0; i < t->n_tokenizers; i++)
        json_array_append_new(tokens, token_lengths(v, t, i));
    json_object_set_new(to, "blank", count_of(t->n_blank));
    json_object_set_new(to, "characters", summary(&t->characters.all));
    json_object_set_new(to, "words", summary(&t->words.all));
    json_object_set_new(to, "classes", summary(&t->classes));
    json_object_set_new(to, "splits", splits);
    json_object_set_new(to, "labels", labels);
    json_object_set_new(to, "tokens", tokens);
    if (t->vocabulary.kind)
        add_words(v, t, to);
    json_object_set_new(to, "duplicates", exact(t));
    if (t->near.made)
        json_object_set_new(to, "near_duplicates", near(t));
}

static json_t *cleaning(const as_data_stats_view *v) {
    json_t *steps = json_array(), *after = json_object();
    for (size_t i = 0; i < v->n_steps; i++) {
        const as_cleaning_counts *c = &v->steps[i];
        json_array_append_new(steps,
                              json_pack("{s:s, s:I, s:I, s:I, s:I}", "step", c->step, "texts",
                                        (json_int_t)c->texts, "changed", (json_int_t)c->changed,
                                        "emptied", (json_int_t)c->emptied, "characters_removed",
                                        (json_int_t)c->characters_removed));
    }
    add_statistics(v, v->cleaned, after);
    return json_pack("{s:s, s:o, s:o}", "from", v->cleaning, "steps", steps, "after", after);
}

assay_status as_data_stats_print_json(const as_data_stats_view *v, FILE *stream,
                                      assay_error *error) {
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I}", "name", v->manifest->name, "source", v->source,
                  "sha256", v->dataset->sha256.text, "identity", as_data_identity(v), "license",
                  v->manifest->license, "rows", (json_int_t)v->dataset->n_rows);
    if (json && v->dataset->n_replaced)
        json_object_set_new(json, "replaced_bytes",
                            json_pack("{s:I, s:s?}", "n", (json_int_t)v->dataset->n_replaced,
                                      "first", v->dataset->first_replaced));
    if (json && v->wordpiece_missing)
        json_object_set_new(json, "wordpiece_missing", json_string(v->wordpiece_missing));
    if (json)
        add_statistics(v, v->raw, json);
    if (json && v->cleaned)
        json_object_set_new(json, "cleaning", cleaning(v));
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (!text)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats",
                       "no memory for the JSON, or the name of its source is not UTF-8");
    fputs(text, stream);
    fputc('\n', stream);
    free(text);
    return ASSAY_OK;
}
