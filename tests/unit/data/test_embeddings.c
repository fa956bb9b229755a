/* SPDX-License-Identifier: MIT */
/* Word vectors: files of vectors, their cache, and a model's table. Their numbers: test_decimal.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/embeddings/embeddings.h"
#include "data/embeddings/vector_text.h"
#include "data/resources/stream.h"
#include "data/tokenizers/vocabulary.h"
#include "words_data.h"

/* ---- files ------------------------------------------------------------------------------------*/

static char folder[32], cache[64], file[64];

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/test_embeddings.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(cache, sizeof cache, "%s/cache", folder);
    snprintf(file, sizeof file, "%s/vectors.txt", folder);
}

static void remove_folder(void) {
    cr_assert_eq(as_remove_folder(folder, NULL), ASSAY_OK);
}

static void write_file(const char *path, const char *text, size_t n_bytes) {
    cr_assert_eq(as_file_write(path, text, n_bytes, NULL), ASSAY_OK);
}

static as_embeddings *open_file(const char *path, const char *member) {
    as_embeddings *e = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_embeddings_open(path, member, 0, cache, &e, &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    return e;
}

static as_embeddings *open_text(const char *text) {
    write_file(file, text, strlen(text));
    return open_file(file, NULL);
}

static void vector_is(const as_embeddings *e, const char *word, float a, float b) {
    const float *v = as_embeddings_find(e, word, strlen(word));
    cr_assert_not_null(v, "%s", word);
    cr_assert(v[0] == a && v[1] == b, "%s: %g %g", word, (double)v[0], (double)v[1]);
}

TestSuite(embeddings, .init = make_folder, .fini = remove_folder);

Test(embeddings, forms_of_files) {
    static const char *const texts[] = {
        "the 0.5 -1\nof 2 3\n",
        "2 2\nthe 0.5 -1\nof 2 3\n",    /* word2vec */
        "2 2 \nthe 0.5 -1 \nof 2 3 \n", /* ... as it writes it */
        "the 0.5 -1\r\nof 2 3\r\n\r\n", /* Windows, and an empty line at the end */
        "the\t0.5\t-1\nof\t2\t3",       /* tabs, no line feed at the end */
        "the 5e-1 -1.0000\nof 2.0 +3\n \n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        as_embeddings *e = open_text(texts[i]);
        cr_assert(as_embeddings_dimensions(e) == 2 && as_embeddings_count(e) == 2, "%zu", i);
        vector_is(e, "the", 0.5, -1);
        vector_is(e, "of", 2, 3);
        cr_assert_null(as_embeddings_find(e, "th", 2));
        cr_assert_null(as_embeddings_find(e, "", 0));
        cr_assert_str_eq(as_embeddings_sha256(e), as_sha256_bytes(texts[i], strlen(texts[i])).text);
        cr_assert_null(as_embeddings_not_cached(e));
        as_embeddings_free(e);
    }
    as_embeddings_free(NULL);
}

Test(embeddings, words_may_hold_spaces_and_be_numbers) {
    as_embeddings *e = open_text("the 1 2\n. . . 3 4\nat name@domain.com 5 6\n1.5 7 8\n- 9 1\n"
                                 "\xc2\x85 2 2\n");
    cr_assert_eq(as_embeddings_count(e), 6);
    vector_is(e, ". . .", 3, 4);
    vector_is(e, "at name@domain.com", 5, 6);
    vector_is(e, "1.5", 7, 8);
    vector_is(e, "-", 9, 1);
    vector_is(e, "\xc2\x85", 2, 2);
    as_embeddings_free(e);
}

static void fails(const char *text, size_t n_bytes, assay_status status, int line,
                  const char *piece) {
    as_embeddings *e = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    char where[80];
    write_file(file, text, n_bytes);
    cr_assert_eq(as_embeddings_open(file, NULL, 0, cache, &e, &error), status, "%.40s: %s", text,
                 error.text);
    cr_assert_null(e);
    snprintf(where, sizeof where, line ? "%s:%d" : "%s", file, line);
    cr_assert_str_eq(error.where, where, "%.40s", text);
    cr_assert(strstr(error.text, piece), "\"%s\" is not in \"%s\"", piece, error.text);
}

Test(embeddings, bad_files_are_refused_with_their_line) {
    static const struct {
        const char *text;
        int line;
        const char *piece;
    } cases[] = {
        {"", 0, "the file is empty"},
        {"\n\n", 0, "the file is empty"},
        {"a 1 2\nb 1\n", 2, "has 1 numbers; expected a word and 2"},
        {"a 1 2\nb 1 2 3\n", 2, "over 2 numbers; expected a word and 2"},
        {"a 1 2\nb\n", 2, "has 0 numbers"},
        {"a 1 2\nb 1 x\n", 2, "\"x\" where number 2 of 2"},
        {"a 1 2\nb 1 nan\n", 2, "\"nan\" where number 2 of 2 should be is not a finite number"},
        {"a 1 2\nb inf 1\n", 2, "\"inf\" where number 1 of 2"},
        {"a 1 2\nb 1e39 1\n", 2, "\"1e39\" where number 1 of 2"},
        {"a 1 2\nb 0x1p3 1\n", 2, "\"0x1p3\""},
        {"a 1 2\nb 1,5 1\n", 2, "\"1,5\""},
        {"a 1 2\nb 1  2\n", 2, "\"\" where number 1 of 2"},
        {"a 1 2\n 1 2\n", 2, "has no word"},
        {"a 1 2\n\nb 1 2\n", 2, "the line is empty"},
        {"a 1 2\nb 1 2\na 3 4\n", 3, "\"a\" has a vector in line 1 already"},
        {"2 2\na 1 2\na 3 4\n", 3, "in line 2 already"},
        {"a 1 2\nb\xff 1 2\n", 2, "is not UTF-8"},
        {"a 1 2\n\xed\xa0\x80 1 2\n", 2, "is not UTF-8"},
        {"a b c\n", 1, "no numbers behind its word"},
        {"a\n", 1, "no numbers behind its word"},
        {"3 2\na 1 2\nb 3 4\n", 1, "states 3 words, the file has 2"},
        {"2 2\na 1 2 3\nb 3 4 5\n", 2, "over 2 numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fails(cases[i].text, strlen(cases[i].text), ASSAY_BAD_DATA, cases[i].line, cases[i].piece);
    fails("2 99999\n", 8, ASSAY_LIMIT, 1, "99999 dimensions; at most 16384");
    as_embeddings *e = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_embeddings_open("/nowhere/x", NULL, 0, cache, &e, &error), ASSAY_NOT_FOUND);
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_embeddings_open(folder, NULL, 0, cache, &e, &error), ASSAY_BAD_DATA);
    cr_assert_null(e);
}

Test(embeddings, long_words_and_lines_are_bounded) {
    size_t n = 3 << 20;
    char *text = malloc(n + 16);
    memset(text, 'w', n);
    memcpy(text + AS_VECTOR_MAX_WORD_BYTES, " 1 2\n", 6);
    as_embeddings *e = open_text(text);
    cr_assert_not_null(as_embeddings_find(e, text, AS_VECTOR_MAX_WORD_BYTES));
    as_embeddings_free(e);
    memset(text, 'w', n);
    memcpy(text + AS_VECTOR_MAX_WORD_BYTES + 1, " 1 2\n", 6);
    fails(text, strlen(text), ASSAY_LIMIT, 1, "at most 4096");
    memcpy(text, "a 1 2\n", 6);
    memset(text + 6, 'w', n - 6);
    fails(text, n, ASSAY_LIMIT, 2, "over 1048576 bytes");
    text[n - 1] = '\n';
    fails(text, n, ASSAY_LIMIT, 2, "over 1048576 bytes");
    free(text);
}

/* 3 MB, read in blocks of 1 MB: lines that cross them. */
Test(embeddings, lines_may_cross_blocks) {
    enum { N = 200000 };
    FILE *stream = fopen(file, "w");
    for (int i = 0; i < N; i++)
        fprintf(stream, "w%d %d 0.5\n", i, i);
    fclose(stream);
    as_embeddings *e = open_file(file, NULL);
    cr_assert_eq(as_embeddings_count(e), N);
    for (int i = 0; i < N; i++) {
        char word[16];
        snprintf(word, sizeof word, "w%d", i);
        vector_is(e, word, (float)i, 0.5);
    }
    as_embeddings_free(e);
}

Test(embeddings, another_dimension_is_refused_from_text_and_cache) {
    as_embeddings *e = open_text("a 1 2\nb 3 4\n");
    as_embeddings_free(e);
    for (int cached = 0; cached < 2; cached++) {
        assay_error error = ASSAY_ERROR_INIT;
        e = NULL;
        cr_assert_eq(as_embeddings_open(file, NULL, 3, cached ? cache : folder, &e, &error),
                     ASSAY_BAD_DATA);
        cr_assert(strstr(error.text, "have 2 dimensions; expected 3"), "%s", error.text);
        cr_assert_null(e);
    }
    cr_assert_eq(as_embeddings_open(file, NULL, 2, cache, &e, NULL), ASSAY_OK);
    as_embeddings_free(e);
}

/* ---- archives ---------------------------------------------------------------------------------*/

static void pack(const char *path, int format, int filter, const char *const *texts, size_t n) {
    struct archive *a = archive_write_new();
    cr_assert_eq(archive_write_set_format(a, format), ARCHIVE_OK);
    cr_assert_eq(archive_write_add_filter(a, filter), ARCHIVE_OK);
    cr_assert_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        struct archive_entry *entry = archive_entry_new();
        snprintf(name, sizeof name, "part%zu.txt", i);
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)strlen(texts[i]));
        cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
        archive_write_data(a, texts[i], strlen(texts[i]));
        archive_entry_free(entry);
    }
    cr_assert_eq(archive_write_free(a), ARCHIVE_OK);
}

