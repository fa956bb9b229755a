/* SPDX-License-Identifier: MIT */
/* assay cell RUN CELL WORK [hand-out|in-turn]: one cell's process, started by `assay run`; not for
 * people. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cell/run.h"
#include "cli/commands.h"

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_cell_mode mode = argc < 4                           ? AS_CELL_WHOLE
                        : strcmp(argv[3], "hand-out") == 0 ? AS_CELL_HAND_OUT
                                                           : AS_CELL_IN_TURN;
    if (argc < 3 || argc > 4 || (mode == AS_CELL_IN_TURN && strcmp(argv[3], "in-turn") != 0)) {
        fputs("assay: cell: is started by assay run\n", stderr);
        return AS_EXIT_USAGE;
    }
    assay_status status = as_cell_main(argv[0], argv[1], argv[2], mode, stderr, &error);
    int code = status == ASSAY_OK ? AS_EXIT_OK : as_print_error(&error);
    fflush(NULL);
    /* Not exit(): the record is written, and unloading OpenMP and plugins can only crash. */
    _exit(code);
}

const as_command as_command_cell = {"cell", NULL, NULL, run};
