/* SPDX-License-Identifier: MIT */
/* cell/suite_json.h: what the files that read a suite share; it is JSON there still. Private to
 * suite*.c. */
#ifndef AS_CELL_SUITE_JSON_H
#define AS_CELL_SUITE_JSON_H

#include "cell/suite.h"

/* An entry as the suite gives it, or one point of its grid. */
typedef struct as_suite_entry_json {
    size_t place;  /* in the suite's list */
    json_t *given; /* borrowed from the suite or from `owned` */
    json_t *grid;  /* {"entry", "select", "values"}; NULL: no grid */
} as_suite_entry_json;

/* [any] The entries of a suite that has passed the schema, grids expanded (new values are kept in
 * the array `owned`). BAD_DATA at the grid for a path that no entry has, a value that the schema
 * doesn't allow there, a value given twice; LIMIT. */
ASSAY_MUST_USE assay_status as_suite_entries(as_arena *arena, const json_t *suite,
                                             const json_t *schema, const char *where, json_t *owned,
                                             as_suite_entry_json **ret_entries, size_t *ret_n,
                                             assay_error *error);

/* [any] Sets a field of one entry by its path ("training.lr"), which is followed through the
 * schema; BAD_DATA at `where` for a path that isn't there. The value itself is not checked. */
ASSAY_MUST_USE assay_status as_suite_set_in_entry(const json_t *schema, json_t *entry,
                                                  const char *path, json_t *value,
                                                  const char *where, assay_error *error);

#endif
