/* SPDX-License-Identifier: MIT */
/* profile.json and trace.json. The trace has one process for each part; complete events ("ph": "X")
 * with times in microseconds, as the Trace Event Format (Google, 2016) has them. Steps stand where
 * they ran; the operations of a step follow each other in their order, since a backend tells how
 * long each took, not when. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "results/record/profile.h"

/* The tree under construction; a failed allocation is remembered. */
typedef struct builder {
    bool failed;
} builder;

static void set(builder *b, json_t *o, const char *key, json_t *value) {
    b->failed |= json_object_set_new(o, key, value) != 0;
}

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *figure(builder *b, as_figure f) {
    json_t *o = json_object();
    set(b, o, "value", real(f.value));
    set(b, o, "low", real(f.low));
    set(b, o, "high", real(f.high));
    return o;
}

/* ---- roofline -------------------------------------------------------------------------------- */

as_roof as_profile_roof(const as_profile *profile, double flops, double bytes, double seconds) {
    double matrix = flops > 0 ? flops / profile->peak_gemm.value : 0;
    double memory = bytes > 0 ? bytes / profile->peak_memory.value : 0;
    double least = matrix > memory ? matrix : memory;
    if (!isfinite(matrix) || !isfinite(memory) || !(least > 0) || !(seconds > 0))
        return (as_roof){NULL, NAN, NAN};
    return (as_roof){matrix > memory ? "matrix" : "memory", least / seconds, least};
}

double as_profile_accounted(const as_profile_part *part) {
    double sum = 0;
    for (size_t i = 0; i < part->n_lines; i++)
        if (strcmp(part->lines[i].operation, AS_PROFILE_BETWEEN) != 0)
            sum += part->lines[i].seconds;
    return part->seconds > 0 ? sum / part->seconds : NAN;
}

/* ---- profile.json ---------------------------------------------------------------------------- */

static json_t *line_json(builder *b, const as_profile *profile, const as_profile_part *part,
                         const as_profile_line *line) {
    json_t *o = json_object();
    as_roof roof = as_profile_roof(profile, line->flops, line->bytes, line->seconds);
    set(b, o, "operation", as_json_text(line->operation));
    set(b, o, "node", line->node >= 0 ? json_integer(line->node) : json_null());
    set(b, o, "parameter", as_json_text(line->parameter));
    set(b, o, "calls", json_integer(line->calls));
    set(b, o, "seconds", real(line->seconds));
    set(b, o, "share", real(line->seconds / part->seconds));
    set(b, o, "flops", real(line->flops));
    set(b, o, "bytes", real(line->bytes));
    set(b, o, "flops_per_second", real(line->flops > 0 ? line->flops / line->seconds : NAN));
    set(b, o, "bytes_per_second", real(line->bytes > 0 ? line->bytes / line->seconds : NAN));
    set(b, o, "roof", as_json_text(roof.name));
    set(b, o, "roof_share", real(roof.share));
    return o;
}

static json_t *part_json(builder *b, const as_profile *profile, const as_profile_part *part) {
    json_t *o = json_object(), *lines = json_array();
    set(b, o, "name", as_json_text(part->name));
    set(b, o, "steps", json_integer(part->steps));
    set(b, o, "rows", json_integer(part->rows));
    set(b, o, "tokens", json_integer(part->tokens));
    set(b, o, "seconds", real(part->seconds));
    set(b, o, "accounted_share", real(as_profile_accounted(part)));
    for (size_t i = 0; i < part->n_lines; i++)
        b->failed |=
            json_array_append_new(lines, line_json(b, profile, part, &part->lines[i])) != 0;
    set(b, o, "lines", lines);
    return o;
}

