/* SPDX-License-Identifier: MIT */
/* assay data: what a data set holds, and exactly what a suite's cells are trained on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cell/suite.h"
#include "cli/commands.h"
#include "cli/data_fetch.h"
#include "cli/data_stats.h"
#include "cli/data_tokens.h"
#include "data/data.h"

static const char usage[] =
    "usage: assay data fetch NAME... [--from DIR|URL] [--data-dir DIR] [--retries N]\n"
    "                                [--stall SECONDS]\n"
    "       assay data stats NAME [--path FOLDER|ARCHIVE] [--data-dir DIR] [--clean SUITE|STEPS]\n"
    "                                [--tokenizer KIND,...] [--pattern REGEX] [--vocab FILE|NAME]\n"
    "                                [--near] [--threshold X] [--figure FILE] [--json]\n"
    "       assay data tokens NAME|- --tokenizer KIND [--vocab FILE|NAME] [--pattern REGEX]\n"
    "                                [--path FOLDER|ARCHIVE] [--data-dir DIR] [--split SPLIT]\n"
    "                                [--max-tokens N] [--offsets]\n"
    "       assay data rows SUITE [--entry NAME] [--set PATH=VALUE] [--data-dir DIR]\n"
    "\n"
    "fetch  brings data sets, vocabularies, weights and word vectors to the data folder: goes on\n"
    "       with what was cut off, verifies SHA-256, asks mirrors, honours http_proxy\n"
    "stats  counts per split and class, lengths in characters, words and tokens, vocabulary and\n"
    "       coverage, commonest words, duplicates; --near: near duplicates, too; --clean: the "
    "same\n"
    "       after cleaning; --figure: lengths as .svg, .pdf or .png, drawn by gnuplot\n"
    "tokens JSON Lines of a data set's texts, or of the lines of standard input, as a tokenizer\n"
    "       divides them: {\"index\", \"tokens\", \"ids\"}; KIND is whitespace, words, unicode,\n"
    "       regex or wordpiece; ids are null but for wordpiece\n"
    "rows   JSON Lines of the texts that the cells of a suite use, after selection, cleaning and\n"
    "       tokenising: {\"split\", \"index\", \"label\", \"ids\"}; of --entry, or of the first "
    "one\n"
    "\n"
    "Examples\n"
    "  assay data fetch imdb glove-6b-50d\n"
    "  assay data stats wordnet-supersenses\n"
    "  assay data stats imdb --path aclImdb_v1.tar.gz --near --figure lengths.pdf\n"
    "  assay data stats sms-spam --clean '[\"lower\", \"strip_punctuation\"]' --json\n"
    "  echo Unaffable. | assay data tokens - --tokenizer wordpiece --vocab bert-base-uncased\n"
    "  assay data rows imdb-small --set data.path=aclImdb_v1.tar.gz > rows.jsonl\n"
    "\n"
    "Exit status: 0 done, 64 usage, 65 bad data. See assay-data(1).\n";

/* ---- rows ------------------------------------------------------------------------------------ */

static assay_status find_entry(const as_suite *suite, const char *name, const as_entry **ret_entry,
                               assay_error *error) {
    const char *names[64];
    size_t n = 0;
    *ret_entry = &suite->entries[0];
    if (!name)
        return ASSAY_OK;
    for (size_t i = 0; i < suite->n_entries; i++) {
        if (n < sizeof names / sizeof names[0])
            names[n++] = suite->entries[i].name;
        if (strcmp(suite->entries[i].name, name) == 0) {
            *ret_entry = &suite->entries[i];
            return ASSAY_OK;
        }
    }
    const char *near = as_nearest_name(name, names, n);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, "--entry",
                   "the suite has no entry \"%.80s\"%s%s%s", name, near ? "; did you mean \"" : "",
                   near ? near : "", near ? "\"?" : "");
}

static void print_row(const char *split, const as_row *row) {
    printf("{\"split\": \"%s\", \"index\": %u, \"label\": %d, \"ids\": [", split, row->index,
           row->label);
    for (int32_t i = 0; i < row->n_ids; i++)
        printf("%s%d", i ? ", " : "", row->ids[i]);
    puts("]}");
}

static assay_status print_rows(as_arena *arena, int argc, char **argv, assay_error *error) {
    as_words operands, sets = {NULL, 0};
    const char *data_dir = NULL, *entry_name = NULL;
    const as_arg args[] = {{"--set", AS_ARG_MORE, &sets},
                           {"--entry", AS_ARG_TEXT, &entry_name},
                           {"--data-dir", AS_ARG_TEXT, &data_dir}};
    as_suite *suite = NULL;
    const as_entry *entry;
    as_prepared *data;
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1,
                                        &operands, error);
    if (status != ASSAY_OK)
        return status;
    const as_suite_overrides overrides = {.sets = sets.items, .n_sets = sets.n};
    status = as_suite_load(arena, operands.items[0], &overrides, &suite, error);
    if (status == ASSAY_OK)
        status = find_entry(suite, entry_name, &entry, error);
    if (status == ASSAY_OK)
        status = as_prepare(arena, &suite->data, &entry->tokenizer, data_dir, &data, error);
    for (int split = 0; status == ASSAY_OK && split < AS_SPLIT_COUNT; split++)
        for (uint32_t i = 0; i < data->splits[split].n_rows; i++)
            print_row(as_split_name((as_split)split), &data->splits[split].rows[i]);
    as_suite_free(suite);
    return status;
}

static int run(int argc, char **argv) {
    static const struct {
        const char *name;
        assay_status (*run)(as_arena *arena, int argc, char **argv, assay_error *error);
    } actions[] = {{"fetch", as_data_fetch},
                   {"stats", as_data_stats},
                   {"rows", print_rows},
                   {"tokens", as_data_tokens}};
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = ASSAY_OUT_OF_MEMORY;
    bool found = false;
    for (size_t i = 0; arena && argc > 0 && i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, argv[0]) != 0)
            continue;
        found = true;
        status = actions[i].run(arena, argc - 1, argv + 1, &error);
    }
    if (arena && !found)
        status = as_fail(&error, ASSAY_INVALID_ARGUMENT, "data",
                         "wants fetch, stats, tokens or rows; assay data --help shows examples");
    as_arena_free(arena);
    return status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
}

const as_command as_command_data = {"data", "what a data set holds, and what cells train on", usage,
                                    run};
