/* SPDX-License-Identifier: MIT */
/* WordNet's data files (wndb(5WN)): after licence lines that start with two blanks, one synset a
 * line,
 *     synset_offset lex_filenum ss_type w_cnt word lex_id ... p_cnt [ptr ...] [frames] | gloss
 * where synset_offset (8 digits) is the line's own byte offset: a file that was changed shows. The
 * text is the gloss, the label the lexicographer file, the name the offset. The reader's option
 * first_file is the lex_filenum of label 0 (lexnames(5WN): 03 noun.Tops ... 28 noun.time). The file
 * is the split `all`, in a folder or archive (WNdb-3.0.tar.gz) or by itself. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "data/readers/reader.h"
#include "data/resources/stream.h"

enum { MAX_FILE_BYTES = 64 << 20, HEAD_BYTES = 12 }; /* head: "00001740 03 " */

static bool digits(const char *text, size_t n, uint32_t *ret_value) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* One line [line, end) that starts at byte `offset` of the file. */
static assay_status read_line(const char *line, const char *end, size_t offset, int64_t first_file,
                              const char *where, as_dataset *dataset, assay_error *error) {
    uint32_t stated, file;
    char name[9];
    if (end - line < HEAD_BYTES || !digits(line, 8, &stated) || line[8] != ' ' ||
        !digits(line + 9, 2, &file) || line[11] != ' ')
        return assay_fail(error, ASSAY_BAD_DATA, where,
                          "is no synset; expected \"OFFSET FILE ...\" (8 and 2 digits)");
    if (stated != offset)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "says it stands at byte %08u but stands at %08zu: the file was changed",
                       stated, offset);
    const char *gloss = memmem(line, (size_t)(end - line), " | ", 3);
    if (!gloss)
        return assay_fail(error, ASSAY_BAD_DATA, where, "has no gloss; expected \" | \" before it");
    gloss += 3;
    while (end > gloss && (end[-1] == ' ' || end[-1] == '\r'))
        end--;
    if (file < first_file || file - first_file >= dataset->n_labels)
        return as_fail(error, ASSAY_BAD_DATA, where,
                       "lexicographer file %u has no label; the manifest's labels are %lld to %lld",
                       file, (long long)first_file, (long long)first_file + dataset->n_labels - 1);
    memcpy(name, line, 8);
    name[8] = '\0';
    return as_dataset_add(dataset, AS_SPLIT_ALL, (uint32_t)(file - first_file), name, gloss,
                          (size_t)(end - gloss), where, error);
}

assay_status as_read_wordnet(const as_manifest *manifest, const char *path, as_dataset *dataset,
                             assay_error *error) {
    assay_status status;
    int64_t first_file = 0;
    size_t n_bytes = 0, line_number = 1;
    char *text = NULL, where[sizeof error->where];
    as_stream *stream = NULL;
    status = as_json_get_integer(manifest->reader, "first_file", manifest->file, 0, 99, &first_file,
                                 error);
    if (status == ASSAY_OK)
        status =
            as_stream_open(path, manifest->splits[AS_SPLIT_ALL], MAX_FILE_BYTES, &stream, error);
    if (status == ASSAY_OK)
        status = as_stream_read_all(stream, &text, &n_bytes, error);
    if (status != ASSAY_OK)
        goto done;
    for (const char *line = text, *stop = text + n_bytes; line < stop && status == ASSAY_OK;
         line_number++) {
        const char *end = memchr(line, '\n', (size_t)(stop - line));
        snprintf(where, sizeof where, "%s:%zu", as_stream_name(stream), line_number);
        if (!end)
            status = assay_fail(error, ASSAY_BAD_DATA, where,
                                "the last line has no end: the file is cut off");
        else if (*line != ' ')
            status = read_line(line, end, (size_t)(line - text), first_file, where, dataset, error);
        line = end ? end + 1 : stop;
    }
done:
    as_stream_close(stream);
    free(text);
    return status;
}
