/* SPDX-License-Identifier: MIT */
/* profile.json and trace.json: written, read back, held against their schema and format; the
 * roofline's arithmetic; what is broken is refused. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_schema.h"
#include "results/record/profile.h"

static char folder[] = "/tmp/assay-profile-XXXXXX";
static assay_error error;

/* Two steps of 10 ms: a product at half of the matrix peak (100 G), a copy at a fifth of the memory
 * peak (10 G), packing without figures, 1 ms between. */
static as_profile_line lines[] = {
    {"linear", "encoder \"a\"<b>.weight", 3, 2, 0.010, 5e8, 1e6},
    {"add", NULL, 4, 2, 0.005, 0, 1e7},
    {"pack", NULL, -1, 2, 0.004, 0, 0},
    {AS_PROFILE_BETWEEN, NULL, -1, 2, 0.001, 0, 0},
};
static as_profile_event events[] = {
    {NULL, 0, 0.010, 0, 0},
    {&lines[0], 0, 0.005, 2.5e8, 5e5},
    {&lines[1], 0.005, 0.0025, 0, 5e6},
    {NULL, 0.5, 0.010, 0, 0},
    {&lines[0], 0.5, 0.005, 2.5e8, 5e5},
};

static as_profile sample(void) {
    return (as_profile){.cell = "gru__onednn__f32__s1",
                        .entry = "gru",
                        .backend = "onednn",
                        .libraries = "oneDNN 2.6.3",
                        .dtype = "f32",
                        .threads = 2,
                        .peak_compute = {120e9, NAN, NAN},
                        .peak_gemm = {100e9, 90e9, 110e9},
                        .peak_memory = {10e9, NAN, NAN},
                        .parts = {{.name = "training",
                                   .steps = 2,
                                   .rows = 16,
                                   .tokens = 300,
                                   .seconds = 0.020,
                                   .lines = lines,
                                   .n_lines = 4,
                                   .events = events,
                                   .n_events = 5}},
                        .n_parts = 1};
}

