// SPDX-License-Identifier: MIT
// driver.cpp: the part of the CUDA driver that the cudnn backend calls, on the processor, so that
// its sessions, plans, captured graphs and own kernels run in tests without a GPU. Device memory is
// the host's, poisoned when new and fenced; streams do their work at once.
//
// ASSAY_EMULATED_STREAMS=late: no stream does anything before something waits for it. =copies: the
// first stream is as late, the others, which copy batches, do their work at once. Whatever has no
// event between it and what it needs then sees old or new memory, as it might on a GPU.
// ASSAY_EMULATED_MEMORY_MIB: device memory, default 4096. ASSAY_EMULATED_FAIL=FUNCTION:N:ERROR: the
// N-th call of that function of the driver returns that number of a CUresult; if it is none of
// memory, the context is lost and every later call returns it too. Programs set the same through
// emulated_fail, and read what is held, how much work was given to streams and how often a function
// was called.
#include <cuda.h>
#include <deque>
#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <string>
#include <vector>

#define GPU_EMULATED
#include "emulated.h"
#include "kernels.cu"

// ---- kernels ---------------------------------------------------------------------------------

struct kernel {
    std::string name;
    size_t argument_bytes;
    void (*body)(void *argument);
};

template <typename A, void (*function)(A)> static kernel describe(const char *name) {
    return {name, sizeof(A), [](void *argument) { function(*(A *)argument); }};
}
template <typename A> A argument_of(void (*)(A));
#define DESCRIBE(function) describe<decltype(argument_of(function)), function>(#function),
#define ONE(name) DESCRIBE(gpu_##name)
#define TYPED(name)                                                                                \
    DESCRIBE(gpu_##name##_f32) DESCRIBE(gpu_##name##_bf16) DESCRIBE(gpu_##name##_f16)
static const kernel kernels[] = {GPU_KERNEL_MAP(ONE, TYPED)};

// ---- streams and graphs ------------------------------------------------------------------------

struct work {
    emulated_kind kind;
    std::function<void()> run;
};
typedef std::vector<work> work_list;

static work_list *captured;              // NULL: nothing is captured
static uint64_t n_works[EMULATED_KINDS]; // given to streams, captured ones at each launch

typedef std::deque<std::function<void()>> queue;
static std::map<CUstream, queue> queues; // of the streams that there are

struct event {
    CUstream stream;
    uint64_t recorded, done; // times
};

// The first stream there is does the libraries' work.
static CUstream first_stream() {
    return queues.empty() ? nullptr : queues.begin()->first;
}

static bool is_late(CUstream stream) {
    const char *mode = getenv("ASSAY_EMULATED_STREAMS");
    return mode && (strcmp(mode, "late") == 0 || stream == first_stream());
}

static void advance(CUstream stream) {
    queue &waiting = queues[stream];
    std::function<void()> next = waiting.front();
    waiting.pop_front();
    next();
}

static void drain(CUstream stream) {
    while (!queues[stream].empty())
        advance(stream);
}

static void drain_all() {
    for (auto &each : queues)
        drain(each.first);
}

static void give(CUstream stream, std::function<void()> run) {
    queues[stream].push_back(run);
    if (!is_late(stream))
        drain(stream);
}

static void wait_for(const event *e, uint64_t time) {
    while (e->done < time)
        advance(e->stream);
}

static void enqueue(CUstream stream, emulated_kind kind, std::function<void()> run) {
    if (captured) {
        captured->push_back({kind, run});
    } else {
        n_works[kind]++;
        give(stream, run);
    }
}

void emulated_enqueue(emulated_kind kind, std::function<void()> run) {
    enqueue(first_stream(), kind, run);
}

bool emulated_is_capturing() {
    return captured != nullptr;
}

// ---- faults ----------------------------------------------------------------------------------

static std::string fails_in;
static long calls_left; // 0: none fails
static CUresult fails_with, lost_with = CUDA_SUCCESS;
static bool environment_is_read;
static std::map<std::string, uint64_t> n_calls; // of every function that can fail, by __func__

extern "C" void emulated_fail(const char *function, long n, int error) {
    environment_is_read = true;
    fails_in = function ? function : "";
    calls_left = n;
    fails_with = (CUresult)error;
    lost_with = CUDA_SUCCESS;
}

static void read_environment() {
    const char *text = getenv("ASSAY_EMULATED_FAIL");
    char name[64];
    long n;
    int error;
    if (!environment_is_read && text && sscanf(text, "%63[^:]:%ld:%d", name, &n, &error) == 3)
        emulated_fail(name, n, error);
    environment_is_read = true;
}

// True for cuMemAlloc and for cuMemAlloc_v2, where cuMemAlloc is asked for.
static bool is_called(const char *name, const std::string &function) {
    size_t length = function.size();
    return strncmp(name, function.c_str(), length) == 0 &&
           (name[length] == '\0' || name[length] == '_');
}

// What a call of `name` returns before it does anything; success: goes on.
static CUresult trouble(const char *name) {
    read_environment();
    n_calls[name]++;
    if (lost_with != CUDA_SUCCESS)
        return lost_with;
    if (calls_left == 0 || !is_called(name, fails_in))
        return CUDA_SUCCESS;
    if (--calls_left > 0)
        return CUDA_SUCCESS;
    if (fails_with != CUDA_ERROR_OUT_OF_MEMORY)
        lost_with = fails_with;
    return fails_with;
}

#define LOST_IS_LOST                                                                               \
    if (CUresult fault = trouble(__func__))                                                        \
    return fault

// Calls that may not stand in a capture.
#define NOT_CAPTURED                                                                               \
    LOST_IS_LOST;                                                                                  \
    if (captured)                                                                                  \
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED

extern "C" {

CUresult cuStreamCreate(CUstream *stream, unsigned int) {
    static int n;
    LOST_IS_LOST;
    *stream = (CUstream)(uintptr_t)(++n);
    queues[*stream];
    return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream stream) {
    drain_all();
    queues.erase(stream);
    return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
    NOT_CAPTURED;
    drain(stream);
    return CUDA_SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent which, unsigned int) {
    LOST_IS_LOST;
    const event *e = (const event *)which;
    uint64_t time = e->recorded;
    give(stream, [=] { wait_for(e, time); });
    return CUDA_SUCCESS;
}
CUresult cuStreamBeginCapture(CUstream, CUstreamCaptureMode) {
    NOT_CAPTURED;
    captured = new work_list;
    return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream, CUgraph *graph) {
    *graph = (CUgraph)captured;
    captured = nullptr;
    LOST_IS_LOST;
    return CUDA_SUCCESS;
}
CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, unsigned long long) {
    LOST_IS_LOST;
    *exec = (CUgraphExec) new work_list(*(work_list *)graph);
    return CUDA_SUCCESS;
}
CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    NOT_CAPTURED;
    for (work &each : *(work_list *)exec)
        enqueue(stream, each.kind, each.run);
    return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph graph) {
    delete (work_list *)graph;
    return CUDA_SUCCESS;
}
CUresult cuGraphExecDestroy(CUgraphExec exec) {
    delete (work_list *)exec;
    return CUDA_SUCCESS;
}
CUresult cuEventCreate(CUevent *made, unsigned int) {
    LOST_IS_LOST;
    *made = (CUevent) new event{nullptr, 0, 0};
    return CUDA_SUCCESS;
}
CUresult cuEventDestroy(CUevent which) {
    drain_all();
    delete (event *)which;
    return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent which, CUstream stream) {
    LOST_IS_LOST;
    event *e = (event *)which;
    uint64_t time = ++e->recorded;
    e->stream = stream;
    give(stream, [=] { e->done = time; });
    return CUDA_SUCCESS;
}
CUresult cuEventSynchronize(CUevent which) {
    NOT_CAPTURED;
    wait_for((const event *)which, ((const event *)which)->recorded);
    return CUDA_SUCCESS;
}
CUresult cuEventElapsedTime(float *milliseconds, CUevent, CUevent) {
    LOST_IS_LOST;
    *milliseconds = 0.25f;
    return CUDA_SUCCESS;
}

