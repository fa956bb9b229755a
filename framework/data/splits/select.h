/* SPDX-License-Identifier: MIT */
/* data/select.h: which rows of a data set a suite uses, and in which split.
 *
 * A split's rows come from the data set's split of that name; else from its undivided rows (`all`);
 * else from train. Draws from one source never overlap. They happen in the order test, validation,
 * train, so that asking for more training rows leaves the test rows as they are. A draw takes the
 * first rows of a seeded shuffle of each class (stratified), or of all rows. Afterwards
 * validation.share moves that share of the train rows to validation. Rows stay in the data set's
 * order. */
#ifndef AS_DATA_SELECT_H
#define AS_DATA_SELECT_H

#include "data/dataset.h"

typedef struct as_selection {
    const char *const *labels; /* [n_labels] of the rows used */
    uint32_t n_labels;
    int32_t *label_map;             /* [dataset labels] new label, or -1: class not used */
    uint32_t *rows[AS_SPLIT_COUNT]; /* rows of the data set, ascending */
    uint32_t n_rows[AS_SPLIT_COUNT];
} as_selection;

/* [cell] INVALID_ARGUMENT when the suite asks for a class, a split or a number of rows that the
 * data does not have; the text says which and how many there are. */
ASSAY_MUST_USE assay_status as_select(as_arena *arena, const as_dataset *dataset,
                                      const as_data_config *config, as_selection *ret_selection,
                                      assay_error *error);

/* [cell] Exact duplicates of raw text among the selected rows. */
ASSAY_MUST_USE assay_status as_audit_duplicates(const as_dataset *dataset,
                                                const as_selection *selection, as_audit *ret_audit,
                                                assay_error *error);

#endif
