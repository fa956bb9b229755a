/* SPDX-License-Identifier: MIT */
/* cudnn/pointwise.c: element-wise operations, dropout, embedding, and copies between layouts. */
#include "internal.h"

enum { MOST_WAVES = 16 }; /* blocks of a launch for each multiprocessor, at most */

unsigned int gpu_blocks_for(const assay_device *device, int64_t n) {
    int64_t blocks = (n + GPU_BLOCK - 1) / GPU_BLOCK;
    int64_t most =
        (int64_t)(device->multiprocessors > 0 ? device->multiprocessors : 1) * MOST_WAVES;
    return (unsigned int)(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

assay_status gpu_launch_for(const gpu_run *run, int id, int64_t n, const void *arguments) {
    return gpu_launch(run->device, id, gpu_blocks_for(run->device, n), 1, GPU_BLOCK, 0, arguments,
                      run->error);
}

/* ---- helpers -------------------------------------------------------------------------------- */

assay_status gpu_zero(const gpu_run *run, CUdeviceptr data, size_t bytes) {
    return gpu_check(run->device,
                     run->device->lib->driver.cuMemsetD8Async(data, 0, bytes, run->device->stream),
                     "cuMemsetD8Async", run->error);
}

assay_status gpu_convert(const gpu_run *run, CUdeviceptr to, int32_t to_type, CUdeviceptr from,
                         int32_t from_type, size_t n) {
    gpu_convert_arguments a = {from, to, (int64_t)n, from_type, to_type, 0};
    return gpu_launch_for(run, GPU_KERNEL_convert, (int64_t)n, &a);
}

assay_status gpu_deliver(const gpu_run *run, CUdeviceptr to, CUdeviceptr from, size_t n, int add) {
    gpu_convert_arguments a = {from, to, (int64_t)n, GPU_F32, GPU_F32, add};
    return gpu_launch_for(run, GPU_KERNEL_convert, (int64_t)n, &a);
}

/* The largest unit of copies, in bytes, for rows of `bytes` bytes. */
static int32_t unit_of(size_t bytes) {
    return bytes % 16 == 0 ? 16 : bytes % 4 == 0 ? 4 : 2;
}

/* ---- element-wise --------------------------------------------------------------------------- */

assay_status gpu_run_pointwise(const gpu_run *run, const gpu_node *node, int32_t operation) {
    assay_value y = node->node->outputs[0];
    int64_t n = gpu_rows(run->plan, y) * (int64_t)gpu_channels(run->plan, y);
    gpu_pointwise_arguments a = {.a = gpu_in(run, node, 0),
                                 .b = gpu_in(run, node, 1),
                                 .y = gpu_out(run, node, 0),
                                 .n = n,
                                 .operation = operation,
                                 .add = gpu_adds(run->plan, y),
                                 .factor = (float)node->node->attrs.factor};
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_pointwise, gpu_type(run->plan, y)),
                          n / 4 + 1, &a);
}

assay_status gpu_run_add(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_ADD);
}

assay_status gpu_run_scale(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_SCALE);
}

assay_status gpu_run_relu(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_RELU);
}

assay_status gpu_run_relu_grad(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_RELU_GRAD);
}

assay_status gpu_run_gelu(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_GELU);
}

assay_status gpu_run_tanh(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_TANH);
}

assay_status gpu_run_tanh_grad(const gpu_run *run, const gpu_node *node) {
    return gpu_run_pointwise(run, node, GPU_TANH_GRAD);
}

