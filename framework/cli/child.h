/* SPDX-License-Identifier: MIT */
/* cli/child.h: running plugin code in a process of its own, so that a plugin that crashes or hangs
 * costs an answer, not the program. The child is this program again, as `assay probe`. */
#ifndef AS_CLI_CHILD_H
#define AS_CLI_CHILD_H

#include <jansson.h>

#include "assay/status.h"
#include "base/arena.h"

enum { AS_CHILD_SECONDS = 10 };

/* What the child says last on the descriptor of progress, with its exit code: without it a plugin
 * has ended the process. */
#define AS_CHILD_DONE "done"

/* [main] `assay probe WORK ARGS` (work: "show", "run", "check") with this program's stdin, stdout
 * and stderr, for at most `seconds`; *ret_code is its exit code. CRASHED or TIMED_OUT name `what`,
 * as "bad.so: build". */
ASSAY_MUST_USE assay_status as_child_run(const char *work, int argc, char **argv, const char *what,
                                         int seconds, int *ret_code, assay_error *error);

/* [main] Asks about every plugin of a list; *ret_list (a JSON array the caller drops) has one
 * object each, in order, as `assay probe` answered; {"id", "status": "failed", "reason"} for one
 * that crashed or hung. kind: "models" or "backends". */
ASSAY_MUST_USE assay_status as_child_probe(as_arena *arena, const char *kind,
                                           const char *const *ids, size_t n, json_t **ret_list,
                                           assay_error *error);

/* [main] show's work, in the child. */
int as_show(int argc, char **argv);

/* [main] plugin check's work, in the child. */
int as_plugin_check_main(int argc, char **argv);

/* [main] In the child: what `assay run ARGS` would be refused for, see as_suite_check. */
int as_run_check(int argc, char **argv);

#endif
