/* SPDX-License-Identifier: MIT */
/* train/watch.h: what a run is watched for while it trains, and what to say about it. None of it
 * stops a run (a loss that is not a number does: as_train_run).
 *
 *     over-fitting      an epoch's train accuracy is above 0.85 and more than 0.10 above its
 *                       validation accuracy. Train accuracy is the mean over the epoch's own steps
 *                       (dropout on, weights changing), so a gap is rather hidden than made up
 *     one class         all validation texts of an epoch are predicted as one class, while their
 *                       labels are of two or more; told when it is so in the epoch that is kept
 *     exploding norm    a step's gradient norm, before clipping, is over 1000 times the median of
 *                       those of the 255 steps before it (of all before it, at least 20, at first)
 *     small validation  half the 95 % interval (Wilson) of the kept epoch's validation accuracy is
 *                       over 5 points: entries closer than that cannot be told apart by it, nor
 *                       epochs be chosen
 *     warm-up           the run's steps, as planned, are no more than those of its warm-up */
#ifndef AS_TRAIN_WATCH_H
#define AS_TRAIN_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AS_WATCH_OVERFITTING = 1,
    AS_WATCH_ONE_CLASS = 2,
    AS_WATCH_EXPLODING = 4,
    AS_WATCH_SMALL_VALIDATION = 8,
    AS_WATCH_WARMUP = 16,
};

enum { AS_WATCH_NORMS = 255 };

/* An epoch as the watchers see it; accuracies NaN where unknown. */
typedef struct as_watch_epoch {
    int32_t epoch;
    double train_accuracy, validation_accuracy;
    int32_t only_class; /* the one class predicted for all validation texts; -1: several, or none */
    int32_t n_classes_of; /* classes among the labels of the validation texts */
    uint32_t n_validation;
} as_watch_epoch;

/* What was seen. */
typedef struct as_watched {
    uint32_t seen;         /* AS_WATCH_* */
    int32_t n_overfitting; /* epochs; the first and the latest of them */
    as_watch_epoch overfitting_first, overfitting_last;
    int32_t n_one_class;                 /* epochs */
    int32_t kept_epoch;                  /* 0: the initial weights */
    int32_t kept_class;                  /* the only class that the kept epoch predicts; -1 */
    int64_t n_exploding, exploding_step; /* how many, the first */
    double exploding_norm, exploding_median;
    double validation_half_width; /* of the kept epoch; NaN */
    uint32_t n_validation;
    int64_t warmup_steps, planned_steps;
} as_watched;

typedef struct as_watch {
    as_watched found;
    double latest[AS_WATCH_NORMS], sorted[AS_WATCH_NORMS]; /* norms, in order of time and of size */
    int32_t n_norms, next;
    uint32_t now; /* AS_WATCH_* of the latest epoch, and what stays true */
} as_watch;

/* [any] Watchers of a run of so many steps. */
void as_watch_start(as_watch *watch, int64_t warmup_steps, int64_t planned_steps);
/* [any] For a run that goes on: everything but `sorted` has been set, n_norms and next within their
 * bounds. false: a norm isn't finite. */
bool as_watch_take_up(as_watch *watch);
/* [any] One optimizer step; a norm that isn't finite is nobody's here. */
void as_watch_step(as_watch *watch, int64_t step, double grad_norm);
/* [any] A finished epoch. */
void as_watch_epoch_done(as_watch *watch, const as_watch_epoch *epoch);
/* [any] The epoch whose weights are left; NULL: none was finished. */
void as_watch_finish(as_watch *watch, const as_watch_epoch *kept);

/* [any] The most urgent of `now` in a word or two, for a line that is drawn while training; NULL:
 * nothing there. */
const char *as_watch_word(uint32_t now);

/* [any] One of AS_WATCH_* as a line that is printed when it is first seen; NULL: no such. */
const char *as_watch_line(uint32_t one);

/* [any] The i-th thing worth a warning, as a sentence with its figures; labels name the classes.
 * false: there are only i, the text is untouched. */
bool as_watched_text(const as_watched *watched, size_t i, const char *const *labels, char *text,
                     size_t size);

#endif
