/* SPDX-License-Identifier: MIT */
/* assay export RUN/CELL: a saved model in files that other programs read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cell/saved.h"
#include "cli/commands.h"
#include "train/export.h"

static const char usage[] =
    "usage: assay export RUN/CELL --format huggingface|safetensors --out DIR\n"
    "\n"
    "Writes a model that assay run trained and kept into a new folder, whole or not at all.\n"
    "\n"
    "  RUN/CELL               a run's folder and a cell in it, or an entry that has one cell.\n"
    "                         Weights are kept where the suite says so: assay run SUITE --set\n"
    "                         checkpoint.keep=true\n"
    "  --format huggingface   distilbert and bert for transformers' AutoTokenizer and\n"
    "                         AutoModelForSequenceClassification\n"
    "  --format safetensors   any graph model: parameters by name, settings, labels, vocabulary\n"
    "  --out DIR              missing or empty\n"
    "\n"
    "Examples\n"
    "  assay export runs/imdb-1/gru --format safetensors --out gru\n"
    "  assay export runs/imdb-1/distilbert --format huggingface --out distilbert\n"
    "\n"
    "Exit status: 0 done, 3 the format cannot express the model, 64 usage or no such cell, 65 bad\n"
    "data. See assay-export(1).\n";

/* transformers knows the tokenizer, but not what was done to the texts before. */
static void warn_of_cleaning(const as_saved_cell *cell, const char *format) {
    const json_t *cleaning = cell->tokenizer->cleaning;
    if (strcmp(format, "huggingface") != 0 || json_array_size(cleaning) == 0)
        return;
    char *steps = json_dumps(cleaning, 0);
    fputs("assay: warning: transformers does not know the suite's cleaning; texts must be cleaned "
          "before the tokenizer: ",
          stderr);
    as_utf8_show(stderr, steps ? steps : "");
    fputc('\n', stderr);
    free(steps);
}

static assay_status export_cell(const as_saved_cell *cell, const char *format, const char *folder,
                                assay_error *error) {
    char *tokenizer = as_path_join(cell->folder, AS_SAVED_TOKENIZER_FILE);
    if (!tokenizer)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, folder, "no memory");
    const as_export_source source = {.name = cell->name,
                                     .model_id = cell->model,
                                     .model_version = cell->model_version,
                                     .dtype = cell->dtype,
                                     .options = cell->options,
                                     .labels = cell->labels,
                                     .n_classes = cell->n_classes,
                                     .vocab_size = cell->vocab_size,
                                     .max_tokens = cell->max_tokens,
                                     .weights = cell->weights,
                                     .tokenizer = cell->tokenizer,
                                     .tokenizer_path = tokenizer};
    assay_status status = as_export(&source, format, folder, error);
    free(tokenizer);
    return status;
}

static assay_status export_model(as_arena *arena, int argc, char **argv, assay_error *error) {
    as_saved_cell *cell = NULL;
    as_words operands;
    const char *format = NULL, *folder = NULL;
    const as_arg args[] = {{"--format", AS_ARG_TEXT, &format}, {"--out", AS_ARG_TEXT, &folder}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 1, 1,
                                        &operands, error);
    if (status == ASSAY_OK && !format)
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--format",
                         "is missing; give huggingface or safetensors");
    if (status == ASSAY_OK && (!folder || !*folder))
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, "--out", "is missing; give a new folder");
    if (status == ASSAY_OK)
        status = as_saved_cell_open(arena, operands.items[0], &cell, error);
    if (status == ASSAY_OK)
        status = export_cell(cell, format, folder, error);
    if (status == ASSAY_OK) {
        as_warn_diverged(cell->diverged_after);
        warn_of_cleaning(cell, format);
        printf("%s: %s of %s, %d classes\n", folder, format, cell->name, (int)cell->n_classes);
    }
    as_saved_cell_free(cell);
    return status;
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    assay_status status = arena ? export_model(arena, argc, argv, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "export", "no memory");
    int code = status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
    as_arena_free(arena);
    return code;
}

const as_command as_command_export = {"export", "a kept model for transformers, or as safetensors",
                                      usage, run};