// ---- memory ------------------------------------------------------------------------------------

enum { FENCE = 256, FENCE_BYTE = 0xab, NEW_BYTE = 0xff };

static std::map<CUdeviceptr, size_t> blocks;
static size_t held, n_pinned;

static size_t memory_bytes() {
    const char *text = getenv("ASSAY_EMULATED_MEMORY_MIB");
    return (size_t)(text ? atol(text) : 4096) << 20;
}

CUresult cuMemGetInfo(size_t *free_bytes, size_t *all) {
    *all = memory_bytes();
    *free_bytes = *all - held;
    return CUDA_SUCCESS;
}
CUresult cuMemAlloc(CUdeviceptr *memory, size_t bytes) {
    NOT_CAPTURED;
    if (bytes > memory_bytes() - held)
        return CUDA_ERROR_OUT_OF_MEMORY;
    size_t all = (bytes + 2 * FENCE + 255) / 256 * 256;
    unsigned char *block = (unsigned char *)aligned_alloc(256, all);
    memset(block, FENCE_BYTE, all);
    memset(block + FENCE, NEW_BYTE, bytes);
    *memory = (CUdeviceptr)(block + FENCE);
    blocks[*memory] = bytes;
    held += bytes;
    return CUDA_SUCCESS;
}
CUresult cuMemFree(CUdeviceptr memory) {
    drain_all();
    auto block = blocks.find(memory);
    if (block == blocks.end() || captured) {
        fprintf(stderr, "emulated GPU: memory is freed that is none, or during a capture\n");
        abort();
    }
    const unsigned char *data = (const unsigned char *)memory;
    for (int i = 0; i < FENCE; i++)
        if (data[-1 - i] != FENCE_BYTE || data[block->second + (size_t)i] != FENCE_BYTE) {
            fprintf(stderr, "emulated GPU: something was written out of bounds of %zu bytes\n",
                    block->second);
            abort();
        }
    held -= block->second;
    memset((void *)(memory - FENCE), NEW_BYTE, block->second + 2 * FENCE);
    free((void *)(memory - FENCE));
    blocks.erase(block);
    return CUDA_SUCCESS;
}
CUresult cuMemAllocHost(void **memory, size_t bytes) {
    NOT_CAPTURED;
    *memory = malloc(bytes);
    memset(*memory, NEW_BYTE, bytes);
    n_pinned++;
    return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void *memory) {
    drain_all();
    free(memory);
    n_pinned--;
    return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    LOST_IS_LOST;
    enqueue(stream, EMULATED_COPY, [=] { memcpy((void *)to, from, bytes); });
    return CUDA_SUCCESS;
}
CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    LOST_IS_LOST;
    enqueue(stream, EMULATED_COPY, [=] { memcpy(to, (const void *)from, bytes); });
    return CUDA_SUCCESS;
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    LOST_IS_LOST;
    enqueue(stream, EMULATED_COPY, [=] { memcpy((void *)to, (const void *)from, bytes); });
    return CUDA_SUCCESS;
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
    LOST_IS_LOST;
    enqueue(stream, EMULATED_COPY, [=] { memset((void *)to, value, bytes); });
    return CUDA_SUCCESS;
}

