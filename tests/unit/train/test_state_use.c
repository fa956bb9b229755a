/* SPDX-License-Identifier: MIT */
/* What becomes of a saved training state: used over and over, damaged, made by hand, not written at
 * all; and whose time counts. */
#include <unistd.h>

#include "base/clock.h"
#include "saved_training.h"

TestSuite(state_use, .init = saved_set_up, .fini = saved_tear_down);

/* Broken off after a step. */
static void leave_a_state(const saved_setting *set, int64_t after) {
    saved_run r;
    saved_begin(&r, set);
    r.save_after = after;
    r.break_at = after + 1;
    cr_assert(!saved_train(&r, true));
    cr_assert(r.saved);
    saved_end(&r);
}

Test(state_use, a_run_is_broken_off_as_often_as_you_like) {
    saved_setting set = saved_usual("thrice", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAMW);
    saved_run whole, r;
    saved_begin(&whole, &set);
    cr_assert(saved_train(&whole, false));
    for (int64_t after = 9; after < 60; after += 20)
        leave_a_state(&set, after);
    saved_begin(&r, &set);
    cr_assert(saved_train(&r, true));
    cr_assert_eq(r.result.n_resumed, 3);
    saved_check_same(&whole, &r, "thrice");
    saved_end(&r);
    saved_end(&whole);
}

Test(state_use, a_damaged_state_costs_its_part_of_the_training_alone) {
    saved_setting set = saved_usual("damaged", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    saved_run whole, r;
    leave_a_state(&set, 5);
    cr_assert_eq(truncate(path.text, 3000), 0);
    saved_begin(&whole, &set);
    cr_assert(saved_train(&whole, false));
    saved_begin(&r, &set);
    cr_assert(saved_train(&r, true));
    cr_assert_not_null(strstr(told, "training starts anew"), "%s", told);
    cr_assert_eq(r.result.n_resumed, 0);
    saved_check_same(&whole, &r, "damaged");
    saved_end(&r);
    saved_end(&whole);
}

static assay_status give_f64(void *context, int32_t unused, uint32_t index, as_state_sink *sink,
                             assay_error *ret_error) {
    const as_tensor *tensor = (const as_tensor *)context + index;
    double *values = as_arena_alloc(arena, tensor->n_bytes);
    (void)unused;
    (void)ret_error;
    memcpy(values, tensor->data, tensor->n_bytes);
    as_state_put(sink, values, tensor->n_elements);
    return ASSAY_OK;
}

static void add_f64(as_state_parts *parts, const as_tensor *tensors, uint32_t i) {
    as_tensor_out tensor = {tensors[i].name, AS_TENSOR_F64, tensors[i].rank, {0}};
    memcpy(tensor.dims, tensors[i].dims, sizeof tensor.dims);
    OK(as_state_add_source(parts, &tensor, give_f64, (void *)(uintptr_t)tensors, 0, i, &error));
}

/* With a right checksum: made by hand, or a fault of ours. The first of an integer's values is
 * another, or, where there is none of that name, it is there too. */
static void check_refused(const saved_setting *set, const char *name, int64_t value) {
    as_state_parts *parts = NULL;
    as_safetensors *file = NULL;
    bool found = false;
    size_t n;
    OK(as_safetensors_open(path.text, &file, &error));
    const as_tensor *tensors = as_safetensors_tensors(file, &n);
    OK(as_state_parts_new(&parts, &error));
    for (size_t i = 0; i < n; i++) {
        int64_t *numbers = as_arena_alloc_array(arena, tensors[i].n_elements, 8);
        if (tensors[i].type == AS_TENSOR_F64)
            add_f64(parts, tensors, (uint32_t)i);
        if (tensors[i].type != AS_TENSOR_I64)
            continue;
        memcpy(numbers, tensors[i].data, tensors[i].n_bytes);
        if (strcmp(tensors[i].name, name) == 0) {
            numbers[0] = value;
            found = true;
        }
        OK(as_state_add_i64(parts, tensors[i].name, numbers, tensors[i].n_elements, &error));
    }
    if (!found)
        OK(as_state_add_i64(parts, name, &value, 1, &error));
    OK(as_state_write(parts, scratch_join(folder.text, "b.state").text, facts, 2, &error));
    as_state_parts_free(parts);
    as_safetensors_close(file);

    saved_run r;
    saved_begin(&r, set);
    const as_train_saver saver = {.path = scratch_join(folder.text, "b.state").text,
                                  .facts = facts,
                                  .n_facts = 2,
                                  .unpack = saved_unpack};
    const as_train_job job = {
        .trainee = r.trainee, .data = &data, .config = &set->config, .seed = 3, .saver = &saver};
    error = (assay_error)ASSAY_ERROR_INIT;
    cr_assert_eq(as_train_run(arena, &job, &r.result, &error), ASSAY_BAD_DATA, "%s", name);
    cr_assert_not_null(strstr(error.where, name), "%s: %s", error.where, error.text);
    error = (assay_error)ASSAY_ERROR_INIT;
    saved_end(&r);
}

Test(state_use, numbers_out_of_bounds_are_refused_by_name) {
    saved_setting set = saved_usual("bounds", "reference", ASSAY_DTYPE_F64, ASSAY_OPTIMIZER_ADAM);
    leave_a_state(&set, 5);
    check_refused(&set, "begun", 0);
    check_refused(&set, "begun", 6);
    check_refused(&set, "begun", 3);
    check_refused(&set, "n_done", 1000);
    check_refused(&set, "result.n_epochs", -1);
    check_refused(&set, "result.best_epoch", 4);
    check_refused(&set, "result.kept_epoch", 4);
    check_refused(&set, "result.n_steps", INT64_MIN);
    check_refused(&set, "watch.n_norms", 256);
    check_refused(&set, "watch.next", 255);
    check_refused(&set, "epochs.validation_only_class", 2);
    check_refused(&set, "moment3", 1);
}

Test(state_use, a_save_that_fails_changes_nothing) {
    saved_setting set = saved_usual("no room", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    saved_run whole, r;
    saved_begin(&whole, &set);
    cr_assert(saved_train(&whole, false));
    saved_begin(&r, &set);
    path = scratch_join(folder.text, "no/such/folder/a.state");
    r.save_after = 3;
    told[0] = '\0';
    cr_assert(saved_train(&r, true));
    cr_assert_not_null(strstr(told, "could not be saved"), "%s", told);
    saved_check_same(&whole, &r, "not saved");
    saved_end(&r);
    saved_end(&whole);
}

/* Times of what was done before the break count, the break and the saves don't. */
Test(state_use, times_add_up) {
    saved_setting set = saved_usual("times", "reference", ASSAY_DTYPE_F32, ASSAY_OPTIMIZER_ADAM);
    saved_run r;
    leave_a_state(&set, 60); /* in which 1.2 times EVERY passed */
    int64_t start_ns = as_clock_ns();
    usleep(300000);
    saved_begin(&r, &set);
    cr_assert(saved_train(&r, true));
    double since = (double)(as_clock_ns() - start_ns) * 1e-9;
    cr_assert_geq(r.result.epochs[4].seconds, EVERY);
    cr_assert_geq(r.result.seconds, EVERY);
    cr_assert_lt(r.result.epochs[4].seconds, since, "the break counts");
    int64_t n_batches = r.result.n_steps + r.result.n_epochs * N_VALIDATION / 8;
    cr_assert_lt(r.result.host_seconds_per_batch * (double)n_batches, 1.001 * r.result.seconds);
    saved_end(&r);
}
