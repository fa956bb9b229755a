/* SPDX-License-Identifier: MIT */
/* data/splits/select.h: which rows of a data set a suite uses, and in which split.
 *
 * A split's rows come from the data set's split of that name; else from its undivided rows (`all`);
 * else from train. Draws from one source never overlap. They happen in the order test, validation,
 * train, so that asking for more training rows leaves the test rows as they are.
 *
 *     subset.draw shuffle   the first rows of a seeded shuffle of each class (stratified), or of
 *                           all rows; they stand in the data set's order, canonical or archive.
 *     subset.draw numpy     the first rows of numpy.random.default_rng(seed).permutation(n) over
 *                           the source's n rows of the classes used, in the data set's order; they
 *                           stand in the order of the permutation, also where all are asked for. A
 *                           second split from the same source takes the permutation's next rows.
 *     validation.kind       share: a seeded draw from the train rows. tail: train keeps its first
 *                           floor(n (1 - share)) rows as they stand, the others are validation, as
 *                           Keras' validation_split. none: no rows, whatever the source has. test:
 *                           the test rows themselves.
 *     folds                 train and validation rows (or the undivided ones; with subset.train so
 *                           many of them) are cut into n parts; part `index` is test, the others
 *                           are train, from which validation.share may still be taken. The source's
 *                           own test split isn't used.
 *
 * So a split's rows are in general neither ascending nor, once classes are balanced
 * (splits/balance.h), distinct. */
#ifndef AS_DATA_SPLITS_SELECT_H
#define AS_DATA_SPLITS_SELECT_H

#include "data/dataset.h"

typedef struct as_selection {
    const char *const *labels; /* [n_labels] of the rows used */
    uint32_t n_labels;
    int32_t *label_map;             /* [dataset labels] new label, or -1: class not used */
    uint32_t *rows[AS_SPLIT_COUNT]; /* rows of the data set, in the order the split has them */
    uint32_t n_rows[AS_SPLIT_COUNT];
    bool validation_is_test; /* validation.kind test: the same rows twice */
} as_selection;

/* [cell] config->order is as_order, no longer -1. INVALID_ARGUMENT when the suite asks for a class,
 * a split or a number of rows that the data does not have; the text says which and how many there
 * are. */
ASSAY_MUST_USE assay_status as_select(as_arena *arena, const as_dataset *dataset,
                                      const as_data_config *config, as_selection *ret_selection,
                                      assay_error *error);

#endif