Test(embeddings, compressed_files_and_members_of_archives) {
    static const char *const texts[] = {"the 1 2\n", "the 3 4 5\n"};
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_BZIP2,
                                  ARCHIVE_FILTER_ZSTD};
    for (size_t i = 0; i < 4; i++) {
        pack(file, ARCHIVE_FORMAT_RAW, filters[i], texts, 1);
        as_embeddings *e = open_file(file, NULL);
        vector_is(e, "the", 1, 2);
        as_embeddings_free(e);
    }
    pack(file, ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, texts, 2);
    for (int again = 0; again < 2; again++) { /* one file, two caches */
        as_embeddings *first = open_file(file, "part0.txt"), *second = open_file(file, "part1.txt");
        vector_is(first, "the", 1, 2);
        vector_is(second, "the", 3, 4);
        cr_assert_eq(as_embeddings_dimensions(second), 3);
        cr_assert_str_eq(as_embeddings_sha256(first), as_embeddings_sha256(second));
        as_embeddings_free(first);
        as_embeddings_free(second);
    }
    cr_assert_eq(truncate(file, 60), 0);
    as_embeddings *e = NULL;
    cr_assert_eq(as_embeddings_open(file, "part1.txt", 0, cache, &e, NULL), ASSAY_BAD_DATA);
    cr_assert_null(e);
}

