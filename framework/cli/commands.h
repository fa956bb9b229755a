/* SPDX-License-Identifier: MIT */
/* cli/commands.h: the table of sub-commands, and what they share: option parsing, errors on stderr,
 * exit codes. One file per sub-command; a new one is a file, a line in main.c, a line in
 * meson.build and a man page. Only this folder prints. */
#ifndef AS_CLI_COMMANDS_H
#define AS_CLI_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "assay/status.h"
#include "base/arena.h"

/* Exit codes of every sub-command (the command line is a contract). */
enum {
    AS_EXIT_OK = 0,           /* done, no regression */
    AS_EXIT_REGRESSION = 1,   /* compare */
    AS_EXIT_INCONCLUSIVE = 2, /* compare: too few samples for the asked effect */
    AS_EXIT_FAILED = 3,       /* failed cells, or infrastructure */
    AS_EXIT_USAGE = 64,
    AS_EXIT_BAD_DATA = 65,
};

typedef struct as_command {
    const char *name;
    const char *summary;               /* one line of `assay --help`; NULL: not listed */
    const char *usage;                 /* `assay NAME --help`: synopsis, options, an example */
    int (*run)(int argc, char **argv); /* arguments behind the name; returns the exit code */
} as_command;

/* One per cmd_NAME.c. */
extern const as_command as_command_cell, as_command_compare, as_command_data, as_command_export,
    as_command_list, as_command_plugin, as_command_predict, as_command_probe, as_command_report,
    as_command_run, as_command_show, as_command_verify;

/* ---- options --------------------------------------------------------------------------------- */

typedef struct as_words {
    const char **items;
    size_t n;
} as_words;

typedef enum as_arg_kind {
    AS_ARG_FLAG, /* bool */
    AS_ARG_TEXT, /* const char *, as --name VALUE or --name=VALUE */
    AS_ARG_LIST, /* as_words, "a,b,c"; given again it replaces */
    AS_ARG_MORE, /* as_words, one each time it is given */
} as_arg_kind;

typedef struct as_arg {
    const char *name; /* with the dashes */
    as_arg_kind kind;
    void *target;
} as_arg;

/* [main] Parses options anywhere among the operands; `--` ends them. INVALID_ARGUMENT suggests the
 * nearest option; more operands than max_operands, or fewer than min_operands, are an error too. */
ASSAY_MUST_USE assay_status as_args_parse(as_arena *arena, int argc, char **argv,
                                          const as_arg *args, size_t n_args, size_t min_operands,
                                          size_t max_operands, as_words *ret_operands,
                                          assay_error *error);

/* ---- what is printed ------------------------------------------------------------------------- */

/* [main] Exit code for a status. */
int as_exit_code(assay_status status);
/* [main] Prints "assay: WHERE: TEXT" to stderr, lines after the first indented; the exit code. */
int as_print_error(const assay_error *error);
/* Warns of weights that are those of an epoch before their training diverged; 0: it did not. */
void as_warn_diverged(int64_t epoch);
/* [main] Everything that was printed has arrived: flushes stdout. A full disk or a closed pipe is
 * an error to be told, whatever `code` the work ended with; returns the exit code. */
int as_close_stdout(int code);
/* [main] Ends this process by the signal that asked it to stop, so that a calling shell sees what
 * happened. */
void as_die_of(int signal_number);
/* [main] A word as a shell reads it, in quotes where it needs them. */
void as_print_word(FILE *stream, const char *word);
/* [main] 345090 as "345,090", in `text`. */
const char *as_grouped_text(int64_t n, char *text, size_t size);
/* [main] May colours be used on this stream? (terminal, TERM, NO_COLOR, FORCE_COLOR) */
bool as_use_colour(int fd);
/* [main] Columns of a terminal, 0 where it is none (pipes get all columns). */
int as_terminal_width(int fd);
/* [main] Path of this program, for running it again; NULL when it cannot be told. */
const char *as_program_path(void);

#endif
