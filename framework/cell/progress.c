/* SPDX-License-Identifier: MIT */
/* Progress lines, written and read. A reader takes any order and any subset of the keys. */
#include "cell/progress.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void as_progress_write(int fd, const as_cell_progress *p) {
    char line[AS_PROGRESS_LINE];
    int n = snprintf(line, sizeof line,
                     "stage=%s epoch=%d epochs=%d share=%.4f rate=%.6g loss=%.6g accuracy=%.6g "
                     "watch=%u\n",
                     p->stage, p->epoch, p->epochs, p->share, p->tokens_per_second, p->train_loss,
                     p->validation_accuracy, (unsigned)p->watch);
    if (n > 0 && (size_t)n < sizeof line) {
        /* Below PIPE_BUF a write is whole or, on a full non-blocking pipe, not at all. */
        ssize_t written = write(fd, line, (size_t)n);
        (void)written;
    }
}

bool as_progress_parse(const char *line, as_cell_progress *ret_progress) {
    as_cell_progress p = {
        .share = NAN, .tokens_per_second = NAN, .train_loss = NAN, .validation_accuracy = NAN};
    char copy[AS_PROGRESS_LINE], *save = NULL;
    if (snprintf(copy, sizeof copy, "%s", line) >= (int)sizeof copy)
        return false;
    for (char *pair = strtok_r(copy, " \n", &save); pair; pair = strtok_r(NULL, " \n", &save)) {
        char *value = strchr(pair, '=');
        if (!value)
            return false;
        *value++ = '\0';
        if (strcmp(pair, "stage") == 0)
            snprintf(p.stage, sizeof p.stage, "%s", value);
        else if (strcmp(pair, "epoch") == 0)
            p.epoch = (int32_t)strtol(value, NULL, 10);
        else if (strcmp(pair, "epochs") == 0)
            p.epochs = (int32_t)strtol(value, NULL, 10);
        else if (strcmp(pair, "share") == 0)
            p.share = strtod(value, NULL);
        else if (strcmp(pair, "rate") == 0)
            p.tokens_per_second = strtod(value, NULL);
        else if (strcmp(pair, "loss") == 0)
            p.train_loss = strtod(value, NULL);
        else if (strcmp(pair, "accuracy") == 0)
            p.validation_accuracy = strtod(value, NULL);
        else if (strcmp(pair, "watch") == 0)
            p.watch = (uint32_t)strtoul(value, NULL, 10);
    }
    if (!p.stage[0])
        return false;
    *ret_progress = p;
    return true;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static const char *const turn_words[] = {"ready", "done", "without"};

bool as_turn_say(int fd, as_turn_word word) {
    char line[32];
    int n = snprintf(line, sizeof line, "turn=%s\n", turn_words[word]);
    for (;;) {
        struct pollfd wait = {fd, POLLOUT, 0};
        if (write(fd, line, (size_t)n) == n)
            return true;
        if (errno != EAGAIN && errno != EINTR)
            return false;
        if (poll(&wait, 1, -1) < 0 && errno != EINTR)
            return false;
    }
}

bool as_turn_hear(const char *line, as_turn_word *ret_word) {
    if (strncmp(line, "turn=", 5) != 0)
        return false;
    for (size_t i = 0; i < sizeof turn_words / sizeof turn_words[0]; i++) {
        if (strcmp(line + 5, turn_words[i]) == 0) {
            *ret_word = (as_turn_word)i;
            return true;
        }
    }
    return false;
}
