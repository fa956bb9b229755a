/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_attention.cuh: multi-head self-attention inside each row, over packed tokens.
 *
 * For f32, for dropout of the scores, and wherever cuDNN's fused attention has no engine. A warp
 * computes one query (or, for the gradients of keys and values, one key) of one head: its lanes
 * take 32 keys at a time for the products, then share the channels for the weighted sum. The
 * softmax is built up as its maximum is found (Milakov, Gimelshein 2018); the gradient takes it
 * again from its logarithm (Dao et al. 2022). Block (x, h): 8 tokens from 8 x on, head h. */

/* One warp's token and its row. */
struct attention_place {
    int64_t t, begin, end;
    int32_t row;
    int lane, warp;
};

GPU_INLINE attention_place attention_where(const gpu_attention_arguments &a) {
    attention_place p;
    p.lane = threadIdx.x % GPU_WARP;
    p.warp = threadIdx.x / GPU_WARP;
    p.t = (int64_t)blockIdx.x * GPU_WARPS + p.warp;
    p.row = p.t < a.rows ? ((const int32_t *)a.token_row)[p.t] : -1;
    p.begin = p.row < 0 ? 0 : ((const int32_t *)a.offsets)[p.row];
    p.end = p.row < 0 ? 0 : ((const int32_t *)a.offsets)[p.row + 1];
    return p;
}

/* 0, 1 or 1 / (1 - probability) for query t and key u of a row that begins at `begin` */
GPU_INLINE float attention_factor(const gpu_attention_arguments &a, uint64_t key, int64_t u,
                                  int64_t begin) {
    uint32_t element = blockIdx.y * 65536u + (uint32_t)(u - begin);
    return assay_dropout_keep(key, element, a.threshold) ? a.factor : 0.0f;
}

GPU_INLINE uint64_t attention_key(const gpu_attention_arguments &a, int32_t row, int64_t t,
                                  int64_t begin) {
    return assay_dropout_key(((const gpu_batch *)a.batch)->seed, a.stream,
                             ((const uint64_t *)a.row_keys)[row], (int32_t)(t - begin));
}

GPU_INLINE int attention_drops(const gpu_attention_arguments &a) {
    return a.dropout && ((const gpu_batch *)a.batch)->dropout;
}

/* x [dims] of a token to the warp's shared memory as f32 */
template <typename T>
GPU_INLINE void attention_share(float *shared, const T *x, int dims, int lane) {
    for (int d = lane; d < dims; d += GPU_WARP)
        shared[d] = to_float(x[d]);
}

template <typename T> GPU_INLINE float attention_dot(const float *shared, const T *x, int dims) {
    const int width = vector<T>::n;
    float sum = 0;
    int d = 0;
    if (dims % width == 0 && (uint64_t)x % 16 == 0) {
        for (; d < dims; d += width) {
            vector<T> v = *(const vector<T> *)(x + d);
            for (int k = 0; k < width; k++)
                sum += shared[d + k] * to_float(v.v[k]);
        }
    }
    for (; d < dims; d++)
        sum += shared[d] * to_float(x[d]);
    return sum;
}

enum { ATTENTION_PART = 8 }; /* channels of a lane at a time: 256 of a head */

