/* SPDX-License-Identifier: MIT */
/* naive_bayes: multinomial naive Bayes over token counts, the bag-of-words baseline (Manning,
 * Raghavan, Schuetze 2008, 13.2). An opaque model: it counts in its first epoch, and has nothing
 * more to learn.
 *
 *     log p(c | row) = log p(c) + sum_t log (count(t, c) + alpha) / (count(., c) + alpha V) + const
 *
 * PAD and UNK (ids 0 and 1) are not counted. */
#include <math.h>
#include <stdlib.h>

#include "assay/model.h"

typedef struct naive_bayes_options {
    double alpha;
} naive_bayes_options;

static const assay_option options[] = {
    ASSAY_OPTION_REAL(naive_bayes_options, alpha, 1.0, 1e-9, 1e3, "added to every count (Laplace)"),
};

enum { FIRST_WORD = 2 };

typedef struct naive_bayes {
    int32_t n_classes;
    int64_t vocab_size;
    double alpha;
    double *rows;   /* [n_classes] training rows of each class */
    double *tokens; /* [n_classes] counted tokens of each class */
    double *counts; /* [vocab_size, n_classes] */
} naive_bayes;

static void destroy(void *model) {
    naive_bayes *m = model;
    if (!m)
        return;
    free(m->rows);
    free(m->tokens);
    free(m->counts);
    free(m);
}

static assay_status create(const assay_model_config *config, void **ret_model, assay_error *error) {
    const naive_bayes_options *o = config->options;
    naive_bayes *m = calloc(1, sizeof *m);
    if (!m)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "naive_bayes", "no memory for the model");
    size_t n_classes = (size_t)config->n_classes, vocab_size = (size_t)config->vocab_size;
    m->n_classes = config->n_classes;
    m->vocab_size = config->vocab_size;
    m->alpha = o->alpha;
    m->rows = calloc(n_classes, sizeof(double));
    m->tokens = calloc(n_classes, sizeof(double));
    m->counts = vocab_size <= SIZE_MAX / sizeof(double) / n_classes
                    ? calloc(vocab_size * n_classes, sizeof(double))
                    : NULL;
    if (!m->rows || !m->tokens || !m->counts) {
        destroy(m);
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "naive_bayes", "no memory for the counts");
    }
    *ret_model = m;
    return ASSAY_OK;
}

static assay_status check(const naive_bayes *m, const assay_batch *batch, assay_error *error) {
    for (int32_t t = 0; t < batch->n_tokens; t++)
        if (batch->ids[t] < 0 || batch->ids[t] >= m->vocab_size)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, "naive_bayes",
                              "token id is outside the vocabulary");
    for (int32_t b = 0; batch->labels && b < batch->n_rows; b++)
        if (batch->labels[b] < 0 || batch->labels[b] >= m->n_classes)
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, "naive_bayes",
                              "label is outside the classes");
    return ASSAY_OK;
}

static assay_status train_step(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error) {
    naive_bayes *m = model;
    assay_status status = check(m, batch, error);
    if (status != ASSAY_OK)
        return status;
    if (!batch->labels)
        return assay_fail(error, ASSAY_INVALID_ARGUMENT, "naive_bayes", "training needs labels");
    for (int32_t b = 0; b < batch->n_rows && step->epoch == 1; b++) {
        int32_t label = batch->labels[b];
        m->rows[label] += 1;
        for (int32_t t = batch->offsets[b]; t < batch->offsets[b + 1]; t++) {
            if (batch->ids[t] < FIRST_WORD)
                continue;
            m->counts[(size_t)batch->ids[t] * (size_t)m->n_classes + (size_t)label] += 1;
            m->tokens[label] += 1;
        }
    }
    *ret_loss = NAN; /* counting has no loss */
    return ASSAY_OK;
}

static assay_status predict(void *model, const assay_batch *batch, float *logits,
                            assay_error *error) {
    const naive_bayes *m = model;
    assay_status status = check(m, batch, error);
    if (status != ASSAY_OK)
        return status;
    double words = (double)(m->vocab_size - FIRST_WORD);
    for (int32_t b = 0; b < batch->n_rows; b++) {
        for (int32_t c = 0; c < m->n_classes; c++) {
            double denominator = log(m->tokens[c] + m->alpha * words);
            double sum = m->rows[c] > 0 ? log(m->rows[c]) : -1e4; /* a class without rows */
            for (int32_t t = batch->offsets[b]; t < batch->offsets[b + 1]; t++) {
                const double *counts = m->counts + (size_t)batch->ids[t] * (size_t)m->n_classes;
                if (batch->ids[t] >= FIRST_WORD)
                    sum += log(counts[c] + m->alpha) - denominator;
            }
            logits[(size_t)b * (size_t)m->n_classes + (size_t)c] = (float)sum;
        }
    }
    return ASSAY_OK;
}

static int64_t n_parameters(const void *model) {
    const naive_bayes *m = model;
    return ((m->vocab_size - FIRST_WORD) + 1) * m->n_classes;
}

static const assay_model_opaque opaque_model = {
    sizeof opaque_model, 0, create, train_step, predict, NULL, NULL, n_parameters, destroy,
};

static const void *get_interface(const char *name) {
    return strcmp(name, ASSAY_MODEL_OPAQUE) == 0 ? &opaque_model : NULL;
}

static const assay_plugin plugin = {
    sizeof plugin,
    ASSAY_ABI_MAJOR,
    0,
    ASSAY_PLUGIN_KIND_MODEL,
    "naive_bayes",
    "1.0",
    "MIT",
    "multinomial naive Bayes baseline",
    "",
    options,
    sizeof options / sizeof options[0],
    sizeof(naive_bayes_options),
    get_interface,
    NULL,
};

ASSAY_DEFINE_PLUGIN(plugin)
