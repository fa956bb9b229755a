/* SPDX-License-Identifier: MIT */
/* data/dataset.h: the labelled texts of a whole data set, in canonical order, with its digest.
 *
 * Canonical order: split (train, validation, test; or the one split `all`), then label, then name
 * by byte order. Readers of one file that has an order of its own keep that (see data/reader.h).
 * The digest is a SHA-256 over, row by row, "SPLIT\nLABEL\nBYTES\n" and the text: a folder, the
 * official archive and a repacked one have the same. */
#ifndef AS_DATA_DATASET_H
#define AS_DATA_DATASET_H

#include <sodium.h>

#include "data/data.h"

enum { AS_MAX_TEXT_BYTES = 16 << 20, AS_MAX_ROWS = 1000000 };
#define AS_MAX_TOTAL_BYTES (UINT64_C(4) << 30)

typedef struct as_dataset_row {
    const char *text; /* valid UTF-8, NUL-terminated */
    const char *name;
    size_t n_bytes;
    uint32_t label;
    as_split split;
    uint32_t position; /* in the order the source has it (the archive's) */
} as_dataset_row;

typedef struct as_dataset {
    as_arena *arena; /* owns rows and texts */
    const char *const *labels; /* grows where the manifest states none */
    uint32_t n_labels;
    uint64_t n_replaced;       /* bytes that did not fit the encoding and became U+FFFD ... */
    const char *first_replaced; /* ... and where the first stood; NULL: none */
    bool has_split[AS_SPLIT_COUNT + 1]; /* which splits the data is divided into */
    uint32_t n_rows, capacity;
    as_dataset_row *rows;
    uint64_t n_bytes;
    as_sha256_hex sha256; /* set by as_dataset_finish */
} as_dataset;

/* [cell] An empty data set; labels (n_labels >= 1) outlive it. */
as_dataset as_dataset_init(as_arena *arena, const char *const *labels, uint32_t n_labels);

/* [cell] Copies one text in. `where` names it in errors (file, or archive and entry). BAD_DATA for
 * invalid UTF-8 (with the byte's offset), LIMIT for what passes the bounds above. */
ASSAY_MUST_USE assay_status as_dataset_add(as_dataset *dataset, as_split split, uint32_t label,
                                           const char *name, const char *text, size_t n_bytes,
                                           const char *where, assay_error *error);

/* [cell] Sorts (unless the reader keeps its order), checks that every class of every split has
 * texts and no name comes twice, computes the digest. */
ASSAY_MUST_USE assay_status as_dataset_finish(as_dataset *dataset, bool keep_order,
                                              const char *source, assay_error *error);

/* The digest's steps, also used for the rows of a selection. [any] */
typedef struct as_rows_digest {
    crypto_hash_sha256_state state;
} as_rows_digest;
as_rows_digest as_rows_digest_init(void);
void as_rows_digest_add(as_rows_digest *digest, as_split split, const char *label, const char *text,
                        size_t n_bytes);
as_sha256_hex as_rows_digest_final(as_rows_digest *digest);

/* [any] Offset of the first byte that is not valid UTF-8 (surrogates and overlong forms are not),
 * or n_bytes. */
size_t as_utf8_valid_bytes(const char *text, size_t n_bytes);

#endif
