/* SPDX-License-Identifier: MIT */
/* Options: --name VALUE, --name=VALUE, flags, lists; operands in between. */
#include <string.h>

#include "base/error.h"
#include "cli/commands.h"

enum { MAX_OPTIONS = 64 };

static assay_status no_memory(assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, "command line", "no memory");
}

static assay_status add_word(as_arena *arena, as_words *words, const char *word,
                             assay_error *error) {
    const char **items = as_arena_alloc_array(arena, words->n + 1, sizeof *items);
    if (!items)
        return no_memory(error);
    if (words->n)
        memcpy(items, words->items, words->n * sizeof *items);
    items[words->n] = word;
    *words = (as_words){items, words->n + 1};
    return ASSAY_OK;
}

static assay_status split_list(as_arena *arena, as_words *words, const char *name,
                               const char *value, assay_error *error) {
    *words = (as_words){NULL, 0};
    for (;;) {
        size_t n = strcspn(value, ",");
        char *item = as_arena_strndup(arena, value, n);
        if (!item)
            return no_memory(error);
        if (n == 0)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, name,
                           "has an empty item; write it as a,b,c");
        assay_status status = add_word(arena, words, item, error);
        if (status != ASSAY_OK || !value[n])
            return status;
        value += n + 1;
    }
}

static assay_status fail_unknown(const char *name, const as_arg *args, size_t n_args,
                                 assay_error *error) {
    const char *names[MAX_OPTIONS];
    size_t n = 0;
    for (; n < n_args && n < MAX_OPTIONS; n++)
        names[n] = args[n].name;
    const char *near = as_nearest_name(name, names, n);
    return as_fail(error, ASSAY_INVALID_ARGUMENT, name, "no such option%s%s%s",
                   near ? "; did you mean " : "; --help lists them", near ? near : "",
                   near ? "?" : "");
}

/* Takes the option at argv[*at], and its value where it has one. */
static assay_status take_option(as_arena *arena, int argc, char **argv, int *at, const as_arg *args,
                                size_t n_args, assay_error *error) {
    const char *word = argv[*at], *equals = strchr(word, '=');
    char name[64];
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    if (n >= sizeof name)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "command line", "no option \"%.60s...\"",
                       word);
    memcpy(name, word, n);
    name[n] = '\0';
    for (size_t i = 0; i < n_args; i++) {
        if (strcmp(args[i].name, name) != 0)
            continue;
        if (args[i].kind == AS_ARG_FLAG) {
            if (equals)
                return as_fail(error, ASSAY_INVALID_ARGUMENT, name, "takes no value");
            *(bool *)args[i].target = true;
            return ASSAY_OK;
        }
        const char *value = equals ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (!value)
            return as_fail(error, ASSAY_INVALID_ARGUMENT, name, "needs a value");
        if (args[i].kind == AS_ARG_LIST)
            return split_list(arena, args[i].target, name, value, error);
        if (args[i].kind == AS_ARG_MORE)
            return add_word(arena, args[i].target, value, error);
        *(const char **)args[i].target = value;
        return ASSAY_OK;
    }
    return fail_unknown(name, args, n_args, error);
}

assay_status as_args_parse(as_arena *arena, int argc, char **argv, const as_arg *args,
                           size_t n_args, size_t min_operands, size_t max_operands,
                           as_words *ret_operands, assay_error *error) {
    as_words operands = {NULL, 0};
    assay_status status = ASSAY_OK;
    bool options = true;
    for (int i = 0; status == ASSAY_OK && i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1])
            status = take_option(arena, argc, argv, &i, args, n_args, error);
        else
            status = add_word(arena, &operands, argv[i], error);
    }
    if (status != ASSAY_OK)
        return status;
    if (operands.n < min_operands)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "command line",
                       "%zu operand%s given, at least %zu needed; --help shows an example",
                       operands.n, operands.n == 1 ? "" : "s", min_operands);
    if (operands.n > max_operands)
        return as_fail(error, ASSAY_INVALID_ARGUMENT, "command line", "\"%.80s\" is one too many",
                       operands.items[max_operands]);
    *ret_operands = operands;
    return ASSAY_OK;
}
