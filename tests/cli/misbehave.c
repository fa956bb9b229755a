/* SPDX-License-Identifier: MIT */
/* An opaque model that learns nothing and can be told to fail: what a host has to survive.
 *
 *     when     create | train | predict
 *     how      nothing | crash | abort | exit | hang | eat | eat_child | diverge | refuse | env
 *
 * `eat` touches memory until it is stopped, `eat_child` does so in a child process, `env` crashes
 * only while ASSAY_TEST_MISBEHAVE is set, so that a later --resume finds it cured. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assay/model.h"

typedef struct misbehave_options {
    int64_t when, how;
} misbehave_options;

enum { CREATE, TRAIN, PREDICT };
enum { NOTHING, CRASH, ABORT, EXIT, HANG, EAT, EAT_CHILD, DIVERGE, REFUSE, ENV };

static const char *const whens[] = {"create", "train", "predict", NULL};
static const char *const hows[] = {"nothing",   "crash",   "abort",  "exit", "hang", "eat",
                                   "eat_child", "diverge", "refuse", "env",  NULL};

static const assay_option options[] = {
    ASSAY_OPTION_CHOICE(misbehave_options, when, TRAIN, whens, "the call that fails"),
    ASSAY_OPTION_CHOICE(misbehave_options, how, NOTHING, hows, "what it does then"),
};

typedef struct misbehave {
    misbehave_options options;
    int32_t n_classes;
} misbehave;

/* Volatile, so that the compiler neither sees the null pointer nor drops the stores. */
static char *volatile nowhere;

static void eat(void) {
    for (size_t size = (size_t)1 << 20;;) {
        volatile char *block = malloc(size);
        for (size_t i = 0; block && i < size; i += 512)
            block[i] = 1;
        if (!block)
            usleep(1000);
    }
}

static assay_status fail_now(const misbehave *m, int64_t when, double *loss, assay_error *error) {
    if (m->options.when != when)
        return ASSAY_OK;
    switch (m->options.how) {
    case ENV:
        if (!getenv("ASSAY_TEST_MISBEHAVE"))
            return ASSAY_OK;
        *nowhere = 1;
        break;
    case CRASH:
        fputs("misbehave: about to crash\n", stderr);
        *nowhere = 1;
        break;
    case ABORT:
        abort();
    case EXIT:
        exit(7);
    case HANG:
        for (;;)
            pause();
    case EAT:
        eat();
        break;
    case EAT_CHILD: {
        pid_t child = fork();
        if (child == 0)
            eat();
        waitpid(child, NULL, 0);
        break;
    }
    case DIVERGE:
        if (loss)
            *loss = INFINITY;
        break;
    case REFUSE:
        return assay_fail(error, ASSAY_INTERNAL, "misbehave", "refuses to go on");
    default:
        break;
    }
    return ASSAY_OK;
}

static assay_status create(const assay_model_config *config, void **ret_model, assay_error *error) {
    misbehave *m = calloc(1, sizeof *m);
    if (!m)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "misbehave", "no memory");
    memcpy(&m->options, config->options, sizeof m->options);
    m->n_classes = config->n_classes;
    assay_status status = fail_now(m, CREATE, NULL, error);
    if (status != ASSAY_OK) {
        free(m);
        return status;
    }
    *ret_model = m;
    return ASSAY_OK;
}

static assay_status train_step(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error) {
    (void)batch;
    (void)step;
    *ret_loss = 0.5;
    return fail_now(model, TRAIN, ret_loss, error);
}

static assay_status predict(void *model, const assay_batch *batch, float *logits,
                            assay_error *error) {
    const misbehave *m = model;
    memset(logits, 0, (size_t)batch->n_rows * (size_t)m->n_classes * sizeof *logits);
    return fail_now(m, PREDICT, NULL, error);
}

static int64_t n_parameters(const void *model) {
    (void)model;
    return 0;
}

static const void *get_interface(const char *name) {
    static const assay_model_opaque model = {
        sizeof(assay_model_opaque), 0, create, train_step, predict, NULL, NULL, n_parameters, free};
    return strcmp(name, ASSAY_MODEL_OPAQUE) == 0 ? &model : NULL;
}

static const assay_plugin descriptor = {sizeof(assay_plugin),
                                        ASSAY_ABI_MAJOR,
                                        0,
                                        ASSAY_PLUGIN_KIND_MODEL,
                                        "misbehave",
                                        "1.0",
                                        "MIT",
                                        "fails when and how it is told (tests)",
                                        "",
                                        options,
                                        sizeof options / sizeof options[0],
                                        sizeof(misbehave_options),
                                        get_interface,
                                        NULL};
ASSAY_DEFINE_PLUGIN(descriptor)
