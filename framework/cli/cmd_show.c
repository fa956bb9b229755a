/* SPDX-License-Identifier: MIT */
/* assay show MODEL: what a model is. The work is a child's (show.c): a plugin that crashes in build
 * ends in a message. */
#include <stdio.h>

#include "cli/child.h"
#include "cli/commands.h"

static const char usage[] =
    "usage: assay show MODEL [--classes N] [--vocab N] [--strategy KIND[:LAYERS]]\n"
    "                        [--set OPTION=VALUE]... [--json | --dot]\n"
    "\n"
    "Shows a model's options, its parameters by tensor and its graph; no data is needed. MODEL is\n"
    "an id (assay list models) or the path of a shared object.\n"
    "\n"
    "  --classes N            classes to tell apart (default 2)\n"
    "  --vocab N              words in the vocabulary (default 5000)\n"
    "  --strategy KIND        what is trained: full, freeze, hybrid:LAYERS, gradual (default "
    "full)\n"
    "  --set OPTION=VALUE     an option of the model; may be given several times\n"
    "  --json                 for programs\n"
    "  --dot                  the graph for Graphviz\n"
    "\n"
    "Examples\n"
    "  assay show gru --set hidden=128\n"
    "  assay show ./my_model.so --classes 10\n"
    "  assay show transformer --dot | dot -Tsvg > transformer.svg\n"
    "\n"
    "Exit status: 0 done, 3 the plugin crashed or hung, 64 usage. See assay-show(1).\n";

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    int code = AS_EXIT_FAILED;
    const char *what = argc > 0 && argv[0][0] != '-' ? argv[0] : "show";
    assay_status status = as_child_run("show", argc, argv, what, AS_CHILD_SECONDS, &code, &error);
    return status == ASSAY_OK ? code : as_print_error(&error);
}

const as_command as_command_show = {"show", "a model's options, parameters and graph", usage, run};
