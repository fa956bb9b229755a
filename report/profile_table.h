/* SPDX-License-Identifier: MIT */
/* report/profile_table.h: a cell's profile, its lines added up by operation. */
#ifndef AS_REPORT_PROFILE_TABLE_H
#define AS_REPORT_PROFILE_TABLE_H

#include "results/record/profile.h"

/* All lines of one operation, or of one kind of a plan's own work. */
typedef struct as_profile_operation {
    const char *name;
    int64_t calls;
    double seconds, flops, bytes;
    double matrix_seconds, memory_seconds; /* that their roofs ask for, by the roof of each line */
} as_profile_operation;

/* [any] Most time first; NULL: no memory. */
as_profile_operation *as_profile_operations(as_arena *arena, const as_profile *profile,
                                            const as_profile_part *part, size_t *ret_n);

/* [any] What all its lines together come to: the roof that asks for more of the time. */
as_roof as_profile_operation_roof(const as_profile_operation *operation);

#endif
