/* SPDX-License-Identifier: MIT */
/* cell/progress.h: what a cell tells its parent while it runs: one line of key=value pairs a
 * message, each written in one go and dropped when the pipe is full, so that a cell never waits for
 * its parent.
 *
 *     stage=train epoch=4 epochs=8 share=0.62 rate=1240 loss=0.51 accuracy=0.779 watch=0 */
#ifndef AS_CELL_PROGRESS_H
#define AS_CELL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum { AS_PROGRESS_FD = 3, AS_COMMAND_FD = 4, AS_PROGRESS_LINE = 2048 };

typedef struct as_cell_progress {
    char stage[32]; /* "data", "train", "validate", "test", "single_stream", ... */
    int32_t epoch, epochs;
    double share;                           /* of this epoch or stage, 0 .. 1 */
    double tokens_per_second;               /* real tokens; NaN: unknown */
    double train_loss, validation_accuracy; /* NaN: unknown */
    uint32_t watch;                         /* AS_WATCH_*: train/watch.h */
} as_cell_progress;

/* [cell] */
void as_progress_write(int fd, const as_cell_progress *progress);
/* [main] false where the line is not of this form; unknown keys are skipped. */
bool as_progress_parse(const char *line, as_cell_progress *ret_progress);

/* ---- cells that take turns (cell/interleave.h): what the parent says on AS_COMMAND_FD and hears
 * on AS_PROGRESS_FD, a line each ("warm 0", "block 0 3", "finish"; "turn=done") -------------------
 */

typedef enum as_turn_word {
    AS_TURN_READY,   /* the cell waits for its first turn */
    AS_TURN_DONE,    /* the turn is over */
    AS_TURN_WITHOUT, /* the cell cannot run this scenario */
} as_turn_word;

/* [cell] Unlike progress, waits until the pipe takes it. */
bool as_turn_say(int fd, as_turn_word word);
/* [main] false: the line is none of these. */
bool as_turn_hear(const char *line, as_turn_word *ret_word);

#endif
