/* SPDX-License-Identifier: MIT */
/* cudnn/device.c: the GPU as a device: context, streams, kernels, handles, memory within its limit,
 * errors and what NVML knows. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"

/* The module with all own kernels: kernels.cu as nvcc's fatbin, see kernels_fatbin.c. */
extern const unsigned char gpu_fatbin[];

static const char *const kernel_names[GPU_KERNEL_COUNT] = {
#define GPU_ONE(name) "gpu_" #name,
#define GPU_TYPED(name) "gpu_" #name "_f32", "gpu_" #name "_bf16", "gpu_" #name "_f16",
    GPU_KERNEL_MAP(GPU_ONE, GPU_TYPED)
#undef GPU_ONE
#undef GPU_TYPED
};

/* ---- errors -------------------------------------------------------------------------------- */

/* 1 for errors after which nothing works in the process's context any more (CUDA driver API,
 * "error handling"). */
static int is_sticky(CUresult result) {
    switch (result) {
    case CUDA_ERROR_DEINITIALIZED:
    case CUDA_ERROR_DEVICE_UNAVAILABLE:
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_UNKNOWN:
        return 1;
    default:
        return 0;
    }
}

static void lose(assay_device *device, const char *text) {
    if (device->lost != ASSAY_OK)
        return;
    device->lost = ASSAY_INTERNAL;
    snprintf(device->lost_text, sizeof device->lost_text, "the GPU's context is lost: %s", text);
}

assay_status gpu_check(assay_device *device, CUresult result, const char *what,
                       assay_error *error) {
    const char *name = NULL, *meaning = NULL;
    char text[256];
    if (result == CUDA_SUCCESS)
        return ASSAY_OK;
    (void)device->lib->driver.cuGetErrorName(result, &name);
    (void)device->lib->driver.cuGetErrorString(result, &meaning);
    snprintf(text, sizeof text, "%s: %s (%s)", what, name ? name : "unknown error",
             meaning ? meaning : "no description");
    if (is_sticky(result)) {
        lose(device, text);
        return assay_fail(error, device->lost, "cudnn", device->lost_text);
    }
    return assay_fail(error,
                      result == CUDA_ERROR_OUT_OF_MEMORY ? ASSAY_OUT_OF_MEMORY : ASSAY_INTERNAL,
                      "cudnn", text);
}

assay_status gpu_check_lt(assay_device *device, cublasStatus_t result, const char *what,
                          assay_error *error) {
    char text[256];
    if (result == CUBLAS_STATUS_SUCCESS)
        return ASSAY_OK;
    snprintf(text, sizeof text, "%s: cuBLASLt: %s", what,
             device->lib->lt.cublasLtGetStatusString(result));
    return assay_fail(error,
                      result == CUBLAS_STATUS_ALLOC_FAILED ? ASSAY_OUT_OF_MEMORY : ASSAY_INTERNAL,
                      "cudnn", text);
}

assay_status gpu_check_cudnn(assay_device *device, cudnnStatus_t result, const char *what,
                             assay_error *error) {
    char last[160] = "", text[320];
    if (result == CUDNN_STATUS_SUCCESS)
        return ASSAY_OK;
    device->lib->cudnn.GetLastErrorString(last, sizeof last);
    snprintf(text, sizeof text, "%s: cuDNN: %s %s", what, device->lib->cudnn.GetErrorString(result),
             last);
    return assay_fail(error, ASSAY_INTERNAL, "cudnn", text);
}

