/* SPDX-License-Identifier: MIT */
/* Peak memory and OpenMP runtimes of this process, from /proc (proc(5)). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/environment.h"

enum { MAX_RUNTIMES = 8, MAX_PATH_BYTES = 512 };

int64_t as_peak_rss_bytes(void) {
    char line[256];
    long long kib = -1;
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoll(line + 6, NULL, 10);
    fclose(file);
    return kib < 0 ? -1 : (int64_t)kib * 1024;
}

static bool is_openmp_runtime(const char *path) {
    static const char *const names[] = {"libgomp", "libomp", "libiomp5"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        if (strncmp(name, names[i], n) == 0 && strchr(".-", name[n])) /* libomp5.so is not libomp */
            return true;
    }
    return strncmp(name, "libomp5", 7) == 0; /* Debian's second name of LLVM's */
}

int as_openmp_runtimes_in(const char *maps_path, char *ret_names, size_t size) {
    char line[MAX_PATH_BYTES + 128], found[MAX_RUNTIMES][MAX_PATH_BYTES];
    size_t used = 0;
    int n = 0;
    FILE *file = fopen(maps_path, "re");
    if (!file)
        return -1;
    while (n < MAX_RUNTIMES && fgets(line, sizeof line, file)) {
        char *path = strchr(line, '/');
        bool known = false;
        if (!path)
            continue;
        path[strcspn(path, "\n")] = '\0';
        if (!is_openmp_runtime(path))
            continue;
        for (int i = 0; i < n; i++)
            known = known || strcmp(found[i], path) == 0;
        if (!known)
            snprintf(found[n++], MAX_PATH_BYTES, "%s", path);
    }
    fclose(file);
    if (ret_names && size)
        ret_names[0] = '\0';
    for (int i = 0; ret_names && i < n && used < size; i++)
        used += (size_t)snprintf(ret_names + used, size - used, "%s%s", i ? "; " : "", found[i]);
    return n;
}

int as_openmp_runtimes(char *ret_names, size_t size) {
    return as_openmp_runtimes_in("/proc/self/maps", ret_names, size);
}
