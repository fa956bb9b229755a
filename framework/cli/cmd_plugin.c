/* SPDX-License-Identifier: MIT */
/* assay plugin new NAME, assay plugin check FILE.so: from nothing to a model that can be measured.
 * The check is a child's work (plugin_check.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/paths.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "plugin/plugin.h"

enum { CHECK_SECONDS = 120 };

static const char usage[] =
    "usage: assay plugin new NAME [--out DIR]\n"
    "       assay plugin check FILE.so|ID [--set OPTION=VALUE]...\n"
    "\n"
    "new writes NAME.c, a small model that works, to start from, and prints how to compile it.\n"
    "NAME: lower case letters, digits and underscores.\n"
    "\n"
    "check loads a plugin in a process of its own and tells of each thing it looked at: the\n"
    "descriptor and its options; of a model that it builds in every form that its options offer,\n"
    "its gradient against differences of the loss, a text alone against the same in a batch, "
    "every\n"
    "backend of this machine against the reference, and that it learns a dozen texts by heart.\n"
    "\n"
    "  --out DIR              new: folder of the file (default: this one)\n"
    "  --set OPTION=VALUE     check: a configuration of the model; may be given several times\n"
    "\n"
    "Examples\n"
    "  assay plugin new my_model\n"
    "  assay plugin check ./my_model.so --set hidden=16\n"
    "\n"
    "Exit status: 0 done, nothing failed; 3 it crashed or hung; 64 usage; 65 a check failed. See\n"
    "assay-plugin(1).\n";

/* %1$s: the name. Compiled and checked as it is by tests/cli/plugin_new.sh. */
static const char template[] =
    "/* %1$s: embedding, maximum over the text, linear classifier. A start: the forward pass is\n"
    " * yours to change, the gradient follows. Layers: assay/blocks.h. */\n"
    "#include \"assay/blocks.h\"\n"
    "\n"
    "typedef struct %1$s_options {\n"
    "    int64_t embedding, hidden;\n"
    "    double dropout;\n"
    "} %1$s_options;\n"
    "\n"
    "/* field, default, least, greatest, meaning: shown by assay show, set by suites */\n"
    "static const assay_option options[] = {\n"
    "    ASSAY_OPTION_INT(%1$s_options, embedding, 100, 1, 4096, \"channels of the embedding\"),\n"
    "    ASSAY_OPTION_INT(%1$s_options, hidden, 64, 1, 4096, \"channels of the hidden layer\"),\n"
    "    ASSAY_OPTION_REAL(%1$s_options, dropout, 0.3, 0, 0.99, \"before each linear layer\"),\n"
    "};\n"
    "\n"
    "static assay_value build(const assay_builder *b, const assay_model_config *config) {\n"
    "    const %1$s_options *o = (const %1$s_options *)config->options;\n"
    "    assay_value ids = b->input(b->graph, ASSAY_INPUT_TOKEN_IDS);\n"
    "    /* TOKENS [N, C]: one vector for each token of all texts, no padding */\n"
    "    assay_value x = assay_embedding(b, \"embedding\", ids, config->vocab_size, "
    "o->embedding);\n"
    "    /* ROWS [B, C]: one vector for each text */\n"
    "    x = assay_max_pool(b, x);\n"
    "    x = assay_relu(b, assay_linear(b, \"hidden\", assay_dropout(b, x, o->dropout), "
    "o->hidden));\n"
    "    return assay_linear(b, \"classifier\", assay_dropout(b, x, o->dropout), "
    "config->n_classes);\n"
    "}\n"
    "\n"
    "ASSAY_GRAPH_MODEL(\"%1$s\", \"0.1\", \"MIT\", \"embedding, maximum, linear\", %1$s_options, "
    "options,\n"
    "                  build)\n";

