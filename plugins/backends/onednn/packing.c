/* SPDX-License-Identifier: MIT */
/* onednn/packing.c: weights in the layout that a matmul reads them in.
 *
 * Parameters stay f32 in the session's slab. A packing is a copy of one of them, or of several that
 * stand side by side, made by one oneDNN reorder: to bf16 (rounded to nearest even) in sessions of
 * that dtype, else in f32. Kept ones are shared by all plans of the session whose primitives want
 * the same layout: forward and gradient by x want different ones. They are made again when they are
 * used after a parameter has changed, so once per update, and not at all in a steady evaluation.
 * Passing ones, f32 of training, are made for each use in one place that all share: next to the
 * product they cost little (a few percent of what the layout gains), kept they would cost a second
 * copy of the model. */

#include <stdlib.h>

#include "internal.h"

struct onednn_packing {
    onednn_packing *next;
    uint32_t parameter; /* the first; b may reach over those that stand behind it */
    size_t users;
    int64_t k, n, row, column; /* of what it is made from: [k, n] f32 with these strides */
    onednn_md layout;
    uint64_t version; /* of the parameters it was made from, added up, 0: never */
    int serial;
    int passing;
    float *data; /* NULL: passing */
    dnnl_primitive_t reorder;
    dnnl_memory_t from, to, scratchpad;
    size_t scratchpad_size; /* floats */
};

static void packing_free(onednn_packing *packing) {
    if (!packing)
        return;
    dnnl_memory_t memories[] = {packing->from, packing->to, packing->scratchpad};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (packing->reorder)
        dnnl_primitive_destroy(packing->reorder);
    onednn_md_done(&packing->layout);
    onednn_free(packing->data);
    free(packing);
}

static dnnl_status_t make_reorder(const assay_device *device, onednn_packing *packing) {
    const dnnl_dims_t dims = {packing->k, packing->n}, strides = {packing->row, packing->column};
    onednn_md from = ONEDNN_MD_INIT;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    size_t bytes = 0;
    dnnl_status_t status = onednn_md_init(&from, 2, dims, dnnl_f32, strides);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = onednn_reorder_desc_new(&desc, device->engine, &from, &packing->layout, attr);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&packing->reorder, desc);
    if (status == dnnl_success)
        status = onednn_memory_new(&packing->from, &from, device->engine);
    if (status == dnnl_success)
        status = onednn_memory_new(&packing->to, &packing->layout, device->engine);
    if (status == dnnl_success)
        status = onednn_scratchpad_new(&packing->scratchpad, &bytes, desc, device->engine);
    packing->scratchpad_size = (bytes + sizeof(float) - 1) / sizeof(float);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_md_done(&from);
    return status;
}

static int is_like(const onednn_packing *packing, uint32_t parameter, const onednn_gemm *gemm,
                   int passing) {
    const onednn_gemm_shape *shape = onednn_gemm_shape_of(gemm);
    return packing->parameter == parameter && packing->passing == passing &&
           packing->k == shape->k && packing->n == shape->n && packing->row == shape->b_row &&
           packing->column == shape->b_column &&
           onednn_md_equal(&packing->layout, onednn_gemm_layout(gemm));
}

static size_t floats_of(const onednn_packing *packing) {
    return (onednn_md_bytes(&packing->layout) + sizeof(float) - 1) / sizeof(float);
}

static assay_status make_room(onednn_packing *packing, assay_error *error) {
    packing->data = onednn_alloc(floats_of(packing));
    return packing->data
               ? ASSAY_OK
               : assay_fail(error, ASSAY_OUT_OF_MEMORY, "oneDNN weights", "out of memory");
}

/* Nothing is kept there between uses, so it can move. */
static assay_status grow_passing(assay_session *session, const onednn_packing *packing,
                                 assay_error *error) {
    size_t size = floats_of(packing);
    if (size <= session->passing_size)
        return ASSAY_OK;
    float *grown = onednn_alloc(size);
    if (!grown)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "oneDNN weights", "out of memory");
    onednn_free(session->passing);
    session->passing = grown;
    session->passing_size = size;
    return ASSAY_OK;
}

