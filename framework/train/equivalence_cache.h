/* SPDX-License-Identifier: MIT */
/* train/equivalence_cache.h: the equivalence check once per machine: its outcome is kept in the
 * cache folder under a key over everything that could change it, and a later run of the same takes
 * it from there.
 *
 *     status = as_equivalence_key(&parts, &key, error);
 *     if (!as_equivalence_recall(folder, key.text, &found, &when)) {
 *         status = as_equivalence_check(engine, reference, batch, &found, error);
 *         as_equivalence_remember(folder, key.text, &found, &when, why_not);
 *     }
 *
 * The key has neither the trained weights nor the texts: within one model and precision they move
 * the errors far less than the bounds leave room for. Only a check that was passed is kept. */
#ifndef AS_TRAIN_EQUIVALENCE_CACHE_H
#define AS_TRAIN_EQUIVALENCE_CACHE_H

#include "base/file.h"
#include "plugin/plugin.h"
#include "train/train.h"

/* What a check depends on, but for the processor, the environment's limits on it, and this program,
 * which as_equivalence_key looks up itself. */
typedef struct as_equivalence_parts {
    const as_engine *engine; /* graph, precision, threads, largest batch, device */
    assay_device *device;    /* the engine's */
    const as_plugin *backend, *reference, *model;
    const char *options; /* of the model, as JSON */
    const char *weights; /* what the model starts from; NULL: drawn */
    int32_t n_rows;      /* of the batch that is checked */
} as_equivalence_parts;

/* [cell] IO where a plugin's file cannot be read. */
ASSAY_MUST_USE assay_status as_equivalence_key(const as_equivalence_parts *parts,
                                               as_sha256_hex *ret_key, assay_error *error);

/* UTC, "2026-11-22T09:00:00Z". */
typedef struct as_checked_at {
    char text[24];
} as_checked_at;
as_checked_at as_checked_now(void);

/* [cell] false: there is none under that key, or not a whole one, which is then removed. */
bool as_equivalence_recall(const char *folder, const char *key, as_equivalence *ret_result,
                           as_checked_at *ret_when);
/* [cell] Keeps a check that was passed; any other is dropped, with what stands under the key. Where
 * it cannot be written why_not says why ("" otherwise), and nothing is left behind. */
void as_equivalence_remember(const char *folder, const char *key, const as_equivalence *result,
                             const as_checked_at *when, char why_not[200]);

#endif
