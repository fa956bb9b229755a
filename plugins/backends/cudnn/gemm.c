/* SPDX-License-Identifier: MIT */
/* cudnn/gemm.c: matrix products by cuBLASLt, planned once for each shape and kept by the device.
 *
 * cuBLASLt's matrices are column-major, so a row-major c = a b is computed as c^T = b^T a^T: its A
 * is our b, its B our a, its bias runs along our columns. The first algorithm of its heuristics is
 * taken: the same one whenever it is asked, so that a run gives the same bits again. Reductions
 * over split sums go through the workspace in a step of their own, never in place. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

enum { SPARE_GEMMS = 256 };

struct gpu_gemm {
    gpu_gemm_shape shape;
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t a, b, c; /* cuBLASLt's */
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace_bytes;
    int n_users;
    gpu_gemm *next;
};

static void gemm_free(assay_device *device, gpu_gemm *gemm) {
    const gpu_lt *lt = &device->lib->lt;
    if (!gemm)
        return;
    if (gemm->operation)
        (void)lt->cublasLtMatmulDescDestroy(gemm->operation);
    if (gemm->a)
        (void)lt->cublasLtMatrixLayoutDestroy(gemm->a);
    if (gemm->b)
        (void)lt->cublasLtMatrixLayoutDestroy(gemm->b);
    if (gemm->c)
        (void)lt->cublasLtMatrixLayoutDestroy(gemm->c);
    free(gemm);
}

void gpu_gemms_free(assay_device *device) {
    while (device->gemms) {
        gpu_gemm *next = device->gemms->next;
        gemm_free(device, device->gemms);
        device->gemms = next;
    }
}

static cudaDataType_t data_type(int32_t type) {
    return type == GPU_BF16 ? CUDA_R_16BF : type == GPU_F16 ? CUDA_R_16F : CUDA_R_32F;
}

static cublasStatus_t set(const assay_device *device, gpu_gemm *gemm,
                          cublasLtMatmulDescAttributes_t attribute, const void *value,
                          size_t size) {
    return device->lib->lt.cublasLtMatmulDescSetAttribute(gemm->operation, attribute, value, size);
}

