/* SPDX-License-Identifier: MIT */
/* cudnn/libraries.h: the driver, cuBLASLt, cuDNN and NVML as tables of functions, filled by dlopen
 * when the backend is probed or opened. The plugin itself links to none of them, so that it loads
 * where they are not.
 *
 *     const gpu_libraries *lib = gpu_libraries_open(error);
 *     lib->driver.cuMemAlloc(&memory, bytes);
 *
 * A function is called by its name in the library's header; where that is a macro (cuMemAlloc is
 * cuMemAlloc_v2), so is the member. */
#ifndef CUDNN_LIBRARIES_H
#define CUDNN_LIBRARIES_H

#include <cublasLt.h>
#include <cuda.h>

#include "assay/status.h"
#include "dnn_api.h"

#define GPU_DRIVER_MAP(X)                                                                          \
    X(cuInit)                                                                                      \
    X(cuDriverGetVersion)                                                                          \
    X(cuGetErrorName)                                                                              \
    X(cuGetErrorString)                                                                            \
    X(cuDeviceGetCount)                                                                            \
    X(cuDeviceGet)                                                                                 \
    X(cuDeviceGetName)                                                                             \
    X(cuDeviceGetAttribute)                                                                        \
    X(cuDeviceGetPCIBusId)                                                                         \
    X(cuDeviceTotalMem)                                                                            \
    X(cuDevicePrimaryCtxRetain)                                                                    \
    X(cuDevicePrimaryCtxRelease)                                                                   \
    X(cuCtxSetCurrent)                                                                             \
    X(cuMemGetInfo)                                                                                \
    X(cuMemAlloc)                                                                                  \
    X(cuMemFree)                                                                                   \
    X(cuMemAllocHost)                                                                              \
    X(cuMemFreeHost)                                                                               \
    X(cuMemcpyHtoDAsync)                                                                           \
    X(cuMemcpyDtoHAsync)                                                                           \
    X(cuMemcpyDtoDAsync)                                                                           \
    X(cuMemsetD8Async)                                                                             \
    X(cuStreamCreate)                                                                              \
    X(cuStreamDestroy)                                                                             \
    X(cuStreamSynchronize)                                                                         \
    X(cuStreamWaitEvent)                                                                           \
    X(cuStreamBeginCapture)                                                                        \
    X(cuStreamEndCapture)                                                                          \
    X(cuEventCreate)                                                                               \
    X(cuEventDestroy)                                                                              \
    X(cuEventRecord)                                                                               \
    X(cuEventSynchronize)                                                                          \
    X(cuEventElapsedTime)                                                                          \
    X(cuGraphInstantiate)                                                                          \
    X(cuGraphLaunch)                                                                               \
    X(cuGraphDestroy)                                                                              \
    X(cuGraphExecDestroy)                                                                          \
    X(cuModuleLoadData)                                                                            \
    X(cuModuleUnload)                                                                              \
    X(cuModuleGetFunction)                                                                         \
    X(cuFuncSetAttribute)                                                                          \
    X(cuLaunchKernel)

#define GPU_LT_MAP(X)                                                                              \
    X(cublasLtCreate)                                                                              \
    X(cublasLtDestroy)                                                                             \
    X(cublasLtGetVersion)                                                                          \
    X(cublasLtGetStatusString)                                                                     \
    X(cublasLtMatmul)                                                                              \
    X(cublasLtMatmulDescCreate)                                                                    \
    X(cublasLtMatmulDescDestroy)                                                                   \
    X(cublasLtMatmulDescSetAttribute)                                                              \
    X(cublasLtMatrixLayoutCreate)                                                                  \
    X(cublasLtMatrixLayoutDestroy)                                                                 \
    X(cublasLtMatrixLayoutSetAttribute)                                                            \
    X(cublasLtMatmulPreferenceCreate)                                                              \
    X(cublasLtMatmulPreferenceDestroy)                                                             \
    X(cublasLtMatmulPreferenceSetAttribute)                                                        \
    X(cublasLtMatmulAlgoGetHeuristic)

#define GPU_MEMBER(name) __typeof__(name) *name;

typedef struct gpu_driver {
    GPU_DRIVER_MAP(GPU_MEMBER)
} gpu_driver;

typedef struct gpu_lt {
    GPU_LT_MAP(GPU_MEMBER)
} gpu_lt;

/* nvmlViolationTime_t: ns since 1970, ns that the clocks were held back so far. */
typedef struct gpu_violation {
    unsigned long long reference, lost;
} gpu_violation;

/* NVML, declared here because the toolkit's packages don't always bring nvml.h. Any may be NULL:
 * what they tell is then unknown. */
typedef struct gpu_nvml {
    int (*nvmlInit_v2)(void);
    int (*nvmlDeviceGetHandleByPciBusId_v2)(const char *bus, void **ret_device);
    int (*nvmlSystemGetDriverVersion)(char *version, unsigned int length);
    int (*nvmlDeviceGetClockInfo)(void *device, int clock, unsigned int *ret_mhz);
    int (*nvmlDeviceGetMaxClockInfo)(void *device, int clock, unsigned int *ret_mhz);
    int (*nvmlDeviceGetTotalEnergyConsumption)(void *device, unsigned long long *ret_millijoules);
    int (*nvmlDeviceGetCurrentClocksThrottleReasons)(void *device, unsigned long long *ret_reasons);
    int (*nvmlDeviceGetViolationStatus)(void *device, int policy, gpu_violation *ret_violation);
} gpu_nvml;

typedef struct gpu_libraries {
    gpu_driver driver;
    gpu_lt lt;
    cudnn_dnn_api cudnn;
    gpu_nvml nvml;
} gpu_libraries;

/* [child] The libraries, opened once a process and kept open. NULL with ASSAY_UNAVAILABLE and what
 * is missing in `error`. */
const gpu_libraries *gpu_libraries_open(assay_error *error);

/* [any] "CUDA driver 13.0, cuBLASLt 13.1.0.3, cuDNN 9.19.0", or of the headers it was built with
 * while nothing is open. Static storage. */
const char *gpu_libraries_text(void);

#endif
