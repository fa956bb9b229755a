/* SPDX-License-Identifier: MIT */
/* Paired bootstrap of macro F1; its definition: paired_f1.h. */
#include "results/compare/paired_f1.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "stats/metrics.h"

/* Scratch of the resampling. */
typedef struct resampling {
    uint32_t *weights; /* [n_texts] times that a text was drawn */
    size_t *seeds;     /* [n_seeds] those drawn */
    int64_t *counts;   /* [3 * n_classes] */
    double *values;    /* [resamples] */
} resampling;

static double f1_of(const as_paired *paired, size_t record, const uint32_t *weights,
                    int64_t *counts) {
    size_t k = (size_t)paired->n_classes;
    int64_t *hits = counts, *support = counts + k, *predicted = counts + 2 * k;
    memset(counts, 0, 3 * k * sizeof *counts);
    for (size_t t = 0; t < paired->n_texts; t++) {
        int32_t label = paired->labels[t], answer = paired->predicted[record][t];
        support[label] += weights[t];
        predicted[answer] += weights[t];
        hits[label] += label == answer ? weights[t] : 0;
    }
    return as_averages_from_counts(hits, support, predicted, paired->n_classes).f1_macro;
}

/* Mean over the drawn pairs of seeds. */
static double difference(const as_paired *paired, const resampling *r) {
    size_t n = paired->n_records / 2;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += f1_of(paired, n + r->seeds[i], r->weights, r->counts) -
               f1_of(paired, r->seeds[i], r->weights, r->counts);
    return sum / (double)n;
}

static void draw(const as_paired *paired, as_random *random, resampling *r) {
    size_t n = paired->n_records / 2;
    memset(r->weights, 0, paired->n_texts * sizeof *r->weights);
    for (size_t t = 0; t < paired->n_texts; t++)
        r->weights[as_random_below(random, paired->n_texts)]++;
    for (size_t i = 0; i < n; i++)
        r->seeds[i] = (size_t)as_random_below(random, n);
}

static void resample(const as_paired *paired, resampling *r, as_figure *ret_change, double *ret_p) {
    as_random random = as_random_init(1, as_hash64("compare.paired_f1"));
    size_t n_far = 0;
    for (size_t t = 0; t < paired->n_texts; t++)
        r->weights[t] = 1;
    for (size_t i = 0; i < paired->n_records / 2; i++)
        r->seeds[i] = i;
    double found = difference(paired, r);
    for (size_t i = 0; i < AS_BOOTSTRAP_RESAMPLES; i++) {
        draw(paired, &random, r);
        r->values[i] = difference(paired, r);
        n_far += fabs(r->values[i] - found) >= fabs(found);
    }
    *ret_p = (1 + (double)n_far) / (1 + (double)AS_BOOTSTRAP_RESAMPLES);
    *ret_change = as_bootstrap_percentiles(found, r->values, AS_BOOTSTRAP_RESAMPLES);
}

assay_status as_paired_f1(const as_paired *paired, as_figure *ret_change, double *ret_p,
                          assay_error *error) {
    assay_status status = ASSAY_OK;
    size_t n_seeds = paired->n_records / 2;
    if (n_seeds == 0 || paired->n_records % 2 || paired->n_texts == 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "macro F1",
                       "%zu records of %zu texts are no pairs", paired->n_records, paired->n_texts);
    resampling r = {calloc(paired->n_texts, sizeof *r.weights), calloc(n_seeds, sizeof *r.seeds),
                    calloc(3 * (size_t)paired->n_classes, sizeof *r.counts),
                    calloc(AS_BOOTSTRAP_RESAMPLES, sizeof *r.values)};
    if (r.weights && r.seeds && r.counts && r.values)
        resample(paired, &r, ret_change, ret_p);
    else
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "macro F1", "no memory to resample");
    free(r.weights);
    free(r.seeds);
    free(r.counts);
    free(r.values);
    return status;
}

/* ---- figures of both sides ------------------------------------------------------------------- */

static double count(int64_t value) {
    return value < 0 ? NAN : (double)value;
}

static void add_figures(const as_record *r, double sums[AS_COMPARED_FIGURES]) {
    const double values[AS_COMPARED_FIGURES] = {r->test.accuracy.value,
                                                r->test.f1_macro.value,
                                                r->test.f1_weighted.value,
                                                r->test.precision_macro.value,
                                                r->test.recall_macro.value,
                                                count(r->model.parameters_total),
                                                count(r->model.parameters_trainable),
                                                r->training.seconds,
                                                log(r->single_stream.p50_ms.value),
                                                r->offline.samples_per_second,
                                                count(r->peak_rss_bytes) / (1 << 20)};
    for (int i = 0; i < AS_COMPARED_FIGURES; i++)
        sums[i] += values[i];
}

/* Of latencies the logarithms were added: geometric, as in the report. */
static double mean(bool geometric, double value) {
    return geometric ? exp(value) : value;
}

void as_compare_figures(const as_record *const *base, const as_record *const *new_, size_t n,
                        as_compared_figure figures[AS_COMPARED_FIGURES]) {
    static const char *const names[AS_COMPARED_FIGURES] = {"accuracy",
                                                           "f1_macro",
                                                           "f1_weighted",
                                                           "precision_macro",
                                                           "recall_macro",
                                                           "parameters_total",
                                                           "parameters_trainable",
                                                           "train_seconds",
                                                           "p50_ms",
                                                           "offline_samples_per_second",
                                                           "peak_mib"};
    enum { N_SHARES = 5, LATENCY = 8 };
    double base_sums[AS_COMPARED_FIGURES] = {0}, new_sums[AS_COMPARED_FIGURES] = {0};
    for (size_t i = 0; i < n; i++) {
        add_figures(base[i], base_sums);
        add_figures(new_[i], new_sums);
    }
    for (int i = 0; i < AS_COMPARED_FIGURES; i++)
        figures[i] = (as_compared_figure){names[i], i < N_SHARES,
                                          mean(i == LATENCY, base_sums[i] / (double)n),
                                          mean(i == LATENCY, new_sums[i] / (double)n)};
}
