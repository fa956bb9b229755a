// SPDX-License-Identifier: MIT
// lt.cpp: the part of cuBLASLt that the cudnn backend calls, as plain loops over column-major
// matrices: D = epilogue(alpha op(A) op(B) + beta C). Sums are f64 for f32 matrices (as good as any
// order of summing), f32 in groups for 16 bits is no closer to a GPU, so f64 there too.
#include <cublasLt.h>
#include <math.h>
#include <stdint.h>
#include <vector>

#define GPU_EMULATED
#include "emulated.h"
#include "emulator.h"

struct operation {
    cublasComputeType_t compute;
    cublasOperation_t transpose_a, transpose_b;
    cublasLtEpilogue_t epilogue;
    const void *bias;
    cudaDataType_t bias_type;
};

struct layout {
    cudaDataType_t type;
    uint64_t rows, columns;
    int64_t stride;
};

static double load(const void *data, cudaDataType_t type, uint64_t i) {
    return type == CUDA_R_32F    ? (double)((const float *)data)[i]
           : type == CUDA_R_16BF ? (double)__bfloat162float(((const __nv_bfloat16 *)data)[i])
                                 : (double)__half2float(((const __half *)data)[i]);
}

static void store(void *data, cudaDataType_t type, uint64_t i, double value) {
    if (type == CUDA_R_32F)
        ((float *)data)[i] = (float)value;
    else if (type == CUDA_R_16BF)
        ((__nv_bfloat16 *)data)[i] = __float2bfloat16_rn((float)value);
    else
        ((__half *)data)[i] = __float2half_rn((float)value);
}

// What is left of a f32 operand in TF32: 10 bits behind the point.
static double rounded(double value, cublasComputeType_t compute) {
    if (compute != CUBLAS_COMPUTE_32F_FAST_TF32 || value == 0 || !isfinite(value))
        return value;
    int exponent;
    double fraction = frexp(value, &exponent);
    return ldexp(nearbyint(ldexp(fraction, 11)), exponent - 11);
}

// op(X) with its terms side by side: `terms` of one row (of A) or column (of B) after the other.
static std::vector<double> operand(const operation &o, const void *data, const layout &x,
                                   bool by_column, uint64_t n, uint64_t terms) {
    std::vector<double> values(n * terms);
    uint64_t stride = (uint64_t)x.stride;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t l = 0; l < terms; l++)
            values[i * terms + l] =
                rounded(load(data, x.type, by_column ? l + i * stride : i + l * stride), o.compute);
    return values;
}

static void multiply(const operation &o, double alpha, const void *a, const layout &la,
                     const void *b, const layout &lb, double beta, const void *c, void *d,
                     const layout &ld) {
    uint64_t inner = o.transpose_a == CUBLAS_OP_T ? la.rows : la.columns;
    bool has_bias =
        o.epilogue == CUBLASLT_EPILOGUE_BIAS || o.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    bool relu = o.epilogue == CUBLASLT_EPILOGUE_RELU || o.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS;
    std::vector<double> x = operand(o, a, la, o.transpose_a == CUBLAS_OP_T, ld.rows, inner);
    std::vector<double> y = operand(o, b, lb, o.transpose_b != CUBLAS_OP_T, ld.columns, inner);
    for (uint64_t j = 0; j < ld.columns; j++)
        for (uint64_t i = 0; i < ld.rows; i++) {
            double sum = 0;
            for (uint64_t l = 0; l < inner; l++)
                sum += x[i * inner + l] * y[j * inner + l];
            sum *= alpha;
            if (beta != 0)
                sum += beta * load(c, ld.type, i + j * (uint64_t)ld.stride);
            if (has_bias)
                sum += load(o.bias, o.bias_type, i);
            store(d, ld.type, i + j * (uint64_t)ld.stride, relu && sum < 0 ? 0 : sum);
        }
}

static long n_products; // described just now

extern "C" {

long emulated_products(void) {
    return n_products;
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
    *handle = (cublasLtHandle_t)(uintptr_t)1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t) {
    return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion(void) {
    return 130100;
}
const char *cublasLtGetStatusString(cublasStatus_t) {
    return "emulated status";
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *o, cublasComputeType_t compute,
                                        cudaDataType_t) {
    n_products++;
    *o = (cublasLtMatmulDesc_t) new operation{
        compute, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr, CUDA_R_32F};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t o) {
    n_products--;
    delete (operation *)o;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t descriptor,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t size) {
    operation *o = (operation *)descriptor;
    void *to = attribute == CUBLASLT_MATMUL_DESC_TRANSA           ? (void *)&o->transpose_a
               : attribute == CUBLASLT_MATMUL_DESC_TRANSB         ? (void *)&o->transpose_b
               : attribute == CUBLASLT_MATMUL_DESC_EPILOGUE       ? (void *)&o->epilogue
               : attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER   ? (void *)&o->bias
               : attribute == CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE ? (void *)&o->bias_type
                                                                  : nullptr;
    if (!to)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(to, value, size);
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *x, cudaDataType type,
                                          uint64_t rows, uint64_t columns, int64_t stride) {
    if (stride < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    *x = (cublasLtMatrixLayout_t) new layout{type, rows, columns, stride};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t x) {
    delete (layout *)x;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t,
                                                cublasLtMatrixLayoutAttribute_t, const void *,
                                                size_t) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
    *preference = (cublasLtMatmulPreference_t)(uintptr_t)1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t) {
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t,
                                                    cublasLtMatmulPreferenceAttributes_t,
                                                    const void *, size_t) {
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t descriptor,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t, int,
                                              cublasLtMatmulHeuristicResult_t results[], int *n) {
    const operation *o = (const operation *)descriptor;
    const layout *la = (const layout *)a, *lb = (const layout *)b, *lc = (const layout *)c;
    uint64_t m = o->transpose_a == CUBLAS_OP_T ? la->columns : la->rows;
    uint64_t k = o->transpose_a == CUBLAS_OP_T ? la->rows : la->columns;
    uint64_t kb = o->transpose_b == CUBLAS_OP_T ? lb->columns : lb->rows;
    uint64_t n_b = o->transpose_b == CUBLAS_OP_T ? lb->rows : lb->columns;
    if (m != lc->rows || n_b != lc->columns || k != kb || c != d || la->type != lb->type)
        return CUBLAS_STATUS_INVALID_VALUE;
    memset(results, 0, sizeof *results);
    *n = 1;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t descriptor, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t la, const void *b,
                              cublasLtMatrixLayout_t lb, const void *beta, const void *c,
                              cublasLtMatrixLayout_t, void *d, cublasLtMatrixLayout_t ld,
                              const cublasLtMatmulAlgo_t *, void *, size_t, cudaStream_t) {
    operation o = *(const operation *)descriptor;
    if (((uintptr_t)a | (uintptr_t)b | (uintptr_t)c | (uintptr_t)d | (uintptr_t)o.bias) % 16 != 0)
        return CUBLAS_STATUS_INVALID_VALUE; // what the heuristics were told
    layout xa = *(const layout *)la, xb = *(const layout *)lb, xd = *(const layout *)ld;
    double factor = *(const float *)alpha, kept = *(const float *)beta;
    emulated_enqueue(EMULATED_PRODUCT, [=] { multiply(o, factor, a, xa, b, xb, kept, c, d, xd); });
    return CUBLAS_STATUS_SUCCESS;
}
}
