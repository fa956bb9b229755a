/* SPDX-License-Identifier: MIT */
/* mock_cuda.c: a libcuda.so.1 that does nothing and says it succeeded, for one H100 that isn't
 * there. With it in LD_LIBRARY_PATH cuDNN compiles kernels, finalises plans and tells the sizes of
 * their workspaces. Nothing computes: results are never looked at. Memory is the host's, zeroed, so
 * that copies are copies.
 *
 * The CUDA runtime inside cuDNN asks cuGetProcAddress for some 400 functions. Those below have
 * something to answer; each other gets `succeed`, which fills nothing in. */
#include <cuda.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOCK __attribute__((visibility("default")))

enum { VERSION = 13000 };

static CUresult succeed(void) {
    return CUDA_SUCCESS;
}

/* Any handle: an address of its own. */
static void *new_handle(void) {
    return calloc(1, 64);
}

MOCK CUresult cuInit(unsigned int flags) {
    (void)flags;
    return CUDA_SUCCESS;
}

MOCK CUresult cuDriverGetVersion(int *ret_version) {
    *ret_version = VERSION;
    return CUDA_SUCCESS;
}

MOCK CUresult cuGetErrorName(CUresult error, const char **ret_name) {
    (void)error;
    *ret_name = "CUDA_ERROR_MOCK";
    return CUDA_SUCCESS;
}

MOCK CUresult cuGetErrorString(CUresult error, const char **ret_text) {
    (void)error;
    *ret_text = "the mock driver's error";
    return CUDA_SUCCESS;
}

/* ---- the device: values as read from an H100's cudaDeviceProp -------------------------------- */

MOCK CUresult cuDeviceGetCount(int *ret_count) {
    *ret_count = 1;
    return CUDA_SUCCESS;
}

MOCK CUresult cuDeviceGet(CUdevice *ret_device, int ordinal) {
    *ret_device = ordinal;
    return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

MOCK CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    (void)device;
    snprintf(name, (size_t)size, "NVIDIA H100 80GB HBM3");
    return CUDA_SUCCESS;
}

