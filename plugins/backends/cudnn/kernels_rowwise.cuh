/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_rowwise.cuh: layer norm, sums over rows, pooling, the loss, and the gradient of
 * embeddings. */

/* ---- sums over rows -------------------------------------------------------------------------- */

/* Block (x, y): columns 32 x .. 32 x + 31 of chunk y. Warp w sums rows w, w + 8, ... of it. */
template <typename T> GPU_INLINE void column_sums_of(const gpu_sums_arguments &a) {
    __shared__ float room[GPU_WARPS][GPU_WARP];
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    int64_t c = (int64_t)blockIdx.x * GPU_WARP + lane;
    int64_t begin = blockIdx.y * a.chunk;
    int64_t end = begin + a.chunk < a.rows ? begin + a.chunk : a.rows;
    float sum = 0;
    for (int64_t m = begin + warp; c < a.c && m < end; m += GPU_WARPS)
        sum += to_float(((const T *)a.x)[m * a.c + c]);
    room[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || c >= a.c)
        return;
    for (int w = 1; w < GPU_WARPS; w++)
        sum += room[w][lane];
    ((float *)a.parts)[blockIdx.y * a.c + c] = sum;
}
GPU_TYPED_KERNEL(column_sums, gpu_sums_arguments)

/* Block x: columns 32 x .. 32 x + 31 of all. Warp w adds parts w, w + 8, ... */
GPU_KERNEL(add_parts, gpu_parts_arguments) {
    __shared__ float room[GPU_WARPS][GPU_WARP];
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    int64_t i = (int64_t)blockIdx.x * GPU_WARP + lane, all = a.n * a.count;
    float sum = 0;
#pragma unroll 8
    for (int64_t p = warp; p < a.parts; p += GPU_WARPS)
        sum += i < all ? ((const float *)a.x)[p * all + i] : 0;
    room[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || i >= all || !a.y[i / a.n])
        return;
    for (int w = 1; w < GPU_WARPS; w++)
        sum += room[w][lane];
    float *y = (float *)a.y[i / a.n] + i % a.n;
    *y = a.add[i / a.n] ? *y + sum : sum;
}

/* ---- layer norm ------------------------------------------------------------------------------ */

/* mean and 1 / sqrt(var + epsilon) of x [c], for a whole warp */
template <typename T>
GPU_INLINE void warp_moments(const T *x, int64_t c, float epsilon, float *ret_mean,
                             float *ret_inverse) {
    int lane = threadIdx.x % GPU_WARP;
    float sum = 0, squares = 0;
    for (int64_t i = lane; i < c; i += GPU_WARP)
        sum += to_float(x[i]);
    float mean = warp_sum(sum) / (float)c;
    for (int64_t i = lane; i < c; i += GPU_WARP) {
        float d = to_float(x[i]) - mean;
        squares += d * d;
    }
    *ret_mean = mean;
    *ret_inverse = 1.0f / sqrtf(warp_sum(squares) / (float)c + epsilon);
}

/* y = gamma (x - mean) inverse + beta, a warp for each row */
template <typename T> GPU_INLINE void layer_norm_of(const gpu_norm_arguments &a) {
    const float *gamma = (const float *)a.gamma, *beta = (const float *)a.beta;
    int lane = threadIdx.x % GPU_WARP;
    int64_t warps = thread_count() / GPU_WARP;
    for (int64_t m = thread_index() / GPU_WARP; m < a.rows; m += warps) {
        const T *x = (const T *)a.x + m * a.c;
        T *y = (T *)a.y + m * a.c;
        float mean, inverse;
        warp_moments(x, a.c, a.epsilon, &mean, &inverse);
        for (int64_t i = lane; i < a.c; i += GPU_WARP)
            y[i] = from_float<T>(gamma[i] * (to_float(x[i]) - mean) * inverse + beta[i]);
    }
}
GPU_TYPED_KERNEL(layer_norm, gpu_norm_arguments)

/* With g = gamma dy: dx = inverse (g - mean(g) - xhat mean(g xhat)). A warp for each row. */
template <typename T> GPU_INLINE void layer_norm_grad_of(const gpu_norm_arguments &a) {
    const float *gamma = (const float *)a.gamma;
    int lane = threadIdx.x % GPU_WARP;
    int64_t warps = thread_count() / GPU_WARP;
    for (int64_t m = thread_index() / GPU_WARP; m < a.rows; m += warps) {
        const T *x = (const T *)a.x + m * a.c, *dy = (const T *)a.y + m * a.c;
        float mean, inverse, sum_g = 0, sum_gx = 0;
        warp_moments(x, a.c, a.epsilon, &mean, &inverse);
        for (int64_t i = lane; i < a.c; i += GPU_WARP) {
            float g = gamma[i] * to_float(dy[i]);
            sum_g += g;
            sum_gx += g * (to_float(x[i]) - mean) * inverse;
        }
        sum_g = warp_sum(sum_g) / (float)a.c;
        sum_gx = warp_sum(sum_gx) / (float)a.c;
        if (lane == 0) {
            ((float *)a.moments)[2 * m] = mean;
            ((float *)a.moments)[2 * m + 1] = inverse;
        }
        for (int64_t i = lane; a.dx && i < a.c; i += GPU_WARP)
            ((T *)a.dx)[m * a.c + i] =
                from_float<T>(inverse * (gamma[i] * to_float(dy[i]) - sum_g -
                                         (to_float(x[i]) - mean) * inverse * sum_gx));
    }
}
GPU_TYPED_KERNEL(layer_norm_grad, gpu_norm_arguments)

