/* SPDX-License-Identifier: MIT */
/* external: drives any program through two pipes, so that an implementation in another language or
 * library is trained and measured by the same host on the same batches (docs/external.md). An
 * opaque model. Whatever the program does wrong becomes an error of the call that met it, and the
 * program is killed; it is never spoken to again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "assay/model.h"
#include "child.h"
#include "command.h"
#include "protocol.h"

typedef struct external_options {
    const char *command, *weights, *settings;
    double timeout_start, timeout_step;
} external_options;

static const assay_option options[] = {
    ASSAY_OPTION_TEXT(external_options, command, 4096,
                      "program and arguments; {adapters}: those of assay"),
    ASSAY_OPTION_TEXT(external_options, weights, 4096,
                      "file or folder that the program starts from"),
    ASSAY_OPTION_TEXT(external_options, settings, 4096, "handed to the program as it is"),
    ASSAY_OPTION_REAL(external_options, timeout_start, 600, 0.01, 1e6, "until it is ready, s"),
    ASSAY_OPTION_REAL(external_options, timeout_step, 600, 0.01, 1e6, "of each request, s"),
};

static const double patience_seconds = 5; /* for an exit that was asked for */
static const double sudden_seconds = 1;   /* for the end of a program that closed its pipes */

typedef struct external {
    external_options options;
    external_command command;
    external_child child;
    int32_t n_classes;
    int64_t n_parameters;
    uint32_t capabilities;
    char libraries[EXTERNAL_TEXT_MOST + 1];
    char *buffer; /* of a request, then of its reply */
    size_t size;
    int64_t n_steps;
} external;

/* A reply as it is expected. */
typedef struct expectation {
    const char *during; /* "predict" */
    uint32_t type;
    size_t least, most; /* bytes behind the frame */
    double seconds;
} expectation;

static assay_status no_memory(assay_error *error) {
    return external_fail(error, ASSAY_OUT_OF_MEMORY, "no memory for a message");
}

/* ---- what went wrong ------------------------------------------------------------------------- */

/* Kills it and says so. `what` begins the sentence behind its name. */
static assay_status broken(external *m, assay_status status, const expectation *e, const char *what,
                           assay_error *error) {
    external_child_end(&m->child, 0);
    return external_fail(error, status, "%.300s %s (%s, after %lld steps)%s%s", m->command.words[0],
                         what, e->during, (long long)m->n_steps,
                         m->child.last[0] ? "; its last message: " : "", m->child.last);
}

/* It closed a pipe, most likely because it ended: how? */
static assay_status gone(external *m, const expectation *e, const char *what, assay_error *error) {
    char text[160];
    external_child_end(&m->child, sudden_seconds);
    if (!m->child.ended)
        snprintf(text, sizeof text, "%s but went on; it was killed", what);
    else if (WIFSIGNALED(m->child.end))
        snprintf(text, sizeof text, "was ended by signal %d (%s)", WTERMSIG(m->child.end),
                 strsignal(WTERMSIG(m->child.end)));
    else
        snprintf(text, sizeof text, "ended with exit status %d", WEXITSTATUS(m->child.end));
    return broken(m, ASSAY_CRASHED, e, text, error);
}

static assay_status io_failed(external *m, external_io io, const expectation *e,
                              assay_error *error) {
    char text[80];
    switch (io) {
    case EXTERNAL_IO_TIMED_OUT:
        snprintf(text, sizeof text, "gave no answer in %.6g s and was killed", e->seconds);
        return broken(m, ASSAY_TIMED_OUT, e, text, error);
    case EXTERNAL_IO_INPUT_CLOSED:
        return gone(m, e, "closed its standard input", error);
    case EXTERNAL_IO_OUTPUT_CLOSED:
        return gone(m, e, "closed its standard output", error);
    default:
        return broken(m, ASSAY_IO, e, "cannot be spoken to", error);
    }
}

/* The statuses that a program may give itself; everything else is its failure. */
static assay_status told_status(uint32_t status) {
    static const assay_status known[] = {ASSAY_INVALID_ARGUMENT, ASSAY_OUT_OF_MEMORY,
                                         ASSAY_UNSUPPORTED, ASSAY_UNAVAILABLE};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (status == (uint32_t)known[i])
            return known[i];
    return ASSAY_INTERNAL;
}

