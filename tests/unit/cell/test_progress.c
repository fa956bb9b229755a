/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "cell/progress.h"

Test(progress, what_is_written_is_read) {
    as_cell_progress sent = {.stage = "train",
                             .epoch = 4,
                             .epochs = 8,
                             .share = 0.62,
                             .tokens_per_second = 1240,
                             .train_loss = NAN,
                             .validation_accuracy = 0.779,
                             .watch = 5};
    as_cell_progress found;
    char line[AS_PROGRESS_LINE] = "";
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    as_progress_write(ends[1], &sent);
    cr_assert_gt(read(ends[0], line, sizeof line - 1), 0);
    cr_assert(as_progress_parse(line, &found));
    cr_expect_str_eq(found.stage, "train");
    cr_expect_eq(found.epoch, 4);
    cr_expect_eq(found.epochs, 8);
    cr_expect_float_eq(found.share, 0.62, 1e-12);
    cr_expect_eq(found.tokens_per_second, 1240);
    cr_expect(isnan(found.train_loss));
    cr_expect_float_eq(found.validation_accuracy, 0.779, 1e-12);
    cr_expect_eq(found.watch, 5);
}

Test(progress, a_full_pipe_drops_the_line) {
    as_cell_progress sent = {.stage = "train"};
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    for (int i = 0; i < 10000; i++)
        as_progress_write(ends[1], &sent);
    char byte;
    cr_expect_eq(read(ends[0], &byte, 1), 1);
}

Test(progress, other_lines_are_refused) {
    as_cell_progress found = {.epoch = 77};
    cr_expect_not(as_progress_parse("", &found));
    cr_expect_not(as_progress_parse("hello", &found));
    cr_expect_not(as_progress_parse("epoch=3", &found));
    cr_expect_eq(found.epoch, 77);
    cr_expect(as_progress_parse("colour=red stage=test", &found));
    cr_expect_str_eq(found.stage, "test");
    cr_expect(isnan(found.tokens_per_second));
}
