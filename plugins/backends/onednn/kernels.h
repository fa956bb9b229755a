/* SPDX-License-Identifier: MIT */
/* onednn/kernels.h: the loops that oneDNN has no primitive for, or is slower at, as a table of
 * serial functions built once per instruction set (kernels_x86_64_v4.c, ..._v3.c, _generic.c from
 * kernels.inc). Callers split the work over threads. All arrays are f32 and row-major; none may
 * overlap unless said so. */
#ifndef ONEDNN_KERNELS_H
#define ONEDNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* One head of one row. What is read is f32, in the table of onednn_kernels_bf16 bf16; what is
 * written is wanted in f32, in bf16 (that table alone) or both: NULL where it isn't. */
typedef struct onednn_attention_task {
    size_t n_tokens;       /* L */
    size_t n_queries;      /* forward: the first so many tokens are wanted */
    size_t size;           /* D, channels of the head */
    const void *q, *k, *v; /* [L, D] each, `stride` elements apart from token to token */
    size_t stride;
    const void *y, *dy; /* backward [L, D], y_stride apart */
    float *out;         /* forward [L, D], y_stride apart */
    uint16_t *out_bf16;
    size_t y_stride;
    float *gradient[3]; /* backward: of q, k and v, `stride` apart */
    uint16_t *gradient_bf16[3];
    float *sums[3]; /* [D] their column sums, or NULL */
    float *lse;     /* [L]: log of the sum of exp(scores); written forward where it isn't NULL, read
                       backward */
    const uint64_t *keys; /* [L] dropout key of each token, or NULL */
    uint32_t channel;     /* first dropout channel: head * 65536 */
    uint32_t threshold;
    float keep_scale; /* 1 / (1 - p) */
    float *scratch;   /* onednn_kernels.attention_scratch(L, D) floats, 64-byte aligned */
    /* The thread's next task, if any, whose rows are brought into the cache in between. */
    const struct onednn_attention_task *ahead;
} onednn_attention_task;

/* y = (x - mean) / sqrt(var + epsilon) gamma + beta of each row of x = a + b. All [rows, n]; a and
 * b are f32 or, in the table of onednn_kernels_bf16, bf16. */
typedef struct onednn_norm_task {
    const void *a, *b; /* b NULL: x = a */
    int a_is_bf16, b_is_bf16;
    float *x;         /* where x goes, or a row of scratch */
    int keeps_x;      /* 1: all of x is kept */
    float *y;         /* NULL where it isn't wanted in f32 */
    uint16_t *y_bf16; /* NULL where it isn't wanted in bf16; in that table alone */
    const float *gamma, *beta;
    size_t rows, n;
    float epsilon;
} onednn_norm_task;

/* Some rows of one direction of a recurrent layer, longest first. Gates of a token stand in blocks
 * of `padded` floats, one token after the other. RNN: one. LSTM: i, f, g, o. GRU: n, r, z. */
typedef struct onednn_recurrent_task {
    size_t n_rows;
    const int32_t *first;  /* [n_rows] first token */
    const int32_t *length; /* [n_rows], descending */
    int reverse;
    size_t hidden, padded; /* H, and H rounded up to whole vectors */
    float *gates;          /* in: input part with biases; out: activations; backward: gradients */
    size_t gates_stride;
    float *cell; /* LSTM: c of every token [padded]; else NULL */
    float *q;    /* GRU: Un h + cn of every token [padded]; else NULL */
    /* backward: gradients of the recurrent products; GRU: r, z and q, else the same as `gates` */
    float *state_gates;
    /* In the table of onednn_kernels_bf16, gradients are written here, instead, and forward writes
     * the state that each token starts from [padded]. */
    uint16_t *gates_bf16, *state_gates_bf16, *before;
    float *y;
    const float *dy;
    size_t y_stride;
    const float *weight; /* pack_recurrent_forward or pack_recurrent_backward */
    const float *bias;   /* GRU forward: cn [padded] */
    float *bias_sum;     /* backward: [padded] each, sums over all tokens of the gradients of the
                            gates; GRU: n, r, z and q */
    float *carry;        /* backward: [n_rows, padded]; LSTM dc, GRU z dh */
    float *tile;         /* 8 * 64 floats, 64-byte aligned */
} onednn_recurrent_task;

/* Factors of one step of Adam in any form: g = min(most, max(-most, clip g)) + l2 p;
 * p = decay p - rate m / (sqrt(v) root + epsilon). */
typedef struct onednn_adam {
    float clip, most, l2, decay;
    float beta1, one_minus_beta1, beta2, one_minus_beta2;
    float rate, root, epsilon;
} onednn_adam;

/* g = min(most, max(-most, clip g)) + l2 p;  m = momentum m + g;  p -= rate m */
typedef struct onednn_sgd {
    float clip, most, l2, momentum, rate;
} onednn_sgd;