/* ---- the cache --------------------------------------------------------------------------------*/

/* Path of the one file in cache/embeddings; how many there are. */
static size_t list_cache(char path[PATH_MAX]) {
    char below[PATH_MAX];
    size_t n = 0;
    snprintf(below, sizeof below, "%s/embeddings", cache);
    DIR *listing = opendir(below);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        if (entry->d_name[0] != '.' && ++n)
            cr_assert(snprintf(path, PATH_MAX, "%s/%s", below, entry->d_name) < PATH_MAX);
    if (listing)
        closedir(listing);
    return n;
}

Test(embeddings, the_cache_serves_copies_and_notices_changes) {
    char path[PATH_MAX], copy[96];
    static const char first[] = "the 1 2\nof 3 4\n", second[] = "the 5 6\nof 7 8\n";
    as_embeddings_free(open_text(first));
    cr_assert_eq(list_cache(path), 1);
    usleep(150000);
    for (int i = 0; i < 3; i++) { /* hashed, remembered, recalled */
        as_embeddings *e = open_file(file, NULL);
        vector_is(e, "of", 3, 4);
        as_embeddings_free(e);
    }
    snprintf(copy, sizeof copy, "%s/copy.txt", folder);
    write_file(copy, first, strlen(first));
    as_embeddings_free(open_file(copy, NULL));
    cr_assert_eq(list_cache(path), 1, "the same content elsewhere");
    FILE *stream = fopen(file, "r+"); /* in place: the same inode, the same size */
    cr_assert_eq(fwrite(second, 1, strlen(second), stream), strlen(second));
    fclose(stream);
    as_embeddings *e = open_file(file, NULL);
    vector_is(e, "of", 7, 8);
    as_embeddings_free(e);
    cr_assert_eq(list_cache(path), 2);
}

