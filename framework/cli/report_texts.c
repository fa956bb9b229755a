/* SPDX-License-Identifier: MIT */
/* A row of predictions.csv names its text by the row's index in the whole data set's canonical
 * order (data/data.h), whatever was selected from it and however it was cleaned: so the data set is
 * read as `assay run` read it, held against the digest in the record, and asked by index. No
 * selection, cleaning or tokenizer is repeated; the texts stand there as in the source. */
#include "cli/report_texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "data/readers/reader.h"

typedef struct opened {
    as_dataset dataset;
    struct opened *next;
} opened;

struct as_report_texts {
    as_arena *arena;
    const char *path, *data_dir;
    opened *first;
};

as_report_texts *as_report_texts_new(as_arena *arena, const char *path, const char *data_dir) {
    as_report_texts *texts = as_arena_alloc(arena, sizeof *texts);
    if (texts)
        *texts = (as_report_texts){arena, path, data_dir, NULL};
    return texts;
}

static const opened *find_opened(const as_report_texts *texts, const as_record *record) {
    const char *digest = record->dataset.sha256;
    for (const opened *o = texts->first; digest && o; o = o->next)
        if (strcmp(o->dataset.sha256.text, digest) == 0)
            return o;
    return NULL;
}

static assay_status no_memory(const as_run *run, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, run->folder, "no memory for its texts");
}

/* The suite's data as run.json has it, not as an anonymous report does. */
static assay_status read_config(as_report_texts *texts, const as_run *run, json_t **ret_json,
                                as_data_config *ret_config, assay_error *error) {
    char *path = as_path_join(run->folder, "run.json"), *where = NULL;
    if (!path || asprintf(&where, "%s#/suite/data", path) < 0) {
        free(path);
        return no_memory(run, error);
    }
    assay_status status = as_json_load(path, ret_json, error);
    if (status == ASSAY_OK)
        status = as_data_config_from_json(
            texts->arena, json_object_get(json_object_get(*ret_json, "suite"), "data"), where,
            ret_config, error);
    free(where);
    free(path);
    return status;
}

static assay_status load(as_report_texts *texts, const as_data_config *config,
                         const as_record *record, assay_error *error) {
    as_manifest manifest = {0};
    const char *source = NULL, *path = texts->path ? texts->path : config->path;
    assay_error why = ASSAY_ERROR_INIT;
    opened *o = as_arena_alloc(texts->arena, sizeof *o);
    if (!o)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "--texts", "no memory for the data set");
    assay_status status = as_manifest_load(texts->arena, config->resource, &manifest, &why);
    if (status == ASSAY_OK)
        status = as_dataset_load(texts->arena, &manifest, path, texts->data_dir, &o->dataset,
                                 &source, &why);
    as_manifest_done(&manifest);
    if (status != ASSAY_OK)
        return as_fail(error, status, why.where,
                       "%s\ndo     --texts full shows the data set's own texts: give its place, "
                       "--path FOLDER|ARCHIVE, or leave --texts full out",
                       why.text);
    if (strcmp(o->dataset.sha256.text, record->dataset.sha256) != 0)
        return as_fail(error, ASSAY_BAD_DATA, source,
                       "is not the data that %s was tested on: its content's SHA-256 is %s, the "
                       "record's %s\ndo     give that data, --path FOLDER|ARCHIVE, or leave "
                       "--texts full out",
                       record->cell, o->dataset.sha256.text, record->dataset.sha256);
    o->next = texts->first;
    texts->first = o;
    return ASSAY_OK;
}

static assay_status open_texts(void *context, const as_run *run, assay_error *error) {
    as_report_texts *texts = context;
    as_data_config config;
    json_t *json = NULL;
    assay_status status = read_config(texts, run, &json, &config, error);
    for (size_t i = 0; i < run->n_cells && status == ASSAY_OK; i++) {
        const as_record *record = run->cells[i];
        if (record->n_predictions && record->dataset.sha256 && !find_opened(texts, record))
            status = load(texts, &config, record, error);
    }
    json_decref(json);
    return status;
}

static const char *find_text(void *context, const as_record *record, int64_t index) {
    const opened *o = find_opened(context, record);
    return o && index >= 0 && index < (int64_t)o->dataset.n_rows ? o->dataset.rows[index].text
                                                                 : NULL;
}

void as_report_texts_use(as_report_texts *texts, as_report_options *options) {
    options->open_texts = open_texts;
    options->find_text = find_text;
    options->find_context = texts;
}
