/* SPDX-License-Identifier: MIT */
/* data/cache/store.h: where images of prepared data are kept, under what key, and for how long.
 *
 * CACHE/prepared/KEY is an image; KEY is a SHA-256 over everything its content depends on: the data
 * set's content, the settings, the program (its file's size and time, so that another build never
 * takes this one's). CACHE/sources/ remembers the content digest of archives by path, size, inode
 * and times, so that an unchanged archive needs not be read to know its content. The images last
 * used are kept up to ASSAY_CACHE_BYTES (default 4 GiB). */
#ifndef AS_DATA_CACHE_STORE_H
#define AS_DATA_CACHE_STORE_H

#include "data/cache/image.h"

/* [any] The key of a JSON document: SHA-256 of its compact form with sorted keys, and of this
 * program. Takes `parts` over. */
ASSAY_MUST_USE assay_status as_cache_key(json_t *parts, as_sha256_hex *ret_key, assay_error *error);

/* [cell] The image for that key. NOT_FOUND: none, or none that is whole (it is removed). */
ASSAY_MUST_USE assay_status as_cache_open(as_arena *arena, const char *folder, const char *key,
                                          as_image **ret_image, as_image_content *ret_content,
                                          assay_error *error);

/* [cell] Stores an image and maps it. Without a folder (NULL), or where it cannot be written (a
 * full disk), the image is kept in memory instead and *ret_why_not says why ("" otherwise). */
ASSAY_MUST_USE assay_status as_cache_store(as_arena *arena, const char *folder, const char *key,
                                           const as_image_content *content, as_image **ret_image,
                                           as_image_content *ret_content, char ret_why_not[200],
                                           assay_error *error);

/* [cell] Other files than images, of any content, kept beside them under a key of 64 hex digits and
 * for as long. Who reads one checks it, and drops it when it is not whole. NOT_FOUND: there is
 * none. The stream is read from its start. */
ASSAY_MUST_USE assay_status as_cache_file_open(const char *folder, const char *key,
                                               FILE **ret_stream, assay_error *error);
void as_cache_file_drop(const char *folder, const char *key);
/* [cell] A file to be written; commit it with as_cache_file_commit or abandon it. */
ASSAY_MUST_USE assay_status as_cache_file_begin(const char *folder, const char *key,
                                                as_file_writer *ret_writer, assay_error *error);
/* [cell] The writer is empty afterwards, whatever the status. */
ASSAY_MUST_USE assay_status as_cache_file_commit(const char *folder, const char *key,
                                                 as_file_writer *writer, assay_error *error);

/* What is remembered of a source file for one way of reading it. */
typedef struct as_source_memo {
    as_sha256_hex content, order; /* of the texts in canonical order; of their archive order */
} as_source_memo;

/* [cell] false: nothing is known of it, or it has changed. `reading` is a digest of the manifest.
 */
bool as_cache_recall(as_arena *arena, const char *folder, const char *path, const char *reading,
                     as_source_memo *ret_memo);
/* [cell] Best effort: a memo that cannot be written is only missed. */
void as_cache_remember(as_arena *arena, const char *folder, const char *path, const char *reading,
                       const as_source_memo *memo);

#endif
