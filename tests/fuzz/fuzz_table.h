/* SPDX-License-Identifier: MIT */
/* A table format on bytes in memory: what fuzz_csv, fuzz_jsonl and fuzz_lines share. */
#ifndef FUZZ_TABLE_H
#define FUZZ_TABLE_H

#include <stdlib.h>

#include "data/readers/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Reads the bytes by `format`; takes over `reader`, the manifest's options. */
static inline void fuzz_table(const char *name, const as_table_format *format, json_t *reader,
                              size_t max_text_bytes, const uint8_t *bytes, size_t n_bytes) {
    const as_manifest manifest = {
        .file = "fuzz.json", .name = "fuzz", .kind = "dataset", .format = name, .reader = reader};
    as_arena *arena = as_arena_new();
    as_dataset data = as_dataset_init(arena, NULL, 0);
    as_stream *stream = NULL;
    assay_error error = ASSAY_ERROR_INIT;
    data.limits.text_bytes = max_text_bytes;
    assay_status status = as_stream_memory(bytes, n_bytes, "fuzz", &stream, &error);
    if (status == ASSAY_OK)
        status = as_table_read_stream(&manifest, AS_SPLIT_ALL, stream, format, &data, &error);
    for (uint32_t i = 0; i < data.n_rows; i++)
        if (data.rows[i].n_bytes > max_text_bytes || data.rows[i].label >= data.n_labels ||
            as_utf8_valid_bytes(data.rows[i].text, data.rows[i].n_bytes) != data.rows[i].n_bytes)
            abort();
    if (status == ASSAY_OK)
        status = as_dataset_finish(&data, true, "fuzz", &error);
    if ((status != ASSAY_OK) != (error.status != ASSAY_OK) ||
        (status != ASSAY_OK && !error.text[0]))
        abort();
    as_stream_close(stream);
    as_arena_free(arena);
    json_decref(reader);
}

#endif
