/* SPDX-License-Identifier: MIT */
/* Splitting, PATH and the environment. No shell takes part, so nothing in a suite is expanded. */
#include "command.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"

extern char **environ;

enum { MAX_PATH = 4096, MAX_VARIABLES = 256 };

static const char adapters_word[] = "{adapters}";

/* Passed on as they are; a name that ends in '*' is a prefix. */
static const char *const allowed[] = {"PATH",  "HOME",         "USER",           "LOGNAME",
                                      "LANG",  "LC_*",         "TMPDIR",         "TZ",
                                      "XDG_*", "ASSAY_PEER_*", "LD_LIBRARY_PATH"};
/* "=N" is added to these, so that no library takes more threads than the cell may. */
static const char *const thread_variables[] = {"OMP_NUM_THREADS", "MKL_NUM_THREADS",
                                               "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
/* A measurement asks no network, and leaves no files beside the adapters. */
static const char *const fixed[] = {"OMP_DYNAMIC=false", "HF_HUB_OFFLINE=1",
                                    "TRANSFORMERS_OFFLINE=1", "TOKENIZERS_PARALLELISM=false",
                                    "PYTHONDONTWRITEBYTECODE=1"};

static assay_status no_memory(assay_error *error) {
    return external_fail(error, ASSAY_OUT_OF_MEMORY, "no memory for the command");
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Beside the file that this code was loaded from: models/external.so, models/external/adapters.
 * Linked into a program, it is beside the built plugins. */
static bool adapters_folder(char *folder, size_t size) {
    Dl_info info;
    char path[MAX_PATH];
    struct stat found;
    if (!dladdr((const void *)adapters_word, &info) || !info.dli_fname)
        return false;
    char *real = realpath(info.dli_fname, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    if (slash)
        *slash = '\0';
    bool good = slash && snprintf(path, sizeof path, "%s/external/adapters", real) < MAX_PATH;
    if (good && stat(path, &found) != 0)
        good =
            snprintf(path, sizeof path, "%s/plugins/models/external/adapters", real) < MAX_PATH &&
            stat(path, &found) == 0;
    free(real);
    return good && (size_t)snprintf(folder, size, "%s", path) < size;
}

typedef struct splitter {
    external_command *command;
    size_t n_words, n; /* bytes of `word` */
    char word[MAX_PATH], adapters[MAX_PATH];
    assay_error *error;
} splitter;

static assay_status add_bytes(splitter *s, const char *bytes, size_t n) {
    if (n >= sizeof s->word - s->n)
        return external_fail(s->error, ASSAY_INVALID_ARGUMENT,
                             "options.command: word %zu is over %d bytes long", s->n_words + 1,
                             MAX_PATH - 1);
    memcpy(s->word + s->n, bytes, n);
    s->n += n;
    return ASSAY_OK;
}

static assay_status end_word(splitter *s) {
    if (s->n_words == EXTERNAL_MAX_WORDS)
        return external_fail(s->error, ASSAY_INVALID_ARGUMENT, "options.command: over %d words",
                             EXTERNAL_MAX_WORDS);
    char *copy = strndup(s->word, s->n);
    if (!copy)
        return no_memory(s->error);
    s->command->words[s->n_words++] = copy;
    s->n = 0;
    return ASSAY_OK;
}

static assay_status split(splitter *s, const char *text) {
    size_t n_adapters = sizeof adapters_word - 1;
    assay_status status = ASSAY_OK;
    bool inside = false; /* a word, which may be empty: '' */
    char quote = '\0';
    for (; status == ASSAY_OK && *text; text++) {
        if (quote ? *text == quote : *text == '\'' || *text == '"') {
            quote = quote ? '\0' : *text;
            inside = true;
        } else if (!quote && *text == ' ') {
            status = inside ? end_word(s) : ASSAY_OK;
            inside = false;
        } else if (strncmp(text, adapters_word, n_adapters) == 0) {
            status = add_bytes(s, s->adapters, strlen(s->adapters));
            text += n_adapters - 1;
            inside = true;
        } else {
            status = add_bytes(s, text, 1);
            inside = true;
        }
    }
    if (status == ASSAY_OK && quote)
        return external_fail(s->error, ASSAY_INVALID_ARGUMENT,
                             "options.command: the quote %c is not closed", quote);
    return status == ASSAY_OK && inside ? end_word(s) : status;
}

/* ---- the program ----------------------------------------------------------------------------- */

static bool is_program(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) && access(path, X_OK) == 0;
}

/* Replaces a name without a slash by its path. */
static assay_status find_program(char **word, assay_error *error) {
    const char *folders = getenv("PATH");
    char path[MAX_PATH];
    if (strchr(*word, '/')) {
        if (is_program(*word))
            return ASSAY_OK;
        return external_fail(error, ASSAY_UNAVAILABLE, "the program %s is not there", *word);
    }
    while (folders && *folders) {
        size_t n = strcspn(folders, ":");
        int used = snprintf(path, sizeof path, "%.*s/%s", (int)n, folders, *word);
        if (n && used > 0 && used < MAX_PATH && is_program(path)) {
            char *copy = strdup(path);
            if (!copy)
                return no_memory(error);
            free(*word);
            *word = copy;
            return ASSAY_OK;
        }
        folders += n + (folders[n] == ':');
    }
    return external_fail(error, ASSAY_UNAVAILABLE, "no program %s in PATH", *word);
}

/* ---- the environment ------------------------------------------------------------------------- */

static bool is_allowed(const char *pair) {
    size_t n_name = strcspn(pair, "=");
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        size_t n = strlen(allowed[i]);
        if (allowed[i][n - 1] == '*' ? strncmp(pair, allowed[i], n - 1) == 0
                                     : n == n_name && strncmp(pair, allowed[i], n) == 0)
            return true;
    }
    return false;
}

static assay_status make_environment(external_command *command, int32_t threads,
                                     assay_error *error) {
    size_t n = 0, n_added = sizeof thread_variables / sizeof thread_variables[0] +
                            sizeof fixed / sizeof fixed[0];
    command->environment = calloc(MAX_VARIABLES + 1, sizeof *command->environment);
    if (!command->environment)
        return no_memory(error);
    for (char **pair = environ; *pair && n + n_added < MAX_VARIABLES; pair++)
        if (is_allowed(*pair) && !(command->environment[n++] = strdup(*pair)))
            return no_memory(error);
    for (size_t i = 0; i < sizeof thread_variables / sizeof thread_variables[0]; i++) {
        char pair[64];
        snprintf(pair, sizeof pair, "%s=%d", thread_variables[i], (int)threads);
        if (!(command->environment[n++] = strdup(pair)))
            return no_memory(error);
    }
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (!(command->environment[n++] = strdup(fixed[i])))
            return no_memory(error);
    return ASSAY_OK;
}

assay_status external_command_parse(const char *text, int32_t threads,
                                    external_command *ret_command, assay_error *error) {
    external_command command = {.environment = NULL};
    splitter *s = calloc(1, sizeof *s);
    assay_status status = ASSAY_OK;
    if (!s)
        return no_memory(error);
    s->command = &command;
    s->error = error;
    if (strstr(text, adapters_word) && !adapters_folder(s->adapters, sizeof s->adapters))
        status = external_fail(error, ASSAY_NOT_FOUND,
                               "options.command: the folder of the adapters is not there");
    if (status == ASSAY_OK)
        status = split(s, text);
    if (status == ASSAY_OK && !command.words[0])
        status = external_fail(error, ASSAY_INVALID_ARGUMENT,
                               "options.command is empty; name the program, as \"python3 "
                               "{adapters}/sklearn_tfidf_lr.py\"");
    free(s);
    if (status == ASSAY_OK)
        status = find_program(&command.words[0], error);
    if (status == ASSAY_OK)
        status = make_environment(&command, threads, error);
    if (status == ASSAY_OK)
        *ret_command = command;
    else
        external_command_done(&command);
    return status;
}

void external_command_done(external_command *command) {
    for (size_t i = 0; command->words[i]; i++)
        free(command->words[i]);
    for (size_t i = 0; command->environment && command->environment[i]; i++)
        free(command->environment[i]);
    free(command->environment);
    *command = (external_command){.environment = NULL};
}