assay_status gpu_enter(assay_device *device, assay_error *error) {
    if (device->lost != ASSAY_OK)
        return assay_fail(error, device->lost, "cudnn", device->lost_text);
    return gpu_check(device, device->lib->driver.cuCtxSetCurrent(device->context),
                     "cuCtxSetCurrent", error);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* For texts; rounded up. */
static size_t mebibytes(size_t bytes) {
    return (bytes + (1 << 20) - 1) >> 20;
}

assay_status gpu_alloc(assay_device *device, size_t bytes, const char *what, gpu_memory *ret_memory,
                       assay_error *error) {
    gpu_memory memory = {0, bytes ? bytes : GPU_ALIGNMENT};
    char text[256];
    memory.bytes = (memory.bytes + GPU_ALIGNMENT - 1) / GPU_ALIGNMENT * GPU_ALIGNMENT;
    if (device->limit_bytes && memory.bytes > device->limit_bytes - device->held_bytes) {
        snprintf(text, sizeof text,
                 "%s needs %zu MiB of device memory; %zu of the limit's %zu MiB are held; use "
                 "smaller batches or a higher --memory-limit",
                 what, mebibytes(memory.bytes), mebibytes(device->held_bytes),
                 mebibytes(device->limit_bytes));
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", text);
    }
    CUresult result = device->lib->driver.cuMemAlloc(&memory.data, memory.bytes);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) {
        size_t free_bytes = 0, all = 0;
        (void)device->lib->driver.cuMemGetInfo(&free_bytes, &all);
        snprintf(text, sizeof text,
                 "%s needs %zu MiB of device memory; %zu of %zu MiB are free; use smaller batches",
                 what, mebibytes(memory.bytes), free_bytes >> 20, all >> 20);
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", text);
    }
    if (result != CUDA_SUCCESS)
        return gpu_check(device, result, what, error);
    device->held_bytes += memory.bytes;
    if (device->held_bytes > device->peak_bytes)
        device->peak_bytes = device->held_bytes;
    *ret_memory = memory;
    return ASSAY_OK;
}

void gpu_free(assay_device *device, gpu_memory *memory) {
    if (!memory->data)
        return;
    (void)device->lib->driver.cuMemFree(memory->data);
    device->held_bytes -= memory->bytes;
    *memory = (gpu_memory){0, 0};
}

assay_status gpu_grow(assay_device *device, gpu_memory *memory, size_t bytes, const char *what,
                      assay_error *error) {
    if (memory->data && memory->bytes >= bytes)
        return ASSAY_OK;
    if (device->capturing)
        return assay_fail(error, ASSAY_INTERNAL, "cudnn",
                          "memory would have to grow while a run is captured");
    assay_status status = gpu_sync(device, error);
    if (status != ASSAY_OK)
        return status;
    gpu_free(device, memory); /* first: there may not be room for both */
    device->generation++;
    return gpu_alloc(device, bytes, what, memory, error);
}

enum { NVML_CLOCK_SM = 1 };

/* nvmlClocksThrottleReason*: software power cap, hardware slowdown, software thermal slowdown,
 * hardware thermal slowdown, hardware power brake. */
#define NVML_SLOWED (0x4ull | 0x8ull | 0x20ull | 0x40ull | 0x80ull)

/* Time that clocks were held back so far, by power, heat, the board's limit and reliability
 * (nvmlPerfPolicyType_t); 0 where NVML doesn't tell. */
static unsigned long long lost_to(const assay_device *device, int i) {
    static const int policies[GPU_POLICIES] = {0, 1, 3, 5};
    const gpu_nvml *nvml = &device->lib->nvml;
    gpu_violation violation = {0, 0};
    if (!nvml->nvmlDeviceGetViolationStatus ||
        nvml->nvmlDeviceGetViolationStatus(device->nvml, policies[i], &violation) != 0)
        return 0;
    return violation.lost;
}

/* Notes whether the GPU is slowed just now, or was since it was opened. */
static void look_at_clocks(assay_device *device) {
    const gpu_nvml *nvml = &device->lib->nvml;
    unsigned long long reasons = 0;
    for (int i = 0; device->nvml && i < GPU_POLICIES; i++)
        if (lost_to(device, i) > device->lost_start[i])
            device->throttled = 1;
    if (device->nvml && nvml->nvmlDeviceGetCurrentClocksThrottleReasons &&
        nvml->nvmlDeviceGetCurrentClocksThrottleReasons(device->nvml, &reasons) == 0 &&
        (reasons & NVML_SLOWED))
        device->throttled = 1;
}

