/* SPDX-License-Identifier: MIT */
/* The model `external` without the host: splitting of commands, descriptors and processes after
 * many starts and failures, answers before a request is read. tests/cli/external.sh has the rest.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/model.h"
#include "plugins/models/external/command.h"
#include "plugins/models/external/protocol.h"

/* The layout of the plugin's options. */
typedef struct options {
    const char *command, *weights, *settings;
    double timeout_start, timeout_step;
} options;

enum { ROWS = 300, LONG_ROW = 1000, CLASSES = 3, HELLO_BYTES = 16 + 16 + 48 + 2 };

const assay_plugin *assay_plugin_query_external(const assay_host *host);

static const assay_model_opaque *model_of(void) {
    const assay_host host = {sizeof host, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, 0, "test"};
    return assay_plugin_query_external(&host)->get_interface(ASSAY_MODEL_OPAQUE);
}

static assay_status start(const options *o, void **ret_state, assay_error *error) {
    const assay_model_config config = {.struct_size = sizeof config,
                                       .n_classes = CLASSES,
                                       .vocab_size = 10,
                                       .max_tokens = LONG_ROW,
                                       .options = o,
                                       .seed = 1,
                                       .threads = 1};
    *error = (assay_error)ASSAY_ERROR_INIT;
    *ret_state = NULL;
    return model_of()->create(&config, ret_state, error);
}

static int descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

/* A batch of over 1 MiB: more than a pipe holds. */
static const assay_batch *large_batch(void) {
    static int32_t ids[ROWS * LONG_ROW], offsets[ROWS + 1], labels[ROWS];
    static uint64_t keys[ROWS];
    static assay_batch batch;
    for (int32_t i = 0; i <= ROWS; i++)
        offsets[i] = i * LONG_ROW;
    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = i << 33;
    batch = (assay_batch){.struct_size = sizeof batch,
                          .n_rows = ROWS,
                          .n_tokens = ROWS * LONG_ROW,
                          .ids = ids,
                          .offsets = offsets,
                          .labels = labels,
                          .row_keys = keys};
    return &batch;
}

/* ---- commands -------------------------------------------------------------------------------- */

