/* SPDX-License-Identifier: MIT */
/* data/cache/image.h: prepared data as one file that is mapped, not read: rows, ids, texts, words,
 * and what was found on the way.
 *
 * Layout, in this machine's byte order: a header (magic, version, key, sizes, checksum), the row
 * table, ids, then strings. The checksum covers everything: an image is not synced to disk,
 * so a power failure may leave anything behind. A file that is short, long, for another key, or
 * whose checksum differs is refused, never repaired. */
#ifndef AS_DATA_CACHE_IMAGE_H
#define AS_DATA_CACHE_IMAGE_H

#include "data/data.h"

/* What an image holds beside the rows. */
typedef struct as_image_content {
    const char *name, *source, *license, *citation;
    const char *const *labels; /* [n_labels] */
    uint32_t n_labels, n_source_rows;
    as_split_rows splits[AS_SPLIT_COUNT];
    as_sha256_hex sha256, rows_sha256;
    as_identity identity;
    int32_t vocab_size;
    const char *const *words;   /* [n_words] ids 2, 3, ...; none with WordPiece */
    const uint32_t *word_bytes; /* [n_words] */
    uint32_t n_words;
    const char *report, *removals_csv; /* JSON, CSV */
    const char *const *warnings;
    uint32_t n_warnings;
} as_image_content;

/* [cell] Writes an image to a stream, from its start. Counts of splits are not stored: they are
 * counted again. */
ASSAY_MUST_USE assay_status as_image_write(FILE *stream, const char *name, const char *key,
                                           const as_image_content *content, assay_error *error);

typedef struct as_image as_image; /* a mapping */

/* [cell] Maps an image for that key (64 hex digits); arrays of the content live in `arena`, the
 * rest in the mapping. NOT_FOUND: there is none; BAD_DATA: it is not one for that key, or damaged.
 */
ASSAY_MUST_USE assay_status as_image_open(as_arena *arena, int descriptor, const char *name,
                                          const char *key, as_image **ret_image,
                                          as_image_content *ret_content, assay_error *error);
void as_image_close(as_image *image); /* NULL allowed */

#endif
