/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_sequence.cuh: what cuDNN's fused attention lacks: the mask of dropout from the
 * backends' common generator, and zeros behind the last token. */

/* Block (x, row * heads + head): queries 8 x .. 8 x + 7, a warp each. Zeros, too, where there is no
 * query or no key: products there are zero, but not by what is no number. */
template <typename T> GPU_INLINE void attention_mask_of(const gpu_mask_arguments &a) {
    int32_t row = (int32_t)(blockIdx.y / (uint32_t)a.heads);
    int32_t head = (int32_t)(blockIdx.y % (uint32_t)a.heads);
    int32_t length = ((const int32_t *)a.lengths)[row];
    int64_t t = (int64_t)blockIdx.x * GPU_WARPS + threadIdx.x / GPU_WARP;
    if (t >= a.length)
        return;
    uint64_t key = assay_dropout_key(((const gpu_batch *)a.batch)->seed, a.stream,
                                     ((const uint64_t *)a.row_keys)[row], (int32_t)t);
    T *mask = (T *)a.mask + ((int64_t)blockIdx.y * a.length + t) * a.length;
    for (int32_t u = threadIdx.x % GPU_WARP; u < a.length; u += GPU_WARP) {
        uint32_t element = (uint32_t)head * 65536u + (uint32_t)u;
        int kept = t < length && u < length && assay_dropout_keep(key, element, a.threshold);
        mask[u] = from_float<T>(kept ? 1.0f : 0.0f);
    }
}
GPU_TYPED_KERNEL(attention_mask, gpu_mask_arguments)

GPU_KERNEL(clear_tail, gpu_tail_arguments) {
    int64_t n_tokens = ((const gpu_batch *)a.batch)->n_tokens, n = (a.rows - n_tokens) * a.units;
    vector<float> *y = (vector<float> *)a.y + n_tokens * a.units, zero = {{0, 0, 0, 0}};
    for (int64_t i = thread_index(); i < n; i += thread_count())
        y[i] = zero;
}
