/* SPDX-License-Identifier: MIT */
/* assay data tokens: texts as a tokenizer divides them, one JSON object a line:
 *
 *     {"index": 0, "tokens": ["[CLS]", "the", "fox", "##es", "[SEP]"], "ids": [101, ...]}
 *
 * index is the text's row in the data set's canonical order, or the line of standard input, from 0.
 * Word-level tokenizers have no vocabulary of their own: their "ids" are null. With --offsets a
 * list "offsets" of [begin, end] in bytes of the text; special tokens stand at [0, 0]. */
#include "cli/data_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "data/readers/reader.h"
#include "data/resources/resources.h"
#include "data/tokenizers/splitter.h"
#include "data/tokenizers/wordpiece.h"

typedef struct job {
    as_arena *arena;
    const char *kind, *vocabulary, *pattern, *path, *data_dir, *split;
    size_t max_tokens; /* 0: all */
    bool offsets;
    as_splitter *splitter;
    as_wordpiece *wordpiece;
    as_wordpiece_scratch *scratch;
} job;

/* ---- printing -------------------------------------------------------------------------------- */

static void print_string(const char *text, size_t n_bytes) {
    putchar('"');
    for (size_t i = 0; i < n_bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_offsets(const uint32_t *begins, const uint32_t *ends, size_t n) {
    printf(", \"offsets\": [");
    for (size_t i = 0; i < n; i++)
        printf("%s[%u, %u]", i ? ", " : "", begins[i], ends[i]);
    putchar(']');
}

static void print_head(size_t index) {
    printf("{\"index\": %zu, \"tokens\": [", index);
}

static assay_status print_pieces(const job *j, size_t index, const char *text, size_t n_bytes,
                                 assay_error *error) {
    as_wordpiece_encoding e;
    assay_status status = as_wordpiece_encode(j->wordpiece, j->scratch, text, n_bytes,
                                              j->max_tokens, true, j->offsets, &e, error);
    if (status != ASSAY_OK)
        return status;
    print_head(index);
    for (size_t i = 0; i < e.n; i++) {
        const char *token = as_wordpiece_token(j->wordpiece, e.ids[i]);
        fputs(i ? ", " : "", stdout);
        print_string(token, strlen(token));
    }
    printf("], \"ids\": [");
    for (size_t i = 0; i < e.n; i++)
        printf("%s%d", i ? ", " : "", e.ids[i]);
    putchar(']');
    if (j->offsets)
        print_offsets(e.begins, e.ends, e.n);
    return ASSAY_OK;
}

/* Next token within --max-tokens; NULL: no more. */
static assay_status next_word(const job *j, as_split_cursor *cursor, size_t n_before,
                              const char **ret_token, size_t *ret_n_bytes, assay_error *error) {
    *ret_token = NULL;
    if (j->max_tokens && n_before == j->max_tokens)
        return ASSAY_OK;
    return as_splitter_next(j->splitter, cursor, ret_token, ret_n_bytes, error);
}

static assay_status print_words(const job *j, size_t index, const char *text, size_t n_bytes,
                                assay_error *error) {
    print_head(index);
    for (int offsets = 0; offsets <= j->offsets; offsets++) {
        as_split_cursor cursor = {text, text, text + n_bytes};
        const char *token;
        size_t n_token = 0;
        for (size_t n = 0;; n++) {
            assay_status status = next_word(j, &cursor, n, &token, &n_token, error);
            if (status != ASSAY_OK)
                return status;
            if (!token)
                break;
            fputs(n ? ", " : "", stdout);
            if (offsets)
                printf("[%zu, %zu]", (size_t)(token - text), (size_t)(token - text) + n_token);
            else
                print_string(token, n_token);
        }
        fputs(offsets ? "]" : "], \"ids\": null", stdout);
        if (!offsets && j->offsets)
            printf(", \"offsets\": [");
    }
    return ASSAY_OK;
}

static assay_status print_text(const job *j, size_t index, const char *text, size_t n_bytes,
                               assay_error *error) {
    assay_status status = j->wordpiece ? print_pieces(j, index, text, n_bytes, error)
                                       : print_words(j, index, text, n_bytes, error);
    if (status == ASSAY_OK)
        puts("}");
    return status;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static assay_status check_line(const char *line, size_t n_bytes, size_t index, assay_error *error) {
    char number[24];
    size_t n_valid = as_utf8_valid_bytes(line, n_bytes);
    if (n_valid == n_bytes)
        return ASSAY_OK;
    snprintf(number, sizeof number, "%zu", index + 1);
    return as_fail(error, ASSAY_BAD_DATA, as_where_join("standard input", ":", number).text,
                   "byte %zu of the line is not UTF-8", n_valid + 1);
}

static assay_status print_lines(const job *j, assay_error *error) {
    char *line = NULL;
    size_t capacity = 0, index = 0;
    ssize_t n;
    assay_status status = ASSAY_OK;
    while (status == ASSAY_OK && (n = getline(&line, &capacity, stdin)) >= 0) {
        size_t n_bytes = (size_t)n;
        n_bytes -= n_bytes && line[n_bytes - 1] == '\n';
        n_bytes -= n_bytes && line[n_bytes - 1] == '\r';
        status = check_line(line, n_bytes, index, error);
        if (status == ASSAY_OK)
            status = print_text(j, index++, line, n_bytes, error);
    }
    if (status == ASSAY_OK && ferror(stdin))
        status = as_fail(error, ASSAY_IO, "standard input", "cannot be read");
    free(line);
    return status;
}

static assay_status check_split(const job *j, const as_dataset *dataset, assay_error *error) {
    for (int split = 0; split <= AS_SPLIT_COUNT; split++)
        if (!j->split ||
            (strcmp(as_split_name((as_split)split), j->split) == 0 && dataset->has_split[split]))
            return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "--split", "the data set has no split \"%.40s\"",
                   j->split);
}

static assay_status print_rows(const job *j, const char *name, assay_error *error) {
    as_manifest manifest = {0};
    as_dataset dataset;
    const char *source;
    assay_status status = as_manifest_load(j->arena, name, &manifest, error);
    if (status == ASSAY_OK)
        status =
            as_dataset_load(j->arena, &manifest, j->path, j->data_dir, &dataset, &source, error);
    if (status == ASSAY_OK)
        status = check_split(j, &dataset, error);
    for (uint32_t i = 0; status == ASSAY_OK && i < dataset.n_rows; i++) {
        const as_dataset_row *row = &dataset.rows[i];
        if (!j->split || strcmp(as_split_name(row->split), j->split) == 0)
            status = print_text(j, i, row->text, row->n_bytes, error);
    }
    as_manifest_done(&manifest);
    return status;
}

/* ---- the tokenizer --------------------------------------------------------------------------- */

static assay_status load_wordpiece(job *j, assay_error *error) {
    const char *path = j->vocabulary, *member = NULL;
    if (!path)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--vocab",
                       "wordpiece wants a vocabulary: a resource, vocab.txt, tokenizer.json or a "
                       "folder with one");
    if (!(j->scratch = as_wordpiece_scratch_new()))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "data tokens", "no memory");
    if (as_path_exists(path))
        return as_wordpiece_load(j->arena, path, NULL, &j->wordpiece, error);
    assay_status status = as_resource_file(j->arena, path, "vocabulary", "vocabulary", j->data_dir,
                                           &path, &member, error);
    if (status == ASSAY_OK)
        status = as_wordpiece_load_file(j->arena, path, member, NULL, &j->wordpiece, error);
    return status;
}

