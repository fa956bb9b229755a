/* SPDX-License-Identifier: MIT */
/* WordPiece against Hugging Face's tokenizers: tests/golden/wordpiece.json, made by
 * make_wordpiece_golden.py, which defines the digests; the vocabulary and both corpora come from
 * ASSAY_TEST_DATA. */
#include "data/tokenizers/wordpiece.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "data/resources/archive.h"
#include "data/resources/stream.h"
#include "wordpiece_fixture.h"

/* ---- digests ----------------------------------------------------------------------------------*/

typedef struct digest {
    crypto_hash_sha256_state ids, offsets;
    size_t n_texts, n_ids;
} digest;

static void start_digest(digest *d) {
    *d = (digest){0};
    crypto_hash_sha256_init(&d->ids);
    crypto_hash_sha256_init(&d->offsets);
}

static void hash_u32(crypto_hash_sha256_state *state, uint32_t value) {
    const unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                                    (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    crypto_hash_sha256_update(state, bytes, sizeof bytes);
}

/* Encodes with and without offsets, which must not change the ids. */
static as_wordpiece_encoding encode(const fixture *f, const char *text, size_t n_bytes,
                                    size_t max_tokens) {
    assay_error error = ASSAY_ERROR_INIT;
    as_wordpiece_encoding with, without;
    cr_assert_eq(as_wordpiece_encode(f->wordpiece, f->other, text, n_bytes, max_tokens, true, false,
                                     &without, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(as_wordpiece_encode(f->wordpiece, f->scratch, text, n_bytes, max_tokens, true,
                                     true, &with, &error),
                 ASSAY_OK, "%s: %s", error.where, error.text);
    cr_assert_eq(with.n, without.n);
    if (with.n)
        cr_assert_eq(memcmp(with.ids, without.ids, with.n * sizeof *with.ids), 0);
    cr_assert_null(without.begins);
    return with;
}

static void add_text(digest *d, const fixture *f, const char *text, size_t n_bytes) {
    as_wordpiece_encoding e = encode(f, text, n_bytes, 0);
    d->n_texts++;
    d->n_ids += e.n;
    for (size_t i = 0; i < e.n; i++) {
        hash_u32(&d->ids, (uint32_t)e.ids[i]);
        hash_u32(&d->offsets, e.begins[i]);
        hash_u32(&d->offsets, e.ends[i]);
    }
    hash_u32(&d->ids, UINT32_MAX);
}

static void check_hash(crypto_hash_sha256_state *state, const char *expected, const char *what) {
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof hash + 1];
    crypto_hash_sha256_final(state, hash);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    cr_assert_str_eq(hex, expected, "%s", what);
}

static void check_digest(digest *d, const json_t *expected, const char *what) {
    cr_assert_eq(d->n_texts, (size_t)json_integer_value(json_object_get(expected, "texts")),
                 "%s: %zu texts", what, d->n_texts);
    cr_assert_eq(d->n_ids, (size_t)json_integer_value(json_object_get(expected, "ids")),
                 "%s: %zu ids", what, d->n_ids);
    check_hash(&d->ids, json_string_value(json_object_get(expected, "ids_sha256")), what);
    check_hash(&d->offsets, json_string_value(json_object_get(expected, "offsets_sha256")), what);
}

/* ---- vectors ----------------------------------------------------------------------------------*/

typedef struct bytes {
    char *text;
    size_t n;
} bytes;

/* A case's text: "text" or "hex", "repeat" times. */
static bytes case_text(const json_t *one) {
    const json_t *text = json_object_get(one, "text");
    const char *hex = json_string_value(json_object_get(one, "hex"));
    size_t repeat = (size_t)json_integer_value(json_object_get(one, "repeat"));
    size_t n_unit = text ? json_string_length(text) : strlen(hex) / 2;
    repeat = repeat ? repeat : 1;
    bytes result = {malloc(n_unit * repeat + 1), n_unit * repeat};
    cr_assert_not_null(result.text);
    if (text)
        memcpy(result.text, json_string_value(text), n_unit);
    else
        cr_assert_eq(
            sodium_hex2bin((unsigned char *)result.text, n_unit, hex, 2 * n_unit, NULL, NULL, NULL),
            0);
    for (size_t i = 1; i < repeat; i++)
        memcpy(result.text + i * n_unit, result.text, n_unit);
    return result;
}

static void check_case(const fixture *f, const json_t *one, const char *name, size_t index) {
    const json_t *ids = json_object_get(one, "ids"), *offsets = json_object_get(one, "offsets");
    bytes text = case_text(one);
    if (json_object_get(one, "repeat")) {
        digest d;
        start_digest(&d);
        add_text(&d, f, text.text, text.n);
        check_digest(&d, one, name);
        free(text.text);
        return;
    }
    as_wordpiece_encoding e = encode(
        f, text.text, text.n, (size_t)json_integer_value(json_object_get(one, "max_tokens")));
    cr_assert_eq(e.n, json_array_size(ids), "%s, case %zu: %zu ids", name, index, e.n);
    for (size_t i = 0; i < e.n; i++) {
        cr_assert_eq(e.ids[i], json_integer_value(json_array_get(ids, i)),
                     "%s, case %zu: id %zu is %d", name, index, i, e.ids[i]);
        if (!offsets)
            continue;
        cr_assert_eq(e.begins[i], json_integer_value(json_array_get(offsets, 2 * i)),
                     "%s, case %zu: id %zu begins at %u", name, index, i, e.begins[i]);
        cr_assert_eq(e.ends[i], json_integer_value(json_array_get(offsets, 2 * i + 1)),
                     "%s, case %zu: id %zu ends at %u", name, index, i, e.ends[i]);
    }
    free(text.text);
}

Test(wordpiece, vectors_of_every_configuration) {
    json_t *golden = load_golden(), *configuration, *one;
    size_t i, k, n_cases = 0;
    json_array_foreach(json_object_get(golden, "configurations"), i, configuration) {
        const char *name = json_string_value(json_object_get(configuration, "name"));
        char *document = json_dumps(json_object_get(configuration, "tokenizer"), 0);
        fixture f = from_json(document);
        json_array_foreach(json_object_get(configuration, "cases"), k, one) {
            check_case(&f, one, name, k);
            n_cases++;
        }
        free(document);
        end_fixture(&f);
    }
    cr_assert_geq(n_cases, 700);
    json_decref(golden);
}

/* ---- every scalar value -----------------------------------------------------------------------*/

static size_t put_scalar(char *at, uint32_t point) {
    if (point < 0x80) {
        at[0] = (char)point;
        return 1;
    }
    size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; point >>= 6)
        at[i] = (char)(0x80 | (point & 0x3F));
    at[0] = (char)(((n == 2 ? 0xC0u : n == 3 ? 0xE0u : 0xF0u) | point) & 0xFF);
    return n;
}

static uint32_t next_scalar(uint32_t point) {
    return point == 0xD7FF ? 0xE000 : point + 1;
}

Test(wordpiece, every_scalar_value_alone_and_inside_a_word) {
    json_t *golden = load_golden(), *digests = json_object_get(golden, "digests");
    fixture f = from_test_data("vocab/bert-base-uncased-tokenizer.json.xz");
    digest alone, inside;
    start_digest(&alone);
    start_digest(&inside);
    for (uint32_t point = 0; point < 0x110000; point = next_scalar(point)) {
        char text[8] = "a";
        size_t n = put_scalar(text + 1, point);
        text[1 + n] = 'b';
        add_text(&alone, &f, text + 1, n);
        add_text(&inside, &f, text, n + 2);
    }
    check_digest(&alone, json_object_get(digests, "alone"), "alone");
    check_digest(&inside, json_object_get(digests, "inside"), "inside");
    end_fixture(&f);
    json_decref(golden);
}

/* The vocabulary that tells scalar values apart. */
static bytes scalar_vocabulary(void) {
    bytes v = {malloc(4 << 20), 0};
    cr_assert_not_null(v.text);
    v.n = (size_t)sprintf(v.text, "[UNK]\n");
    for (uint32_t point = 0x21; point < 0x2FA20;
         point = point == 0x1FFFF ? 0x2F800 : next_scalar(point)) {
        v.n += put_scalar(v.text + v.n, point);
        memcpy(v.text + v.n, "\n##", 3);
        v.n += 3;
        v.n += put_scalar(v.text + v.n, point);
        v.text[v.n++] = '\n';
    }
    return v;
}

/* All scalar values, 64 a text; inside: between a and b. */
static void add_packed(digest *d, const fixture *f, bool inside) {
    char text[64 * 8];
    uint32_t point = 0;
    while (point < 0x110000) {
        size_t n = 0;
        for (int i = 0; i < 64 && point < 0x110000; i++, point = next_scalar(point)) {
            if (i)
                text[n++] = ' ';
            if (inside)
                text[n++] = 'a';
            n += put_scalar(text + n, point);
            if (inside)
                text[n++] = 'b';
        }
        add_text(d, f, text, n);
    }
}

Test(wordpiece, every_scalar_value_told_apart) {
    static const char *const names[] = {"scalars_uncased", "scalars_cased", "scalars_accents",
                                        "scalars_together"};
    json_t *golden = load_golden();
    bytes vocabulary = scalar_vocabulary();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *rule = json_object_get(json_object_get(golden, "digests"), names[i]);
        const as_wordpiece_options options = {
            .lower_case = json_is_true(json_object_get(rule, "lower_case")),
            .split_chinese = json_is_true(json_object_get(rule, "split_chinese")),
            .strip_accents = json_is_true(json_object_get(rule, "strip_accents"))};
        fixture f = from_vocab(vocabulary.text, vocabulary.n, &options);
        digest d;
        cr_assert_not_null(rule);
        start_digest(&d);
        add_packed(&d, &f, false);
        add_packed(&d, &f, true);
        check_digest(&d, rule, names[i]);
        end_fixture(&f);
    }
    free(vocabulary.text);
    json_decref(golden);
}

