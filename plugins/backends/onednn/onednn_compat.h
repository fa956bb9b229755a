/* SPDX-License-Identifier: MIT */
/* onednn/onednn_compat.h: every difference between oneDNN 2.6 and 3.x that this backend meets.
 *
 * 2.x: a memory descriptor is a struct, operations have descriptors, and
 * dnnl_primitive_desc_create takes them. 3.x: descriptors are opaque and owned, each operation has
 * its own dnnl_X_primitive_desc_create, and a sum post-op names a zero point. */
#ifndef ONEDNN_COMPAT_H
#define ONEDNN_COMPAT_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t onednn_md;
#define ONEDNN_MD_INIT NULL

/* strides NULL: the layout is the primitive's choice. */
static inline dnnl_status_t onednn_md_init(onednn_md *md, int n_dims, const dnnl_dims_t dims,
                                           dnnl_data_type_t type, const dnnl_dim_t *strides) {
    if (!strides)
        return dnnl_memory_desc_create_with_tag(md, n_dims, dims, type, dnnl_format_tag_any);
    return dnnl_memory_desc_create_with_strides(md, n_dims, dims, type, strides);
}

/* The layout of the weights that a primitive chose, as a copy. */
static inline dnnl_status_t onednn_md_of_weights(onednn_md *md, const_dnnl_primitive_desc_t desc) {
    return dnnl_memory_desc_clone(md, dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
}

static inline dnnl_status_t onednn_md_copy(onednn_md *to, const onednn_md *from) {
    return dnnl_memory_desc_clone(to, *from);
}

static inline int onednn_md_equal(const onednn_md *a, const onednn_md *b) {
    return dnnl_memory_desc_equal(*a, *b);
}

static inline size_t onednn_md_bytes(const onednn_md *md) {
    return dnnl_memory_desc_get_size(*md);
}

static inline void onednn_md_done(onednn_md *md) {
    if (*md)
        dnnl_memory_desc_destroy(*md);
}

static inline dnnl_status_t onednn_memory_new(dnnl_memory_t *memory, const onednn_md *md,
                                              dnnl_engine_t engine) {
    return dnnl_memory_create(memory, *md, engine, DNNL_MEMORY_NONE);
}

/* The scratchpad a primitive asks for; *memory stays NULL where it needs none. */
static inline dnnl_status_t onednn_scratchpad_new(dnnl_memory_t *memory, size_t *ret_bytes,
                                                  const_dnnl_primitive_desc_t desc,
                                                  dnnl_engine_t engine) {
    const_dnnl_memory_desc_t md = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    size_t bytes = md ? dnnl_memory_desc_get_size(md) : 0;
    if (bytes == 0)
        return dnnl_success;
    *ret_bytes = bytes;
    return dnnl_memory_create(memory, md, engine, DNNL_MEMORY_NONE);
}

static inline dnnl_status_t onednn_matmul_desc_new(dnnl_primitive_desc_t *desc,
                                                   dnnl_engine_t engine, const onednn_md *a,
                                                   const onednn_md *b, const onednn_md *bias,
                                                   const onednn_md *c,
                                                   const_dnnl_primitive_attr_t attr) {
    return dnnl_matmul_primitive_desc_create(desc, engine, *a, *b, bias ? *bias : NULL, *c, attr);
}

static inline dnnl_status_t onednn_reorder_desc_new(dnnl_primitive_desc_t *desc,
                                                    dnnl_engine_t engine, const onednn_md *from,
                                                    const onednn_md *to,
                                                    const_dnnl_primitive_attr_t attr) {
    return dnnl_reorder_primitive_desc_create(desc, *from, engine, *to, engine, attr);
}

static inline dnnl_status_t onednn_append_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_f32);
}

static inline dnnl_status_t onednn_append_gelu(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
}

#else

typedef dnnl_memory_desc_t onednn_md;
#define ONEDNN_MD_INIT                                                                             \
    { 0 }

/* strides NULL: the layout is the primitive's choice. */
static inline dnnl_status_t onednn_md_init(onednn_md *md, int n_dims, const dnnl_dims_t dims,
                                           dnnl_data_type_t type, const dnnl_dim_t *strides) {
    if (!strides)
        return dnnl_memory_desc_init_by_tag(md, n_dims, dims, type, dnnl_format_tag_any);
    return dnnl_memory_desc_init_by_strides(md, n_dims, dims, type, strides);
}

/* The layout of the weights that a primitive chose, as a copy. */
static inline dnnl_status_t onednn_md_of_weights(onednn_md *md, const_dnnl_primitive_desc_t desc) {
    *md = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    return dnnl_success;
}

static inline dnnl_status_t onednn_md_copy(onednn_md *to, const onednn_md *from) {
    *to = *from;
    return dnnl_success;
}

static inline int onednn_md_equal(const onednn_md *a, const onednn_md *b) {
    return dnnl_memory_desc_equal(a, b);
}

static inline size_t onednn_md_bytes(const onednn_md *md) {
    return dnnl_memory_desc_get_size(md);
}

static inline void onednn_md_done(onednn_md *md) {
    (void)md;
}

static inline dnnl_status_t onednn_memory_new(dnnl_memory_t *memory, const onednn_md *md,
                                              dnnl_engine_t engine) {
    return dnnl_memory_create(memory, md, engine, DNNL_MEMORY_NONE);
}

/* The scratchpad a primitive asks for; *memory stays NULL where it needs none. */
static inline dnnl_status_t onednn_scratchpad_new(dnnl_memory_t *memory, size_t *ret_bytes,
                                                  const_dnnl_primitive_desc_t desc,
                                                  dnnl_engine_t engine) {
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    size_t bytes = md ? dnnl_memory_desc_get_size(md) : 0;
    if (bytes == 0)
        return dnnl_success;
    *ret_bytes = bytes;
    return dnnl_memory_create(memory, md, engine, DNNL_MEMORY_NONE);
}

static inline dnnl_status_t onednn_matmul_desc_new(dnnl_primitive_desc_t *desc,
                                                   dnnl_engine_t engine, const onednn_md *a,
                                                   const onednn_md *b, const onednn_md *bias,
                                                   const onednn_md *c,
                                                   const_dnnl_primitive_attr_t attr) {
    dnnl_matmul_desc_t matmul;
    dnnl_status_t status = dnnl_matmul_desc_init(&matmul, a, b, bias, c);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(desc, &matmul, attr, engine, NULL);
}

static inline dnnl_status_t onednn_reorder_desc_new(dnnl_primitive_desc_t *desc,
                                                    dnnl_engine_t engine, const onednn_md *from,
                                                    const onednn_md *to,
                                                    const_dnnl_primitive_attr_t attr) {
    return dnnl_reorder_primitive_desc_create(desc, from, engine, to, engine, attr);
}

static inline dnnl_status_t onednn_append_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1.0f);
}

static inline dnnl_status_t onednn_append_gelu(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
}

#endif
#endif
