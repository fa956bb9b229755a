/* SPDX-License-Identifier: MIT */
/* A tokenizer that was written and read again gives the same ids; documents that are wrong are
 * refused at their field. */
#include "data/tokenizers/saved.h"

#include "../scratch_folder.h"
#include "base/json.h"
#include "data/tokenizers/wordpiece_model.h"

static const char *const texts[] = {"The cat's HAT &amp; 12 caf\u00e9s",
                                    "",
                                    " \t ",
                                    "!!!",
                                    "the the the cat sat on a mat again",
                                    "\u4e2d\u56fd [MASK] caf\u00e9 <x> o",
                                    "zzz"};
enum { N_TEXTS = sizeof texts / sizeof texts[0], MAX_IDS = 16 };

static const char *const words[] = {"the", "cat", "hat", "caf\u00e9s", "\"quoted\"\\", "a b\nc"};
enum { N_WORDS = sizeof words / sizeof words[0] };

static as_encoder *make_encoder(as_arena *arena, const as_encoder_parts *parts) {
    as_encoder *encoder = NULL;
    cr_assert_eq(as_encoder_new(arena, parts, &encoder, NULL), ASSAY_OK);
    return encoder;
}

/* Writes and reads. */
static as_saved_tokenizer *round_trip(as_arena *arena, const as_tokenizer_to_save *source) {
    scratch_path folder = scratch_folder(), path = scratch_join(folder.text, "tokenizer.json");
    as_saved_tokenizer *saved = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    as_sha256_hex told, found;
    cr_assert_eq(as_saved_tokenizer_write(path.text, source, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_saved_tokenizer_load(arena, path.text, &saved, &told, &error), ASSAY_OK,
                 "%s: %s", error.where, error.text);
    cr_assert_eq(as_sha256_file(path.text, &found, &error), ASSAY_OK);
    cr_assert_str_eq(told.text, found.text);
    scratch_remove(&folder);
    return saved;
}

static void same_ids(as_encoder *one, as_encoder *other) {
    for (size_t i = 0; i < N_TEXTS; i++) {
        int32_t ids[2][MAX_IDS];
        as_encoding encodings[2];
        as_encoder *encoders[] = {one, other};
        for (int k = 0; k < 2; k++)
            cr_assert_eq(as_encoder_encode(encoders[k], texts[i], strlen(texts[i]), ids[k],
                                           &encodings[k], NULL),
                         ASSAY_OK);
        cr_assert_eq(memcmp(&encodings[0].n_ids, &encodings[1].n_ids, sizeof(int32_t)), 0);
        cr_assert_eq(encodings[0].n_tokens, encodings[1].n_tokens, "%s", texts[i]);
        cr_assert_eq(encodings[0].n_unknown, encodings[1].n_unknown);
        cr_assert_eq(encodings[0].n_padding, encodings[1].n_padding);
        cr_assert_eq(encodings[0].truncated, encodings[1].truncated);
        cr_assert_eq(encodings[0].empty, encodings[1].empty);
        cr_assert_eq(memcmp(ids[0], ids[1], (size_t)encodings[0].n_ids * sizeof ids[0][0]), 0, "%s",
                     texts[i]);
    }
}

static void check_words(const char *kind, const char *pattern, json_t *cleaning, bool padded) {
    as_arena *arena = as_arena_new();
    as_vocabulary *vocabulary = NULL;
    as_splitter *splitter = NULL;
    as_cleaner *cleaner = NULL;
    cr_assert_eq(as_vocabulary_from_words(arena, words, NULL, N_WORDS, &vocabulary, NULL),
                 ASSAY_OK);
    cr_assert_eq(as_splitter_new(arena, kind, pattern, "test", &splitter, NULL), ASSAY_OK);
    cr_assert_eq(as_cleaner_new(cleaning, "test", &cleaner, NULL), ASSAY_OK);
    const as_encoder_parts parts = {.cleaner = cleaner,
                                    .splitter = splitter,
                                    .vocabulary = vocabulary,
                                    .padded = padded,
                                    .max_tokens = 6};
    const as_tokenizer_config config = {.kind = kind, .pattern = pattern};
    as_encoder *encoder = make_encoder(arena, &parts);
    const as_tokenizer_to_save source = {&config, cleaning, encoder, NULL};
    as_saved_tokenizer *saved = round_trip(arena, &source);
    same_ids(encoder, saved->encoder);
    cr_assert_str_eq(saved->kind, kind);
    cr_assert(saved->max_tokens == 6 && saved->vocab_size == N_WORDS + 2);
    cr_assert(saved->padded == padded && !saved->wordpiece && !saved->token_weights);
    cr_assert(json_equal(saved->cleaning, cleaning) || (!saved->cleaning && !cleaning));
    for (int32_t id = 0; id < saved->vocab_size; id++)
        cr_assert_str_eq(as_vocabulary_word(saved->vocabulary, id),
                         as_vocabulary_word(vocabulary, id));
    as_saved_tokenizer_free(saved);
    as_cleaner_free(cleaner);
    as_splitter_free(splitter);
    json_decref(cleaning);
    as_arena_free(arena);
}

Test(saved, word_level_tokenizers_come_back) {
    check_words("words", NULL, NULL, false);
    check_words("words", NULL, json_pack("[s, s]", "unescape_html", "lower"), true);
    check_words("whitespace", NULL, json_pack("[s]", "lower"), false);
    check_words("unicode", NULL, json_array(), false);
    check_words("regex", "[a-z']+|[0-9]",
                json_pack("[s, {s:s, s:s, s:s}]", "lower", "step", "regex", "pattern", "caf\u00e9",
                          "replace", "the"),
                false);
}

Test(saved, words_may_hold_a_nul) {
    static const char *const strange[] = {"a\0b", "a"};
    static const uint32_t sizes[] = {3, 1};
    as_arena *arena = as_arena_new();
    as_vocabulary *vocabulary = NULL;
    as_splitter *splitter = NULL;
    cr_assert_eq(as_vocabulary_from_words(arena, strange, sizes, 2, &vocabulary, NULL), ASSAY_OK);
    cr_assert_eq(as_splitter_new(arena, "whitespace", NULL, "test", &splitter, NULL), ASSAY_OK);
    const as_encoder_parts parts = {
        .splitter = splitter, .vocabulary = vocabulary, .max_tokens = 6};
    const as_tokenizer_config config = {.kind = "whitespace"};
    const as_tokenizer_to_save source = {&config, NULL, make_encoder(arena, &parts), NULL};
    as_saved_tokenizer *saved = round_trip(arena, &source);
    cr_assert_eq(as_vocabulary_id(saved->vocabulary, "a\0b", 3), 2);
    cr_assert_eq(as_vocabulary_id(saved->vocabulary, "a", 1), 3);
    as_saved_tokenizer_free(saved);
    as_splitter_free(splitter);
    as_arena_free(arena);
}

Test(saved, token_weights_come_back_to_the_bit) {
    static const as_tfidf_config configs[] = {{true, false, AS_TFIDF_NORM_L2},
                                              {false, true, AS_TFIDF_NORM_L1},
                                              {true, true, AS_TFIDF_NORM_NONE}};
    static const int32_t ids[] = {2, 3, 2, 1, 4};
    for (size_t c = 0; c < 3; c++) {
        as_arena *arena = as_arena_new();
        as_vocabulary *vocabulary = NULL;
        as_splitter *splitter = NULL;
        as_tfidf *tfidf = NULL;
        double idf[N_WORDS + 2], expected[5], found[5];
        for (int i = 0; i < N_WORDS + 2; i++)
            idf[i] = 1 + 1.0 / (3 + i);
        cr_assert_eq(as_tfidf_from_idf(arena, idf, N_WORDS + 2, &configs[c], &tfidf, NULL),
                     ASSAY_OK);
        cr_assert_eq(as_vocabulary_from_words(arena, words, NULL, N_WORDS, &vocabulary, NULL),
                     ASSAY_OK);
        cr_assert_eq(as_splitter_new(arena, "words", NULL, "test", &splitter, NULL), ASSAY_OK);
        const as_encoder_parts parts = {
            .splitter = splitter, .vocabulary = vocabulary, .max_tokens = 6};
        const as_tokenizer_config config = {.kind = "words"};
        const as_tokenizer_to_save source = {&config, NULL, make_encoder(arena, &parts), tfidf};
        as_saved_tokenizer *saved = round_trip(arena, &source);
        as_tfidf_weights_double(tfidf, ids, 5, expected);
        as_tfidf_weights_double(saved->token_weights, ids, 5, found);
        cr_assert_eq(memcmp(expected, found, sizeof found), 0);
        as_saved_tokenizer_free(saved);
        as_splitter_free(splitter);
        as_arena_free(arena);
    }
}

static void check_pieces(as_arena *arena, const as_wordpiece *wordpiece, bool special) {
    as_wordpiece_scratch *scratch = as_wordpiece_scratch_new();
    const as_encoder_parts parts = {
        .wordpiece = wordpiece, .scratch = scratch, .special = special, .max_tokens = 7};
    const as_tokenizer_config config = {.kind = "wordpiece", .special = special};
    as_encoder *encoder = make_encoder(arena, &parts);
    const as_tokenizer_to_save source = {&config, NULL, encoder, NULL};
    as_saved_tokenizer *saved = round_trip(arena, &source);
    cr_assert_str_eq(as_wordpiece_digest(saved->wordpiece), as_wordpiece_digest(wordpiece));
    cr_assert_eq(saved->special, special);
    cr_assert_eq(saved->vocab_size, as_wordpiece_vocab_size(wordpiece));
    same_ids(encoder, saved->encoder);
    as_saved_tokenizer_free(saved);
    as_wordpiece_scratch_free(scratch);
}

Test(saved, wordpiece_tokenizers_come_back) {
    static const char lines[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\ncaf\n##\u00e9\n"
                                "hat\nHAT\n\u4e2d\n12\n##e\n\"\n";
    static const char added[] =
        "{\"added_tokens\": [{\"id\": 5, \"content\": \"<x>\", \"lstrip\": true, \"rstrip\": true,"
        " \"normalized\": true}, {\"id\": 6, \"content\": \"o\", \"single_word\": true}],"
        " \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
        " \"post_processor\": {\"type\": \"BertProcessing\", \"sep\": [\"[SEP]\", 2], \"cls\":"
        " [\"[CLS]\", 1]}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\","
        " \"continuing_subword_prefix\": \"@@\", \"max_input_chars_per_word\": 9, \"vocab\":"
        " {\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"the\": 3, \"@@x\": 4}}}";
    as_arena *arena = as_arena_new();
    for (int options = 0; options < 8; options++) {
        const as_wordpiece_options o = {options & 1, options >> 1 & 1, options >> 2 & 1};
        as_wordpiece *wordpiece = NULL;
        cr_assert_eq(as_wordpiece_from_vocab(arena, lines, sizeof lines - 1, "vocab.txt", &o,
                                             &wordpiece, NULL),
                     ASSAY_OK);
        check_pieces(arena, wordpiece, true);
        check_pieces(arena, wordpiece, false);
    }
    as_wordpiece *wordpiece = NULL;
    cr_assert_eq(as_wordpiece_from_json(arena, added, sizeof added - 1, "tokenizer.json", NULL,
                                        &wordpiece, NULL),
                 ASSAY_OK);
    check_pieces(arena, wordpiece, true);
    as_arena_free(arena);
}

/* ---- what is refused --------------------------------------------------------------------------*/

#define DOCUMENT(kind, rest)                                                                       \
    "{\"format\": \"assay-tokenizer\", \"version\": 1, \"kind\": " kind ", \"pattern\": null, "    \
    "\"max_tokens\": 4, \"padding\": \"none\", \"special_tokens\": true, \"cleaning\": null, "     \
    "\"token_weights\": null, " rest "}"
#define WORDS(rest) DOCUMENT("\"words\"", "\"vocabulary\": [\"a\"], \"wordpiece\": null" rest)

static assay_status parse(const char *text, assay_error *error) {
    as_arena *arena = as_arena_new();
    as_saved_tokenizer *saved = (as_saved_tokenizer *)1;
    assay_status status =
        as_saved_tokenizer_parse(arena, text, strlen(text), "t.json", &saved, error);
    if (status == ASSAY_OK)
        as_saved_tokenizer_free(saved);
    else
        cr_assert_eq(saved, (as_saved_tokenizer *)1, "output touched: %s", text);
    as_arena_free(arena);
    return status;
}

Test(saved, wrong_documents_are_refused) {
    static const struct {
        const char *from, *to, *where, *text; /* in a good document; where in it, and what */
    } cases[] = {
        {"assay-tokenizer", "other", "t.json#/format", "found \"other\""},
        {"\"version\": 1", "\"version\": 2", "t.json#/version", "found 2; expected 1"},
        {"\"version\": 1", "\"version\": \"1\"", "t.json#/version", "found \"1\""},
        {"\"words\"", "\"wrods\"", "t.json#/kind", "use \"words\""},
        {"\"words\"", "7", "t.json#/kind", "found 7"},
        {"\"words\"", "null", "t.json#/kind", "expected the name"},
        {"\"words\"", "\"wo\\u0000rds\"", "t.json#/kind", "expected a text"},
        {"\"words\"", "\"regex\"", "t.json#/kind", "needs a pattern"},
        {"\"words\"", "\"wordpiece\"", "t.json#/vocabulary", "of another kind"},
        {"\"pattern\": null", "\"pattern\": \"x\"", "t.json#/kind", "takes no pattern"},
        {"\"max_tokens\": 4", "\"max_tokens\": 0", "t.json#/max_tokens", "found 0"},
        {"\"max_tokens\": 4", "\"max_tokens\": 4.5", "t.json#/max_tokens", "found 4.5"},
        {"\"max_tokens\": 4", "\"max_tokens\": 1000001", "t.json#/max_tokens", "from 1 to 1000000"},
        {"\"none\"", "\"left\"", "t.json#/padding", "found \"left\""},
        {"\"special_tokens\": true", "\"special_tokens\": 1", "t.json#/special_tokens", "found 1"},
        {"\"cleaning\": null", "\"cleaning\": {}", "t.json#/cleaning", "a list of steps"},
        {"\"cleaning\": null", "\"cleaning\": [\"lwer\"]", "t.json#/cleaning/0", "lower"},
        {"\"token_weights\": null", "\"token_weights\": {\"idf\": [1, 2]}", "t.json#/token_weights",
         "2 numbers; the vocabulary has 3 ids"},
        {"\"token_weights\": null", "\"token_weights\": {\"idf\": [1, 2, \"x\"]}",
         "t.json#/token_weights", "string of id 2"},
        {"\"token_weights\": null", "\"token_weights\": {\"idf\": [1, 2, -1]}",
         "t.json#/token_weights", "the idf of id 2 is -1"},
        {"\"token_weights\": null", "\"token_weights\": {\"norm\": \"l3\", \"idf\": [1, 2, 3]}",
         "t.json#/token_weights/norm", "l3"},
        {"[\"a\"]", "[\"a\", \"b\", \"a\"]", "t.json#/vocabulary", "stands in it twice"},
        {"[\"a\"]", "[\"a\", \"\"]", "t.json#/vocabulary/1", "expected a word"},
        {"[\"a\"]", "[1]", "t.json#/vocabulary/0", "expected a word"},
        {"[\"a\"]", "\"a\"", "t.json#/vocabulary", "a list of words"},
        {"\"wordpiece\": null", "\"wordpiece\": {}", "t.json#/wordpiece", "of another kind"},
        {"\"wordpiece\": null", "\"word_piece\": null", "t.json", "wordpiece"},
        {"\"pattern\": null, ", "", "t.json#/pattern", "expected the field to be there"},
        {"\"pattern\": null, ", "\"pattern\": null, \"pattern\": null, ", "t.json:1",
         "not valid JSON"},
        {"}", "", "t.json:1", "not valid JSON"},
    };
    assay_error none = ASSAY_ERROR_INIT;
    cr_assert_eq(parse(WORDS(""), &none), ASSAY_OK, "%s: %s", none.where, none.text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char good[] = WORDS("");
        char text[2000];
        const char *at = strstr(good, cases[i].from);
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_not_null(at, "%s", cases[i].from);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, cases[i].to,
                 at + strlen(cases[i].from));
        cr_assert_eq(parse(text, &error), ASSAY_BAD_DATA, "%s", text);
        cr_assert_eq(error.status, ASSAY_BAD_DATA);
        cr_assert(strstr(error.where, cases[i].where), "%s: %s", text, error.where);
        cr_assert(strstr(error.text, cases[i].text), "%s: %s", text, error.text);
    }
}

Test(saved, wrong_wordpiece_documents_are_refused) {
#define PIECES(pad)                                                                                \
    "{\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\", "  \
    "\"vocab\": {\"" pad "\": 0, \"[UNK]\": 1}}}"
    static const char good[] =
        DOCUMENT("\"wordpiece\"", "\"vocabulary\": null, \"wordpiece\": " PIECES("[PAD]"));
    static const struct {
        const char *from, *to, *where;
    } cases[] = {
        {"BertPreTokenizer", "Other", "t.json#/wordpiece#/pre_tokenizer"},
        {"WordPiece\"", "BPE\"", "t.json#/wordpiece#/model"},
        {"\"[UNK]\": 1", "\"[UNK]\": 2", "t.json#/wordpiece#/model/vocab"},
        {"\"pattern\": null", "\"pattern\": \"x\"", "t.json#/pattern"},
        {PIECES("[PAD]"), "null", "t.json#/wordpiece"},
    };
    assay_error none = ASSAY_ERROR_INIT;
    cr_assert_eq(parse(good, &none), ASSAY_OK, "%s: %s", none.where, none.text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[2000];
        const char *at = strstr(good, cases[i].from);
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_not_null(at, "%s", cases[i].from);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, cases[i].to,
                 at + strlen(cases[i].from));
        cr_assert_eq(parse(text, &error), ASSAY_BAD_DATA, "%s", text);
        cr_assert(strstr(error.where, cases[i].where), "%s: %s", text, error.where);
    }
}