static const char *type_name(uint32_t type) {
    static const char *const names[] = {"READY", "LOSS", "LOGITS", "DONE", "ERROR"};
    return type >= EXTERNAL_READY && type <= EXTERNAL_ERROR ? names[type - EXTERNAL_READY] : "";
}

/* ---- messages -------------------------------------------------------------------------------- */

static assay_status reserve(external *m, size_t size, assay_error *error) {
    if (size <= m->size)
        return ASSAY_OK;
    char *wider = realloc(m->buffer, size);
    if (!wider)
        return no_memory(error);
    m->buffer = wider;
    m->size = size;
    return ASSAY_OK;
}

/* An ERROR frame, its first bytes read already: reads the rest, passes on what it says. */
static assay_status told_error(external *m, const external_frame *frame, size_t n_read,
                               const expectation *e, int64_t deadline_ns, assay_error *error) {
    char *at = m->buffer + sizeof *frame, text[EXTERNAL_TEXT_MOST + 1];
    size_t have = n_read - sizeof *frame, length = (size_t)frame->length, n = 0;
    uint32_t code;
    if (frame->length < sizeof code || frame->length > sizeof code + EXTERNAL_TEXT_MOST ||
        have > length)
        return broken(m, ASSAY_BAD_DATA, e, "sent an ERROR of a wrong length", error);
    external_io io =
        external_child_read(&m->child, at + have, length - have, length - have, deadline_ns, &n);
    if (io != EXTERNAL_IO_DONE)
        return io_failed(m, io, e, error);
    memcpy(&code, at, sizeof code);
    length -= sizeof code;
    memcpy(text, at + sizeof code, length);
    text[length] = '\0';
    external_clean(text, length);
    external_child_end(&m->child, sudden_seconds);
    return external_fail(error, told_status(code), "%.800s (%s, after %lld steps)", text, e->during,
                         (long long)m->n_steps);
}

static assay_status check_frame(external *m, const external_frame *frame, const expectation *e,
                                assay_error *error) {
    char text[240], seen[sizeof *frame + 1] = "";
    const char *name = type_name(frame->type);
    if (frame->type == e->type && frame->length >= e->least && frame->length <= e->most)
        return ASSAY_OK;
    if (frame->type == e->type) {
        snprintf(text, sizeof text, "sent %s of %llu bytes; expected %zu%s", name,
                 (unsigned long long)frame->length, e->least, e->most > e->least ? " or more" : "");
        return broken(m, ASSAY_BAD_DATA, e, text, error);
    }
    memcpy(seen, frame, sizeof *frame);
    external_clean(seen, sizeof *frame);
    snprintf(text, sizeof text, "sent %s%s%s%s in place of %s", name[0] ? name : "\"",
             name[0] ? "" : seen, name[0] ? "" : "\"", name[0] ? "" : ", which is no message,",
             type_name(e->type));
    return broken(m, ASSAY_BAD_DATA, e, text, error);
}

/* Reads a reply into the buffer behind its frame; `sent` is how the request went. */
static assay_status receive(external *m, const expectation *e, external_io sent,
                            int64_t deadline_ns, size_t *ret_length, assay_error *error) {
    external_frame frame;
    size_t n = 0, more = 0, errors = sizeof(uint32_t) + EXTERNAL_TEXT_MOST;
    size_t room = e->most > errors ? e->most : errors;
    assay_status status = reserve(m, sizeof frame + room, error);
    if (status != ASSAY_OK)
        return status;
    /* Not a byte more than the reply has: what follows it would be rubbish. */
    external_io io = external_child_read(&m->child, m->buffer, sizeof frame,
                                         sizeof frame + e->least, deadline_ns, &n);
    if (io != EXTERNAL_IO_DONE)
        return io_failed(m, io, e, error);
    memcpy(&frame, m->buffer, sizeof frame);
    if (frame.type == EXTERNAL_ERROR)
        return told_error(m, &frame, n, e, deadline_ns, error);
    status = check_frame(m, &frame, e, error);
    if (status != ASSAY_OK)
        return status;
    if (sent == EXTERNAL_IO_SPOKE_EARLY)
        return broken(m, ASSAY_BAD_DATA, e, "answered before it had read the request", error);
    if (sent != EXTERNAL_IO_DONE)
        return io_failed(m, sent, e, error);
    size_t length = (size_t)frame.length, left = sizeof frame + length - n;
    io = external_child_read(&m->child, m->buffer + n, left, left, deadline_ns, &more);
    if (io != EXTERNAL_IO_DONE)
        return io_failed(m, io, e, error);
    *ret_length = length;
    return ASSAY_OK;
}