/* parts [chunks, 2, c] of dgamma = sum dy xhat and dbeta = sum dy, as column_sums */
template <typename T> GPU_INLINE void layer_norm_sums_of(const gpu_norm_arguments &a) {
    __shared__ float room[2][GPU_WARPS][GPU_WARP];
    const float *moments = (const float *)a.moments;
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    int64_t c = (int64_t)blockIdx.x * GPU_WARP + lane;
    int64_t begin = blockIdx.y * a.chunk;
    int64_t end = begin + a.chunk < a.rows ? begin + a.chunk : a.rows;
    float dgamma = 0, dbeta = 0;
    for (int64_t m = begin + warp; c < a.c && m < end; m += GPU_WARPS) {
        float dy = to_float(((const T *)a.y)[m * a.c + c]);
        dgamma +=
            dy * (to_float(((const T *)a.x)[m * a.c + c]) - moments[2 * m]) * moments[2 * m + 1];
        dbeta += dy;
    }
    room[0][warp][lane] = dgamma;
    room[1][warp][lane] = dbeta;
    __syncthreads();
    if (warp > 1 || c >= a.c)
        return;
    float sum = 0;
    for (int w = 0; w < GPU_WARPS; w++)
        sum += room[warp][w][lane];
    ((float *)a.parts)[(2 * (int64_t)blockIdx.y + warp) * a.c + c] = sum;
}
GPU_TYPED_KERNEL(layer_norm_sums, gpu_norm_arguments)

/* ---- embedding's gradient -------------------------------------------------------------------- */

/* Block (x, y): segment x, channels 64 y .. 64 y + 63. Group g of 64 threads sums the segment's
 * tokens g, g + 4, ...; tokens stand in ascending order. */
template <typename T> GPU_INLINE void embedding_grad_of(const gpu_embedding_grad_arguments &a) {
    const int columns = 64, groups = GPU_BLOCK / 64;
    __shared__ float room[4][64];
    const int32_t *order = (const int32_t *)a.order, *segments = (const int32_t *)a.segments;
    int column = threadIdx.x % columns, group = threadIdx.x / columns;
    int64_t c = (int64_t)blockIdx.y * columns + column;
    if ((int32_t)blockIdx.x >= ((const gpu_batch *)a.batch)->n_segments[a.sorted])
        return;
    int32_t begin = segments[blockIdx.x], end = segments[blockIdx.x + 1];
    int64_t id = ((const int32_t *)a.ids)[order[begin]];
    float sum = 0;
    for (int32_t i = begin + group; c < a.c && i < end; i += groups)
        sum += to_float(((const T *)a.dy)[order[i] * a.c + c]);
    room[group][column] = sum;
    __syncthreads();
    if (group > 0 || c >= a.c)
        return;
    for (int g = 1; g < groups; g++)
        sum += room[g][column];
    ((float *)a.dtable)[id * a.c + c] += sum;
    if (c == 0 && a.touched)
        ((unsigned char *)a.touched)[id] = 1;
}
GPU_TYPED_KERNEL(embedding_grad, gpu_embedding_grad_arguments)

/* ---- pooling --------------------------------------------------------------------------------- */

/* Row b's tokens, none behind the last row. */
#define POOL_ROW(b, begin, end)                                                                    \
    const int32_t *offsets = (const int32_t *)a.offsets;                                           \
    int is_row = (b) < ((const gpu_batch *)a.batch)->n_rows;                                       \
    int32_t begin = is_row ? offsets[b] : 0, end = is_row ? offsets[(b) + 1] : 0

/* x [tokens, c] -> y [rows, c] */
template <typename T> GPU_INLINE void select_token_of(const gpu_rows_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t b = i / a.c, c = i % a.c;
        POOL_ROW(b, begin, end);
        int64_t t = a.token ? end - 1 : begin;
        ((T *)a.y)[i] = is_row ? ((const T *)a.x)[t * a.c + c] : from_float<T>(0);
    }
}
GPU_TYPED_KERNEL(select_token, gpu_rows_arguments)

