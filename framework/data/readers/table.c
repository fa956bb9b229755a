/* SPDX-License-Identifier: MIT */
/* The files of every split in their order (train, validation, test, all), and their rows. */
#include "data/readers/table.h"

#include <stdio.h>
#include <stdlib.h>

/* A line may hold more than the text: labels, other columns, quotes and escapes. */
enum { LINE_SLACK_BYTES = 1 << 20 };

as_where as_table_where(const as_table *table, uint64_t number) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return as_where_join(as_stream_name(table->lines.stream), ":", text);
}

assay_status as_text_append(as_text *text, const char *bytes, size_t n_bytes, size_t max_bytes,
                            const char *where, assay_error *error) {
    if (text->n_bytes > max_bytes || n_bytes > max_bytes - text->n_bytes)
        return as_fail(error, ASSAY_LIMIT, where,
                       "the text has over %zu bytes; check the row's end, or raise "
                       "limits.text_bytes in the manifest",
                       max_bytes);
    if (n_bytes + 1 > text->capacity - text->n_bytes) {
        size_t capacity = (text->n_bytes + n_bytes + 1) * 2; /* max_bytes keeps it from overflow */
        char *more = realloc(text->bytes, capacity);
        if (!more)
            return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for the text");
        text->bytes = more;
        text->capacity = capacity;
    }
    if (n_bytes)
        memcpy(text->bytes + text->n_bytes, bytes, n_bytes);
    text->n_bytes += n_bytes;
    text->bytes[text->n_bytes] = '\0';
    return ASSAY_OK;
}

assay_status as_table_add(as_table *table, uint64_t number, const char *label, size_t n_label,
                          const char *text, size_t n_text, assay_error *error) {
    char name[32];
    uint32_t index = 0;
    bool skip = false;
    as_where where = as_table_where(table, number);
    table->n_rows++;
    assay_status status = as_dataset_label(table->dataset, table->manifest, label, n_label,
                                           where.text, &index, &skip, error);
    if (status != ASSAY_OK || skip)
        return status;
    snprintf(name, sizeof name, "line %llu", (unsigned long long)number);
    return as_dataset_add(table->dataset, table->split, index, name, text, n_text, where.text,
                          error);
}

/* One file, from its first line to its last. */
static assay_status read_stream(as_table *table, as_stream *stream, const as_table_format *format,
                                assay_error *error) {
    table->lines =
        as_line_reader_init(stream, &table->decoder, table->max_text_bytes + LINE_SLACK_BYTES);
    table->n_rows = 0;
    assay_status status = format->read(table, error);
    if (status == ASSAY_OK && !table->n_rows)
        status = as_fail(error, ASSAY_BAD_DATA, as_stream_name(stream),
                         "holds no rows; expected some of the split \"%s\"",
                         as_split_name(table->split));
    as_line_reader_done(&table->lines);
    return status;
}

static assay_status read_file(as_table *table, const char *path, const char *member,
                              const as_table_format *format, assay_error *error) {
    as_stream *stream = NULL;
    assay_status status =
        as_stream_open(path, member, table->dataset->limits.total_bytes, &stream, error);
    if (status == ASSAY_OK)
        status = read_stream(table, stream, format, error);
    as_stream_close(stream);
    return status;
}

static assay_status read_split(as_table *table, const char *path, const as_table_format *format,
                               assay_error *error) {
    const as_manifest *m = table->manifest;
    const char *member = m->splits[table->split];
    json_t *labelled = (json_t *)(uintptr_t)m->split_files[table->split], *file;
    assay_status status = ASSAY_OK;
    json_object_foreach(labelled, table->label, file) {
        if (status == ASSAY_OK)
            status = read_file(table, path, json_string_value(file), format, error);
    }
    table->label = NULL;
    if (member && status == ASSAY_OK)
        status = read_file(table, path, member, format, error);
    return status;
}

static assay_status begin(const as_manifest *manifest, as_dataset *dataset, as_table *ret_table,
                          assay_error *error) {
    uint64_t max_text = dataset->limits.text_bytes;
    *ret_table = (as_table){.manifest = manifest, .dataset = dataset};
    ret_table->max_text_bytes = max_text < SIZE_MAX / 8 ? (size_t)max_text : SIZE_MAX / 8;
    return as_decoder_init(manifest->reader, manifest->file, &ret_table->decoder, error);
}

static assay_status end(as_table *table, assay_status status, assay_error *error) {
    if (status == ASSAY_OK)
        status = as_dataset_take_replaced(table->dataset, &table->decoder, error);
    as_decoder_free(&table->decoder);
    free(table->text.bytes);
    return status;
}

assay_status as_table_read(const as_manifest *manifest, const char *path,
                           const as_table_format *format, as_dataset *dataset, assay_error *error) {
    as_table table;
    assay_status status = begin(manifest, dataset, &table, error);
    if (status != ASSAY_OK)
        return status;
    for (int s = 0; s <= AS_SPLIT_COUNT && status == ASSAY_OK; s++) {
        table.split = (as_split)s;
        status = read_split(&table, path, format, error);
    }
    return end(&table, status, error);
}

assay_status as_table_read_stream(const as_manifest *manifest, as_split split, as_stream *stream,
                                  const as_table_format *format, as_dataset *dataset,
                                  assay_error *error) {
    as_table table;
    assay_status status = begin(manifest, dataset, &table, error);
    if (status != ASSAY_OK)
        return status;
    table.split = split;
    return end(&table, read_stream(&table, stream, format, error), error);
}