static void set_up(void) {
    strcpy(folder, "/tmp/assay-profile-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    error = (assay_error)ASSAY_ERROR_INIT;
}

static void tear_down(void) {
    cr_assert_eq(as_remove_folder(folder, &error), ASSAY_OK);
}

TestSuite(profile, .init = set_up, .fini = tear_down);

static json_t *load(const char *name) {
    char *path = as_path_join(folder, name);
    json_t *json = NULL;
    cr_assert_eq(as_json_load(path, &json, &error), ASSAY_OK, "%s", error.text);
    free(path);
    return json;
}

Test(profile, a_roof_is_what_asks_for_the_longer_time) {
    as_profile p = sample();
    as_roof product = as_profile_roof(&p, 5e8, 1e6, 0.010),
            copy = as_profile_roof(&p, 0, 1e7, 0.005);
    cr_assert_str_eq(product.name, "matrix");
    cr_assert_float_eq(product.share, 0.5, 1e-12);
    cr_assert_str_eq(copy.name, "memory");
    cr_assert_float_eq(copy.share, 0.2, 1e-12);
    /* few operations on many bytes */
    as_roof lookup = as_profile_roof(&p, 1e6, 1e8, 0.02);
    cr_assert(strcmp(lookup.name, "memory") == 0 && fabs(lookup.share - 0.5) < 1e-12);
    cr_assert_null(as_profile_roof(&p, 0, 0, 1).name);
    p.peak_gemm.value = NAN; /* a backend without large products */
    cr_assert_null(as_profile_roof(&p, 5e8, 1e6, 0.010).name);
    cr_assert_str_eq(as_profile_roof(&p, 0, 1e7, 0.005).name, "memory");
}

Test(profile, lines_account_for_all_but_what_lies_between) {
    as_profile p = sample();
    cr_assert_float_eq(as_profile_accounted(&p.parts[0]), 0.95, 1e-12);
}

Test(profile, is_written_by_its_schema_and_read_back) {
    as_profile p = sample(), *back = NULL;
    json_t *schema = NULL, *json;
    char *path = as_path_join(getenv("AS_SCHEMAS"), "profile.schema.json");
    cr_assert_eq(as_profile_write(&p, folder, &error), ASSAY_OK, "%s", error.text);
    cr_assert_eq(as_json_load(path, &schema, &error), ASSAY_OK);
    json = load("profile.json");
    cr_assert_eq(as_json_schema_check(schema, json, "profile.json", &error), ASSAY_OK, "%s: %s",
                 error.where, error.text);
    json_object_del(json, "parts");
    cr_assert_neq(as_json_schema_check(schema, json, "profile.json", NULL), ASSAY_OK);
    cr_assert_eq(as_profile_read(folder, &back, &error), ASSAY_OK, "%s: %s", error.where,
                 error.text);
    cr_assert_eq(back->n_parts, 1);
    cr_assert_eq(back->parts[0].n_lines, 4);
    cr_assert_str_eq(back->parts[0].lines[0].parameter, lines[0].parameter);
    cr_assert(back->parts[0].lines[0].flops == 5e8 && back->parts[0].seconds == 0.020);
    cr_assert_eq(back->parts[0].lines[2].node, -1);
    cr_assert_float_eq(as_profile_accounted(&back->parts[0]), 0.95, 1e-12);
    cr_assert(back->peak_gemm.low == 90e9 && isnan(back->peak_compute.low));
    as_profile_free(back);
    json_decref(json);
    json_decref(schema);
    free(path);
}

static double number(const json_t *o, const char *key) {
    cr_assert(json_is_number(json_object_get(o, key)), "%s", key);
    return json_number_value(json_object_get(o, key));
}

Test(profile, the_trace_holds_complete_events_of_named_processes) {
    as_profile p = sample();
    cr_assert_eq(as_profile_write(&p, folder, &error), ASSAY_OK);
    json_t *trace = load("trace.json"), *event, *list = json_object_get(trace, "traceEvents");
    size_t i, n_complete = 0, n_names = 0;
    json_array_foreach(list, i, event) {
        const char *phase = json_string_value(json_object_get(event, "ph"));
        cr_assert(json_is_string(json_object_get(event, "name")));
        cr_assert(number(event, "pid") == 1 && number(event, "tid") == 1);
        n_names += strcmp(phase, "M") == 0;
        if (strcmp(phase, "X") != 0)
            continue;
        n_complete++;
        cr_assert(number(event, "ts") >= 0 && number(event, "dur") >= 0);
        cr_assert(json_is_string(json_object_get(event, "cat")));
    }
    cr_assert(n_names == 2 && n_complete == 5);
    event = json_array_get(list, 2 + 3); /* the second step, in microseconds */
    cr_assert_str_eq(json_string_value(json_object_get(event, "name")), "step");
    cr_assert_float_eq(number(event, "ts"), 5e5, 1e-6);
    cr_assert_float_eq(number(event, "dur"), 1e4, 1e-6);
    cr_assert_str_eq(json_string_value(json_object_get(trace, "displayTimeUnit")), "ms");
    json_decref(trace);
}

static assay_status read_with(const char *part, const char *key, json_t *value) {
    as_profile p = sample(), *back = NULL;
    cr_assert_eq(as_profile_write(&p, folder, &error), ASSAY_OK);
    json_t *json = load("profile.json");
    json_t *first = json_array_get(json_object_get(json, "parts"), 0);
    json_t *line = json_array_get(json_object_get(first, "lines"), 0);
    json_object_set_new(strcmp(part, "line") == 0   ? line
                        : strcmp(part, "part") == 0 ? first
                                                    : json,
                        key, value);
    char *path = as_path_join(folder, "profile.json");
    cr_assert_eq(json_dump_file(json, path, 0), 0);
    assay_status status = as_profile_read(folder, &back, &error);
    cr_assert(status == ASSAY_OK || !back);
    as_profile_free(back);
    json_decref(json);
    free(path);
    return status;
}

Test(profile, what_is_broken_is_refused) {
    as_profile *none = NULL;
    cr_assert_eq(as_profile_read(folder, &none, NULL), ASSAY_NOT_FOUND);
    cr_assert_eq(read_with("root", "threads", json_integer(3)), ASSAY_OK, "a change is no damage");
    cr_assert_neq(read_with("root", "schema_version", json_integer(2)), ASSAY_OK);
    cr_assert_eq(read_with("part", "seconds", json_real(0)), ASSAY_BAD_DATA);
    cr_assert_eq(read_with("part", "steps", json_integer(0)), ASSAY_BAD_DATA);
    cr_assert_eq(read_with("part", "lines", json_string("x")), ASSAY_BAD_DATA);
    cr_assert_eq(read_with("line", "seconds", json_real(-1)), ASSAY_BAD_DATA);
    cr_assert_eq(read_with("line", "operation", json_null()), ASSAY_BAD_DATA);
    cr_assert_eq(read_with("line", "flops", json_string("many")), ASSAY_BAD_DATA);
}
