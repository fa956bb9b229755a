/* SPDX-License-Identifier: MIT */
/* protocol.h: what goes through the two pipes between `external` and the program it drives.
 * docs/external.md describes it for those who write an adapter; all numbers are little-endian.
 *
 *     host    greeting HELLO           TRAIN_STEP PREDICT ...        FINISH
 *     child   greeting       READY     LOSS       LOGITS  ...               (exits)
 *
 * Every request has one reply, of its own type or ERROR. */
#ifndef EXTERNAL_PROTOCOL_H
#define EXTERNAL_PROTOCOL_H

#include "assay/status.h"

#define EXTERNAL_MAGIC "ASSAYEXT"

enum {
    EXTERNAL_VERSION = 1,
    /* requests */
    EXTERNAL_HELLO = 1,
    EXTERNAL_TRAIN_STEP = 2,
    EXTERNAL_PREDICT = 3,
    EXTERNAL_KEEP = 4,
    EXTERNAL_RESTORE = 5,
    EXTERNAL_FINISH = 6,
    /* replies */
    EXTERNAL_READY = 0x101,
    EXTERNAL_LOSS = 0x102,
    EXTERNAL_LOGITS = 0x103,
    EXTERNAL_DONE = 0x104,
    EXTERNAL_ERROR = 0x105,
    /* capabilities in READY */
    EXTERNAL_CAN_TRAIN = 1,
    EXTERNAL_CAN_KEEP = 2,
    /* flags of a batch */
    EXTERNAL_HAS_LABELS = 1,
    EXTERNAL_LAST_OF_EPOCH = 2,
    /* bounds */
    EXTERNAL_TEXT_MOST = 1024, /* bytes of the text in READY and ERROR */
};

typedef struct external_greeting {
    char magic[8]; /* EXTERNAL_MAGIC without its NUL */
    uint32_t version;
    uint32_t reserved; /* 0 */
} external_greeting;

typedef struct external_frame {
    uint32_t type;
    uint32_t flags;  /* 0 */
    uint64_t length; /* bytes that follow */
} external_frame;

/* HELLO; the texts of weights and settings follow. */
typedef struct external_hello {
    uint32_t n_classes, threads;
    uint64_t vocab_size, max_tokens, seed;
    uint32_t dtype; /* 0: f32 */
    uint32_t n_weights, n_settings;
    uint32_t reserved; /* 0 */
} external_hello;

/* READY; its text follows. */
typedef struct external_ready {
    int64_t n_parameters; /* -1: unknown */
    uint32_t capabilities, n_text;
} external_ready;

/* TRAIN_STEP and PREDICT; uint64 row_keys[n_rows], int32 offsets[n_rows + 1], int32 ids[n_tokens]
 * and with EXTERNAL_HAS_LABELS int32 labels[n_rows] follow. */
typedef struct external_batch {
    double learning_rate; /* these three: 0 in PREDICT */
    int64_t step;
    int32_t epoch;
    int32_t n_rows, n_tokens;
    uint32_t flags;
} external_batch;

ASSAY_STATIC_ASSERT(sizeof(external_greeting) == 16, "the protocol's greeting");
ASSAY_STATIC_ASSERT(sizeof(external_frame) == 16, "the protocol's frame");
ASSAY_STATIC_ASSERT(sizeof(external_hello) == 48, "the protocol's HELLO");
ASSAY_STATIC_ASSERT(sizeof(external_ready) == 16, "the protocol's READY");
ASSAY_STATIC_ASSERT(sizeof(external_batch) == 32, "the protocol's batch");
ASSAY_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the protocol is little-endian");

#endif
