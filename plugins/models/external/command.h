/* SPDX-License-Identifier: MIT */
/* command.h: from the text of the option `command` to what execve wants. */
#ifndef EXTERNAL_COMMAND_H
#define EXTERNAL_COMMAND_H

#include "assay/status.h"

enum { EXTERNAL_MAX_WORDS = 64 };

typedef struct external_command {
    char *words[EXTERNAL_MAX_WORDS + 1]; /* NULL-terminated; the first is a path */
    char **environment;                  /* NULL-terminated */
} external_command;

/* Words are parted by blanks; '...' and "..." hold blanks, nothing else is special. {adapters}
 * stands for the folder of the adapters that come with assay. A program without a slash is looked
 * for in PATH: ASSAY_UNAVAILABLE where it isn't. The environment is a whitelist, with the number of
 * threads for the usual libraries. On failure *ret_command holds nothing. */
ASSAY_MUST_USE assay_status external_command_parse(const char *text, int32_t threads,
                                                   external_command *ret_command,
                                                   assay_error *error);
void external_command_done(external_command *command);

#endif
