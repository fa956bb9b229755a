/* SPDX-License-Identifier: MIT */
/* The readers' table, and reading a whole data set through it. */
#include "data/readers/reader.h"

#include "base/error.h"

static const as_reader readers[] = {
    {"folders", false, false, as_read_folders},
    {"news", false, false, as_read_news},
    {"csv", true, false, as_read_delimited},
    {"tsv", true, false, as_read_delimited},
    {"jsonl", true, false, as_read_jsonl},
    {"lines", true, false, as_read_lines},
    {"sms", true, false, as_read_sms},
    {"wordnet", true, false, as_read_wordnet},
    {"synthetic", true, true, as_read_synthetic},
};

const as_reader *as_reader_find(const char *format) {
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (strcmp(readers[i].format, format) == 0)
            return &readers[i];
    return NULL;
}

assay_status as_dataset_load(as_arena *arena, const as_manifest *manifest, const char *path,
                             const char *data_dir, as_dataset *ret_dataset, const char **ret_source,
                             assay_error *error) {
    return as_dataset_load_to(arena, manifest, path, data_dir, NULL, ret_dataset, ret_source,
                              error);
}

assay_status as_dataset_load_to(as_arena *arena, const as_manifest *manifest, const char *path,
                                const char *data_dir, const as_dataset_listener *listener,
                                as_dataset *ret_dataset, const char **ret_source,
                                assay_error *error) {
    const as_reader *reader = manifest->format ? as_reader_find(manifest->format) : NULL;
    as_dataset dataset = as_dataset_init(arena, manifest->labels, manifest->n_labels);
    const char *source = NULL;
    assay_status status;
    dataset.listener = listener;
    if (manifest->limits.entries)
        dataset.limits.rows = manifest->limits.entries;
    if (manifest->limits.text_bytes)
        dataset.limits.text_bytes = manifest->limits.text_bytes;
    if (manifest->limits.total_bytes)
        dataset.limits.total_bytes = manifest->limits.total_bytes;
    if (!manifest->format)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, manifest->name,
                       "is a resource of kind %s; a data set is needed", manifest->kind);
    if (!reader)
        return as_fail(error, ASSAY_INTERNAL, manifest->file,
                       "the schema allows the format \"%s\", but it has no reader",
                       manifest->format);
    if (reader->generates && path)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, manifest->name,
                       "is generated, so data.path has no meaning; remove it");
    for (int s = 0; s <= AS_SPLIT_COUNT; s++) /* a split without a single text must show */
        dataset.has_split[s] = manifest->splits[s] || manifest->split_files[s];
    if (!reader->generates) {
        status = as_manifest_locate(arena, manifest, path, data_dir, &source, error);
        if (status != ASSAY_OK)
            return status;
    }
    if ((status = reader->read(manifest, source, &dataset, error)) != ASSAY_OK)
        return status;
    if (!source)
        source = "generated";
    status = as_dataset_finish(&dataset, reader->keeps_order, source, error);
    if (status != ASSAY_OK)
        return status;
    *ret_dataset = dataset;
    *ret_source = source;
    return ASSAY_OK;
}