static assay_status make_tokenizer(job *j, assay_error *error) {
    if (!j->kind)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--tokenizer",
                       "wants one of whitespace, words, unicode, regex, wordpiece");
    if (strcmp(j->kind, "wordpiece") == 0)
        return load_wordpiece(j, error);
    if (j->vocabulary)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--vocab", "is for wordpiece alone");
    return as_splitter_new(j->arena, j->kind, j->pattern, "--tokenizer", &j->splitter, error);
}

static assay_status parse_count(const char *text, size_t *ret_count, assay_error *error) {
    char *end;
    unsigned long value = text ? strtoul(text, &end, 10) : 0;
    if (text && (*text < '0' || *text > '9' || *end || !value || value > INT32_MAX))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--max-tokens",
                       "found \"%.40s\"; expected a number from 1 to %d", text, INT32_MAX);
    *ret_count = value;
    return ASSAY_OK;
}

assay_status as_data_tokens(as_arena *arena, int argc, char **argv, assay_error *error) {
    job j = {.arena = arena};
    as_words operands;
    const char *max_tokens = NULL;
    const as_arg args[] = {
        {"--tokenizer", AS_ARG_TEXT, &j.kind},      {"--vocab", AS_ARG_TEXT, &j.vocabulary},
        {"--pattern", AS_ARG_TEXT, &j.pattern},     {"--path", AS_ARG_TEXT, &j.path},
        {"--data-dir", AS_ARG_TEXT, &j.data_dir},   {"--split", AS_ARG_TEXT, &j.split},
        {"--max-tokens", AS_ARG_TEXT, &max_tokens}, {"--offsets", AS_ARG_FLAG, &j.offsets}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1,
                                        &operands, error);
    if (status == ASSAY_OK)
        status = parse_count(max_tokens, &j.max_tokens, error);
    if (status == ASSAY_OK)
        status = make_tokenizer(&j, error);
    if (status == ASSAY_OK)
        status = strcmp(operands.items[0], "-") == 0 ? print_lines(&j, error)
                                                     : print_rows(&j, operands.items[0], error);
    as_splitter_free(j.splitter);
    as_wordpiece_scratch_free(j.scratch);
    return status;
}
