/* SPDX-License-Identifier: MIT */
/* data/splits/overlaps.h: texts that stand in more than one split, looked for at three stages, and
 * their removal.
 *
 * Two rows overlap at a stage when their texts are equal there: `raw` as in the source, `cleaned`
 * after the text steps, `filtered` after all steps. A test text that is also in train goes from
 * test; a validation text that is also in train or in test goes from validation; nothing ever goes
 * from train. What is blank after cleaning is removed first, and not compared. Where validation
 * rows are the test rows themselves, the two aren't compared, and what leaves test leaves both. */
#ifndef AS_DATA_SPLITS_OVERLAPS_H
#define AS_DATA_SPLITS_OVERLAPS_H

#include <stdio.h>

#include "data/splits/select.h"

typedef enum as_stage {
    AS_STAGE_RAW = 0,
    AS_STAGE_CLEANED = 1,
    AS_STAGE_FILTERED = 2,
    AS_STAGE_COUNT = 3
} as_stage;

/* [any] "raw", "cleaned", "filtered". */
const char *as_stage_name(as_stage stage);

typedef struct as_text_digest {
    unsigned char bytes[16]; /* BLAKE2b-128 of the text: equal digests are equal texts */
} as_text_digest;
as_text_digest as_text_digest_of(const char *text, size_t n_bytes);

/* What as_prepare knows of one row of the data set that was selected. */
typedef struct as_row_texts {
    as_text_digest digest[AS_STAGE_COUNT];
    bool blank; /* nothing but white space after all steps */
} as_row_texts;

typedef enum as_removal_reason {
    AS_REMOVAL_OVERLAP = 0,
    AS_REMOVAL_BLANK = 1,   /* blank after cleaning */
    AS_REMOVAL_FILTERED = 2 /* shorter than data.filter allows */
} as_removal_reason;

typedef struct as_removal {
    as_split split; /* it was removed from */
    uint32_t row;   /* of the data set */
    as_removal_reason reason;
    as_stage stage;       /* OVERLAP: the first at which it was seen */
    as_split other_split; /* OVERLAP: of the row that stays */
    uint32_t other_row;
} as_removal;

typedef struct as_overlaps {
    /* rows of the later split that also stand in the earlier one, at each stage, before removal */
    uint32_t test_in_train[AS_STAGE_COUNT];
    uint32_t validation_in_train[AS_STAGE_COUNT];
    uint32_t validation_in_test[AS_STAGE_COUNT];
    uint32_t duplicates_within[AS_STAGE_COUNT][AS_SPLIT_COUNT]; /* came earlier in their split */
    uint32_t n_blank[AS_SPLIT_COUNT];
    as_removal *removals; /* [n_removals] by row of the data set; overlaps and blanks */
    uint32_t n_removals;
} as_overlaps;

/* [cell] Counts overlaps of the selection; with `remove` also takes overlapping and blank rows out
 * of it (train keeps its overlaps; blanks go from every split). texts[row of the data set]; only
 * selected rows need to be filled. Rows that stay keep their order. BAD_DATA when a split that had
 * rows would have none left: then the selection is as it was. */
ASSAY_MUST_USE assay_status as_overlaps_find(as_arena *arena, const as_dataset *dataset,
                                             const as_row_texts *texts, bool remove,
                                             as_selection *selection, as_overlaps *ret_overlaps,
                                             assay_error *error);

/* [any] Every removal on a line of its own, filtered rows first: CSV (RFC 4180, lines ending in LF)
 * with the header split,index,name,label,reason,stage,other_split,other_index,other_name. `reason`
 * is overlap, blank or filtered; the last four are empty but for overlaps. The data set is the
 * whole one: `filtered` are rows of it, and row i of `overlaps` is its row indices[i]. Errors stay
 * in the stream (ferror). */
void as_removals_write_csv(FILE *stream, const as_dataset *dataset, const uint32_t *indices,
                           const as_removal *filtered, uint32_t n_filtered,
                           const as_overlaps *overlaps);

#endif
