/* SPDX-License-Identifier: MIT */
/* onednn/columns.c: c [m, n] += a^T b in bf16 with our own kernel, block of rows after block of
 * rows: threads pack the block's columns into panels, then each adds to its own rows of c.
 *
 * oneDNN 2.6 transposes both operands inside its matmul and reaches 0.68 of what VDPBF16PS can do
 * on Zen 5, where this reaches 0.83; its forward products reach 0.88 and stay. With AMX oneDNN is
 * several times faster and computes these, too. */

#include "internal.h"

/* Products of fewer columns are left to oneDNN: panels would be padded too much. */
#define LEAST_COLUMNS 192

int onednn_columns_fit(const assay_device *device, size_t m, size_t n) {
    return device->kernels->add_columns && !onednn_has_amx() && m >= LEAST_COLUMNS &&
           n >= LEAST_COLUMNS;
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

/* Panels of a matrix [rows, columns]. */
typedef struct column_panels {
    int32_t *words;
    const onednn_bf16 *from;
    size_t columns, width;
} column_panels;

static void pack_part(const onednn_kernels *kernels, const column_panels *p, size_t row,
                      size_t rows, int parts, int part) {
    size_t begin, end;
    onednn_split(p->columns, p->width, parts, part, &begin, &end);
    if (begin < end)
        kernels->pack_columns(p->words + words_of(begin, p->width), p->width,
                              p->from + row * p->columns + begin, p->columns, rows, end - begin);
}

void onednn_add_columns(const onednn_run *run, float *c, const onednn_bf16 *a, size_t m,
                        const onednn_bf16 *b, size_t n, size_t k, float *scratch) {
    const onednn_kernels *kernels = run->kernels;
    column_panels pa = {(int32_t *)(void *)scratch, a, m, ONEDNN_PANEL_A};
    column_panels pb = {pa.words + words_of(m, ONEDNN_PANEL_A), b, n, ONEDNN_PANEL_B};
    for (size_t row = 0; row < k; row += ONEDNN_PANEL_ROWS) {
        size_t rows = k - row < ONEDNN_PANEL_ROWS ? k - row : ONEDNN_PANEL_ROWS;
        ONEDNN_PARALLEL(
            run->threads, rows * m, for (int part = 0; part < run->threads; part++) {
                pack_part(kernels, &pa, row, rows, run->threads, part);
                pack_part(kernels, &pb, row, rows, run->threads, part);
            });
        ONEDNN_PARALLEL(
            run->threads, rows * m, for (int part = 0; part < run->threads; part++) {
                size_t begin, end;
                onednn_split(m, ONEDNN_PANEL_A, run->threads, part, &begin, &end);
                kernels->add_columns(c + begin * n, n, pa.words + words_of(begin, pa.width),
                                     end - begin, pb.words, n, rows);
            });
    }
}
