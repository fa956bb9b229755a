/* SPDX-License-Identifier: MIT */
/* cudnn/kernels_pointwise.cuh: element-wise operations, dropout, and copies between layouts. */

GPU_INLINE float normal_cdf(float x) {
    return 0.5f * (1.0f + erff(x * 0.70710678118654752440f));
}

GPU_INLINE float pointwise_one(int operation, float factor, float a, float b) {
    switch (operation) {
    case GPU_ADD:
        return a + b;
    case GPU_SCALE:
        return factor * a;
    case GPU_RELU:
        return a > 0 ? a : 0;
    case GPU_GELU:
        return a * normal_cdf(a);
    case GPU_TANH:
        return tanhf(a);
    case GPU_RELU_GRAD:
        return b > 0 ? a : 0;
    case GPU_GELU_GRAD:
        return a * (normal_cdf(b) + b * 0.39894228040143267794f * expf(-0.5f * b * b));
    default: /* GPU_TANH_GRAD */
        return a * (1 - b * b);
    }
}

template <typename T> GPU_INLINE void pointwise_of(const gpu_pointwise_arguments &a) {
    const int width = vector<T>::n;
    const T *x = (const T *)a.a, *b = (const T *)a.b;
    T *y = (T *)a.y;
    int64_t whole = a.n / width;
    for (int64_t i = thread_index(); i < whole; i += thread_count()) {
        vector<T> vx = ((const vector<T> *)x)[i], vb = vx, vy;
        if (b)
            vb = ((const vector<T> *)b)[i];
        if (a.add)
            vy = ((const vector<T> *)y)[i];
        for (int k = 0; k < width; k++) {
            float value =
                pointwise_one(a.operation, a.factor, to_float(vx.v[k]), to_float(vb.v[k]));
            vy.v[k] = from_float<T>(a.add ? to_float(vy.v[k]) + value : value);
        }
        ((vector<T> *)y)[i] = vy;
    }
    for (int64_t i = whole * width + thread_index(); i < a.n; i += thread_count()) {
        float value = pointwise_one(a.operation, a.factor, to_float(x[i]), b ? to_float(b[i]) : 0);
        y[i] = from_float<T>(a.add ? to_float(y[i]) + value : value);
    }
}
GPU_TYPED_KERNEL(pointwise, gpu_pointwise_arguments)

/* The key of row m's channels: of its token's row and position, or of its row and position 0. */
GPU_INLINE uint64_t dropout_key_of(const gpu_batch *batch, gpu_pointer token_row,
                                   gpu_pointer offsets, gpu_pointer row_keys, int32_t stream,
                                   int32_t tokens, int64_t m) {
    int32_t row = tokens ? ((const int32_t *)token_row)[m] : (int32_t)m;
    if (row < 0 || row >= batch->n_rows)
        return 0;
    int32_t position = tokens ? (int32_t)m - ((const int32_t *)offsets)[row] : 0;
    return assay_dropout_key(batch->seed, stream, ((const uint64_t *)row_keys)[row], position);
}

/* A warp for each row. */
template <typename T> GPU_INLINE void dropout_of(const gpu_dropout_arguments &a) {
    const int width = vector<T>::n;
    const gpu_batch *batch = (const gpu_batch *)a.batch;
    int lane = threadIdx.x % GPU_WARP;
    int64_t warps = thread_count() / GPU_WARP;
    int vectors = a.c % width == 0;
    for (int64_t m = thread_index() / GPU_WARP; m < a.rows; m += warps) {
        uint64_t key =
            dropout_key_of(batch, a.token_row, a.offsets, a.row_keys, a.stream, a.tokens, m);
        const T *x = (const T *)a.x + m * a.c;
        T *y = (T *)a.y + m * a.c;
        for (int64_t i = lane; vectors && i < a.c / width; i += GPU_WARP) {
            vector<T> v = ((const vector<T> *)x)[i];
            for (int k = 0; k < width && batch->dropout; k++)
                v.v[k] =
                    from_float<T>(assay_dropout_keep(key, (uint32_t)(i * width + k), a.threshold)
                                      ? a.factor * to_float(v.v[k])
                                      : 0.0f);
            ((vector<T> *)y)[i] = v;
        }
        for (int64_t c = lane; !vectors && c < a.c; c += GPU_WARP) {
            int keep = !batch->dropout || assay_dropout_keep(key, (uint32_t)c, a.threshold);
            float factor = batch->dropout ? a.factor : 1;
            y[c] = from_float<T>(keep ? factor * to_float(x[c]) : 0.0f);
        }
    }
}
GPU_TYPED_KERNEL(dropout, gpu_dropout_arguments)

