/* SPDX-License-Identifier: MIT */
/* Everything a preparation's outcome depends on, as one JSON document. A new setting belongs here,
 * or the cache gives what was made without it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

#include "data/cache/store.h"
#include "data/prepare/build.h"

static json_t *string_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *labels_key(const as_data_config *data) {
    json_t *labels = json_array();
    for (size_t i = 0; i < data->subset.n_labels; i++)
        json_array_append_new(labels, json_string(data->subset.labels[i]));
    return labels;
}

static json_t *data_key(const as_data_config *d) {
    return json_pack(
        "{s:o, s:[I,I,I], s:[I,b,i,i], s:[i,f,I,b], s:[i,i,I,b], s:[I,I], s:b, s:i, s:[I,I]}",
        "labels", labels_key(d), "rows", (json_int_t)d->subset.n_rows[0],
        (json_int_t)d->subset.n_rows[1], (json_int_t)d->subset.n_rows[2], "subset",
        (json_int_t)d->subset.seed, (int)d->subset.stratified, (int)d->subset.allocation,
        (int)d->subset.draw, "validation", (int)d->validation.kind, d->validation.share,
        (json_int_t)d->validation.seed, (int)d->validation.stratified, "folds", (int)d->folds.n,
        (int)d->folds.index, (json_int_t)d->folds.seed, (int)d->folds.stratified, "filter",
        (json_int_t)d->filter.min_characters, (json_int_t)d->filter.min_words, "overlaps",
        (int)d->overlaps.remove, "balance", (int)d->balance, "fingerprint",
        (json_int_t)d->fingerprint.distinct_tokens, (json_int_t)d->fingerprint.longest);
}

static json_t *tokenizer_key(const as_tokenizer_config *t) {
    return json_pack("{s:s, s:o, s:[i,i,i], s:[b,b,b]}", "kind", t->kind, "pattern",
                     string_or_null(t->pattern), "sizes", (int)t->vocab_size, (int)t->min_count,
                     (int)t->max_tokens, "flags", (int)t->fit_on_validation,
                     (int)t->pretrained_first, (int)t->special);
}

/* Unicode's tables decide what a letter is. */
static json_t *libraries_key(void) {
    char pcre2[64] = "";
    pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    return json_pack("[s, s]", utf8proc_version(), pcre2);
}

assay_status as_build_key(const as_data_config *data, const as_tokenizer_config *tokenizer,
                          const json_t *cleaning, const char *reading, const char *content,
                          const char *order, const char *vocabulary, const char *pretrained,
                          as_sha256_hex *ret_key, assay_error *error) {
    json_t *steps = cleaning ? json_deep_copy(cleaning) : json_null();
    return as_cache_key(json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "reading",
                                  reading, "content", content, "order", string_or_null(order),
                                  "data", data_key(data), "tokenizer", tokenizer_key(tokenizer),
                                  "cleaning", steps, "vocabulary", string_or_null(vocabulary),
                                  "pretrained", string_or_null(pretrained), "libraries",
                                  libraries_key()),
                        ret_key, error);
}