/* y_t = sum_u a_u v_u and the logarithm of the softmax's denominator */
template <typename T> GPU_INLINE void attention_of(const gpu_attention_arguments &a) {
    GPU_SHARED_MEMORY(float, shared); /* [warps, dims] */
    attention_place p = attention_where(a);
    const T *qkv = (const T *)a.qkv;
    float *q = shared + p.warp * a.dims;
    int64_t head = (int64_t)blockIdx.y * a.dims, stride = 3 * a.c;
    if (p.t >= a.rows)
        return;
    T *y = (T *)a.y + p.t * a.c + head;
    uint64_t key = p.row >= 0 && attention_drops(a) ? attention_key(a, p.row, p.t, p.begin) : 0;
    attention_share(q, qkv + p.t * stride + head, a.dims, p.lane);
    __syncwarp();
    for (int part = 0; part < a.dims; part += ATTENTION_PART * GPU_WARP) {
        float most = -INFINITY, total = 0, sums[ATTENTION_PART] = {0};
        for (int64_t first = p.begin; first < p.end; first += GPU_WARP) {
            int64_t u = first + p.lane;
            float s = -INFINITY;
            if (u < p.end)
                s = a.scale * attention_dot(q, qkv + u * stride + a.c + head, a.dims);
            float larger = fmaxf(most, warp_max(s)), weight = expf(s - larger);
            float shrink = expf(most - larger);
            total = total * shrink + warp_sum(weight);
            most = larger;
            if (attention_drops(a))
                weight *= attention_factor(a, key, u, p.begin);
            for (int i = 0; i < ATTENTION_PART; i++)
                sums[i] *= shrink;
            for (int j = 0; j < GPU_WARP && first + j < p.end; j++) {
                float w = __shfl_sync(0xffffffffu, weight, j);
                const T *v = qkv + (first + j) * stride + 2 * a.c + head;
#pragma unroll
                for (int i = 0; i < ATTENTION_PART; i++) {
                    int d = part + i * GPU_WARP + p.lane;
                    if (d < a.dims)
                        sums[i] += w * to_float(v[d]);
                }
            }
        }
#pragma unroll
        for (int i = 0; i < ATTENTION_PART; i++) {
            int d = part + i * GPU_WARP + p.lane;
            if (d < a.dims)
                y[d] = from_float<T>(p.row < 0 ? 0 : sums[i] / total);
        }
        if (p.lane == 0 && part == 0)
            ((float *)a.lse)[p.t * a.heads + blockIdx.y] = p.row < 0 ? 0 : most + logf(total);
    }
}
GPU_TYPED_KERNEL(attention, gpu_attention_arguments)

/* With da_u = factor_u dy . v_u, ds_u = a_u (da_u - delta), delta = sum_u a_u da_u:
 * dq = sum_u ds_u k_u / sqrt D
 *
 * delta is dy . y too, but not of a y that was rounded to 16 bits: what delta is off by goes into
 * dq times the mean of the keys, which is large where tokens are alike and drops out in exact
 * arithmetic, as sum_u ds_u = 0 (Qiu, Yao: Why Low-Precision Transformer Training Fails. 2025,
 * arXiv:2510.04212). So dy . y is a guess g; with r = sum_u a_u (da_u - g), delta = g + r and
 * dq = (sum_u a_u (da_u - g) k_u - r sum_u a_u k_u) / sqrt D, all in f32. */
template <typename T> GPU_INLINE void attention_grad_query_of(const gpu_attention_arguments &a) {
    GPU_SHARED_MEMORY(float, shared); /* [warps, 2, dims] */
    attention_place p = attention_where(a);
    const T *qkv = (const T *)a.qkv;
    float *q = shared + 2 * p.warp * a.dims, *dy = q + a.dims, guess = 0, lse = 0;
    const int is_rounded = sizeof(T) < sizeof(float);
    int64_t head = (int64_t)blockIdx.y * a.dims, stride = 3 * a.c;
    if (p.t >= a.rows)
        return;
    T *dq = (T *)a.dqkv + p.t * stride + head;
    uint64_t key = p.row >= 0 && attention_drops(a) ? attention_key(a, p.row, p.t, p.begin) : 0;
    attention_share(q, qkv + p.t * stride + head, a.dims, p.lane);
    attention_share(dy, (const T *)a.dy + p.t * a.c + head, a.dims, p.lane);
    __syncwarp();
    for (int d = p.lane; d < a.dims; d += GPU_WARP)
        guess += dy[d] * to_float(((const T *)a.y)[p.t * a.c + head + d]);
    guess = warp_sum(guess);
    lse = ((const float *)a.lse)[p.t * a.heads + blockIdx.y];
    for (int part = 0; part < a.dims; part += ATTENTION_PART * GPU_WARP) {
        float rest = 0, sums[ATTENTION_PART] = {0}, means[ATTENTION_PART] = {0};
        for (int64_t first = p.begin; first < p.end; first += GPU_WARP) {
            int64_t u = first + p.lane;
            float weight = 0, ds = 0;
            if (u < p.end) {
                float s = a.scale * attention_dot(q, qkv + u * stride + a.c + head, a.dims);
                float da = attention_dot(dy, qkv + u * stride + 2 * a.c + head, a.dims);
                if (attention_drops(a))
                    da *= attention_factor(a, key, u, p.begin);
                weight = expf(s - lse);
                ds = weight * (da - guess);
            }
            rest += ds;
            for (int j = 0; j < GPU_WARP && first + j < p.end; j++) {
                float w = __shfl_sync(0xffffffffu, weight, j),
                      d_s = __shfl_sync(0xffffffffu, ds, j);
                const T *k = qkv + (first + j) * stride + a.c + head;
#pragma unroll
                for (int i = 0; i < ATTENTION_PART; i++) {
                    int d = part + i * GPU_WARP + p.lane;
                    if (d < a.dims) {
                        sums[i] += d_s * to_float(k[d]);
                        if (is_rounded)
                            means[i] += w * to_float(k[d]);
                    }
                }
            }
        }
        rest = is_rounded ? warp_sum(rest) : 0;
        if (p.lane == 0 && part == 0)
            ((float *)a.delta)[p.t * a.heads + blockIdx.y] = guess + rest;
#pragma unroll
        for (int i = 0; i < ATTENTION_PART; i++) {
            int d = part + i * GPU_WARP + p.lane;
            if (d < a.dims)
                dq[d] = from_float<T>(a.scale * (sums[i] - rest * means[i]));
        }
    }
}
GPU_TYPED_KERNEL(attention_grad_query, gpu_attention_arguments)

