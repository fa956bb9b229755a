/* SPDX-License-Identifier: MIT */
/* onednn/gemm.c: matmul primitives by shape, shared by all plans of a device.
 *
 * A primitive takes milliseconds to make and lives as long as some plan uses its shape. Its memory
 * objects are bound to new addresses at every run; the scratchpad is the device's. */

#include <stdlib.h>

#include "internal.h"

/* Products of fewer multiplications run on the calling thread: waking others costs more. */
#define SERIAL_PRODUCT ((int64_t)1 << 18)

struct onednn_gemm {
    onednn_gemm *next;
    onednn_gemm_shape shape;
    size_t users;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, c, scratchpad;
    size_t scratchpad_size; /* floats */
    onednn_md layout;       /* of a packed b */
};

static assay_status failed(assay_error *error, const char *what, dnnl_status_t status) {
    return assay_fail(error,
                      status == dnnl_out_of_memory   ? ASSAY_OUT_OF_MEMORY
                      : status == dnnl_unimplemented ? ASSAY_UNSUPPORTED
                                                     : ASSAY_INTERNAL,
                      "oneDNN matmul", what);
}

static void gemm_free(onednn_gemm *gemm) {
    if (!gemm)
        return;
    dnnl_memory_t memories[] = {gemm->a, gemm->b, gemm->bias, gemm->c, gemm->scratchpad};
    for (size_t i = 0; i < sizeof memories / sizeof *memories; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (gemm->primitive)
        dnnl_primitive_destroy(gemm->primitive);
    onednn_md_done(&gemm->layout);
    free(gemm);
}

/* User scratchpad; post-ops: the sum where the product is added, the activation. */
static dnnl_status_t make_attr(const onednn_gemm_shape *shape, dnnl_primitive_attr_t *ret_attr) {
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(&attr);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && (shape->add || shape->gelu)) {
        status = dnnl_post_ops_create(&ops);
        if (status == dnnl_success && shape->add)
            status = onednn_append_sum(ops);
        if (status == dnnl_success && shape->gelu)
            status = onednn_append_gelu(ops);
        if (status == dnnl_success)
            status = dnnl_primitive_attr_set_post_ops(attr, ops);
        if (ops)
            dnnl_post_ops_destroy(ops);
    }
    if (status == dnnl_success)
        *ret_attr = attr;
    else if (attr)
        dnnl_primitive_attr_destroy(attr);
    return status;
}

enum { MD_A, MD_B, MD_BIAS, MD_C, MD_COUNT };

static dnnl_status_t make_descriptors(const onednn_gemm_shape *s, onednn_md *md) {
    const dnnl_dims_t dims[MD_COUNT] = {{s->m, s->k}, {s->k, s->n}, {1, s->n}, {s->m, s->n}};
    const dnnl_dims_t strides[MD_COUNT] = {
        {s->a_row, s->a_column}, {s->b_row, s->b_column}, {s->n, 1}, {s->c_row, 1}};
    dnnl_data_type_t operand = s->bf16 ? dnnl_bf16 : dnnl_f32;
    const dnnl_data_type_t types[MD_COUNT] = {operand, operand, dnnl_f32,
                                              s->c_bf16 ? dnnl_bf16 : dnnl_f32};
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < MD_COUNT && status == dnnl_success; i++)
        status = onednn_md_init(&md[i], 2, dims[i], types[i],
                                i == MD_B && s->packed ? NULL : strides[i]);
    return status;
}

static dnnl_status_t make_memories(onednn_gemm *gemm, const onednn_md *md,
                                   const_dnnl_primitive_desc_t desc, dnnl_engine_t engine) {
    dnnl_memory_t *memories[MD_COUNT] = {&gemm->a, &gemm->b, &gemm->bias, &gemm->c};
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < MD_COUNT && status == dnnl_success; i++)
        if (i != MD_BIAS || gemm->shape.bias)
            status = onednn_memory_new(memories[i], &md[i], engine);
    if (status != dnnl_success)
        return status;
    size_t bytes = 0;
    status = onednn_scratchpad_new(&gemm->scratchpad, &bytes, desc, engine);
    gemm->scratchpad_size = (bytes + sizeof(float) - 1) / sizeof(float);
    return status;
}

static int is_serial(const onednn_gemm_shape *shape) {
    return shape->m * shape->n * shape->k < SERIAL_PRODUCT;
}

