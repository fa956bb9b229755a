/* SPDX-License-Identifier: MIT */
/* as_prepare end to end: small data exactly, WordNet, and IMDB where ASSAY_TEST_DATA has it. */
#include "data/embeddings/tfidf.h"
#include "data/resources/archive.h"
#include "data/tokenizers/encoder.h"
#include "data_set.h"

/* Without a cache: nothing of an earlier run can stand in for what is tested. */
static as_data_config everything(const char *resource) {
    setenv("ASSAY_CACHE_DIR", "/dev/null", 1);
    return (as_data_config){.resource = resource,
                            .order = -1,
                            .subset = {.n_rows = {AS_ROWS_ALL, AS_ROWS_ALL, AS_ROWS_ALL},
                                       .seed = 42,
                                       .stratified = true},
                            .validation = {.seed = 42, .stratified = true}};
}

static as_tokenizer_config words(int32_t vocab_size, int32_t max_tokens) {
    return (as_tokenizer_config){
        .kind = "words", .vocab_size = vocab_size, .min_count = 1, .max_tokens = max_tokens};
}

static int64_t reported(const as_prepared *p, const char *stage, const char *what) {
    const json_t *overlaps = json_object_get(json_object_get(p->report, "overlaps"), stage);
    const json_t *found = json_object_get(overlaps, what);
    cr_assert(json_is_integer(found), "%s/%s", stage, what);
    return json_integer_value(found);
}