enum { WAITS_PER_LOOK = 256 };

assay_status gpu_sync(assay_device *device, assay_error *error) {
    assay_status status = gpu_enter(device, error);
    if (status != ASSAY_OK)
        return status;
    if (++device->n_waits % WAITS_PER_LOOK == 0)
        look_at_clocks(device);
    return gpu_check(device, device->lib->driver.cuStreamSynchronize(device->stream),
                     "waiting for the GPU", error);
}

assay_status gpu_launch(assay_device *device, int id, unsigned int grid_x, unsigned int grid_y,
                        unsigned int block, size_t shared, const void *arguments,
                        assay_error *error) {
    void *pointers[1];
    memcpy(pointers, &arguments, sizeof arguments); /* cuLaunchKernel only reads them */
    return gpu_check(device,
                     device->lib->driver.cuLaunchKernel(device->kernels[id], grid_x, grid_y, 1,
                                                        block, 1, 1, (unsigned int)shared,
                                                        device->stream, pointers, NULL),
                     kernel_names[id], error);
}

/* ---- opening ------------------------------------------------------------------------------- */

assay_status gpu_probe(assay_error *error) {
    const gpu_libraries *lib = gpu_libraries_open(error);
    const char *name = NULL;
    char text[160], number[32];
    int n = 0;
    if (!lib)
        return ASSAY_UNAVAILABLE;
    CUresult result = lib->driver.cuInit(0);
    if (result == CUDA_SUCCESS)
        result = lib->driver.cuDeviceGetCount(&n);
    if (result == CUDA_SUCCESS && n > 0)
        return ASSAY_OK;
    (void)lib->driver.cuGetErrorName(result, &name);
    snprintf(number, sizeof number, "error %d", (int)result);
    snprintf(text, sizeof text, "no usable NVIDIA GPU (%s)",
             result == CUDA_SUCCESS              ? "the driver has no device"
             : result == CUDA_ERROR_STUB_LIBRARY ? "libcuda.so.1 is the toolkit's stub"
             : name                              ? name
                                                 : number);
    return assay_fail(error, ASSAY_UNAVAILABLE, "cudnn", text);
}

static int attribute(const assay_device *device, CUdevice_attribute which) {
    int value = 0;
    (void)device->lib->driver.cuDeviceGetAttribute(&value, which, device->handle);
    return value;
}

static assay_status open_context(assay_device *device, assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    char text[160];
    assay_status status =
        gpu_check(device, driver->cuDeviceGet(&device->handle, 0), "device 0", error);
    if (status != ASSAY_OK)
        return status;
    (void)driver->cuDeviceGetName(device->name, (int)sizeof device->name, device->handle);
    device->major = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    device->minor = attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    device->multiprocessors = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    if (device->major < 8) {
        snprintf(text, sizeof text, "%s has compute capability %d.%d; expected 8.0 or later",
                 device->name, device->major, device->minor);
        return assay_fail(error, ASSAY_UNAVAILABLE, "cudnn", text);
    }
    size_t all = 0;
    (void)driver->cuDeviceTotalMem(&all, device->handle);
    device->memory_bytes = all;
    status = gpu_check(device, driver->cuDevicePrimaryCtxRetain(&device->context, device->handle),
                       "the GPU's context", error);
    return status == ASSAY_OK ? gpu_enter(device, error) : status;
}

static assay_status load_kernels(assay_device *device, assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    assay_status status = gpu_check(device, driver->cuModuleLoadData(&device->module, gpu_fatbin),
                                    "loading the kernels", error);
    for (int k = 0; k < GPU_KERNEL_COUNT && status == ASSAY_OK; k++)
        status = gpu_check(
            device,
            driver->cuModuleGetFunction(&device->kernels[k], device->module, kernel_names[k]),
            kernel_names[k], error);
    return status;
}