// ---- modules and launches
// ------------------------------------------------------------------------

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    LOST_IS_LOST;
    *module = (CUmodule)image;
    return *(const uint32_t *)image == 0xba55ed50 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
}
CUresult cuModuleUnload(CUmodule) {
    return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
    for (const kernel &k : kernels)
        if (k.name == name) {
            *function = (CUfunction)&k;
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_NOT_FOUND;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int) {
    return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction function, unsigned int x, unsigned int y, unsigned int z,
                        unsigned int threads, unsigned int, unsigned int, unsigned int shared,
                        CUstream stream, void **arguments, void **) {
    const kernel *k = (const kernel *)function;
    LOST_IS_LOST;
    if (x == 0 || y == 0 || z != 1 || threads == 0 || x > 0x7fffffff || y > 65535 || shared > 49152)
        return CUDA_ERROR_INVALID_VALUE;
    std::vector<unsigned char> copy((unsigned char *)arguments[0],
                                    (unsigned char *)arguments[0] + k->argument_bytes);
    enqueue(stream, EMULATED_KERNEL, [=]() mutable {
        emulated_run({x, y, 1}, threads, shared, k->body, copy.data());
    });
    return CUDA_SUCCESS;
}

// ---- the device
// ------------------------------------------------------------------------------------

CUresult cuInit(unsigned int) {
    return CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int *version) {
    *version = 13000;
    return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char **name) {
    *name = error == CUDA_ERROR_ILLEGAL_ADDRESS      ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : error == CUDA_ERROR_DEVICE_UNAVAILABLE ? "CUDA_ERROR_DEVICE_UNAVAILABLE"
            : error == CUDA_ERROR_ECC_UNCORRECTABLE  ? "CUDA_ERROR_ECC_UNCORRECTABLE"
                                                     : "CUDA_ERROR";
    return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char **text) {
    *text = "of the emulated driver";
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int *n) {
    *n = 1;
    return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice *device, int) {
    *device = 0;
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int size, CUdevice) {
    snprintf(name, (size_t)size, "emulated GPU");
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice) {
    *value = which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9
             : which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT   ? 1
                                                                   : 0;
    return CUDA_SUCCESS;
}
CUresult cuDeviceGetPCIBusId(char *bus, int size, CUdevice) {
    snprintf(bus, (size_t)size, "0000:2a:00.0"); // what nvml.cpp expects
    return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem(size_t *bytes, CUdevice) {
    *bytes = memory_bytes();
    return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
    LOST_IS_LOST;
    *context = (CUcontext)(uintptr_t)1;
    return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
    return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext) {
    return CUDA_SUCCESS;
}

// ---- what programs ask -----------------------------------------------------------------------

size_t emulated_held(void) { // bytes of the device
    return held;
}
size_t emulated_pinned(void) { // blocks of the host
    return n_pinned;
}
uint64_t emulated_works(int kind) {
    return n_works[kind];
}
uint64_t emulated_calls(const char *function) {
    uint64_t n = 0;
    for (const auto &each : n_calls)
        n += is_called(each.first.c_str(), function) ? each.second : 0;
    return n;
}
}
