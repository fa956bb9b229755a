/* SPDX-License-Identifier: MIT */
/* results/record/profile.h: profile.json and trace.json of a cell (assay run --profile): where the
 * time of its steps went, and how far each operation is from what the machine can do.
 *
 * Roofline (Williams, Waterman, Patterson 2009): an operation of F operations on B bytes needs at
 * least the longer of F / peak_gemm and B / peak_memory; which one it is names its roof, and that
 * time over the time it took is its share of the roof. */
#ifndef AS_RESULTS_PROFILE_H
#define AS_RESULTS_PROFILE_H

#include "results/record/record.h"

enum { AS_PROFILE_SCHEMA_VERSION = 1 };

/* The line of what lies between operations: the host's own work, and what the backend doesn't name.
 */
#define AS_PROFILE_BETWEEN "between operations"

typedef struct as_profile_line {
    const char *operation;
    const char *parameter; /* the first that it reads; NULL: none */
    int64_t node;          /* of the graph; -1: none */
    int64_t calls;
    double seconds, flops, bytes; /* of all calls */
} as_profile_line;

/* One run of a line on the time line. */
typedef struct as_profile_event {
    const as_profile_line *line; /* NULL: the whole step */
    double start_seconds, seconds, flops, bytes;
} as_profile_event;

typedef struct as_profile_part {
    const char *name; /* "training", "inference" */
    int64_t steps, rows, tokens;
    double seconds;         /* wall time of the steps */
    as_profile_line *lines; /* [n_lines] in the order of running, AS_PROFILE_BETWEEN last */
    size_t n_lines;
    as_profile_event *events; /* [n_events]; not in profile.json */
    size_t n_events;
} as_profile_part;

enum { AS_PROFILE_PARTS = 2 };

typedef struct as_profile {
    as_arena *arena; /* NULL: of one being made */
    json_t *json;    /* of one that was read: texts point into it */
    const char *cell, *entry, *backend, *libraries, *dtype;
    int32_t threads;
    as_figure peak_compute, peak_gemm, peak_memory; /* per second, while it was profiled */
    as_profile_part parts[AS_PROFILE_PARTS];
    size_t n_parts;
} as_profile;

/* What a line, or several together, comes to. */
typedef struct as_roof {
    const char *name; /* "matrix", "memory"; NULL: neither operations nor bytes, or no peak */
    double share;     /* of it, 1 at the roof; above where data stayed in a cache; NaN */
    double seconds;   /* that it needs at least; NaN */
} as_roof;
as_roof as_profile_roof(const as_profile *profile, double flops, double bytes, double seconds);

/* [any] Share of a part's wall time that its lines account for, without AS_PROFILE_BETWEEN. */
double as_profile_accounted(const as_profile_part *part);

/* [any] Writes profile.json (results/schema/profile.schema.json) and trace.json (the Trace Event
 * Format's JSON object form, for chrome://tracing and Perfetto). */
ASSAY_MUST_USE assay_status as_profile_write(const as_profile *profile, const char *folder,
                                             assay_error *error);

/* [any] Reads profile.json. NOT_FOUND: there is none. */
ASSAY_MUST_USE assay_status as_profile_read(const char *folder, as_profile **ret_profile,
                                            assay_error *error);
void as_profile_free(as_profile *profile); /* NULL allowed */

/* [any] That of a run's cell. NOT_FOUND: it has none. */
ASSAY_MUST_USE assay_status as_run_profile(const as_run *run, const as_record *cell,
                                           as_profile **ret_profile, assay_error *error);

#endif
