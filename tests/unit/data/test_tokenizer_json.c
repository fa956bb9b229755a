/* SPDX-License-Identifier: MIT */
/* WordPiece vocabularies from vocab.txt, tokenizer.json and tokenizer_config.json: what is read,
 * and what is refused with which message. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "wordpiece_fixture.h"

#define MODEL                                                                                      \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, "    \
    "\"[CLS]\": 1, \"[SEP]\": 2, \"the\": 3, \"The\": 4}}"
#define BERT                                                                                       \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, "                        \
    "\"handle_chinese_chars\": true, \"strip_accents\": null, \"lowercase\": true}, "              \
    "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}"

static const char *const vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nThe\n";

static bool same_ids(fixture *f, const char *text, const int32_t *ids, size_t n) {
    as_wordpiece_encoding e;
    cr_assert_eq(
        as_wordpiece_encode(f->wordpiece, f->scratch, text, strlen(text), 0, true, false, &e, NULL),
        ASSAY_OK);
    return e.n == n && memcmp(e.ids, ids, n * sizeof *ids) == 0;
}

/* ---- vocab.txt --------------------------------------------------------------------------------*/

static void refuse_vocab(const char *text, size_t n_bytes, assay_status status, const char *where,
                         const char *says) {
    as_arena *arena = as_arena_new();
    as_wordpiece *untouched = (as_wordpiece *)&untouched, *w = untouched;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_wordpiece_from_vocab(arena, text, n_bytes, "v.txt", NULL, &w, &error), status,
                 "%s", error.text);
    cr_assert_str_eq(error.where, where, "%s: %s", error.where, error.text);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_eq(w, untouched);
    as_arena_free(arena);
}

Test(vocabulary_file, bad_files_are_refused_with_their_line) {
    char long_token[1100];
    memset(long_token, 'x', sizeof long_token);
    memcpy(long_token, "[UNK]\n", 6);
    refuse_vocab("", 0, ASSAY_BAD_DATA, "v.txt", "empty");
    refuse_vocab("the\nfox\n", 8, ASSAY_BAD_DATA, "v.txt", "[UNK]");
    refuse_vocab("[UNK]\nthe\nfox\nthe\n", 18, ASSAY_BAD_DATA, "v.txt:4", "line 2");
    refuse_vocab("[UNK]\n\nfox\n", 11, ASSAY_BAD_DATA, "v.txt:2", "empty");
    refuse_vocab("[UNK]\nf\xFFx\n", 10, ASSAY_BAD_DATA, "v.txt:2", "byte 2 of the token, FF");
    refuse_vocab("[UNK]\nf\0x\n", 10, ASSAY_BAD_DATA, "v.txt:2", "NUL");
    refuse_vocab("\xEF\xBB\xBF[UNK]\n", 9, ASSAY_BAD_DATA, "v.txt:1", "byte order mark");
    refuse_vocab(long_token, sizeof long_token, ASSAY_LIMIT, "v.txt:2", "1094 bytes");
}

Test(vocabulary_file, over_a_million_tokens_are_refused) {
    size_t n = 1000001, at = 0;
    char *text = malloc(n * 9);
    at += (size_t)sprintf(text, "[UNK]\n");
    for (size_t i = 1; i < n; i++)
        at += (size_t)sprintf(text + at, "%zu\n", i);
    refuse_vocab(text, at, ASSAY_LIMIT, "v.txt", "1000001 lines");
    at -= strlen("1000000\n");
    fixture f = from_vocab(text, at, NULL);
    cr_assert_eq(as_wordpiece_vocab_size(f.wordpiece), 1000000);
    cr_assert_eq(as_wordpiece_id(f.wordpiece, "999999", 6), 999999);
    end_fixture(&f);
    free(text);
}

Test(vocabulary_file, line_ends_do_not_matter) {
    static const char crlf[] = "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\nthe\r\nThe";
    fixture f = from_vocab(vocab, strlen(vocab), NULL), g = from_vocab(crlf, strlen(crlf), NULL);
    cr_assert_str_eq(as_wordpiece_digest(f.wordpiece), as_wordpiece_digest(g.wordpiece));
    cr_assert_eq(as_wordpiece_vocab_size(g.wordpiece), 7);
    cr_assert_str_eq(as_wordpiece_token(g.wordpiece, 6), "The");
    cr_assert_null(as_wordpiece_token(g.wordpiece, 7));
    cr_assert_null(as_wordpiece_token(g.wordpiece, -1));
    cr_assert_eq(as_wordpiece_pad_id(g.wordpiece), 0);
    cr_assert_eq(as_wordpiece_unknown_id(g.wordpiece), 1);
    cr_assert_eq(as_wordpiece_id(g.wordpiece, "th", 2), -1);
    end_fixture(&f);
    end_fixture(&g);
}