/* dy [rows, c] in x -> dx [tokens, c] in y; a.rows counts tokens */
template <typename T> GPU_INLINE void select_token_grad_of(const gpu_rows_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t t = i / a.c, c = i % a.c;
        int32_t b = ((const int32_t *)a.token_row)[t];
        int is_it = 0;
        if (b >= 0) {
            const int32_t *offsets = (const int32_t *)a.offsets;
            is_it = t == (a.token ? offsets[b + 1] - 1 : offsets[b]);
        }
        ((T *)a.y)[i] = is_it ? ((const T *)a.x)[b * a.c + c] : from_float<T>(0);
    }
}
GPU_TYPED_KERNEL(select_token_grad, gpu_rows_arguments)

template <typename T> GPU_INLINE void mean_pool_of(const gpu_pool_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t b = i / a.c, c = i % a.c;
        float sum = 0;
        POOL_ROW(b, begin, end);
        for (int64_t t = begin; t < end; t++)
            sum += to_float(((const T *)a.x)[t * a.c + c]);
        ((T *)a.y)[i] = from_float<T>(is_row ? sum / (float)(end - begin) : 0);
    }
}
GPU_TYPED_KERNEL(mean_pool, gpu_pool_arguments)

template <typename T> GPU_INLINE void mean_pool_grad_of(const gpu_pool_arguments &a) {
    const int32_t *offsets = (const int32_t *)a.offsets;
    for (int64_t i = thread_index(); i < a.tokens * a.c; i += thread_count()) {
        int64_t t = i / a.c, c = i % a.c;
        int32_t b = ((const int32_t *)a.token_row)[t];
        float dx = 0;
        if (b >= 0)
            dx = to_float(((const T *)a.dy)[b * a.c + c]) / (float)(offsets[b + 1] - offsets[b]);
        ((T *)a.dx)[i] = from_float<T>(dx);
    }
}
GPU_TYPED_KERNEL(mean_pool_grad, gpu_pool_arguments)

/* The token of begin .. end - 1 with the largest x in channel c, the first of equals */
template <typename T>
GPU_INLINE int64_t largest_token(const T *x, int64_t n_channels, int64_t begin, int64_t end,
                                 int64_t c) {
    int64_t best = begin;
    for (int64_t t = begin + 1; t < end; t++)
        if (to_float(x[t * n_channels + c]) > to_float(x[best * n_channels + c]))
            best = t;
    return best;
}

template <typename T> GPU_INLINE void max_pool_of(const gpu_pool_arguments &a) {
    const T *x = (const T *)a.x;
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t b = i / a.c, c = i % a.c;
        POOL_ROW(b, begin, end);
        ((T *)a.y)[i] =
            is_row ? x[largest_token(x, a.c, begin, end, c) * a.c + c] : from_float<T>(0);
    }
}
GPU_TYPED_KERNEL(max_pool, gpu_pool_arguments)

/* dx is zero before */
template <typename T> GPU_INLINE void max_pool_grad_of(const gpu_pool_arguments &a) {
    const T *x = (const T *)a.x;
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t b = i / a.c, c = i % a.c;
        POOL_ROW(b, begin, end);
        if (is_row)
            ((T *)a.dx)[largest_token(x, a.c, begin, end, c) * a.c + c] = ((const T *)a.dy)[i];
    }
}
GPU_TYPED_KERNEL(max_pool_grad, gpu_pool_arguments)

/* Largest score of a row and the sum of exp(score - largest), for a block */
template <typename T>
GPU_INLINE void pool_softmax(const T *score, int32_t begin, int32_t end, float *room,
                             float *ret_max, float *ret_sum) {
    float most = -INFINITY, sum = 0;
    for (int32_t t = begin + (int32_t)threadIdx.x; t < end; t += GPU_BLOCK)
        most = fmaxf(most, to_float(score[t]));
    most = block_max(most, room);
    for (int32_t t = begin + (int32_t)threadIdx.x; t < end; t += GPU_BLOCK)
        sum += expf(to_float(score[t]) - most);
    *ret_sum = block_sum(sum, room);
    *ret_max = most;
}

/* A block for each row. */
template <typename T> GPU_INLINE void attention_pool_of(const gpu_pool_arguments &a) {
    __shared__ float room[GPU_WARPS];
    const T *x = (const T *)a.x, *score = (const T *)a.score;
    int64_t b = blockIdx.x;
    float most, sum;
    POOL_ROW(b, begin, end);
    pool_softmax(score, begin, end, room, &most, &sum);
    for (int64_t c = threadIdx.x; c < a.c; c += GPU_BLOCK) {
        float y = 0;
        for (int32_t t = begin; t < end; t++)
            y += expf(to_float(score[t]) - most) / sum * to_float(x[t * a.c + c]);
        ((T *)a.y)[b * a.c + c] = from_float<T>(y);
    }
}
GPU_TYPED_KERNEL(attention_pool, gpu_pool_arguments)

