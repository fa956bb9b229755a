/* SPDX-License-Identifier: MIT */
/* data/reader.h: the table of formats a manifest's `reader.format` names. To add one: a file
 * read_NAME.c, a row in reader.c, its options in suites/schema/resource.schema.json. */
#ifndef AS_DATA_READER_H
#define AS_DATA_READER_H

#include "data/dataset.h"
#include "data/resources/manifest.h"

typedef struct as_reader {
    const char *format;
    bool keeps_order; /* rows stay as they come: the source is one file with an order of its own */
    bool generates;   /* makes its rows: there is no source to find */
    /* [cell] Adds every row of the source at `path` (NULL when generated) to the data set. */
    assay_status (*read)(const as_manifest *manifest, const char *path, as_dataset *dataset,
                         assay_error *error);
} as_reader;

/* [any] The row of that format, or NULL. */
const as_reader *as_reader_find(const char *format);

/* [cell] as_reader.read of each format, in a file of its own; errors name file and place in it. */
assay_status as_read_delimited(const as_manifest *manifest, const char *path, as_dataset *dataset,
                               assay_error *error);
assay_status as_read_folders(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error);
assay_status as_read_jsonl(const as_manifest *manifest, const char *path, as_dataset *dataset,
                           assay_error *error);
assay_status as_read_lines(const as_manifest *manifest, const char *path, as_dataset *dataset,
                           assay_error *error);
assay_status as_read_news(const as_manifest *manifest, const char *path, as_dataset *dataset,
                          assay_error *error);
assay_status as_read_sms(const as_manifest *manifest, const char *path, as_dataset *dataset,
                         assay_error *error);
assay_status as_read_synthetic(const as_manifest *manifest, const char *path, as_dataset *dataset,
                               assay_error *error);
assay_status as_read_wordnet(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error);

/* What a reader of labelled files makes of a text before it is added: *ret_text may be the input or
 * the filter's own memory, valid until its next call. */
typedef struct as_text_filter {
    void *context;
    assay_status (*filter)(void *context, const char *text, size_t n_bytes, const char **ret_text,
                           size_t *ret_n_bytes, assay_error *error);
} as_text_filter;

/* [cell] One text a file, SPLIT/LABEL/FILE in a folder or archive; see read_folders.c. `suffix`:
 * only files with that ending. The texts are decoded first, then filtered (filter NULL: as they
 * are). */
ASSAY_MUST_USE assay_status as_read_labelled_files(const as_manifest *manifest, const char *path,
                                                   const char *suffix, const as_text_filter *filter,
                                                   as_dataset *dataset, assay_error *error);

/* [cell] Locates and reads a manifest's data set into `arena`; ret_source is where from. */
ASSAY_MUST_USE assay_status as_dataset_load(as_arena *arena, const as_manifest *manifest,
                                            const char *path, const char *data_dir,
                                            as_dataset *ret_dataset, const char **ret_source,
                                            assay_error *error);
/* [cell] The same, telling a listener (NULL allowed) of every text while it reads. */
ASSAY_MUST_USE assay_status as_dataset_load_to(as_arena *arena, const as_manifest *manifest,
                                               const char *path, const char *data_dir,
                                               const as_dataset_listener *listener,
                                               as_dataset *ret_dataset, const char **ret_source,
                                               assay_error *error);

#endif