/* What stands in the cache is changed in a way; the vectors must come from the text again, and the
 * cache be whole afterwards. */
static void survives(void (*damage)(const char *path)) {
    char path[PATH_MAX];
    as_embeddings_free(open_file(file, NULL));
    cr_assert_eq(list_cache(path), 1);
    struct stat before, after;
    cr_assert_eq(stat(path, &before), 0);
    damage(path);
    as_embeddings *e = open_file(file, NULL);
    vector_is(e, "the", 1, 2);
    vector_is(e, "of", 3, 4);
    cr_assert_null(as_embeddings_not_cached(e));
    as_embeddings_free(e);
    cr_assert_eq(lstat(path, &after), 0);
    cr_assert(S_ISREG(after.st_mode) && after.st_size == before.st_size);
}

static size_t damage_at;

static void cut(const char *path) {
    cr_assert_eq(truncate(path, (off_t)damage_at), 0);
}

static void flip(const char *path) {
    int descriptor = open(path, O_RDWR);
    char byte;
    cr_assert_eq(pread(descriptor, &byte, 1, (off_t)damage_at), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(descriptor, &byte, 1, (off_t)damage_at), 1);
    close(descriptor);
}

static void lengthen(const char *path) {
    FILE *stream = fopen(path, "ab");
    fwrite("12345678", 1, 8, stream);
    fclose(stream);
}

static void replace_by_link(const char *path) {
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
}

Test(embeddings, a_damaged_cache_is_never_used) {
    char path[PATH_MAX];
    struct stat info;
    as_embeddings_free(open_text("the 1 2\nof 3 4\n"));
    cr_assert_eq(list_cache(path), 1);
    cr_assert_eq(stat(path, &info), 0);
    usleep(150000); /* from here on its hash is known without reading it */
    as_embeddings_free(open_file(file, NULL));
    for (damage_at = 0; damage_at < (size_t)info.st_size; damage_at++) {
        survives(flip);
        if (damage_at % 8 == 0)
            survives(cut);
    }
    survives(lengthen);
    survives(replace_by_link);
}

static char other_cache[PATH_MAX];

static void replace_by_other(const char *path) {
    cr_assert_eq(rename(other_cache, path), 0);
}

Test(embeddings, the_cache_of_another_source_is_never_used) {
    as_embeddings_free(open_text("the 9 9\nof 9 9\n"));
    cr_assert_eq(list_cache(other_cache), 1);
    char aside[64];
    snprintf(aside, sizeof aside, "%s/aside", folder);
    cr_assert_eq(rename(other_cache, aside), 0);
    snprintf(other_cache, sizeof other_cache, "%s", aside);
    as_embeddings_free(open_text("the 1 2\nof 3 4\n"));
    survives(replace_by_other);
}

static void write_many_words(void) {
    FILE *stream = fopen(file, "w");
    for (int i = 0; i < 5000; i++)
        fprintf(stream, "word%d %d 0.5\n", i, i);
    fclose(stream);
}