static dnnl_status_t make_primitive(assay_device *device, onednn_gemm *gemm) {
    onednn_md md[MD_COUNT] = {ONEDNN_MD_INIT, ONEDNN_MD_INIT, ONEDNN_MD_INIT, ONEDNN_MD_INIT};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = make_descriptors(&gemm->shape, md);
    if (status == dnnl_success)
        status = make_attr(&gemm->shape, &attr);
    if (status == dnnl_success)
        status = onednn_matmul_desc_new(&desc, device->engine, &md[MD_A], &md[MD_B],
                                        gemm->shape.bias ? &md[MD_BIAS] : NULL, &md[MD_C], attr);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&gemm->primitive, desc);
    if (status == dnnl_success && gemm->shape.packed) {
        onednn_md_done(&md[MD_B]);
        status = onednn_md_of_weights(&md[MD_B], desc);
        if (status == dnnl_success)
            status = onednn_md_copy(&gemm->layout, &md[MD_B]);
    }
    if (status == dnnl_success)
        status = make_memories(gemm, md, desc, device->engine);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    for (int i = 0; i < MD_COUNT; i++)
        onednn_md_done(&md[i]);
    return status;
}

assay_status onednn_grow_scratchpad(assay_device *device, size_t size, assay_error *error) {
    if (size <= device->scratchpad_size)
        return ASSAY_OK;
    float *grown = onednn_alloc(size);
    if (!grown)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "oneDNN scratchpad", "out of memory");
    onednn_free(device->scratchpad);
    device->scratchpad = grown;
    device->scratchpad_size = size;
    return ASSAY_OK;
}

assay_status onednn_gemm_get(assay_device *device, const onednn_gemm_shape *shape,
                             onednn_gemm **ret_gemm, assay_error *error) {
    for (onednn_gemm *gemm = device->gemms; gemm; gemm = gemm->next) {
        if (memcmp(&gemm->shape, shape, sizeof *shape) == 0) {
            gemm->users++;
            *ret_gemm = gemm;
            return ASSAY_OK;
        }
    }
    onednn_gemm *gemm = calloc(1, sizeof *gemm);
    if (!gemm)
        return assay_fail(error, ASSAY_OUT_OF_MEMORY, "oneDNN matmul", "out of memory");
    gemm->shape = *shape;
    gemm->users = 1;
    assay_status status = ASSAY_OK;
    onednn_use_threads(device, is_serial(shape));
    dnnl_status_t made = make_primitive(device, gemm);
    onednn_use_threads(device, 0);
    if (made != dnnl_success)
        status = failed(error, "the primitive cannot be made", made);
    else
        status = onednn_grow_scratchpad(device, gemm->scratchpad_size, error);
    if (status != ASSAY_OK) {
        gemm_free(gemm);
        return status;
    }
    gemm->next = device->gemms;
    device->gemms = gemm;
    *ret_gemm = gemm;
    return ASSAY_OK;
}

const onednn_gemm_shape *onednn_gemm_shape_of(const onednn_gemm *gemm) {
    return &gemm->shape;
}

const onednn_md *onednn_gemm_layout(const onednn_gemm *gemm) {
    return &gemm->layout;
}

void onednn_gemm_release(assay_device *device, onednn_gemm *gemm) {
    if (!gemm || --gemm->users > 0)
        return;
    for (onednn_gemm **p = &device->gemms; *p; p = &(*p)->next) {
        if (*p == gemm) {
            *p = gemm->next;
            break;
        }
    }
    gemm_free(gemm);
}

/* oneDNN takes pointers to writable data for inputs too, and doesn't write to them. */
static void *writable(const void *p) {
    union {
        const void *from;
        void *to;
    } u = {p};
    return u.to;
}

assay_status onednn_gemm_run(assay_device *device, onednn_gemm *gemm, const void *a, const void *b,
                             const float *bias, void *c, assay_error *error) {
    dnnl_exec_arg_t args[5] = {
        {DNNL_ARG_SRC, gemm->a}, {DNNL_ARG_WEIGHTS, gemm->b}, {DNNL_ARG_DST, gemm->c}};
    void *data[5] = {writable(a), writable(b), c};
    int n = 3;
    if (gemm->bias) {
        data[n] = writable(bias);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, gemm->bias};
    }
    if (gemm->scratchpad) {
        data[n] = device->scratchpad;
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, gemm->scratchpad};
    }
    dnnl_status_t status = dnnl_success;
    for (int i = 0; i < n && status == dnnl_success; i++)
        status = dnnl_memory_set_data_handle(args[i].memory, data[i]);
    onednn_use_threads(device, is_serial(&gemm->shape));
    if (status == dnnl_success)
        status = dnnl_primitive_execute(gemm->primitive, device->stream, n, args);
    onednn_use_threads(device, 0);
    return status == dnnl_success ? ASSAY_OK : failed(error, "the product cannot be run", status);
}