/* Where the headers lie when they are not in the compiler's own path; "" when they are. */
static const char *include_option(as_arena *arena) {
    static const char header[] = "framework/include/assay/blocks.h";
    const char *suites = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    if (as_find_suite_file(arena, "../framework/include/assay/blocks.h", &suites, &ignored) !=
        ASSAY_OK)
        return "";
    char *folder = realpath(suites, NULL);
    if (!folder)
        return "";
    folder[strlen(folder) - strlen(strstr(header, "assay/")) - 1] = '\0';
    size_t size = strlen(folder) + 5;
    char *option = as_arena_alloc(arena, size);
    if (option)
        snprintf(option, size, "-I %s ", folder);
    free(folder);
    return option ? option : "";
}

static assay_status new_plugin(as_arena *arena, const char *name, const char *folder,
                               assay_error *error) {
    char file[AS_MAX_PLUGIN_ID + 3], text[sizeof template + 12 * AS_MAX_PLUGIN_ID];
    if (!as_plugin_id_valid(name))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "NAME",
                       "found \"%.80s\"; expected a lower case letter, then letters, digits and "
                       "underscores, as my_model",
                       name);
    snprintf(file, sizeof file, "%s.c", name);
    char *path = strcmp(folder, ".") == 0 ? strdup(file) : as_path_join(folder, file);
    if (!path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory");
    int length = snprintf(text, sizeof text, template, name);
    assay_status status = ASSAY_OK;
    if (as_path_exists(path))
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                         "is there already and stays as it is; choose another name or --out");
    if (status == ASSAY_OK)
        status = as_make_folders(folder, error);
    if (status == ASSAY_OK)
        status = as_file_write(path, text, (size_t)length, error);
    if (status == ASSAY_OK)
        printf("%s: written. Next\n"
               "  cc -std=c11 -O2 -fPIC -shared -fvisibility=hidden %s%s -o %s.so -lm\n"
               "  assay plugin check ./%s.so\n",
               path, include_option(arena), path, name, name);
    free(path);
    return status;
}

static assay_status check_plugin(const as_words *operands, const as_words *sets, int *ret_code,
                                 assay_error *error) {
    char *words[64];
    int n = 0;
    words[n++] = (char *)(uintptr_t)operands->items[1];
    if (sets->n > (sizeof words / sizeof words[0] - 1) / 2)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set", "given %zu times; at most 31",
                       sets->n);
    for (size_t i = 0; i < sets->n; i++) {
        words[n++] = "--set";
        words[n++] = (char *)(uintptr_t)sets->items[i];
    }
    return as_child_run("check", n, words, operands->items[1], CHECK_SECONDS, ret_code, error);
}

static assay_status plugin(as_arena *arena, int argc, char **argv, int *ret_code,
                           assay_error *error) {
    as_words operands, sets = {NULL, 0};
    const char *folder = NULL;
    const as_arg args[] = {{"--out", AS_ARG_TEXT, &folder}, {"--set", AS_ARG_MORE, &sets}};
    assay_status status = as_args_parse(arena, argc, argv, args, sizeof args / sizeof args[0], 2, 2,
                                        &operands, error);
    if (status != ASSAY_OK)
        return status;
    bool is_new = strcmp(operands.items[0], "new") == 0;
    if (is_new && sets.n)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--set", "is an option of check");
    if (is_new)
        return new_plugin(arena, operands.items[1], folder ? folder : ".", error);
    if (strcmp(operands.items[0], "check") != 0)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, operands.items[0],
                       "is not a sub-command of plugin: new or check");
    if (folder)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "--out", "is an option of new");
    return check_plugin(&operands, &sets, ret_code, error);
}

static int run(int argc, char **argv) {
    assay_error error = ASSAY_ERROR_INIT;
    as_arena *arena = as_arena_new();
    int code = AS_EXIT_OK;
    assay_status status = arena ? plugin(arena, argc, argv, &code, &error)
                                : as_fail(&error, ASSAY_OUT_OF_MEMORY, "plugin", "no memory");
    as_arena_free(arena);
    return status == ASSAY_OK ? code : as_print_error(&error);
}

const as_command as_command_plugin = {"plugin", "start a model of your own; check a plugin", usage,
                                      run};
