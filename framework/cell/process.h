/* SPDX-License-Identifier: MIT */
/* cell/process.h: runs a child process and watches it: lines it sends, time, memory, Ctrl-C. The
 * parent sleeps in ppoll until something happens; it never spins, so that it costs the cell it
 * measures nothing. */
#ifndef AS_CELL_PROCESS_H
#define AS_CELL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "assay/status.h"

typedef enum as_process_end {
    AS_PROCESS_EXITED,        /* code: exit status */
    AS_PROCESS_SIGNALLED,     /* code: signal */
    AS_PROCESS_TIMED_OUT,     /* killed after timeout_seconds */
    AS_PROCESS_OUT_OF_BOUNDS, /* killed at memory_limit_bytes */
    AS_PROCESS_STOPPED,       /* killed because this process was asked to stop; code: that signal */
} as_process_end;

typedef struct as_process_config {
    const char *const *argv; /* NULL-terminated; argv[0] is the program's path */
    const char *const *env;  /* NULL-terminated; NULL: this process's */
    const char *log_path;    /* stdout and stderr, appended, in a process group of its own and with
                                stdin from /dev/null; NULL: all three and the group inherited */
    double timeout_seconds;  /* 0: none */
    uint64_t memory_limit_bytes; /* of its process tree; 0: none */
    double tick_seconds;         /* on_tick at least so often; 0: never */
    void *context;
    void (*on_line)(void *context, const char *line); /* what it writes to AS_PROGRESS_FD */
    void (*on_tick)(void *context);
} as_process_config;

typedef struct as_process_result {
    as_process_end end;
    int code;
    double seconds;
    uint64_t peak_bytes; /* largest resident sum seen; 0: not watched */
} as_process_result;

/* [main] A status other than ASSAY_OK means that the process could not be started. */
ASSAY_MUST_USE assay_status as_process_run(const as_process_config *config,
                                           as_process_result *ret_result, assay_error *error);

/* [main] Between these two, SIGINT, SIGTERM and SIGHUP wait until as_process_run looks. They nest.
 */
void as_stop_begin(void);
void as_stop_end(void);

/* [any] "killed by signal 11 (Segmentation fault)", "exit status 3", "timed out after 10 s". */
void as_process_text(const as_process_config *config, const as_process_result *result, char *text,
                     unsigned size);

#endif