MOCK CUresult cuDeviceTotalMem_v2(size_t *ret_bytes, CUdevice device) {
    (void)device;
    *ret_bytes = (size_t)85029158912;
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemGetInfo_v2(size_t *ret_free, size_t *ret_total) {
    *ret_total = (size_t)85029158912;
    *ret_free = *ret_total - ((size_t)1 << 30);
    return CUDA_SUCCESS;
}

MOCK CUresult cuDeviceGetPCIBusId(char *bus, int size, CUdevice device) {
    (void)device;
    snprintf(bus, (size_t)size, "0000:00:00.0");
    return CUDA_SUCCESS;
}

MOCK CUresult cuDeviceGetAttribute(int *ret_value, CUdevice_attribute attribute, CUdevice device) {
    static const int values[][2] = {
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
        {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
        {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1980000},
        {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 132},
        {CU_DEVICE_ATTRIBUTE_INTEGRATED, 0},
        {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
        {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 2619000},
        {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 5120},
        {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 52428800},
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 9},
        {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 233472},
        {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
        {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 232448},
        {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 32},
        {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
        {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
        {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
    };
    (void)device;
    *ret_value = 0;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (values[i][0] == (int)attribute)
            *ret_value = values[i][1];
    return CUDA_SUCCESS;
}

MOCK CUresult cuDeviceGetUuid(CUuuid *ret_uuid, CUdevice device) {
    (void)device;
    memset(ret_uuid, 7, sizeof *ret_uuid);
    return CUDA_SUCCESS;
}

/* ---- contexts, streams, events ----------------------------------------------------------------
 */

static int a_context;

MOCK CUresult cuDevicePrimaryCtxRetain(CUcontext *ret_context, CUdevice device) {
    (void)device;
    *ret_context = (CUcontext)(void *)&a_context;
    return CUDA_SUCCESS;
}

MOCK CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned int *ret_flags,
                                         int *ret_active) {
    (void)device;
    *ret_flags = 0;
    *ret_active = 1;
    return CUDA_SUCCESS;
}

MOCK CUresult cuCtxGetCurrent(CUcontext *ret_context) {
    *ret_context = (CUcontext)(void *)&a_context;
    return CUDA_SUCCESS;
}

MOCK CUresult cuCtxGetDevice(CUdevice *ret_device) {
    *ret_device = 0;
    return CUDA_SUCCESS;
}

MOCK CUresult cuStreamCreate(CUstream *ret_stream, unsigned int flags) {
    (void)flags;
    *ret_stream = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuStreamCreateWithPriority(CUstream *ret_stream, unsigned int flags, int priority) {
    (void)priority;
    return cuStreamCreate(ret_stream, flags);
}

MOCK CUresult cuStreamDestroy_v2(CUstream stream) {
    free(stream);
    return CUDA_SUCCESS;
}

MOCK CUresult cuStreamGetCtx(CUstream stream, CUcontext *ret_context) {
    (void)stream;
    return cuCtxGetCurrent(ret_context);
}

MOCK CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *ret_status) {
    (void)stream;
    *ret_status = CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
}

MOCK CUresult cuEventCreate(CUevent *ret_event, unsigned int flags) {
    (void)flags;
    *ret_event = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuEventDestroy_v2(CUevent event) {
    free(event);
    return CUDA_SUCCESS;
}

MOCK CUresult cuEventElapsedTime_v2(float *ret_ms, CUevent from, CUevent to) {
    (void)from;
    (void)to;
    *ret_ms = 1;
    return CUDA_SUCCESS;
}

/* ---- memory -----------------------------------------------------------------------------------
 */

MOCK CUresult cuMemAlloc_v2(CUdeviceptr *ret_data, size_t bytes) {
    void *data = NULL;
    if (posix_memalign(&data, 512, bytes ? bytes : 1) != 0)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memset(data, 0, bytes);
    *ret_data = (CUdeviceptr)(uintptr_t)data;
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemFree_v2(CUdeviceptr data) {
    free((void *)(uintptr_t)data);
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemAllocHost_v2(void **ret_data, size_t bytes) {
    *ret_data = calloc(1, bytes ? bytes : 1);
    return *ret_data ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

MOCK CUresult cuMemHostAlloc(void **ret_data, size_t bytes, unsigned int flags) {
    (void)flags;
    return cuMemAllocHost_v2(ret_data, bytes);
}

MOCK CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *ret_data, void *host, unsigned int flags) {
    (void)flags;
    *ret_data = (CUdeviceptr)(uintptr_t)host;
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemFreeHost(void *data) {
    free(data);
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                   CUstream stream) {
    (void)stream;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    (void)stream;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                   CUstream stream) {
    (void)stream;
    memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return CUDA_SUCCESS;
}

MOCK CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t n, CUstream stream) {
    (void)stream;
    memset((void *)(uintptr_t)to, value, n);
    return CUDA_SUCCESS;
}

/* ---- modules and kernels ----------------------------------------------------------------------
 */

MOCK CUresult cuModuleLoadData(CUmodule *ret_module, const void *image) {
    (void)image;
    *ret_module = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuModuleGetFunction(CUfunction *ret_function, CUmodule module, const char *name) {
    (void)module;
    (void)name;
    *ret_function = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuLibraryLoadData(CUlibrary *ret_library, const void *code, CUjit_option *jit,
                                void **jit_values, unsigned int n_jit, CUlibraryOption *options,
                                void **option_values, unsigned int n_options) {
    (void)code, (void)jit, (void)jit_values, (void)n_jit;
    (void)options, (void)option_values, (void)n_options;
    *ret_library = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuLibraryGetKernel(CUkernel *ret_kernel, CUlibrary library, const char *name) {
    (void)library;
    (void)name;
    *ret_kernel = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuLibraryGetModule(CUmodule *ret_module, CUlibrary library) {
    (void)library;
    *ret_module = new_handle();
    return CUDA_SUCCESS;
}

MOCK CUresult cuKernelGetFunction(CUfunction *ret_function, CUkernel kernel) {
    *ret_function = (CUfunction)(void *)kernel;
    return CUDA_SUCCESS;
}

MOCK CUresult cuKernelGetAttribute(int *ret_value, CUfunction_attribute attribute, CUkernel kernel,
                                   CUdevice device) {
    (void)attribute;
    (void)kernel;
    (void)device;
    *ret_value = 64;
    return CUDA_SUCCESS;
}

MOCK CUresult cuFuncGetAttribute(int *ret_value, CUfunction_attribute attribute,
                                 CUfunction function) {
    (void)attribute;
    (void)function;
    *ret_value = 64;
    return CUDA_SUCCESS;
}

MOCK CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *ret_blocks, CUfunction function,
                                                          int block, size_t shared) {
    (void)function;
    (void)block;
    (void)shared;
    *ret_blocks = 2;
    return CUDA_SUCCESS;
}

MOCK CUresult cuOccupancyMaxPotentialClusterSize(int *ret_size, CUfunction function,
                                                 const CUlaunchConfig *launch) {
    (void)function;
    (void)launch;
    *ret_size = 8;
    return CUDA_SUCCESS;
}

MOCK CUresult cuOccupancyMaxActiveClusters(int *ret_clusters, CUfunction function,
                                           const CUlaunchConfig *launch) {
    (void)function;
    (void)launch;
    *ret_clusters = 66;
    return CUDA_SUCCESS;
}

/* What cuDNN and the backend look up by name and that has nothing to answer. */
#define SUCCEED(name)                                                                              \
    MOCK CUresult mock_##name(void) __asm__(#name);                                                \
    CUresult mock_##name(void) {                                                                   \
        return CUDA_SUCCESS;                                                                       \
    }

/* clang-format off */
SUCCEED(cuCtxGetLimit)
SUCCEED(cuCtxPopCurrent)
SUCCEED(cuCtxPopCurrent_v2)
SUCCEED(cuCtxPushCurrent)
SUCCEED(cuCtxPushCurrent_v2)
SUCCEED(cuCtxSetCurrent)
SUCCEED(cuCtxSynchronize)
SUCCEED(cuDevicePrimaryCtxRelease_v2)
SUCCEED(cuEventQuery)
SUCCEED(cuEventRecord)
SUCCEED(cuEventSynchronize)
SUCCEED(cuFuncSetAttribute)
SUCCEED(cuKernelSetAttribute)
SUCCEED(cuLaunchCooperativeKernel)
SUCCEED(cuLaunchKernel)
SUCCEED(cuLaunchKernelEx)
SUCCEED(cuLibraryLoadFromFile)
SUCCEED(cuLibraryUnload)
SUCCEED(cuLinkAddData)
SUCCEED(cuLinkComplete)
SUCCEED(cuLinkCreate)
SUCCEED(cuLinkDestroy)
SUCCEED(cuModuleUnload)
SUCCEED(cuStreamSynchronize)
SUCCEED(cuStreamWaitEvent)
/* clang-format on */

/* ---- finding functions ------------------------------------------------------------------------
 */

/* The runtime's private part of the driver: there is none, so that cudnnCreate, unlike what needs
 * no handle, fails. */
MOCK CUresult cuGetExportTable(const void **ret_table, const CUuuid *id) {
    (void)ret_table;
    (void)id;
    return CUDA_ERROR_NOT_FOUND;
}

/* The function of that name in this file, in its newest form, or `succeed`. */
MOCK CUresult cuGetProcAddress_v2(const char *name, void **ret_function, int version,
                                  cuuint64_t flags, CUdriverProcAddressQueryResult *ret_status) {
    static const char *const suffixes[] = {"", "_v2", "_v3"};
    char full[128];
    (void)version;
    (void)flags;
    *ret_function = NULL;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !*ret_function; i++) {
        snprintf(full, sizeof full, "%s%s", name, suffixes[i]);
        *ret_function = dlsym(RTLD_DEFAULT, full);
    }
    if (!*ret_function)
        memcpy(ret_function, &(CUresult(*)(void)){succeed}, sizeof *ret_function);
    if (ret_status)
        *ret_status = CU_GET_PROC_ADDRESS_SUCCESS;
    return CUDA_SUCCESS;
}

/* The older form, which the header only has as a macro. */
#undef cuGetProcAddress
MOCK CUresult cuGetProcAddress(const char *name, void **ret_function, int version,
                               cuuint64_t flags);
MOCK CUresult cuGetProcAddress(const char *name, void **ret_function, int version,
                               cuuint64_t flags) {
    return cuGetProcAddress_v2(name, ret_function, version, flags, NULL);
}
