/* SPDX-License-Identifier: MIT */
/* The watchers' rules at their edges, and their sentences. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "train/watch.h"

static as_watch watch;
static char text[512];
static const char *const labels[] = {"ham", "spam"};

static void set_up(void) {
    as_watch_start(&watch, 0, 100);
    strcpy(text, "untouched");
}

TestSuite(watch, .init = set_up);

static as_watch_epoch epoch_of(int32_t epoch, double train, double validation) {
    return (as_watch_epoch){epoch, train, validation, -1, 2, 5000};
}

static void done(int32_t epoch, double train, double validation) {
    as_watch_epoch one = epoch_of(epoch, train, validation);
    as_watch_epoch_done(&watch, &one);
}

Test(watch, nothing_seen_nothing_said) {
    for (int64_t step = 1; step <= 600; step++)
        as_watch_step(&watch, step, 1.0 + (double)(step % 7));
    done(1, 0.84, 0.5);  /* a gap, but train is not high */
    done(2, 0.95, 0.86); /* high, but no gap */
    done(3, (double)NAN, 0.5);
    done(4, 0.99, (double)NAN);
    as_watch_epoch kept = epoch_of(2, 0.95, 0.86);
    as_watch_finish(&watch, &kept);
    cr_assert_eq(watch.found.seen, 0);
    cr_assert_not(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert_str_eq(text, "untouched");
}

