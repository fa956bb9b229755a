/* SPDX-License-Identifier: MIT */
/* The file of a saved training state: what it gives back, and what is wrong with it told by name.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <unistd.h>

#include "../scratch_folder.h"
#include "train/state.h"

static scratch_path folder, path;
static assay_error error;

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

static void set_up(void) {
    error = (assay_error)ASSAY_ERROR_INIT;
    folder = scratch_folder();
    path = scratch_join(folder.text, "a.state");
}

static void tear_down(void) {
    scratch_remove(&folder);
}

TestSuite(state_file, .init = set_up, .fini = tear_down);

static const as_state_fact facts[] = {{"suite", "one"}, {"threads", "1"}};
static const double reals[] = {-0.0, 0.1, 5e-324, 1.7976931348623157e308};
static const int64_t integers[] = {INT64_MIN, INT64_MAX, -1};

static assay_status give(void *context, int32_t state, uint32_t index, as_state_sink *sink,
                         assay_error *ret_error) {
    const double *values = context;
    (void)ret_error;
    cr_assert(state == 3 && index == 7);
    as_state_put(sink, values, 2); /* in two pieces */
    as_state_put(sink, values + 2, 4);
    return ASSAY_OK;
}

static as_tensor_out matrix(void) {
    return (as_tensor_out){"matrix", AS_TENSOR_F32, 2, {2, 3}};
}

static as_state_parts *some_parts(double *values) {
    as_tensor_out tensor = matrix();
    as_state_parts *parts = NULL;
    scratch_path steps = scratch_write(folder.text, "steps", "{}\n", 3);
    scratch_path empty = scratch_write(folder.text, "empty", "", 0);
    OK(as_state_parts_new(&parts, &error));
    OK(as_state_add_f64(parts, "reals", reals, 4, &error));
    OK(as_state_add_i64(parts, "integers", integers, 3, &error));
    OK(as_state_add_file(parts, "cell.steps", steps.text, &error));
    OK(as_state_add_file(parts, "cell.empty", empty.text, &error));
    OK(as_state_add_source(parts, &tensor, give, values, 3, 7, &error));
    return parts;
}

static void write_some(void) {
    double values[6] = {1, -2, 0.5, -0.0, 1e-42f, 3};
    as_state_parts *parts = some_parts(values);
    OK(as_state_write(parts, path.text, facts, 2, &error));
    as_state_parts_free(parts);
}

static as_state *open_state(as_state_why *why) {
    as_state *state = NULL;
    OK(as_state_open(path.text, facts, 2, &state, why, &error));
    return state;
}

Test(state_file, gives_back_the_same_bits) {
    as_state_why why;
    as_tensor_out tensor = matrix();
    double found[6];
    int64_t numbers[3];
    const void *bytes = NULL;
    size_t n = 9;
    write_some();
    as_state *state = open_state(&why);
    cr_assert_not_null(state, "%s", why.text);
    OK(as_state_read_f64(state, "reals", found, 4, &error));
    cr_assert_arr_eq(found, reals, sizeof reals);
    OK(as_state_read_i64(state, "integers", numbers, 3, &error));
    cr_assert_arr_eq(numbers, integers, sizeof integers);
    OK(as_state_read_bytes(state, "cell.steps", &bytes, &n, &error));
    cr_assert(n == 3 && memcmp(bytes, "{}\n", 3) == 0);
    OK(as_state_read_bytes(state, "cell.empty", &bytes, &n, &error));
    cr_assert_eq(n, 0);
    cr_assert_eq(as_state_check_all_read(state, &error), ASSAY_BAD_DATA);
    cr_assert_not_null(strstr(error.where, "matrix"), "%s", error.where);
    error = (assay_error)ASSAY_ERROR_INIT;
    OK(as_state_read_tensor(state, &tensor, found, 6, &error));
    cr_assert(found[1] == -2 && signbit(found[3]) && found[4] == (double)1e-42f);
    OK(as_state_check_all_read(state, &error));
    as_state_close(state);
}