/* ---- both corpora -----------------------------------------------------------------------------*/

typedef struct document {
    const char *path, *text;
    size_t n_bytes;
} document;

typedef struct collection {
    as_arena *arena;
    document *items;
    size_t n, capacity;
    bool imdb;
} collection;

static assay_status wants_text(void *context, const char *path, bool *ret_wanted,
                               assay_error *error) {
    const collection *c = context;
    (void)error;
    *ret_wanted = !c->imdb || ((strstr(path, "/train/") || strstr(path, "/test/")) &&
                               (strstr(path, "/neg/") || strstr(path, "/pos/")));
    return ASSAY_OK;
}

static assay_status take_text(void *context, const char *path, const char *data, size_t n_bytes,
                              const char *where, assay_error *error) {
    collection *c = context;
    char *text = as_arena_alloc(c->arena, 2 * n_bytes + 1), *at = text;
    (void)where;
    (void)error;
    if (c->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 1024;
        c->items = realloc(c->items, c->capacity * sizeof *c->items);
    }
    cr_assert(text && c->items);
    for (size_t i = 0; i < n_bytes; i++) { /* Latin-1 for 20 Newsgroups */
        if (c->imdb)
            *at++ = data[i];
        else
            at += put_scalar(at, (unsigned char)data[i]);
    }
    c->items[c->n++] = (document){as_arena_strdup(c->arena, path), text, (size_t)(at - text)};
    return ASSAY_OK;
}

