/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_update.cuh: the gradient's norm and the optimizers (formulas: assay/backend.h). */

/* Sum of squares of a chunk of the gradients; a block for each chunk. */
GPU_KERNEL(norm_parts, gpu_update_arguments) {
    __shared__ double room[GPU_WARPS];
    gpu_chunk chunk = ((const gpu_chunk *)a.chunks)[blockIdx.x];
    const gpu_coefficients *k = (const gpu_coefficients *)a.coefficients + chunk.parameter;
    const float *g = (const float *)a.gradients + k->offset + chunk.begin;
    double sum = 0;
    for (int32_t i = threadIdx.x; i < chunk.n; i += GPU_BLOCK)
        sum += (double)g[i] * (double)g[i];
    sum = block_sum(sum, room);
    if (threadIdx.x == 0)
        ((double *)a.sums)[blockIdx.x] = sum;
}

/* The norm, and the factor of every gradient. One block. */
GPU_KERNEL(norm, gpu_update_arguments) {
    __shared__ double room[GPU_WARPS];
    gpu_update_state *state = (gpu_update_state *)a.state;
    double sum = 0, clip = 1;
    for (int64_t i = threadIdx.x; i < a.n_chunks; i += GPU_BLOCK)
        sum += ((const double *)a.sums)[i];
    sum = block_sum(sum, room);
    if (threadIdx.x > 0)
        return;
    double scale = state->gradient_scale > 0 ? state->gradient_scale : 1;
    double norm = sqrt(sum) / scale;
    if (a.clip_norm > 0 && a.clip_norm / (norm + 1e-6) < 1)
        clip = a.clip_norm / (norm + 1e-6);
    state->norm = norm;
    state->factor = (float)(clip / scale);
    state->skip = state->gradient_scale > 0 && !isfinite(norm);
}

/* The new value of one parameter from its gradient, moments updated in place. */
GPU_INLINE float updated(const gpu_update_arguments &a, const gpu_coefficients &k, float p, float g,
                         float *m, float *v) {
    int decoupled =
        a.optimizer == ASSAY_OPTIMIZER_ADAMW || a.optimizer == ASSAY_OPTIMIZER_ADAM_KERAS;
    if (decoupled)
        p -= k.decay * p;
    else
        g += k.l2 * p;
    if (a.optimizer == ASSAY_OPTIMIZER_SGD) {
        *m = k.momentum * *m + g;
        return p - k.rate * *m;
    }
    *m = a.beta1 * *m + a.one_minus_beta1 * g;
    *v = a.beta2 * *v + a.one_minus_beta2 * g * g;
    if (k.of_keras)
        return p - k.rate * *m / (sqrtf(*v) + a.epsilon);
    return p - k.rate * *m / (sqrtf(*v) / k.root + a.epsilon);
}

/* A block for each chunk. Gradients are zero afterwards. */
GPU_KERNEL(update, gpu_update_arguments) {
    gpu_chunk chunk = ((const gpu_chunk *)a.chunks)[blockIdx.x];
    gpu_coefficients k = ((const gpu_coefficients *)a.coefficients)[chunk.parameter];
    const gpu_update_state *state = (const gpu_update_state *)a.state;
    const unsigned char *touched = (const unsigned char *)a.touched + k.touched;
    float *p = (float *)a.parameters, *g = (float *)a.gradients;
    float *m = (float *)a.moments1, *v = (float *)a.moments2;
    for (int32_t i = threadIdx.x; i < chunk.n; i += GPU_BLOCK) {
        int64_t at = k.offset + chunk.begin + i;
        float gradient = state->factor * g[at];
        g[at] = 0;
        if (state->skip || (k.touched >= 0 && !touched[(chunk.begin + i) / k.width]))
            continue;
        if (a.clip_value > 0)
            gradient = fminf(fmaxf(gradient, -a.clip_value), a.clip_value);
        float moment1 = m[at], moment2 = v ? v[at] : 0;
        float value = updated(a, k, p[at], gradient, &moment1, &moment2);
        p[at] = value;
        m[at] = moment1;
        if (v)
            v[at] = moment2;
        if (a.copy_type != GPU_F32)
            store_any(a.copies, a.copy_type, at, value);
    }
}
