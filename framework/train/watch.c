/* SPDX-License-Identifier: MIT */
/* Watchers of a training run; their rules: train/watch.h. */
#include "train/watch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats/intervals.h"

#define HIGH_TRAIN_ACCURACY 0.85
#define LARGEST_GAP 0.10
#define EXPLODING_RATIO 1000.0
#define LARGEST_HALF_WIDTH 0.05
enum { FEWEST_NORMS = 20 };

void as_watch_start(as_watch *watch, int64_t warmup_steps, int64_t planned_steps) {
    memset(watch, 0, sizeof *watch);
    watch->found.kept_class = -1;
    watch->found.validation_half_width = NAN;
    watch->found.warmup_steps = warmup_steps;
    watch->found.planned_steps = planned_steps;
    if (warmup_steps > 0 && warmup_steps >= planned_steps)
        watch->now = watch->found.seen = AS_WATCH_WARMUP;
}

/* ---- gradient norms -------------------------------------------------------------------------- */

/* First place in the sorted norms whose value is not below x. */
static int32_t place_of(const as_watch *watch, int32_t n, double x) {
    int32_t low = 0, high = n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (watch->sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The newest norm takes the place of the oldest. */
static void remember(as_watch *watch, double norm) {
    double *sorted = watch->sorted;
    int32_t n = watch->n_norms, i;
    if (n == AS_WATCH_NORMS) {
        i = place_of(watch, n, watch->latest[watch->next]);
        memmove(sorted + i, sorted + i + 1, (size_t)(n - i - 1) * sizeof *sorted);
        n--;
    }
    i = place_of(watch, n, norm);
    memmove(sorted + i + 1, sorted + i, (size_t)(n - i) * sizeof *sorted);
    sorted[i] = norm;
    watch->latest[watch->next] = norm;
    watch->next = (watch->next + 1) % AS_WATCH_NORMS;
    watch->n_norms = n + 1;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool as_watch_take_up(as_watch *watch) {
    for (int32_t i = 0; i < watch->n_norms; i++)
        if (!isfinite(watch->latest[i]))
            return false;
    memcpy(watch->sorted, watch->latest, (size_t)watch->n_norms * sizeof *watch->sorted);
    qsort(watch->sorted, (size_t)watch->n_norms, sizeof *watch->sorted, by_size);
    return true;
}

void as_watch_step(as_watch *watch, int64_t step, double grad_norm) {
    as_watched *found = &watch->found;
    if (!isfinite(grad_norm))
        return;
    double median = as_quantile_sorted(watch->sorted, (size_t)watch->n_norms, 0.5);
    if (watch->n_norms >= FEWEST_NORMS && median > 0 && grad_norm > EXPLODING_RATIO * median) {
        if (found->n_exploding++ == 0) {
            found->exploding_step = step;
            found->exploding_norm = grad_norm;
            found->exploding_median = median;
        }
        found->seen |= AS_WATCH_EXPLODING;
        watch->now |= AS_WATCH_EXPLODING;
    }
    remember(watch, grad_norm);
}

/* ---- epochs ---------------------------------------------------------------------------------- */

static bool one_class(const as_watch_epoch *epoch) {
    return epoch->only_class >= 0 && epoch->n_classes_of > 1;
}

static double half_width(const as_watch_epoch *epoch) {
    double n = (double)epoch->n_validation;
    return as_figure_half_width(as_wilson(epoch->validation_accuracy * n, n));
}

void as_watch_epoch_done(as_watch *watch, const as_watch_epoch *epoch) {
    as_watched *found = &watch->found;
    watch->now &= (uint32_t) ~(AS_WATCH_OVERFITTING | AS_WATCH_ONE_CLASS);
    if (epoch->train_accuracy > HIGH_TRAIN_ACCURACY &&
        epoch->train_accuracy - epoch->validation_accuracy > LARGEST_GAP) {
        if (found->n_overfitting++ == 0)
            found->overfitting_first = *epoch;
        found->overfitting_last = *epoch;
        watch->now |= AS_WATCH_OVERFITTING;
    }
    if (one_class(epoch)) {
        found->n_one_class++;
        watch->now |= AS_WATCH_ONE_CLASS;
    }
    found->seen |= watch->now;
    if (half_width(epoch) > LARGEST_HALF_WIDTH)
        watch->now |= AS_WATCH_SMALL_VALIDATION; /* seen: where the kept epoch has it */
    found->seen &= ~(uint32_t)AS_WATCH_SMALL_VALIDATION;
}

void as_watch_finish(as_watch *watch, const as_watch_epoch *kept) {
    as_watched *found = &watch->found;
    if (!kept)
        return;
    found->kept_epoch = kept->epoch;
    found->kept_class = one_class(kept) ? kept->only_class : -1;
    found->n_validation = kept->n_validation;
    found->validation_half_width = half_width(kept);
    if (found->validation_half_width > LARGEST_HALF_WIDTH)
        found->seen |= AS_WATCH_SMALL_VALIDATION;
}

const char *as_watch_word(uint32_t now) {
    return now & AS_WATCH_EXPLODING     ? "gradient explodes"
           : now & AS_WATCH_ONE_CLASS   ? "one class only"
           : now & AS_WATCH_OVERFITTING ? "over-fitting"
                                        : NULL;
}

const char *as_watch_line(uint32_t one) {
    switch (one) {
    case AS_WATCH_OVERFITTING:
        return "over-fitting: over 85 % of the train texts right, over 10 points less of the "
               "validation texts";
    case AS_WATCH_ONE_CLASS:
        return "one class only: every validation text is predicted alike";
    case AS_WATCH_EXPLODING:
        return "exploding gradient: its norm is over 1000 times the median of the steps before";
    case AS_WATCH_SMALL_VALIDATION:
        return "small validation set: its accuracies are known only to over 5 points either way";
    case AS_WATCH_WARMUP:
        return "the warm-up takes as many steps as the whole run";
    default:
        return NULL;
    }
}

/* ---- sentences ------------------------------------------------------------------------------- */

static bool overfitting_text(const as_watched *w, const char *const *labels, char *text,
                             size_t size) {
    const as_watch_epoch *last = &w->overfitting_last;
    (void)labels;
    if (!w->n_overfitting)
        return false;
    snprintf(text, size,
             "over-fitting in %d epochs, first in epoch %d: %.4f of the train texts right in epoch "
             "%d, %.4f of the validation texts (epoch kept: %d)",
             (int)w->n_overfitting, (int)w->overfitting_first.epoch, last->train_accuracy,
             (int)last->epoch, last->validation_accuracy, (int)w->kept_epoch);
    return true;
}

static bool one_class_text(const as_watched *w, const char *const *labels, char *text,
                           size_t size) {
    if (w->kept_class < 0)
        return false;
    snprintf(
        text, size,
        "one class only: every validation text is predicted as \"%.60s\" by epoch %d, which is "
        "kept (so in %d epochs)",
        labels[w->kept_class], (int)w->kept_epoch, (int)w->n_one_class);
    return true;
}

static bool exploding_text(const as_watched *w, const char *const *labels, char *text,
                           size_t size) {
    (void)labels;
    if (!w->n_exploding)
        return false;
    snprintf(text, size,
             "exploding gradient: the norm at step %lld is %.3g, over %.0f times the median of the "
             "steps before, %.3g (so at %lld steps); a lower learning rate or clipping may help",
             (long long)w->exploding_step, w->exploding_norm, EXPLODING_RATIO, w->exploding_median,
             (long long)w->n_exploding);
    return true;
}

static bool small_validation_text(const as_watched *w, const char *const *labels, char *text,
                                  size_t size) {
    (void)labels;
    if (!(w->seen & AS_WATCH_SMALL_VALIDATION))
        return false;
    snprintf(text, size,
             "small validation set: from %u texts an accuracy is known only to over %.0f points "
             "either way; entries and epochs closer than that cannot be told apart by it",
             (unsigned)w->n_validation, 100 * LARGEST_HALF_WIDTH);
    return true;
}

static bool warmup_text(const as_watched *w, const char *const *labels, char *text, size_t size) {
    (void)labels;
    if (!(w->seen & AS_WATCH_WARMUP))
        return false;
    snprintf(text, size,
             "the warm-up takes %lld steps, the whole run %lld: the learning rate never gets there",
             (long long)w->warmup_steps, (long long)w->planned_steps);
    return true;
}

bool as_watched_text(const as_watched *watched, size_t i, const char *const *labels, char *text,
                     size_t size) {
    static bool (*const tellers[])(const as_watched *, const char *const *, char *, size_t) = {
        overfitting_text, one_class_text, exploding_text, small_validation_text, warmup_text};
    char sentence[400];
    for (size_t k = 0; k < sizeof tellers / sizeof tellers[0]; k++)
        if (tellers[k](watched, labels, sentence, sizeof sentence) && i-- == 0) {
            snprintf(text, size, "%s", sentence);
            return true;
        }
    return false;
}
