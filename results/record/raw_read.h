/* SPDX-License-Identifier: MIT */
/* results/record/raw_read.h: the raw rows beside a result.json. */
#ifndef AS_RESULTS_RAW_READ_H
#define AS_RESULTS_RAW_READ_H

#include "results/record/record.h"

/* [any] Reads predictions.csv, epochs.jsonl and latency.csv, those that exist, into `record`, whose
 * result.json was read; answers_only: AS_RAW_ANSWERS. BAD_DATA where rows and result.json disagree.
 */
ASSAY_MUST_USE assay_status as_record_read_raw(const char *folder, as_record *record,
                                               bool answers_only, assay_error *error);

#endif
