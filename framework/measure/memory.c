/* SPDX-License-Identifier: MIT */
/* Peak memory of this process tree and OpenMP runtimes of this process, from /proc (proc(5)). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure/environment.h"

enum { MAX_RUNTIMES = 8, MAX_PATH_BYTES = 512, MAX_DEPTH = 16, LIST_BYTES = 4096 };

/* ---- process trees --------------------------------------------------------------------------- */

static uint64_t tree_sum(long pid, uint64_t (*one)(long pid), int depth);

/* Over the children of every thread of a process. */
static uint64_t children_sum(long pid, uint64_t (*one)(long pid), int depth) {
    char path[80], list[LIST_BYTES];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        return 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        long id = strtol(task->d_name, NULL, 10);
        snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", pid, id);
        FILE *file = id > 0 ? fopen(path, "re") : NULL;
        if (!file)
            continue;
        size_t n = fread(list, 1, sizeof list - 1, file);
        fclose(file);
        list[n] = '\0';
        for (char *p = list, *end; (id = strtol(p, &end, 10)) > 0 && end != p; p = end)
            sum += tree_sum(id, one, depth + 1);
    }
    closedir(tasks);
    return sum;
}

static uint64_t tree_sum(long pid, uint64_t (*one)(long pid), int depth) {
    return one(pid) + (depth < MAX_DEPTH ? children_sum(pid, one, depth) : 0);
}

uint64_t as_process_tree_sum(pid_t pid, uint64_t (*one)(long pid)) {
    return tree_sum(pid, one, 0);
}

/* ---- peak memory ----------------------------------------------------------------------------- */

/* 0 when it is gone. */
static uint64_t peak_bytes(long pid) {
    char line[256], path[64];
    long long kib = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (kib < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoll(line + 6, NULL, 10);
    fclose(file);
    return kib < 0 ? 0 : (uint64_t)kib * 1024;
}

/* Largest peak of this process before one that doesn't count. One thread measures. */
static uint64_t peak_before;

int64_t as_peak_rss_bytes(void) {
    uint64_t own = peak_bytes(getpid()), bytes = as_process_tree_sum(getpid(), peak_bytes);
    if (own && peak_before > own)
        bytes += peak_before - own;
    return bytes ? (int64_t)bytes : -1;
}

/* Sets VmHWM to what is resident now (proc(5), clear_refs). */
static bool reset_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return false;
    bool good = fputs("5", file) >= 0;
    return fclose(file) == 0 && good;
}

bool as_peak_rss_hide_begin(void) {
    uint64_t own = peak_bytes(getpid());
    if (own > peak_before)
        peak_before = own;
    return own && reset_peak();
}

void as_peak_rss_hide_end(bool begun) {
    if (begun)
        (void)reset_peak();
}

/* ---- OpenMP ---------------------------------------------------------------------------------- */

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