Test(embeddings, a_full_disk_costs_the_cache_not_the_run) {
    char path[PATH_MAX];
    const struct rlimit limit = {40000, 40000};
    write_many_words();
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    as_embeddings *e = open_file(file, NULL);
    cr_assert_eq(as_embeddings_count(e), 5000);
    vector_is(e, "word4999", 4999, 0.5);
    cr_assert_not_null(as_embeddings_not_cached(e));
    cr_assert(strstr(as_embeddings_not_cached(e), "too large"), "%s", as_embeddings_not_cached(e));
    as_embeddings_free(e);
    cr_assert_eq(list_cache(path), 0, "nothing half-written: %s", path);
}

Test(embeddings, a_cache_folder_that_cannot_be_made_costs_the_cache) {
    as_embeddings *e = NULL;
    write_file(file, "a 1 2\n", 6);
    cr_assert_eq(as_embeddings_open(file, NULL, 0, file, &e, NULL), ASSAY_OK); /* a file */
    vector_is(e, "a", 1, 2);
    cr_assert(strstr(as_embeddings_not_cached(e), file), "%s", as_embeddings_not_cached(e));
    as_embeddings_free(e);
}

/* ---- a model's table --------------------------------------------------------------------------*/

static as_vocabulary *vocabulary(as_arena *arena, const char *const *words, size_t n) {
    as_vocabulary *v;
    cr_assert_eq(as_vocabulary_from_words(arena, words, NULL, n, &v, NULL), ASSAY_OK);
    return v;
}

static as_embedding_table table(as_arena *arena, const as_embeddings *e, const as_vocabulary *v,
                                as_embedding_config config) {
    as_embedding_table t;
    cr_assert_eq(as_embedding_table_new(arena, e, v, &config, &t, NULL), ASSAY_OK);
    return t;
}

Test(embeddings, a_table_counts_and_measures_what_it_finds) {
    static const char *const words[] = {"b", "nowhere", "a"};
    as_arena *arena = as_arena_new();
    as_embeddings *e = open_text("a 1 2\nb 3 6\nc 50 60\n");
    as_embedding_table t =
        table(arena, e, vocabulary(arena, words, 3), (as_embedding_config){.unknown_zero = true});
    static const float expected[] = {0, 0, 0, 0, 3, 6, 0, 0, 1, 2};
    cr_assert(t.vocab_size == 5 && t.dimensions == 2 && t.n_found == 2 && t.n_missing == 1);
    cr_assert_eq(memcmp(t.values, expected, sizeof expected), 0);
    cr_assert_eq(t.mean, 3.0);
    cr_assert_float_eq(t.std, sqrt((4 + 1 + 0 + 9) / 4.0), 1e-15);
    cr_assert_str_eq(t.sha256, as_embeddings_sha256(e));
    as_embeddings_free(e);
    as_arena_free(arena);
}

Test(embeddings, a_missing_word_depends_on_seed_and_word_alone) {
    static const char *const some[] = {"x", "a", "y"}, *const others[] = {"y", "z", "b", "x"};
    as_arena *arena = as_arena_new();
    as_embeddings *e = open_text("a 1 2 3\nb 3 6 9\n");
    for (int kind = AS_MISSING_NORMAL; kind <= AS_MISSING_UNIFORM; kind++) {
        as_embedding_config config = {
            .missing = (as_missing_kind)kind, .std = 0.6, .range = 0.5, .seed = 1};
        as_embedding_table s = table(arena, e, vocabulary(arena, some, 3), config);
        as_embedding_table o = table(arena, e, vocabulary(arena, others, 4), config);
        cr_assert_eq(memcmp(s.values + 2 * 3, o.values + 5 * 3, 12), 0, "x");
        cr_assert_eq(memcmp(s.values + 4 * 3, o.values + 2 * 3, 12), 0, "y");
        cr_assert_eq(memcmp(s.values + 1 * 3, o.values + 1 * 3, 12), 0, "UNK is drawn");
        cr_assert_neq(memcmp(s.values + 2 * 3, s.values + 4 * 3, 12), 0, "x is not y");
        cr_assert(s.values[0] == 0 && s.values[1] == 0 && s.values[2] == 0 && s.values[3] != 0);
        config.seed = 2;
        o = table(arena, e, vocabulary(arena, others, 4), config);
        cr_assert_neq(memcmp(s.values + 2 * 3, o.values + 5 * 3, 12), 0, "another seed");
    }
    as_embeddings_free(e);
    as_arena_free(arena);
}