/* Panels of packed columns in bf16: columns of each, and rows of a block. */
enum { ONEDNN_PANEL_ROWS = 256, ONEDNN_PANEL_A = 16, ONEDNN_PANEL_B = 48 };
/* Words from one panel to the next: a cache line more than it has, lest all panels fall on the same
 * sets of the cache. */
#define ONEDNN_PANEL_STEP(width) ((size_t)(width) * (ONEDNN_PANEL_ROWS / 2) + 16)

typedef struct onednn_kernels {
    const char *name;
    size_t width; /* floats per vector */

    /* Element-wise over n; y may be x. */
    void (*add)(float *y, const float *a, const float *b, size_t n);
    void (*scale)(float *y, const float *x, float factor, size_t n);
    /* y = x in bf16, to nearest even; in the table of onednn_kernels_bf16 alone. */
    void (*round)(uint16_t *y, const float *x, size_t n);
    /* y = gelu(x), x in bf16, too; y may be x; in that table alone. */
    void (*gelu_bf16)(uint16_t *y, const uint16_t *x, size_t n);
    void (*relu)(float *y, const float *x, size_t n);
    void (*gelu)(float *y, const float *x, size_t n);
    void (*tanh)(float *y, const float *x, size_t n);
    void (*relu_grad)(float *dx, const float *dy, const float *y, size_t n);
    void (*gelu_grad)(float *dx, const float *dy, const float *x, size_t n);
    void (*tanh_grad)(float *dx, const float *dy, const float *y, size_t n);
    /* One token's channels. */
    void (*dropout)(float *y, const float *x, size_t n, uint64_t key, uint32_t threshold,
                    float scale);
    void (*axpy)(float *y, float a, const float *x, size_t n); /* y += a x */
    float (*dot)(const float *a, const float *b, size_t n);
    void (*max)(float *y, const float *x, size_t n); /* y = max(y, x) */
    double (*sum_of_squares)(const float *x, size_t n);

    /* x [rows, n]; sum [n] += column sums. */
    void (*column_sum)(float *sum, const float *x, size_t rows, size_t n);
    void (*layer_norm)(const onednn_norm_task *task);
    /* dgamma, dbeta [n] are added to. */
    void (*layer_norm_grad)(float *dx, float *dgamma, float *dbeta, const float *dy, const float *x,
                            const float *gamma, size_t rows, size_t n, float epsilon);
    /* y [n] = softmax(x). */
    void (*softmax)(float *y, const float *x, size_t n);

    size_t (*attention_scratch)(size_t n_tokens, size_t size);
    void (*attention)(const onednn_attention_task *task);
    void (*attention_grad)(const onednn_attention_task *task);

    /* c [m, n] += a^T b over at most ONEDNN_PANEL_ROWS rows of a [rows, m] and b [rows, n] in bf16,
     * packed before with ONEDNN_PANEL_A and ONEDNN_PANEL_B for width; panels stand
     * ONEDNN_PANEL_STEP(width) apart. In the table of onednn_kernels_bf16 alone. */
    void (*pack_columns)(int32_t *to, size_t width, const uint16_t *from, size_t stride,
                         size_t rows, size_t columns);
    void (*add_columns)(float *c, size_t ldc, const int32_t *a, size_t m, const int32_t *b,
                        size_t n, size_t rows);

    /* w [gates H, H] as PyTorch keeps it -> panels of whole vectors. Floats: gates * padded^2, in
     * bf16 half of them. */
    void (*pack_recurrent_forward)(float *packed, const float *w, size_t gates, size_t hidden);
    void (*pack_recurrent_backward)(float *packed, const float *w, size_t gates, size_t hidden);
    void (*rnn)(const onednn_recurrent_task *task);
    void (*rnn_grad)(const onednn_recurrent_task *task);
    void (*lstm)(const onednn_recurrent_task *task);
    void (*lstm_grad)(const onednn_recurrent_task *task);
    void (*gru)(const onednn_recurrent_task *task);
    void (*gru_grad)(const onednn_recurrent_task *task);

    /* g NULL: a gradient of zero. */
    void (*sgd)(float *p, const float *g, float *m, size_t n, const onednn_sgd *f);
    void (*adam)(float *p, const float *g, float *m, float *v, size_t n, const onednn_adam *f);
} onednn_kernels;

/* The best table this processor can run. */
const onednn_kernels *onednn_kernels_get(void);
/* The table whose attention multiplies in bf16; NULL where the processor cannot. */
const onednn_kernels *onednn_kernels_bf16(void);
/* 1 when oneDNN multiplies bf16 with AMX. */
int onednn_has_amx(void);

extern const onednn_kernels onednn_kernels_generic;
#if defined(__x86_64__)
extern const onednn_kernels onednn_kernels_v3;
extern const onednn_kernels onednn_kernels_v4;
extern const onednn_kernels onednn_kernels_v4_bf16;
#endif

#endif