assay_status onednn_packing_get(assay_session *session, uint32_t parameter, const onednn_gemm *gemm,
                                int passing, onednn_packing **ret_packing, assay_error *error) {
    const onednn_gemm_shape *shape = onednn_gemm_shape_of(gemm);
    for (onednn_packing *packing = session->packings; packing; packing = packing->next) {
        if (is_like(packing, parameter, gemm, passing)) {
            packing->users++;
            *ret_packing = packing;
            return ASSAY_OK;
        }
    }
    onednn_packing *packing = calloc(1, sizeof *packing);
    if (!packing)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "oneDNN weights", "out of memory");
    packing->users = 1;
    packing->passing = passing;
    packing->parameter = parameter;
    packing->k = shape->k;
    packing->n = shape->n;
    packing->row = shape->b_row;
    packing->column = shape->b_column;
    packing->serial = (size_t)(shape->k * shape->n) <= ONEDNN_SERIAL_WORK;
    dnnl_status_t made = onednn_md_copy(&packing->layout, onednn_gemm_layout(gemm));
    onednn_use_threads(session->device, packing->serial);
    if (made == dnnl_success)
        made = make_reorder(session->device, packing);
    onednn_use_threads(session->device, 0);
    assay_status status = ASSAY_OK;
    if (made != dnnl_success)
        status =
            assay_fail(error, ASSAY_INTERNAL, "oneDNN weights", "the conversion cannot be made");
    else
        status = onednn_grow_scratchpad(session->device, packing->scratchpad_size, error);
    if (status == ASSAY_OK)
        status = passing ? grow_passing(session, packing, error) : make_room(packing, error);
    if (status != ASSAY_OK) {
        packing_free(packing);
        return status;
    }
    packing->next = session->packings;
    session->packings = packing;
    *ret_packing = packing;
    return ASSAY_OK;
}

void onednn_packing_release(assay_session *session, onednn_packing *packing) {
    if (!packing || --packing->users > 0)
        return;
    for (onednn_packing **p = &session->packings; *p; p = &(*p)->next) {
        if (*p == packing) {
            *p = packing->next;
            break;
        }
    }
    packing_free(packing);
}

/* Sum of the versions of all parameters it is made from: each only grows. */
static uint64_t version_of(const assay_session *session, const onednn_packing *packing) {
    const onednn_parameter *first = &session->parameters[packing->parameter];
    size_t size = (size_t)(packing->k * packing->n);
    uint64_t version = first->version;
    if (size <= first->size)
        return version;
    for (uint32_t p = 0; p < session->graph->n_parameters; p++) {
        const onednn_parameter *parameter = &session->parameters[p];
        if (parameter->offset > first->offset && parameter->offset < first->offset + size)
            version += parameter->version;
    }
    return version;
}

int onednn_packing_is_stale(const assay_session *session, const onednn_packing *packing) {
    return packing->passing || packing->version != version_of(session, packing);
}

const void *onednn_packing_data(const assay_session *session, const onednn_packing *packing) {
    return packing->passing ? session->passing : packing->data;
}

assay_status onednn_packing_fill(assay_session *session, onednn_packing *packing, float *from,
                                 assay_error *error) {
    assay_device *device = session->device;
    dnnl_exec_arg_t args[3] = {{DNNL_ARG_FROM, packing->from},
                               {DNNL_ARG_TO, packing->to},
                               {DNNL_ARG_SCRATCHPAD, packing->scratchpad}};
    void *data[3] = {from, packing->passing ? session->passing : packing->data, device->scratchpad};
    int n = packing->scratchpad ? 3 : 2;
    dnnl_status_t status = dnnl_success;
    int64_t start_ns = onednn_profile_start(session);
    for (int i = 0; i < n && status == dnnl_success; i++)
        status = dnnl_memory_set_data_handle(args[i].memory, data[i]);
    onednn_use_threads(device, packing->serial);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(packing->reorder, device->stream, n, args);
    onednn_use_threads(device, 0);
    if (status != dnnl_success)
        return assay_fail(error, ASSAY_INTERNAL, "oneDNN weights", "the conversion cannot be run");
    packing->version = version_of(session, packing);
    onednn_profile_inner(session, ONEDNN_LINE_PACK, start_ns,
                         (size_t)(packing->k * packing->n) * sizeof(float) +
                             onednn_md_bytes(&packing->layout));
    return ASSAY_OK;
}

uint64_t onednn_packings_bytes(const assay_session *session) {
    uint64_t bytes = (uint64_t)session->passing_size * sizeof(float);
    for (const onednn_packing *packing = session->packings; packing; packing = packing->next)
        bytes += packing->passing ? 0 : onednn_md_bytes(&packing->layout);
    return bytes;
}