/* Sends `size` bytes of the buffer and awaits the reply. */
static assay_status call(external *m, size_t size, const expectation *e, size_t *ret_length,
                         assay_error *error) {
    int64_t deadline_ns = external_now_ns() + (int64_t)(e->seconds * 1e9);
    if (m->child.pid <= 0)
        return external_fail(error, ASSAY_CRASHED, "%.300s has ended before (%s)",
                             m->command.words[0], e->during);
    external_io io = external_child_write(&m->child, m->buffer, size, deadline_ns);
    bool answers = io == EXTERNAL_IO_DONE || io == EXTERNAL_IO_SPOKE_EARLY;
    if (io == EXTERNAL_IO_INPUT_CLOSED) /* it may have said why, or say how it ended */
        answers = external_child_answers(&m->child, sudden_seconds);
    if (!answers)
        return io_failed(m, io, e, error);
    return receive(m, e, io, deadline_ns, ret_length, error);
}

/* A request without content, answered by DONE. */
static assay_status ask(external *m, uint32_t type, const char *during, assay_error *error) {
    const external_frame frame = {type, 0, 0};
    expectation e = {during, EXTERNAL_DONE, 0, 0, m->options.timeout_step};
    size_t length;
    memcpy(m->buffer, &frame, sizeof frame);
    return call(m, sizeof frame, &e, &length, error);
}

/* ---- start ----------------------------------------------------------------------------------- */

static expectation starting(const external *m) {
    return (expectation){"start", EXTERNAL_READY, sizeof(external_ready),
                         sizeof(external_ready) + EXTERNAL_TEXT_MOST, m->options.timeout_start};
}

/* The greeting and HELLO into the buffer. */
static assay_status put_hello(external *m, const assay_model_config *config, size_t *ret_size,
                              assay_error *error) {
    size_t n_weights = strlen(m->options.weights), n_settings = strlen(m->options.settings);
    const external_greeting greeting = {EXTERNAL_MAGIC, EXTERNAL_VERSION, 0};
    const external_hello hello = {.n_classes = (uint32_t)config->n_classes,
                                  .threads = (uint32_t)config->threads,
                                  .vocab_size = (uint64_t)config->vocab_size,
                                  .max_tokens = (uint64_t)config->max_tokens,
                                  .seed = config->seed,
                                  .n_weights = (uint32_t)n_weights,
                                  .n_settings = (uint32_t)n_settings};
    const external_frame frame = {EXTERNAL_HELLO, 0, sizeof hello + n_weights + n_settings};
    size_t size = sizeof greeting + sizeof frame + (size_t)frame.length;
    assay_status status = reserve(m, size, error);
    if (status != ASSAY_OK)
        return status;
    char *at = m->buffer;
    memcpy(at, &greeting, sizeof greeting);
    memcpy(at += sizeof greeting, &frame, sizeof frame);
    memcpy(at += sizeof frame, &hello, sizeof hello);
    memcpy(at += sizeof hello, m->options.weights, n_weights);
    memcpy(at + n_weights, m->options.settings, n_settings);
    *ret_size = size;
    return ASSAY_OK;
}

static assay_status read_greeting(external *m, const expectation *e, int64_t deadline_ns,
                                  assay_error *error) {
    external_greeting found;
    char text[120], seen[sizeof found.magic + 1] = "";
    size_t n = 0;
    external_io io =
        external_child_read(&m->child, &found, sizeof found, sizeof found, deadline_ns, &n);
    if (n >= sizeof found.magic && memcmp(found.magic, EXTERNAL_MAGIC, sizeof found.magic) != 0) {
        memcpy(seen, found.magic, sizeof found.magic);
        external_clean(seen, sizeof found.magic);
        snprintf(text, sizeof text, "wrote \"%s\" in place of the greeting \"%s\"", seen,
                 EXTERNAL_MAGIC);
        return broken(m, ASSAY_BAD_DATA, e, text, error);
    }
    if (io != EXTERNAL_IO_DONE)
        return io_failed(m, io, e, error);
    if (found.version != EXTERNAL_VERSION || found.reserved) {
        snprintf(text, sizeof text, "speaks version %u of the protocol; expected %d", found.version,
                 EXTERNAL_VERSION);
        return broken(m, ASSAY_BAD_DATA, e, text, error);
    }
    return ASSAY_OK;
}

