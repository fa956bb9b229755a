/* SPDX-License-Identifier: MIT */
/* Tokenizers, word counts, vocabulary, encoder. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "data/words.h"

/* Tokens joined by '|' must be the expected ones. */
static void splits(const char *kind, const char *text, size_t n, const char *expected) {
    const as_tokenizer *tokenizer;
    char joined[512] = "";
    const char *cursor = text, *token;
    size_t n_token, used = 0;
    cr_assert_eq(as_tokenizer_find(kind, "x", &tokenizer, NULL), ASSAY_OK);
    while ((token = tokenizer->next(&cursor, text + n, &n_token))) {
        cr_assert(n_token > 0 && token >= text && token + n_token <= text + n);
        used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%.*s", used ? "|" : "",
                                 (int)n_token, token);
    }
    cr_assert_str_eq(joined, expected);
}

Test(words, unicode_words) {
    static const char *const cases[][2] = {
        {"", ""},
        {" ,.! ", ""},
        {"Hello, world! it's 3.5", "Hello|world|it|s|3|5"},
        {"na\xc3\xafve caf\xc3\xa9s", "na\xc3\xafve|caf\xc3\xa9s"},
        {"cafe\xcc\x81!", "cafe\xcc\x81"}, /* combining accent */
        {"\xe4\xb8\xad\xe6\x96\x87\xef\xbc\x8c\xe5\xad\x97",
         "\xe4\xb8\xad\xe6\x96\x87|\xe5\xad\x97"},
        {"a\xe2\x80\x94"
         "b\xc2\xa0"
         "c_d",
         "a|b|c|d"},                                /* dash, no-break space, underscore */
        {"\xf0\x9f\x98\x80x\xc2\xbd", "x\xc2\xbd"}, /* emoji, one half (No) */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        splits("words", cases[i][0], strlen(cases[i][0]), cases[i][1]);
    splits("words", "a\0b", 3, "a|b");
    splits("words", "a\xff\xc3", 3, "a");
}

Test(words, whitespace) {
    static const char *const cases[][2] = {
        {"", ""},
        {" \t\n", ""},
        {"it's 3.5\tok\r\n", "it's|3.5|ok"},
        {"a\xc2\xa0"
         "b\xe3\x80\x80"
         "c\xc2\x85"
         "d\xe2\x80\xa8"
         "e",
         "a|b|c|d|e"},
        {"\xf0\x9f\x98\x80 x", "\xf0\x9f\x98\x80|x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        splits("whitespace", cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static as_word_counts *count(as_arena *arena, const char *text) {
    const as_tokenizer *tokenizer;
    as_word_counts *counts;
    const char *cursor = text, *token;
    size_t n;
    cr_assert_eq(as_tokenizer_find("whitespace", "x", &tokenizer, NULL), ASSAY_OK);
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    while ((token = tokenizer->next(&cursor, text + strlen(text), &n)))
        cr_assert_eq(as_word_counts_add(counts, token, n, NULL), ASSAY_OK);
    return counts;
}

Test(words, vocabulary_goes_by_count_then_bytes) {
    static const char *const expected[] = {"[PAD]", "[UNK]", "b", "B", "a", "ab", "\xc3\xa4"};
    as_arena *arena = as_arena_new();
    as_word_counts *counts = count(arena, "ab \xc3\xa4 a b b b B B a ab \xc3\xa4");
    as_vocabulary *v;
    cr_assert_eq(as_vocabulary_new(arena, counts, 100, &v, NULL), ASSAY_OK);
    cr_assert_eq(as_vocabulary_size(v), 7);
    for (int32_t id = 0; id < 7; id++) {
        cr_assert_str_eq(as_vocabulary_word(v, id), expected[id]);
        if (id >= AS_TOKEN_FIRST_WORD)
            cr_assert_eq(as_vocabulary_id(v, expected[id], strlen(expected[id])), id);
    }
    cr_assert_null(as_vocabulary_word(v, 7));
    cr_assert_null(as_vocabulary_word(v, -1));
    cr_assert_eq(as_vocabulary_id(v, "none", 4), AS_TOKEN_UNK);
    cr_assert_eq(as_vocabulary_id(v, "[PAD]", 5), AS_TOKEN_UNK, "a text cannot name PAD");
    cr_assert_eq(as_vocabulary_new(arena, counts, 4, &v, NULL), ASSAY_OK);
    cr_assert_eq(as_vocabulary_size(v), 4, "PAD and UNK are counted in");
    cr_assert_eq(as_vocabulary_id(v, "a", 1), AS_TOKEN_UNK);
    as_arena_free(arena);
}

Test(words, many_words_keep_their_counts) {
    as_arena *arena = as_arena_new();
    as_word_counts *counts;
    char word[16];
    cr_assert_eq(as_word_counts_new(arena, &counts, NULL), ASSAY_OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50000; i += round + 1) {
            int n = snprintf(word, sizeof word, "w%d", i);
            cr_assert_eq(as_word_counts_add(counts, word, (size_t)n, NULL), ASSAY_OK);
        }
    cr_assert_eq(as_word_counts_distinct(counts), 50000);
    for (int i = 0; i < 50000; i++) {
        int n = snprintf(word, sizeof word, "w%d", i);
        cr_assert_eq(as_word_counts_get(counts, word, (size_t)n), i % 2 ? 1 : 2);
    }
    cr_assert_eq(as_word_counts_get(counts, "w", 1), 0);
    as_arena_free(arena);
}

Test(words, encoder_truncates_and_never_gives_nothing) {
    as_arena *arena = as_arena_new();
    as_word_counts *counts = count(arena, "a a a b b c");
    const as_cleaning_step *lower;
    const as_tokenizer *words;
    as_vocabulary *v;
    as_encoder *encoder;
    as_encoding e;
    int32_t ids[3] = {-7, -7, -7};
    cr_assert_eq(as_vocabulary_new(arena, counts, 100, &v, NULL), ASSAY_OK);
    cr_assert_eq(as_cleaning_find("lower", "x", &lower, NULL), ASSAY_OK);
    cr_assert_eq(as_tokenizer_find("words", "x", &words, NULL), ASSAY_OK);
    cr_assert_eq(as_encoder_new(arena, &lower, 1, words, v, 3, &encoder, NULL), ASSAY_OK);
    cr_assert_eq(as_encoder_encode(encoder, "B, x, A.", 8, ids, &e, NULL), ASSAY_OK);
    cr_assert(e.n_ids == 3 && e.n_unknown == 1 && !e.truncated && !e.empty);
    cr_assert(ids[0] == 3 && ids[1] == AS_TOKEN_UNK && ids[2] == 2);
    cr_assert_eq(as_encoder_encode(encoder, "c c c x", 7, ids, &e, NULL), ASSAY_OK);
    cr_assert(e.n_ids == 3 && e.n_unknown == 0 && e.truncated, "UNK behind the cut is not counted");
    cr_assert_eq(as_encoder_encode(encoder, " ...", 4, ids, &e, NULL), ASSAY_OK);
    cr_assert(e.n_ids == 1 && e.n_unknown == 1 && e.empty && !e.truncated);
    cr_assert_eq(ids[0], AS_TOKEN_UNK);
    size_t used = as_arena_used_bytes(arena);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(as_encoder_encode(encoder, "B, x, A.", 8, ids, &e, NULL), ASSAY_OK);
    cr_assert_eq(as_arena_used_bytes(arena), used, "a steady encoder takes no memory");
    as_arena_free(arena);
}

Test(words, unknown_tokenizers_suggest_the_nearest) {
    const as_tokenizer *tokenizer = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_tokenizer_find("white_space", "x", &tokenizer, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert(strstr(error.text, "use \"whitespace\""), "%s", error.text);
    cr_assert_null(tokenizer);
}