static as_prepared *prepare(as_arena *arena, const as_data_config *data,
                            const as_tokenizer_config *tokenizer) {
    as_prepared *p = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_prepare(arena, data, tokenizer, NULL, &p, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return p;
}

Test(prepare, small_data_comes_out_exactly) {
    json_t *steps = json_pack("[s]", "lower");
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    scratch_path manifest =
        scratch_write(scratch.text, "mine.json", folders_manifest, strlen(folders_manifest));
    for (size_t i = 0; i < N_FOLDERS_FILES; i++)
        scratch_write(root.text, folders_files[i][0], folders_files[i][1],
                      strlen(folders_files[i][1]));
    scratch_write(root.text, "test/neg/0_1.txt", "GOOD two three", 14);
    scratch_write(root.text, "test/neg/1_1.txt", "good one", 8);
    as_arena *arena = as_arena_new();
    as_data_config data = everything(manifest.text);
    as_tokenizer_config tokenizer = words(6, 2);
    data.path = root.text;
    data.cleaning = steps;
    as_prepared *p = prepare(arena, &data, &tokenizer);
    scratch_remove(&scratch); /* nothing is read later */
    const as_split_rows *train = &p->splits[AS_SPLIT_TRAIN], *test = &p->splits[AS_SPLIT_TEST];
    cr_assert_str_eq(p->name, "mine");
    cr_assert_str_eq(p->source, root.text);
    cr_assert_str_eq(p->license, "CC0-1.0");
    cr_assert_null(p->citation);
    cr_assert_eq(p->identity, AS_IDENTITY_NOT_STATED);
    cr_assert(p->n_labels == 2 && p->n_source_rows == 8);
    cr_assert_str_eq(p->labels[1], "pos");
    cr_assert_str_eq(p->sha256.text, p->rows_sha256.text, "all rows are used");
    /* train: bad two | bad ä | good one | good two: bad 2, good 2, two 2, one 1, ä 1 */
    cr_assert_eq(as_vocabulary_size(p->vocabulary), 6);
    cr_assert_str_eq(as_vocabulary_word(p->vocabulary, 2), "bad");
    cr_assert_str_eq(as_vocabulary_word(p->vocabulary, 4), "two");
    cr_assert_str_eq(as_vocabulary_word(p->vocabulary, 5), "one");
    cr_assert(train->n_rows == 4 && train->counts[0] == 2 && train->counts[1] == 2);
    cr_assert(train->n_tokens == 8 && train->n_unknown == 1 && train->n_truncated == 0);
    cr_assert(train->rows[1].ids[0] == 2 && train->rows[1].ids[1] == AS_TOKEN_UNK);
    cr_assert_str_eq(train->rows[1].text, "bad \xc3\xa4");
    cr_assert(test->n_rows == 4 && test->n_truncated == 1 && test->n_empty == 1);
    cr_assert_eq(test->longest, 2);
    cr_assert(test->rows[0].n_ids == 2 && test->rows[0].ids[0] == 3 && test->rows[0].ids[1] == 4);
    cr_assert_str_eq(test->rows[0].text, "GOOD two three", "texts stand as in the source");
    cr_assert_eq(test->rows[0].index, 4);
    cr_assert(test->rows[3].n_ids == 1 && test->rows[3].ids[0] == AS_TOKEN_UNK);
    cr_assert_eq(reported(p, "raw", "test_in_train"), 1);
    cr_assert_eq(p->vocab_size, 6);
    cr_assert_eq(test->rows[0].n_tokens, 3, "behind the cut too");
    cr_assert(!p->from_cache && p->cache_problem, "there is no folder for it");
    cr_assert_eq(p->splits[AS_SPLIT_VALIDATION].n_rows, 0);
    int32_t ids[2];
    as_encoding encoding;
    cr_assert_eq(as_encoder_encode(p->encoder, "One GOOD!", 9, ids, &encoding, NULL), ASSAY_OK);
    cr_assert(encoding.n_ids == 2 && ids[0] == 5 && ids[1] == 3);
    as_prepared_free(p);
    json_decref(steps);
    as_arena_free(arena);
}

static const char *warning_of(const as_prepared *p, const char *part) {
    for (size_t i = 0; i < p->n_warnings; i++)
        if (strstr(p->warnings[i], part))
            return p->warnings[i];
    return NULL;
}

/* Padded: PAD behind the words of every row, weight 0; what is counted knows of none. */
static void check_padded(const as_prepared *p, const as_prepared *plain) {
    for (int s = 0; s < AS_SPLIT_COUNT; s++) {
        const as_split_rows *split = &p->splits[s], *without = &plain->splits[s];
        cr_assert(split->n_tokens == without->n_tokens && split->n_unknown == without->n_unknown);
        cr_assert(split->n_truncated == without->n_truncated && split->n_rows == without->n_rows);
        cr_assert_eq(split->n_padding, 4 * (uint64_t)split->n_rows - split->n_tokens);
        cr_assert_eq(split->longest, split->n_rows ? 4 : 0);
        for (uint32_t i = 0; i < split->n_rows; i++) {
            const as_row *row = &split->rows[i], *words_of = &without->rows[i];
            cr_assert(row->n_ids == 4 && row->n_padding == 4 - words_of->n_ids);
            cr_assert(row->label == words_of->label && row->n_tokens == words_of->n_tokens);
            for (int32_t t = 0; t < 4; t++) {
                bool real = t < words_of->n_ids;
                cr_assert_eq(row->ids[t], real ? words_of->ids[t] : AS_TOKEN_PAD);
                cr_assert_eq(row->weights[t], real ? 1 : 0);
            }
        }
    }
}

Test(prepare, padding_fills_rows_up_and_is_not_counted) {
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    scratch_path manifest =
        scratch_write(scratch.text, "mine.json", folders_manifest, strlen(folders_manifest));
    scratch_path cache = scratch_join(scratch.text, "cache");
    for (size_t i = 0; i < N_FOLDERS_FILES; i++)
        scratch_write(root.text, folders_files[i][0], folders_files[i][1],
                      strlen(folders_files[i][1]));
    as_arena *arena = as_arena_new();
    as_data_config data = everything(manifest.text);
    as_tokenizer_config tokenizer = words(50, 4);
    data.path = root.text;
    setenv("ASSAY_CACHE_DIR", cache.text, 1);
    as_prepared *plain = prepare(arena, &data, &tokenizer);
    cr_assert(!warning_of(plain, "filled up") && !json_object_get(plain->report, "padding"));
    tokenizer.padded = true;
    as_prepared *p = prepare(arena, &data, &tokenizer);
    cr_assert(p->from_cache, "padding is no part of the image");
    check_padded(p, plain);
    cr_assert(warning_of(p, "every text is filled up to 4 tokens with padding"));
    cr_assert(warning_of(p, ": 50.0 % of what it computes"), "8 words of 16");
    const json_t *told = json_object_get(p->report, "padding");
    cr_assert_eq(json_number_value(json_object_get(told, "share_of_train")), 0.5);
    int32_t ids[4] = {9, 9, 9, 9}, expected[4] = {3, 0, 0, 0};
    as_encoding encoding;
    expected[0] = as_vocabulary_id(p->vocabulary, "good", 4);
    cr_assert_eq(as_encoder_encode(p->encoder, "good", 4, ids, &encoding, NULL), ASSAY_OK);
    cr_assert_arr_eq(ids, expected, sizeof ids);
    cr_assert(encoding.n_ids == 4 && encoding.n_padding == 3 && encoding.n_tokens == 1);
    cr_assert(!encoding.truncated && !encoding.empty && encoding.n_unknown == 0);
    as_prepared_free(p);
    as_prepared_free(plain);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(prepare, padding_and_token_weights_exclude_each_other) {
    as_arena *arena = as_arena_new();
    as_prepared preset, *p = &preset;
    assay_error error = ASSAY_ERROR_INIT;
    as_data_config data = everything("synthetic");
    as_tokenizer_config tokenizer = words(100, 16);
    const as_tfidf_config tfidf = {0};
    tokenizer.padded = true;
    tokenizer.token_weights = &tfidf;
    cr_assert_eq(as_prepare(arena, &data, &tokenizer, NULL, &p, &error), ASSAY_INVALID_ARGUMENT);
    cr_assert_str_eq(error.where, "tokenizer/padding");
    cr_assert(strstr(error.text, "token_weights"), "%s", error.text);
    cr_assert_eq(p, &preset);
    as_arena_free(arena);
}

/* Blank is what has no white-space word: a no-break space alone is blank, a control character is
 * not. */
Test(prepare, blank_texts_are_those_without_a_word) {
    static const char *const texts[] = {"\xc2\xa0\xe3\x80\x80", "\xe2\x80\x83", " \t\n", "\x01",
                                        "."};
    scratch_path scratch = scratch_folder(), root = scratch_join(scratch.text, "set");
    scratch_path manifest =
        scratch_write(scratch.text, "mine.json", folders_manifest, strlen(folders_manifest));
    for (size_t i = 0; i < N_FOLDERS_FILES; i++)
        scratch_write(root.text, folders_files[i][0], folders_files[i][1],
                      strlen(folders_files[i][1]));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "train/neg/9_%zu.txt", i);
        scratch_write(root.text, name, texts[i], strlen(texts[i]));
    }
    as_arena *arena = as_arena_new();
    as_data_config data = everything(manifest.text);
    as_tokenizer_config tokenizer = words(50, 8);
    data.path = root.text;
    as_prepared *p = prepare(arena, &data, &tokenizer);
    const json_t *blank = json_object_get(p->report, "blank");
    cr_assert_eq(json_integer_value(json_object_get(blank, "train")), 3);
    cr_assert_eq(json_integer_value(json_object_get(blank, "test")), 1);
    as_prepared_free(p);
    as_arena_free(arena);
    scratch_remove(&scratch);
}