static cublasStatus_t describe_operation(const assay_device *device, gpu_gemm *gemm) {
    const gpu_gemm_shape *shape = &gemm->shape;
    cublasOperation_t transpose_a = shape->transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasOperation_t transpose_b = shape->transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = shape->has_bias && shape->relu ? CUBLASLT_EPILOGUE_RELU_BIAS
                                  : shape->has_bias              ? CUBLASLT_EPILOGUE_BIAS
                                  : shape->relu                  ? CUBLASLT_EPILOGUE_RELU
                                                                 : CUBLASLT_EPILOGUE_DEFAULT;
    cudaDataType_t bias_type = data_type(shape->c_type);
    cublasStatus_t result = device->lib->lt.cublasLtMatmulDescCreate(
        &gemm->operation, shape->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
        CUDA_R_32F);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = set(device, gemm, CUBLASLT_MATMUL_DESC_TRANSA, &transpose_a, sizeof transpose_a);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = set(device, gemm, CUBLASLT_MATMUL_DESC_TRANSB, &transpose_b, sizeof transpose_b);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = set(device, gemm, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    if (result == CUBLAS_STATUS_SUCCESS && shape->has_bias)
        result =
            set(device, gemm, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type, sizeof bias_type);
    /* Any memory: the heuristics may want to see that there is a bias. */
    if (result == CUBLAS_STATUS_SUCCESS && shape->has_bias)
        result = set(device, gemm, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &device->lt_workspace.data,
                     sizeof device->lt_workspace.data);
    return result;
}

static cublasStatus_t describe_matrices(const assay_device *device, gpu_gemm *gemm) {
    const gpu_lt *lt = &device->lib->lt;
    const gpu_gemm_shape *s = &gemm->shape;
    uint64_t m = (uint64_t)s->m, n = (uint64_t)s->n, k = (uint64_t)s->k;
    cublasStatus_t result =
        lt->cublasLtMatrixLayoutCreate(&gemm->a, data_type(s->type), s->transpose_b ? k : n,
                                       s->transpose_b ? n : k, (int64_t)(s->transpose_b ? k : n));
    if (result == CUBLAS_STATUS_SUCCESS)
        result = lt->cublasLtMatrixLayoutCreate(&gemm->b, data_type(s->type),
                                                s->transpose_a ? m : k, s->transpose_a ? k : m,
                                                (int64_t)(s->transpose_a ? m : k));
    if (result == CUBLAS_STATUS_SUCCESS)
        result = lt->cublasLtMatrixLayoutCreate(&gemm->c, data_type(s->c_type), n, m, (int64_t)n);
    return result;
}

/* Drops what nobody uses behind the SPARE_GEMMS newest. */
static void trim(assay_device *device) {
    int n_spare = 0;
    for (gpu_gemm **at = &device->gemms; *at;) {
        gpu_gemm *gemm = *at;
        if (gemm->n_users == 0 && ++n_spare > SPARE_GEMMS) {
            *at = gemm->next;
            gemm_free(device, gemm);
        } else {
            at = &gemm->next;
        }
    }
}

void gpu_gemm_release(assay_device *device, gpu_gemm *gemm) {
    if (!gemm)
        return;
    gemm->n_users--;
    trim(device);
}

/* The heuristics' first choice. */
static cublasStatus_t choose(const assay_device *device, gpu_gemm *gemm) {
    static const cublasLtMatmulPreferenceAttributes_t alignments[] = {
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
    const gpu_lt *lt = &device->lib->lt;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t found;
    size_t workspace = GPU_LT_WORKSPACE;
    uint32_t alignment = 16; /* of a parameter that stands right behind another */
    uint32_t reductions =
        CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
    int n = 0;
    cublasStatus_t result = lt->cublasLtMatmulPreferenceCreate(&preference);
    if (result != CUBLAS_STATUS_SUCCESS)
        return result;
    result = lt->cublasLtMatmulPreferenceSetAttribute(
        preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = lt->cublasLtMatmulPreferenceSetAttribute(
            preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &reductions, sizeof reductions);
    for (int i = 0; i < 4 && result == CUBLAS_STATUS_SUCCESS; i++)
        result = lt->cublasLtMatmulPreferenceSetAttribute(preference, alignments[i], &alignment,
                                                          sizeof alignment);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = lt->cublasLtMatmulAlgoGetHeuristic(device->lt, gemm->operation, gemm->a, gemm->b,
                                                    gemm->c, gemm->c, preference, 1, &found, &n);
    if (result == CUBLAS_STATUS_SUCCESS && n < 1)
        result = CUBLAS_STATUS_NOT_SUPPORTED;
    if (result == CUBLAS_STATUS_SUCCESS) {
        gemm->algorithm = found.algo;
        gemm->workspace_bytes = found.workspaceSize;
    }
    (void)lt->cublasLtMatmulPreferenceDestroy(preference);
    return result;
}

static const char *describe(const gpu_gemm_shape *s, char *text, size_t size) {
    static const char *const types[] = {"f32", "bf16", "fp16"};
    snprintf(text, size, "product %lld x %lld x %lld of %s%s in %s%s%s", (long long)s->m,
             (long long)s->n, (long long)s->k, types[s->type], s->tf32 ? " (tf32)" : "",
             types[s->c_type],
             s->has_bias && s->relu ? " with bias and relu"
             : s->has_bias          ? " with bias"
             : s->relu              ? " with relu"
                                    : "",
             s->add ? ", added" : "");
    return text;
}

assay_status gpu_gemm_get(assay_device *device, const gpu_gemm_shape *shape, gpu_gemm **ret_gemm,
                          assay_error *error) {
    char text[128];
    for (gpu_gemm *gemm = device->gemms; gemm; gemm = gemm->next)
        if (memcmp(&gemm->shape, shape, sizeof *shape) == 0) {
            gemm->n_users++;
            *ret_gemm = gemm;
            return ASSAY_OK;
        }
    gpu_gemm *gemm = calloc(1, sizeof *gemm);
    if (!gemm)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a product's plan");
    gemm->shape = *shape;
    cublasStatus_t result = describe_operation(device, gemm);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = describe_matrices(device, gemm);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = choose(device, gemm);
    if (result != CUBLAS_STATUS_SUCCESS) {
        gemm_free(device, gemm);
        return gpu_check_lt(device, result, describe(shape, text, sizeof text), error);
    }
    gemm->n_users = 1;
    gemm->next = device->gemms;
    device->gemms = gemm;
    *ret_gemm = gemm;
    return ASSAY_OK;
}

assay_status gpu_gemm_run(assay_device *device, gpu_gemm *gemm, CUdeviceptr a, CUdeviceptr b,
                          CUdeviceptr bias, CUdeviceptr sum, CUdeviceptr c, assay_error *error) {
    const float one = 1, beta = gemm->shape.add ? 1 : 0;
    char text[128];
    cublasStatus_t result = CUBLAS_STATUS_SUCCESS;
    if (gemm->shape.has_bias)
        result = set(device, gemm, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
    if (result == CUBLAS_STATUS_SUCCESS)
        result = device->lib->lt.cublasLtMatmul(
            device->lt, gemm->operation, &one, (const void *)(uintptr_t)b, gemm->a,
            (const void *)(uintptr_t)a, gemm->b, &beta, (const void *)(uintptr_t)(sum ? sum : c),
            gemm->c, (void *)(uintptr_t)c, gemm->c, &gemm->algorithm,
            (void *)(uintptr_t)device->lt_workspace.data, gemm->workspace_bytes,
            (cudaStream_t)(void *)device->stream);
    if (result == CUBLAS_STATUS_SUCCESS)
        return ASSAY_OK;
    return gpu_check_lt(device, result, describe(&gemm->shape, text, sizeof text), error);
}