Test(vocabulary_file, options_override_and_change_the_digest) {
    const as_wordpiece_options cased = {.lower_case = 0, .split_chinese = -1, .strip_accents = -1};
    fixture f = from_vocab(vocab, strlen(vocab), NULL),
            g = from_vocab(vocab, strlen(vocab), &cased);
    cr_assert(same_ids(&f, "The the\u0301", (int32_t[]){2, 5, 5, 3}, 4));
    cr_assert(same_ids(&g, "The the\u0301", (int32_t[]){2, 6, 1, 3}, 4));
    cr_assert_str_neq(as_wordpiece_digest(f.wordpiece), as_wordpiece_digest(g.wordpiece));
    end_fixture(&f);
    end_fixture(&g);
}

/* ---- tokenizer.json ---------------------------------------------------------------------------*/

static void refuse_json(const char *text, const char *where, const char *says) {
    as_arena *arena = as_arena_new();
    as_wordpiece *w = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    assay_status status =
        as_wordpiece_from_json(arena, text, strlen(text), "t.json", NULL, &w, &error);
    cr_assert(status == ASSAY_BAD_DATA || status == ASSAY_LIMIT, "%d for %s", status, text);
    cr_assert_str_eq(error.where, where, "%s: %s", error.where, error.text);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
    cr_assert_null(w);
    as_arena_free(arena);
}

Test(tokenizer_json, other_kinds_are_refused_by_name) {
    refuse_json("{\"model\": {\"type\": \"BPE\"}}", "t.json#/model", "\"BPE\"");
    refuse_json("{\"model\": {\"type\": \"Unigram\"}}", "t.json#/model", "\"Unigram\"");
    refuse_json("{\"model\": {\"vocab\": [], \"unk_id\": 0}}", "t.json#/model", "\"Unigram\"");
    refuse_json("{\"model\": {\"vocab\": {}, \"merges\": []}}", "t.json#/model", "\"BPE\"");
    refuse_json("{\"model\": {\"vocab\": {}, \"unk_token\": \"u\"}}", "t.json#/model",
                "\"WordLevel\"");
    refuse_json("{\"normalizer\": {\"type\": \"NFC\"}, " MODEL "}", "t.json#/normalizer",
                "\"NFC\"");
    refuse_json("{\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Whitespace\"}, " MODEL "}",
                "t.json#/pre_tokenizer", "\"Whitespace\"");
    refuse_json("{" BERT ", \"post_processor\": {\"type\": \"RobertaProcessing\"}, " MODEL "}",
                "t.json#/post_processor", "\"RobertaProcessing\"");
}

Test(tokenizer_json, bad_documents_are_refused) {
    refuse_json("{", "t.json:1:1", "not valid JSON");
    refuse_json("[]", "t.json#/", "\"model\"");
    refuse_json("{}", "t.json#/model", "WordPiece");
    refuse_json("{\"model\": {\"type\": \"WordPiece\"}}", "t.json#/model/vocab", "object");
    refuse_json("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {}}}", "t.json#/model/vocab",
                "empty");
    refuse_json("{" BERT ", \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0, \"b\": 2}}}",
                "t.json#/model/vocab", "hole");
    refuse_json("{" BERT ", \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0, \"b\": 0}}}",
                "t.json#/model/vocab", "both have the id 0");
    refuse_json("{" BERT
                ", \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0, \"b\": -1}}}",
                "t.json#/model/vocab", "no id");
    refuse_json("{" BERT ", \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}", "t.json",
                "[UNK]");
    refuse_json("{\"added_tokens\": {}, " MODEL "}", "t.json#/added_tokens", "array");
    refuse_json("{\"added_tokens\": [{\"id\": 5}], " MODEL "}", "t.json#/added_tokens/0",
                "\"content\"");
    refuse_json("{" BERT ", \"added_tokens\": [{\"id\": 9, \"content\": \"x\"}], " MODEL "}",
                "t.json", "expected 5");
    refuse_json("{" BERT ", \"added_tokens\": [{\"id\": 2, \"content\": \"the\"}], " MODEL "}",
                "t.json", "expected 3");
    refuse_json("{" BERT ", \"added_tokens\": [{\"id\": 5, \"content\": \"\\u200b\"}], " MODEL "}",
                "t.json", "after normalising");
    refuse_json("{" BERT
                ", \"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"x\", 77], "
                "\"cls\": [\"y\", 1]}, " MODEL "}",
                "t.json", "77");
    refuse_json("{" BERT ", \"post_processor\": {\"type\": \"TemplateProcessing\"}, " MODEL "}",
                "t.json#/post_processor", "single");
    refuse_json("{" BERT
                ", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}, " MODEL
                "}",
                "t.json#/post_processor", "sequence");
    refuse_json("{\"model\": {\"type\": \"WordPiece\", \"max_input_chars_per_word\": 0}}",
                "t.json#/model/max_input_chars_per_word", "0");
}