/* Moments of 4,000 missing words' numbers, each within five standard errors. */
Test(embeddings, missing_words_follow_their_rule) {
    enum { N = 4000, D = 2 };
    static char names[N][8];
    static const char *words[N + 1] = {"a"};
    as_arena *arena = as_arena_new();
    as_embeddings *e = open_text("a 1 4\nb 3 6\n");
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "w%d", i);
        words[i + 1] = names[i];
    }
    as_vocabulary *v = vocabulary(arena, words, N + 1);
    const struct {
        as_embedding_config config;
        double mean, std;
    } cases[] = {
        {{.missing = AS_MISSING_ZERO}, 0, 0},
        {{.missing = AS_MISSING_NORMAL, .mean = 1, .std = 0.6}, 1, 0.6},
        {{.missing = AS_MISSING_UNIFORM, .range = 0.25}, 0, 0.25 / sqrt(3)},
        {{.missing = AS_MISSING_MATCHED}, 2.5, 1.5},
    };
    for (size_t c = 0; c < 4; c++) {
        as_embedding_table t = table(arena, e, v, cases[c].config);
        double n = N * D, sum = 0, squares = 0;
        for (size_t i = 3 * D; i < (N + 3) * D; i++) {
            sum += (double)t.values[i];
            squares += pow((double)t.values[i] - cases[c].mean, 2);
            cr_assert(c != 2 || fabs((double)t.values[i]) <= 0.25);
        }
        cr_assert(fabs(sum / n - cases[c].mean) <= 5 * cases[c].std / sqrt(n), "case %zu", c);
        cr_assert(fabs(sqrt(squares / n) - cases[c].std) <= 5 * cases[c].std / sqrt(2 * n),
                  "case %zu", c);
    }
    as_embeddings_free(e);
    as_arena_free(arena);
}

/* ---- configuration ----------------------------------------------------------------------------*/

static assay_status configure(as_arena *arena, const char *json, as_embedding_config *config,
                              assay_error *error) {
    json_t *section = json_loads(json, 0, NULL);
    cr_assert_not_null(section, "%s", json);
    assay_status status = as_embedding_config_from_json(arena, section, "s#/e", config, error);
    json_decref(section);
    return status;
}

