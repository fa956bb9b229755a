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

assay_status as_read_folders(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error);
assay_status as_read_synthetic(const as_manifest *manifest, const char *path, as_dataset *dataset,
                               assay_error *error);
assay_status as_read_wordnet(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error);

/* [cell] Locates and reads a manifest's data set into `arena`; ret_source is where from. */
ASSAY_MUST_USE assay_status as_dataset_load(as_arena *arena, const as_manifest *manifest,
                                            const char *path, const char *data_dir,
                                            as_dataset *ret_dataset, const char **ret_source,
                                            assay_error *error);

#endif
