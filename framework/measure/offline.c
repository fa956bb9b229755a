/* SPDX-License-Identifier: MIT */
/* offline: the whole split over and over, in batches of rows of like length; the timed part is
 * whole passes, so that every length has its share. */
#include <string.h>

#include "base/error.h"
#include "data/batches.h"
#include "measure/scenario_run.h"

typedef struct offline {
    as_batches *batches;
    uint64_t n_batches;
    assay_batch batch; /* without labels: a prediction */
} offline;

static const assay_batch *query(void *self, uint64_t i) {
    offline *o = self;
    if (i % o->n_batches == 0)
        as_batches_by_length(o->batches);
    o->batch = *as_batches_next(o->batches);
    o->batch.labels = NULL;
    return &o->batch;
}

static int32_t real_tokens(const void *self) {
    return as_batches_real_tokens(((const offline *)self)->batches);
}

assay_status as_offline_run(as_arena *arena, const as_trainee *trainee, const as_split_rows *split,
                            const as_scenario_config *config, as_scenario_result *ret_result,
                            assay_error *error) {
    offline o;
    memset(&o, 0, sizeof o);
    if (split->n_rows == 0 || config->batch < 1)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "offline",
                       "%u rows in batches of %d; expected at least 1 of each",
                       (unsigned)split->n_rows, (int)config->batch);
    assay_status status = as_batches_new(arena, split, config->batch, &o.batches, error);
    if (status != ASSAY_OK)
        return status;
    o.n_batches = as_batches_count(o.batches);
    as_sequence sequence = {&o,
                            query,
                            query,
                            o.n_batches,
                            o.n_batches,
                            o.n_batches < 8 ? (uint32_t)o.n_batches : 8,
                            as_batches_max_rows(o.batches),
                            real_tokens};
    return as_sequence_run(arena, as_scenario_find("offline"), trainee, &sequence, config,
                           ret_result, error);
}