Test(embeddings, configuration) {
    as_arena *arena = as_arena_new();
    as_embedding_config c;
    cr_assert_eq(configure(arena, "{\"resource\": \"g\"}", &c, NULL), ASSAY_OK);
    cr_assert(c.missing == AS_MISSING_NORMAL && c.mean == 0 && c.std == 0.6 && c.unknown_zero &&
              c.seed == 42);
    cr_assert_str_eq(c.resource, "g");
    cr_assert_eq(configure(arena,
                           "{\"resource\": \"g\", \"missing\": {\"kind\": \"uniform\", \"range\": "
                           "0.1}, \"unknown\": \"missing\", \"seed\": 7}",
                           &c, NULL),
                 ASSAY_OK);
    cr_assert(c.missing == AS_MISSING_UNIFORM && c.range == 0.1 && !c.unknown_zero && c.seed == 7);
    static const char *const bad[][3] = {
        {"{}", "s#/e/resource", "is missing"},
        {"{\"resource\": \"g\", \"missing\": {\"kind\": \"normall\"}}", "s#/e/missing/kind",
         "use \"normal\""},
        {"{\"resource\": \"g\", \"unknown\": \"drawn\"}", "s#/e/unknown", "use \""},
        {"{\"resource\": \"g\", \"misssing\": 1}", "s#/e", "\"missing\""},
        {"{\"resource\": \"g\", \"missing\": {\"kind\": \"normal\", \"std\": -1}}",
         "s#/e/missing/std", "-1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        cr_assert_eq(configure(arena, bad[i][0], &c, &error), ASSAY_BAD_DATA, "%s", bad[i][0]);
        cr_assert(strncmp(error.where, bad[i][1], strlen(bad[i][1])) == 0, "%s", error.where);
        cr_assert(strstr(error.text, bad[i][2]), "%s", error.text);
    }
    as_arena_free(arena);
}

/* A resource states dimensions and words: a file with others is refused. */
static assay_status load_resource(int dimensions, int n_words, assay_error *error) {
    char manifest[64], text[512];
    as_embeddings *e = NULL;
    const as_embedding_config config = {.resource = manifest};
    snprintf(manifest, sizeof manifest, "%s/mine.json", folder);
    snprintf(text, sizeof text,
             "{\"schema_version\": 1, \"name\": \"mine\", \"kind\": \"embeddings\", \"license\": "
             "\"CC0-1.0\", \"sources\": [{\"path\": \"%s\"}], \"files\": {\"vectors\": "
             "\"vectors.txt\"}, \"dimensions\": %d, \"words\": %d}",
             folder, dimensions, n_words);
    write_file(manifest, text, strlen(text));
    assay_status status = as_embeddings_load(&config, NULL, &e, error);
    if (status == ASSAY_OK)
        vector_is(e, "a", 1, 2);
    else
        cr_assert_null(e);
    as_embeddings_free(e);
    return status;
}

Test(embeddings, load_holds_a_file_against_its_manifest) {
    assay_error errors[3] = {ASSAY_ERROR_INIT, ASSAY_ERROR_INIT, ASSAY_ERROR_INIT};
    setenv("ASSAY_CACHE_DIR", cache, 1);
    write_file(file, "a 1 2\nb 3 4\n", 12);
    as_embeddings *e;
    cr_assert_eq(as_embeddings_load(&(as_embedding_config){.resource = file}, NULL, &e, NULL),
                 ASSAY_OK);
    as_embeddings_free(e);
    cr_assert_eq(load_resource(2, 2, &errors[0]), ASSAY_OK, "%s: %s", errors[0].where,
                 errors[0].text);
    cr_assert_eq(load_resource(3, 2, &errors[1]), ASSAY_BAD_DATA);
    cr_assert(strstr(errors[1].text, "2 dimensions; expected 3"), "%s", errors[1].text);
    cr_assert_eq(load_resource(2, 3, &errors[2]), ASSAY_BAD_DATA);
    cr_assert(strstr(errors[2].text, "has 2 words; its manifest states 3"), "%s", errors[2].text);
}

/* ---- GloVe ------------------------------------------------------------------------------------*/

/* Every one of the 20,000,000 numbers of GloVe 6B 50d as strtof reads it, from text and from the
 * cache. */
Test(embeddings, glove_equals_strtof, .timeout = 240) {
    const char *root = test_data();
    char path[PATH_MAX], *text, *at;
    size_t n_bytes;
    as_stream *stream;
    as_embeddings *e[2];
    snprintf(path, sizeof path, "%s/glove/glove.6B.50d.txt.xz", root);
    cr_assert_eq(as_stream_open(path, NULL, UINT64_C(1) << 30, &stream, NULL), ASSAY_OK);
    cr_assert_eq(as_stream_read_all(stream, &text, &n_bytes, NULL), ASSAY_OK);
    as_stream_close(stream);
    e[0] = open_file(path, NULL);
    e[1] = open_file(path, NULL);
    uint32_t n_rows = 0;
    for (at = text; at < text + n_bytes; n_rows++, at++) {
        size_t n_word = strcspn(at, " ");
        const float *row[] = {as_embeddings_find(e[0], at, n_word),
                              as_embeddings_find(e[1], at, n_word)};
        cr_assert(row[0] && row[1]);
        at += n_word;
        for (int i = 0; i < 50; i++) {
            float value = strtof(at, &at);
            if (memcmp(&value, &row[0][i], 4) != 0 || memcmp(&value, &row[1][i], 4) != 0)
                cr_assert_fail("row %u, number %d", n_rows, i);
        }
        cr_assert_eq(*at, '\n');
    }
    cr_assert_eq(n_rows, 400000);
    cr_assert_eq(as_embeddings_count(e[0]), 400000);
    as_embeddings_free(e[0]);
    as_embeddings_free(e[1]);
    free(text);
}
