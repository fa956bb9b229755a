/* SPDX-License-Identifier: MIT */
/* Loads the data set, cleans it where asked, has it counted, and hands what was found to the three
 * that show it. */
#include "cli/data_stats.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cell/suite.h"
#include "cli/commands.h"
#include "cli/data_stats_view.h"
#include "data/cleaning/stopwords.h"
#include "data/readers/reader.h"
#include "data/resources/resources.h"
#include "data/statistics/clean_rows.h"
#include "data/statistics/near_duplicates.h"

/* Used where it is at hand and no other is named. */
static const char usual_vocabulary[] = "bert-base-uncased-vocabulary";
static const char usual_stopwords[] = "nltk_english";

typedef struct request {
    as_words operands, tokenizers;
    const char *path, *data_dir, *vocabulary, *pattern, *clean, *threshold, *figure;
    bool near, json;
} request;

typedef struct job {
    as_arena *arena;
    request asked;
    as_manifest manifest;
    as_dataset dataset;
    as_statistics_config config;
    as_suite *suite; /* its cleaning is used; NULL: none */
    json_t *steps;   /* given on the command line; owned */
    const json_t *cleaning;
    as_cleaned_rows cleaned;
    as_data_stats_view view;
} job;

/* ---- what is asked for ----------------------------------------------------------------------- */

static assay_status parse(job *j, int argc, char **argv, assay_error *error) {
    request *r = &j->asked;
    const as_arg args[] = {{"--path", AS_ARG_TEXT, &r->path},
                           {"--data-dir", AS_ARG_TEXT, &r->data_dir},
                           {"--tokenizer", AS_ARG_LIST, &r->tokenizers},
                           {"--vocab", AS_ARG_TEXT, &r->vocabulary},
                           {"--pattern", AS_ARG_TEXT, &r->pattern},
                           {"--clean", AS_ARG_TEXT, &r->clean},
                           {"--near", AS_ARG_FLAG, &r->near},
                           {"--threshold", AS_ARG_TEXT, &r->threshold},
                           {"--figure", AS_ARG_TEXT, &r->figure},
                           {"--json", AS_ARG_FLAG, &r->json}};
    assay_status status = as_args_parse(j->arena, argc, argv, args, sizeof args / sizeof args[0], 1,
                                        1, &r->operands, error);
    if (status != ASSAY_OK)
        return status;
    j->config.near = r->near || r->threshold;
    j->config.threshold = AS_NEAR_THRESHOLD;
    if (r->threshold) {
        char *end;
        j->config.threshold = strtod(r->threshold, &end);
        if (end == r->threshold || *end ||
            !(j->config.threshold >= 0.5 && j->config.threshold <= 1))
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "--threshold",
                           "\"%.40s\" is no similarity between 0.5 and 1, as 0.8", r->threshold);
    }
    return r->figure ? as_data_stats_check_figure(r->figure, error) : ASSAY_OK;
}

/* WordPiece with the vocabulary that is named or usual. A usual one that is not at hand is no
 * error: *ret_wordpiece is then NULL and the view says why. */
static assay_status load_wordpiece(job *j, bool needed, const as_wordpiece **ret_wordpiece,
                                   assay_error *error) {
    const char *name = j->asked.vocabulary ? j->asked.vocabulary : usual_vocabulary;
    const char *path = NULL, *member = NULL;
    assay_error why = ASSAY_ERROR_INIT;
    as_wordpiece *wordpiece = NULL;
    assay_status status = as_resource_file(j->arena, name, "vocabulary", "vocabulary",
                                           j->asked.data_dir, &path, &member, &why);
    if (status == ASSAY_NOT_FOUND && !needed) {
        j->view.wordpiece_missing =
            "no WordPiece lengths: its vocabulary is not here; give --vocab FILE, "
            "or assay data fetch bert-base-uncased-vocabulary";
        return ASSAY_OK;
    }
    if (status == ASSAY_OK)
        status = as_wordpiece_load_file(j->arena, path, member, NULL, &wordpiece, &why);
    if (status != ASSAY_OK)
        return as_fail(error, status, why.where, "%s", why.text);
    j->view.wordpiece = name;
    *ret_wordpiece = wordpiece;
    return ASSAY_OK;
}

static assay_status add_tokenizer(job *j, const char *kind, bool needed, assay_error *error) {
    as_statistics_config *config = &j->config;
    as_statistics_tokenizer tokenizer = {.kind = kind};
    if (config->n_tokenizers == AS_STATISTICS_TOKENIZERS)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--tokenizer", "names more than %d",
                       AS_STATISTICS_TOKENIZERS);
    if (strcmp(kind, "regex") == 0)
        tokenizer.pattern = j->asked.pattern;
    if (strcmp(kind, "wordpiece") == 0) {
        assay_status status = load_wordpiece(j, needed, &tokenizer.wordpiece, error);
        if (status != ASSAY_OK || !tokenizer.wordpiece)
            return status;
    }
    config->tokenizers[config->n_tokenizers++] = tokenizer;
    return ASSAY_OK;
}