assay_status gpu_run_dropout(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    const assay_attrs *attrs = &node->node->attrs;
    int64_t rows = gpu_rows(run->plan, y);
    gpu_dropout_arguments a = {.x = gpu_in(run, node, 0),
                               .y = gpu_out(run, node, 0),
                               .batch = run->header,
                               .token_row = gpu_batch_array(run, token_row),
                               .offsets = gpu_batch_array(run, offsets),
                               .row_keys = gpu_batch_array(run, row_keys),
                               .rows = rows,
                               .c = (int64_t)gpu_channels(run->plan, y),
                               .tokens = gpu_info(run->plan, y)->domain == ASSAY_DOMAIN_TOKENS,
                               .stream = attrs->stream,
                               .threshold = assay_dropout_threshold(attrs->probability),
                               .factor = (float)(1.0 / (1.0 - attrs->probability))};
    return gpu_launch_for(run, gpu_kernel_of(GPU_KERNEL_dropout, gpu_type(run->plan, y)),
                          rows * GPU_WARP, &a);
}

/* ---- an operand for each row, token or channel ----------------------------------------------- */

/* Arguments over output 0's rows and channels. */
static gpu_rows_arguments rows_arguments(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    return (gpu_rows_arguments){.x = gpu_in(run, node, 0),
                                .w = gpu_in(run, node, 1),
                                .y = gpu_out(run, node, 0),
                                .batch = run->header,
                                .offsets = gpu_batch_array(run, offsets),
                                .token_row = gpu_batch_array(run, token_row),
                                .rows = gpu_rows(run->plan, y),
                                .c = (int64_t)gpu_channels(run->plan, y),
                                .token = node->node->attrs.token == ASSAY_TOKEN_LAST};
}

static assay_status launch_rows(const gpu_run *run, const gpu_node *node, int first,
                                const gpu_rows_arguments *a) {
    return gpu_launch_for(run, gpu_kernel_of(first, gpu_type(run->plan, node->node->outputs[0])),
                          a->rows * a->c, a);
}

assay_status gpu_run_sinusoid(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    return launch_rows(run, node, GPU_KERNEL_sinusoid, &a);
}

assay_status gpu_run_add_row(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    a.w += (uint64_t)(node->node->attrs.begin * a.c) * sizeof(float);
    return launch_rows(run, node, GPU_KERNEL_add_row, &a);
}

assay_status gpu_run_scale_tokens(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    return launch_rows(run, node, GPU_KERNEL_scale_tokens, &a);
}

assay_status gpu_run_scale_tokens_grad(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    a.c = (int64_t)gpu_channels(run->plan, node->node->inputs[0]);
    return gpu_launch_for(
        run,
        gpu_kernel_of(GPU_KERNEL_scale_tokens_grad, gpu_type(run->plan, node->node->outputs[0])),
        a.rows * GPU_WARP, &a);
}

assay_status gpu_run_select_token(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    return launch_rows(run, node, GPU_KERNEL_select_token, &a);
}

assay_status gpu_run_select_token_grad(const gpu_run *run, const gpu_node *node) {
    gpu_rows_arguments a = rows_arguments(run, node);
    return launch_rows(run, node, GPU_KERNEL_select_token_grad, &a);
}

/* ---- channels -------------------------------------------------------------------------------- */

static assay_status copy_columns(const gpu_run *run, gpu_columns_arguments a, int32_t type) {
    a.unit = (int32_t)gpu_type_bytes(type);
    return gpu_launch_for(run, GPU_KERNEL_copy_columns, a.rows * a.size, &a);
}

assay_status gpu_run_slice(const gpu_run *run, const gpu_node *node) {
    assay_value x = node->node->inputs[0], y = node->node->outputs[0];
    int64_t size = (int64_t)gpu_channels(run->plan, y);
    gpu_columns_arguments a = {.x = gpu_in(run, node, 0),
                               .y = gpu_out(run, node, 0),
                               .rows = gpu_rows(run->plan, y),
                               .size = size,
                               .x_stride = (int64_t)gpu_channels(run->plan, x),
                               .x_begin = node->node->attrs.begin,
                               .y_stride = size};
    return copy_columns(run, a, gpu_type(run->plan, y));
}

