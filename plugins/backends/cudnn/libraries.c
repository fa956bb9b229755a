/* SPDX-License-Identifier: MIT */
/* cudnn/libraries.c: opens the driver, cuBLASLt, cuDNN and NVML, see libraries.h.
 *
 * A library is looked for by its name (LD_LIBRARY_PATH, then the system's places), then in the
 * folders where the toolkit stands. Versions must not be mixed: cuDNN 9 opens its parts from its
 * own folder itself. */
#include "libraries.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x) /* of what a macro stands for */

typedef struct symbol {
    const char *name;
    size_t offset; /* of the member */
} symbol;

#define DRIVER_SYMBOL(name) {TEXT(name), offsetof(gpu_driver, name)},
#define LT_SYMBOL(name) {TEXT(name), offsetof(gpu_lt, name)},
#define NVML_SYMBOL(name)                                                                          \
    { #name, offsetof(gpu_nvml, name) }
#define X(name) {"cudnn" #name, offsetof(cudnn_dnn_api, name)},

static const symbol driver_symbols[] = {GPU_DRIVER_MAP(DRIVER_SYMBOL)};
static const symbol lt_symbols[] = {GPU_LT_MAP(LT_SYMBOL)};
static const symbol cudnn_symbols[] = {CUDNN_DNN_FUNCTIONS(X)};
static const symbol nvml_symbols[] = {
    NVML_SYMBOL(nvmlInit_v2),
    NVML_SYMBOL(nvmlDeviceGetHandleByPciBusId_v2),
    NVML_SYMBOL(nvmlSystemGetDriverVersion),
    NVML_SYMBOL(nvmlDeviceGetClockInfo),
    NVML_SYMBOL(nvmlDeviceGetMaxClockInfo),
    NVML_SYMBOL(nvmlDeviceGetTotalEnergyConsumption),
    NVML_SYMBOL(nvmlDeviceGetCurrentClocksThrottleReasons),
    NVML_SYMBOL(nvmlDeviceGetViolationStatus),
};

#undef X

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void *open_library(const char *name) {
    static const char *const folders[] = {"/usr/local/cuda/lib64", "/usr/local/cuda/lib"};
    const char *toolkit = getenv("CUDA_PATH");
    char path[4096];
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library && toolkit) {
        snprintf(path, sizeof path, "%s/lib64/%s", toolkit, name);
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    for (size_t i = 0; !library && i < COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return library;
}

/* Fills `table` with functions; the name of the first that is missing, or NULL. */
static const char *find_symbols(void *library, const symbol *symbols, size_t n, void *table) {
    const char *missing = NULL;
    for (size_t i = 0; i < n; i++) {
        void *function = dlsym(library, symbols[i].name);
        memcpy((char *)table + symbols[i].offset, &function, sizeof function);
        if (!function && !missing)
            missing = symbols[i].name;
    }
    return missing;
}

static assay_status open_one(const char *name, const char *what, const symbol *symbols, size_t n,
                             void *table, assay_error *error) {
    char text[256];
    void *library = open_library(name);
    if (!library) {
        snprintf(text, sizeof text, "no %s (%s not found)", what, name);
        return assay_fail(error, ASSAY_UNAVAILABLE, "cudnn", text);
    }
    const char *missing = find_symbols(library, symbols, n, table);
    if (!missing)
        return ASSAY_OK;
    snprintf(text, sizeof text, "%s is too old or no %s: it has no %s", name, what, missing);
    return assay_fail(error, ASSAY_UNAVAILABLE, "cudnn", text);
}

/* cuDNN's minor version must be one that has what the graphs use. */
static assay_status check_cudnn(const cudnn_dnn_api *cudnn, assay_error *error) {
    char text[128];
    size_t version = cudnn->GetVersion();
    if (version >= 90800)
        return ASSAY_OK;
    snprintf(text, sizeof text, "cuDNN %zu.%zu.%zu found; expected 9.8 or later", version / 10000,
             version / 100 % 100, version % 100);
    return assay_fail(error, ASSAY_UNAVAILABLE, "cudnn", text);
}

static gpu_libraries libraries;
static int is_open;

const gpu_libraries *gpu_libraries_open(assay_error *error) {
    if (is_open)
        return &libraries;
    void *nvml;
    /* cuDNN's recurrent layers use cuBLAS on several streams, where the same workspaces at each run
     * are what gives the same bits again (cuBLAS' manual, "results reproducibility"; cuDNN's
     * release notes). Read when a handle is made; a setting of the user's stays. */
    (void)setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    if (open_one("libcuda.so.1", "NVIDIA driver", driver_symbols, COUNT(driver_symbols),
                 &libraries.driver, error) != ASSAY_OK ||
        open_one("libcublasLt.so.13", "cuBLASLt 13", lt_symbols, COUNT(lt_symbols), &libraries.lt,
                 error) != ASSAY_OK ||
        open_one("libcudnn.so.9", "cuDNN 9", cudnn_symbols, COUNT(cudnn_symbols), &libraries.cudnn,
                 error) != ASSAY_OK ||
        check_cudnn(&libraries.cudnn, error) != ASSAY_OK)
        return NULL;
    nvml = open_library("libnvidia-ml.so.1");
    if (nvml)
        (void)find_symbols(nvml, nvml_symbols, COUNT(nvml_symbols), &libraries.nvml);
    is_open = 1;
    return &libraries;
}

const char *gpu_libraries_text(void) {
    static char text[160];
    int driver = 0;
    if (!is_open) {
        snprintf(text, sizeof text, "built with CUDA %d.%d, cuDNN %d.%d.%d", CUDA_VERSION / 1000,
                 CUDA_VERSION / 10 % 100, CUDNN_MAJOR, CUDNN_MINOR, CUDNN_PATCHLEVEL);
        return text;
    }
    size_t lt = libraries.lt.cublasLtGetVersion(), cudnn = libraries.cudnn.GetVersion();
    (void)libraries.driver.cuDriverGetVersion(&driver);
    snprintf(
        text, sizeof text,
        "CUDA driver %d.%d, cuBLASLt %zu.%zu.%zu, cuDNN %zu.%zu.%zu, own kernels by CUDA %d.%d",
        driver / 1000, driver / 10 % 100, lt / 10000, lt / 100 % 100, lt % 100, cudnn / 10000,
        cudnn / 100 % 100, cudnn % 100, CUDA_VERSION / 1000, CUDA_VERSION / 10 % 100);
    return text;
}
