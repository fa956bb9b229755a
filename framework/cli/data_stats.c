/* SPDX-License-Identifier: MIT */
/* Counts per split and class, lengths in words, exact duplicates within and between splits. Words
 * are those of the tokenizer `words`, on the text as it is. */
#include "cli/data_stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "cli/commands.h"
#include "data/readers/reader.h"
#include "data/tokenizers/splitter.h"

enum { N_SPLITS = AS_SPLIT_COUNT + 1 };

typedef struct split_stats {
    uint32_t n_rows, n_empty, n_duplicates;
    uint32_t *classes; /* [n_labels] */
    uint32_t *words;   /* [n_rows] ascending in the end */
    uint64_t n_words;
} split_stats;

typedef struct data_stats {
    as_arena *arena;
    as_manifest manifest;
    as_dataset dataset;
    const char *source;
    split_stats splits[N_SPLITS];
    uint32_t in_train[N_SPLITS]; /* rows of a split whose text also stands in train */
} data_stats;

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "data stats", "no memory");
}

static uint32_t count_words(as_splitter *splitter, const as_dataset_row *row) {
    as_split_cursor cursor = {row->text, row->text, row->text + row->n_bytes};
    const char *token = "";
    size_t n_bytes;
    uint32_t n = 0;
    while (token) {
        assay_status status = as_splitter_next(splitter, &cursor, &token, &n_bytes, NULL);
        n += status == ASSAY_OK && token;
    }
    return n;
}

static int compare_counts(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static assay_status count_rows(data_stats *d, assay_error *error) {
    as_splitter *splitter;
    assay_status status = as_splitter_new(d->arena, "words", NULL, "tokenizer", &splitter, error);
    if (status != ASSAY_OK)
        return status;
    for (int i = 0; i < N_SPLITS; i++) {
        split_stats *split = &d->splits[i];
        split->classes = as_arena_alloc_array(d->arena, d->dataset.n_labels, sizeof(uint32_t));
        split->words = as_arena_alloc_array(d->arena, d->dataset.n_rows, sizeof(uint32_t));
        if (!split->classes || !split->words)
            return no_memory(error);
    }
    for (uint32_t i = 0; i < d->dataset.n_rows; i++) {
        const as_dataset_row *row = &d->dataset.rows[i];
        split_stats *split = &d->splits[row->split];
        uint32_t words = count_words(splitter, row);
        split->words[split->n_rows++] = words;
        split->classes[row->label]++;
        split->n_words += words;
        split->n_empty += words == 0;
    }
    for (int i = 0; i < N_SPLITS; i++)
        qsort(d->splits[i].words, d->splits[i].n_rows, sizeof(uint32_t), compare_counts);
    return ASSAY_OK;
}

static int compare_texts(const void *a, const void *b) {
    const as_dataset_row *x = *(const as_dataset_row *const *)a;
    const as_dataset_row *y = *(const as_dataset_row *const *)b;
    int order = memcmp(x->text, y->text, x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes);
    return order ? order : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

/* One run of rows with the same text. */
static void count_group(data_stats *d, const as_dataset_row *const *rows, size_t n) {
    uint32_t counts[N_SPLITS] = {0};
    for (size_t i = 0; i < n; i++)
        counts[rows[i]->split]++;
    for (int s = 0; s < N_SPLITS; s++) {
        d->splits[s].n_duplicates += counts[s] > 1 ? counts[s] - 1 : 0;
        d->in_train[s] += counts[AS_SPLIT_TRAIN] ? counts[s] : 0;
    }
}

static assay_status count_duplicates(data_stats *d, assay_error *error) {
    size_t n = d->dataset.n_rows, begin = 0;
    const as_dataset_row **rows = as_arena_alloc_array(d->arena, n, sizeof *rows);
    if (!rows)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        rows[i] = &d->dataset.rows[i];
    qsort(rows, n, sizeof *rows, compare_texts);
    for (size_t i = 1; i <= n; i++)
        if (i == n || compare_texts(&rows[begin], &rows[i]) != 0) {
            count_group(d, &rows[begin], i - begin);
            begin = i;
        }
    return ASSAY_OK;
}

/* ---- output ---------------------------------------------------------------------------------- */

static double mean_words(const split_stats *split) {
    return (double)split->n_words / split->n_rows;
}

static uint32_t median_words(const split_stats *split) {
    return split->words[(split->n_rows - 1) / 2];
}

static const char *identity(const data_stats *d) {
    const char *stated = d->manifest.content_sha256;
    return !stated                                       ? "not stated"
           : strcmp(stated, d->dataset.sha256.text) == 0 ? "as its manifest states"
                                                         : "NOT what its manifest states";
}

static void print_json(const data_stats *d) {
    json_t *splits = json_object();
    for (int i = 0; i < N_SPLITS; i++) {
        const split_stats *split = &d->splits[i];
        if (split->n_rows == 0)
            continue;
        json_t *classes = json_object();
        for (uint32_t k = 0; k < d->dataset.n_labels; k++)
            json_object_set_new(classes, d->dataset.labels[k], json_integer(split->classes[k]));
        json_object_set_new(
            splits, as_split_name((as_split)i),
            json_pack("{s:I, s:o, s:{s:f, s:I, s:I}, s:I, s:I, s:I}", "rows",
                      (json_int_t)split->n_rows, "classes", classes, "words", "mean",
                      mean_words(split), "median", (json_int_t)median_words(split), "max",
                      (json_int_t)split->words[split->n_rows - 1], "empty",
                      (json_int_t)split->n_empty, "duplicates", (json_int_t)split->n_duplicates,
                      "in_train", (json_int_t)(i == AS_SPLIT_TRAIN ? 0 : d->in_train[i])));
    }
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:o}", "name", d->manifest.name, "source",
                  d->source, "sha256", d->dataset.sha256.text, "identity", identity(d), "license",
                  d->manifest.license, "rows", (json_int_t)d->dataset.n_rows, "splits", splits);
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
}

