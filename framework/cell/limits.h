/* SPDX-License-Identifier: MIT */
/* cell/limits.h: bounds on a cell's memory.
 *
 * Where this process's cgroup (version 2) lets it make child groups with the memory controller, the
 * kernel holds the limit. Elsewhere the parent sums resident memory over the cell's process tree
 * twenty times a second, and the cell bounds its own data segment as a backstop against bursts in
 * between. Never RLIMIT_AS: address space that nothing touches costs nothing (GPU runtimes reserve
 * terabytes). */
#ifndef AS_CELL_LIMITS_H
#define AS_CELL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "assay/status.h"

/* [main] Resident bytes of a process and all its descendants; 0 when it is gone. */
uint64_t as_tree_resident_bytes(pid_t pid);

/* A cgroup made for one cell; path "" where none could be made. */
typedef struct as_cgroup {
    char path[512];
} as_cgroup;

/* [main] Tries to make a group with this limit; false where that isn't delegated. */
bool as_cgroup_make(uint64_t limit_bytes, as_cgroup *ret_group);
/* [cell] Moves the calling process into it. */
ASSAY_MUST_USE assay_status as_cgroup_enter(const char *path, assay_error *error);
/* [main] Did the kernel kill something in it for memory? Its peak in *ret_peak_bytes (0: not told).
 */
bool as_cgroup_killed(const as_cgroup *group, uint64_t *ret_peak_bytes);
/* [main] Kills what is left in it and removes it. */
void as_cgroup_remove(as_cgroup *group);

/* [cell] RLIMIT_DATA at the limit and an eighth. */
ASSAY_MUST_USE assay_status as_limit_data(uint64_t limit_bytes, assay_error *error);

/* [any] "10G", "512M", "1.5GiB", "1048576" -> bytes; 0 for anything else. */
uint64_t as_parse_bytes(const char *text);
/* [any] "2h", "90s", "10m", "1.5h", "30" (seconds) -> seconds; 0 for anything else. */
double as_parse_duration(const char *text);
/* [any] "10 GiB", "512 MiB", three digits at most. */
void as_bytes_text(uint64_t bytes, char *text, unsigned size);

#endif