/* dx_t = w_t dy, dscore_t = w_t (dy . x_t - sum_u w_u dy . x_u); both zero before. A block for each
 * row, a warp for each of its tokens in turn. */
template <typename T> GPU_INLINE void attention_pool_grad_of(const gpu_pool_arguments &a) {
    __shared__ float room[GPU_WARPS];
    const T *score = (const T *)a.score;
    float *raw = (float *)a.raw;
    int lane = threadIdx.x % GPU_WARP, warp = threadIdx.x / GPU_WARP;
    int64_t b = blockIdx.x;
    const T *dy = (const T *)a.dy + b * a.c;
    float most, sum, mean = 0;
    POOL_ROW(b, begin, end);
    pool_softmax(score, begin, end, room, &most, &sum);
    for (int64_t t = begin + warp; t < end; t += GPU_WARPS) {
        const T *x = (const T *)a.x + t * a.c;
        float weight = expf(to_float(score[t]) - most) / sum, dot = 0;
        for (int64_t c = lane; c < a.c; c += GPU_WARP) {
            dot += to_float(dy[c]) * to_float(x[c]);
            if (a.dx)
                ((T *)a.dx)[t * a.c + c] = from_float<T>(weight * to_float(dy[c]));
        }
        dot = warp_sum(dot);
        if (lane == 0)
            raw[t] = dot;
    }
    __syncthreads();
    for (int32_t t = begin + (int32_t)threadIdx.x; t < end; t += GPU_BLOCK)
        mean += expf(to_float(score[t]) - most) / sum * raw[t];
    mean = block_sum(mean, room);
    for (int32_t t = begin + (int32_t)threadIdx.x; a.dscore && t < end; t += GPU_BLOCK)
        ((T *)a.dscore)[t] = from_float<T>(expf(to_float(score[t]) - most) / sum * (raw[t] - mean));
}
GPU_TYPED_KERNEL(attention_pool_grad, gpu_pool_arguments)

/* ---- loss ------------------------------------------------------------------------------------ */

/* w_k q of class k for a row with that label, see cross_entropy in ops.def */
GPU_INLINE float smoothed_target(const gpu_cross_entropy_arguments &a, int64_t k, int64_t label) {
    float q = a.smoothing / (float)a.k + (k == label ? 1 - a.smoothing : 0);
    return a.weights ? ((const float *)a.weights)[k] * q : q;
}

/* Largest logit of row b, and log of the sum of exp(logit - largest) */
GPU_INLINE void log_sum(const gpu_cross_entropy_arguments &a, int64_t b, float *ret_max,
                        float *ret_log) {
    float most = load_any(a.logits, a.logits_type, b * a.k), sum = 0;
    for (int64_t k = 1; k < a.k; k++)
        most = fmaxf(most, load_any(a.logits, a.logits_type, b * a.k + k));
    for (int64_t k = 0; k < a.k; k++)
        sum += expf(load_any(a.logits, a.logits_type, b * a.k + k) - most);
    *ret_max = most;
    *ret_log = logf(sum);
}

/* One block. */
GPU_KERNEL(cross_entropy, gpu_cross_entropy_arguments) {
    __shared__ double room[GPU_WARPS];
    const int32_t *labels = (const int32_t *)a.labels;
    int32_t n_rows = ((const gpu_batch *)a.batch)->n_rows;
    double loss = 0;
    for (int64_t b = threadIdx.x; b < n_rows; b += GPU_BLOCK) {
        float most, log;
        log_sum(a, b, &most, &log);
        for (int64_t k = 0; k < a.k; k++)
            loss += (double)(smoothed_target(a, k, labels[b]) *
                             (log + most - load_any(a.logits, a.logits_type, b * a.k + k)));
    }
    loss = block_sum(loss, room);
    if (threadIdx.x == 0)
        *(float *)a.y = (float)loss;
}

/* A thread for each row. */
GPU_KERNEL(cross_entropy_grad, gpu_cross_entropy_arguments) {
    const gpu_batch *batch = (const gpu_batch *)a.batch;
    for (int64_t b = thread_index(); b < a.rows; b += thread_count()) {
        float most = 0, log = 0, total = 0;
        int32_t label = ((const int32_t *)a.labels)[b];
        if (b < batch->n_rows)
            log_sum(a, b, &most, &log);
        for (int64_t k = 0; k < a.k; k++)
            total += smoothed_target(a, k, label);
        for (int64_t k = 0; k < a.k; k++) {
            float d = 0;
            if (b < batch->n_rows)
                d = batch->loss_scale *
                    (expf(load_any(a.logits, a.logits_type, b * a.k + k) - most - log) * total -
                     smoothed_target(a, k, label));
            store_any(a.y, a.type, b * a.k + k, d);
        }
    }
}