static assay_status read_ready(external *m, const expectation *e, size_t length,
                               assay_error *error) {
    external_ready ready;
    memcpy(&ready, m->buffer + sizeof(external_frame), sizeof ready);
    if (ready.n_text != length - sizeof ready || ready.n_parameters < -1)
        return broken(m, ASSAY_BAD_DATA, e, "contradicts itself in READY", error);
    memcpy(m->libraries, m->buffer + sizeof(external_frame) + sizeof ready, ready.n_text);
    m->libraries[ready.n_text] = '\0';
    external_clean(m->libraries, ready.n_text);
    m->n_parameters = ready.n_parameters;
    m->capabilities = ready.capabilities;
    return ASSAY_OK;
}

static assay_status start(external *m, const assay_model_config *config, assay_error *error) {
    const expectation e = starting(m);
    int64_t deadline_ns = external_now_ns() + (int64_t)(e.seconds * 1e9);
    size_t size = 0, length = 0;
    assay_status status =
        external_command_parse(m->options.command, config->threads, &m->command, error);
    if (status == ASSAY_OK)
        status = put_hello(m, config, &size, error);
    if (status == ASSAY_OK)
        status = external_child_start(&m->child, m->command.words, m->command.environment, error);
    if (status != ASSAY_OK)
        return status;
    /* What stops it from reading shows in what it writes, or doesn't. */
    external_io io = external_child_write(&m->child, m->buffer, size, deadline_ns);
    if (io == EXTERNAL_IO_TIMED_OUT || io == EXTERNAL_IO_FAILED)
        return io_failed(m, io, &e, error);
    status = read_greeting(m, &e, deadline_ns, error);
    if (status == ASSAY_OK)
        status = receive(m, &e, io, deadline_ns, &length, error);
    return status == ASSAY_OK ? read_ready(m, &e, length, error) : status;
}

static void destroy(void *model) {
    external *m = model;
    if (!m)
        return;
    if (m->child.pid > 0) {
        const external_frame finish = {EXTERNAL_FINISH, 0, 0};
        (void)external_child_write(&m->child, &finish, sizeof finish, external_now_ns());
        external_child_end(&m->child, patience_seconds);
    }
    external_command_done(&m->command);
    free(m->buffer);
    free(m);
}

static assay_status create(const assay_model_config *config, void **ret_model, assay_error *error) {
    external *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(error);
    memcpy(&m->options, config->options, sizeof m->options);
    m->n_classes = config->n_classes;
    assay_status status = start(m, config, error);
    if (status == ASSAY_OK)
        *ret_model = m;
    else
        destroy(m);
    return status;
}

/* ---- work ------------------------------------------------------------------------------------ */

/* A request with a batch into the buffer; *ret_size its bytes. */
static assay_status put_batch(external *m, uint32_t type, const assay_batch *batch,
                              const assay_train_step *step, size_t *ret_size, assay_error *error) {
    size_t n_rows = (size_t)batch->n_rows, n_tokens = (size_t)batch->n_tokens;
    bool labels = step && batch->labels;
    size_t n_labels = labels ? n_rows : 0;
    bool last = step && (batch->flags & ASSAY_BATCH_LAST);
    const external_batch head = {.learning_rate = step ? step->learning_rate : 0,
                                 .step = step ? step->step : 0,
                                 .epoch = step ? step->epoch : 0,
                                 .n_rows = batch->n_rows,
                                 .n_tokens = batch->n_tokens,
                                 .flags = (labels ? EXTERNAL_HAS_LABELS : 0U) |
                                          (last ? EXTERNAL_LAST_OF_EPOCH : 0U)};
    const size_t sizes[] = {sizeof head, 8 * n_rows, 4 * (n_rows + 1), 4 * n_tokens, 4 * n_labels};
    const void *const parts[] = {&head, batch->row_keys, batch->offsets, batch->ids, batch->labels};
    external_frame frame = {type, 0, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        frame.length += sizes[i];
    assay_status status = reserve(m, sizeof frame + (size_t)frame.length, error);
    if (status != ASSAY_OK)
        return status;
    char *at = m->buffer;
    memcpy(at, &frame, sizeof frame);
    at += sizeof frame;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i])
            memcpy(at, parts[i], sizes[i]);
        at += sizes[i];
    }
    *ret_size = sizeof frame + (size_t)frame.length;
    return ASSAY_OK;
}

