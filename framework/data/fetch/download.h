/* SPDX-License-Identifier: MIT */
/* data/fetch/download.h: one attempt to bring one address's bytes behind those that are there.
 * Private to fetch/. */
#ifndef AS_DATA_FETCH_DOWNLOAD_H
#define AS_DATA_FETCH_DOWNLOAD_H

#include "data/fetch/curl.h"
#include "data/fetch/fetch.h"

typedef enum as_download_outcome {
    AS_DOWNLOAD_DONE,     /* the server has no more */
    AS_DOWNLOAD_AGAIN,    /* cut off, stalled, busy: the same address may give the rest */
    AS_DOWNLOAD_USELESS,  /* the address gives nothing: not found, refused, unknown host */
    AS_DOWNLOAD_TOO_LARGE /* it gives more than the file has: another file */
} as_download_outcome;

typedef struct as_download {
    const as_curl *curl;
    const char *url;         /* http, https or file */
    const char *part;        /* file that grows */
    const char *validator;   /* file beside it: the ETag or Last-Modified of what is in it */
    const char *name;        /* of the file, for progress */
    uint64_t limit_bytes;    /* more than so many are refused */
    uint64_t expected_bytes; /* 0: not known; for progress */
    const as_fetch_options *options;
} as_download;

/* [main] Goes on with the part (HTTP Range with If-Range; a server that has changed or doesn't know
 * ranges makes it start anew). *ret_why is a sentence. IO and OUT_OF_MEMORY are the machine's own
 * troubles: a disk that is full. What came stays in the part. */
ASSAY_MUST_USE assay_status as_download_try(const as_download *download,
                                            as_download_outcome *ret_outcome, char ret_why[300],
                                            assay_error *error);

#endif
