/* SPDX-License-Identifier: MIT */
/* measure/environment.h: what the figures were measured on, and what the machine tells about a
 * process. */
#ifndef AS_MEASURE_ENVIRONMENT_H
#define AS_MEASURE_ENVIRONMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "assay/status.h"
#include "base/arena.h"

/* One fact: a text, or a number where `text` is NULL. */
typedef struct as_fact {
    const char *key; /* "cpu_model", "cpu_cores", "memory_bytes", "kernel", ... */
    const char *text;
    double number;
} as_fact;

/* [any] CPU, cores, memory, kernel, governor, C library, compiler, assay's version: facts the
 * machine doesn't tell are left out. Strings live in the arena. */
ASSAY_MUST_USE assay_status as_environment(as_arena *arena, const as_fact **ret_facts,
                                           size_t *ret_n, assay_error *error);

/* [any] Distinct OpenMP runtimes (libgomp, libomp, libiomp5) mapped into this process, in
 * /proc/self/maps; with two, threads fight and figures mean nothing. -1: cannot be read. ret_names
 * (NULL allowed) of `size` bytes gets their paths, "; " between. */
int as_openmp_runtimes(char *ret_names, size_t size);
/* [any] The same from another file in the format of /proc/PID/maps. */
int as_openmp_runtimes_in(const char *maps_path, char *ret_names, size_t size);

/* [any] Sum of one(pid) over a process and all its living descendants. */
uint64_t as_process_tree_sum(pid_t pid, uint64_t (*one)(long pid));

/* [any] Peak resident memory so far in bytes (VmHWM) of this process, and of each of its living
 * descendants added (an opaque model may compute in one); -1: cannot be read. */
int64_t as_peak_rss_bytes(void);
/* [cell] What this process takes between the two and has given back at the end doesn't count in
 * as_peak_rss_bytes. false: the kernel offers no way, and it does. */
bool as_peak_rss_hide_begin(void);
void as_peak_rss_hide_end(bool begun);

/* [any] The CPU packages' energy counters in joules since some moment, with wrap-around undone as
 * long as it is read at least once per wrap (minutes). NaN where the machine doesn't tell (no RAPL,
 * or not readable). */
typedef struct as_energy {
    int n_packages; /* 0: not readable */
    double last_uj[8], range_uj[8];
    double joules; /* accumulated since as_energy_start */
} as_energy;
void as_energy_start(as_energy *energy);
double as_energy_joules(as_energy *energy); /* since start, or NaN */
/* [any] What was used since the last call doesn't count. */
void as_energy_skip(as_energy *energy);

#endif
