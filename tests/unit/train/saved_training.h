/* SPDX-License-Identifier: MIT */
/* saved_training.h: a small training that saves its state and can be broken off after any step, for
 * the tests of saved states. */
#ifndef SAVED_TRAINING_H
#define SAVED_TRAINING_H

#include <criterion/criterion.h>
#include <setjmp.h>

#include "../scratch_folder.h"
#include "toy.h"
#include "train/engine.h"
#include "train/state.h"

enum { CHANNELS = 6, N_VALIDATION = 40, LARGE_TOKEN = TOY_VOCABULARY - 1 };

#define EVERY 0.05 /* seconds between two saves */

/* Of the test at work: saved_set_up makes them, saved_tear_down ends them. */
extern as_arena *arena;
extern as_prepared data;
extern scratch_path folder, path; /* path: the state's file */
extern assay_error error;
extern char told[1600]; /* what the saver said last */

extern const as_state_fact facts[2];

#define OK(call) cr_assert_eq(call, ASSAY_OK, "%s: %s", error.where, error.text)

typedef struct saved_setting {
    const char *name, *backend;
    int32_t dtype;
    const as_strategy *strategy;
    as_train_config config;
    bool one_class; /* every validation text is predicted as class 0 */
    int64_t until;  /* this step; 0: to the end */
    bool explodes;  /* one train text has a very large gradient */
} saved_setting;

typedef struct saved_run {
    const saved_setting *set;
    as_phases *phases;
    as_engine *engine;
    as_trainee *trainee;
    as_train_result result;
    /* where it is broken off */
    int64_t save_after, break_at; /* steps; 0: never */
    int32_t save_epoch;           /* its validation lasts until a save is due; 0: none */
    bool saved;
    jmp_buf out;
} saved_run;

void saved_set_up(void);
void saved_tear_down(void);

/* 100 train texts, 5 epochs. */
saved_setting saved_usual(const char *name, const char *backend, int32_t dtype, int32_t optimizer);

/* An engine and a trainee that have not trained; saved_end frees them. */
void saved_begin(saved_run *r, const saved_setting *set);
void saved_end(saved_run *r);

/* Runs to the end, or to where it is broken off; true: to the end. */
bool saved_train(saved_run *r, bool saves);
/* The caller's part of a state, as saved_train's saver reads it. */
assay_status saved_unpack(void *context, as_state *state, assay_error *ret_error);

/* Parameters, moments, epochs and what was watched are the same bits. */
void saved_check_same(const saved_run *a, const saved_run *b, const char *when);

#endif
