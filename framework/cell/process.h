/* SPDX-License-Identifier: MIT */
/* cell/process.h: runs child processes and watches them: lines they send, time, memory, Ctrl-C. The
 * parent sleeps in ppoll until something happens; it never spins, so that it costs the cell it
 * measures nothing.
 *
 *     status = as_process_run(&config, &result, error);            one, to its end
 *
 *     status = as_process_start(&config, &process, error);         several at once
 *     while (!as_process_ended(process))
 *         as_process_wait(processes, n);
 *     result = as_process_result_of(process);
 *     as_process_free(process); */
#ifndef AS_CELL_PROCESS_H
#define AS_CELL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assay/status.h"

enum { AS_PROCESS_MOST = 64 }; /* watched at once */

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
    bool takes_commands;         /* it reads lines from AS_COMMAND_FD */
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

typedef struct as_process as_process;

/* [main] Starts one, between as_stop_begin and as_stop_end. What `config` points to outlives it. A
 * status other than ASSAY_OK means that it could not be started. */
ASSAY_MUST_USE assay_status as_process_start(const as_process_config *config,
                                             as_process **ret_process, assay_error *error);
/* [main] Sleeps until something happens to one of them, and sees to it: lines, bounds, signals,
 * ends. Those that have ended are passed over. */
void as_process_wait(as_process *const *processes, size_t n);
bool as_process_ended(const as_process *process);
as_process_result as_process_result_of(const as_process *process);
/* [main] Time while `busy` is false does not count against timeout_seconds; it is true at first. */
void as_process_set_busy(as_process *process, bool busy);
/* [main] A line to its AS_COMMAND_FD; false where it takes no more. */
bool as_process_send(as_process *process, const char *line);
/* [main] Resident bytes of it and all that it started. */
uint64_t as_process_resident_bytes(const as_process *process);
/* [main] Kills what still runs. NULL allowed. */
void as_process_free(as_process *process);

/* [main] Between these two, SIGINT, SIGTERM and SIGHUP wait until as_process_run looks. They nest.
 */
void as_stop_begin(void);
void as_stop_end(void);

/* [any] "killed by signal 11 (Segmentation fault)", "exit status 3", "timed out after 10 s". */
void as_process_text(const as_process_config *config, const as_process_result *result, char *text,
                     unsigned size);

#endif
