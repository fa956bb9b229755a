/* SPDX-License-Identifier: MIT */
/* Memory of a process tree from /proc (proc(5)), cgroup version 2 (cgroups(7), Linux
 * admin-guide/cgroup-v2), and the units in which people write limits. */
#include "cell/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "measure/environment.h"

enum { SMALL_FILE = 4096 };

/* Reads a small file; false when it cannot be read. */
static bool read_small(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool write_small(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    return close(fd) == 0 && good;
}

/* ---- resident memory ------------------------------------------------------------------------- */

static uint64_t resident_bytes(long pid) {
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%ld/statm", pid);
    unsigned long long size, resident;
    if (!read_small(path, text, sizeof text) || sscanf(text, "%llu %llu", &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t as_tree_resident_bytes(pid_t pid) {
    return as_process_tree_sum(pid, resident_bytes);
}

/* ---- cgroup ---------------------------------------------------------------------------------- */

/* Folder of this process's own group, below the unified mount. */
static bool own_group(char *path, size_t size) {
    char text[SMALL_FILE];
    if (!read_small("/proc/self/cgroup", text, sizeof text))
        return false;
    char *line = strstr(text, "0::/");
    if (!line || (line != text && line[-1] != '\n'))
        return false;
    line += 3;
    line[strcspn(line, "\n")] = '\0';
    int n = snprintf(path, size, "/sys/fs/cgroup%s", strcmp(line, "/") == 0 ? "" : line);
    return n > 0 && (size_t)n < size;
}

static bool group_file(const as_cgroup *group, const char *file, char *path, size_t size) {
    int n = snprintf(path, size, "%s/%s", group->path, file);
    return n > 0 && (size_t)n < size;
}

bool as_cgroup_make(uint64_t limit_bytes, as_cgroup *ret_group) {
    static unsigned count;
    as_cgroup group;
    char parent[400], path[600], value[32];
    if (!own_group(parent, sizeof parent))
        return false;
    snprintf(group.path, sizeof group.path, "%s/assay-%ld-%u", parent, (long)getpid(), count++);
    if (mkdir(group.path, 0755) != 0)
        return false;
    snprintf(value, sizeof value, "%llu", (unsigned long long)limit_bytes);
    if (!group_file(&group, "memory.max", path, sizeof path) || !write_small(path, value)) {
        rmdir(group.path);
        return false;
    }
    if (group_file(&group, "memory.swap.max", path, sizeof path) && access(path, W_OK) == 0 &&
        !write_small(path, "0")) {
        rmdir(group.path);
        return false;
    }
    *ret_group = group;
    return true;
}

assay_status as_cgroup_enter(const char *path, assay_error *error) {
    char file[600];
    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    return write_small(file, "0")
               ? ASSAY_OK
               : as_fail(error, ASSAY_IO, file, "cannot enter the group: %s", strerror(errno));
}

bool as_cgroup_killed(const as_cgroup *group, uint64_t *ret_peak_bytes) {
    char path[600], text[SMALL_FILE];
    if (!group->path[0])
        return false;
    *ret_peak_bytes = 0;
    if (group_file(group, "memory.peak", path, sizeof path) && read_small(path, text, sizeof text))
        *ret_peak_bytes = strtoull(text, NULL, 10);
    if (!group_file(group, "memory.events", path, sizeof path) ||
        !read_small(path, text, sizeof text))
        return false;
    const char *kills = strstr(text, "oom_kill ");
    return kills && strtoull(kills + 9, NULL, 10) > 0;
}

void as_cgroup_remove(as_cgroup *group) {
    char path[600];
    if (!group->path[0])
        return;
    if (group_file(group, "cgroup.kill", path, sizeof path))
        (void)write_small(path, "1");
    /* The kernel needs a moment until killed processes have left. */
    for (int i = 0; i < 100 && rmdir(group->path) != 0 && errno == EBUSY; i++)
        usleep(10000);
    group->path[0] = '\0';
}

assay_status as_limit_data(uint64_t limit_bytes, assay_error *error) {
    struct rlimit limit;
    uint64_t bytes = limit_bytes + limit_bytes / 8;
    if (getrlimit(RLIMIT_DATA, &limit) != 0 || bytes < limit_bytes)
        return as_fail(error, ASSAY_IO, "memory limit", "cannot be read: %s", strerror(errno));
    if (limit.rlim_max != RLIM_INFINITY && bytes > limit.rlim_max)
        bytes = limit.rlim_max;
    limit.rlim_cur = bytes;
    if (setrlimit(RLIMIT_DATA, &limit) != 0)
        return as_fail(error, ASSAY_IO, "memory limit", "cannot be set: %s", strerror(errno));
    return ASSAY_OK;
}

/* ---- units ----------------------------------------------------------------------------------- */

uint64_t as_parse_bytes(const char *text) {
    static const char letters[] = "KMGT";
    char *end;
    double number = strtod(text, &end), factor = 1;
    if (end == text || !(number > 0))
        return 0;
    const char *letter = *end ? strchr(letters, *end & ~0x20) : NULL;
    if (letter && *letter) {
        factor = ldexp(1, 10 * (int)(letter - letters + 1));
        end++;
        if (strcasecmp(end, "iB") == 0)
            end += 2;
    }
    if (strcasecmp(end, "B") == 0)
        end++;
    number *= factor;
    return *end || number >= 9e18 ? 0 : (uint64_t)number;
}

double as_parse_duration(const char *text) {
    char *end;
    double number = strtod(text, &end);
    if (end == text || !(number > 0) || !isfinite(number))
        return 0;
    if (strcmp(end, "h") == 0)
        return number * 3600;
    if (strcmp(end, "m") == 0 || strcmp(end, "min") == 0)
        return number * 60;
    return !*end || strcmp(end, "s") == 0 ? number : 0;
}

void as_bytes_text(uint64_t bytes, char *text, unsigned size) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, size, value < 100 ? "%.3g %s" : "%.0f %s", value, units[unit]);
}