static int compare_documents(const void *a, const void *b) {
    return strcmp(((const document *)a)->path, ((const document *)b)->path);
}

static void check_corpus(const char *archive, const char *name, bool imdb) {
    const as_archive_limits limits = {200000, 64 << 20, (uint64_t)1 << 30};
    json_t *golden = load_golden();
    fixture f = from_test_data("vocab/bert-base-uncased-vocab.txt.xz");
    collection c = {.arena = f.arena, .imdb = imdb};
    const as_archive_visitor visitor = {&c, wants_text, take_text};
    assay_error error = ASSAY_ERROR_INIT;
    char path[4096];
    digest d;
    snprintf(path, sizeof path, "%s/%s", test_data(), archive);
    cr_assert_eq(as_archive_each(path, &limits, &visitor, &error), ASSAY_OK, "%s", error.text);
    qsort(c.items, c.n, sizeof *c.items, compare_documents);
    start_digest(&d);
    for (size_t i = 0; i < c.n; i++)
        add_text(&d, &f, c.items[i].text, c.items[i].n_bytes);
    check_digest(&d, json_object_get(json_object_get(golden, "digests"), name), name);
    free(c.items);
    end_fixture(&f);
    json_decref(golden);
}

Test(wordpiece, all_texts_of_imdb) {
    check_corpus("imdb/aclImdb-labelled.tar.xz", "imdb", true);
}

Test(wordpiece, all_texts_of_20_newsgroups) {
    check_corpus("20news/20news-bydate.tar.xz", "20newsgroups", false);
}

