/* SPDX-License-Identifier: MIT */
/* assay: one table of sub-commands. */
#include <stdio.h>
#include <string.h>

#include "assay/version.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/version.h"

static const as_command *const commands[] = {
    &as_command_list,   &as_command_show,    &as_command_data,    &as_command_run,
    &as_command_report, &as_command_compare, &as_command_predict, &as_command_export,
    &as_command_verify, &as_command_plugin,  &as_command_cell,    &as_command_probe,
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *stream) {
    fputs("assay: benchmarks text-classification models, honestly\n\n"
          "usage: assay COMMAND ...    (assay COMMAND --help shows options and an example)\n\n",
          stream);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i]->summary)
            fprintf(stream, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nFirst steps\n"
          "  assay run quick             trains and measures three models and a baseline\n"
          "  assay show gru              what a model is: options, parameters, graph\n"
          "  assay list suites           what else can be run\n\n"
          "Exit status: 0 done, 1 regression, 2 inconclusive, 3 failed cells, 64 usage, 65 bad "
          "data\n",
          stream);
}

static int unknown_command(const char *name) {
    const char *names[N_COMMANDS];
    assay_error error = ASSAY_ERROR_INIT;
    size_t n = 0;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i]->summary)
            names[n++] = commands[i]->name;
    const char *near = as_nearest_name(name, names, n);
    (void)as_fail(&error, ASSAY_INVALID_ARGUMENT, name, "no such command%s%s%s",
                  near ? "; did you mean \"" : "; assay --help lists them", near ? near : "",
                  near ? "\"?" : "");
    return as_print_error(&error);
}

static bool asks_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return AS_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return as_close_stdout(AS_EXIT_OK);
    }
    if (strcmp(name, "--version") == 0) {
        printf("assay %s (plugin interface %d.%d)\n", AS_VERSION, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR);
        return as_close_stdout(AS_EXIT_OK);
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) != 0)
            continue;
        if (asks_help(argc - 2, argv + 2) && commands[i]->usage) {
            fputs(commands[i]->usage, stdout);
            return as_close_stdout(AS_EXIT_OK);
        }
        return as_close_stdout(commands[i]->run(argc - 2, argv + 2));
    }
    return unknown_command(name);
}
