/* SPDX-License-Identifier: MIT */
/* train/state.h: the file of a training state: everything that the next optimizer step depends on,
 * so that a run that was broken off goes on to the same weights, bit for bit. This is the file
 * alone; what stands in it is trainer_state.c's, trainee_state.c's and the caller's.
 *
 * A safetensors file whose __metadata__ has
 *
 *     format     "assay training state"
 *     version    "1"
 *     FACT       one text for each thing that a run must agree in with the state it goes on from
 *
 * and whose last tensor, "sha256" (U8 [32]), is the SHA-256 over all tensors before it: of each its
 * name and type with a NUL after them, rank (32 bits), dimensions (64 bits each) and data. Numbers
 * stand in F64, F32 and I64 tensors, never as decimal text.
 *
 * A file that is damaged or doesn't agree is no error: it is left alone, and *ret_why says why.
 * Another version is one, since throwing away what a newer program made would be rash.
 *
 *     as_state_parts *parts;                                  as_state_parts_new(&parts, error);
 *     as_state_add_i64(parts, "step", &step, 1, error);       (and so on)
 *     status = as_state_write(parts, path, facts, n, error);  as_state_parts_free(parts);
 *
 *     status = as_state_open(path, facts, n, &state, &why, error);
 *     if (state) status = as_state_read_i64(state, "step", &step, 1, error);
 *     if (state) status = as_state_check_all_read(state, error);
 *     as_state_close(state); */
#ifndef AS_TRAIN_STATE_H
#define AS_TRAIN_STATE_H

#include <stdbool.h>

#include "train/safetensors.h"

enum { AS_STATE_VERSION = 1, AS_STATE_MAX_FACTS = 32 };

/* Texts, both without NUL; a value of any length. */
typedef struct as_state_fact {
    const char *name, *value;
} as_state_fact;

/* ---- writing ----------------------------------------------------------------------------------*/

typedef struct as_state_parts as_state_parts;
typedef struct as_state_sink as_state_sink;

/* Gives a tensor's values to the sink, in as many pieces as it likes, all of them in the end. */
typedef assay_status (*as_state_source)(void *context, int32_t state, uint32_t index,
                                        as_state_sink *sink, assay_error *error);

/* [any] None yet; the caller frees them. */
ASSAY_MUST_USE assay_status as_state_parts_new(as_state_parts **ret_parts, assay_error *error);
void as_state_parts_free(as_state_parts *parts); /* NULL allowed */

/* [cell] Each adds a tensor; names are copied, numbers too. */
ASSAY_MUST_USE assay_status as_state_add_f64(as_state_parts *parts, const char *name,
                                             const double *values, size_t n, assay_error *error);
ASSAY_MUST_USE assay_status as_state_add_i64(as_state_parts *parts, const char *name,
                                             const int64_t *values, size_t n, assay_error *error);
/* [cell] A file's bytes as they are now, U8; the file may grow but not shrink until the parts are
 * freed. */
ASSAY_MUST_USE assay_status as_state_add_file(as_state_parts *parts, const char *name,
                                              const char *path, assay_error *error);
/* [cell] A tensor of F64 or F32 that is asked for when it is written: source(context, state, index,
 * ...). */
ASSAY_MUST_USE assay_status as_state_add_source(as_state_parts *parts, const as_tensor_out *tensor,
                                                as_state_source source, void *context,
                                                int32_t state, uint32_t index, assay_error *error);

/* [cell] The next values of the tensor that is being written, converted to its type. */
void as_state_put(as_state_sink *sink, const double *values, uint64_t n);

/* [cell] Writes the file whole or not at all. No more than a block is held in memory. */
ASSAY_MUST_USE assay_status as_state_write(const as_state_parts *parts, const char *path,
                                           const as_state_fact *facts, size_t n_facts,
                                           assay_error *error);

/* ---- reading ----------------------------------------------------------------------------------*/

typedef struct as_state as_state;

/* Why a state is not used; "": there is none. */
typedef struct as_state_why {
    char text[512];
} as_state_why;

/* [any] BAD_DATA at "FILE: version" with what was found, when the file is a state of another
 * version; OK for everything else, damaged or missing files too. */
ASSAY_MUST_USE assay_status as_state_check_version(const char *path, assay_error *error);

/* [cell] Opens and checks a state: version, facts, checksum. *ret_state is NULL with the reason in
 * *ret_why where it is not to be used. Errors: another version (BAD_DATA), out of memory. */
ASSAY_MUST_USE assay_status as_state_open(const char *path, const as_state_fact *facts,
                                          size_t n_facts, as_state **ret_state,
                                          as_state_why *ret_why, assay_error *error);
void as_state_close(as_state *state); /* NULL allowed */

/* [cell] All n values of a tensor; BAD_DATA where it is missing or of another type or size. */
ASSAY_MUST_USE assay_status as_state_read_f64(as_state *state, const char *name, double *values,
                                              uint64_t n, assay_error *error);
ASSAY_MUST_USE assay_status as_state_read_i64(as_state *state, const char *name, int64_t *values,
                                              uint64_t n, assay_error *error);
/* [cell] A U8 tensor; the bytes are the state's. */
ASSAY_MUST_USE assay_status as_state_read_bytes(as_state *state, const char *name,
                                                const void **ret_bytes, size_t *ret_n,
                                                assay_error *error);
/* [cell] All n values of a tensor of this shape and type (F64 or F32). */
ASSAY_MUST_USE assay_status as_state_read_tensor(as_state *state, const as_tensor_out *tensor,
                                                 double *values, uint64_t n, assay_error *error);
/* [cell] BAD_DATA at the first tensor that was not read. */
ASSAY_MUST_USE assay_status as_state_check_all_read(const as_state *state, assay_error *error);
/* [any] BAD_DATA: a value of it cannot be right. */
assay_status as_state_fail_value(const as_state *state, const char *name, int64_t value,
                                 int64_t low, int64_t high, assay_error *error);

#endif