Test(tokenizer_json, model_type_may_be_left_out) {
    fixture f = from_json("{" BERT ", \"model\": {\"max_input_chars_per_word\": 100, "
                          "\"vocab\": {\"[UNK]\": 0, \"x\": 1}}}");
    cr_assert(same_ids(&f, "X y", (int32_t[]){1, 0}, 2));
    cr_assert_eq(as_wordpiece_pad_id(f.wordpiece), -1);
    end_fixture(&f);
}

Test(tokenizer_json, added_tokens_follow_the_vocabulary) {
    fixture f =
        from_json("{" BERT ", \"added_tokens\": [{\"id\": 5, \"content\": \"<x>\"}], " MODEL "}");
    cr_assert_eq(as_wordpiece_vocab_size(f.wordpiece), 6);
    cr_assert_eq(as_wordpiece_id(f.wordpiece, "<x>", 3), 5);
    cr_assert_str_eq(as_wordpiece_token(f.wordpiece, 5), "<x>");
    cr_assert(same_ids(&f, "the<X>the", (int32_t[]){3, 5, 3}, 3));
    end_fixture(&f);
}

/* As Hugging Face's: the second blank stands in the first one's white space. */
Test(tokenizer_json, added_token_inside_stripped_space_is_passed_over) {
    static const char *const both =
        "{" BERT ", \"added_tokens\": [{\"id\": 5, \"content\": \" \", "
        "\"lstrip\": true, \"rstrip\": true, \"special\": true}], " MODEL "}";
    static const char *const right =
        "{" BERT ", \"added_tokens\": [{\"id\": 5, \"content\": \" \", "
        "\"rstrip\": true, \"special\": true}], " MODEL "}";
    fixture f = from_json(both), g = from_json(right);
    cr_assert(same_ids(&f, "the  the", (int32_t[]){3, 5, 3}, 3));
    cr_assert(same_ids(&g, "the  the", (int32_t[]){3, 5, 5, 3}, 4));
    end_fixture(&f);
    end_fixture(&g);
}

/* ---- files ------------------------------------------------------------------------------------*/

static void write_file(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(as_file_write(path, text, strlen(text), NULL), ASSAY_OK);
}

Test(tokenizer_files, settings_beside_vocab_txt_count) {
    char folder[] = "/tmp/assay-wordpiece-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    write_file(folder, "vocab.txt", vocab);
    write_file(folder, "tokenizer_config.json",
               "{\"do_lower_case\": false, \"mask_token\": {\"content\": \"the\"}, "
               "\"added_tokens_decoder\": {\"7\": {\"content\": \"[X]\", \"special\": true}}}");
    fixture f = start_fixture();
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_wordpiece_load(f.arena, folder, NULL, &f.wordpiece, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    cr_assert_eq(as_wordpiece_vocab_size(f.wordpiece), 8);
    /* "the" is an added token now: found inside a word */
    cr_assert(same_ids(&f, "The [X] xthe", (int32_t[]){2, 6, 7, 1, 5, 3}, 6));
    write_file(folder, "tokenizer_config.json", "{\"do_lower_case\": 1}");
    cr_assert_eq(as_wordpiece_load(f.arena, folder, NULL, &f.wordpiece, &error), ASSAY_BAD_DATA);
    cr_assert_not_null(strstr(error.where, "do_lower_case"));
    end_fixture(&f);
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
}

Test(tokenizer_files, tokenizer_json_comes_before_vocab_txt) {
    char folder[] = "/tmp/assay-wordpiece-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    fixture f = start_fixture();
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_wordpiece_load(f.arena, folder, NULL, &f.wordpiece, &error), ASSAY_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "neither"));
    write_file(folder, "vocab.txt", vocab);
    write_file(folder, "tokenizer.json", "{" BERT ", " MODEL "}");
    cr_assert_eq(as_wordpiece_load(f.arena, folder, NULL, &f.wordpiece, NULL), ASSAY_OK);
    cr_assert_eq(as_wordpiece_vocab_size(f.wordpiece), 5);
    end_fixture(&f);
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
}

Test(tokenizer_files, both_files_of_one_tokenizer_have_one_digest) {
    fixture f = from_test_data("vocab/bert-base-uncased-vocab.txt.xz");
    fixture g = from_test_data("vocab/bert-base-uncased-tokenizer.json.xz");
    cr_assert_str_eq(as_wordpiece_digest(f.wordpiece), as_wordpiece_digest(g.wordpiece));
    cr_assert_eq(as_wordpiece_vocab_size(f.wordpiece), 30522);
    end_fixture(&f);
    end_fixture(&g);
}