/* For key u, over the row's queries t: dk = sum_t ds_t q_t / sqrt D, dv = sum_t factor_t a_t dy_t
 */
template <typename T> GPU_INLINE void attention_grad_key_of(const gpu_attention_arguments &a) {
    GPU_SHARED_MEMORY(float, shared); /* [warps, 2, dims] */
    attention_place p = attention_where(a);
    const T *qkv = (const T *)a.qkv, *dy = (const T *)a.dy;
    float *k = shared + 2 * p.warp * a.dims, *v = k + a.dims;
    int64_t head = (int64_t)blockIdx.y * a.dims, stride = 3 * a.c;
    if (p.t >= a.rows)
        return;
    T *dk = (T *)a.dqkv + p.t * stride + a.c + head, *dv = dk + a.c;
    attention_share(k, qkv + p.t * stride + a.c + head, a.dims, p.lane);
    attention_share(v, qkv + p.t * stride + 2 * a.c + head, a.dims, p.lane);
    __syncwarp();
    for (int part = 0; part < a.dims; part += ATTENTION_PART * GPU_WARP) {
        float dk_sums[ATTENTION_PART] = {0}, dv_sums[ATTENTION_PART] = {0};
        for (int64_t first = p.begin; first < p.end; first += GPU_WARP) {
            int64_t t = first + p.lane;
            float ds = 0, weight = 0;
            if (t < p.end) {
                float s = a.scale * attention_dot(k, qkv + t * stride + head, a.dims);
                float da = attention_dot(v, dy + t * a.c + head, a.dims), factor = 1;
                if (attention_drops(a))
                    factor = attention_factor(a, attention_key(a, p.row, t, p.begin), p.t, p.begin);
                weight = expf(s - ((const float *)a.lse)[t * a.heads + blockIdx.y]);
                ds = a.scale * weight *
                     (factor * da - ((const float *)a.delta)[t * a.heads + blockIdx.y]);
                weight *= factor;
            }
            for (int j = 0; j < GPU_WARP && first + j < p.end; j++) {
                float w = __shfl_sync(0xffffffffu, weight, j),
                      d_s = __shfl_sync(0xffffffffu, ds, j);
                const T *q = qkv + (first + j) * stride + head, *g = dy + (first + j) * a.c + head;
#pragma unroll
                for (int i = 0; i < ATTENTION_PART; i++) {
                    int d = part + i * GPU_WARP + p.lane;
                    if (d < a.dims) {
                        dk_sums[i] += d_s * to_float(q[d]);
                        dv_sums[i] += w * to_float(g[d]);
                    }
                }
            }
        }
#pragma unroll
        for (int i = 0; i < ATTENTION_PART; i++) {
            int d = part + i * GPU_WARP + p.lane;
            if (d < a.dims) {
                dk[d] = from_float<T>(dk_sums[i]);
                dv[d] = from_float<T>(dv_sums[i]);
            }
        }
    }
}
GPU_TYPED_KERNEL(attention_grad_key, gpu_attention_arguments)