static assay_status open_handles(assay_device *device, assay_error *error) {
    const gpu_driver *driver = &device->lib->driver;
    const cudnn_dnn_api *cudnn = &device->lib->cudnn;
    assay_status status = gpu_check(
        device, driver->cuStreamCreate(&device->stream, CU_STREAM_NON_BLOCKING), "a stream", error);
    if (status == ASSAY_OK)
        status =
            gpu_check(device, driver->cuStreamCreate(&device->copy_stream, CU_STREAM_NON_BLOCKING),
                      "a stream", error);
    if (status == ASSAY_OK)
        status = gpu_check_lt(device, device->lib->lt.cublasLtCreate(&device->lt), "cublasLtCreate",
                              error);
    if (status == ASSAY_OK)
        status = gpu_alloc(device, GPU_LT_WORKSPACE, "cuBLASLt's workspace", &device->lt_workspace,
                           error);
    if (status == ASSAY_OK)
        status = gpu_check_cudnn(device, cudnn->Create(&device->cudnn), "cudnnCreate", error);
    if (status == ASSAY_OK)
        status = gpu_check_cudnn(
            device, cudnn->SetStream(device->cudnn, (cudaStream_t)(void *)device->stream),
            "cudnnSetStream", error);
    return status;
}

static void open_nvml(assay_device *device) {
    const gpu_nvml *nvml = &device->lib->nvml;
    char bus[32] = "";
    if (!nvml->nvmlInit_v2 || nvml->nvmlInit_v2() != 0)
        return;
    if (nvml->nvmlSystemGetDriverVersion)
        (void)nvml->nvmlSystemGetDriverVersion(device->driver, (unsigned int)sizeof device->driver);
    if (device->lib->driver.cuDeviceGetPCIBusId(bus, (int)sizeof bus, device->handle) !=
            CUDA_SUCCESS ||
        !nvml->nvmlDeviceGetHandleByPciBusId_v2 ||
        nvml->nvmlDeviceGetHandleByPciBusId_v2(bus, &device->nvml) != 0)
        device->nvml = NULL;
    if (device->nvml && nvml->nvmlDeviceGetTotalEnergyConsumption)
        (void)nvml->nvmlDeviceGetTotalEnergyConsumption(device->nvml, &device->energy_start);
    for (int i = 0; device->nvml && i < GPU_POLICIES; i++)
        device->lost_start[i] = lost_to(device, i);
}

/* $ASSAY_CUDNN_WITHOUT: names with commas between. */
static assay_status read_without(uint32_t *ret_without, assay_error *error) {
    static const char *const names[] = {"attention", "gelu", "norm", "fusion", "graphs"};
    const char *text = getenv("ASSAY_CUDNN_WITHOUT");
    char found[128];
    while (text && *text) {
        size_t length = strcspn(text, ","), i = 0;
        while (i < sizeof names / sizeof *names &&
               (strlen(names[i]) != length || strncmp(names[i], text, length) != 0))
            i++;
        if (i == sizeof names / sizeof *names) {
            snprintf(
                found, sizeof found,
                "found \"%.40s\"; expected names of attention, gelu, norm, fusion, graphs with "
                "commas between",
                text);
            return assay_fail(error, ASSAY_INVALID_ARGUMENT, "ASSAY_CUDNN_WITHOUT", found);
        }
        *ret_without |= 1u << i;
        text += length + (text[length] == ',');
    }
    return ASSAY_OK;
}

static int32_t storage_type(int32_t dtype) {
    return dtype == ASSAY_DTYPE_BF16 ? GPU_BF16 : dtype == ASSAY_DTYPE_FP16 ? GPU_F16 : GPU_F32;
}