Test(external, commands_are_split_at_blanks_outside_of_quotes) {
    const struct {
        const char *text, *words[6];
    } cases[] = {
        {"/bin/true", {"/bin/true"}},
        {"  /bin/true   a  b ", {"/bin/true", "a", "b"}},
        {"/bin/true 'a b' \"c d\" ''", {"/bin/true", "a b", "c d", ""}},
        {"/bin/true \"it's\" '\"' x'y z'w", {"/bin/true", "it's", "\"", "xy zw"}},
        {"/bin/true $HOME * \\ ; |", {"/bin/true", "$HOME", "*", "\\", ";"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        external_command command;
        cr_assert_eq(external_command_parse(cases[i].text, 3, &command, &error), ASSAY_OK, "%s",
                     error.text);
        for (size_t w = 0; w < 5 && cases[i].words[w]; w++)
            cr_assert_str_eq(command.words[w], cases[i].words[w]);
        external_command_done(&command);
    }
}

Test(external, a_program_is_found_in_path) {
    assay_error error = ASSAY_ERROR_INIT;
    external_command command;
    setenv("PATH", "/no/such/folder::/usr:/bin:/usr/bin", 1);
    cr_assert_eq(external_command_parse("true", 3, &command, &error), ASSAY_OK, "%s", error.text);
    cr_assert(strcmp(command.words[0], "/bin/true") == 0);
    bool threads = false, path = false;
    for (char **pair = command.environment; *pair; pair++) {
        threads = threads || strcmp(*pair, "OMP_NUM_THREADS=3") == 0;
        path = path || strncmp(*pair, "PATH=/no/such/folder:", 21) == 0;
    }
    cr_assert(threads && path);
    external_command_done(&command);
}

Test(external, bad_commands_are_refused) {
    char many[300] = "/bin/true", long_word[4096 + 1];
    for (size_t i = 0; i < 64; i++)
        strcat(many, " x");
    memset(long_word, 'x', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    const struct {
        const char *text, *reason;
        assay_status status;
    } cases[] = {{"", "options.command is empty", ASSAY_INVALID_ARGUMENT},
                 {"/bin/true 'a", "the quote ' is not closed", ASSAY_INVALID_ARGUMENT},
                 {many, "over 64 words", ASSAY_INVALID_ARGUMENT},
                 {long_word, "word 1 is over 4095 bytes", ASSAY_INVALID_ARGUMENT},
                 {"/", "the program / is not there", ASSAY_UNAVAILABLE},
                 {"''", "no program  in PATH", ASSAY_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assay_error error = ASSAY_ERROR_INIT;
        external_command command = {.words = {many}};
        cr_assert_eq(external_command_parse(cases[i].text, 1, &command, &error), cases[i].status);
        cr_assert(strstr(error.text, cases[i].reason), "found '%s'", error.text);
        cr_assert_eq(command.words[0], many, "untouched on failure");
    }
}

/* ---- processes ------------------------------------------------------------------------------- */

/* Starts that fail in several ways leave neither descriptors nor processes. */
Test(external, nothing_is_left_behind, .timeout = 60) {
    const struct {
        const char *command, *reason;
    } cases[] = {{"/bin/true", "ended with exit status 0"},
                 {"/bin/sh -c 'kill -9 $$'", "was ended by signal 9"},
                 {"/bin/sh -c 'exec sleep 100 >&-'", "closed its standard output but went on"},
                 {"/bin/sleep 100", "gave no answer in 0.2 s"},
                 {"/bin/echo an ordinary program", "wrote \"an ordin\" in place"},
                 {"/etc/passwd", "is not there"}};
    int before = descriptors();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const options o = {cases[i].command, "", "", 0.2, 0.2};
        assay_error error;
        void *state;
        cr_assert_neq(start(&o, &state, &error), ASSAY_OK);
        if (i != 2) /* that one may take longer than the time-out */
            cr_assert(strstr(error.text, cases[i].reason), "found '%s'", error.text);
        cr_assert_null(state, "untouched on failure");
    }
    cr_assert_eq(descriptors(), before);
    cr_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

/* The host's own are close-on-exec; those of some library may not be. */
Test(external, descriptors_are_not_handed_on) {
    const options o = {"/bin/sh -c 'test -e /proc/$$/fd/50 && exit 9; exit 8'", "", "", 20, 20};
    assay_error error;
    void *state;
    cr_assert_eq(dup2(STDERR_FILENO, 50), 50);
    cr_assert_eq(start(&o, &state, &error), ASSAY_CRASHED);
    cr_assert(strstr(error.text, "ended with exit status 8"), "%s", error.text);
    close(50);
}

#define GREETING "ASSAYEXT\\001\\000\\000\\000\\000\\000\\000\\000"
#define READY                                                                                      \
    "\\001\\001\\000\\000\\000\\000\\000\\000\\020\\000\\000\\000\\000\\000\\000\\000"             \
    "\\005\\000\\000\\000\\000\\000\\000\\000\\003\\000\\000\\000\\000\\000\\000\\000"
#define LOSS                                                                                       \
    "\\002\\001\\000\\000\\000\\000\\000\\000\\010\\000\\000\\000\\000\\000\\000\\000"             \
    "\\000\\000\\000\\000\\000\\000\\340\\077"
#define ERROR_UNSUPPORTED                                                                          \
    "\\005\\001\\000\\000\\000\\000\\000\\000\\007\\000\\000\\000\\000\\000\\000\\000"             \
    "\\004\\000\\000\\000odd"

/* A shell that reads HELLO and is ready, answers `reply` without reading on, then does `then`. */
static assay_status one_step(const char *reply, const char *then, double *ret_loss,
                             assay_error *error) {
    char command[1500];
    const assay_train_step step = {sizeof step, 1, 1, 0.1};
    void *state;
    snprintf(command, sizeof command, "/bin/sh -c \"head -c %d >/dev/null; printf '%s%s%s'; %s\"",
             HELLO_BYTES, GREETING, READY, reply, then);
    const options o = {command, "w", "s", 20, 1};
    cr_assert_eq(start(&o, &state, error), ASSAY_OK, "%s", error->text);
    cr_assert_eq(model_of()->n_parameters(state), 5);
    assay_status status = model_of()->train_step(state, large_batch(), &step, ret_loss, error);
    model_of()->destroy(state);
    return status;
}

Test(external, a_reply_is_read, .timeout = 60) {
    assay_error error;
    double loss = NAN;
    /* frame, head, row keys, offsets, ids, labels */
    char then[200];
    snprintf(then, sizeof then, "head -c %d >/dev/null; printf '%s'; exec cat >/dev/null",
             16 + 32 + 8 * ROWS + 4 * (ROWS + 1) + 4 * ROWS * LONG_ROW + 4 * ROWS, LOSS);
    cr_assert_eq(one_step("", then, &loss, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(loss, 0.5);
}

/* A request that doesn't fit the pipe, and a program that answers without reading it. */
Test(external, an_answer_before_the_request_is_read_is_refused, .timeout = 60) {
    assay_error error;
    double loss = 7;
    cr_assert_eq(one_step(LOSS, "exec sleep 100", &loss, &error), ASSAY_BAD_DATA);
    cr_assert(strstr(error.text, "answered before it had read the request"), "%s", error.text);
    cr_assert_eq(loss, 7, "untouched on failure");
    cr_assert_eq(one_step(ERROR_UNSUPPORTED, "exec sleep 100", &loss, &error), ASSAY_UNSUPPORTED);
    cr_assert(strstr(error.text, "odd"), "%s", error.text);
}

/* The write ends with EPIPE; the signal that comes with it must not reach this process. */
Test(external, a_program_that_ends_before_it_reads_is_told_of, .timeout = 60) {
    assay_error error;
    double loss;
    signal(SIGPIPE, SIG_DFL);
    cr_assert_eq(one_step("", "exit 3", &loss, &error), ASSAY_CRASHED);
    cr_assert(strstr(error.text, "ended with exit status 3"), "%s", error.text);
    cr_assert_eq(one_step("", "exec sleep 100 <&-", &loss, &error), ASSAY_CRASHED);
    cr_assert(strstr(error.text, "closed its standard input but went on"), "%s", error.text);
}

/* One that closes its input may still say why. */
Test(external, an_error_after_its_input_is_closed_is_read, .timeout = 60) {
    assay_error error;
    double loss;
    cr_assert_eq(one_step("", "exec <&-; sleep 0.2; printf '" ERROR_UNSUPPORTED "'; exec sleep 100",
                          &loss, &error),
                 ASSAY_UNSUPPORTED, "%s", error.text);
}

Test(external, a_program_that_reads_nothing_times_out, .timeout = 60) {
    assay_error error;
    double loss;
    cr_assert_eq(one_step("", "exec sleep 100", &loss, &error), ASSAY_TIMED_OUT);
    cr_assert(strstr(error.text, "gave no answer in 1 s"), "%s", error.text);
}
