/* SPDX-License-Identifier: MIT */
/* bench_external.c: what the pipe protocol of the model `external` costs: predictions by a program
 * that answers zeros, in C (this one, started as `bench_external child`) and in Python (adapters/
 * null.py). Prints JSON: microseconds of a round trip, median and 99th percentile, for one text and
 * for a batch.
 *
 *     build/tests/bench/bench_external plugins/models/external/adapters/null.py */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assay/model.h"
#include "base/clock.h"
#include "plugins/models/external/protocol.h"

enum { CLASSES = 2, LONGEST = 256, MOST_ROWS = 32, WARM_UP = 200, RUNS = 2000 };

const assay_plugin *assay_plugin_query_external(const assay_host *host);

/* ---- the child ------------------------------------------------------------------------------- */

static void read_all(void *bytes, size_t n) {
    char *at = bytes;
    while (n) {
        ssize_t got = read(STDIN_FILENO, at, n);
        if (got <= 0)
            exit(0);
        at += got;
        n -= (size_t)got;
    }
}

static void write_all(const void *bytes, size_t n) {
    const char *at = bytes;
    while (n) {
        ssize_t put = write(STDOUT_FILENO, at, n);
        if (put <= 0)
            exit(1);
        at += put;
        n -= (size_t)put;
    }
}

static int child(void) {
    static char payload[1 << 20], reply[16 + 4 * CLASSES * MOST_ROWS];
    const struct {
        external_greeting greeting;
        external_frame frame;
        external_ready ready;
    } hello = {{EXTERNAL_MAGIC, EXTERNAL_VERSION, 0},
               {EXTERNAL_READY, 0, sizeof(external_ready)},
               {0, EXTERNAL_CAN_TRAIN, 0}};
    external_greeting greeting;
    external_frame frame;
    external_batch batch;
    read_all(&greeting, sizeof greeting);
    read_all(&frame, sizeof frame);
    read_all(payload, (size_t)frame.length);
    write_all(&hello, sizeof hello);
    for (;;) {
        read_all(&frame, sizeof frame);
        if (frame.type != EXTERNAL_PREDICT || frame.length > sizeof payload)
            return 0;
        read_all(payload, (size_t)frame.length);
        memcpy(&batch, payload, sizeof batch);
        frame = (external_frame){EXTERNAL_LOGITS, 0, 4 * CLASSES * (uint64_t)batch.n_rows};
        memcpy(reply, &frame, sizeof frame);
        write_all(reply, sizeof frame + (size_t)frame.length);
    }
}

/* ---- the host -------------------------------------------------------------------------------- */

static void require(assay_status status, const assay_error *error) {
    if (status == ASSAY_OK)
        return;
    fprintf(stderr, "bench_external: %s: %s\n", error->where, error->text);
    exit(1);
}

static int compare_ns(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const assay_model_opaque *model, void *state, int32_t n_rows, const char *name,
                    bool first) {
    static int32_t ids[MOST_ROWS * LONGEST], offsets[MOST_ROWS + 1];
    static uint64_t keys[MOST_ROWS];
    static float logits[MOST_ROWS * CLASSES];
    static int64_t ns[RUNS];
    assay_error error = ASSAY_ERROR_INIT;
    for (int32_t i = 0; i <= n_rows; i++)
        offsets[i] = i * LONGEST;
    const assay_batch batch = {.struct_size = sizeof batch,
                               .n_rows = n_rows,
                               .n_tokens = n_rows * LONGEST,
                               .ids = ids,
                               .offsets = offsets,
                               .row_keys = keys};
    for (int i = -WARM_UP; i < RUNS; i++) {
        int64_t start_ns = as_clock_ns();
        require(model->predict(state, &batch, logits, &error), &error);
        if (i >= 0)
            ns[i] = as_clock_ns() - start_ns;
    }
    qsort(ns, RUNS, sizeof *ns, compare_ns);
    printf(
        "%s  {\"child\": \"%s\", \"rows\": %d, \"tokens\": %d, \"p50_us\": %.1f, \"p99_us\": %.1f}",
        first ? "" : ",\n", name, n_rows, n_rows * LONGEST, (double)ns[RUNS / 2] * 1e-3,
        (double)ns[RUNS * 99 / 100] * 1e-3);
}

static void run(const assay_plugin *plugin, const char *name, const char *command, bool first) {
    const assay_model_opaque *model = plugin->get_interface(ASSAY_MODEL_OPAQUE);
    /* The layout of the plugin's options: three texts, two numbers. */
    const struct {
        const char *command, *weights, *settings;
        double timeout_start, timeout_step;
    } options = {command, "", "", 60, 60};
    const assay_model_config config = {.struct_size = sizeof config,
                                       .n_classes = CLASSES,
                                       .vocab_size = 1000,
                                       .max_tokens = LONGEST,
                                       .options = &options,
                                       .threads = 1};
    assay_error error = ASSAY_ERROR_INIT;
    void *state = NULL;
    require(model->create(&config, &state, &error), &error);
    measure(model, state, 1, name, first);
    measure(model, state, MOST_ROWS, name, false);
    model->destroy(state);
}

int main(int argc, char **argv) {
    const assay_host host = {sizeof host, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR, 0, "bench"};
    char program[4096], command[4200];
    if (argc == 2 && strcmp(argv[1], "child") == 0)
        return child();
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (argc != 2 || n <= 0) {
        fputs("usage: bench_external .../adapters/null.py\n", stderr);
        return 64;
    }
    program[n] = '\0';
    printf("[\n");
    snprintf(command, sizeof command, "'%s' child", program);
    run(assay_plugin_query_external(&host), "c", command, true);
    snprintf(command, sizeof command, "python3 '%s'", argv[1]);
    run(assay_plugin_query_external(&host), "python", command, false);
    printf("\n]\n");
    return 0;
}
