/* SPDX-License-Identifier: MIT */
/* data/embeddings/vector_text.h: reads word vectors written as text: a line a word, the word, a
 * space or tab, and its numbers between spaces or tabs (GloVe's form); before them there may be a
 * line "COUNT DIMENSIONS" (word2vec's). The last `dimensions` fields are the numbers; a word may
 * itself hold spaces (glove.840B's do). Not trusted: bounded and checked. */
#ifndef AS_DATA_EMBEDDINGS_VECTOR_TEXT_H
#define AS_DATA_EMBEDDINGS_VECTOR_TEXT_H

#include <stdatomic.h>

#include "data/embeddings/vectors.h"
#include "data/resources/stream.h"

enum {
    AS_VECTOR_MAX_DIMENSIONS = 16384,
    AS_VECTOR_MAX_WORD_BYTES = 4096,
    AS_VECTOR_MAX_LINE_BYTES = 1 << 20
};

/* [cell] Reads all of `stream`; dimensions 0: as the first row has. Reading ends early, with no
 * words, once *stop is set (NULL: never). BAD_DATA or LIMIT with name and line. The caller calls
 * as_vectors_done. */
ASSAY_MUST_USE assay_status as_vector_text_read(as_stream *stream, int32_t dimensions,
                                                atomic_bool *stop, as_vectors *ret_vectors,
                                                assay_error *error);

#endif