assay_status gpu_run_slice_grad(const gpu_run *run, const gpu_node *node) {
    assay_value dy = node->node->inputs[0], dx = node->node->outputs[0];
    int64_t rows = gpu_rows(run->plan, dx), size = (int64_t)gpu_channels(run->plan, dy);
    int64_t channels = (int64_t)gpu_channels(run->plan, dx);
    int32_t type = gpu_type(run->plan, dx);
    gpu_columns_arguments a = {.x = gpu_in(run, node, 0),
                               .y = gpu_out(run, node, 0),
                               .rows = rows,
                               .size = size,
                               .x_stride = size,
                               .y_stride = channels,
                               .y_begin = node->node->attrs.begin};
    assay_status status =
        gpu_zero(run, gpu_out(run, node, 0), (size_t)(rows * channels) * gpu_type_bytes(type));
    return status == ASSAY_OK ? copy_columns(run, a, type) : status;
}

assay_status gpu_run_concat(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    gpu_columns_arguments a = {.y = gpu_out(run, node, 0),
                               .rows = gpu_rows(run->plan, y),
                               .y_stride = (int64_t)gpu_channels(run->plan, y)};
    assay_status status = ASSAY_OK;
    for (uint32_t i = 0; i < node->node->n_inputs && status == ASSAY_OK; i++) {
        a.x = gpu_in(run, node, i);
        a.size = a.x_stride = (int64_t)gpu_channels(run->plan, node->node->inputs[i]);
        status = copy_columns(run, a, gpu_type(run->plan, y));
        a.y_begin += a.size;
    }
    return status;
}

/* ---- embedding ------------------------------------------------------------------------------- */

assay_status gpu_run_embedding(const gpu_run *run, const gpu_node *node) {
    assay_value y = node->node->outputs[0];
    size_t bytes = gpu_channels(run->plan, y) * gpu_type_bytes(gpu_type(run->plan, y));
    gpu_embedding_arguments a = {.table = gpu_parameter_copy(run, node->node->inputs[1]),
                                 .ids = gpu_in(run, node, 0),
                                 .y = gpu_out(run, node, 0),
                                 .batch = run->header,
                                 .rows = gpu_rows(run->plan, y),
                                 .units = (int64_t)bytes / unit_of(bytes),
                                 .unit = unit_of(bytes)};
    return gpu_launch_for(run, GPU_KERNEL_embedding, a.rows * a.units, &a);
}

/* dtable [V, C], f32: a block for each index that occurs, found by sorting on the host */
assay_status gpu_run_embedding_grad(const gpu_run *run, const gpu_node *node) {
    const assay_plan *plan = run->plan;
    const assay_node *n = node->node;
    int sorted = gpu_info(plan, n->inputs[1])->input == ASSAY_INPUT_POSITIONS;
    const gpu_parameter *table = &run->session->parameters[gpu_info(plan, n->inputs[2])->parameter];
    gpu_embedding_grad_arguments a = {
        .dy = gpu_in(run, node, 0),
        .ids = gpu_in(run, node, 1),
        .order = run->header + plan->layout.order[sorted],
        .segments = run->header + plan->layout.segments[sorted],
        .batch = run->header,
        .dtable = gpu_out(run, node, 0),
        .touched = table->by_rows ? run->session->touched.data + table->touched : 0,
        .c = (int64_t)gpu_channels(plan, n->inputs[0]),
        .sorted = sorted};
    assay_status status = ASSAY_OK;
    if (!gpu_adds(plan, n->outputs[0]))
        status = gpu_zero(run, a.dtable, gpu_channels(plan, n->outputs[0]) * sizeof(float));
    if (status != ASSAY_OK)
        return status;
    return gpu_launch(run->device,
                      gpu_kernel_of(GPU_KERNEL_embedding_grad, gpu_type(plan, n->inputs[0])),
                      (unsigned int)plan->max_tokens, (unsigned int)((a.c + 63) / 64), GPU_BLOCK, 0,
                      &a, run->error);
}
