/* SPDX-License-Identifier: MIT */
/* data/embeddings/vector_cache.h: word vectors as one file that is mapped, not read.
 *
 * Layout, in this machine's byte order: a header of 256 bytes (magic, version, what the vectors are
 * of, counts, checksum), values, ends, slots, words (see as_vectors), each from a multiple of 8. A
 * file that is short, long, of something else, or whose checksum differs is never used. */
#ifndef AS_DATA_EMBEDDINGS_VECTOR_CACHE_H
#define AS_DATA_EMBEDDINGS_VECTOR_CACHE_H

#include "base/file.h"
#include "data/embeddings/vectors.h"

/* What the vectors are of: the source file's SHA-256, and that of the member's name in it ("" where
 * the source is no archive). */
typedef struct as_vector_key {
    as_sha256_hex source, member;
} as_vector_key;

typedef struct as_vector_map {
    void *bytes; /* NULL: nothing is mapped */
    size_t n_bytes;
} as_vector_map;

/* A file being written: what it holds first, then what it is of, which the source's hash tells
 * while this goes on. */
typedef struct as_vector_writer {
    as_file_writer file;
    const as_vectors *vectors;
    uint64_t checksum; /* of the parts */
} as_vector_writer;

/* [cell] Writes the vectors, which outlive the writer, to a temporary file in `folder`. */
ASSAY_MUST_USE assay_status as_vector_cache_begin(const char *folder, const as_vectors *vectors,
                                                  as_vector_writer *ret_writer, assay_error *error);
/* [cell] Makes it the file `file` in that folder, wholly or not at all; the writer is empty
 * afterwards, whatever the status. */
ASSAY_MUST_USE assay_status as_vector_cache_commit(as_vector_writer *writer, const char *file,
                                                   const as_vector_key *key, assay_error *error);
void as_vector_cache_abandon(as_vector_writer *writer); /* an empty one is allowed */

/* [cell] Maps a file and checks all of it. NOT_FOUND: there is none. BAD_DATA: it is none for that
 * key, or damaged. */
ASSAY_MUST_USE assay_status as_vector_cache_open(const char *file, const as_vector_key *key,
                                                 as_vector_map *ret_map, as_vectors *ret_vectors,
                                                 assay_error *error);
void as_vector_cache_close(as_vector_map *map); /* an empty one is allowed */

#endif
