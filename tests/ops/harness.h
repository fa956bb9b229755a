/* SPDX-License-Identifier: MIT */
/* harness.h: what the operation, gradient and row-independence tests share: a backend with a
 * session over one graph, reproducible parameters and batches, comparison, and output in the Test
 * Anything Protocol. Anything unexpected (a status other than ok) ends the program with "Bail
 * out!". */
#ifndef TESTS_OPS_HARNESS_H
#define TESTS_OPS_HARNESS_H

#include <stdbool.h>

#include "assay/backend.h"
#include "base/arena.h"
#include "plugin/plugin.h"

/* ---- Test Anything Protocol ---- */

/* [main] Takes --fail-fast (exit at the first failure) and --threads N (of every device, default 1)
 * out of the arguments. */
void tap_init(int *argc, char **argv);
/* [main] One numbered result; returns `ok`. */
bool tap_ok(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tap_skip(const char *name, const char *reason);
_Noreturn void tap_bail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* [main] Prints the plan; returns the exit status of main. */
int tap_done(void);

/* Bails out unless ok. */
void require(assay_status status, const assay_error *error);
/* Memory or bail out. */
void *require_alloc(as_arena *arena, size_t n, size_t size);

/* ---- loading: load.c through the host's loader; tests/mutation/load_static.c loads `reference`
 * without it, and no model ---- */

const assay_backend *load_backend(as_arena *arena, const char *id);
/* A plugin's option by name. */
#define OPTION(name, value)                                                                        \
    { name, AS_OPTION_NUMBER, value, NULL }

/* A built-in graph model with its gradient (label smoothing 0.1). Free the graph. */
assay_graph *load_model(as_arena *arena, const char *id, const as_option_value *options,
                        size_t n_options, int64_t n_ids, int32_t n_classes);

/* ---- a backend with one graph ---- */

typedef struct runner {
    const assay_backend *backend;
    const assay_graph_view *graph;
    assay_device *device;
    assay_session *session;
} runner;

/* ASSAY_DTYPE_* of "f32", "f64", "bf16", "tf32" or "fp16"; bails out for another name. */
int32_t dtype_named(const char *name);
/* [main] False, with a skipped result, where this machine cannot compute in that dtype. */
bool dtype_is_offered(const assay_backend *backend, int32_t dtype);

runner runner_open(const assay_backend *backend, int32_t dtype, const assay_graph_view *graph);
void runner_close(runner *r);

/* Draws every parameter from (seed, name): embeddings in [-1.5, 1.5], matrices by their fan-in,
 * vectors in [-1, 1]; exact in f32; constants with values as they are. levels > 0 rounds to
 * multiples of 1 / levels, which makes ties.
 */
void runner_draw_parameters(runner *r, uint64_t seed, int32_t levels);
void runner_zero_gradients(runner *r);

assay_plan *runner_compile(runner *r, int32_t kind, int32_t max_rows, int32_t max_tokens);
void runner_run(runner *r, assay_plan *plan, const assay_batch *batch, const assay_step *step);
double *runner_read(runner *r, as_arena *arena, assay_plan *plan, assay_value value, int64_t n);
double *runner_download(runner *r, as_arena *arena, int32_t state, uint32_t parameter);
void runner_upload(runner *r, int32_t state, uint32_t parameter, const double *data);

/* Logits (dropout off), loss and gradients of one batch, gradients zeroed before. */
typedef struct run_result {
    int64_t n_logits;
    double *logits, loss;
    double **gradients; /* [n_parameters], NULL where the parameter isn't trained */
} run_result;
run_result runner_step(runner *r, as_arena *arena, const assay_batch *batch,
                       const assay_step *step);

/* AdamW as most recipes have it, without clipping. */
extern const assay_update_config usual_adamw;

assay_step make_step(int32_t dropout, uint64_t seed, double loss_scale);
/* What training multiplies the loss by, and so every gradient: 1, but in fp16 what it begins with
 * (train/loss_scale.h), as small gradients vanish otherwise. */
double loss_scale_of(int32_t dtype);

/* ---- batches ---- */

/* ids: t % n_ids over the batch, token weights 0.25 to 1.75, labels and row keys by row. */
assay_batch *make_batch(as_arena *arena, const int32_t *lengths, int32_t n_rows, int32_t n_ids,
                        int32_t n_classes);
/* Rows rows[0 .. n - 1] of `from` as a batch of their own. */
assay_batch *pick_rows(as_arena *arena, const assay_batch *from, const int32_t *rows, int32_t n);

/* ---- comparison ---- */

double max_abs(const double *x, int64_t n); /* infinity when one is not finite */
#define BF16_ROUNDOFF 0.00390625            /* 2^-8 */
/* To nearest even in eight significant bits, without looking at the encoding; normal numbers only.
 */
double bf16_rounded(double x);

/* max |a - b| / scale; infinity when an element is not finite; 0 / 0 = 0 */
double difference(const double *a, const double *b, int64_t n, double scale);
/* Largest difference of the gradients, each tensor's by its own scale: the largest |reference|, but
 * at least `floor` of the largest of all tensors (some gradients are zero but for rounding).
 * ret_worst names the parameter. */
double gradient_difference(const assay_graph_view *graph, double *const *a,
                           double *const *reference, double floor, const char **ret_worst);
/* Euclidean norm of a - b, or of b where a is NULL; infinity when an element is not finite. */
double euclidean(const double *a, const double *b, int64_t n);
/* gradient_difference with the Euclidean norm of the difference over that of the reference, which
 * is taken to be at least `floor` of all tensors', and at least least[p] where `least` is given. */
double gradient_distance(const assay_graph_view *graph, double *const *a, double *const *reference,
                         double floor, const double *least, const char **ret_worst);

#endif