Test(prepare, errors_leave_the_result) {
    as_arena *arena = as_arena_new();
    as_prepared preset, *p = &preset;
    assay_error error = ASSAY_ERROR_INIT;
    as_data_config data = everything("imbd");
    as_tokenizer_config tokenizer = words(100, 16);
    cr_assert_eq(as_prepare(arena, &data, &tokenizer, NULL, &p, &error), ASSAY_NOT_FOUND);
    cr_assert(strstr(error.text, "\"imdb\""), "%s", error.text);
    data = everything("synthetic");
    tokenizer.vocab_size = 2;
    cr_assert_eq(as_prepare(arena, &data, &tokenizer, NULL, &p, NULL), ASSAY_INVALID_ARGUMENT);
    tokenizer.vocab_size = 100;
    tokenizer.kind = "subwords";
    cr_assert_eq(as_prepare(arena, &data, &tokenizer, NULL, &p, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(p, &preset);
    as_arena_free(arena);
}

Test(prepare, wordnet_in_ten_classes) {
    static const char *const classes[] = {
        "noun.artifact", "noun.act",       "noun.plant",     "noun.animal",    "noun.communication",
        "noun.state",    "noun.attribute", "noun.cognition", "noun.substance", "noun.group"};
    as_arena *arena = as_arena_new();
    as_data_config data = everything("wordnet-supersenses");
    as_tokenizer_config tokenizer = words(20000, 64);
    data.subset.labels = classes;
    data.subset.n_labels = 10;
    data.subset.allocation = AS_ALLOCATION_EQUAL;
    data.subset.n_rows[AS_SPLIT_TRAIN] = 8000;
    data.subset.n_rows[AS_SPLIT_VALIDATION] = 1000;
    data.subset.n_rows[AS_SPLIT_TEST] = 2000;
    as_prepared *p = prepare(arena, &data, &tokenizer);
    cr_assert_eq(p->identity, AS_IDENTITY_MATCHES);
    for (uint32_t k = 0; k < 10; k++) {
        cr_assert_eq(p->splits[AS_SPLIT_TRAIN].counts[k], 800);
        cr_assert_eq(p->splits[AS_SPLIT_VALIDATION].counts[k], 100);
        cr_assert_eq(p->splits[AS_SPLIT_TEST].counts[k], 200);
    }
    cr_assert_str_eq(p->labels[8], "noun.substance");
    cr_assert_eq(p->splits[AS_SPLIT_TRAIN].n_unknown, 0, "its words are fewer than 20,000");
    cr_assert_gt(p->splits[AS_SPLIT_TEST].n_unknown, 0, "test words are not in the vocabulary");
    as_prepared_free(p);
    as_arena_free(arena);
}

/* IMDB's archive under ASSAY_TEST_DATA; without it the test is skipped, or fails under CI. */
static scratch_path imdb_archive(void) {
    const char *root = getenv("ASSAY_TEST_DATA"), *ci = getenv("CI");
    scratch_path path = {{0}};
    if (root && *root)
        path = scratch_join(root, "imdb/aclImdb-labelled.tar.xz");
    if (path.text[0] && as_path_exists(path.text))
        return path;
    if (ci && strcmp(ci, "true") == 0)
        cr_assert_fail("ASSAY_TEST_DATA has no imdb/aclImdb-labelled.tar.xz");
    cr_skip_test("ASSAY_TEST_DATA has no imdb/aclImdb-labelled.tar.xz");
    return path;
}

/* 50,000 texts; 418 exact duplicates, 123 of them between train and test. */
Test(prepare, imdb_is_read_whole_from_its_archive, .timeout = 120) {
    scratch_path path = imdb_archive();
    as_arena *arena = as_arena_new();
    as_data_config data = everything("imdb");
    as_tokenizer_config tokenizer = words(20000, 16);
    data.path = path.text;
    as_prepared *p = prepare(arena, &data, &tokenizer);
    cr_assert_eq(p->n_source_rows, 50000);
    cr_assert_eq(p->identity, AS_IDENTITY_MATCHES, "%s", p->sha256.text);
    for (int s = AS_SPLIT_TRAIN; s <= AS_SPLIT_TEST; s += AS_SPLIT_TEST)
        cr_assert(p->splits[s].counts[0] == 12500 && p->splits[s].counts[1] == 12500);
    cr_assert_eq(reported(p, "raw", "test_in_train"), 123);
    const json_t *within = json_object_get(
        json_object_get(json_object_get(p->report, "overlaps"), "raw"), "duplicates_within");
    cr_assert_eq(json_integer_value(json_object_get(within, "train")) +
                     json_integer_value(json_object_get(within, "test")) + 123,
                 418);
    as_prepared_free(p);
    as_arena_free(arena);
}

/* Writes entries whose digits before '_' end in 7 to a folder: a tenth of IMDB. */
typedef struct extraction {
    const char *root;
    archive_builder *builder;
} extraction;

static assay_status tenth(void *context, const char *path, bool *ret_wanted, assay_error *error) {
    const char *mark = strrchr(path, '_');
    (void)context;
    (void)error;
    *ret_wanted = mark && mark[-1] == '7';
    return ASSAY_OK;
}

static assay_status extract(void *context, const char *path, const char *data, size_t n_bytes,
                            const char *where, assay_error *error) {
    extraction *e = context;
    (void)where;
    (void)error;
    scratch_write(e->root, path, data, n_bytes);
    builder_entry(e->builder, path, AE_IFREG, NULL, data, n_bytes);
    return ASSAY_OK;
}

Test(prepare, a_tenth_of_imdb_is_the_same_from_folder_and_archive, .timeout = 120) {
    scratch_path path = imdb_archive(), scratch = scratch_folder();
    scratch_path root = scratch_join(scratch.text, "unpacked"),
                 packed = scratch_join(scratch.text, "packed.tar.gz");
    archive_builder builder = builder_open(packed.text, KIND_TAR_GZ);
    extraction e = {root.text, &builder};
    const as_archive_visitor visitor = {&e, tenth, extract};
    const as_archive_limits limits = {1000000, 1 << 24, UINT64_C(1) << 32};
    cr_assert_eq(as_archive_each(path.text, &limits, &visitor, NULL), ASSAY_OK);
    builder_close(&builder);
    as_arena *arena = as_arena_new();
    as_data_config data = everything("imdb");
    as_tokenizer_config tokenizer = words(20000, 16);
    data.path = root.text;
    as_prepared *folder = prepare(arena, &data, &tokenizer);
    data.path = packed.text;
    as_prepared *archive = prepare(arena, &data, &tokenizer);
    cr_assert_gt(folder->n_source_rows, 4000);
    cr_assert_eq(folder->n_source_rows, archive->n_source_rows);
    cr_assert_str_eq(folder->sha256.text, archive->sha256.text);
    cr_assert_eq(folder->identity, AS_IDENTITY_DIFFERS, "a tenth is not IMDB");
    as_prepared_free(folder);
    as_prepared_free(archive);
    as_arena_free(arena);
    scratch_remove(&scratch);
}
