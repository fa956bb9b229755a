/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../scratch_folder.h"
#include "cell/process.h"

typedef struct heard {
    int lines, ticks;
    char last[64];
} heard;

static void on_line(void *context, const char *line) {
    heard *h = context;
    h->lines++;
    snprintf(h->last, sizeof h->last, "%s", line);
}

static void on_tick(void *context) {
    ((heard *)context)->ticks++;
}

static as_process_result run_shell(const char *script, as_process_config config) {
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    as_process_result result;
    assay_error error = ASSAY_ERROR_INIT;
    config.argv = argv;
    if (!config.log_path)
        config.log_path = "/dev/null";
    cr_assert_eq(as_process_run(&config, &result, &error), ASSAY_OK, "%s", error.text);
    return result;
}

Test(process, exit_status_and_signal) {
    as_process_result result = run_shell("exit 7", (as_process_config){.context = NULL});
    cr_expect_eq(result.end, AS_PROCESS_EXITED);
    cr_expect_eq(result.code, 7);
    result = run_shell("kill -SEGV $$", (as_process_config){.context = NULL});
    cr_expect_eq(result.end, AS_PROCESS_SIGNALLED);
    cr_expect_eq(result.code, SIGSEGV);
}

Test(process, lines_arrive_and_the_log_is_kept) {
    heard h = {0, 0, ""};
    scratch_path folder = scratch_folder(), log = scratch_join(folder.text, "log.txt");
    run_shell("echo one >&3; echo two >&3; echo out; echo err >&2; read x || echo no input",
              (as_process_config){.log_path = log.text, .context = &h, .on_line = on_line});
    cr_expect_eq(h.lines, 2);
    cr_expect_str_eq(h.last, "two");
    char *text;
    assay_error error = ASSAY_ERROR_INIT;
    cr_assert_eq(as_file_read(log.text, 1000, &text, NULL, &error), ASSAY_OK);
    cr_expect_str_eq(text, "out\nerr\nno input\n");
    free(text);
    cr_expect_eq(as_remove_folder(folder.text, &error), ASSAY_OK);
}

Test(process, timeout_kills_the_whole_group) {
    heard h = {0, 0, ""};
    as_process_config config = {
        .timeout_seconds = 0.3, .tick_seconds = 0.05, .context = &h, .on_tick = on_tick};
    as_process_result result = run_shell("sleep 600 & sleep 600", config);
    char text[100];
    cr_expect_eq(result.end, AS_PROCESS_TIMED_OUT);
    cr_expect_geq(result.seconds, 0.3);
    cr_expect_lt(result.seconds, 20);
    cr_expect_geq(h.ticks, 3);
    as_process_text(&config, &result, text, sizeof text);
    cr_expect_str_eq(text, "timed out after 0.3 s");
}

Test(process, a_pipe_held_open_does_not_keep_it_waiting) {
    as_process_result result =
        run_shell("sleep 600 & exit 0", (as_process_config){.timeout_seconds = 30});
    cr_expect_eq(result.end, AS_PROCESS_EXITED);
    cr_expect_lt(result.seconds, 20);
}

Test(process, a_stop_signal_ends_it) {
    as_stop_begin();
    raise(SIGTERM); /* blocked until the wait */
    as_process_result result = run_shell("sleep 600", (as_process_config){.timeout_seconds = 30});
    as_stop_end();
    cr_expect_eq(result.end, AS_PROCESS_STOPPED);
    cr_expect_eq(result.code, SIGTERM);
}

Test(process, what_cannot_start_is_an_error) {
    const char *argv[] = {"/nowhere/program", NULL};
    as_process_config config = {.argv = argv, .log_path = "/dev/null"};
    as_process_result result = {.code = 77};
    assay_error error = ASSAY_ERROR_INIT;
    cr_expect_eq(as_process_run(&config, &result, &error), ASSAY_IO);
    cr_expect_eq(result.code, 77);
    cr_expect_str_eq(error.where, "/nowhere/program");
}
