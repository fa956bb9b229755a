/* SPDX-License-Identifier: MIT */
/* data/tokenizers/split_regex.h: the "regex" splitter: every non-empty match of a PCRE2 pattern
 * (UTF, UCP), each searched from the end of the one before. */
#ifndef AS_DATA_TOKENIZERS_SPLIT_REGEX_H
#define AS_DATA_TOKENIZERS_SPLIT_REGEX_H

#include "data/tokenizers/splitter.h"

typedef struct as_regex_splitter as_regex_splitter;

/* [cell] INVALID_ARGUMENT at `where`: the pattern does not compile. */
ASSAY_MUST_USE assay_status as_regex_splitter_new(const char *pattern, const char *where,
                                                  as_regex_splitter **ret_splitter,
                                                  assay_error *error);
void as_regex_splitter_free(as_regex_splitter *splitter); /* NULL allowed */

/* [one thread per splitter] As as_splitter_next. BAD_DATA when the text is not UTF-8. */
ASSAY_MUST_USE assay_status as_regex_splitter_next(as_regex_splitter *splitter,
                                                   as_split_cursor *cursor, const char **ret_token,
                                                   size_t *ret_n_bytes, assay_error *error);

#endif
