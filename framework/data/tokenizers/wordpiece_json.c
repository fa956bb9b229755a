/* SPDX-License-Identifier: MIT */
/* A WordPiece tokenizer as Hugging Face's tokenizer.json (tokenizer_json.h has the format): what is
 * read from either kind of vocabulary file goes out in this one, so that the same tokens come from
 * it here and in transformers. */
#include <string.h>

#include "data/tokenizers/wordpiece_model.h"

static json_t *added_json(const as_wordpiece *w) {
    json_t *list = json_array();
    for (size_t i = 0; i < w->n_added; i++) {
        const as_added_token *t = &w->added[i];
        json_array_append_new(list, json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                                              (int)t->id, "content", t->content, "single_word",
                                              (int)t->single_word, "lstrip", (int)t->lstrip,
                                              "rstrip", (int)t->rstrip, "normalized",
                                              (int)t->normalized, "special", (int)t->special));
    }
    return list;
}

/* The pieces of one template: special tokens around a sequence, or two. */
static void add_specials(json_t *pieces, const as_wordpiece *w, const int32_t *ids, size_t n,
                         int type) {
    for (size_t i = 0; i < n; i++)
        json_array_append_new(pieces, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id",
                                                as_wordpiece_token(w, ids[i]), "type_id", type));
}

static void add_sequence(json_t *pieces, const char *name, int type) {
    json_array_append_new(pieces,
                          json_pack("{s:{s:s, s:i}}", "Sequence", "id", name, "type_id", type));
}

static json_t *template_json(const as_wordpiece *w) {
    json_t *single = json_array(), *pair = json_array(), *specials = json_object();
    json_t *pieces[] = {single, pair};
    for (int i = 0; i < 2; i++) {
        add_specials(pieces[i], w, w->before, w->n_before, 0);
        add_sequence(pieces[i], "A", 0);
        add_specials(pieces[i], w, w->behind, w->n_behind, 0);
    }
    add_sequence(pair, "B", 1);
    add_specials(pair, w, w->behind, w->n_behind, 1);
    for (size_t i = 0; i < w->n_before + w->n_behind; i++) {
        int32_t id = i < w->n_before ? w->before[i] : w->behind[i - w->n_before];
        const char *token = as_wordpiece_token(w, id);
        json_object_set_new(
            specials, token,
            json_pack("{s:s, s:[i], s:[s]}", "id", token, "ids", (int)id, "tokens", token));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "type", "TemplateProcessing", "single", single, "pair",
                     pair, "special_tokens", specials);
}

static json_t *model_json(const as_wordpiece *w) {
    json_t *vocabulary = json_object();
    for (size_t i = 0; i < w->n_model; i++)
        json_object_set_new(vocabulary, w->tokens[i].text, json_integer((json_int_t)i));
    return json_pack("{s:s, s:s, s:s, s:i, s:o}", "type", "WordPiece", "unk_token",
                     as_wordpiece_token(w, w->unknown_id), "continuing_subword_prefix", w->prefix,
                     "max_input_chars_per_word", (int)w->max_characters, "vocab", vocabulary);
}

json_t *as_wordpiece_to_json(const as_wordpiece *w, bool special) {
    bool template = special && w->n_before + w->n_behind > 0;
    return json_pack("{s:s, s:n, s:n, s:o, s:{s:s, s:b, s:b, s:b, s:b}, s:{s:s}, s:o, "
                     "s:{s:s, s:s, s:b}, s:o}",
                     "version", "1.0", "truncation", "padding", "added_tokens", added_json(w),
                     "normalizer", "type", "BertNormalizer", "clean_text", (int)w->rules.clean,
                     "handle_chinese_chars", (int)w->rules.chinese, "strip_accents",
                     (int)w->rules.strip, "lowercase", (int)w->rules.lower, "pre_tokenizer", "type",
                     "BertPreTokenizer", "post_processor",
                     template ? template_json(w) : json_null(), "decoder", "type", "WordPiece",
                     "prefix", w->prefix, "cleanup", 1, "model", model_json(w));
}
