/* SPDX-License-Identifier: MIT */
/* Writes a cell's tokenizer.json (saved.h has the format). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/tokenizers/saved.h"
#include "data/tokenizers/wordpiece_model.h"

static json_t *words_json(const as_vocabulary *vocabulary) {
    json_t *words = json_array();
    for (int32_t id = AS_TOKEN_FIRST_WORD; id < as_vocabulary_size(vocabulary); id++) {
        const char *word = as_vocabulary_word(vocabulary, id);
        json_array_append_new(words, json_stringn(word, as_vocabulary_word_bytes(vocabulary, id)));
    }
    return words;
}

static json_t *weights_json(const as_tfidf *tfidf) {
    json_t *json = as_tfidf_config_to_json(as_tfidf_configuration(tfidf)), *idf = json_array();
    for (int32_t id = 0; id < as_tfidf_vocab_size(tfidf); id++)
        json_array_append_new(idf, json_real(as_tfidf_idf(tfidf)[id]));
    json_object_set_new(json, "idf", idf);
    return json;
}

static json_t *document(const as_tokenizer_to_save *t) {
    const as_encoder_parts *parts = as_encoder_made_of(t->encoder);
    const as_tokenizer_config *c = t->config;
    /* The special tokens stand in the WordPiece tokenizer, used or not. */
    return json_pack("{s:s, s:i, s:s, s:o, s:i, s:s, s:b, s:o, s:o, s:o, s:o}", "format",
                     "assay-tokenizer", "version", AS_SAVED_TOKENIZER_VERSION, "kind", c->kind,
                     "pattern", c->pattern ? json_string(c->pattern) : json_null(), "max_tokens",
                     (int)parts->max_tokens, "padding", parts->padded ? "max_tokens" : "none",
                     "special_tokens", (int)parts->special, "cleaning",
                     t->cleaning ? json_deep_copy(t->cleaning) : json_null(), "token_weights",
                     t->token_weights ? weights_json(t->token_weights) : json_null(), "vocabulary",
                     parts->vocabulary ? words_json(parts->vocabulary) : json_null(), "wordpiece",
                     parts->wordpiece ? as_wordpiece_to_json(parts->wordpiece, true) : json_null());
}

assay_status as_saved_tokenizer_write(const char *path, const as_tokenizer_to_save *tokenizer,
                                      assay_error *error) {
    json_t *json = document(tokenizer);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    size_t n = text ? strlen(text) : 0;
    assay_status status;
    if (!text)
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "no memory for the tokenizer");
    else if (n > AS_SAVED_TOKENIZER_MAX_BYTES)
        status = as_fail(error, ASSAY_LIMIT, path,
                         "would have %zu bytes; at most %d: choose a smaller vocab_size", n,
                         AS_SAVED_TOKENIZER_MAX_BYTES);
    else
        status = as_file_write(path, text, n, error);
    free(text);
    json_decref(json);
    return status;
}
