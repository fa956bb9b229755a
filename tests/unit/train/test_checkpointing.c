/* SPDX-License-Identifier: MIT */
/* Checkpointing changes where activations come from and nothing else: logits, loss, gradients and
 * trained parameters of every model are bit for bit those without, with dropout on, on both
 * backends. */
#include "tiny.h"

TestSuite(checkpointing, .init = tiny_set_up, .fini = tiny_tear_down);

static const as_graph_options plain = {.label_smoothing = 0.1, .with_gradient = 1};
static const as_graph_options again = {
    .label_smoothing = 0.1, .with_gradient = 1, .checkpointing = 1};

static uint32_t n_copies(const assay_graph_view *view) {
    uint32_t n = 0;
    for (uint32_t i = view->n_forward_nodes; i < view->n_nodes; i++)
        n += view->nodes[i].forward_node < 0;
    return n;
}

/* Three batches, the second and third in one step. */
static void expect_same_training(as_engine *a, as_engine *b, const char *what) {
    const as_train_config config = toy_config(1, 1);
    as_engine *const engines[2] = {a, b};
    double logits[2][3][TINY_CLASSES * TINY_ROWS], losses[2][3], norms[2][2];
    memset(logits, 0, sizeof logits);
    for (int e = 0; e < 2; e++) {
        as_batches *batches = NULL;
        assay_step step = {(uint32_t)sizeof step, 1, 99, 1, 0.05, 0.25, 0};
        OK(as_batches_new(arena, &data.splits[AS_SPLIT_TRAIN], TINY_ROWS, &batches, &error));
        for (int i = 0; i < 3; i++) {
            step.seed = 99 + (uint64_t)i;
            OK(as_engine_accumulate(engines[e], as_batches_next(batches), &step, logits[e][i],
                                    &losses[e][i], &error));
            if (i != 1)
                OK(as_engine_update(engines[e], &config.update, &step, &norms[e][i / 2], &error));
            step.step += i != 1;
        }
        step.seed = 5;
        OK(as_engine_accumulate(engines[e], as_batches_next(batches), &step, NULL, NULL, &error));
    }
    cr_expect_eq(memcmp(logits[0], logits[1], sizeof logits[0]), 0, "%s: logits", what);
    cr_expect_eq(memcmp(losses[0], losses[1], sizeof losses[0]), 0, "%s: losses", what);
    cr_expect_eq(memcmp(norms[0], norms[1], sizeof norms[0]), 0, "%s: norms", what);
    cr_expect_gt(norms[0][1], 0, "%s", what);
    tiny_expect_equal(a, b, ASSAY_STATE_GRADIENT, what);
    tiny_expect_equal(a, b, ASSAY_STATE_PARAMETER, what);
}

static void on_backend(const char *backend, int32_t dtype) {
    for (int m = 0; m < TINY_MODELS; m++) {
        assay_graph *graphs[2] = {tiny_model(tiny_models[m], 4, 0.2, &plain),
                                  tiny_model(tiny_models[m], 4, 0.2, &again)};
        as_engine *a = tiny_engine(graphs[0], backend, dtype);
        as_engine *b = tiny_engine(graphs[1], backend, dtype);
        cr_expect_eq(n_copies(as_graph_view(graphs[0])), 0);
        cr_expect_gt(n_copies(as_graph_view(graphs[1])), 0, "%s", tiny_models[m]);
        expect_same_training(a, b, tiny_models[m]);
        as_engine_free(a);
        as_engine_free(b);
        as_graph_free(graphs[0]);
        as_graph_free(graphs[1]);
    }
}

Test(checkpointing, same_bits_on_reference_f64) {
    on_backend("reference", ASSAY_DTYPE_F64);
}

#ifdef HAVE_ONEDNN
Test(checkpointing, same_bits_on_onednn) {
    on_backend("onednn", ASSAY_DTYPE_F32);
}

/* What is computed again is rounded again for the products that read it. */
Test(checkpointing, same_bits_on_onednn_bf16) {
    const assay_device_config config = {(uint32_t)sizeof config, ASSAY_DTYPE_BF16, 1, 0, 0};
    const assay_backend *backend = tiny_backend("onednn");
    assay_device *device = NULL;
    if (backend->open(&config, &device, &error) == ASSAY_UNSUPPORTED)
        cr_skip("%s", error.text);
    backend->close(device);
    on_backend("onednn", ASSAY_DTYPE_BF16);
}
#endif