assay_status gpu_device_open(const assay_device_config *config, assay_device **ret_device,
                             assay_error *error) {
    int32_t dtype = config->dtype;
    if (dtype != ASSAY_DTYPE_F32 && dtype != ASSAY_DTYPE_TF32 && dtype != ASSAY_DTYPE_BF16 &&
        dtype != ASSAY_DTYPE_FP16)
        return assay_fail(error, ASSAY_UNSUPPORTED, "dtype",
                          "cudnn computes in f32, tf32, bf16 and fp16");
    assay_status status = gpu_probe(error);
    if (status != ASSAY_OK)
        return status;
    assay_device *device = calloc(1, sizeof *device);
    if (!device)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "cudnn", "no memory for a device");
    device->lib = gpu_libraries_open(error);
    device->dtype = dtype;
    device->type = storage_type(dtype);
    device->type_bytes = gpu_type_bytes(device->type);
    if (ASSAY_HAS_FIELD(config, assay_device_config, memory_limit_bytes))
        device->limit_bytes = config->memory_limit_bytes;
    status = read_without(&device->without, error);
    if (status == ASSAY_OK)
        status = open_context(device, error);
    if (status == ASSAY_OK)
        status = load_kernels(device, error);
    if (status == ASSAY_OK)
        status = open_handles(device, error);
    if (status != ASSAY_OK) {
        gpu_device_close(device);
        return status;
    }
    open_nvml(device);
    *ret_device = device;
    return ASSAY_OK;
}

void gpu_device_close(assay_device *device) {
    if (!device)
        return;
    const gpu_driver *driver = &device->lib->driver;
    if (device->context)
        (void)driver->cuCtxSetCurrent(device->context);
    if (device->stream)
        (void)driver->cuStreamSynchronize(device->stream);
    gpu_graphs_free(device);
    gpu_gemms_free(device);
    gpu_free(device, &device->lt_workspace);
    gpu_free(device, &device->workspace);
    if (device->cudnn)
        (void)device->lib->cudnn.Destroy(device->cudnn);
    if (device->lt)
        (void)device->lib->lt.cublasLtDestroy(device->lt);
    if (device->module)
        (void)driver->cuModuleUnload(device->module);
    if (device->copy_stream)
        (void)driver->cuStreamDestroy(device->copy_stream);
    if (device->stream)
        (void)driver->cuStreamDestroy(device->stream);
    if (device->context)
        (void)driver->cuDevicePrimaryCtxRelease(device->handle);
    free(device);
}

/* ---- what NVML knows ----------------------------------------------------------------------- */

void gpu_device_info(assay_device *device, assay_device_info *ret_info) {
    const gpu_nvml *nvml = &device->lib->nvml;
    unsigned long long value = 0;
    *ret_info = (assay_device_info){.memory_bytes = device->memory_bytes,
                                    .peak_bytes = device->peak_bytes,
                                    .energy_joules = -1};
    snprintf(ret_info->name, sizeof ret_info->name, "%s", device->name);
    snprintf(ret_info->driver, sizeof ret_info->driver, "%s", device->driver);
    if (!device->nvml)
        return;
    if (nvml->nvmlDeviceGetClockInfo)
        (void)nvml->nvmlDeviceGetClockInfo(device->nvml, NVML_CLOCK_SM, &ret_info->clock_mhz);
    if (nvml->nvmlDeviceGetMaxClockInfo)
        (void)nvml->nvmlDeviceGetMaxClockInfo(device->nvml, NVML_CLOCK_SM,
                                              &ret_info->clock_max_mhz);
    look_at_clocks(device);
    ret_info->throttled = device->throttled;
    if (nvml->nvmlDeviceGetTotalEnergyConsumption &&
        nvml->nvmlDeviceGetTotalEnergyConsumption(device->nvml, &value) == 0)
        ret_info->energy_joules = (double)(value - device->energy_start) * 1e-3;
}
