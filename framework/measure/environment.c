/* SPDX-License-Identifier: MIT */
/* Facts about machine, system and build, for the record. Sources: /proc/cpuinfo, /proc/meminfo,
 * uname(2), os-release(5), /sys/devices/system/cpu. No host or user name: records get published. */
#include "measure/environment.h"

#include <ctype.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "commit.h"

enum { MAX_FACTS = 24, MAX_CORES = 4096, MAX_LINE = 8192 };

typedef struct collector {
    as_arena *arena;
    as_fact *facts; /* [MAX_FACTS] */
    size_t n;
    bool failed; /* out of memory */
} collector;

static void add_text(collector *c, const char *key, const char *text) {
    char *copy;
    if (!text || !*text || c->n == MAX_FACTS)
        return;
    copy = as_arena_strdup(c->arena, text);
    c->failed = c->failed || !copy;
    c->facts[c->n++] = (as_fact){key, copy, 0};
}

static void add_number(collector *c, const char *key, double number) {
    if (number > 0 && c->n < MAX_FACTS)
        c->facts[c->n++] = (as_fact){key, NULL, number};
}

/* The part after "key<blanks><separator><blanks>", quotes and newline removed; NULL for other
 * lines. */
static char *value_of(char *line, const char *key, char separator) {
    size_t n = strlen(key), end;
    if (strncmp(line, key, n) != 0)
        return NULL;
    line += n;
    line += strspn(line, " \t");
    if (*line++ != separator)
        return NULL;
    line += strspn(line, " \t\"");
    end = strlen(line);
    while (end > 0 && (isspace((unsigned char)line[end - 1]) || line[end - 1] == '"'))
        line[--end] = '\0';
    return line;
}

/* Those of the CPU's flags that decide how fast the backends are. */
static void add_features(collector *c, const char *flags) {
    static const char *const names[] = {"avx2",        "fma",         "f16c",     "avx512f",
                                        "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_tile"};
    char text[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        for (const char *at = strstr(flags, names[i]); at; at = strstr(at + 1, names[i]))
            if ((at == flags || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "",
                                         names[i]);
                break;
            }
    }
    add_text(c, "cpu_features", text);
}

static int compare_int(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Model and features of the first CPU, and the number of distinct (package, core) pairs. */
static void add_cpu(collector *c) {
    static const int per_package = 1 << 16;
    char *line = as_arena_alloc(c->arena, MAX_LINE), *value;
    int *cores = as_arena_alloc_array(c->arena, MAX_CORES, sizeof *cores);
    int package = 0, n = 0, n_distinct = 0;
    bool has_model = false, has_flags = false;
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file || !line || !cores) {
        c->failed = c->failed || !line || !cores;
        goto done;
    }
    while (fgets(line, MAX_LINE, file)) {
        if (!has_model && (value = value_of(line, "model name", ':'))) {
            add_text(c, "cpu_model", value);
            has_model = true;
        } else if (!has_flags && (value = value_of(line, "flags", ':'))) {
            add_features(c, value);
            has_flags = true;
        } else if ((value = value_of(line, "physical id", ':'))) {
            package = atoi(value);
        } else if (n < MAX_CORES && (value = value_of(line, "core id", ':'))) {
            cores[n++] = package * per_package + atoi(value);
        }
    }
    qsort(cores, (size_t)n, sizeof *cores, compare_int);
    for (int i = 0; i < n; i++)
        n_distinct += i == 0 || cores[i] != cores[i - 1];
    add_number(c, "cpu_cores", n_distinct);

done:
    if (file)
        fclose(file);
}

/* Adds the value of one line of a small file. */
static void add_line(collector *c, const char *key, const char *path, const char *name,
                     char separator, double factor) {
    char line[512], *value = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (!value && fgets(line, sizeof line, file))
        value = value_of(line, name, separator);
    fclose(file);
    if (value && factor > 0)
        add_number(c, key, factor * strtod(value, NULL));
    else if (value)
        add_text(c, key, value);
}

static void add_governor(collector *c) {
    char text[64] = "";
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "re");
    if (!file)
        return;
    if (fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = '\0';
        add_text(c, "cpu_governor", text);
    }
    fclose(file);
}

static void add_system(collector *c) {
    struct utsname system;
    cpu_set_t usable;
    char text[256];
    add_number(c, "cpu_threads", (double)sysconf(_SC_NPROCESSORS_ONLN));
    if (sched_getaffinity(0, sizeof usable, &usable) == 0)
        add_number(c, "cpu_usable", CPU_COUNT(&usable));
    add_governor(c);
    add_line(c, "memory_bytes", "/proc/meminfo", "MemTotal", ':', 1024);
    add_line(c, "os", "/etc/os-release", "PRETTY_NAME", '=', 0);
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%s %s %s", system.sysname, system.release, system.machine);
        add_text(c, "kernel", text);
    }
}

static void add_build(collector *c) {
    char text[128];
    snprintf(text, sizeof text, "glibc %s", gnu_get_libc_version());
    add_text(c, "libc", text);
#ifdef __clang__
    add_text(c, "compiler", __VERSION__);
#else
    add_text(c, "compiler", "gcc " __VERSION__);
#endif
    add_text(c, "assay_version", AS_VERSION);
    add_text(c, "assay_commit", AS_COMMIT);
}

assay_status as_environment(as_arena *arena, const as_fact **ret_facts, size_t *ret_n,
                            assay_error *error) {
    collector c = {arena, as_arena_alloc_array(arena, MAX_FACTS, sizeof(as_fact)), 0, false};
    if (c.facts) {
        add_cpu(&c);
        add_system(&c);
        add_build(&c);
    }
    if (!c.facts || c.failed)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "environment", "no memory for the facts");
    *ret_facts = c.facts;
    *ret_n = c.n;
    return ASSAY_OK;
}