static json_t *load_packed_json(const char *name) {
    char path[4096], *text = NULL;
    size_t n = 0;
    as_stream *stream = NULL;
    json_t *json = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    snprintf(path, sizeof path, "%s/%s", test_data(), name);
    cr_assert_eq(as_stream_open(path, NULL, 64 << 20, &stream, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_stream_read_all(stream, &text, &n, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_json_parse(text, n, name, &json, &error), ASSAY_OK, "%s", error.text);
    as_stream_close(stream);
    free(text);
    return json;
}

Test(wordpiece, the_given_questions) {
    fixture f = from_test_data("vocab/bert-base-uncased-vocab.txt.xz");
    json_t *questions = load_packed_json("vocab/wordpiece-tests/question_tokens.json.xz");
    json_t *expected = load_packed_json("vocab/wordpiece-tests/tokenized_questions.json.xz");
    cr_assert_eq(json_array_size(questions), 10570);
    for (size_t i = 0; i < json_array_size(questions); i++) {
        const json_t *text = json_object_get(json_array_get(questions, i), "original");
        const json_t *ids = json_array_get(expected, i);
        as_wordpiece_encoding e = encode(&f, json_string_value(text), json_string_length(text), 0);
        cr_assert_eq(e.n, json_array_size(ids) + 2, "question %zu", i);
        for (size_t k = 0; k + 2 < e.n; k++)
            cr_assert_eq(e.ids[k + 1], json_integer_value(json_array_get(ids, k)), "question %zu",
                         i);
    }
    json_decref(questions);
    json_decref(expected);
    end_fixture(&f);
}

/* ---- what the vectors do not say --------------------------------------------------------------*/

static const char small[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nfox\n##es\n.\n";

Test(wordpiece, cut_text_keeps_its_special_tokens_and_is_counted) {
    fixture f = from_vocab(small, strlen(small), NULL);
    as_wordpiece_encoding e = encode(&f, "the zzz foxes .", 15, 5);
    const int32_t expected[] = {2, 4, 1, 5, 3};
    cr_assert_eq(e.n, 5);
    cr_assert_eq(memcmp(e.ids, expected, sizeof expected), 0);
    cr_assert(e.truncated);
    cr_assert_eq(e.n_tokens, 5);
    cr_assert_eq(e.n_unknown, 1);
    e = encode(&f, "the zzz foxes .", 15, 7);
    cr_assert(!e.truncated);
    cr_assert_eq(e.n, 7);
    end_fixture(&f);
}

Test(wordpiece, no_room_for_special_tokens_is_refused) {
    fixture f = from_vocab(small, strlen(small), NULL);
    assay_error error = ASSAY_ERROR_INIT;
    as_wordpiece_encoding e = {.n = 77};
    cr_assert_eq(as_wordpiece_encode(f.wordpiece, f.scratch, "the", 3, 1, true, false, &e, &error),
                 ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(e.n, 77);
    cr_assert_not_null(strstr(error.text, "no room"));
    cr_assert_eq(as_wordpiece_encode(f.wordpiece, f.scratch, "the", 3, 1, false, false, &e, NULL),
                 ASSAY_OK);
    cr_assert_eq(e.n, 1);
    end_fixture(&f);
}

Test(wordpiece, offsets_of_invalid_text_are_those_of_its_own_bytes) {
    fixture f = from_vocab(small, strlen(small), NULL);
    as_wordpiece_encoding e = encode(&f, "\xFFthe \xE2\x82 fox\xC3", 11, 0);
    cr_assert_eq(e.n, 4);
    cr_assert(e.begins[1] == 1 && e.ends[1] == 4);
    cr_assert(e.begins[2] == 8 - 0 && e.ends[2] == 11);
    end_fixture(&f);
}

Test(wordpiece, scratch_serves_another_tokenizer) {
    static const char other[] = "[UNK]\nfox\nthe\n";
    fixture f = from_vocab(small, strlen(small), NULL), g = from_vocab(other, strlen(other), NULL);
    as_wordpiece_encoding e = encode(&f, "the fox", 7, 0);
    cr_assert_eq(e.ids[1], 4);
    as_wordpiece_scratch *own = g.scratch;
    g.scratch = f.scratch;
    e = encode(&g, "the fox", 7, 0);
    cr_assert(e.n == 2 && e.ids[0] == 2 && e.ids[1] == 1);
    g.scratch = own;
    end_fixture(&f);
    end_fixture(&g);
}