static void print_text(const data_stats *d) {
    printf("%s  %u texts, %u classes, from %s\nsha256 %s (%s)\n\n", d->manifest.name,
           d->dataset.n_rows, d->dataset.n_labels, d->source, d->dataset.sha256.text, identity(d));
    printf("%-12s %9s %11s %13s %11s %9s %11s %9s\n", "split", "texts", "words mean",
           "words median", "words max", "no words", "duplicates", "in train");
    for (int i = 0; i < N_SPLITS; i++) {
        const split_stats *split = &d->splits[i];
        if (split->n_rows)
            printf("%-12s %9u %11.1f %13u %11u %9u %11u %9u\n", as_split_name((as_split)i),
                   split->n_rows, mean_words(split), median_words(split),
                   split->words[split->n_rows - 1], split->n_empty, split->n_duplicates,
                   i == AS_SPLIT_TRAIN ? 0 : d->in_train[i]);
    }
    printf("\n%-24s", "class");
    for (int i = 0; i < N_SPLITS; i++)
        if (d->splits[i].n_rows)
            printf(" %11s", as_split_name((as_split)i));
    putchar('\n');
    for (uint32_t k = 0; k < d->dataset.n_labels; k++) {
        printf("%-24s", d->dataset.labels[k]);
        for (int i = 0; i < N_SPLITS; i++)
            if (d->splits[i].n_rows)
                printf(" %11u", d->splits[i].classes[k]);
        putchar('\n');
    }
}

assay_status as_data_stats(as_arena *arena, int argc, char **argv, assay_error *error) {
    data_stats d = {.arena = arena};
    as_words operands;
    bool json = false;
    const char *data_dir = NULL, *path = NULL;
    const as_arg args[] = {{"--path", AS_ARG_TEXT, &path},
                           {"--data-dir", AS_ARG_TEXT, &data_dir},
                           {"--json", AS_ARG_FLAG, &json}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1,
                                        &operands, error);
    if (status == ASSAY_OK)
        status = as_manifest_load(arena, operands.items[0], &d.manifest, error);
    if (status != ASSAY_OK)
        return status;
    status = as_dataset_load(arena, &d.manifest, path, data_dir, &d.dataset, &d.source, error);
    if (status == ASSAY_OK)
        status = count_rows(&d, error);
    if (status == ASSAY_OK)
        status = count_duplicates(&d, error);
    if (status == ASSAY_OK && json)
        print_json(&d);
    else if (status == ASSAY_OK)
        print_text(&d);
    as_manifest_done(&d.manifest);
    return status;
}