Test(state_file, what_is_not_as_expected_is_named) {
    as_state_why why;
    as_tensor_out tensor = matrix();
    double found[6] = {77};
    int64_t number = 77;
    write_some();
    as_state *state = open_state(&why);
    cr_assert_eq(as_state_read_f64(state, "none", found, 1, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_state_read_f64(state, "integers", found, 3, NULL), ASSAY_BAD_DATA);
    cr_assert_eq(as_state_read_i64(state, "integers", &number, 1, NULL), ASSAY_BAD_DATA);
    tensor.dims[0] = 3;
    tensor.dims[1] = 2;
    cr_assert_eq(as_state_read_tensor(state, &tensor, found, 6, &error), ASSAY_BAD_DATA);
    cr_assert_not_null(strstr(error.text, "found the shape [2, 3]; expected [3, 2]"), "%s",
                       error.text);
    cr_assert(found[0] == 77 && number == 77);
    as_state_close(state);
}

Test(state_file, another_fact_is_told_and_not_used) {
    static const as_state_fact others[] = {{"suite", "one"}, {"threads", "2"}};
    static const as_state_fact more[] = {{"suite", "one"}, {"threads", "1"}, {"rows", "x"}};
    as_state *state = NULL;
    as_state_why why;
    write_some();
    OK(as_state_open(path.text, others, 2, &state, &why, &error));
    cr_assert_null(state);
    cr_assert_str_eq(why.text, "it is of another threads: found \"1\"; now 2");
    OK(as_state_open(path.text, more, 3, &state, &why, &error));
    cr_assert_null(state);
}

Test(state_file, no_file_is_no_state_and_no_reason) {
    as_state_why why = {"x"};
    cr_assert_null(open_state(&why));
    cr_assert_str_eq(why.text, "");
    OK(as_state_check_version(path.text, &error));
}

Test(state_file, another_version_is_an_error_that_names_it) {
    as_state *state = NULL;
    as_state_why why;
    char *bytes = NULL;
    size_t n;
    write_some();
    OK(as_file_read(path.text, 1 << 20, &bytes, &n, &error));
    char *version = memmem(bytes, n, "\"version\":\"1\"", 13);
    cr_assert_not_null(version);
    version[11] = '2';
    scratch_write(folder.text, "a.state", bytes, n);
    cr_assert_eq(as_state_check_version(path.text, &error), ASSAY_BAD_DATA);
    cr_assert_not_null(strstr(error.where, "a.state: version"), "%s", error.where);
    cr_assert_not_null(strstr(error.text, "found \"2\"; this assay reads \"1\""), "%s", error.text);
    cr_assert_eq(as_state_open(path.text, facts, 2, &state, &why, NULL), ASSAY_BAD_DATA);
    cr_assert_null(state);
    free(bytes);
}

/* A flipped bit is never believed; only in the version it may look like another one. */
Test(state_file, damage_is_noticed_wherever_it_is) {
    char *bytes = NULL;
    size_t n, n_version = 0;
    as_state_why why;
    write_some();
    OK(as_file_read(path.text, 1 << 20, &bytes, &n, &error));
    for (size_t i = 0; i < n; i++) {
        as_state *state = NULL;
        bytes[i] ^= 4;
        scratch_write(folder.text, "a.state", bytes, n);
        n_version += as_state_open(path.text, facts, 2, &state, &why, NULL) != ASSAY_OK;
        cr_expect(!state, "byte %zu of %zu", i, n);
        as_state_close(state);
        bytes[i] ^= 4;
    }
    cr_assert_eq(n_version, 1);
    for (size_t i = 0; i < n; i += 7) {
        scratch_write(folder.text, "a.state", bytes, i);
        cr_expect_null(open_state(&why));
        cr_expect_neq(why.text[0], '\0');
    }
    free(bytes);
}

Test(state_file, what_would_not_be_exact_is_not_written) {
    double values[6] = {1, 2, 3, 4, 0.1, 6};
    as_state_parts *parts = some_parts(values);
    cr_assert_eq(as_state_write(parts, path.text, facts, 2, &error), ASSAY_INTERNAL);
    cr_assert_str_eq(error.where, "matrix");
    cr_assert_neq(access(path.text, F_OK), 0);
    as_state_parts_free(parts);
}

Test(state_file, nothing_comes_after_the_checksum) {
    scratch_path steps = scratch_write(folder.text, "steps", "x", 1);
    as_state_parts *parts = NULL;
    OK(as_state_parts_new(&parts, &error));
    OK(as_state_add_file(parts, "steps", steps.text, &error));
    cr_assert_eq(as_state_write(parts, path.text, facts, 2, NULL), ASSAY_INVALID_ARGUMENT);
    cr_assert_eq(as_state_add_file(parts, "a", "/nonexistent/file", NULL), ASSAY_IO);
    as_state_parts_free(parts);
}