static assay_status train_step(void *model, const assay_batch *batch, const assay_train_step *step,
                               double *ret_loss, assay_error *error) {
    external *m = model;
    const expectation e = {"train_step", EXTERNAL_LOSS, sizeof(double), sizeof(double),
                           m->options.timeout_step};
    size_t size = 0, length;
    if (!batch->labels)
        return external_fail(error, ASSAY_INVALID_ARGUMENT, "training needs labels");
    if (!(m->capabilities & EXTERNAL_CAN_TRAIN))
        return external_fail(error, ASSAY_UNSUPPORTED,
                             "%.300s only predicts; set training.epochs to 0", m->command.words[0]);
    assay_status status = put_batch(m, EXTERNAL_TRAIN_STEP, batch, step, &size, error);
    if (status == ASSAY_OK)
        status = call(m, size, &e, &length, error);
    if (status != ASSAY_OK)
        return status;
    memcpy(ret_loss, m->buffer + sizeof(external_frame), sizeof *ret_loss);
    m->n_steps++;
    return ASSAY_OK;
}

static assay_status predict(void *model, const assay_batch *batch, float *logits,
                            assay_error *error) {
    external *m = model;
    size_t n = (size_t)batch->n_rows * (size_t)m->n_classes, size = 0, length;
    const expectation e = {"predict", EXTERNAL_LOGITS, 4 * n, 4 * n, m->options.timeout_step};
    assay_status status = put_batch(m, EXTERNAL_PREDICT, batch, NULL, &size, error);
    if (status == ASSAY_OK)
        status = call(m, size, &e, &length, error);
    if (status != ASSAY_OK)
        return status;
    const char *found = m->buffer + sizeof(external_frame);
    for (size_t i = 0; i < n; i++) {
        float logit;
        memcpy(&logit, found + 4 * i, sizeof logit);
        if (!isfinite(logit)) {
            char text[120];
            snprintf(text, sizeof text, "gave the logit %g for class %zu of row %zu", (double)logit,
                     i % (size_t)m->n_classes, i / (size_t)m->n_classes);
            return broken(m, ASSAY_BAD_DATA, &e, text, error);
        }
    }
    memcpy(logits, found, 4 * n);
    return ASSAY_OK;
}

static assay_status keep(void *model, assay_error *error) {
    external *m = model;
    if (!(m->capabilities & EXTERNAL_CAN_KEEP))
        return external_fail(error, ASSAY_UNSUPPORTED,
                             "%.300s cannot keep its best state, which training needs",
                             m->command.words[0]);
    return ask(m, EXTERNAL_KEEP, "keep", error);
}

static assay_status restore(void *model, assay_error *error) {
    return ask(model, EXTERNAL_RESTORE, "restore", error);
}

static int64_t n_parameters(const void *model) {
    const external *m = model;
    return m->n_parameters;
}

static const char *libraries(const void *model) {
    const external *m = model;
    return m->libraries;
}

static const assay_model_opaque opaque_model = {
    sizeof opaque_model, 0, create, train_step, predict, keep, restore, n_parameters, destroy,
};

static const assay_model_libraries model_libraries = {sizeof model_libraries, 0, libraries};

static const void *get_interface(const char *name) {
    if (strcmp(name, ASSAY_MODEL_LIBRARIES) == 0)
        return &model_libraries;
    return strcmp(name, ASSAY_MODEL_OPAQUE) == 0 ? &opaque_model : NULL;
}

static const assay_plugin plugin = {
    sizeof plugin,
    ASSAY_ABI_MAJOR,
    0,
    ASSAY_PLUGIN_KIND_MODEL,
    "external",
    "1.0",
    "MIT",
    "any program, through pipes (PyTorch, scikit-learn, ...)",
    "",
    options,
    sizeof options / sizeof options[0],
    sizeof(external_options),
    get_interface,
    NULL,
};

ASSAY_DEFINE_PLUGIN(plugin)
