/* SPDX-License-Identifier: MIT */
/* Checks of an opaque model: it trains and predicts numbers, alike for the same seed, and its kept
 * state comes back. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/model_check_internal.h"

enum { OPAQUE_STEPS = 20, N_LOGITS = CHECK_ROWS * 2 };

typedef struct trained {
    float before[N_LOGITS], after[N_LOGITS];
    double first_loss, last_loss; /* NaN where the model has none */
} trained;

static assay_status train_steps(const assay_model_opaque *model, void *self, check_run *run,
                                int64_t from, trained *t, assay_error *error) {
    assay_status status = ASSAY_OK;
    for (int64_t s = from; status == ASSAY_OK && s < from + OPAQUE_STEPS; s++) {
        const assay_train_step step = {sizeof step, (int32_t)s, s, 1e-2};
        status = model->train_step(self, &run->rows.batch, &step,
                                   s == 1 ? &t->first_loss : &t->last_loss, error);
    }
    return status;
}

static assay_status predict(const assay_model_opaque *model, void *self, const check_run *run,
                            float *logits, assay_error *error) {
    assay_batch batch = run->rows.batch;
    batch.labels = NULL;
    return model->predict(self, &batch, logits, error);
}

static assay_status create_and_train(const assay_model_opaque *model, check_run *run, trained *t,
                                     void **ret_self, assay_error *error) {
    void *self = NULL;
    assay_status status = model->create(&run->config, &self, error);
    t->first_loss = t->last_loss = NAN;
    if (status == ASSAY_OK)
        status = predict(model, self, run, t->before, error);
    if (status == ASSAY_OK)
        status = train_steps(model, self, run, 1, t, error);
    if (status == ASSAY_OK)
        status = predict(model, self, run, t->after, error);
    if (status != ASSAY_OK && self && model->destroy)
        model->destroy(self);
    if (status == ASSAY_OK)
        *ret_self = self;
    return status;
}

static int32_t n_right(const check_run *run, const float *logits) {
    int32_t n = 0;
    for (int32_t b = 0; b < CHECK_ROWS; b++)
        n += (logits[2 * b + 1] > logits[2 * b]) == (run->rows.labels[b] == 1);
    return n;
}

static bool all_finite(const float *x) {
    for (int32_t i = 0; i < N_LOGITS; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static void check_kept(const as_model_check *check, check_run *run, const assay_model_opaque *model,
                       void *self, trained *t) {
    assay_error error = ASSAY_ERROR_INIT;
    float restored[N_LOGITS];
    if (!model->keep || !model->restore) {
        as_check_tell(check, run, "keeps", AS_CHECK_SKIPPED,
                      "no keep and restore: its last epoch is measured, not its best");
        return;
    }
    assay_status status = model->keep(self, &error);
    if (status == ASSAY_OK)
        status = train_steps(model, self, run, OPAQUE_STEPS + 1, t, &error);
    if (status == ASSAY_OK)
        status = model->restore(self, &error);
    if (status == ASSAY_OK)
        status = predict(model, self, run, restored, &error);
    bool same = status == ASSAY_OK && memcmp(restored, t->after, sizeof restored) == 0;
    if (status != ASSAY_OK)
        as_check_tell_error(check, run, "keeps", &error);
    else
        as_check_tell(check, run, "keeps", same ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                      "kept, trained on, restored: %s logits", same ? "the same" : "other");
}

static void check_repeats(const as_model_check *check, check_run *run,
                          const assay_model_opaque *model, const trained *first) {
    assay_error error = ASSAY_ERROR_INIT;
    trained second;
    void *self = NULL;
    if (create_and_train(model, run, &second, &self, &error) != ASSAY_OK) {
        as_check_tell_error(check, run, "repeats", &error);
        return;
    }
    bool same = memcmp(first->after, second.after, sizeof second.after) == 0;
    as_check_tell(check, run, "repeats", same ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                  "trained twice with one seed: %s logits", same ? "the same" : "other");
    if (model->destroy)
        model->destroy(self);
}

void as_check_opaque_model(const as_model_check *check, check_run *run,
                           const assay_model_opaque *model) {
    assay_error error = ASSAY_ERROR_INIT;
    trained t;
    void *self = NULL;
    if (create_and_train(model, run, &t, &self, &error) != ASSAY_OK) {
        as_check_tell_error(check, run, "trains", &error);
        return;
    }
    bool finite = all_finite(t.before) && all_finite(t.after);
    as_check_tell(check, run, "trains", finite ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                  "%d steps on %d rows; logits are %s", OPAQUE_STEPS, CHECK_ROWS,
                  finite ? "numbers" : "not all numbers");
    if (model->n_parameters)
        as_check_tell(check, run, "parameters", AS_CHECK_PASSED, "%" PRId64 " after training",
                      model->n_parameters(self));
    int32_t before = n_right(run, t.before), after = n_right(run, t.after);
    bool better = after > before || after == CHECK_ROWS || t.last_loss < t.first_loss;
    as_check_tell(check, run, "learns", better ? AS_CHECK_PASSED : AS_CHECK_FAILED,
                  "%d of %d rows right, after %d steps %d", before, CHECK_ROWS, OPAQUE_STEPS,
                  after);
    check_kept(check, run, model, self, &t);
    if (model->destroy)
        model->destroy(self);
    check_repeats(check, run, model, &t);
}
