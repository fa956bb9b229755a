/* SPDX-License-Identifier: MIT */
/* data/statistics/workers.h: the same work in several threads, each with a share of the rows.
 * Results never depend on how many there are. */
#ifndef AS_DATA_STATISTICS_WORKERS_H
#define AS_DATA_STATISTICS_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

enum { AS_MAX_WORKERS = 16 };

/* [any] Threads to use for n_items when `asked` for (0: one per processor this process may run on);
 * 1 .. AS_MAX_WORKERS, no more than items. */
size_t as_worker_count(int asked, size_t n_items);

/* [any] First item of worker i of n; worker i has the items first(i) .. first(i + 1) - 1. */
size_t as_worker_first(size_t i, size_t n_workers, size_t n_items);

/* [any] work(context, i) for every i < n_workers, each in a thread of its own, the first in this
 * one. The status and error are those of the lowest i that failed. */
ASSAY_MUST_USE assay_status as_workers_run(size_t n_workers,
                                           assay_status (*work)(void *context, size_t i,
                                                                assay_error *error),
                                           void *context, assay_error *error);

#endif
