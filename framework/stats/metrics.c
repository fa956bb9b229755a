/* SPDX-License-Identifier: MIT */
/* Scores from a confusion matrix; intervals of the averages by resampling its rows.
 *
 * For class k with hits h, support s and predictions p:
 *     precision = h / p    recall = h / s    F1 = 2 h / (s + p)    (0 / 0 counts as 0)
 * macro = mean over all classes (of F1: the mean of class F1, Opitz and Burst 2019), weighted =
 * mean with weights s. Resampling n rows with replacement = a multinomial draw of the matrix's
 * cells. */
#include "stats/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"

static double quotient(double a, double b) {
    return b > 0 ? a / b : 0;
}

as_scores as_scores_empty(void) {
    as_figure none = as_figure_point(NAN);
    as_scores scores = {.accuracy = none,
                        .f1_macro = none,
                        .f1_weighted = none,
                        .precision_macro = none,
                        .recall_macro = none,
                        .precision_weighted = none,
                        .recall_weighted = none,
                        .loss = NAN};
    return scores;
}

as_averages as_averages_from_counts(const int64_t *hits, const int64_t *support,
                                    const int64_t *predicted, int32_t n_classes) {
    as_averages a = {0};
    int64_t n = 0, n_hits = 0;
    for (int32_t k = 0; k < n_classes; k++) {
        double h = (double)hits[k], s = (double)support[k], p = (double)predicted[k];
        double precision = quotient(h, p), recall = quotient(h, s), f1 = quotient(2 * h, s + p);
        a.precision_macro += precision;
        a.recall_macro += recall;
        a.f1_macro += f1;
        a.precision_weighted += s * precision;
        a.recall_weighted += s * recall;
        a.f1_weighted += s * f1;
        n += support[k];
        n_hits += hits[k];
    }
    if (n == 0)
        return (as_averages){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    a.accuracy = (double)n_hits / (double)n;
    a.precision_macro /= n_classes;
    a.recall_macro /= n_classes;
    a.f1_macro /= n_classes;
    a.precision_weighted /= (double)n;
    a.recall_weighted /= (double)n;
    a.f1_weighted /= (double)n;
    return a;
}

/* Buffers of a bootstrap over rows. */
typedef struct resampler {
    uint32_t *cells;                     /* [n] confusion cell of each row, cell by cell */
    int64_t *hits, *support, *predicted; /* [n_classes] of the current resample */
    double *values[6];                   /* [resamples] of each average but accuracy */
} resampler;

static void resampler_done(resampler *r) {
    free(r->cells);
    free(r->hits);
    free(r->support);
    free(r->predicted);
    for (int i = 0; i < 6; i++)
        free(r->values[i]);
}

static int resampler_init(resampler *r, const int64_t *confusion, size_t n, int32_t n_classes) {
    size_t k = (size_t)n_classes, place = 0;
    *r = (resampler){0};
    r->cells = calloc(n, sizeof *r->cells);
    r->hits = calloc(k, sizeof *r->hits);
    r->support = calloc(k, sizeof *r->support);
    r->predicted = calloc(k, sizeof *r->predicted);
    int ok = r->cells && r->hits && r->support && r->predicted;
    for (int i = 0; i < 6; i++) {
        r->values[i] = calloc(AS_BOOTSTRAP_RESAMPLES, sizeof *r->values[i]);
        ok = ok && r->values[i];
    }
    if (!ok)
        return 0;
    for (size_t cell = 0; cell < k * k; cell++)
        for (int64_t i = 0; i < confusion[cell]; i++)
            r->cells[place++] = (uint32_t)cell;
    return 1;
}

static as_averages resample_once(resampler *r, as_random *random, size_t n, int32_t n_classes) {
    size_t bytes = (size_t)n_classes * sizeof *r->hits;
    memset(r->hits, 0, bytes);
    memset(r->support, 0, bytes);
    memset(r->predicted, 0, bytes);
    for (size_t i = 0; i < n; i++) {
        uint32_t cell = r->cells[as_random_below(random, n)];
        uint32_t label = cell / (uint32_t)n_classes, predicted = cell % (uint32_t)n_classes;
        r->support[label]++;
        r->predicted[predicted]++;
        r->hits[label] += label == predicted;
    }
    return as_averages_from_counts(r->hits, r->support, r->predicted, n_classes);
}

static int bootstrap(as_scores *scores, const int64_t *confusion, uint64_t seed) {
    size_t n = (size_t)scores->n;
    resampler r;
    int ok = resampler_init(&r, confusion, n, scores->n_classes);
    if (!ok)
        goto done;
    as_random random = as_random_init(seed, as_hash64("scores.bootstrap"));
    for (size_t i = 0; i < AS_BOOTSTRAP_RESAMPLES; i++) {
        as_averages a = resample_once(&r, &random, n, scores->n_classes);
        double values[6] = {a.f1_macro,     a.f1_weighted,        a.precision_macro,
                            a.recall_macro, a.precision_weighted, a.recall_weighted};
        for (int m = 0; m < 6; m++)
            r.values[m][i] = values[m];
    }
    as_figure *figures[6] = {&scores->f1_macro,           &scores->f1_weighted,
                             &scores->precision_macro,    &scores->recall_macro,
                             &scores->precision_weighted, &scores->recall_weighted};
    for (int m = 0; m < 6; m++)
        *figures[m] =
            as_bootstrap_percentiles(figures[m]->value, r.values[m], AS_BOOTSTRAP_RESAMPLES);
done:
    resampler_done(&r);
    return ok;
}

static assay_status check_confusion(const int64_t *confusion, int32_t n_classes, int64_t *ret_n,
                                    assay_error *error) {
    int64_t n = 0;
    if (n_classes < 1 || n_classes > AS_MAX_CLASSES)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "scores", "%d classes; 1 to %d are allowed",
                       n_classes, AS_MAX_CLASSES);
    for (size_t i = 0; i < (size_t)n_classes * (size_t)n_classes; i++)
        if (confusion[i] < 0 || __builtin_add_overflow(n, confusion[i], &n) || n > UINT32_MAX)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, "scores",
                           "confusion matrix: counts must be at least 0 and sum to less than 2^32");
    *ret_n = n;
    return ASSAY_OK;
}