static json_t *profile_json(builder *b, const as_profile *p) {
    json_t *o = json_object(), *peaks = json_object(), *parts = json_array();
    set(b, o, "schema_version", json_integer(AS_PROFILE_SCHEMA_VERSION));
    set(b, o, "cell", as_json_text(p->cell));
    set(b, o, "entry", as_json_text(p->entry));
    set(b, o, "backend", as_json_text(p->backend));
    set(b, o, "libraries", as_json_text(p->libraries));
    set(b, o, "dtype", as_json_text(p->dtype));
    set(b, o, "threads", json_integer(p->threads));
    set(b, peaks, "compute_flops_per_second", figure(b, p->peak_compute));
    set(b, peaks, "gemm_flops_per_second", figure(b, p->peak_gemm));
    set(b, peaks, "memory_bytes_per_second", figure(b, p->peak_memory));
    set(b, o, "peaks", peaks);
    for (size_t i = 0; i < p->n_parts; i++)
        b->failed |= json_array_append_new(parts, part_json(b, p, &p->parts[i])) != 0;
    set(b, o, "parts", parts);
    return o;
}

/* ---- trace.json ------------------------------------------------------------------------------ */

static json_t *name_json(builder *b, const char *what, int pid, const char *name) {
    json_t *o = json_object(), *args = json_object();
    set(b, args, "name", as_json_text(name));
    set(b, o, "name", as_json_text(what));
    set(b, o, "ph", as_json_text("M"));
    set(b, o, "pid", json_integer(pid));
    set(b, o, "tid", json_integer(1));
    set(b, o, "args", args);
    return o;
}

static json_t *event_json(builder *b, const as_profile_event *event, int pid) {
    json_t *o = json_object(), *args = json_object();
    set(b, o, "name", as_json_text(event->line ? event->line->operation : "step"));
    set(b, o, "cat", as_json_text(event->line ? "operation" : "step"));
    set(b, o, "ph", as_json_text("X"));
    set(b, o, "ts", real(event->start_seconds * 1e6));
    set(b, o, "dur", real(event->seconds * 1e6));
    set(b, o, "pid", json_integer(pid));
    set(b, o, "tid", json_integer(1));
    if (event->line) {
        if (event->line->node >= 0)
            set(b, args, "node", json_integer(event->line->node));
        if (event->line->parameter)
            set(b, args, "parameter", as_json_text(event->line->parameter));
        set(b, args, "flops", real(event->flops));
        set(b, args, "bytes", real(event->bytes));
    }
    set(b, o, "args", args);
    return o;
}

static json_t *trace_json(builder *b, const as_profile *p) {
    json_t *o = json_object(), *events = json_array(), *other = json_object();
    for (size_t i = 0; i < p->n_parts; i++) {
        const as_profile_part *part = &p->parts[i];
        int pid = (int)i + 1;
        b->failed |=
            json_array_append_new(events, name_json(b, "process_name", pid, part->name)) != 0;
        b->failed |=
            json_array_append_new(events, name_json(b, "thread_name", pid, "operations")) != 0;
        for (size_t k = 0; k < part->n_events; k++)
            b->failed |= json_array_append_new(events, event_json(b, &part->events[k], pid)) != 0;
    }
    set(b, other, "cell", as_json_text(p->cell));
    set(b, other, "backend", as_json_text(p->backend));
    set(b, other, "dtype", as_json_text(p->dtype));
    set(b, o, "traceEvents", events);
    set(b, o, "displayTimeUnit", as_json_text("ms"));
    set(b, o, "otherData", other);
    return o;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Takes `json` over. */
static assay_status write_json(const char *folder, const char *name, json_t *json, bool failed,
                               size_t flags, assay_error *error) {
    char *path = as_path_join(folder, name);
    char *content = json && !failed ? json_dumps(json, flags | JSON_REAL_PRECISION(17)) : NULL;
    assay_status status = path && content
                              ? as_file_write(path, content, strlen(content), error)
                              : as_fail(error, ASSAY_OUT_OF_MEMORY, name, "no memory to write it");
    json_decref(json);
    free(content);
    free(path);
    return status;
}

assay_status as_profile_write(const as_profile *profile, const char *folder, assay_error *error) {
    builder b = {false};
    json_t *trace = trace_json(&b, profile), *json = profile_json(&b, profile);
    assay_status status = write_json(folder, "trace.json", trace, b.failed, JSON_COMPACT, error);
    if (status != ASSAY_OK) {
        json_decref(json);
        return status;
    }
    return write_json(folder, "profile.json", json, b.failed, JSON_INDENT(1), error);
}
