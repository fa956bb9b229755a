/* SPDX-License-Identifier: MIT */
/* data/dataset.h: the labelled texts of a whole data set, in canonical order, with its digest.
 *
 * Canonical order: split (train, validation, test; or the one split `all`), then label, then name
 * by byte order. Where the source is one file with an order of its own (as_reader.keeps_order) it
 * is split, then that order. The digest is a SHA-256 over, row by row in canonical order,
 * "SPLIT\nLABEL\nBYTES\n" and the text: a folder, the official archive and a repacked one have
 * the same, whatever order a suite asks for.
 *
 * A reader hands over what it finds, label by label as the source calls it:
 *
 *     status = as_dataset_label(dataset, manifest, "comp.graphics", where, &label, &skip, error);
 *     if (status == ASSAY_OK && !skip)
 *         status = as_dataset_add(dataset, split, label, name, text, n_bytes, where, error);
 */
#ifndef AS_DATA_DATASET_H
#define AS_DATA_DATASET_H

#include "base/sha256.h"
#include "data/data.h"
#include "data/resources/encoding.h"
#include "data/resources/manifest.h"

/* Bounds where a manifest states none (its `limits`). */
enum { AS_MAX_TEXT_BYTES = 16 << 20, AS_MAX_ROWS = 1000000, AS_MAX_LABELS = 10000 };
#define AS_MAX_TOTAL_BYTES (UINT64_C(4) << 30)

typedef struct as_dataset_row {
    const char *text; /* valid UTF-8, NUL-terminated */
    const char *name;
    size_t n_bytes;
    uint32_t label;
    as_split split;
    uint32_t position; /* in the order the source has it (the archive's) */
    uint32_t serial;   /* in the order it was added */
} as_dataset_row;

/* Told of every text as it is added, so that work on texts can begin while the others are still
 * read. The text stays where it is as long as the data set's arena. Called from the reading thread;
 * a failure ends the reading. */
typedef struct as_dataset_listener {
    void *context;
    assay_status (*added)(void *context, uint32_t serial, const char *text, size_t n_bytes,
                          assay_error *error);
} as_dataset_listener;

typedef struct as_label_names as_label_names; /* the source's labels met so far */

typedef struct as_dataset {
    as_arena *arena;           /* owns rows and texts */
    const char *const *labels; /* grows where the manifest states none */
    uint32_t n_labels;
    bool open_labels;           /* the manifest states none */
    bool unordered;             /* read from a folder: positions mean nothing */
    uint64_t n_replaced;        /* bytes that did not fit the encoding and became U+FFFD ... */
    const char *first_replaced; /* ... and where the first stood; NULL: none */
    bool has_split[AS_SPLIT_COUNT + 1]; /* which splits the data is divided into */
    uint32_t n_rows, capacity;
    as_dataset_row *rows;
    uint64_t n_bytes;
    struct {
        uint64_t rows, text_bytes, total_bytes;
    } limits;
    as_sha256_hex sha256; /* set by as_dataset_finish */
    as_label_names *names;
    const as_dataset_listener *listener; /* NULL: nobody */
} as_dataset;

/* [cell] An empty data set within the bounds above. Labels outlive it; none: they are added by
 * as_dataset_label. */
as_dataset as_dataset_init(as_arena *arena, const char *const *labels, uint32_t n_labels);

/* [cell] A label as the source has it (not NUL-terminated: [n_bytes]) -> its index in
 * dataset->labels, by way of the manifest's label_map; *ret_skip where that leaves its texts out
 * (then *ret_label is untouched). Without labels in the manifest a new one is added;
 * as_dataset_finish puts them in their order. BAD_DATA at `where` for a label the manifest does not
 * have, with the nearest one. */
ASSAY_MUST_USE assay_status as_dataset_label(as_dataset *dataset, const as_manifest *manifest,
                                             const char *label, size_t n_bytes, const char *where,
                                             uint32_t *ret_label, bool *ret_skip,
                                             assay_error *error);

/* [cell] Copies one text in. `where` names it in errors (file, or archive and entry). BAD_DATA for
 * invalid UTF-8 (with the byte's offset), LIMIT for what passes the bounds. */
ASSAY_MUST_USE assay_status as_dataset_add(as_dataset *dataset, as_split split, uint32_t label,
                                           const char *name, const char *text, size_t n_bytes,
                                           const char *where, assay_error *error);

/* [cell] Takes over what a decoder counted; call once, when reading is done. */
ASSAY_MUST_USE assay_status as_dataset_take_replaced(as_dataset *dataset, const as_decoder *decoder,
                                                     assay_error *error);

/* [cell] Puts rows in canonical order (keep_order: split, then as they were added), and labels that
 * no manifest states in theirs: by byte order, or with keep_order as they appear in train (or all),
 * then in the other splits. Checks that every class of every split has texts and no name comes
 * twice, computes the digest. */
ASSAY_MUST_USE assay_status as_dataset_finish(as_dataset *dataset, bool keep_order,
                                              const char *source, assay_error *error);

/* [any] INVALID_ARGUMENT at `where` when rows are wanted in the archive's order (AS_ORDER_ARCHIVE)
 * but were read from a folder, which has none. */
ASSAY_MUST_USE assay_status as_dataset_check_order(const as_dataset *dataset, as_order order,
                                                   const char *source, const char *where,
                                                   assay_error *error);

/* The digest's steps, also used for the rows of a selection. [any] */
typedef struct as_rows_digest {
    as_sha256 state;
} as_rows_digest;
as_rows_digest as_rows_digest_init(void);
void as_rows_digest_add(as_rows_digest *digest, as_split split, const char *label, const char *text,
                        size_t n_bytes);
as_sha256_hex as_rows_digest_final(as_rows_digest *digest);

/* [any] Offset of the first byte that is not valid UTF-8 (surrogates and overlong forms are not),
 * or n_bytes. */
size_t as_utf8_valid_bytes(const char *text, size_t n_bytes);

#endif
