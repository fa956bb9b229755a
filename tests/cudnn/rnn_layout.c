/* SPDX-License-Identifier: MIT */
/* rnn_layout.c: cuDNN's descriptors of the recurrent layers, where their weights stand, and the
 * order of tokens in time, without a GPU.
 *
 * cuDNN wants a handle for the layout though it looks at nothing in it, and makes none without a
 * device: zeroed memory stands in. That is known of 9.19 only, so other versions are skipped. */
#include "assay/batch.h"
#include "assay/graph.h"
#include "internal.h"
#include "rnn_shape.h"
#include "tap.h"

static cudnn_dnn_api api;

static void check_layout(cudnnHandle_t handle, const gpu_rnn_shape *shape) {
    static const char *const names[] = {
        [ASSAY_OP_RNN] = "rnn", [ASSAY_OP_GRU] = "gru", [ASSAY_OP_LSTM] = "lstm"};
    size_t element = shape->type == CUDNN_DATA_FLOAT ? 4 : 2, rows, parameters;
    assay_error error = ASSAY_ERROR_INIT;
    cudnnRNNDescriptor_t rnn = NULL;
    gpu_rnn_layout layout = {0};
    assay_status status = gpu_rnn_describe(&api, shape, &rnn, &error);
    if (status == ASSAY_OK)
        status = gpu_rnn_lay_out(&api, handle, rnn, shape, &layout, &error);
    rows = (size_t)(gpu_rnn_gates(shape) * shape->hidden);
    parameters = (size_t)shape->directions * rows *
                 ((size_t)shape->in + (size_t)shape->hidden + 2) * element;
    tap_ok(status == ASSAY_OK && layout.bytes >= parameters && layout.bytes <= parameters + 4096,
           "%s x %d, %d to %d, %s: %zu bytes of weights, %zu of parameters %s", names[shape->op],
           (int)shape->directions, (int)shape->in, (int)shape->hidden,
           shape->type == CUDNN_DATA_FLOAT      ? "f32"
           : shape->type == CUDNN_DATA_BFLOAT16 ? "bf16"
                                                : "fp16",
           layout.bytes, parameters, error.text);
    if (rnn)
        api.DestroyRNNDescriptor(rnn);
}

static void check_layouts(cudnnHandle_t handle) {
    static const int32_t ops[] = {ASSAY_OP_RNN, ASSAY_OP_GRU, ASSAY_OP_LSTM};
    static const int32_t sizes[][2] = {{50, 32}, {100, 64}, {300, 128}, {768, 384}, {64, 3072}};
    static const cudnnDataType_t types[] = {CUDNN_DATA_FLOAT, CUDNN_DATA_BFLOAT16, CUDNN_DATA_HALF};
    for (int o = 0; o < 3; o++)
        for (int s = 0; s < 5; s++)
            for (int t = 0; t < 3; t++)
                for (int32_t d = 1; d <= 2; d++)
                    check_layout(
                        handle, &(gpu_rnn_shape){ops[o], d, sizes[s][0], sizes[s][1], types[t], 0});
}

/* ---- the order of time ----------------------------------------------------------------------- */

static void check_order(const int32_t *lengths, int32_t n_rows, const char *what) {
    int32_t offsets[16] = {0}, sorted[32], order[256], place[256], at = 0, wrong = 0;
    assay_batch batch = {.struct_size = sizeof batch, .n_rows = n_rows, .offsets = offsets};
    for (int32_t b = 0; b < n_rows; b++)
        offsets[b + 1] = offsets[b] + lengths[b];
    batch.n_tokens = offsets[n_rows];
    gpu_order_by_time(&batch, sorted, order, place);
    for (int32_t b = 0; b < n_rows; b++) {
        wrong += sorted[b] != lengths[sorted[n_rows + b]];
        wrong += b > 0 && sorted[b] > sorted[b - 1];
    }
    for (int32_t t = 0; t < sorted[0]; t++)
        for (int32_t b = 0; b < n_rows && sorted[b] > t; b++, at++) {
            wrong += order[at] != offsets[sorted[n_rows + b]] + t;
            wrong += place[order[at]] != at;
        }
    tap_ok(wrong == 0 && at == batch.n_tokens, "order of time: %s", what);
}

int main(void) {
    cudnnHandle_t handle = calloc(1, 1 << 20);
    size_t version;
    check_order((const int32_t[]){3}, 1, "one row");
    check_order((const int32_t[]){1, 1, 1}, 3, "rows of one token");
    check_order((const int32_t[]){2, 5, 3, 5, 1}, 5, "rows of many lengths, two of them equal");
    check_order((const int32_t[]){9, 8, 7, 6}, 4, "rows that are sorted already");
    open_cudnn(&api);
    version = api.GetVersion() / 100;
    if (version == 919)
        check_layouts(handle);
    else
        printf(
            "ok %d # SKIP layout of weights: found cuDNN %zu.%zu, a stand-in for a handle is known "
            "to do with 9.19\n",
            ++tap_results, version / 100, version % 100);
    free(handle);
    return tap_done();
}
