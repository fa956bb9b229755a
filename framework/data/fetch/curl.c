/* SPDX-License-Identifier: MIT */
#include "data/fetch/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"

assay_status as_curl_open(const as_curl **ret_curl, assay_error *error) {
    static const struct {
        const char *name;
        size_t place;
    } functions[] = {
        {"curl_global_init", offsetof(as_curl, global_init)},
        {"curl_easy_init", offsetof(as_curl, easy_init)},
        {"curl_easy_setopt", offsetof(as_curl, easy_setopt)},
        {"curl_easy_perform", offsetof(as_curl, easy_perform)},
        {"curl_easy_getinfo", offsetof(as_curl, easy_getinfo)},
        {"curl_easy_strerror", offsetof(as_curl, easy_strerror)},
        {"curl_easy_cleanup", offsetof(as_curl, easy_cleanup)},
        {"curl_easy_escape", offsetof(as_curl, easy_escape)},
        {"curl_free", offsetof(as_curl, free)},
        {"curl_slist_append", offsetof(as_curl, slist_append)},
        {"curl_slist_free_all", offsetof(as_curl, slist_free_all)},
    };
    static as_curl curl;
    static bool opened;
    void *library = opened ? NULL : dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!opened && !library)
        return as_fail(error, ASSAY_UNSUPPORTED, "libcurl",
                       "cannot be loaded (%s); apt-get install libcurl4 brings it", dlerror());
    for (size_t i = 0; !opened && i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function)
            return as_fail(error, ASSAY_UNSUPPORTED, "libcurl", "has no %s: another version",
                           functions[i].name);
        memcpy((char *)&curl + functions[i].place, &function, sizeof function);
    }
    if (!opened && curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return assay_fail(error, ASSAY_UNSUPPORTED, "libcurl", "cannot be initialised");
    opened = true;
    *ret_curl = &curl;
    return ASSAY_OK;
}