Test(watch, over_fitting) {
    done(1, 0.80, 0.60);
    done(2, 0.86, 0.74);
    done(3, 0.97, 0.70);
    done(4, 0.97, 0.88);
    cr_assert_eq(watch.found.seen, AS_WATCH_OVERFITTING);
    cr_assert_eq(watch.found.n_overfitting, 2);
    cr_assert(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert(strstr(text, "over-fitting in 2 epochs, first in epoch 2: 0.9700"), "%s", text);
    cr_assert(strstr(text, "0.7000 of the validation texts"), "%s", text);
    cr_assert_not(as_watched_text(&watch.found, 1, labels, text, sizeof text));
}

Test(watch, one_class_counts_where_it_is_kept) {
    as_watch_epoch first = {1, 0.5, 0.5, 1, 2, 5000}, second = {2, 0.7, 0.7, -1, 2, 5000};
    as_watch_epoch_done(&watch, &first);
    as_watch_epoch_done(&watch, &second);
    cr_assert_eq(watch.found.seen, AS_WATCH_ONE_CLASS);
    cr_assert_eq(watch.now, 0); /* no longer */
    as_watch_finish(&watch, &second);
    cr_assert_not(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    as_watch_finish(&watch, &first);
    cr_assert(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert(strstr(text, "predicted as \"spam\" by epoch 1"), "%s", text);
}

Test(watch, one_class_of_one_is_right) {
    as_watch_epoch first = {1, 0.5, 1, 1, 1, 5000};
    as_watch_epoch_done(&watch, &first);
    as_watch_finish(&watch, &first);
    cr_assert_eq(watch.found.seen, 0);
    cr_assert_eq(watch.found.kept_class, -1);
}

Test(watch, exploding_norm) {
    for (int64_t step = 1; step <= 19; step++)
        as_watch_step(&watch, step, step == 10 ? 1e9 : 2); /* too early to tell */
    as_watch_step(&watch, 20, 1e9);
    cr_assert_eq(watch.found.seen, 0);
    as_watch_step(&watch, 21, 1999);
    as_watch_step(&watch, 22, INFINITY);
    as_watch_step(&watch, 23, (double)NAN);
    cr_assert_eq(watch.found.seen, 0);
    as_watch_step(&watch, 24, 2001);
    as_watch_step(&watch, 25, 5000);
    cr_assert_eq(watch.found.seen, AS_WATCH_EXPLODING);
    cr_assert_eq(watch.found.n_exploding, 2);
    cr_assert_eq(watch.found.exploding_step, 24);
    cr_assert(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert(strstr(text, "at step 24 is 2e+03"), "%s", text);
}

/* The median follows the run: what explodes early may be usual later. */
Test(watch, the_median_is_of_the_steps_before) {
    for (int64_t step = 1; step <= 300; step++)
        as_watch_step(&watch, step, 1);
    for (int64_t step = 301; step <= 301 + AS_WATCH_NORMS; step++)
        as_watch_step(&watch, step, 5000);
    cr_assert_eq(watch.found.n_exploding, 128); /* until they are half of the 255 */
}

Test(watch, the_sorted_norms_are_the_latest) {
    as_random random = as_random_init(3, 0);
    double all[1000];
    for (int i = 0; i < 1000; i++) {
        all[i] = (double)as_random_below(&random, 50);
        as_watch_step(&watch, i + 1, all[i]);
    }
    cr_assert_eq(watch.n_norms, AS_WATCH_NORMS);
    for (int value = 0; value < 50; value++) {
        int expected = 0, found = 0;
        for (int i = 1000 - AS_WATCH_NORMS; i < 1000; i++)
            expected += all[i] == value;
        for (int i = 0; i < AS_WATCH_NORMS; i++)
            found += watch.sorted[i] == value;
        cr_assert_eq(found, expected);
    }
    for (int i = 1; i < AS_WATCH_NORMS; i++)
        cr_assert_leq(watch.sorted[i - 1], watch.sorted[i]);
}

Test(watch, small_validation_set) {
    as_watch_epoch kept = epoch_of(1, 0.5, 0.5);
    kept.n_validation = 385; /* 1.96 sqrt(0.25 / 385) is just below 0.05 */
    as_watch_epoch_done(&watch, &kept);
    cr_assert_eq(watch.now, 0);
    as_watch_finish(&watch, &kept);
    cr_assert_eq(watch.found.seen, 0);
    kept.n_validation = 370;
    as_watch_epoch_done(&watch, &kept);
    cr_assert_eq(watch.now, AS_WATCH_SMALL_VALIDATION); /* shown while it trains, */
    cr_assert_eq(watch.found.seen, 0);                  /* warned of for the epoch that is kept */
    cr_assert_null(as_watch_word(watch.now));
    as_watch_finish(&watch, &kept);
    cr_assert_eq(watch.found.seen, AS_WATCH_SMALL_VALIDATION);
    cr_assert(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert_float_eq(watch.found.validation_half_width, 0.0507, 1e-4);
    cr_assert(strstr(text, "from 370 texts an accuracy is known only to over 5 points"), "%s",
              text);
}

Test(watch, without_validation_nothing_is_small) {
    as_watch_epoch kept = {1, 0.5, (double)NAN, -1, 0, 0};
    as_watch_epoch_done(&watch, &kept);
    cr_assert_eq(watch.now, 0);
    as_watch_finish(&watch, &kept);
    cr_assert_eq(watch.found.seen, 0);
    as_watch_finish(&watch, NULL);
    cr_assert_eq(watch.found.kept_epoch, 1);
}

Test(watch, words_while_it_lasts) {
    as_watch_epoch collapsed = {2, 0.5, 0.5, 0, 2, 5000};
    cr_assert_null(as_watch_word(watch.now));
    done(1, 0.95, 0.6);
    cr_assert_str_eq(as_watch_word(watch.now), "over-fitting");
    as_watch_epoch_done(&watch, &collapsed);
    cr_assert_str_eq(as_watch_word(watch.now), "one class only");
    for (int64_t step = 1; step <= 21; step++)
        as_watch_step(&watch, step, step == 21 ? 1e4 : 1);
    cr_assert_str_eq(as_watch_word(watch.now), "gradient explodes");
    done(3, 0.7, 0.7);
    cr_assert_str_eq(as_watch_word(watch.now), "gradient explodes");
    cr_assert_eq(watch.found.seen, AS_WATCH_OVERFITTING | AS_WATCH_ONE_CLASS | AS_WATCH_EXPLODING);
}

Test(watch, warm_up_without_end) {
    as_watch_start(&watch, 99, 100);
    cr_assert_eq(watch.found.seen, 0);
    as_watch_start(&watch, 100, 100);
    cr_assert_eq(watch.now, AS_WATCH_WARMUP);
    cr_assert(as_watched_text(&watch.found, 0, labels, text, sizeof text));
    cr_assert(strstr(text, "takes 100 steps, the whole run 100"), "%s", text);
}

Test(watch, every_bit_has_its_line) {
    for (uint32_t one = AS_WATCH_OVERFITTING; one <= AS_WATCH_WARMUP; one <<= 1)
        cr_assert(as_watch_line(one), "%u", one);
    cr_assert_null(as_watch_line(AS_WATCH_WARMUP << 1));
}
