/* SPDX-License-Identifier: MIT */
/* The parent's side of `assay probe`. */
#include "cli/child.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cell/process.h"
#include "cli/commands.h"

static assay_status build_argv(as_arena *arena, const char *first, size_t n,
                               const char *const *rest, const char ***ret_argv,
                               assay_error *error) {
    const char **argv = as_arena_alloc_array(arena, n + 4, sizeof *argv);
    const char *program = as_program_path();
    size_t used = 0;
    if (!argv || !program)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "probe", "no memory, or /proc is not mounted");
    argv[used++] = program;
    argv[used++] = "probe";
    argv[used++] = first;
    for (size_t i = 0; i < n; i++)
        argv[used++] = rest[i];
    argv[used] = NULL;
    *ret_argv = argv;
    return ASSAY_OK;
}

/* The child's last word. */
typedef struct last_word {
    bool said;
    int code;
} last_word;

static void on_word(void *context, const char *line) {
    last_word *word = context;
    word->said = sscanf(line, AS_CHILD_DONE " %d", &word->code) == 1;
}

static assay_status fail_child(const as_process_config *config, const as_process_result *result,
                               const char *what, assay_error *error) {
    char text[200];
    as_process_text(config, result, text, sizeof text);
    if (result->end == AS_PROCESS_EXITED)
        return as_fail(error, ASSAY_CRASHED, what,
                       "the plugin ended the process itself (%s); a plugin returns a status and "
                       "never calls exit",
                       text);
    return as_fail(error, result->end == AS_PROCESS_TIMED_OUT ? ASSAY_TIMED_OUT : ASSAY_CRASHED,
                   what, "%s\ndo     run it under a debugger: gdb --args %s probe ...", text,
                   config->argv[0]);
}

/* Ctrl-C means all of it. */
static assay_status follow_stop(const as_process_result *result, const char *what,
                                assay_error *error) {
    if (result->end != AS_PROCESS_STOPPED)
        return ASSAY_OK;
    as_die_of(result->code);
    return as_fail(error, ASSAY_INTERRUPTED, what, "stopped");
}

assay_status as_child_run(const char *work, int argc, char **argv, const char *what, int seconds,
                          int *ret_code, assay_error *error) {
    as_arena *arena = as_arena_new();
    const char **words = NULL;
    as_process_result result;
    last_word word = {false, 0};
    if (!arena)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, what, "no memory");
    assay_status status =
        build_argv(arena, work, (size_t)argc, (const char *const *)(uintptr_t)argv, &words, error);
    as_process_config config = {
        .argv = words, .timeout_seconds = seconds, .context = &word, .on_line = on_word};
    if (status == ASSAY_OK)
        status = as_process_run(&config, &result, error);
    if (status == ASSAY_OK)
        status = follow_stop(&result, what, error);
    if (status == ASSAY_OK && result.end == AS_PROCESS_EXITED && word.said &&
        word.code == result.code)
        *ret_code = result.code;
    else if (status == ASSAY_OK)
        status = fail_child(&config, &result, what, error);
    as_arena_free(arena);
    return status;
}

static void on_line(void *list, const char *line) {
    json_error_t ignored;
    json_t *answer = json_loads(line, 0, &ignored); /* its last word is none */
    if (answer)
        json_array_append_new(list, answer);
}

assay_status as_child_probe(as_arena *arena, const char *kind, const char *const *ids, size_t n,
                            json_t **ret_list, assay_error *error) {
    json_t *list = json_array();
    assay_status status = ASSAY_OK;
    /* One process asks about all; after a crash another goes on behind the culprit. */
    while (status == ASSAY_OK && json_array_size(list) < n) {
        size_t done = json_array_size(list);
        const char **argv = NULL;
        as_process_result result;
        char reason[200];
        status = build_argv(arena, kind, n - done, ids + done, &argv, error);
        as_process_config config = {
            .argv = argv, .timeout_seconds = AS_CHILD_SECONDS, .context = list, .on_line = on_line};
        if (status == ASSAY_OK)
            status = as_process_run(&config, &result, error);
        if (status == ASSAY_OK)
            status = follow_stop(&result, kind, error);
        size_t now = json_array_size(list);
        if (status != ASSAY_OK || now >= n)
            continue;
        as_process_text(&config, &result, reason, sizeof reason);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", ids[now], "status", "failed",
                                              "reason", reason));
    }
    if (status != ASSAY_OK) {
        json_decref(list);
        return status;
    }
    *ret_list = list;
    return ASSAY_OK;
}