static assay_status choose_tokenizers(job *j, assay_error *error) {
    const request *r = &j->asked;
    assay_status status = ASSAY_OK;
    bool wordpiece = false;
    for (size_t i = 0; status == ASSAY_OK && i < r->tokenizers.n; i++) {
        status = add_tokenizer(j, r->tokenizers.items[i], true, error);
        wordpiece = wordpiece || strcmp(r->tokenizers.items[i], "wordpiece") == 0;
    }
    if (status == ASSAY_OK && r->tokenizers.n == 0)
        status = add_tokenizer(j, "words", true, error);
    if (status == ASSAY_OK && !wordpiece && (r->vocabulary || r->tokenizers.n == 0))
        status = add_tokenizer(j, "wordpiece", r->vocabulary != NULL, error);
    return status;
}

static bool in_list(const void *context, const char *word, size_t n_bytes) {
    const as_stopword_list *list = context;
    for (size_t i = 0; i < list->n_words; i++)
        if (strlen(list->words[i]) == n_bytes && strncasecmp(list->words[i], word, n_bytes) == 0)
            return true;
    return false;
}

static void choose_stopwords(job *j) {
    size_t n;
    const as_stopword_list *lists = as_stopword_lists(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(lists[i].name, usual_stopwords) == 0) {
            j->config.is_stopword = in_list;
            j->config.stopwords = &lists[i];
            j->view.stopwords = lists[i].name;
        }
}

/* --clean: a JSON list of steps, or a suite whose data.cleaning is meant. */
static assay_status find_cleaning(job *j, assay_error *error) {
    const char *clean = j->asked.clean;
    const as_suite_overrides none = {0};
    assay_status status;
    if (!clean)
        return ASSAY_OK;
    j->view.cleaning = clean;
    if (clean[strspn(clean, " \t\n")] == '[') {
        status = as_json_parse(clean, strlen(clean), "--clean", &j->steps, error);
        j->cleaning = j->steps;
        return status;
    }
    status = as_suite_load(j->arena, clean, &none, &j->suite, error);
    if (status != ASSAY_OK)
        return status;
    j->cleaning = j->suite->data.cleaning;
    if (!j->cleaning)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--clean",
                       "the suite \"%.80s\" has no data.cleaning", clean);
    return ASSAY_OK;
}

/* ---- the work -------------------------------------------------------------------------------- */

const char *as_data_identity(const as_data_stats_view *view) {
    const char *stated = view->manifest->content_sha256;
    return !stated                                           ? "not stated"
           : strcmp(stated, view->dataset->sha256.text) == 0 ? "as its manifest states"
                                                             : "NOT what its manifest states";
}

static assay_status count(job *j, const as_dataset_row *rows, const as_text_statistics **ret,
                          assay_error *error) {
    as_text_statistics *statistics = NULL;
    assay_status status = as_text_statistics_new(
        j->arena, rows, j->dataset.n_rows, j->dataset.n_labels, &j->config, &statistics, error);
    *ret = statistics;
    return status;
}

static assay_status work(job *j, assay_error *error) {
    as_data_stats_view *v = &j->view;
    assay_status status = as_dataset_load(j->arena, &j->manifest, j->asked.path, j->asked.data_dir,
                                          &j->dataset, &v->source, error);
    v->manifest = &j->manifest;
    v->dataset = &j->dataset;
    v->config = &j->config;
    if (status == ASSAY_OK)
        status = count(j, j->dataset.rows, &v->raw, error);
    if (status != ASSAY_OK || !j->cleaning)
        return status;
    status = as_clean_rows(j->dataset.rows, j->dataset.n_rows, j->cleaning, "--clean", 0,
                           &j->cleaned, error);
    v->steps = j->cleaned.counts;
    v->n_steps = j->cleaned.n_steps;
    return status == ASSAY_OK ? count(j, j->cleaned.rows, &v->cleaned, error) : status;
}

static assay_status show(job *j, assay_error *error) {
    assay_status status = ASSAY_OK;
    if (j->asked.figure)
        status = as_data_stats_draw(j->arena, &j->view, j->asked.figure, error);
    if (status == ASSAY_OK && j->asked.json)
        status = as_data_stats_print_json(&j->view, stdout, error);
    else if (status == ASSAY_OK)
        status = as_data_stats_print(j->arena, &j->view, stdout, as_terminal_width(STDOUT_FILENO),
                                     error);
    return status;
}

assay_status as_data_stats(as_arena *arena, int argc, char **argv, assay_error *error) {
    job j = {.arena = arena};
    assay_status status = parse(&j, argc, argv, error);
    if (status == ASSAY_OK)
        status = choose_tokenizers(&j, error);
    if (status == ASSAY_OK)
        status = find_cleaning(&j, error);
    if (status == ASSAY_OK)
        status = as_manifest_load(arena, j.asked.operands.items[0], &j.manifest, error);
    choose_stopwords(&j);
    if (status == ASSAY_OK)
        status = work(&j, error);
    if (status == ASSAY_OK)
        status = show(&j, error);
    as_cleaned_rows_done(&j.cleaned);
    as_suite_free(j.suite);
    json_decref(j.steps);
    as_manifest_done(&j.manifest);
    return status;
}
