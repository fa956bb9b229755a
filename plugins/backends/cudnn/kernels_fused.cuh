/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_fused.cuh: passes over activations that do the work of several operations: a sum
 * with dropout and its layer norm, the gradient of both with the bias' in front of them, GELU's
 * gradient with the bias'.
 *
 * Rounded as the operations one by one would: a sum as it is stored, dropout's own value apart. */

/* A warp holds a row in registers: N vectors of 16 bytes a lane, which host code bounds
 * (GPU_MOST_FUSED_CHANNELS). */
#define FUSED_ROWS(rows_of, a)                                                                     \
    switch (((a).c / vector<T>::n + GPU_WARP - 1) / GPU_WARP) {                                    \
    case 1:                                                                                        \
        return rows_of<T, 1>(a);                                                                   \
    case 2:                                                                                        \
        return rows_of<T, 2>(a);                                                                   \
    case 3:                                                                                        \
        return rows_of<T, 3>(a);                                                                   \
    case 4:                                                                                        \
        return rows_of<T, 4>(a);                                                                   \
    default:                                                                                       \
        if constexpr (sizeof(T) == 4) {                                                            \
            if ((a).c <= 768)                                                                      \
                return rows_of<T, 6>(a);                                                           \
            return rows_of<T, 8>(a);                                                               \
        }                                                                                          \
    }

GPU_INLINE uint64_t fused_key(const gpu_residual_norm_arguments &a, int64_t m) {
    const gpu_batch *batch = (const gpu_batch *)a.batch;
    return dropout_key_of(batch, a.token_row, a.offsets, a.row_keys, a.stream, a.tokens, m);
}

GPU_INLINE int fused_drops(const gpu_residual_norm_arguments &a) {
    return a.drops && ((const gpu_batch *)a.batch)->dropout;
}

/* z = a + dropout(b), y = gamma (z - mean) inverse + beta, a warp for each row */
template <typename T, int N> GPU_INLINE void residual_norm_rows(gpu_residual_norm_arguments a) {
    const int width = vector<T>::n;
    const float *gamma = (const float *)a.gamma, *beta = (const float *)a.beta;
    int lane = threadIdx.x % GPU_WARP, n = (int)(a.c / width), drops = fused_drops(a);
    int64_t warps = thread_count() / GPU_WARP;
    for (int64_t m = thread_index() / GPU_WARP; m < a.rows; m += warps) {
        const vector<T> *from = (const vector<T> *)((const T *)a.a + m * a.c);
        const vector<T> *added = (const vector<T> *)((const T *)a.b + m * a.c);
        vector<T> *z = (vector<T> *)((T *)a.z + m * a.c);
        vector<T> *y = (vector<T> *)((T *)a.y + m * a.c);
        uint64_t key = drops ? fused_key(a, m) : 0;
        float x[N][width], sum = 0, squares = 0;
#pragma unroll
        for (int j = 0; j < N; j++) {
            int i = lane + j * GPU_WARP;
            if (i >= n)
                continue;
            vector<T> v = from[i], w = added[i];
            for (int k = 0; k < width; k++) {
                float more = to_float(w.v[k]);
                if (drops)
                    more = assay_dropout_keep(key, (uint32_t)(i * width + k), a.threshold)
                               ? a.factor * more
                               : 0.0f;
                v.v[k] = from_float<T>(to_float(v.v[k]) + more);
                x[j][k] = to_float(v.v[k]);
                sum += x[j][k];
            }
            if (a.z)
                z[i] = v;
        }
        float mean = warp_sum(sum) / (float)a.c;
#pragma unroll
        for (int j = 0; j < N; j++)
            for (int k = 0; k < width && lane + j * GPU_WARP < n; k++)
                squares += (x[j][k] - mean) * (x[j][k] - mean);
        float inverse = 1.0f / sqrtf(warp_sum(squares) / (float)a.c + a.epsilon);
#pragma unroll
        for (int j = 0; j < N; j++) {
            int i = lane + j * GPU_WARP;
            vector<T> v;
            if (i >= n)
                continue;
            for (int k = 0; k < width; k++) {
                int c = i * width + k;
                v.v[k] = from_float<T>(gamma[c] * (x[j][k] - mean) * inverse + beta[c]);
            }
            y[i] = v;
        }
        if (lane == 0) {
            ((float *)a.moments)[2 * m] = mean;
            ((float *)a.moments)[2 * m + 1] = inverse;
        }
    }
}

template <typename T>
GPU_INLINE void residual_norm_of(const gpu_residual_norm_arguments &a){
    FUSED_ROWS(residual_norm_rows, a)} GPU_TYPED_KERNEL(residual_norm, gpu_residual_norm_arguments)

    /* One array of sums [c] of a block from those of its warps' lanes, in the order of the warps.
     */
    template <typename T, int N>
    GPU_INLINE void store_sums(float *parts, float *room, float (*sums)[vector<T>::n], int64_t c) {
    const int width = vector<T>::n;
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    __syncthreads(); /* the room is read no more */
#pragma unroll
    for (int j = 0; j < N; j++)
        for (int k = 0; k < width && (lane + j * GPU_WARP) * width < c; k++)
            room[warp * c + (lane + j * GPU_WARP) * width + k] = sums[j][k];
    __syncthreads();
    for (int64_t i = threadIdx.x; i < c; i += GPU_BLOCK) {
        float sum = room[i];
        for (int w = 1; w < GPU_WARPS; w++)
            sum += room[w * c + i];
        parts[i] = sum;
    }
}

/* With g = gamma dy, z in `a`: dz = inverse (g - mean(g) - zhat mean(g zhat)), db = dropout(dz);
 * parts [blocks, 3, c] of dgamma, dbeta and the sums of db, of dz without dropout */
