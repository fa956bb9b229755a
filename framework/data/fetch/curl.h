/* SPDX-License-Identifier: MIT */
/* data/fetch/curl.h: libcurl, opened when something is fetched. It brings forty libraries, which
 * every command would otherwise load and every cell's memory would show. Private to fetch/. */
#ifndef AS_DATA_FETCH_CURL_H
#define AS_DATA_FETCH_CURL_H

#define CURL_DISABLE_TYPECHECK /* its macros call the functions by name */
#include <curl/curl.h>

#include "assay/status.h"

/* Of libcurl, each under its name there. */
typedef struct as_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    void (*easy_cleanup)(CURL *curl);
    char *(*easy_escape)(CURL *curl, const char *text, int n_bytes);
    void (*free)(void *memory);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
} as_curl;

/* [main] Opens and initialises it, once. UNSUPPORTED: libcurl.so.4 is not there, with how to
 * install it. */
ASSAY_MUST_USE assay_status as_curl_open(const as_curl **ret_curl, assay_error *error);

#endif
