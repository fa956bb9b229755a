/* SPDX-License-Identifier: MIT */
/* data/splits/folds.h: a list of rows cut into parts for cross-validation. */
#ifndef AS_DATA_SPLITS_FOLDS_H
#define AS_DATA_SPLITS_FOLDS_H

#include "data/splits/draw.h"

/* [cell] Part, 0 to n_folds - 1, of each of n_rows rows. Every row has one part; sizes of parts
 * differ by at most 1, and with classes (NULL: not stratified) so do the numbers of each class.
 * INVALID_ARGUMENT at `where` when a part would have no rows, or none of a class. */
ASSAY_MUST_USE assay_status as_folds_cut(as_arena *arena, uint32_t n_rows,
                                         const as_classes *classes, uint32_t n_folds, uint64_t seed,
                                         const char *where, uint32_t **ret_fold_of,
                                         assay_error *error);

#endif