template <typename T, int N>
GPU_INLINE void residual_norm_grad_rows(gpu_residual_norm_arguments a) {
    const int width = vector<T>::n;
    GPU_SHARED_MEMORY(float, room); /* [warps, c] */
    const float *gamma = (const float *)a.gamma, *moments = (const float *)a.moments;
    float dgamma[N][width] = {{0}}, dbeta[N][width] = {{0}}, dbias[N][width] = {{0}};
    int lane = threadIdx.x % GPU_WARP, n = (int)(a.c / width), drops = fused_drops(a);
    int64_t warps = thread_count() / GPU_WARP;
    for (int64_t m = thread_index() / GPU_WARP; m < a.rows; m += warps) {
        const vector<T> *z = (const vector<T> *)((const T *)a.a + m * a.c);
        const vector<T> *dy = (const vector<T> *)((const T *)a.y + m * a.c);
        uint64_t key = drops ? fused_key(a, m) : 0;
        float mean = moments[2 * m], inverse = moments[2 * m + 1], sum = 0, products = 0;
        float hat[N][width], g[N][width];
#pragma unroll
        for (int j = 0; j < N; j++) {
            int i = lane + j * GPU_WARP;
            if (i >= n)
                continue;
            vector<T> v = z[i], d = dy[i];
            for (int k = 0; k < width; k++) {
                hat[j][k] = (to_float(v.v[k]) - mean) * inverse;
                dgamma[j][k] += to_float(d.v[k]) * hat[j][k];
                dbeta[j][k] += to_float(d.v[k]);
                g[j][k] = gamma[i * width + k] * to_float(d.v[k]);
                sum += g[j][k];
                products += g[j][k] * hat[j][k];
            }
        }
        sum = warp_sum(sum) / (float)a.c;
        products = warp_sum(products) / (float)a.c;
#pragma unroll
        for (int j = 0; j < N; j++) {
            int i = lane + j * GPU_WARP;
            vector<T> v, dropped;
            if (i >= n)
                continue;
            for (int k = 0; k < width; k++) {
                v.v[k] = from_float<T>(inverse * (g[j][k] - sum - hat[j][k] * products));
                dropped.v[k] = v.v[k];
                if (drops)
                    dropped.v[k] = from_float<T>(
                        assay_dropout_keep(key, (uint32_t)(i * width + k), a.threshold)
                            ? a.factor * to_float(v.v[k])
                            : 0.0f);
                dbias[j][k] += to_float(dropped.v[k]);
            }
            if (a.dz)
                ((vector<T> *)((T *)a.dz + m * a.c))[i] = v;
            if (a.db)
                ((vector<T> *)((T *)a.db + m * a.c))[i] = dropped;
        }
    }
    float *parts = (float *)a.parts + 3 * (int64_t)blockIdx.x * a.c;
    store_sums<T, N>(parts, room, dgamma, a.c);
    store_sums<T, N>(parts + a.c, room, dbeta, a.c);
    store_sums<T, N>(parts + 2 * a.c, room, dbias, a.c);
}

template <typename T>
GPU_INLINE void residual_norm_grad_of(const gpu_residual_norm_arguments &a){
    FUSED_ROWS(residual_norm_grad_rows, a)} GPU_TYPED_KERNEL(residual_norm_grad,
                                                             gpu_residual_norm_arguments)

    /* Sums over rows of x, or of dx = x gelu'(h), which is stored then. Block (x, y): 32 vectors of
     * channels from 32 x on, rows of chunk y. Warp w takes rows w, w + 8, ... of it. */
    template <typename T, bool GELU>
    GPU_INLINE void vector_sums_of(const gpu_sums_arguments &a) {
    const int width = vector<T>::n, columns = GPU_WARP * vector<T>::n;
    __shared__ float room[GPU_WARPS][GPU_WARP * vector<T>::n];
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    int64_t n = a.c / width, i = (int64_t)blockIdx.x * GPU_WARP + lane;
    int64_t begin = blockIdx.y * a.chunk;
    int64_t end = begin + a.chunk < a.rows ? begin + a.chunk : a.rows;
    float sums[width] = {0};
    for (int64_t m = begin + warp; i < n && m < end; m += GPU_WARPS) {
        vector<T> v = ((const vector<T> *)a.x)[m * n + i];
        if (GELU) {
            vector<T> h = ((const vector<T> *)a.h)[m * n + i];
            for (int k = 0; k < width; k++)
                v.v[k] = from_float<T>(
                    pointwise_one(GPU_GELU_GRAD, 0, to_float(v.v[k]), to_float(h.v[k])));
            ((vector<T> *)a.dx)[m * n + i] = v;
        }
        for (int k = 0; k < width; k++)
            sums[k] += to_float(v.v[k]);
    }
    for (int k = 0; k < width; k++)
        room[warp][lane * width + k] = sums[k];
    __syncthreads();
    int64_t c = (int64_t)blockIdx.x * columns + threadIdx.x;
    if ((int)threadIdx.x >= columns || c >= a.c)
        return;
    float sum = room[0][threadIdx.x];
    for (int w = 1; w < GPU_WARPS; w++)
        sum += room[w][threadIdx.x];
    ((float *)a.parts)[blockIdx.y * a.c + c] = sum;
}

template <typename T> GPU_INLINE void gelu_grad_sums_of(const gpu_sums_arguments &a) {
    vector_sums_of<T, true>(a);
}
GPU_TYPED_KERNEL(gelu_grad_sums, gpu_sums_arguments)

template <typename T> GPU_INLINE void vector_column_sums_of(const gpu_sums_arguments &a) {
    vector_sums_of<T, false>(a);
}
GPU_TYPED_KERNEL(vector_column_sums, gpu_sums_arguments)