/* y_t[2i] = sin(p / 10000^(2i/C)), y_t[2i+1] = cos(same); zeros behind the last token */
template <typename T> GPU_INLINE void sinusoid_of(const gpu_rows_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count()) {
        int64_t t = i / a.c, c = i % a.c;
        int32_t row = ((const int32_t *)a.token_row)[t];
        double value = 0;
        if (row >= 0) {
            double position = (double)(t - ((const int32_t *)a.offsets)[row]);
            double angle = position / pow(10000.0, (double)(c - c % 2) / (double)a.c);
            value = c % 2 == 0 ? sin(angle) : cos(angle);
        }
        ((T *)a.y)[i] = from_float<T>((float)value);
    }
}
GPU_TYPED_KERNEL(sinusoid, gpu_rows_arguments)

/* y = x + w, w f32 [c] */
template <typename T> GPU_INLINE void add_row_of(const gpu_rows_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count())
        ((T *)a.y)[i] =
            from_float<T>(to_float(((const T *)a.x)[i]) + ((const float *)a.w)[i % a.c]);
}
GPU_TYPED_KERNEL(add_row, gpu_rows_arguments)

/* y_t = w_t x_t */
template <typename T> GPU_INLINE void scale_tokens_of(const gpu_rows_arguments &a) {
    for (int64_t i = thread_index(); i < a.rows * a.c; i += thread_count())
        ((T *)a.y)[i] =
            from_float<T>(to_float(((const T *)a.x)[i]) * to_float(((const T *)a.w)[i / a.c]));
}
GPU_TYPED_KERNEL(scale_tokens, gpu_rows_arguments)

/* y_t = x_t . w_t, a warp for each token */
template <typename T> GPU_INLINE void scale_tokens_grad_of(const gpu_rows_arguments &a) {
    int lane = threadIdx.x % GPU_WARP;
    int64_t warps = thread_count() / GPU_WARP;
    for (int64_t t = thread_index() / GPU_WARP; t < a.rows; t += warps) {
        float sum = 0;
        for (int64_t c = lane; c < a.c; c += GPU_WARP)
            sum +=
                to_float(((const T *)a.x)[t * a.c + c]) * to_float(((const T *)a.w)[t * a.c + c]);
        sum = warp_sum(sum);
        if (lane == 0)
            ((T *)a.y)[t] = from_float<T>(sum);
    }
}
GPU_TYPED_KERNEL(scale_tokens_grad, gpu_rows_arguments)

/* ---- copies ---------------------------------------------------------------------------------- */

struct alignas(16) sixteen_bytes {
    uint64_t v[2];
};

/* Unit `from` of x to unit `to` of y, or zero. */
GPU_INLINE void copy_unit(gpu_pointer y, int64_t to, gpu_pointer x, int64_t from, int unit,
                          int is_zero) {
    if (unit == 16) {
        sixteen_bytes zero = {{0, 0}};
        ((sixteen_bytes *)y)[to] = is_zero ? zero : ((const sixteen_bytes *)x)[from];
    } else if (unit == 4) {
        ((uint32_t *)y)[to] = is_zero ? 0 : ((const uint32_t *)x)[from];
    } else {
        ((uint16_t *)y)[to] = is_zero ? (uint16_t)0 : ((const uint16_t *)x)[from];
    }
}

GPU_KERNEL(embedding, gpu_embedding_arguments) {
    int32_t n_tokens = ((const gpu_batch *)a.batch)->n_tokens;
    for (int64_t i = thread_index(); i < a.rows * a.units; i += thread_count()) {
        int64_t t = i / a.units, c = i % a.units;
        int64_t id = t < n_tokens ? ((const int32_t *)a.ids)[t] : 0;
        copy_unit(a.y, i, a.table, id * a.units + c, a.unit, t >= n_tokens);
    }
}

GPU_KERNEL(copy_columns, gpu_columns_arguments) {
    for (int64_t i = thread_index(); i < a.rows * a.size; i += thread_count()) {
        int64_t m = i / a.size, c = i % a.size;
        copy_unit(a.y, m * a.y_stride + a.y_begin + c, a.x, m * a.x_stride + a.x_begin + c, a.unit,
                  0);
    }
}

GPU_KERNEL(convert, gpu_convert_arguments) {
    for (int64_t i = thread_index(); i < a.n; i += thread_count()) {
        float x = load_any(a.x, a.from_type, i);
        store_any(a.y, a.to_type, i, a.add ? ((const float *)a.y)[i] + x : x);
    }
}
