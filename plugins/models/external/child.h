/* SPDX-License-Identifier: MIT */
/* child.h: a child process that is spoken to through pipes: its start and end, and bytes with a
 * deadline. Knows nothing of the protocol. Shared by the files of `external`. */
#ifndef EXTERNAL_CHILD_H
#define EXTERNAL_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "assay/status.h"

enum { EXTERNAL_LINE_BYTES = 256 };

typedef struct external_child {
    pid_t pid; /* 0: none, or reaped */
    int in;    /* its standard input, our end to write to; -1: closed */
    int out;   /* its standard output */
    int err;   /* its standard error, passed on to ours */
    int end;   /* as waitpid tells, once reaped */
    bool ended;
    uint64_t n_log; /* bytes passed on */
    /* the last line it wrote there that isn't empty, and the one it is writing */
    char last[EXTERNAL_LINE_BYTES], line[EXTERNAL_LINE_BYTES];
    size_t n_line;
} external_child;

/* What became of a transfer. */
typedef enum external_io {
    EXTERNAL_IO_DONE,
    EXTERNAL_IO_TIMED_OUT,
    EXTERNAL_IO_INPUT_CLOSED,  /* it reads no more */
    EXTERNAL_IO_OUTPUT_CLOSED, /* it writes no more */
    EXTERNAL_IO_SPOKE_EARLY,   /* it wrote before it had read all: read that first */
    EXTERNAL_IO_FAILED,        /* errno */
} external_io;

/* Formats and records a failure. */
assay_status external_fail(assay_error *error, assay_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Everything that is not printable ASCII becomes '?', in place. */
void external_clean(char *text, size_t n);
int64_t external_now_ns(void);

/* Starts argv[0] (a path) with this environment. It dies with this process's calling thread. It
 * stays in this process's group, so that whoever ends the group ends all its descendants too. */
ASSAY_MUST_USE assay_status external_child_start(external_child *child, char *const *argv,
                                                 char *const *envp, assay_error *error);
/* Writes all, or says what stopped it. */
external_io external_child_write(external_child *child, const void *bytes, size_t n,
                                 int64_t deadline_ns);
/* Reads at least `least` and at most `most` bytes. *ret_n is set whatever happens. */
external_io external_child_read(external_child *child, void *bytes, size_t least, size_t most,
                                int64_t deadline_ns, size_t *ret_n);
/* Waits that long at most until it has written something or closed its output. */
bool external_child_answers(external_child *child, double seconds);
/* Closes its input, waits that long for its end, then kills it. Reaps it in any case; all
 * descriptors are closed. Does nothing the second time. */
void external_child_end(external_child *child, double patience_seconds);

#endif