static void set_averages(as_scores *scores, as_averages a, double hits, int with_intervals) {
    scores->accuracy = as_wilson(hits, (double)scores->n);
    if (!with_intervals)
        scores->accuracy = as_figure_point(a.accuracy);
    scores->f1_macro = as_figure_point(a.f1_macro);
    scores->f1_weighted = as_figure_point(a.f1_weighted);
    scores->precision_macro = as_figure_point(a.precision_macro);
    scores->recall_macro = as_figure_point(a.recall_macro);
    scores->precision_weighted = as_figure_point(a.precision_weighted);
    scores->recall_weighted = as_figure_point(a.recall_weighted);
}

assay_status as_scores_from_confusion(as_arena *arena, const int64_t *confusion,
                                      const char *const *class_names, int32_t n_classes,
                                      int with_intervals, uint64_t seed, as_scores *ret_scores,
                                      assay_error *error) {
    int64_t n = 0;
    assay_status status = check_confusion(confusion, n_classes, &n, error);
    if (status != ASSAY_OK)
        return status;
    size_t k = (size_t)n_classes;
    as_scores scores = as_scores_empty();
    scores.n = n;
    scores.n_classes = n_classes;
    scores.per_class = as_arena_alloc_array(arena, k, sizeof *scores.per_class);
    scores.confusion = as_arena_alloc_array(arena, k * k, sizeof *scores.confusion);
    int64_t *counts = as_arena_alloc_array(arena, 3 * k, sizeof *counts);
    if (!scores.per_class || !scores.confusion || !counts)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "scores", "no memory for %d classes", n_classes);
    memcpy(scores.confusion, confusion, k * k * sizeof *confusion);
    int64_t *hits = counts, *support = counts + k, *predicted = counts + 2 * k, n_hits = 0;
    for (size_t i = 0; i < k * k; i++) {
        support[i / k] += confusion[i];
        predicted[i % k] += confusion[i];
    }
    for (size_t i = 0; i < k; i++) {
        hits[i] = confusion[i * k + i];
        n_hits += hits[i];
        double h = (double)hits[i], s = (double)support[i], p = (double)predicted[i];
        scores.per_class[i] = (as_class_figures){.label = class_names ? class_names[i] : NULL,
                                                 .support = support[i],
                                                 .predicted = predicted[i],
                                                 .precision = quotient(h, p),
                                                 .recall = quotient(h, s),
                                                 .f1 = quotient(2 * h, s + p)};
    }
    set_averages(&scores, as_averages_from_counts(hits, support, predicted, n_classes),
                 (double)n_hits, with_intervals);
    if (with_intervals && n > 0 && !bootstrap(&scores, confusion, seed))
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "scores", "no memory to resample %lld rows",
                       (long long)n);
    *ret_scores = scores;
    return ASSAY_OK;
}

assay_status as_scores_compute(as_arena *arena, const int32_t *labels, const int32_t *predicted,
                               size_t n, const char *const *class_names, int32_t n_classes,
                               uint64_t seed, as_scores *ret_scores, assay_error *error) {
    if (n_classes < 1 || n_classes > AS_MAX_CLASSES)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "scores", "%d classes; 1 to %d are allowed",
                       n_classes, AS_MAX_CLASSES);
    size_t k = (size_t)n_classes;
    int64_t *confusion = calloc(k * k, sizeof *confusion);
    if (!confusion)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "scores", "no memory for %d classes", n_classes);
    assay_status status = ASSAY_OK;
    for (size_t i = 0; i < n && status == ASSAY_OK; i++) {
        if (labels[i] < 0 || labels[i] >= n_classes || predicted[i] < 0 ||
            predicted[i] >= n_classes)
            status = as_fail(error, ASSAY_INVALID_ARGUMENT, "scores",
                             "row %zu: label %d, predicted %d; both must be 0 to %d", i, labels[i],
                             predicted[i], n_classes - 1);
        else
            confusion[(size_t)labels[i] * k + (size_t)predicted[i]]++;
    }
    if (status == ASSAY_OK)
        status = as_scores_from_confusion(arena, confusion, class_names, n_classes, 1, seed,
                                          ret_scores, error);
    free(confusion);
    return status;
}
