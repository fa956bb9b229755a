/* SPDX-License-Identifier: MIT */
/* cudnn/cudnn.c: the `cudnn` backend on NVIDIA GPUs: cuDNN 9 for attention, norms and recurrence,
 * cuBLASLt for matrix products, own kernels for the rest. This file: the descriptor. */
#include "internal.h"

static int32_t supports(const assay_device *device, const assay_graph_view *graph, uint32_t node) {
    (void)device;
    if (node >= graph->n_nodes || graph->nodes[node].op < 0 ||
        graph->nodes[node].op >= ASSAY_OP_COUNT)
        return 0;
    const assay_node *n = &graph->nodes[node];
    if (n->op != ASSAY_OP_ATTENTION)
        return 1;
    return graph->values[n->inputs[0]].dims[0] / 3 / n->attrs.heads <= GPU_MOST_HEAD_DIMS;
}

static const assay_backend backend = {
    .struct_size = (uint32_t)sizeof(assay_backend),
    .libraries = gpu_libraries_text,
    .open = gpu_device_open,
    .close = gpu_device_close,
    .supports = supports,
    .session_create = gpu_session_create,
    .session_free = gpu_session_free,
    .upload = gpu_upload,
    .download = gpu_download,
    .compile = gpu_compile,
    .compile_update = gpu_compile_update,
    .plan_free = gpu_plan_free,
    .run = gpu_plan_run,
    .sync = gpu_sync,
    .read = gpu_plan_read,
    .read_grad_norm = gpu_read_grad_norm,
    .memory = gpu_session_memory,
    .profile = gpu_profile,
    .read_profile = gpu_read_profile,
    .device_info = gpu_device_info,
    .sample_peak = gpu_sample_peak,
};

static const void *get_interface(const char *name) {
    return strcmp(name, ASSAY_BACKEND) == 0 ? &backend : NULL;
}

static const assay_plugin descriptor = {
    .struct_size = (uint32_t)sizeof(assay_plugin),
    .abi_major = ASSAY_ABI_MAJOR,
    .kind = ASSAY_PLUGIN_KIND_BACKEND,
    .id = "cudnn",
    .version = "0.1.0",
    .license = "MIT",
    .summary = "cuDNN 9 and cuBLASLt on NVIDIA GPUs, f32, tf32, bf16 and fp16",
    .build = "",
    .get_interface = get_interface,
    .probe = gpu_probe,
};

ASSAY_DEFINE_PLUGIN(descriptor)
