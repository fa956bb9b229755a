/* SPDX-License-Identifier: MIT */
/* onednn/columns.c: c [m, n] += a^T b in bf16 with our own kernel, block of rows after block of
 * rows: threads pack the block's columns into panels, then each adds to its own rows of c. The two
 * weights of a recurrent layer share one a, which is then packed once.
 *
 * oneDNN 2.6 and 3.7 transpose both operands inside their matmul and reach 0.68 to 0.76 of what
 * VDPBF16PS can do on Zen 5, where this reaches 0.83; their forward products reach 0.88 to 0.92 and
 * stay. With AMX oneDNN is several times faster and computes these, too. */

#include "internal.h"

/* Products of fewer columns are left to oneDNN: panels would be padded too much. */
#define LEAST_COLUMNS 192

int onednn_columns_fit(const assay_device *device, size_t m, size_t n) {
    return device->kernels->add_columns && !onednn_has_amx() && m >= LEAST_COLUMNS &&
           n >= LEAST_COLUMNS;
}

int onednn_column_products_fit(const assay_device *device, size_t m) {
    return device->kernels->add_columns && !onednn_has_amx() && m >= LEAST_COLUMNS;
}

static size_t panels_of(size_t columns, size_t width) {
    return (columns + width - 1) / width;
}

static size_t words_of(size_t columns, size_t width) {
    return panels_of(columns, width) * ONEDNN_PANEL_STEP(width);
}

size_t onednn_columns_scratch(size_t m, size_t n) {
    return words_of(m, ONEDNN_PANEL_A) + words_of(n, ONEDNN_PANEL_B);
}

/* Panels of a block of rows of a matrix. */
typedef struct column_panels {
    int32_t *words;
    onednn_columns from;
    size_t width;
} column_panels;

static void pack_part(const onednn_run *run, const column_panels *p, size_t row, size_t rows,
                      int part) {
    const onednn_columns *m = &p->from;
    size_t begin, end;
    onednn_split(m->columns, p->width, run->threads, part, &begin, &end);
    if (begin < end)
        run->kernels->pack_columns(p->words + words_of(begin, p->width), p->width,
                                   m->values + row * m->stride + begin, m->stride, rows,
                                   end - begin);
}

static void add_block(const onednn_run *run, const column_panels *pa, const column_panels *pb,
                      const onednn_column_product *products, int n, size_t row, size_t rows) {
    size_t m = pa->from.columns;
    ONEDNN_PARALLEL(
        run->threads, rows * m, for (int part = 0; part < run->threads; part++) {
            pack_part(run, pa, row, rows, part);
            for (int i = 0; i < n; i++)
                pack_part(run, &pb[i], row, rows, part);
        });
    ONEDNN_PARALLEL(
        run->threads, rows * m, for (int part = 0; part < run->threads; part++) {
            size_t begin, end;
            onednn_split(m, ONEDNN_PANEL_A, run->threads, part, &begin, &end);
            for (int i = 0; i < n; i++) {
                size_t columns = pb[i].from.columns;
                run->kernels->add_columns(products[i].c + begin * columns, columns,
                                          pa->words + words_of(begin, pa->width), end - begin,
                                          pb[i].words, columns, rows);
            }
        });
}

void onednn_add_column_products(const onednn_run *run, onednn_columns a,
                                const onednn_column_product *products, int n, size_t k,
                                float *scratch) {
    column_panels pa = {(int32_t *)(void *)scratch, a, ONEDNN_PANEL_A}, pb[ONEDNN_COLUMN_PRODUCTS];
    int32_t *words = pa.words + words_of(a.columns, ONEDNN_PANEL_A);
    for (int i = 0; i < n; i++) {
        pb[i] = (column_panels){words, products[i].b, ONEDNN_PANEL_B};
        words += words_of(products[i].b.columns, ONEDNN_PANEL_B);
    }
    for (size_t row = 0; row < k; row += ONEDNN_PANEL_ROWS) {
        size_t rows = k - row < ONEDNN_PANEL_ROWS ? k - row : ONEDNN_PANEL_ROWS;
        add_block(run, &pa, pb, products, n, row, rows);
    }
}

void onednn_add_columns(const onednn_run *run, float *c, const onednn_bf16 *a, size_t m,
                        const onednn_bf16 *b, size_t n, size_t k, float *scratch) {
    const onednn_column_product product = {{b, n, n}, c};
    onednn_add_column_products(run, (onednn_columns){a, m, m}, &product, 1, k, scratch);
}
